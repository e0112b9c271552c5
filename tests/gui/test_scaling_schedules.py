"""Schedules, and instances and weights by hand, in the Scaling tab's real widgets over stand-in services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from console.tabs.scaling.counts_dialog import CountsDialog
from console.tabs.scaling.rows import policy_words
from console.tabs.scaling.schedule_dialog import ScheduleDialog
from console.tabs.scaling.schedule_list import times
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.scaling import scaled_account
from tests.helpers.scaling_tab import MAIN, function_shown, variant_shown
from tests.helpers.window import dialog_of, texts, until
from workers.scaling.types import Capacity, Policy, Schedule, Step, Target, VariantScaling

NIGHT = "endpoint/dog-classifier-multi/variant/AllTraffic"


async def test_a_variants_schedules_are_listed_made_changed_and_deleted(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    part = tab.variant_page.schedules
    assert [row.name for row in part.table.model.visible_rows()] == ["nights"]
    assert not part.edit_button.isEnabled()
    part.new_button.click()
    dialog: ScheduleDialog = await dialog_of(ScheduleDialog, application.window)
    assert "Next: " in texts(dialog) and "(local time)" in texts(dialog)
    dialog.form.set_values({"name": "mornings", "zone": "Europe/Berlin", "when": "0 7 ? * MON-FRI *"})
    dialog.form.set_values({"minimum": "3", "maximum": ""})
    dialog.ok_button.click()
    await until(lambda: len(part.table.model.visible_rows()) == 2)
    made = Schedule("mornings", "cron(0 7 ? * MON-FRI *)", "Europe/Berlin", 3, None)
    assert scaling.did == [("schedule", MAIN, made, None)]
    part.table.select_keys([f"{NIGHT} nights"])
    part.edit_button.click()
    dialog = await dialog_of(ScheduleDialog, application.window)
    assert not dialog.form.row("name").field.isEnabled() and dialog.form.value("when") == "0 22 * * ? *"
    dialog.form.row("maximum").set_value("2")
    dialog.ok_button.click()
    await until(lambda: len(scaling.did) == 2)
    assert scaling.did[1][2].maximum == 2 and scaling.did[1][2].name == "nights"
    await until(lambda: not application.ctx.tasks.running("scaling:schedule"))
    part.table.select_keys([f"{NIGHT} nights"])
    part.delete_button.click()
    question = await dialog_of(ConfirmDialog, application.window)
    assert "keeps the limits that it has now" in texts(question)
    question.accept()
    await until(lambda: [row.name for row in part.table.model.visible_rows()] == ["mornings"])
    assert scaling.did[2] == ("unschedule", MAIN, "nights", False)
    assert "--scheduled-action-name 'nights'" in application.activity.history[0].cli


WRONG: list[tuple[dict[str, str], str]] = [
    ({"minimum": "5", "maximum": "4"}, "may not be above the maximum"),
    ({"minimum": "", "maximum": ""}, "a minimum, a maximum or both"),
    ({"minimum": "0"}, "not be below 1"),
    ({"minimum": "two"}, "whole numbers"),
    ({"when": "0 25 * * ? *"}, "25 is no hours"),
    ({"when": "0 8 * * * *"}, "only one"),
    ({"kind": "at", "when": "2020-01-01 08:00"}, "in the past"),
    ({"kind": "at", "when": "tomorrow"}, "It must be at("),
    ({"kind": "rate", "when": "0 hours"}, "It must be at("),
]


async def test_what_is_no_schedule_cannot_be_saved(make_application: Callable[..., Any]) -> None:
    application, tab = await variant_shown(make_application, scaled_account())
    tab.variant_page.schedules.new_button.click()
    dialog = await dialog_of(ScheduleDialog, application.window)
    good = dialog.form.values()
    for values, words in WRONG:
        assert dialog.ok_button.isEnabled(), values
        dialog.form.set_values(values)
        assert words in texts(dialog) and not dialog.ok_button.isEnabled(), values
        dialog.form.set_values(good)
    dialog.form.row("when").set_value("0 8 L * ? *")
    assert "they are not known here" in texts(dialog) and dialog.ok_button.isEnabled()
    dialog.reject()


async def test_a_function_keeps_environments_warm_by_schedule(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await function_shown(make_application, scaling)
    part = tab.function_page.schedules
    assert part.table.state == "empty" and "No schedule" in texts(tab.function_page)
    part.new_button.click()
    dialog = await dialog_of(ScheduleDialog, application.window)
    dialog.form.set_values({"qualifier": "live", "minimum": "0", "maximum": "0", "when": "0 20 * * ? *"})
    dialog.ok_button.click()
    await until(lambda: bool(part.table.model.visible_rows()))
    # It is registered with what is kept warm now, so that nothing changes before the schedule does it.
    assert scaling.did[0][1] == "dog-predict:live" and scaling.did[0][3] == Target(4, 4)
    assert "register-scalable-target" in application.activity.history[0].cli
    part.table.select_keys(["function:dog-predict:live weekdays"])
    part.delete_button.click()
    (await dialog_of(ConfirmDialog, application.window)).accept()
    await until(lambda: ("unschedule", "dog-predict:live", "weekdays", True) in scaling.did)


async def test_instances_and_weights_are_set_by_hand_after_a_question(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    main = scaling.variant_rows[0]
    scaling.variant_rows.insert(1, replace(main, name="Shadow", current=1, desired=1, weight=0.5))
    application, tab = await variant_shown(make_application, scaling)
    button = tab.panel.variant_form.counts_button
    assert button.text() == "2 now…"
    button.click()
    dialog: CountsDialog = await dialog_of(CountsDialog, application.window)
    assert "scaled from 1 to 4" in texts(dialog) and not dialog.ok_button.isEnabled()
    dialog.form.set_values({"count AllTraffic": 3, "weight Shadow": 1.0})
    assert "AllTraffic 50 %, Shadow 50 %" in texts(dialog)
    dialog.ok_button.click()
    question = await dialog_of(ConfirmDialog, application.window)
    said = texts(question)
    assert "$0.92 an hour" in said and "Auto scaling goes on from there" in said and "3 instances, now 2" in said
    question.accept()
    await until(lambda: bool(scaling.did))
    assert scaling.did == [
        ("counts", "dog-classifier-multi", (Capacity("AllTraffic", 3), Capacity("Shadow", None, 1.0)))
    ]


async def test_policies_that_the_form_does_not_change_are_shown(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    found = scaling.found[MAIN]
    steps = Policy(
        "night-steps", "StepScaling", out_wait=60, adjustment="ChangeInCapacity",
        steps=(Step(0.0, 10.0, 1), Step(10.0, None, 3)),
    )  # fmt: skip
    scaling.found[MAIN] = replace(found, policies=(*found.policies, steps))
    _, tab = await variant_shown(make_application, scaling)
    said = texts(tab.variant_page)
    assert "night-steps" in said
    assert "Step scaling, instances: +1 from +0 to +10, +3 from +10 up; waits 60 s" in said


async def test_a_fixed_variant_and_read_only_change_no_schedule(make_application: Callable[..., Any]) -> None:
    scaling = scaled_account()
    application, tab = await variant_shown(make_application, scaling)
    part = tab.variant_page.schedules
    part.table.select_keys([f"{NIGHT} nights"])
    assert part.new_button.isEnabled() and part.edit_button.isEnabled()
    application.ctx.set_read_only(True)
    assert not (part.new_button.isEnabled() or part.edit_button.isEnabled() or part.delete_button.isEnabled())
    assert not tab.panel.variant_form.counts_button.isEnabled()
    application.ctx.set_read_only(False)
    scaling.found[MAIN] = VariantScaling(scaling.variant_rows[0], None)
    tab.refresh()
    await until(lambda: not part.new_button.isEnabled())


def test_words_of_times_and_policies() -> None:
    action = Schedule("n", "rate(1 hour)", "UTC", 1, None)
    assert times(action) == "every hour"
    assert times(replace(action, expression="rate(5 minutes)")) == "every 5 minutes"
    assert times(replace(action, expression="at(2026-12-01T08:00:00)")) == "once, 2026-12-01 08:00:00 UTC"
    assert (
        times(replace(action, expression="cron(0 22 * * ? *)", timezone="Asia/Tokyo")) == "cron 0 22 * * ? * Asia/Tokyo"
    )
    assert times(replace(action, expression="something new")) == "something new"
    assert policy_words(Policy("p", "TargetTrackingScaling", 70.0, "CPUUtilization", 60, 300, True)) == (
        "keeps CPUUtilization at 70, never in; waits 60 s out, 300 s in"
    )
    shares = Policy("p", "StepScaling", adjustment="PercentChangeInCapacity", steps=(Step(None, -5.0, -10),))
    assert policy_words(shares).startswith("Step scaling, share: -10 % below -5")
    assert policy_words(Policy("p", "PredictiveScaling")) == "PredictiveScaling"
