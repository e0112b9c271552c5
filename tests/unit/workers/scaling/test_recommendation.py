"""A plan in AWS's words has AWS's members."""

from __future__ import annotations

from typing import Any

import botocore.session

from workers.scaling.plan import PlanInput, make_plan
from workers.scaling.recommendation import recommendation

PLAN = make_plan(PlanInput(latency=0.25, low=1, mean=5, peak=20, headroom=0.0), 0.23)


def test_every_member_is_one_of_aws_with_its_type() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    found = recommendation(PLAN, "dogs", 0.23)
    metrics = found.pop("RecommendationMetrics")
    check(model.operation_model("GetScalingConfigurationRecommendation").output_shape, found)
    check(model.shape_for("RecommendationMetrics"), metrics)


def check(shape: Any, value: Any) -> None:
    if shape.type_name == "structure":
        assert set(value) <= set(shape.members), shape.name
        for name, part in value.items():
            check(shape.members[name], part)
    elif shape.type_name == "list":
        for part in value:
            check(shape.member, part)
    else:
        kinds = {"string": str, "integer": int, "double": float, "float": float}
        assert isinstance(value, kinds[shape.type_name]), (shape.name, value)


def test_the_figures_are_the_plans() -> None:
    found = recommendation(PLAN, "dogs", 0.24, 60, 300)
    scaling, metrics = found["DynamicScalingConfiguration"], found["RecommendationMetrics"]
    assert (scaling["MinCapacity"], scaling["MaxCapacity"]) == (1, 10)
    assert (scaling["ScaleOutCooldown"], scaling["ScaleInCooldown"]) == (60, 300)
    assert found["ScalingPolicyObjective"] == {"MinInvocationsPerMinute": 60, "MaxInvocationsPerMinute": 1200}
    assert (metrics["MaxInvocations"], metrics["ModelLatency"]) == (240, 250)
    assert metrics["CostPerInference"] * 240 * 60 == metrics["CostPerHour"] == 0.24


def test_without_a_price_no_cost_is_made_up() -> None:
    assert "CostPerHour" not in recommendation(PLAN, "dogs", None)["RecommendationMetrics"]
