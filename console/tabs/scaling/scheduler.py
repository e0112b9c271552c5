"""What stands behind the schedules of both pages, and behind the change of instances by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.tabs.scaling.counts_dialog import CountsDialog
from console.tabs.scaling.schedule_commands import DeleteSchedule, PutSchedule, SetCapacities
from console.tabs.scaling.schedule_dialog import ScheduleDialog
from console.tabs.scaling.schedule_list import ScheduleList, time_factor
from workers.scaling.types import FunctionScaling, Scalable, Schedule, Target, Variant, VariantScaling, kept_warm

if TYPE_CHECKING:
    from workers.services import Services

_KEY = "scaling:schedule"


class Scheduler(QObject):
    """Schedules of the variant or the function that is chosen, and a variant's instances."""

    def __init__(self, ctx: AppContext, of_variant: ScheduleList, of_function: ScheduleList, parent: QWidget) -> None:
        super().__init__(parent)
        self._ctx, self._window = ctx, parent
        self._of_variant, self._of_function = of_variant, of_function
        self._variant: VariantScaling | None = None
        self._function: FunctionScaling | None = None
        for part in (of_variant, of_function):
            part.newWanted.connect(lambda: self.edit(None))
            part.editWanted.connect(self.edit)
            part.deleteWanted.connect(self.delete)

    def forget(self) -> None:
        """Nothing is chosen."""
        self._variant = self._function = None
        for part in (self._of_variant, self._of_function):
            part.forget()
        self.update()

    def show_variant(self, found: VariantScaling) -> None:
        """The schedules of a variant."""
        self._variant, self._function = found, None
        self._of_variant.show_actions(found.schedules)
        self.update()

    def show_function(self, found: FunctionScaling) -> None:
        """The schedules of all versions and aliases of a function."""
        self._variant, self._function = None, found
        self._of_function.show_actions(found.schedules)
        self.update()

    def update(self) -> None:
        """What may be pressed now."""
        against, variant, function = self._ctx.hindrance, self._variant, self._function
        unscaled = "" if variant is not None and variant.target is not None else "Only what is scaled has a schedule"
        unnamed = "" if function is not None and function.qualifiers else "It has no version or alias to keep warm"
        self._of_variant.set_against(against or unscaled)
        self._of_function.set_against(against or unnamed)

    # Schedules

    def edit(self, action: Schedule | None) -> None:
        """Ask what the action is to be (None: a new one), then set it."""
        self._ctx.with_services(self._edit, action, label="Set the schedule", key=_KEY)

    async def _edit(self, services: Services, action: Schedule | None) -> None:
        variant, function = self._variant, self._function
        qualifiers = [found.name for found in function.qualifiers] if function is not None else []
        title = f"Schedule {action.name}" if action is not None else "New schedule"
        dialog = ScheduleDialog(title, action, qualifiers, time_factor(self._ctx), self._window)
        if not await dialog.ask():
            return
        if variant is not None:
            scalable = variant.variant.scalable
            await self._ctx.run(PutSchedule(scalable, dialog.action, ("scaling", variant.variant.endpoint)))
        elif function is not None:
            scalable = kept_warm(function.name, dialog.qualifier)
            warm = next((kept.requested for kept in function.provisioned if kept.qualifier == dialog.qualifier), 0)
            limits = Target(warm, warm)
            await self._ctx.run(PutSchedule(scalable, dialog.action, ("function", function.name), limits))

    def delete(self, action: Schedule) -> None:
        """Ask, then delete the action."""
        scalable, event = self._scaled_by(action)
        # A function's alias that only schedules scale is scaled no more without the last of them.
        self._ctx.start(DeleteSchedule(scalable, action, event, tidy=scalable.namespace == "lambda"))

    def _scaled_by(self, action: Schedule) -> tuple[Scalable, tuple[str, str]]:
        if self._function is not None:
            name = self._function.name
            return kept_warm(name, action.resource.rpartition(":")[2]), ("function", name)
        assert self._variant is not None
        return self._variant.variant.scalable, ("scaling", self._variant.variant.endpoint)

    # Instances

    def change_counts(self, variants: Sequence[Variant]) -> None:
        """Ask for instances and weights of these variants of one endpoint, then set them."""
        self._ctx.with_services(self._change_counts, tuple(variants), label="Change the instances", key=_KEY)

    async def _change_counts(self, services: Services, variants: tuple[Variant, ...]) -> None:
        chosen = self._variant
        limits: dict[str, Target] = {}
        if chosen is not None and chosen.target is not None:
            limits[chosen.variant.name] = chosen.target
        dialog = CountsDialog(variants, limits, self._window)
        if not await dialog.ask():
            return
        prices = {variant.name: services.scaling.per_hour(variant) for variant in variants}
        await self._ctx.run(SetCapacities(variants, dialog.wanted, prices, next(iter(limits.values()), None)))
