"""A plan in AWS's words: the members of ``GetScalingConfigurationRecommendation`` and of ``RecommendationMetrics``.

Source: Amazon SageMaker API Reference, "GetScalingConfigurationRecommendation", "DynamicScalingConfiguration",
"ScalingPolicyObjective", "ScalingPolicyMetric", "RecommendationMetrics". Latency is in milliseconds, invocations are a
minute's.
"""

from __future__ import annotations

import math
from typing import Any

from workers.scaling.plan import Plan
from workers.scaling.types import METRIC

# Application Auto Scaling User Guide: 300 seconds for SageMaker's variants.
DEFAULT_COOLDOWN = 300


def recommendation(
    plan: Plan,
    endpoint: str,
    per_hour: float | None,
    out_wait: int = DEFAULT_COOLDOWN,
    in_wait: int = DEFAULT_COOLDOWN,
) -> dict[str, Any]:
    """The plan as AWS's answer would tell it. ``per_hour``: US dollars of one instance; costs are left out without."""
    given = plan.given
    metrics: dict[str, Any] = {"MaxInvocations": max_invocations(plan), "ModelLatency": round(plan.latency * 1000)}
    if per_hour is not None:
        metrics |= {"CostPerHour": per_hour, "CostPerInference": cost_per_inference(plan, per_hour)}
    return {
        "EndpointName": endpoint,
        "ScalingPolicyObjective": {
            "MinInvocationsPerMinute": math.floor(given.low * 60),
            "MaxInvocationsPerMinute": math.ceil(given.peak * 60),
        },
        "Metric": {"InvocationsPerInstance": plan.target, "ModelLatency": round(plan.latency * 1000)},
        "DynamicScalingConfiguration": {
            "MinCapacity": plan.minimum,
            "MaxCapacity": plan.maximum,
            "ScaleInCooldown": in_wait,
            "ScaleOutCooldown": out_wait,
            "ScalingPolicies": [
                {
                    "TargetTracking": {
                        "MetricSpecification": {"Predefined": {"PredefinedMetricType": METRIC}},
                        "TargetValue": float(plan.target),
                    }
                }
            ],
        },
        "RecommendationMetrics": metrics,
    }


def max_invocations(plan: Plan) -> int:
    """The most invocations a minute that one instance serves."""
    return math.floor(plan.per_second * 60)


def cost_per_inference(plan: Plan, per_hour: float) -> float:
    """US dollars of one inference when an instance is fully used."""
    return per_hour / (plan.per_second * 3600)
