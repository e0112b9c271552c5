"""Taking down: the plan in its order, what stays, typed confirmation, progress, proof, and going on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QApplication

from console.tabs.overview.tear_down import TearDown
from console.tabs.overview.tear_down_dialog import TearDownDialog
from console.widgets.base import below
from console.widgets.forms.buttons import Button
from tests.helpers.inventory import FakeInventory, denied, pictured, resource
from tests.helpers.models import ModelServices, enter
from tests.helpers.overview_tab import opened, shown
from tests.helpers.window import dialog_of, texts, until
from workers.errors.tree import Throttled, Unreachable
from workers.inventory.types import ALL_KINDS, Proof, TearDownChoice, TearDownPlan, TearDownProgress, TearDownStep
from workers.scaling.types import METRIC, Policy, Target, Variant, VariantScaling

ACCOUNT = "123456789012"


async def planned(application: Any, tab: Any) -> TearDownDialog:
    tab.tear_down_button.click()
    dialog = await dialog_of(TearDownDialog, application.window)
    await until(lambda: dialog.plan is not None)
    return dialog


def names(table: Any) -> list[str]:
    return [row.resource.name for row in table.model.visible_rows()]


async def test_the_plan_says_what_goes_in_its_order_and_what_stays(make_application: Callable[..., Any]) -> None:
    rows = (*pictured(), resource("instance", "i-theirs", "running", ours=False))
    application, tab = await shown(make_application, FakeInventory(rows, [denied("function")]))
    dialog = await planned(application, tab)
    kinds = [row.resource.kind for row in dialog.goes.model.visible_rows()]
    assert kinds == sorted(kinds, key=ALL_KINDS.index)
    assert "i-theirs" in names(dialog.stays) and "dogs-482109375516" in names(dialog.stays)
    said = texts(dialog)
    assert ACCOUNT in said and "12 things will go" in said and "That saves $3.053 an hour" in said
    assert "Functions could not be read" in said and "may bill" in said
    dialog.scope.set_current("all")
    await until(lambda: dialog.plan is not None and "i-theirs" in names(dialog.goes))
    dialog.buckets.setChecked(True)
    await until(lambda: dialog.plan is not None and "dogs-482109375516" in names(dialog.goes))
    dialog.copy_button.click()
    assert len(QApplication.clipboard().text().splitlines()) == 14
    dialog.reject()


async def test_it_begins_only_when_the_account_was_typed(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    for typed, may in (("", False), ("123", False), (ACCOUNT, True)):
        dialog.field.set_value(typed)
        dialog.field.edited.emit()
        assert dialog.confirm_button.isEnabled() is may
    # Another choice is another plan: what was typed was meant for the one before.
    dialog.scope.set_current("all")
    await until(lambda: dialog.plan is not None)
    assert not dialog.confirm_button.isEnabled() and dialog.field.value() == ""
    dialog.reject()
    assert inventory.did == []


async def carried_out(dialog: TearDownDialog) -> None:
    assert dialog.plan is not None
    dialog.field.set_value(dialog.plan.confirm)
    dialog.field.edited.emit()
    dialog.confirm_button.click()


async def test_it_ends_with_a_proof(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory((*pictured(), resource("volume", "vol-theirs", ours=False, dollars_per_hour=0.0)))
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    dialog.buckets.setChecked(True)
    await until(lambda: dialog.plan is not None)
    await carried_out(dialog)
    await until(lambda: dialog.outcome is not None)
    assert len(inventory.did) == 13
    said = dialog.proof.accessibleName()
    assert said.startswith("Nothing that bills is left, of 20 kinds that were listed.") and "listed at" in said
    assert [(row.resource.name, row.why) for row in dialog.stays.model.visible_rows()] == [
        ("vol-theirs", "costs nothing")
    ]
    assert dialog.cancel_button.text() == "Close" and tab.chosen.unfinished is None
    assert dialog.heading.text() == "Torn down" == dialog.windowTitle() and not dialog.sentence.isVisible()
    dialog.cancel_button.click()
    await until(lambda: tab.list.table.model.total == 1)
    assert application.activity.history[0].text.startswith("13 of 13 things gone.")


class Stubborn(FakeInventory):
    """One thing cannot go, one must wait; ``held`` keeps it from going on."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.held = asyncio.Event()

    async def tear_down(self, plan: TearDownPlan) -> AsyncIterator[TearDownProgress]:
        steps = [replace(step, state="deleted") for step in plan.steps]
        steps[0] = replace(plan.steps[0], state="queued", note="AWS is still making it; tried again.")
        yield TearDownProgress(tuple(steps), "Waiting for dog-classifier-old")
        await self.held.wait()
        steps[0] = replace(plan.steps[0], state="failed", note="It stayed Creating for a day.")
        self.rows = (steps[0].resource,)
        yield TearDownProgress(tuple(steps), "Done.", ended=True)


