"""Setting the whole scaling of one thing as it was before: what puts back a policy that was set, or a removal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from console.commands import Affected, Command, Confirmation, Reversible
from console.models.format import count, dollars
from console.tabs.scaling.schedule_list import limits, times
from console.widgets.text.key_values import breakable
from workers.scaling.reading import policy_of
from workers.scaling.snapshots import Snapshot
from workers.scaling.types import METRIC, Scalable, Suspended, Variant

if TYPE_CHECKING:
    from workers.services import Services

_AWS = "aws application-autoscaling"
_CONFIGURATIONS = {
    "TargetTrackingScalingPolicyConfiguration": "--target-tracking-scaling-policy-configuration",
    "StepScalingPolicyConfiguration": "--step-scaling-policy-configuration",
    "PredictiveScalingPolicyConfiguration": "--predictive-scaling-policy-configuration",
}


class RestoreScaling(Reversible):
    """Limits with what is suspended, policies and schedules as ``snapshot`` says; without limits, scale no more.

    ``policy``: the limits and this policy alone; other policies and the schedules stay. ``variant``: what is scaled,
    for its price; None for a function.
    """

    icon = "scaling"
    value_is = Snapshot

    def __init__(
        self,
        scalable: Scalable,
        event: tuple[str, str],
        snapshot: Snapshot,
        policy: str = "",
        variant: Variant | None = None,
    ) -> None:
        self.scalable, self.event, self.snapshot = scalable, event, snapshot
        self.policy, self.variant = policy, variant
        self._per_hour: float | None = None
        scaled = snapshot.target is not None
        self.title = f"Scale {scalable.id} as before" if scaled else f"Scale {scalable.id} no more"

    @property
    def wanted(self) -> Snapshot:
        """What is then there of it."""
        return self.snapshot

    async def which(self, services: Services) -> str:
        """What is scaled."""
        return await services.scaling.identity(self.scalable)

    async def value(self, services: Services) -> Snapshot:
        """All that scales it now."""
        return await services.scaling.snapshots.read(self.scalable)

    def holds(self, value: Snapshot) -> bool:
        """Whether it is still scaled like that; schedules that are over by now do not count."""
        part = value.of_policy(self.policy) if self.policy else value
        return part.still().is_like(self.snapshot.still())

    def reverse(self) -> Command:
        """As it was before it was put back."""
        before: Snapshot = self.before
        part = before.of_policy(self.policy) if self.policy else before
        return RestoreScaling(self.scalable, self.event, part, self.policy, self.variant)

    def look_up(self, services: Services) -> None:
        """The list price of an instance."""
        self._per_hour = services.scaling.per_hour(self.variant) if self.variant is not None else None

    def confirmation(self) -> Confirmation:
        """What is set again, and what it then costs at least and at most."""
        target = self.snapshot.limits
        if target is None:
            return Confirmation(
                f"{self.title}?", "It keeps the capacity that it has now, whatever comes.",
                confirm_label="Remove", icon="scaling",
            )  # fmt: skip
        cost = ""
        if self._per_hour is not None:
            least, most = self._per_hour * target.minimum, self._per_hour * target.maximum
            cost = f"Its instances then bill {dollars(least)} to {dollars(most)} an hour."
        elif self.variant is not None:
            cost = "No list price is known for its instances."
        over = self.snapshot.over()
        return Confirmation(
            f"{self.title}?",
            cost,
            confirm_label="Put back",
            icon="scaling",
            danger=False,
            listed=(
                Affected("scaling", f"Limits: {target.minimum} to {target.maximum}", _suspended(target.suspended)),
                *(Affected("scaling", f"Policy {found['PolicyName']}", _tells(found)) for found in self._policies),
                *(
                    Affected(
                        "history",
                        f"Schedule {action.name}",
                        "its time is over: it is not made again"
                        if action.name in over
                        else f"{times(action)}: {limits(action)}",
                    )
                    for action in self.snapshot.actions
                ),
            ),
        )

    @property
    def _policies(self) -> tuple[Mapping[str, Any], ...]:
        return self.snapshot.policies

    async def change(self, services: Services) -> tuple[str, ...]:
        """Set all of it; returns what could not be as it was."""
        return await services.scaling.snapshots.write(self.scalable, self.snapshot, self.policy)

    def done_text(self, result: tuple[str, ...]) -> str:
        """What the activity panel says."""
        target = self.snapshot.limits
        if target is None:
            return "not scaled"
        said = [f"{target.minimum} to {target.maximum}", *([count(len(self._policies), "policy", "policies")])]
        if self.snapshot.schedules:
            said.append(count(len(self.snapshot.schedules) - len(self.snapshot.over()), "schedule"))
        return ". ".join([", ".join(said), *(note.rstrip(".") for note in result)])

    def cli(self) -> str:
        """All calls."""
        words, target = self.scalable.words, self.snapshot.target
        if target is None:
            return f"{_AWS} deregister-scalable-target {words}"
        still = json.dumps(target.get("SuspendedState", {}))
        lines = [
            f"{_AWS} register-scalable-target {words} --min-capacity {target['MinCapacity']} "
            f"--max-capacity {target['MaxCapacity']} --suspended-state {shlex.quote(still)}"
        ]
        for found in self._policies:
            given = " ".join(
                f"{option} {shlex.quote(json.dumps(found[member]))}"
                for member, option in _CONFIGURATIONS.items()
                if member in found
            )
            name = shlex.quote(found["PolicyName"])
            kind = found["PolicyType"]
            lines.append(f"{_AWS} put-scaling-policy {words} --policy-name {name} --policy-type {kind} {given}")
        over = self.snapshot.over()
        for action in self.snapshot.still().schedules:
            if action["ScheduledActionName"] not in over:
                bounds = "".join(
                    f" --{option} {action[member]}"
                    for member, option in (("StartTime", "start-time"), ("EndTime", "end-time"))
                    if member in action
                )
                lines.append(
                    f"{_AWS} put-scheduled-action {words} "
                    f"--scheduled-action-name {shlex.quote(action['ScheduledActionName'])} "
                    f"--schedule {shlex.quote(action['Schedule'])} --timezone {action.get('Timezone', 'UTC')}{bounds} "
                    f"--scalable-target-action {shlex.quote(json.dumps(action.get('ScalableTargetAction', {})))}"
                )
        return "\n".join(lines)

    def events(self) -> list[tuple[str, str]]:
        """It is scaled otherwise."""
        return [self.event]


def _suspended(suspended: Suspended) -> str:
    still = [
        word
        for word, on in (
            ("scaling out", suspended.scale_out), ("scaling in", suspended.scale_in), ("schedule", suspended.scheduled)
        )
        if on
    ]  # fmt: skip
    return f"suspended: {', '.join(still)}" if still else ""


def _tells(found: Mapping[str, Any]) -> str:
    policy = policy_of(found)
    if policy.value is None:
        return f"{count(len(policy.steps), 'step')}" if policy.steps else policy.kind
    held = ", never scales in" if policy.scale_in_off else ""
    of = "calls per instance and minute" if policy.metric == METRIC else f"of {breakable(policy.metric)}"
    return f"target {policy.value:g} {of}, waits {policy.out_wait} s out, {policy.in_wait} s in{held}"
