"""The scaling and the alarms of an endpoint: read as requests can have them, and made again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from workers.aws.creating import surely
from workers.aws.session import AwsSession
from workers.aws.tags import creator_tag
from workers.errors.tree import NotFound
from workers.parking.memory import Memory, Raw

SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
TARGET_MEMBERS = ("ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "SuspendedState")
POLICY_MEMBERS = (
    "PolicyName", "PolicyType", "ResourceId", "ScalableDimension", "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration",
)  # fmt: skip
SCHEDULE_MEMBERS = (
    "ScheduledActionName", "Schedule", "Timezone", "ResourceId", "ScalableDimension", "StartTime", "EndTime",
    "ScalableTargetAction",
)  # fmt: skip
ALARM_MEMBERS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile",
    "Metrics", "ThresholdMetricId",
)  # fmt: skip
ALARM_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
# Not a member of AWS: what the policy was called before, which alarms name.
POLICY_ARN = "PolicyARN"
_TIMES = ("StartTime", "EndTime")
# Application Auto Scaling makes and deletes these itself.
_TRACKING = "TargetTracking-"
_OURS = "sagedeck-"
_ONCE = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


class KeptScaling:
    """Reads and makes again what scales one account's endpoints. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def targets(self, endpoint: str) -> list[Raw]:
        """The scalable targets of all its variants."""
        prefix = f"endpoint/{endpoint}/variant/"
        pages = self._session.paginate(
            SERVICE,
            "describe_scalable_targets",
            "ScalableTargets",
            doing="read the scaling",
            ServiceNamespace=NAMESPACE,
        )
        return [only(entry, TARGET_MEMBERS) async for entry in pages if entry["ResourceId"].startswith(prefix)]

    async def policies(self, targets: Sequence[Raw]) -> list[Raw]:
        """The policies of these targets, each with the ARN that alarms know it by."""
        return [
            only(entry, (*POLICY_MEMBERS, POLICY_ARN))
            for target in targets
            async for entry in self._of("scaling_policies", "ScalingPolicies", target)
        ]

    async def schedules(self, targets: Sequence[Raw]) -> list[Raw]:
        """The scheduled actions of these targets."""
        return [
            only(entry, SCHEDULE_MEMBERS)
            for target in targets
            async for entry in self._of("scheduled_actions", "ScheduledActions", target)
        ]

    def _of(self, what: str, key: str, target: Raw) -> Any:
        return self._session.paginate(
            SERVICE, f"describe_{what}", key, doing="read the scaling", ServiceNamespace=NAMESPACE, **which(target)
        )

    async def alarms(self, endpoint: str) -> list[Raw]:
        """The alarms about this endpoint that are not auto scaling's own, whoever made them."""
        wanted = {"Name": "EndpointName", "Value": endpoint}
        pages = self._session.paginate(
            "cloudwatch", "describe_alarms", "MetricAlarms", doing="read the alarms", AlarmTypes=["MetricAlarm"]
        )
        return [
            only(alarm, ALARM_MEMBERS)
            async for alarm in pages
            if wanted in _dimensions(alarm) and not alarm["AlarmName"].startswith(_TRACKING)
        ]

    async def deregister(self, target: Raw) -> None:
        """Take a target away, its policies and scheduled actions with it; one that is gone is no error."""
        try:
            await self._session.call(
                SERVICE, "deregister_scalable_target", doing="take the scaling away", **_request(which(target))
            )
        except NotFound:
            return

    async def is_target(self, target: Raw) -> bool:
        """Whether there is a target for this variant."""
        answer = await self._session.call(
            SERVICE,
            "describe_scalable_targets",
            "look for the scaling",
            ServiceNamespace=NAMESPACE,
            ResourceIds=[target["ResourceId"]],
            ScalableDimension=target["ScalableDimension"],
        )
        return bool(answer.get("ScalableTargets"))

    async def restore(self, target: Raw, memory: Memory, now: datetime | None = None) -> None:
        """Make one target again with its policies and schedules; what is there already becomes as remembered.

        Scheduled actions whose time is over are left out: AWS takes none.
        """
        now = now or datetime.now(UTC)
        await self._put("register_scalable_target", target)
        for policy in memory.policies:
            if which(policy) == which(target):
                await self._put(
                    "put_scaling_policy", {key: value for key, value in policy.items() if key != POLICY_ARN}
                )
        for schedule in memory.schedules:
            if which(schedule) == which(target) and (still := still_to_come(schedule, now)) is not None:
                await self._put("put_scheduled_action", still)

    async def _put(self, operation: str, given: Raw) -> None:
        async def send() -> Raw:
            return await self._session.call(
                SERVICE, operation, doing="bring the scaling back", **_request(timed(given))
            )

        # The same a second time changes nothing.
        await surely(send, send)

    async def restore_alarm(self, alarm: Raw) -> None:
        """Make an alarm again, or make it as it is given."""

        async def send() -> Raw:
            return await self._session.call(
                "cloudwatch", "put_metric_alarm", "bring the alarms back", **alarm, Tags=[creator_tag()]
            )

        await surely(send, send)

    async def follow_policies(self, memory: Memory) -> None:
        """Let the alarms of others that start a policy start the new one: its ARN changed with its making."""
        before = {
            entry[POLICY_ARN]: (entry["PolicyName"], *which(entry).values())
            for entry in memory.policies
            if entry.get(POLICY_ARN)
        }
        present = await self.policies(memory.targets)
        arns = {(entry["PolicyName"], *which(entry).values()): entry[POLICY_ARN] for entry in present}
        new = {old: arns[key] for old, key in before.items() if key in arns and arns[key] != old}
        if not new:
            return
        for alarm in await self.alarms(memory.endpoint):
            changed = {key: [new.get(arn, arn) for arn in alarm[key]] for key in ALARM_ACTIONS if key in alarm}
            if any(changed[key] != alarm[key] for key in changed):
                await self._session.call("cloudwatch", "put_metric_alarm", "bring the alarms back", **(alarm | changed))

    async def missing(self, memory: Memory) -> list[str]:
        """What of the remembered scaling is not there as it was, in words; empty: all is."""
        present = await self.targets(memory.endpoint)
        known = {tuple(which(entry).values()): entry for entry in present}
        lacks = [
            f"limits of {entry['ResourceId'].rsplit('/', 1)[-1]}"
            for entry in memory.targets
            if known.get(tuple(which(entry).values())) != entry
        ]
        there = {entry["PolicyName"]: entry for entry in await self.policies(present)}
        for policy in memory.policies:
            found = there.get(policy["PolicyName"], {})
            if {**found, POLICY_ARN: ""} != {**policy, POLICY_ARN: ""}:
                lacks.append(f"policy {policy['PolicyName']}")
        return lacks


