"""Changes of scheduled actions, and of instances and weights by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation
from console.models.format import count, dollars
from console.tabs.scaling.schedule_list import limits, times
from workers.scaling.schedules import action_arguments
from workers.scaling.types import Capacity, Scalable, Schedule, Target, Variant

if TYPE_CHECKING:
    from workers.services import Services


class PutSchedule(Command):
    """Make or change a scheduled action. ``register``: the limits of what is not scaled yet."""

    icon = "history"

    def __init__(
        self, scalable: Scalable, action: Schedule, event: tuple[str, str], register: Target | None = None
    ) -> None:
        self.scalable, self.action = scalable, action
        self._event, self._register = event, register
        self.title = f"Schedule {action.name} for {scalable.id}"

    async def run(self, services: Services) -> None:
        """Ask Application Auto Scaling."""
        await services.scaling.schedules.put(self.scalable, self.action, self._register)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"{times(self.action)}: {limits(self.action)}"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        given = action_arguments(self.scalable, self.action)
        first = ""
        if self._register is not None:
            first = (
                "# Where it is not scaled yet:\n"
                f"aws application-autoscaling register-scalable-target {self.scalable.words} "
                f"--min-capacity {self._register.minimum} --max-capacity {self._register.maximum}\n"
            )
        return (
            f"{first}aws application-autoscaling put-scheduled-action {self.scalable.words} "
            f"--scheduled-action-name '{self.action.name}' --schedule '{self.action.expression}' "
            f"--timezone {self.action.timezone} --scalable-target-action '{json.dumps(given['ScalableTargetAction'])}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """It is scaled otherwise."""
        return [self._event]


class DeleteSchedule(Command):
    """Delete a scheduled action; a function's alias that only it scaled is scaled no more."""

    icon = "history"

    def __init__(self, scalable: Scalable, action: Schedule, event: tuple[str, str]) -> None:
        self.scalable, self.action, self._event = scalable, action, event
        self.title = f"Delete the schedule {action.name}"

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
        found = await services.scaling.schedules.of(self.scalable)
        now = next((action for action in found if action.name == self.action.name), None)
        if now is None:
            return f"The schedule {self.action.name} is gone already."
        return "" if now == self.action else f"The schedule {self.action.name} was changed since it was shown."

    async def run(self, services: Services) -> None:
        """Ask Application Auto Scaling."""
        tidy = self.scalable.namespace == "lambda"
        await services.scaling.schedules.delete(self.scalable, self.action.name, tidy=tidy)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws application-autoscaling delete-scheduled-action {self.scalable.words} "
            f"--scheduled-action-name '{self.action.name}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """It is scaled otherwise."""
        return [self._event]


class SetCapacities(Command):
    """Set instances and weights of an endpoint's variants by hand."""

    icon = "endpoints"

    def __init__(
        self,
        variants: Sequence[Variant],
        wanted: Sequence[Capacity],
        per_hour: float | None,
        target: Target | None = None,
    ) -> None:
        """``per_hour``: US dollars of all instances then, None: not known. ``target``: limits of one of them."""
        self.endpoint = variants[0].endpoint
        self._variants = {variant.name: variant for variant in variants}
        self.wanted, self._per_hour, self._target = tuple(wanted), per_hour, target
        self.title = f"Change the instances of {self.endpoint}"

    def confirmation(self) -> Confirmation:
        """What changes, what it then costs, and what auto scaling makes of it."""
        cost = "No list price is known for them."
        if self._per_hour is not None:
            cost = f"Its instances then bill {dollars(self._per_hour)} an hour."
        stays = " Auto scaling goes on from there, within its limits." if self._target is not None else ""
        return Confirmation(
            f"{self.title}?",
            f"{cost}{stays} It answers meanwhile, and cannot be changed otherwise until it is done.",
            confirm_label="Change",
            icon="endpoints",
            danger=False,
            listed=tuple(self._line(capacity) for capacity in self.wanted),
        )

    def _line(self, capacity: Capacity) -> Affected:
        before = self._variants[capacity.name]
        parts = []
        if capacity.count is not None:
            parts.append(f"{count(capacity.count, 'instance')}, now {before.desired}")
        if capacity.weight is not None:
            parts.append(f"weight {capacity.weight:g}, now {before.weight:g}")
        return Affected("endpoints", capacity.name, "; ".join(parts))

    async def run(self, services: Services) -> None:
        """Ask SageMaker; the endpoint is Updating on return."""
        await services.scaling.variants.set_capacities(self.endpoint, self.wanted)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return "begun: " + "; ".join(f"{line.name} {line.note}" for line in map(self._line, self.wanted))

    def cli(self) -> str:
        """The same by the AWS CLI."""
        wanted = json.dumps([capacity.arguments for capacity in self.wanted])
        return (
            f"aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {self.endpoint} "
            f"--desired-weights-and-capacities '{wanted}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """The endpoint changes."""
        return [("endpoint", self.endpoint)]
