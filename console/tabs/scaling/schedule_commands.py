"""Changes of scheduled actions, and of instances and weights by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation, Reversible
from console.models.format import count, dollars
from console.tabs.scaling.schedule_list import limits, times
from workers.errors.tree import SageDeckError
from workers.scaling.schedules import action_arguments
from workers.scaling.types import Capacity, Scalable, Schedule, Target, Variant

if TYPE_CHECKING:
    from workers.services import Services


class _ChangeSchedule(Reversible):
    """A change of one scheduled action, whose value is what it says; None: there is none of this name.

    ``register``: the limits with which what is not scaled yet begins to be. ``limits``: what it was scaled between
    before, where this change may begin or end that; noted when it is made.
    """

    icon = "history"
    value_is = Schedule | None

    def __init__(
        self,
        scalable: Scalable,
        action: Schedule,
        event: tuple[str, str],
        register: Target | None = None,
        limits: Target | None = None,
        *,
        tidy: bool = False,
    ) -> None:
        self.scalable, self.action, self.event = scalable, action, event
        self.register, self.limits, self.tidy = register, limits, tidy

    async def which(self, services: Services) -> str:
        """What it scales."""
        return await services.scaling.identity(self.scalable)

    async def value(self, services: Services) -> Schedule | None:
        """The action of this name as it is."""
        found = await services.scaling.schedules.of(self.scalable)
        return next((_said(action) for action in found if action.name == self.action.name), None)

    def since(self, value: object) -> str:
        """What became of the action since."""
        if value is None:
            return f"The schedule {self.action.name} was deleted since"
        if self.wanted is None:
            return f"A schedule {self.action.name} was made since"
        return f"The schedule {self.action.name} was changed again since"

    def reverse(self) -> Command:
        """The action of before, or none."""
        if self.before is None:
            begun = self.register is not None and self.limits is None
            return DeleteSchedule(self.scalable, self.action, self.event, tidy=begun)
        return PutSchedule(self.scalable, self.before, self.event, self.limits)

    async def _note_limits(self, services: Services) -> None:
        """Whoever may change schedules but not read limits changes them all the same."""
        try:
            self.limits = await services.scaling.schedules.target(self.scalable)
        except SageDeckError:
            self.knows_before = False

    def events(self) -> list[tuple[str, str]]:
        """It is scaled otherwise."""
        return [self.event]


class PutSchedule(_ChangeSchedule):
    """Make or change a scheduled action."""

    def __init__(
        self,
        scalable: Scalable,
        action: Schedule,
        event: tuple[str, str],
        register: Target | None = None,
        limits: Target | None = None,
    ) -> None:
        super().__init__(scalable, action, event, register, limits)
        self.title = f"Schedule {action.name} for {scalable.id}"

    @property
    def wanted(self) -> Schedule:
        """The action as AWS tells it afterwards."""
        return _said(self.action)

    async def change(self, services: Services) -> None:
        """Ask Application Auto Scaling."""
        if self.register is not None:
            await self._note_limits(services)
        await services.scaling.schedules.put(self.scalable, self.action, self.register)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"{times(self.action)}: {limits(self.action)}"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        given = action_arguments(self.scalable, self.action)
        ends = (("start", self.action.start), ("end", self.action.end))
        bounds = "".join(f" --{name}-time {at.isoformat()}" for name, at in ends if at is not None)
        first = ""
        if self.register is not None:
            first = (
                "# Where it is not scaled yet:\n"
                f"aws application-autoscaling register-scalable-target {self.scalable.words} "
                f"--min-capacity {self.register.minimum} --max-capacity {self.register.maximum}\n"
            )
        return (
            f"{first}aws application-autoscaling put-scheduled-action {self.scalable.words} "
            f"--scheduled-action-name '{self.action.name}' --schedule '{self.action.expression}' "
            f"--timezone {self.action.timezone}{bounds} "
            f"--scalable-target-action '{json.dumps(given['ScalableTargetAction'])}'"
        )


class DeleteSchedule(_ChangeSchedule):
    """Delete a scheduled action. ``tidy``: where nothing else scales it then, it is scaled no more."""

    def __init__(
        self,
        scalable: Scalable,
        action: Schedule,
        event: tuple[str, str],
        limits: Target | None = None,
        *,
        tidy: bool = False,
    ) -> None:
        super().__init__(scalable, action, event, limits=limits, tidy=tidy)
        self.title = f"Delete the schedule {action.name}"

    @property
    def wanted(self) -> None:
        """There is none then."""
        return None

    def confirmation(self) -> Confirmation:
        """What happens no more, and what stays as it is now."""
        return Confirmation(
            f"{self.title}?",
            f"{self.scalable.id} keeps the limits that it has now.",
            icon="history",
            listed=(Affected("history", self.action.name, f"{times(self.action)}: {limits(self.action)}"),),
        )

    async def changed(self, services: Services) -> str:
        """Whether it is still the one that was shown."""
        now = await self.value(services)
        if now is None:
            return f"The schedule {self.action.name} is gone already."
        return "" if now == _said(self.action) else f"The schedule {self.action.name} was changed since it was shown."

    async def change(self, services: Services) -> None:
        """Ask Application Auto Scaling."""
        if self.tidy:
            await self._note_limits(services)
        await services.scaling.schedules.delete(self.scalable, self.action.name, tidy=self.tidy)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws application-autoscaling delete-scheduled-action {self.scalable.words} "
            f"--scheduled-action-name '{self.action.name}'"
        )


def _said(action: Schedule) -> Schedule:
    """What was asked for of an action: not when it was made, nor what it belongs to."""
    return replace(action, resource="", created=None)


class SetCapacities(Reversible):
    """Set instances and weights of an endpoint's variants by hand."""

    icon = "endpoints"
    value_is = tuple[Capacity, ...]
    # They are others by the time it is put back.
    not_kept = ("prices",)

    def __init__(
        self,
        variants: Sequence[Variant],
        capacities: Sequence[Capacity],
        prices: Mapping[str, float | None] | None = None,
        target: Target | None = None,
    ) -> None:
        """``prices``: US dollars an hour of an instance of each variant, None: not known. ``target``: limits of one."""
        self.variants, self.endpoint = tuple(variants), variants[0].endpoint
        self._by_name = {variant.name: variant for variant in variants}
        self.capacities, self.prices, self.target = tuple(capacities), prices, target
        self.title = f"Change the instances of {self.endpoint}"

    @property
    def wanted(self) -> tuple[Capacity, ...]:
        """Instances and weights of the variants that change."""
        return self.capacities

    async def value(self, services: Services) -> tuple[Capacity, ...]:
        """The same as they are to be now."""
        return await services.scaling.variants.capacities(self.endpoint, self.capacities)

    def reverse(self) -> Command:
        """As many, and the weights, of before."""
        set_by_this = [_with(self._by_name[capacity.name], capacity) for capacity in self.capacities]
        others = [variant for variant in self._by_name.values() if variant.name not in self._names]
        return SetCapacities([*set_by_this, *others], self.before, self.prices, self.target)

    async def which(self, services: Services) -> str:
        """The endpoint, and what the variants run on."""
        return await services.scaling.variants.identity(self.endpoint, sorted(self._names))

    def look_up(self, services: Services) -> None:
        """The list prices of today, where none were given."""
        if self.prices is None:
            self.prices = {variant.name: services.scaling.per_hour(variant) for variant in self.variants}

    @property
    def _names(self) -> set[str]:
        return {capacity.name for capacity in self.capacities}

    def _per_hour(self) -> float | None:
        changed = {capacity.name: capacity.count for capacity in self.capacities if capacity.count is not None}
        bills = [
            ((self.prices or {}).get(name), changed.get(name, variant.desired))
            for name, variant in self._by_name.items()
        ]
        known = [price * number for price, number in bills if price is not None]
        return sum(known) if len(known) == len(bills) else None

    def confirmation(self) -> Confirmation:
        """What changes, what it then costs, and what auto scaling makes of it."""
        cost = "No list price is known for them."
        per_hour = self._per_hour()
        if per_hour is not None:
            cost = f"Its instances then bill {dollars(per_hour)} an hour."
        stays = " Auto scaling goes on from there, within its limits." if self.target is not None else ""
        return Confirmation(
            f"{self.title}?",
            f"{cost}{stays} It answers meanwhile, and cannot be changed otherwise until it is done.",
            confirm_label="Change",
            icon="endpoints",
            danger=False,
            listed=tuple(self._line(capacity) for capacity in self.capacities),
        )

    def _line(self, capacity: Capacity) -> Affected:
        before = self._by_name[capacity.name]
        parts = []
        if capacity.count is not None:
            parts.append(f"{count(capacity.count, 'instance')}, now {before.desired}")
        if capacity.weight is not None:
            parts.append(f"weight {capacity.weight:g}, now {before.weight:g}")
        return Affected("endpoints", capacity.name, "; ".join(parts))

    async def change(self, services: Services) -> None:
        """Ask SageMaker; the endpoint is Updating on return."""
        await services.scaling.variants.set_capacities(self.endpoint, self.capacities)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return "begun: " + "; ".join(f"{line.name} {line.note}" for line in map(self._line, self.capacities))

    def cli(self) -> str:
        """The same by the AWS CLI."""
        wanted = json.dumps([capacity.arguments for capacity in self.capacities])
        return (
            f"aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {self.endpoint} "
            f"--desired-weights-and-capacities '{wanted}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """The endpoint changes."""
        return [("endpoint", self.endpoint)]


def _with(variant: Variant, capacity: Capacity) -> Variant:
    return replace(
        variant,
        desired=variant.desired if capacity.count is None else capacity.count,
        weight=variant.weight if capacity.weight is None else capacity.weight,
    )