def which(given: Mapping[str, Any]) -> dict[str, str]:
    """Which variant and what of it is scaled."""
    return {key: given[key] for key in ("ResourceId", "ScalableDimension")}


def is_ours(alarm: Mapping[str, Any]) -> bool:
    """Whether SageDeck made the alarm, by its name."""
    return str(alarm["AlarmName"]).startswith(_OURS)


def still_to_come(schedule: Raw, now: datetime) -> Raw | None:
    """A scheduled action as it can be made now; ``None`` when its time is over. A start that is over is left out."""
    zone = ZoneInfo(schedule.get("Timezone") or "UTC")
    once = _ONCE.fullmatch(schedule["Schedule"])
    if once is not None and datetime.fromisoformat(once[1]).replace(tzinfo=zone) <= now:
        return None
    start, end = (datetime.fromisoformat(schedule[key]) if key in schedule else None for key in _TIMES)
    if end is not None and end <= now:
        return None
    if start is not None and start <= now:
        return {key: value for key, value in schedule.items() if key != "StartTime"}
    return schedule


def only(found: Mapping[str, Any], members: Sequence[str]) -> Raw:
    """These members in JSON's own types, so that what was read compares with what was remembered."""
    given = {key: found[key] for key in members if found.get(key) not in (None, "", [])}
    plain: Raw = json.loads(json.dumps(given, default=lambda at: at.astimezone(UTC).isoformat()))
    return plain


def timed(given: Raw) -> Raw:
    """A request with its moments as boto3 takes them."""
    return {key: datetime.fromisoformat(value) if key in _TIMES else value for key, value in given.items()}


def _request(given: Raw) -> Raw:
    return {"ServiceNamespace": NAMESPACE, **given}


def _dimensions(alarm: Mapping[str, Any]) -> list[dict[str, str]]:
    dimensions = list(alarm.get("Dimensions", ()))
    for query in alarm.get("Metrics", ()):
        dimensions += query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
    return dimensions
