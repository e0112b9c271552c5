"""All that scales one thing, as AWS tells it: read before it is changed or removed, and put back to the letter.

The frozen values of ``types`` say what a form needs; a snapshot also has what no form knows (a metric of one's own,
steps, a policy that never scales in), so that what comes back is what there was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from workers.aws.creating import Attempt, Part, as_one, surely, surely_gone
from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, NotFound
from workers.parking.memory import Raw
from workers.parking.scaling import (
    ALARM_ACTIONS,
    ALARM_MEMBERS,
    POLICY_ARN,
    POLICY_MEMBERS,
    SCHEDULE_MEMBERS,
    SERVICE,
    TARGET_MEMBERS,
    only,
    still_to_come,
    timed,
)
from workers.scaling.reading import policy_of, schedule_of, target_of
from workers.scaling.types import Policy, Scalable, Schedule, Target

_STEPS = "StepScaling"


@dataclass(frozen=True)
class AlarmCall:
    """An alarm of somebody's own that starts a policy: with the policy's deletion AWS takes the policy out of it."""

    alarm: str
    policy: str
    lists: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """Limits with what is suspended, policies and schedules, in AWS's own members; ``target`` None: not scaled.

    ``starts``: which alarms start which of its policies; ``None``: they could not be read.
    """

    target: Mapping[str, Any] | None = None
    policies: tuple[Mapping[str, Any], ...] = ()
    schedules: tuple[Mapping[str, Any], ...] = ()
    starts: tuple[AlarmCall, ...] | None = ()

    @property
    def limits(self) -> Target | None:
        """Its limits, and what stands still."""
        return target_of(self.target) if self.target is not None else None

    def policy(self, name: str) -> Policy | None:
        """The policy of this name."""
        return next((policy_of(found) for found in self.policies if found["PolicyName"] == name), None)

    @property
    def actions(self) -> tuple[Schedule, ...]:
        """Its schedules, as the window shows them."""
        return tuple(schedule_of(timed(dict(found))) for found in self.schedules)

    def of_policy(self, name: str) -> Snapshot:
        """The limits and this one policy alone."""
        mine = tuple(found for found in self.policies if found["PolicyName"] == name)
        starts = None if self.starts is None else tuple(call for call in self.starts if call.policy == name)
        return replace(self, policies=mine, schedules=(), starts=starts)

    def is_like(self, other: Snapshot) -> bool:
        """Whether the same is scaled in the same way; alarms of others do not count."""
        return (self.target, _named(self.policies, "PolicyName"), _named(self.schedules, "ScheduledActionName")) == (
            other.target, _named(other.policies, "PolicyName"), _named(other.schedules, "ScheduledActionName")
        )  # fmt: skip

    def still(self, now: datetime | None = None) -> Snapshot:
        """What of it can be made now: no schedules that are over, no starts that are over."""
        now = now or datetime.now(UTC)
        left = (still_to_come(dict(found), now) for found in self.schedules)
        return replace(self, schedules=tuple(found for found in left if found is not None))

    def over(self, now: datetime | None = None) -> tuple[str, ...]:
        """The names of its schedules whose time is over: AWS makes them no more."""
        now = now or datetime.now(UTC)
        return tuple(
            found["ScheduledActionName"] for found in self.schedules if still_to_come(dict(found), now) is None
        )


class Snapshots:
    """Reads and writes the whole scaling of one thing. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def read(self, scalable: Scalable) -> Snapshot:
        """All there is now."""
        doing = f"read the scaling of {scalable.id}"
        answer = await self._session.call(
            SERVICE,
            "describe_scalable_targets",
            doing,
            ServiceNamespace=scalable.namespace,
            ResourceIds=[scalable.resource],
            ScalableDimension=scalable.dimension,
        )
        targets = answer.get("ScalableTargets", ())
        if not targets:
            return Snapshot()
        policies, schedules = await asyncio.gather(
            self._all("scaling_policies", "ScalingPolicies", scalable, doing),
            self._all("scheduled_actions", "ScheduledActions", scalable, doing),
        )
        return Snapshot(
            only(targets[0], TARGET_MEMBERS),
            tuple(only(found, POLICY_MEMBERS) for found in policies),
            tuple(only(found, SCHEDULE_MEMBERS) for found in schedules),
            await self._starts(policies, doing),
        )

    async def _all(self, what: str, key: str, scalable: Scalable, doing: str) -> list[Raw]:
        pages = self._session.paginate(SERVICE, f"describe_{what}", key, doing=doing, **scalable.arguments)
        return [found async for found in pages]

    async def _starts(self, policies: Sequence[Raw], doing: str) -> tuple[AlarmCall, ...] | None:
        arns = {found[POLICY_ARN]: found["PolicyName"] for found in policies if found.get("PolicyType") == _STEPS}
        names = sorted({alarm["AlarmName"] for found in policies if found.get(POLICY_ARN) in arns
                        for alarm in found.get("Alarms", ())})  # fmt: skip
        try:
            alarms = await self._alarms(names, doing)
        except AccessDenied:
            return None
        calls = []
        for alarm in alarms:
            for arn, policy in arns.items():
                lists = tuple(key for key in ALARM_ACTIONS if arn in alarm.get(key, ()))
                calls += [AlarmCall(alarm["AlarmName"], policy, lists)] if lists else []
        return tuple(calls)

    async def _alarms(self, names: Sequence[str], doing: str) -> list[Raw]:
        if not names:
            return []
        answer = await self._session.call("cloudwatch", "describe_alarms", doing, AlarmNames=list(names))
        return [only(found, ALARM_MEMBERS) for found in answer.get("MetricAlarms", ())]

    async def write(self, scalable: Scalable, wanted: Snapshot, policy: str = "") -> tuple[str, ...]:
        """Make it as ``wanted`` says; ``policy``: limits and this policy alone, all others and the schedules stay.

        Returns what could not be as it was, a sentence each. When a step is refused, what was not scaled before is
        not scaled then, and of limits that were others the old ones come back.
        """
        doing = f"put back the scaling of {scalable.id}"
        now = await self.read(scalable)
        if wanted.target is None:
            await surely_gone(lambda: self._deregister(scalable, doing), lambda: self._is_scaled(scalable))
            return ()
        part = now.of_policy(policy) if policy else now
        notes: list[str] = []
        before = now.target
        by_hand = f"aws application-autoscaling deregister-scalable-target {scalable.words}" if before is None else ""

        async def steps(attempt: Attempt) -> None:
            await attempt.make(
                Part(
                    "scalable target",
                    scalable.resource,
                    lambda: self._deregister(scalable, doing) if before is None else self._put(scalable, before, doing),
                    by_hand,
                    "its limits are those from before" if before is not None else "",
                ),
                lambda: self._put(scalable, wanted.target or {}, doing),
                lambda: self._has(scalable, wanted),
            )
            await self._policies(scalable, part, wanted, doing)
            if not policy:
                notes.extend(await self._schedules(scalable, part, wanted, doing))

        await as_one(steps, doing)
        notes.extend(await self._start_again(scalable, wanted, doing))
        return tuple(notes)

    async def _policies(self, scalable: Scalable, now: Snapshot, wanted: Snapshot, doing: str) -> None:
        for name, policy in _named(wanted.policies, "PolicyName").items():
            if policy != _named(now.policies, "PolicyName").get(name):
                await self._again("put_scaling_policy", scalable, policy, doing)
        for name in _named(now.policies, "PolicyName").keys() - _named(wanted.policies, "PolicyName").keys():
            await self._gone("delete_scaling_policy", scalable, "PolicyName", name, doing)

    async def _schedules(self, scalable: Scalable, now: Snapshot, wanted: Snapshot, doing: str) -> list[str]:
        notes = []
        for name, action in _named(wanted.schedules, "ScheduledActionName").items():
            still = still_to_come(dict(action), datetime.now(UTC))
            if still is None:
                notes.append(f"The time of the schedule {name} is over: it was not made again.")
            elif action != _named(now.schedules, "ScheduledActionName").get(name):
                await self._again("put_scheduled_action", scalable, timed(still), doing)
                if still != action:
                    notes.append(f"The schedule {name} has no start any more: it was over.")
        wanted_names = _named(wanted.schedules, "ScheduledActionName").keys()
        for name in _named(now.schedules, "ScheduledActionName").keys() - wanted_names:
            await self._gone("delete_scheduled_action", scalable, "ScheduledActionName", name, doing)
        return notes

    async def _start_again(self, scalable: Scalable, wanted: Snapshot, doing: str) -> list[str]:
        """Let the alarms start the policies again: one that is made again has another ARN."""
        if wanted.starts is None:
            return ["Which alarms started its policies could not be read: set their actions by hand."]
        if not wanted.starts:
            return []
        found = await self._all("scaling_policies", "ScalingPolicies", scalable, doing)
        arns = {entry["PolicyName"]: entry[POLICY_ARN] for entry in found}
        alarms = {alarm["AlarmName"]: alarm for alarm in await self._alarms([c.alarm for c in wanted.starts], doing)}
        notes = []
        for call in wanted.starts:
            alarm, arn = alarms.get(call.alarm), arns.get(call.policy)
            if alarm is None or arn is None:
                notes.append(f"The alarm {call.alarm} is gone: nothing starts the policy {call.policy}.")
                continue
            changed = {key: _with(alarm.get(key, ()), arn, call.policy) for key in call.lists}
            if any(list(alarm.get(key, ())) != changed[key] for key in changed):
                alarms[call.alarm] = alarm | changed
                await self._session.call("cloudwatch", "put_metric_alarm", doing, **(alarm | changed))
        return notes

    async def _put(self, scalable: Scalable, target: Mapping[str, Any], doing: str) -> Raw:
        return await self._session.call(
            SERVICE, "register_scalable_target", doing, **(dict(target) | scalable.arguments)
        )

    async def _has(self, scalable: Scalable, wanted: Snapshot) -> Snapshot | None:
        found = await self.read(scalable)
        return found if found.target == wanted.target else None

    async def _again(self, operation: str, scalable: Scalable, given: Mapping[str, Any], doing: str) -> None:
        async def send() -> Raw:
            return await self._session.call(SERVICE, operation, doing, **(dict(given) | scalable.arguments))

        # The same a second time changes nothing more.
        await surely(send, send)

    async def _gone(self, operation: str, scalable: Scalable, member: str, name: str, doing: str) -> None:
        try:
            await self._session.call(SERVICE, operation, doing, **{member: name}, **scalable.arguments)
        except NotFound:
            return

    async def _deregister(self, scalable: Scalable, doing: str) -> Raw:
        return await self._session.call(SERVICE, "deregister_scalable_target", doing, **scalable.arguments)

    async def _is_scaled(self, scalable: Scalable) -> bool:
        return (await self.read(scalable)).target is not None


def _named(found: Sequence[Mapping[str, Any]], member: str) -> dict[str, Mapping[str, Any]]:
    return {entry[member]: entry for entry in found}


def _with(actions: Sequence[str], arn: str, policy: str) -> list[str]:
    """The alarm's actions with the new policy in the place of the one that had its name."""
    thing = arn.split(":resource/", 1)[-1]
    old = [action for action in actions if action.endswith(f":policyName/{policy}") and action.endswith(thing)]
    if old:
        return [arn if action == old[0] else action for action in actions if action == old[0] or action not in old]
    return [*actions, arn]
