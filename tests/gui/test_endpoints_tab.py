"""The Endpoints tab's real widgets over stand-in services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from console.models.format import dollars
from console.tabs.endpoints.deploy_dialog import DeployDialog
from console.tabs.endpoints.detail import latency_series
from console.tabs.endpoints.follow import EndpointFollower
from console.tabs.endpoints.tab import EndpointsTab
from console.tabs.endpoints.update_dialog import UpdateDialog
from console.widgets.charts.chart import LineChart
from console.widgets.forms.buttons import Button
from console.widgets.frames.banner import Banner
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.text.log_panel import LogPanel
from tests.helpers.endpoints_tab import listed, open_tab
from tests.helpers.full_account import FullServices
from tests.helpers.inventory import FakeInventory, denied
from tests.helpers.models import NOW, ModelServices, endpoint, job
from tests.helpers.window import dialog_of, menu_of, texts, until
from workers.access.grants import BroadGrant, Narrowing, diff_lines
from workers.endpoints.deployment import Deployment
from workers.errors.tree import AccessDenied, Unreachable
from workers.types import EndpointMetrics, Fleet


async def test_loading_is_not_called_empty_and_empty_offers_what_to_do(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.list_gate = asyncio.Event()
    _, tab = open_tab(make_application, services)
    await until(lambda: tab.table.state == "loading")
    services.list_gate.set()
    await until(lambda: tab.table.state == "empty")
    assert "No endpoints yet" in texts(tab)
    offered = {found.text() for found in tab.table.findChildren(Button) if found.isVisible()}
    assert {"New endpoint…", "Train a model"} <= offered
    assert not tab.panel.isVisible()


async def test_an_error_is_told_and_can_be_tried_again(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.list_error = Unreachable("No answer from AWS", "Could not list the endpoints.")
    _, tab = open_tab(make_application, services)
    await until(lambda: tab.table.state == "error")
    assert "No answer from AWS" in texts(tab.table)
    services.list_error = None
    services.endpoint_rows = [endpoint("dogs")]
    next(
        button for button in tab.table.findChildren(Button) if button.isVisible() and button.text() == "Try again"
    ).click()
    await until(lambda: tab.table.state not in ("error", "loading") and tab.table.model.total)
    assert "No answer from AWS" not in texts(tab.table)


async def test_a_filter_that_hides_all_says_so_and_can_be_cleared(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs"), endpoint("cats")]
    _, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.table.set_filter("horses")
    await until(lambda: tab.table.state == "filtered")
    assert "2" in texts(tab.table)
    next(button for button in tab.table.findChildren(Button) if button.isVisible() and "lear" in button.text()).click()
    await until(lambda: len(tab.table.model.visible_rows()) == 2)


async def test_the_chosen_endpoint_shows_facts_log_and_what_deleting_touches(
    make_application: Callable[..., Any],
) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs", job_name="dogs-1"), endpoint("cats")]
    services.lines["dogs"] = ["model loaded in 0.4 s"]
    _, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.table.select_keys(["dogs"])
    await until(lambda: "would fail" in texts(tab.panel) or "asks this endpoint" in texts(tab.panel))
    said = texts(tab.panel)
    assert "Config dogs-config" in said and "Model dogs-model" in said and "$0.115" in said
    assert "dogs-1" in said
    await until(lambda: "model loaded" in tab.panel.findChild(LogPanel).view.text())
    again: list[object] = []
    tab.ctx.refreshed.connect(again.append)
    tab.refresh()
    await until(lambda: again)
    assert tab.table.current_row().name == "dogs"


async def test_figures_on_their_way_and_figures_that_cannot_be_read_are_not_called_none(
    make_application: Callable[..., Any],
) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs")]
    gate, answer = asyncio.Event(), services.endpoints.metrics

    async def slow(name: str) -> Any:
        await gate.wait()
        return await answer(name)

    services.endpoints.metrics = slow
    _, tab = open_tab(make_application, services)
    await until(lambda: tab.table.model.total)
    tab.table.select_keys(["dogs"])
    chart = tab.panel.findChild(LineChart)
    await until(lambda: chart.placeholder == "Reading the figures…")
    gate.set()
    await until(lambda: chart.placeholder == "No requests in the last day")

    async def fails(name: str) -> Any:
        raise Unreachable("No answer from AWS", "Could not read the figures.")

    services.endpoints.metrics = fails
    services.endpoint_rows = [endpoint("dogs"), endpoint("cats")]
    tab.refresh()
    await until(lambda: tab.table.model.position_of("cats") is not None)
    tab.table.select_keys(["cats"])
    await until(lambda: chart.placeholder == "The figures cannot be read")


async def test_a_failed_endpoint_shows_its_reason_and_cannot_be_tested(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    reason = "The model did not load: KeyError: 'head.weight'"
    services.endpoint_rows = [endpoint("broken", "Failed", failure_reason=reason)]
    _, tab = open_tab(make_application, services)
    badges: list[tuple[str, str]] = []
    tab.badgeChanged.connect(lambda icon, text, tone: badges.append((icon, text)))
    tab.refresh()
    await listed(tab, services)
    await until(lambda: tab.panel.isVisible())
    banner = next(banner for banner in tab.panel.findChildren(Banner) if banner.isVisible())
    assert reason in texts(banner)
    assert not tab.panel.test_button.isEnabled()
    assert tab.panel.delete_button.isEnabled()
    await until(lambda: badges)
    assert badges[-1] == ("err", "1")


async def test_deleting_lists_what_belongs_to_it_and_wants_the_name(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs"), endpoint("cats")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.table.select_keys(["dogs"])
    tab.panel.delete_button.click()
    question = await dialog_of(ConfirmDialog, application.window)
    said = texts(question)
    for name in ("dogs-config", "dogs-model", "/aws/sagemaker/Endpoints/dogs", "classify"):
        assert name in said
    assert not question.confirm_button.isEnabled()
    question.field.set_value("dogs")
    question.confirm_button.click()
    await until(lambda: services.done == [("delete", "dogs")] and tab.table.model.row_of("dogs") is None)
    item = application.activity.history[0]
    assert item.title == "Delete dogs" and "config dogs-config" in item.text
    assert "aws sagemaker delete-endpoint --endpoint-name dogs" in item.cli


async def test_one_that_is_gone_already_is_told(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    services.endpoint_rows = []
    tab.panel.delete_button.click()
    await until(lambda: any(notice.title == "dogs is gone already" for notice in application.notify.notices))
    await until(lambda: tab.table.state == "empty")


async def test_a_finished_job_is_deployed_under_a_free_name(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.job_rows = [job("dogs-20260131-142501"), job("running", "InProgress"), job("old", model_uri="")]
    services.endpoint_rows = [endpoint("dogs")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.deploy_button.click()
    dialog = await dialog_of(DeployDialog, application.window)
    assert dialog.form.value("name") == "dogs-2"
    assert dialog.form.value("job") == "dogs-20260131-142501"
    dialog.form.set_values({"name": "dogs"})
    assert not dialog.ok_button.isEnabled()
    assert "exists already" in texts(dialog)
    dialog.form.set_values({"name": "dogs-b", "count": 2})
    assert "$0." in texts(dialog)
    dialog.ok_button.click()
    await until(lambda: services.done)
    (what, spec), *_ = services.done
    assert (what, spec.endpoint_name, spec.job_name, spec.instance_count) == (
        "deploy",
        "dogs-b",
        "dogs-20260131-142501",
        2,
    )
    await until(lambda: tab.table.current_row() is not None and tab.table.current_row().name == "dogs-b")
    await until(lambda: any(item.title == "Creating dogs-b" for item in application.activity.running))


async def test_an_update_shows_its_price_and_is_followed_to_its_end(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EndpointFollower, "poll_seconds", 0.02)
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs", job_name="dogs-1")]
    services.job_rows = [job("dogs-1"), job("dogs-2")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.panel.update_button.click()
    dialog = await dialog_of(UpdateDialog, application.window)
    assert not dialog.ok_button.isEnabled(), "nothing differs yet"
    dialog.form.set_values({"count": 2})
    assert "$0.230 an hour, now $0.115" in texts(dialog)
    dialog.form.set_values({"job": "dogs-2"})
    dialog.ok_button.click()
    await until(lambda: any(item.title == "Updating dogs" for item in application.activity.running))
    (what, spec), *_ = services.done
    assert (what, spec.instance_count, spec.job_name) == ("update", 2, "dogs-2")
    assert not tab.panel.update_button.isEnabled(), "one update at a time"
    services.endpoint_rows = [endpoint("dogs", config_name="dogs-config-2", instance_count=2, job_name="dogs-2")]
    await until(lambda: ("tidy", "dogs-config") in services.done)
    told = [toast.notice.text for toast in application.window.toasts.shown if toast.notice.level == "success"]
    assert told == ["It answers with the model of dogs-2 now, with 2 × ml.m5.large."]
    item = next(item for item in application.activity.history if item.title == "Updating dogs")
    assert item.text == "in service with 2 × ml.m5.large"
    command = next(item for item in application.activity.history if item.title == "Update dogs")
    assert "aws sagemaker update-endpoint --endpoint-name dogs" in command.cli


async def test_an_update_goes_over_step_by_step_with_a_model_from_ec2(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    fleets = (Fleet("ml.m5.large", 1, 1, "old", 3.0), Fleet("ml.m5.large", 1, 1, "new", 1.0))
    services.endpoint_rows = [endpoint("dogs", fleets=fleets)]
    place = "s3://bucket/sagedeck/ec2/on-ec2/output/model.tar.gz"
    services.job_rows = [job("on-ec2", place="ec2", model_uri=place)]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    await until(lambda: "75 % of requests, 1 × ml.m5.large" in texts(tab.panel))
    tab.panel.update_button.click()
    dialog = await dialog_of(UpdateDialog, application.window)
    assert not dialog.form.row("percent").isVisible() and not dialog.form.row("wait").isVisible()
    dialog.form.set_values({"job": "on-ec2", "way": "LINEAR", "percent": 5, "wait": 2, "alarm": "too-slow"})
    assert not dialog.ok_button.isEnabled() and "10 % to 50 %" in texts(dialog)
    dialog.form.set_values({"percent": 25})
    assert "4 steps of 25 %, 2 min each: 6 min at least. An alarm that rings" in texts(dialog)
    dialog.ok_button.click()
    await until(lambda: services.done)
    spec = services.done[0][1]
    assert spec.model_uri == place and spec.deployment == Deployment("LINEAR", 25, 120, ("too-slow",))
    await until(lambda: any(item.title == "Update dogs" for item in application.activity.history))
    cli = next(item.cli for item in application.activity.history if item.title == "Update dogs")
    assert ("LinearStepSize" in cli and "RetainAllVariantProperties" in cli) or "--retain-all-variant-properties" in cli


async def test_an_update_that_did_not_come_up_says_that_all_stayed(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EndpointFollower, "poll_seconds", 0.02)
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.panel.update_button.click()
    dialog = await dialog_of(UpdateDialog, application.window)
    dialog.form.set_values({"instance": "ml.m5.xlarge"})
    dialog.ok_button.click()
    await until(lambda: services.done)
    services.endpoint_rows = [endpoint("dogs", failure_reason="The update was rolled back. No memory.")]
    await until(lambda: any(notice.title == "dogs was not updated" for notice in application.notify.notices))
    notice = next(notice for notice in application.notify.notices if notice.title == "dogs was not updated")
    assert "No memory" in notice.text and "All is as it was before." in notice.text
    await until(lambda: "The last update did not come up" in texts(tab.panel))


async def test_a_role_that_may_too_much_is_told_and_narrowed(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    role = "arn:aws:iam::123456789012:role/serve"
    services.endpoint_rows = [endpoint("dogs", role_arn=role, model_uri="s3://bucket/m.tar.gz"), endpoint("cats")]
    full = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    document = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}]}
    plan = Narrowing("serve", "sagedeck", document, diff_lines(None, document), (full,))
    found: list[Any] = [(BroadGrant("serve", "AmazonSageMakerFullAccess", "is a full-access policy"),), plan]
    asked: list[Any] = []

    async def check(*arguments: Any) -> tuple[Any, ...]:
        asked.append(arguments)
        return tuple(found)

    async def narrow(done: Narrowing) -> None:
        services.done.append(("narrow", done.detach))
        found[:] = [(), None]

    services.role_checks = SimpleNamespace(check=check)
    services.grants = SimpleNamespace(narrow=narrow)
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    await until(tab.panel.role.isVisible)
    tab.table.select_keys(["cats"])
    assert not tab.panel.role.isVisible()
    tab.table.select_keys(["dogs"])
    await until(tab.panel.role.isVisible)
    assert "AmazonSageMakerFullAccess is a full-access policy" in texts(tab.panel.role)
    assert "arn:aws:s3:::bucket/*" in tab.panel.role.policy.text()
    assert asked[-1] == ("endpoint", role, ["s3://bucket/m.tar.gz"])
    next(button for button in tab.panel.role.findChildren(Button) if button.text() == "Narrow…").click()
    question = await dialog_of(ConfirmDialog, application.window)
    assert "AmazonSageMakerFullAccess" in texts(question)
    question.confirm_button.click()
    await until(lambda: services.done == [("narrow", (full,))] and not tab.panel.role.isVisible())


async def test_latency_shows_the_median_and_the_slow_ones(make_application: Callable[..., Any]) -> None:
    quarters = [NOW - timedelta(minutes=15 * at) for at in range(8, 0, -1)]
    metrics = EndpointMetrics(
        ((NOW, 60.0),), ((NOW, 21.0),), 0.0, NOW, ((NOW, 40.0),),
        tuple((at, 9.0) for at in quarters), tuple((at, 20.0) for at in quarters), tuple((at, 44.0) for at in quarters),
    )  # fmt: skip
    assert [(series.name, len(series.xs), series.last) for series in latency_series(metrics)] == [
        ("p50", 8, 20.0),
        ("p95", 8, 44.0),
    ]
    young = EndpointMetrics(((NOW, 60.0),), ((NOW, 21.0),), 0.0, NOW, ((NOW, 40.0),))
    assert [(series.name, series.last) for series in latency_series(young)] == [("p50", 21.0), ("p95", 40.0)]


async def test_without_a_model_the_way_to_one_is_offered(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    application, tab = open_tab(make_application, services)
    await until(lambda: tab.table.state == "empty")
    tab.deploy_button.click()
    await until(lambda: application.notify.notices)
    notice = application.notify.notices[-1]
    assert notice.title == "There is no model yet"
    assert notice.action is not None and notice.action[0] == "Train one"


async def test_read_only_mode_offers_no_change(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    application.ctx.set_read_only(True)
    assert not tab.deploy_button.isEnabled() and not tab.panel.delete_button.isEnabled()
    assert tab.panel.test_button.isEnabled()
    assert not tab.panel.update_button.isEnabled()
    tab.table.select_keys(["dogs"])
    assert menu_of(tab.table) == ["Test…"]
    application.ctx.set_read_only(False)
    assert tab.deploy_button.isEnabled() and tab.panel.delete_button.isEnabled()


async def test_an_idle_endpoint_is_named_idle_and_prices_are_summed(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    old = NOW - timedelta(days=3)
    services.endpoint_rows = [endpoint("idle", created=old), endpoint("busy", created=old)]
    services.figures["busy"] = EndpointMetrics(((NOW, 60.0),), ((NOW, 21.0),), 0.0, NOW)
    _, tab = open_tab(make_application, services)
    badges: list[tuple[str, str]] = []
    tab.badgeChanged.connect(lambda icon, text, tone: badges.append((icon, text)))
    await listed(tab, services)
    await until(lambda: all(row.metrics is not None for row in tab.table.model.rows()))
    row_of = tab.table.model.row_of
    assert row_of("idle").idle and not row_of("busy").idle
    each = services.prices.per_hour("ml.m5.large", "hosting", "us-east-1")
    assert each is not None and f"2 endpoints, ${2 * each:.3f} an hour" == tab.head.subtitle.text()
    await until(lambda: badges and badges[-1] == ("idle", "1"))


async def test_a_failed_endpoint_costs_nothing_in_the_list_the_sum_and_the_header(
    make_application: Callable[..., Any],
) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("broken", "Failed", instance_count=0), endpoint("coming", "Creating")]
    application, tab = open_tab(make_application, services)
    costs: list[float | None] = []
    application.ctx.costChanged.connect(costs.append)
    await listed(tab, services)
    each = services.prices.per_hour("ml.m5.large", "hosting", "us-east-1")
    assert (tab.table.model.row_of("broken").per_hour, tab.table.model.row_of("coming").per_hour) == (0.0, each)
    assert f"2 endpoints, ${each:.3f} an hour" == tab.head.subtitle.text()
    application.costs.read()
    await until(lambda: costs)
    assert costs[-1] == pytest.approx(each)


async def test_functions_beside_them_take_nothing_from_what_is_told(make_application: Callable[..., Any]) -> None:
    services = FullServices()
    services.endpoint_rows = [endpoint("dogs")]
    _, tab = open_tab(make_application, services)
    each = services.prices.per_hour("ml.m5.large", "hosting", "us-east-1")
    await until(lambda: tab.head.subtitle.text() == f"1 endpoint, 2 functions, ${each:.3f} an hour")


async def test_the_header_names_what_it_could_not_read_or_price(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs"), endpoint("odd", instance_type="ml.odd.large")]
    services.inventory = FakeInventory((), [denied("volume"), denied("role")])

    async def refused(prices: Any) -> float:
        raise AccessDenied("Not allowed", "You may not list functions.")

    allowed, services.functions.per_hour = services.functions.per_hour, refused
    application, _ = open_tab(make_application, services)
    each = services.prices.per_hour("ml.m5.large", "hosting", "us-east-1")
    header = application.window.header
    application.costs.read()
    await until(lambda: header.cost.value.text() == f"at least {dollars(each)}/h")
    assert header.cost.value.toolTip() == (
        "Not in it, because it could not be read or has no known price: endpoints on ml.odd.large, functions, volumes."
    )
    services.endpoint_rows, services.inventory = [endpoint("dogs")], FakeInventory()
    services.functions.per_hour = allowed
    application.costs.read()
    await until(lambda: header.cost.value.text() == f"{dollars(each)}/h")
    assert header.cost.value.toolTip() == ""


async def test_a_job_that_is_being_stopped_still_counts_in_the_header(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    stopping = job("dogs-1", "Stopping", started=NOW, instance_type="ml.m5.xlarge", instance_count=1)
    services.job_rows = [stopping, job("dogs-2", instance_type="ml.m5.xlarge", instance_count=1)]
    application, _ = open_tab(make_application, services)
    costs: list[float | None] = []
    application.ctx.costChanged.connect(costs.append)
    application.costs.read()
    await until(lambda: costs)
    assert costs[-1] == pytest.approx(services.prices.per_hour("ml.m5.xlarge", "training", "us-east-1"))


async def test_features_are_not_offered_as_a_model_and_asked_for_they_are_named(
    make_application: Callable[..., Any],
) -> None:
    services = ModelServices()
    services.job_rows = [job("features-0123456789ab-1"), job("dogs-1"), job("old", "Stopped", model_uri="")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.deploy_button.click()
    dialog = await dialog_of(DeployDialog, application.window)
    jobs = dialog.form.row("job").field
    assert [jobs.itemData(at) for at in range(jobs.count())] == ["dogs-1"]
    dialog.reject()
    for name, word in (("features-0123456789ab-1", "features"), ("old", "stopped before")):
        tab.activate({"deploy_job": name})
        title = f"{name} has no model to deploy"
        await until(lambda title=title: any(notice.title == title for notice in application.notify.notices))
        assert word in next(notice for notice in application.notify.notices if notice.title == title).text
    assert not [dialog for dialog in application.window.findChildren(DeployDialog) if dialog.isVisible()]


async def test_a_traceback_of_a_failed_endpoint_is_told_as_a_sentence(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EndpointFollower, "poll_seconds", 0.02)
    reason = (
        "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
        "CloudWatch logs for this endpoint. Last lines: Traceback (most recent call last):\n  File x\n"
        "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/model/classes.json'"
    )
    services = ModelServices()
    services.endpoint_rows = [endpoint("odd", "Creating")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    services.endpoint_rows = [endpoint("odd", "Failed", failure_reason=reason)]
    await until(lambda: any(notice.title == "odd did not come up" for notice in application.notify.notices))
    told = next(notice for notice in application.notify.notices if notice.title == "odd did not come up").text
    assert told == "What was deployed is no model: it has no classes.json."
    banner = await shown_banner(tab)
    assert told in texts(banner) and "Traceback" not in texts(banner)


async def shown_banner(tab: EndpointsTab) -> Banner:
    await until(lambda: any(banner.isVisible() for banner in tab.panel.findChildren(Banner)))
    return next(banner for banner in tab.panel.findChildren(Banner) if banner.isVisible())


@pytest.mark.parametrize("agreed", [True, False])
async def test_after_the_deploy_dialog_the_focus_is_on_the_list_and_never_on_delete(
    make_application: Callable[..., Any], agreed: bool
) -> None:
    services = ModelServices()
    services.job_rows = [job("dogs-1")]
    services.endpoint_rows = [endpoint("cats")]
    application, tab = open_tab(make_application, services)
    await listed(tab, services)
    tab.panel.delete_button.setFocus()
    tab.activate({"deploy_job": "dogs-1"})
    dialog = await dialog_of(DeployDialog, application.window)
    (dialog.ok_button.click if agreed else dialog.reject)()
    await until(lambda: application.window.focusWidget() is tab.table.view)
    if agreed:
        await until(lambda: tab.table.current_row() is not None and tab.table.current_row().name == "dogs-1")
        assert application.window.focusWidget() is tab.table.view
