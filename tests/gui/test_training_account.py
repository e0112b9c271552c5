"""Spot, quota and tags in the Training tab, without a sandbox."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from console.tabs.endpoints.functions.commands import CreateFunction
from console.tabs.training.book import TAGGED_AT_ONCE, JobBook
from console.tabs.training.commands import LaunchTraining, launch_cli
from console.tabs.training.form.form import LaunchForm
from console.tabs.training.rows import JobRow, cost_of, spot_words
from console.tabs.training.tab import TrainingTab
from console.tabs.training.tags.chips import TagChips, TagLine, in_order
from console.tabs.training.tags.dialog import TagsDialog
from console.tabs.training.tuning.commands import tuning_cli
from console.widgets.tables.table import ResourceTable
from tests.helpers.training_tab import DATA, FakeAccount, shown, training, trial, tuning
from tests.helpers.window import connect, until
from workers.access.roles import role_name
from workers.aws.quotas import Quota
from workers.errors.tree import AccessDenied
from workers.functions.making import role_of
from workers.functions.types import FunctionSpec
from workers.prices.table import PriceTable
from workers.training.spot import SPOT_SAVING
from workers.types import TrainingJob

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/"


# Spot


async def test_the_spot_switch_goes_into_the_job_and_its_cost(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    plain = form.spec()
    assert plain is not None and not plain.spot and "pot" not in form.cost.words
    form.form.spot.setChecked(True)
    for mode in ("single", "tuning", "hosts"):
        form.modes.set_current(mode)
        spec = form.spec()
        assert spec is not None and spec.spot
        assert f"Spot, usually {SPOT_SAVING:.0%}".replace("%", " %") in form.cost.words
        assert "no spot" in form.cost.words
    form.form.spot.setChecked(False)
    assert "pot" not in form.cost.words


async def test_a_job_on_spot_is_taken_over_as_one(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    job = TrainingJob("dogs-1", "Completed", NOW, instance_type="ml.m5.xlarge", instance_count=1, data_uri=DATA)
    form.clone(replace(job, spot=True), {"team": "vision", "sagedeck:backbone": "x"})
    assert form.form.spot.isChecked() and form.form.value("tags") == "team=vision"
    form.clone(job)
    assert not form.form.spot.isChecked() and form.form.value("tags") == ""
    form.clone(tuning(spot=True))
    assert form.form.spot.isChecked()


async def test_the_cli_lines_say_spot_and_tags(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.form.spot.setChecked(True)
    form.form.set_values({"tags": "team=vision, owner=Ana Lima", "minutes": 10})
    spec: Any = form.spec()
    words = shlex.split(launch_cli(spec))
    assert "--enable-managed-spot-training" in words
    assert "MaxRuntimeInSeconds=600,MaxWaitTimeInSeconds=4200" in words
    assert words[words.index("--tags") + 1 :] == [
        "Key=sagedeck:created-by,Value=sagedeck",
        f"Key=sagedeck:backbone,Value={spec.backbone}",
        "Key=team,Value=vision",
        "Key=owner,Value=Ana Lima",
    ]
    form.modes.set_current("tuning")
    spec = form.spec()
    words = shlex.split(tuning_cli(spec))
    definition = json.loads(words[words.index("--training-job-definition") + 1])
    assert definition["EnableManagedSpotTraining"] is True
    assert definition["StoppingCondition"]["MaxWaitTimeInSeconds"] == 4200
    assert "Key=team,Value=vision" in words


def test_the_list_says_spot_and_what_it_cost() -> None:
    prices = PriceTable.load()
    hour = prices.per_hour("ml.m5.2xlarge", "training", "us-east-1") or 0.0
    assert JobRow(training("a", spot=True)).kind == "Single job, spot"
    assert JobRow(training("a", instance_count=4, spot=True)).kind == "4 hosts, spot"
    job = tuning(spot=True)
    assert JobRow(job).kind == "Tuning, 4 trials, spot"
    ended, billed = trial(1, 0.8, "0.001", "32"), replace(trial(2, 0.9, "0.01", "64"), billable_seconds=900)
    cost = cost_of(job, (ended, billed), prices, "us-east-1")
    assert cost is not None and abs(cost - hour * ((1 - SPOT_SAVING) + 0.25)) < 1e-9
    done = training("a", spot=True, billable_seconds=25, training_seconds=100)
    assert (spot_words(done), spot_words(training("a"))) == ("yes, 75 % saved", "")


# Quota


async def quota_form(make_application: Callable[..., Any]) -> tuple[LaunchForm, Any]:
    form = await shown(make_application, "hosts")
    services: Any = form.ctx.services
    await until(lambda: form.quota.words is not None)
    return form, services


async def test_the_quota_follows_the_form_without_asking_again(make_application: Callable[..., Any]) -> None:
    form, services = await quota_form(make_application)
    assert form.quota.words is not None and form.quota.words.line == "Quota: 4 of 20 instances with this"
    asked: list[tuple[str, bool]] = []

    async def training_quota(instance_type: str, spot: bool = False) -> Quota:
        asked.append((instance_type, spot))
        return Quota("spot", "L-2", 6, 3)

    services.quotas.training = training_quota
    form.form.set_values({"count": 7})
    assert form.quota.words.line == "Quota: 7 of 20 instances with this" and not asked
    form.form.spot.setChecked(True)
    await until(lambda: asked)
    await until(lambda: form.quota.words is not None and form.quota.words.tone == "err")
    form.form.set_values({"count": 4})
    assert form.quota.words.tone == "warn" and form.quota.words.advice.startswith("3 in use now")
    assert form.launch_button.isEnabled(), "AWS decides, not a figure that may be old"
    assert asked == [("ml.m5.2xlarge", True)]


async def test_a_launch_counts_the_instances_anew(make_application: Callable[..., Any]) -> None:
    form, services = await quota_form(make_application)
    services.quota = Quota("q", "L-1", 20, 4)
    form.ctx.resourceChanged.emit("job", "dogs-1")
    await until(lambda: form.quota.words is not None and "8 of 20" in form.quota.words.line)


async def test_an_unread_quota_stops_nothing(make_application: Callable[..., Any]) -> None:
    form, services = await quota_form(make_application)

    async def refused(instance_type: str, spot: bool = False) -> Quota:
        error = AccessDenied("Not allowed", "m")
        error.action = "servicequotas:ListServiceQuotas"
        raise error

    services.quotas.training = refused
    form.form.set_values({"instance": "ml.m5.xlarge"})
    await until(lambda: form.quota.words is not None and form.quota.words.tone == "info")
    assert "servicequotas:ListServiceQuotas" in form.quota.words.advice  # type: ignore[union-attr]
    assert form.launch_button.isEnabled()


# Tags


def tagged(name: str, minutes: int = 0) -> TrainingJob:
    return replace(training(name, minutes), arn=ARN + name)


def tagged_account(jobs: int, page: int = 100) -> FakeAccount:
    made = FakeAccount([tagged(f"job-{number:05}", number) for number in range(jobs, 0, -1)], [tuning()], page)
    tags = {f"{ARN}job-{number:05}": {"team": "vision" if number % 50 == 0 else "sound"} for number in range(1, jobs)}
    calls: list[str] = []

    async def of_all_jobs() -> dict[str, dict[str, str]]:
        calls.append("all")
        return tags

    async def describe(name: str) -> TrainingJob:
        calls.append(name)
        return tagged(name)

    made.tags, made.calls = SimpleNamespace(of_all_jobs=of_all_jobs), calls  # type: ignore[attr-defined]
    made.training.describe = describe
    return made


async def test_thousands_of_jobs_are_searched_by_tag_with_one_sweep(qapp: Any) -> None:
    services: Any = tagged_account(5000)
    book = JobBook(lambda: None)
    await book.refresh(services)
    await book.find_tagged(services, "tag:team=vision")
    found = {row.name for row in book.rows(services) if row.tags.get("team") == "vision"}
    assert services.calls.count("all") == 1 and len(services.calls) == 1 + TAGGED_AT_ONCE
    assert len(found) >= TAGGED_AT_ONCE and book.more, "the others come with the next page"
    while book.more:
        await book.older(services)
    found = {row.name for row in book.rows(services) if row.tags.get("team") == "vision"}
    assert len(found) == 99 and services.calls.count("all") == 1
    await book.find_tagged(services, "")
    assert not book.more, "and the list itself was read to its end meanwhile"


async def test_the_filter_looks_into_the_tags_that_no_column_shows(qapp: Any) -> None:
    from console.tabs.training.rows import columns, tag_words

    table = ResourceTable(columns(), key="key", also_searched=lambda row: tag_words(row.tags))
    rows = [JobRow(training("a"), tags={"team": "vision"}), JobRow(training("b"), tags={"team": "sound"})]
    table.set_rows(rows)
    table.set_filter("tag:team=vision")
    assert [row.name for row in table.model.visible_rows()] == ["a"]
    table.set_filter("SOUND")
    assert [row.name for row in table.model.visible_rows()] == ["b"]
    table.set_rows([rows[0], replace(rows[1], tags={"team": "vision"})])
    table.set_filter("vision")
    assert len(table.model.visible_rows()) == 2


async def test_tags_are_shown_and_changed(make_application: Callable[..., Any]) -> None:
    application = make_application()
    services: Any = await connect(application)
    services.tag_rows[ARN + "dogs-1"] = {"sagedeck:backbone": "resnet18", "team": "vision", "old": ""}
    line = TagLine(application.ctx)
    heard: list[Any] = []
    line.changed.connect(lambda arn, tags: heard.append((arn, tags)))
    line.show_job("job", "dogs-1", ARN + "dogs-1")
    await until(lambda: line.tags)
    assert line.chips.texts == ["old", "team=vision"], "what the program needs for itself is in the tool tip"
    assert line.chips.toolTip().splitlines() == ["old", "team=vision", "sagedeck:backbone=resnet18"]
    line.edit()
    dialog: TagsDialog = await _dialog(TagsDialog)
    assert not dialog.ok_button.isEnabled(), "nothing is changed yet"
    dialog.drop(dialog.rows[0])
    dialog.rows[0].value.setText("sound")
    dialog.add_row("stage", "best")
    dialog.copy_button.click()
    assert "--tag-keys old" in QApplication.clipboard().text()
    dialog.ok_button.click()
    await until(lambda: line.tags.get("stage") == "best")
    assert services.tag_rows[ARN + "dogs-1"] == {
        "sagedeck:backbone": "resnet18", "team": "sound", "stage": "best",
    }  # fmt: skip
    assert application.activity.history[0].cli.startswith("aws sagemaker add-tags")
    assert heard[-1] == (ARN + "dogs-1", line.tags)


async def test_a_wrong_tag_is_said_and_not_saved(qapp: Any) -> None:
    dialog = TagsDialog("job", "dogs-1", ARN, {"aws:createdBy": "x", "team": "vision"})
    assert not dialog.rows[0].key.isEnabled(), "AWS's own tags stay"
    for key, value in (("team", "again"), ("aws:mine", "x"), ("a,b", ""), ("", "value")):
        dialog.add_row()
        dialog.rows[-1].key.setText(key)
        dialog.rows[-1].value.setText(value)
        assert not dialog.ok_button.isEnabled(), key
        dialog.drop(dialog.rows[-1])
    dialog.add_row("stage", "best")
    assert dialog.ok_button.isEnabled()
    assert dialog.command.added == {"stage": "best"} and not dialog.command.removed
    dialog.deleteLater()


async def test_chips_that_do_not_fit_are_counted(qapp: Any) -> None:
    chips = TagChips()
    chips.set_tags(in_order({f"key-{number:02}": "some value" for number in range(20)}))
    chips.resize(400, 24)
    assert 1 <= chips.shown() < 5
    chips.resize(4000, 24)
    assert chips.shown() == 20
    assert chips.grab().width() and "key-19" in chips.toolTip()


async def _dialog(kind: type[Any]) -> Any:
    def found() -> Any:
        return next(
            (widget for widget in QApplication.topLevelWidgets() if isinstance(widget, kind) and widget.isVisible()),
            None,
        )

    await until(found)
    return found()


async def test_the_page_says_how_many_jobs_a_filter_leaves(make_application: Callable[..., Any]) -> None:
    application = make_application()
    services: Any = await connect(application)
    account = tagged_account(60)
    for name in ("training", "tuning", "tags"):
        setattr(services, name, getattr(account, name))
    tab = TrainingTab(application.ctx)
    await tab.book.refresh(services)
    assert tab.head.subtitle.text() == "61 jobs"
    tab.search.setText("tag:team=vision")
    await until(lambda: tab.head.subtitle.text() == "1 of 61 jobs")
    assert [row.name for row in tab.table.model.visible_rows()] == ["job-00050"]
    tab.search.clear()
    await until(lambda: tab.head.subtitle.text() == "61 jobs")


async def test_a_copied_line_says_what_it_lacks_and_has_the_accounts_own_role(
    make_application: Callable[..., Any],
) -> None:
    form = await shown(make_application, "single")
    spec: Any = form.spec()
    line = LaunchTraining(spec, form.cli_place(spec)).cli()
    role = f"arn:aws:iam::123456789012:role/{role_name('Training', spec.output_bucket)}"
    assert f"--role-arn {role} " in line and "IMAGE" not in line
    assert "/pytorch-training:" in line and line.startswith("# The folders of the channels code and sm_drivers")
    bare = LaunchTraining(spec).cli()
    assert "ROLE and IMAGE depend on the account" in bare and "--role-arn ROLE " in bare
    form.modes.set_current("tuning")
    form.copy_button.click()
    copied = QGuiApplication.clipboard().text()
    for placeholder in ("CODE_ARCHIVE", "DRIVERS", "FEATURES"):
        assert placeholder in copied.splitlines()[0] + copied.splitlines()[1] and placeholder in copied.splitlines()[-1]
    assert role in copied


def test_a_function_with_a_long_name_is_copied_with_the_role_that_it_gets() -> None:
    name = "a" * 64
    line = CreateFunction(FunctionSpec(name, "dogs")).cli()
    assert f"--role-name {role_of(name)} " in line and f"{name}-role" not in line