async def test_what_cannot_go_is_told_with_its_reason(make_application: Callable[..., Any]) -> None:
    inventory = Stubborn(pictured())
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    await carried_out(dialog)
    await until(lambda: dialog.words.text() == "Waiting for dog-classifier-old")
    states = {row.resource.name: row.state for row in dialog.goes.model.visible_rows()}
    assert states["dog-classifier-old"] == "queued" and states["dog-trainer"] == "deleted"
    assert tab.chosen.unfinished == TearDownChoice() and not tab.tear_down_button.isEnabled()
    inventory.held.set()
    await until(lambda: dialog.outcome is not None)
    assert "1 of what is left may still bill" in dialog.proof.accessibleName()
    assert "1 could not be deleted" in texts(dialog)
    [left] = dialog.stays.model.visible_rows()
    assert left.why == "It stayed Creating for a day."
    dialog.accept()


async def test_closed_it_goes_on_and_tells_its_end(make_application: Callable[..., Any]) -> None:
    inventory = Stubborn(pictured())
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    await carried_out(dialog)
    await until(lambda: dialog.words.text().startswith("Waiting"))
    dialog.cancel_button.click()
    assert application.activity.running and not tab.tear_down_button.isEnabled()
    inventory.held.set()
    await until(lambda: any("may still bill" in notice.text for notice in application.notify.notices))
    await until(tab.tear_down_button.isEnabled)


async def test_after_a_restart_it_is_offered_to_go_on(make_application: Callable[..., Any]) -> None:
    inventory = Stubborn(pictured())
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    dialog.scope.set_current("all")
    await until(lambda: dialog.plan is not None)
    await carried_out(dialog)
    await until(lambda: dialog.words.text().startswith("Waiting"))
    await application.close()
    # Another window over the same files and the same account.
    application, tab = await shown(make_application, FakeInventory(pictured()[:3]))
    assert tab.unfinished.isVisible() and "was not finished" in texts(tab.unfinished)
    next(below(tab.unfinished, Button, in_sight=True)).click()
    dialog = await dialog_of(TearDownDialog, application.window)
    await until(lambda: dialog.plan is not None)
    assert dialog.scope.current == "all" and len(names(dialog.goes)) == 3
    await carried_out(dialog)
    await until(lambda: dialog.outcome is not None)
    assert not tab.unfinished.isVisible() and tab.chosen.unfinished is None
    dialog.accept()


async def test_what_cannot_be_listed_at_the_end_is_not_proven(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())

    async def silent() -> Proof:
        raise Unreachable("No answer from AWS", "Nothing came back.")

    inventory.proof = silent  # type: ignore[method-assign]
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    await carried_out(dialog)
    await until(lambda: dialog.outcome is not None)
    assert "What is left could not be listed: No answer from AWS." in texts(dialog) and dialog.proof.isHidden()
    dialog.accept()


