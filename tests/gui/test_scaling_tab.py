"""The Scaling tab's real widgets over stand-in services: what scales, why nothing happens, what is applied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from console.tabs.scaling.replay_page import ReplayPage
from console.tabs.scaling.replayer import SLICE
from console.widgets.charts.drawn_curve import DrawnCurve
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.models import parked
from tests.helpers.scaling import FakeScaling, probed, scaled_account
from tests.helpers.scaling_tab import MAIN, function_shown, opened, variant_shown
from tests.helpers.window import dialog_of, texts, until
from workers.errors.tree import InvalidInput
from workers.scaling.curve import Curve
from workers.scaling.types import Alarm, Suspended, VariantFigures, VariantSettings


async def test_an_account_without_endpoints_says_where_to_go(make_application: Callable[..., Any]) -> None:
    _, tab = await opened(make_application, FakeScaling())
    await until(lambda: tab.panel.variants.state == "empty")
    assert "No endpoint yet" in texts(tab)
    assert not tab.panel.apply_button.isVisible() and not tab.panel.variant_form.isVisible()


async def test_a_variant_shows_limits_lines_figures_and_activities(make_application: Callable[..., Any]) -> None:
    _, tab = await variant_shown(make_application, scaled_account())
    assert tab.panel.variant_form.settings == VariantSettings(1, 4, 30.0, 60, 300)
    assert [line.name for line in tab.variant_page.calls.thresholds] == ["out 30", "in 27"]
    assert "per instance" in tab.variant_page.calls.accessibleDescription()
    rows = tab.variant_page.table.model.visible_rows()
    assert len(rows) == 4
    assert "Between the two alarms" in texts(tab.variant_page)
    sums = {what: result for what, _, result in tab.panel.sums.rows}
    assert sums["Needs"].endswith("instances") and sums["At most"] == "$0.92/h"


async def test_it_says_why_nothing_happens(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    found = scaling.found[MAIN]
    main = replace(scaling.variant_rows[0], current=4, desired=4)
    scaling.variant_rows[0] = main
    scaling.found[MAIN] = replace(found, alarms=(Alarm("h", "high", 30.0, 3, "ALARM"),))
    _, tab = await variant_shown(make_application, scaling)
    assert "already at the maximum of 4" in texts(tab.variant_page)


async def test_apply_carries_out_what_the_form_says(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    form = tab.panel.variant_form
    form.form.row("maximum").set_value(5)
    form.still_in.setChecked(True)
    tab.panel.apply_button.click()
    await until(lambda: len(scaling.did) == 2)
    assert scaling.did == [
        ("apply", MAIN, VariantSettings(1, 5, 30.0, 60, 300)),
        ("suspend", MAIN, Suspended(scale_in=True)),
    ]
    await until(lambda: "Suspended: it does not scale in." in texts(tab.variant_page))
    await until(lambda: application.activity.history)
    cli = application.activity.history[0].cli
    assert "--min-capacity 1 --max-capacity 5" in cli and "DynamicScalingInSuspended=true" in cli
    assert "put-scaling-policy" in cli and '"TargetValue": 30.0' in cli


async def test_bad_limits_and_a_target_of_nothing_cannot_be_applied(make_application: Callable[..., Any]) -> None:
    _, tab = await variant_shown(make_application, scaled_account())
    form = tab.panel.variant_form.form
    form.row("minimum").set_value(5)
    assert not tab.panel.apply_button.isEnabled()
    assert "may not be above the maximum" in form.row("minimum").hint_text
    form.row("maximum").set_value(6)
    assert tab.panel.apply_button.isEnabled()
    form.row("target").set_value(0)
    assert not tab.panel.apply_button.isEnabled()
    assert "above 0" in form.row("target").hint_text


async def test_what_one_is_changing_survives_a_refresh(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    _, tab = await variant_shown(make_application, scaling)
    tab.panel.variant_form.form.row("maximum").set_value(9)
    scaling.series = replace(scaling.series, per_instance=())
    tab.refresh()
    await until(lambda: "per instance" not in tab.variant_page.calls.accessibleDescription())
    assert tab.panel.variant_form.settings.maximum == 9


async def test_aws_refusal_is_shown_with_its_words(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    scaling.error = InvalidInput("Could not scale it", "You cannot register a variant with ml.t2.medium.", "Change it.")
    tab.panel.apply_button.click()
    await until(lambda: "You cannot register a variant" in texts(application.window))


async def test_remove_asks_and_says_what_goes_along(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    tab.panel.remove_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "Policy Invocations" in texts(dialog) and "Schedule nights" in texts(dialog)
    dialog.accept()
    await until(lambda: ("remove", MAIN) in scaling.did)
    await until(lambda: "Fixed: nothing scales" in texts(tab.variant_page))
    assert not tab.panel.remove_button.isEnabled()


async def test_a_plan_is_reckoned_from_what_was_measured_and_applied(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("plan")
    page = tab.plan_page
    await until(lambda: page.plan is not None)
    assert "Measured: p90" in texts(page)
    page.form.set_values({"latency": 250, "low": 1, "mean": 5, "peak": 20, "headroom": 0, "function": "dog-predict"})
    said = "\n".join(" ".join(row) for row in (*page.sums.rows, *page.costs.rows))
    assert "4/s × 0.5 × 60 120/min" in said and "20/s × 60 ÷ 120 = 10.00 10 instances" in said
    assert "20/s × 0.25 s 5 at a time" in said and "10 × $0.230 × 730 h + $" in said
    assert page.aws_sums.rows[-1] == ("CostPerInference", "÷ 240 ÷ 60", "$0.000016")
    assert "MaxInvocations one instance, a minute 240" in "\n".join(" ".join(row) for row in page.aws_sums.rows)
    page.apply_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    said = texts(dialog)
    assert "Instances: 1 to 10" in said and "now 1 to 4" in said and "$0.23 to $2.30 an hour" in said
    dialog.accept()
    await until(lambda: len(scaling.did) == 2)
    assert scaling.did == [("apply", MAIN, VariantSettings(1, 10, 120.0, 60, 300)), ("reserve", "dog-predict", 5)]


async def test_one_call_is_one_call(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    once = ((datetime.now(UTC), 1.0),)
    scaling.series = VariantFigures(calls=once, p90=once)
    _, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("plan")
    await until(lambda: "the middle of 1 minute with calls" in texts(tab.plan_page))
    assert tab.panel.sums.rows[0] == ("Busiest minute", "", "1 call")


async def test_without_a_latency_there_is_no_plan(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    scaling.series = VariantFigures()
    _, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("plan")
    await until(lambda: "No latency is measured yet" in texts(tab.plan_page))
    assert not tab.plan_page.apply_button.isEnabled() and tab.plan_page.sums.rows == ()
    # What is typed is not measured.
    tab.plan_page.form.row("latency").set_value(250)
    await until(lambda: "No latency is measured yet" in texts(tab.plan_page))
    assert tab.plan_page.plan is None


async def test_a_probe_says_its_cost_first_and_gives_the_plan_its_latency(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    scaling.series, scaling.probed = VariantFigures(), [replace(probed(), levels=probed().levels[:1]), probed()]
    application, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("plan")
    page = tab.plan_page
    page.measure_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    # There is nothing to stop, and nothing turns, before it was agreed to.
    tab.planner.show(scaling.found[MAIN], scaling.series)
    assert page.measure_button.isVisible() and not page.stop_button.isVisible()
    # What is painted is not told in words.
    assert dialog.confirm_button._icon == page.measure_button._icon == "play"
    assert "While it is measured" in texts(dialog) and "Stops working" not in texts(dialog)
    said = texts(dialog)
    assert "At most 400 requests in 60 s" in said and "$0.46 an hour for the instances, asked or not" in said
    assert scaling.did == []
    dialog.accept()
    await until(lambda: page.plan is not None and page.plan.given.at_once == 4)
    assert scaling.did == [("probe", MAIN, "")]
    assert "at 4 at a time one takes 500 ms" in texts(page)
    assert [row[0] for row in page.probe_sums.rows] == [
        "1 at a time", "2 at a time", "4 at a time, taken", "8 at a time"
    ]  # fmt: skip
    assert page.sums.rows[0] == ("One instance does", "4 ÷ 0.5 s", "8/s")
    # Another variant has not been measured; what was measured of this one is kept.
    other = scaling.variant_rows[1].id
    tab.panel.variants.select_keys([other])
    await until(lambda: page.plan is None and "No latency is measured" in texts(page))
    tab.panel.variants.select_keys([MAIN])
    await until(lambda: page.plan is not None and page.plan.given.at_once == 4)


async def test_a_probe_is_stopped_by_its_button(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("plan")
    page = tab.plan_page
    scaling.answered, scaling.probed = asyncio.Event().wait, [probed()]
    page.measure_button.click()
    (await dialog_of(ConfirmDialog, application.window)).accept()
    await until(lambda: page.stop_button.isVisible() and bool(scaling.did))
    page.stop_button.click()
    await until(lambda: page.measure_button.isVisible())
    assert application.activity.history[0].state == "cancelled" and "at a time one takes" not in texts(page)


async def test_a_function_shows_the_pool_and_what_is_warm(make_application: Callable[..., Any]) -> None:
    _, tab = await function_shown(make_application, scaled_account())
    await until(lambda: "$21.90 a month" in texts(tab.function_page))
    said = texts(tab.function_page)
    assert "942 of 1,000 free" in said and "busiest 7 of 20" in said
    assert not tab.panel.apply_button.isEnabled()


async def test_reserving_and_keeping_warm_are_applied_with_their_price(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await function_shown(make_application, scaling)
    tab.panel.function_form.form.set_values({"reserved": 30, "warm": 6})
    tab.panel.apply_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "$32.85 a month, called or not" in texts(dialog)
    dialog.accept()
    await until(lambda: len(scaling.did) == 2)
    assert scaling.did == [("reserve", "dog-predict", 30), ("provide", "dog-predict", 6, "live")]


async def test_more_than_the_pool_allows_is_said_before_aws_says_it(make_application: Callable[..., Any]) -> None:
    _, tab = await function_shown(make_application, scaled_account())
    row = tab.panel.function_form.form.row("reserved")
    row.set_value(900)
    assert "lets it reserve 862" in row.hint_text
    row.set_value(0)
    assert "throttles every call" in row.hint_text


async def test_read_only_applies_nothing(make_application: Callable[..., Any]) -> None:
    application, tab = await variant_shown(make_application, scaled_account())
    application.ctx.set_read_only(True)
    assert not tab.panel.apply_button.isEnabled() and not tab.panel.remove_button.isEnabled()
    assert not tab.plan_page.apply_button.isEnabled()


async def replay_shown(make_application: Callable[..., Any], scaling: FakeScaling) -> tuple[Any, ReplayPage]:
    application, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("replay")
    await until(lambda: tab.replay_page.sides["b"].origin.text() == "From the Plan page.")
    return application, tab.replay_page


def sums(page: ReplayPage, side: str) -> dict[str, str]:
    return {what: result for what, _, result in page.sides[side].sums.rows}


async def test_a_curve_drawn_with_the_mouse_runs_through_both_plans(make_application: Callable[..., Any]) -> None:
    _, page = await replay_shown(make_application, scaled_account())
    assert page.sides["a"].settings == VariantSettings(1, 4, 30.0, 60, 300)
    curve = page.curve
    middle = QPoint(curve.width() // 2, curve.height() // 2)
    QTest.mousePress(curve, Qt.MouseButton.LeftButton, pos=QPoint(60, curve.height() - 30))
    QTest.mouseMove(curve, middle)
    QTest.mouseMove(curve, QPoint(curve.width() - 10, middle.y()))
    QTest.mouseRelease(curve, Qt.MouseButton.LeftButton, pos=middle)
    assert max(curve.values) > 100 and curve.values[0] < curve.values[len(curve.values) // 2]
    await until(lambda: sums(page, "a").get("Most instances") == "4")
    # With a target of 98 fewer are needed.
    assert int(sums(page, "b")["Most instances"]) < 4 or sums(page, "b")["Over capacity"] == "none"
    page.sides["a"].form.row("minimum").set_value(9)
    assert not page.sides["a"].apply_button.isEnabled()
    await until(lambda: page.sides["a"].sums.rows == ())
    assert page.sides["b"].sums.rows


async def test_a_curve_is_drawn_by_the_keyboard_alone(make_application: Callable[..., Any]) -> None:
    _, page = await replay_shown(make_application, scaled_account())
    page.curve.setFocus()
    for key in (Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Up):
        QTest.keyClick(page.curve, key)
    values = page.curve.values
    assert values[-1] == page.curve.top / 8 and values[-10] == page.curve.top / 20 and values[0] == 0
    QTest.keyClick(page.curve, Qt.Key.Key_PageDown)
    assert page.curve.values[-10] == 0
    await until(lambda: bool(page.sides["b"].sums.rows))


async def test_a_file_and_the_last_day_are_curves(make_application: Callable[..., Any], tmp_path: Path) -> None:
    application, page = await replay_shown(make_application, scaled_account())
    (tmp_path / "calls.csv").write_text("minute,calls\n0,10\n29,400\n")
    page.fileChosen.emit(tmp_path / "calls.csv")
    await until(lambda: "calls.csv: 30 minutes" in texts(page))
    assert page.curve.values[29] == 400 and page.curve.top == 500
    (tmp_path / "wrong.csv").write_text("one\ntwo\n")
    page.fileChosen.emit(tmp_path / "wrong.csv")
    await until(lambda: "wrong.csv is no curve" in texts(application.window))
    assert page.curve.values[29] == 400
    page.day_button.click()
    await until(lambda: f"CloudWatch: 60 minutes of {MAIN}" in texts(page))
    assert len(page.curve.values) == 60 and round(page.curve.begin) % 60 == 0


async def test_one_of_the_plans_is_applied_after_a_question(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, page = await replay_shown(make_application, scaling)
    page.sides["a"].form.set_values({"maximum": 6, "target": 40})
    page.sides["a"].apply_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "Instances: 1 to 6" in texts(dialog) and "Target: 40 a minute" in texts(dialog)
    dialog.reject()
    await until(lambda: not application.ctx.tasks.running("scaling:plan"))
    assert scaling.did == []
    page.sides["a"].apply_button.click()
    (await dialog_of(ConfirmDialog, application.window)).accept()
    await until(lambda: scaling.did == [("apply", MAIN, VariantSettings(1, 6, 40.0, 60, 300))])


async def test_what_is_in_force_is_followed_until_one_changes_it(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    _, page = await replay_shown(make_application, scaling)
    page.sides["b"].form.set_values({"minimum": 1, "maximum": 6, "target": 40})
    page.sides["b"].apply_button.click()
    (await dialog_of(ConfirmDialog, page.window())).accept()
    # Plan A is what is in force.
    await until(lambda: page.sides["a"].settings == VariantSettings(1, 6, 40.0, 60, 300))
    page.sides["a"].form.row("maximum").set_value(9)
    page.sides["b"].form.row("maximum").set_value(7)
    page.sides["b"].apply_button.click()
    (await dialog_of(ConfirmDialog, page.window())).accept()
    await until(lambda: len(scaling.did) == 2)
    assert page.sides["a"].settings == VariantSettings(1, 9, 40.0, 60, 300)


async def test_a_week_is_replayed_in_slices(make_application: Callable[..., Any]) -> None:
    _, page = await replay_shown(make_application, scaled_account())
    page.set_curve(Curve(tuple(float(at % 300) for at in range(7 * 1440))), "")
    turns = 0
    while page.sides["b"].sums.rows == ():
        await asyncio.sleep(0)
        turns += 1
    # The window had a turn after each slice of both plans.
    assert turns >= 2 * 7 * 1440 // SLICE


async def test_a_refused_reservation_says_that_the_limits_of_the_plan_stay(
    make_application: Callable[..., Any],
) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    tab.views.set_current("plan")
    page = tab.plan_page
    await until(lambda: page.plan is not None)
    page.form.row("function").set_value("dog-predict")

    async def refuse(name: str, count: int) -> None:
        raise InvalidInput("Could not reserve", "It decreases the account's pool.", "Reserve less.")

    scaling.concurrency.reserve = refuse  # type: ignore[method-assign]
    page.apply_button.click()
    (await dialog_of(ConfirmDialog, application.window)).accept()
    await until(lambda: "its limits and target are the plan's" in texts(application.window))
    assert [what for what, *_ in scaling.did] == ["apply"] and application.activity.history[0].state == "failed"
    # What it did change is read again.
    await until(lambda: tab.panel.variant_form.settings.target == page.plan.target)


async def test_endpoints_that_are_parked_are_named(make_application: Callable[..., Any]) -> None:
    application, tab = await opened(make_application, scaled_account())
    services = application.ctx.services
    await until(lambda: tab.panel.variants.model.total)
    assert not tab.panel.parked.isVisible()
    services.parked_rows = [parked("dogs-old"), parked("cats", "interrupted")]
    tab.refresh()
    await until(tab.panel.parked.isVisible)
    assert "dogs-old is parked" in texts(tab.panel)
    tab.panel.kinds.set_current("function")
    await until(lambda: not tab.panel.parked.isVisible())


def test_a_drawn_curve_is_read_in_whole_calls(qtbot: Any) -> None:
    curve = DrawnCurve("Traffic, calls a minute")
    qtbot.addWidget(curve)
    curve.set_curve(0.0, [47.0588, 47.0588], top=600)
    qtbot.waitUntil(lambda: curve.accessibleDescription() == "calls a minute 47")
