"""Target tracking policies: which metric they follow, and the two alarms that AWS makes with each.

Source: Application Auto Scaling User Guide, "Predefined metrics"; names and periods of alarms as AWS makes them (the
low alarm of the metric of 10 seconds looks back as far as the others do, 15 minutes: AWS does not say).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sandbox.autoscaling.decide import HIGH_POINTS, LOW_POINTS, TargetTracking, low_threshold
from sandbox.autoscaling.records import Key
from sandbox.autoscaling.targets import FUNCTION, VARIANT, Kind, invalid

PER_INSTANCE = "SageMakerVariantInvocationsPerInstance"
CONCURRENT = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
PROVISIONED = "LambdaProvisionedConcurrencyUtilization"
# CloudWatch's high resolution.
_FINE_SECONDS = 10


@dataclass(frozen=True)
class Metric:
    """One metric of CloudWatch; ``period`` in seconds."""

    namespace: str
    name: str
    statistic: str
    dimensions: dict[str, str]
    period: int = 60
    unit: str | None = None


_PREDEFINED = {
    PER_INSTANCE: (VARIANT, "AWS/SageMaker", "InvocationsPerInstance", "Sum", 60),
    CONCURRENT: (VARIANT, "AWS/SageMaker", "ConcurrentRequestsPerModel", "Average", _FINE_SECONDS),
    PROVISIONED: (FUNCTION, "AWS/Lambda", "ProvisionedConcurrencyUtilization", "Average", 60),
}


def metric_of(configuration: dict[str, Any], key: Key, kind: Kind) -> Metric:
    """The metric that a configuration follows. Raises ValidationException for one that it cannot."""
    predefined = configuration.get("PredefinedMetricSpecification")
    custom = configuration.get("CustomizedMetricSpecification")
    if bool(predefined) == bool(custom):
        raise invalid("Only one of PredefinedMetricSpecification or CustomizedMetricSpecification must be specified.")
    if predefined:
        name = predefined["PredefinedMetricType"]
        found = _PREDEFINED.get(name)
        if found is None or found[0] != key.dimension:
            raise invalid(f"The scalable dimension {key.dimension} cannot be used with the metric type {name}.")
        _, namespace, metric, statistic, period = found
        return Metric(namespace, metric, statistic, kind.dimensions(key.resource), period)
    assert custom is not None
    if custom.get("Metrics"):
        raise invalid("The sandbox does not offer metric math; name the metric itself.")
    if not (custom.get("Namespace") and custom.get("MetricName") and custom.get("Statistic")):
        raise invalid("Namespace, MetricName and Statistic of CustomizedMetricSpecification are required.")
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in custom.get("Dimensions") or ()}
    return Metric(custom["Namespace"], custom["MetricName"], custom["Statistic"], dimensions, 60, custom.get("Unit"))


def rule_of(name: str, configuration: dict[str, Any], metric: Metric, kind: Kind, factor: float) -> TargetTracking:
    """The policy as ``decide`` takes it, its waits in seconds of the clock."""
    low = LOW_POINTS if metric.period >= 60 else LOW_POINTS * 60 // metric.period
    return TargetTracking(
        name=name,
        target=configuration["TargetValue"],
        scale_out_wait=configuration.get("ScaleOutCooldown", kind.default_wait) / factor,
        scale_in_wait=configuration.get("ScaleInCooldown", kind.default_wait) / factor,
        scales_in=not configuration.get("DisableScaleIn"),
        high_points=HIGH_POINTS,
        low_points=low,
    )


def alarms_of(policy_arn: str, rule: TargetTracking, metric: Metric, key: Key) -> list[dict[str, Any]]:
    """The requests of PutMetricAlarm for a policy: high, and low if it scales in."""
    made = []
    for way, comparison, threshold, points in (
        ("AlarmHigh", "GreaterThanThreshold", rule.target, rule.high_points),
        ("AlarmLow", "LessThanThreshold", low_threshold(rule.target), rule.low_points),
    ):
        if way == "AlarmLow" and not rule.scales_in:
            continue
        request = {
            "AlarmName": f"TargetTracking-{key.resource}-{way}-{uuid.uuid4()}",
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
            "AlarmActions": [policy_arn],
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Statistic": metric.statistic,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
            "Period": metric.period,
            "EvaluationPeriods": points,
            "Threshold": threshold,
            "ComparisonOperator": comparison,
        }
        made.append(request | ({"Unit": metric.unit} if metric.unit else {}))
    return made
