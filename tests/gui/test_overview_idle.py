"""The Overview's real widgets over a stand-in account: what is idle, by which rules, and what a month may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QTimer

from console.tabs.overview import TAB
from console.tabs.overview import tab as tab_module
from console.tabs.overview.commands import Settle
from console.tabs.overview.tab import BUDGET_SECONDS, OverviewTab
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.inventory import NOW, FakeInventory, pictured, resource
from tests.helpers.models import ModelServices, enter
from tests.helpers.overview_tab import names, shown
from tests.helpers.window import RecordingTab, dialog_of, texts, until
from workers.errors.tree import Expired
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.types import Budget, CostFigures, IdleFinding, IdleReport

OLD = ("endpoint", "dog-classifier-old")


# What is idle


async def test_a_finding_is_settled_after_it_was_agreed_to(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    tab.idle.lines[0].button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "dog-classifier-old is switched off." in texts(dialog) and "$336.53 a month" in texts(dialog)
    dialog.accept()
    await until(lambda: inventory.did == [("park", OLD)])
    await until(lambda: "dog-classifier-old" not in names(tab) and len(tab.idle.lines) == 3)
    assert application.activity.history[0].cli == "aws … dog-classifier-old"


async def test_what_is_deleted_for_good_must_be_typed(make_application: Callable[..., Any]) -> None:
    application, tab = await shown(make_application, FakeInventory(pictured()))
    tab.idle.lines[3].button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert not dialog.confirm_button.isEnabled()
    dialog.field.setText("vol-0c81d9be27")
    assert dialog.confirm_button.isEnabled()
    dialog.reject()


async def test_many_log_groups_are_one_line_with_one_button(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory()
    groups = [resource("log-group", f"/aws/{at}") for at in range(12)]
    rule = next(rule for rule in DEFAULT_RULES if rule.action == "set_retention")
    found = tuple(
        IdleFinding(rule.id, group, "kept for ever", None, None, "set_retention", "30 days.") for group in groups
    )

    async def idle(_: Any = ()) -> IdleReport:
        return IdleReport(found, ("Instances could not be judged: no metrics.",))

    inventory.idle = idle  # type: ignore[method-assign]
    application, tab = await shown(make_application, inventory)
    assert len(tab.idle.lines) == 1 and "12 log groups" in texts(tab.idle)
    assert "Instances could not be judged" in texts(tab.idle) and "–" in texts(tab.idle)
    tab.idle.lines[0].button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    dialog.accept()
    await until(lambda: len(inventory.did) == 12)


async def test_the_rules_are_changed_and_remembered_by_account(make_application: Callable[..., Any]) -> None:
    from console.tabs.overview.choices import RulesDialog

    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    tab.idle.rules_button.click()
    dialog = await dialog_of(RulesDialog, application.window)
    dialog.fields["endpoint-unused"].setText("999999")
    dialog.fields["endpoint-unused"].edited.emit()
    assert not dialog.ok_button.isEnabled() and "from 1 to 336" in dialog.problem.text()
    dialog.fields["endpoint-unused"].setText("48")
    dialog.fields["endpoint-unused"].edited.emit()
    assert dialog.sentences["endpoint-unused"].text() == "No request for 48 hours."
    dialog.switches["volume-unattached"].setChecked(False)
    dialog.ok_button.click()
    await until(lambda: len(tab.idle.lines) == 3)
    asked = [value for what, value in inventory.asked if what == "idle"][-1]
    by_id = {rule.id: rule for rule in asked}
    assert by_id["endpoint-unused"].value == 48 and not by_id["volume-unattached"].on
    assert "No request for 48 hours." in tab.idle.lines[0].toolTip()
    settled: list[Any] = []

    async def settle(finding: IdleFinding, rules: Any = ()) -> str:
        settled.append(rules)
        return "done"

    inventory.settle = settle  # type: ignore[method-assign]
    tab.idle.lines[0].button.click()
    question = await dialog_of(ConfirmDialog, application.window)
    question.accept()
    # What is asked once more before anything is done is asked by the same rules.
    await until(lambda: settled == [tab.chosen.rules])
    other = ModelServices()
    other.who = type(other.who)("999999999999", "arn:aws:iam::999999999999:user/other")
    other.inventory = FakeInventory(pictured())
    application.ctx.leave()
    enter(application, other)
    assert tab.chosen.rules == DEFAULT_RULES


# Budget


def month(tab: OverviewTab, inventory: FakeInventory, spent: float) -> None:
    async def costs() -> CostFigures:
        return CostFigures(NOW, 3.05, 24.9, spent, 592.0, billing=10)

    inventory.costs = costs  # type: ignore[method-assign]


async def test_a_budget_warns_at_80_and_does_at_100_what_was_chosen(make_application: Callable[..., Any]) -> None:
    from console.tabs.overview.choices import BudgetDialog

    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    tab.set_budget()
    dialog = await dialog_of(BudgetDialog, application.window)
    dialog.form.set_values({"dollars": 250})
    dialog.stop.setChecked(True)
    dialog.ok_button.click()
    await until(lambda: any("nearly" in notice.title for notice in application.notify.notices))
    assert "86" in tab.figures.end.caption.text() and inventory.did == []
    month(tab, inventory, 251.0)
    tab.refresh()
    await until(lambda: len(inventory.did) == 3)
    # What is parked or stopped comes back; nothing is deleted without being asked.
    assert {action for action, _ in inventory.did} == {"park", "stop"}
    await until(lambda: not tab.running("list"))
    assert "used up" in tab.figures.end.caption.text()


async def test_a_budget_is_looked_after_out_of_sight(make_application: Callable[..., Any]) -> None:
    from workers.inventory.types import Budget

    inventory = FakeInventory(pictured())
    _, tab = await shown(make_application, inventory)
    tab.leave()
    [watching] = [timer for timer in tab.findChildren(QTimer) if timer.interval() == BUDGET_SECONDS * 1000]
    assert watching.isActive()
    inventory.asked.clear()
    tab.watch_budget()
    await until(lambda: not tab.running("budget"))
    # Without a budget nobody asks for anything.
    assert inventory.asked == []
    tab.chosen.budget = Budget(100.0, stop_idle=True)
    tab.watch_budget()
    await until(lambda: len(inventory.did) == 3)
    tab.enter()
    assert not watching.isActive()


async def test_a_budget_is_watched_from_the_start_without_what_is_billed(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab is in sight, and nobody has looked at the Overview yet."""
    monkeypatch.setattr(tab_module, "BUDGET_SOON_SECONDS", 0)
    application = make_application([RecordingTab.spec, TAB])
    application.show(connect=False)
    inventory, services = FakeInventory(pictured()), ModelServices()
    services.inventory = inventory
    tab = application.window.pages.tab("overview")
    enter(application, services)
    tab.chosen.budget = Budget(100.0)
    await until(lambda: "The budget is used up" in [notice.title for notice in application.ctx.notify.notices])
    assert not tab.active and "idle" not in [what for what, _ in inventory.asked]


