"""From AWS's answers about scaling to the frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.aws.times import utc, utc_of
from workers.scaling.types import Activity, Alarm, NotScaled, Policy, Provisioned, Schedule, Step, Suspended, Target

# What AWS waits when a policy does not say (Application Auto Scaling API reference, SageMaker variants).
DEFAULT_WAIT = 300


def target_of(found: Mapping[str, Any]) -> Target:
    """A scalable target."""
    still = found.get("SuspendedState", {})
    return Target(
        int(found["MinCapacity"]),
        int(found["MaxCapacity"]),
        Suspended(
            scale_in=bool(still.get("DynamicScalingInSuspended")),
            scale_out=bool(still.get("DynamicScalingOutSuspended")),
            scheduled=bool(still.get("ScheduledScalingSuspended")),
        ),
    )


def policy_of(found: Mapping[str, Any]) -> Policy:
    """A scaling policy of any kind."""
    tracking = found.get("TargetTrackingScalingPolicyConfiguration") or {}
    stepping = found.get("StepScalingPolicyConfiguration") or {}
    customized = tracking.get("CustomizedMetricSpecification", {})
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
    return Policy(
        name=found["PolicyName"],
        kind=found.get("PolicyType", ""),
        value=float(tracking["TargetValue"]) if "TargetValue" in tracking else None,
        metric=metric or customized.get("MetricName", ""),
        out_wait=int(tracking.get("ScaleOutCooldown", stepping.get("Cooldown", DEFAULT_WAIT))),
        in_wait=int(tracking.get("ScaleInCooldown", stepping.get("Cooldown", DEFAULT_WAIT))),
        scale_in_off=bool(tracking.get("DisableScaleIn")),
        alarms=tuple(alarm["AlarmName"] for alarm in found.get("Alarms", ())),
        adjustment=stepping.get("AdjustmentType", ""),
        steps=tuple(
            Step(
                step.get("MetricIntervalLowerBound"),
                step.get("MetricIntervalUpperBound"),
                int(step["ScalingAdjustment"]),
            )
            for step in stepping.get("StepAdjustments", ())
        ),
    )


def schedule_of(found: Mapping[str, Any]) -> Schedule:
    """A scheduled action."""
    limits = found.get("ScalableTargetAction", {})
    return Schedule(
        name=found["ScheduledActionName"],
        expression=found["Schedule"],
        timezone=found.get("Timezone") or "UTC",
        minimum=limits.get("MinCapacity"),
        maximum=limits.get("MaxCapacity"),
        resource=found.get("ResourceId", ""),
        start=utc_of(found, "StartTime"),
        end=utc_of(found, "EndTime"),
        created=utc_of(found, "CreationTime"),
    )


def activity_of(found: Mapping[str, Any]) -> Activity:
    """A scaling activity."""
    return Activity(
        id=found["ActivityId"],
        started=utc(found["StartTime"]),
        ended=utc_of(found, "EndTime"),
        status=found["StatusCode"],
        description=found.get("Description", ""),
        cause=found.get("Cause", ""),
        message=found.get("StatusMessage", ""),
        not_scaled=tuple(
            NotScaled(
                reason["Code"], reason.get("CurrentCapacity"), reason.get("MinCapacity"), reason.get("MaxCapacity")
            )
            for reason in found.get("NotScaledReasons", ())
        ),
    )


def alarm_of(found: Mapping[str, Any]) -> Alarm | None:
    """An alarm of a policy; ``None`` for one over several metrics."""
    if "Threshold" not in found:
        return None
    above = str(found.get("ComparisonOperator", "")).startswith("Greater")
    return Alarm(
        name=found["AlarmName"],
        side="high" if above else "low",
        threshold=float(found["Threshold"]),
        minutes=round(int(found.get("Period", 60)) * int(found.get("EvaluationPeriods", 1)) / 60),
        state=found.get("StateValue", ""),
    )


def provisioned_of(found: Mapping[str, Any], qualifier: str) -> Provisioned:
    """A provisioned concurrency configuration of a version or alias."""
    return Provisioned(
        qualifier=qualifier,
        requested=int(found.get("RequestedProvisionedConcurrentExecutions", 0)),
        allocated=int(found.get("AllocatedProvisionedConcurrentExecutions", 0)),
        available=int(found.get("AvailableProvisionedConcurrentExecutions", 0)),
        status=found.get("Status", ""),
        reason=found.get("StatusReason", ""),
    )