async def test_a_plan_that_cannot_be_read_can_be_tried_again(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    inventory.error = Throttled("AWS asks to slow down", "Rate exceeded.")
    tab.tear_down_button.click()
    dialog = await dialog_of(TearDownDialog, application.window)
    await until(lambda: "AWS asks to slow down" in texts(dialog))
    assert not dialog.confirm_button.isEnabled() and not dialog.field.isVisible()
    inventory.error = None
    dialog.read()
    await until(lambda: dialog.plan is not None)
    dialog.reject()


async def test_deleting_what_is_selected_touches_nothing_else(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())
    application, tab = await shown(make_application, inventory)
    # Somebody makes an instance after the list was read: it is in no list of what is to be kept.
    inventory.rows = (*inventory.rows, resource("instance", "i-new", "running", dollars_per_hour=1.0))
    tab.list.table.select_keys([("volume", "vol-0c81d9be27"), ("instance", "i-07be44d0")])
    tab.delete(tab.list.resources())
    dialog = await dialog_of(TearDownDialog, application.window)
    await until(lambda: dialog.plan is not None)
    assert sorted(names(dialog.goes)) == ["dog-scratch", "vol-0c81d9be27"]
    assert dialog.plan is not None and dialog.plan.confirm == "2 resources" and not dialog.scope.isVisible()
    await carried_out(dialog)
    await until(lambda: dialog.outcome is not None)
    assert sorted(key for _, key in inventory.did) == [("instance", "i-07be44d0"), ("volume", "vol-0c81d9be27")]
    assert tab.chosen.unfinished is None
    dialog.accept()


async def test_scaling_that_is_taken_from_what_stays_can_be_put_back(make_application: Callable[..., Any]) -> None:
    application, _ = await shown(make_application, FakeInventory(pictured()))
    services, variant = application.ctx.services, Variant("cats", "a", "InService", "ml.m5.large", 1, 1)
    scaled = VariantScaling(variant, Target(2, 6), (Policy("mine", "TargetTrackingScaling", 33.5, METRIC),))
    services.scaling.variant_rows, services.scaling.found = [variant], {variant.id: scaled}
    facts = {"space": "sagemaker", "resource": variant.resource, "dimension": variant.scalable.dimension}
    target = resource("scalable-target", variant.id, facts=facts)
    step, endpoint = (
        TearDownStep(target, "Delete", 1, "deleted"),
        TearDownStep(resource("endpoint", "cats"), "Delete", 1, "deleted"),
    )

    async def torn(*steps: TearDownStep) -> Any:
        async def tear_down(plan: TearDownPlan) -> AsyncIterator[TearDownProgress]:
            await services.scaling.variants.remove(variant)
            yield TearDownProgress(steps, "")

        services.inventory.tear_down = tear_down
        await application.ctx.run(TearDown(TearDownPlan(TearDownChoice(), steps, (), (), "", None), prove=False))
        return application.activity.history[0]

    async def agree(confirmation: Any, cli: str) -> bool:
        return True

    application.ctx.ask = agree
    # What goes with its endpoint is gone.
    assert (await torn(endpoint, step)).put_back is None
    services.scaling.found = {variant.id: scaled}
    item = await torn(step)
    application.activity.history.clear()
    item.put_back()
    await until(lambda: application.activity.history)
    assert application.activity.history[0].state == "done" and services.scaling.found[variant.id] == scaled


async def test_an_account_that_is_left_ends_it_and_shows_nothing_of_it(make_application: Callable[..., Any]) -> None:
    inventory = Stubborn(pictured())
    application, tab = await shown(make_application, inventory)
    dialog = await planned(application, tab)
    await carried_out(dialog)
    await until(lambda: dialog.words.text().startswith("Waiting"))
    application.ctx.leave()
    await until(lambda: not dialog.running)
    other = ModelServices()
    other.who = type(other.who)("999999999999", "arn:aws:iam::999999999999:user/other")
    enter(application, other)
    assert not tab.unfinished.isVisible(), "it was begun in another account"
    dialog.reject()


def test_steps_are_told_in_words() -> None:
    from console.tabs.overview.tear_down import STEP_COLUMNS

    step = TearDownStep(resource("instance", "i-1"), "Terminate", 3, "waiting", "shutting down")
    assert [column.text_of(step) for column in STEP_COLUMNS] == [
        "i-1", "Terminate EC2 instance", "shutting down", "Waiting",
    ]  # fmt: skip


async def test_read_only_begins_nothing(make_application: Callable[..., Any]) -> None:
    application, tab = await opened(make_application, FakeInventory(pictured()))
    await until(lambda: tab.list.table.model.total)
    dialog = await planned(application, tab)
    application.ctx.set_read_only(True)
    dialog.field.set_value(ACCOUNT)
    dialog.field.edited.emit()
    assert not dialog.confirm_button.isEnabled()
    dialog.reject()