async def test_a_budget_stops_nothing_that_was_not_chosen_or_in_read_only(make_application: Callable[..., Any]) -> None:
    from workers.inventory.types import Budget

    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    tab.chosen.budget = Budget(100.0)
    tab.refresh()
    await until(lambda: any("used up" in notice.title for notice in application.notify.notices))
    await until(lambda: not tab.running("list"))
    assert inventory.did == []
    application.ctx.set_read_only(True)
    tab.chosen.budget = Budget(100.0, stop_idle=True)
    tab.refresh()
    await until(lambda: not tab.running("list"))
    assert inventory.did == [] and not application.activity.running


async def test_cost_explorer_is_asked_on_a_click_alone(make_application: Callable[..., Any]) -> None:
    from console.tabs.overview.billed_dialog import BilledDialog

    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    assert "What AWS has billed…" in [text for text, _, _ in tab.more_entries()]
    tab.show_billed()
    dialog = await dialog_of(BilledDialog, application.window)
    assert not [what for what, _ in inventory.asked if what == "billed"]
    dialog.ask_button.click()
    await until(lambda: dialog.billed is not None)
    said = texts(dialog)
    assert "Amazon SageMaker" in said and "$180.00" in said and "$210.20" in said and "estimated" in said
    assert not dialog.ask_button.isVisible()
    dialog.reject()
    inventory.error = Expired("Your session has ended", "ExpiredToken.")
    tab.show_billed()
    dialog = await until(
        lambda: next((d for d in application.window.findChildren(BilledDialog) if d.isVisible()), None)
    )
    dialog.ask_button.click()
    await until(lambda: "Your session has ended" in texts(dialog))
    assert dialog.ask_button.isEnabled()
    dialog.reject()


def test_settling_several_tells_which_stayed() -> None:
    from workers.errors.tree import Conflict

    rows = [row for row in pictured() if row.idle and row.kind in ("instance", "notebook")]
    found = [IdleFinding("r", row, row.idle, None, 1.0, "stop", "") for row in rows]

    class Refusing(FakeInventory):
        async def settle(self, finding: IdleFinding, rules: Any = ()) -> str:
            if finding.resource.kind == "instance":
                raise Conflict("It is used again", "CPU 80 %.")
            return "done"

    class Services:
        inventory = Refusing()

    with pytest.raises(Conflict) as told:
        asyncio.run(Settle(found).run(Services()))  # type: ignore[arg-type]
    assert "1 of 2" in told.value.title and "dog-scratch" in told.value.message and "1 done" in told.value.message
