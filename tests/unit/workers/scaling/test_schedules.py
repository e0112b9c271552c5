"""Scheduled actions and counts by hand: the calls, and what is taken back or found after a lost answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.errors.tree import InvalidInput, ServiceFault
from workers.scaling.reading import policy_of
from workers.scaling.schedules import Schedules
from workers.scaling.types import Capacity, Policy, Schedule, Step, Target, Variant, kept_warm
from workers.scaling.variants import Variants

VARIANT = Variant("dogs", "AllTraffic", "InService", "ml.m5.large", 1, 1)
WARM = kept_warm("predict", "live")
NIGHT = Schedule("night", "cron(0 22 * * ? *)", "Europe/Berlin", None, 0)


class Scaler(FakeSession):
    """Application Auto Scaling with what was registered and scheduled."""

    def __init__(self, policies: int = 0, **handlers: Any) -> None:
        self.registered: dict[str, dict[str, int]] = {}
        self.actions: dict[str, dict[str, Any]] = {}
        super().__init__(
            **{
                "describe_scalable_targets": lambda ResourceIds, **_: {
                    "ScalableTargets": [self.registered[name] for name in ResourceIds if name in self.registered]
                },
                "register_scalable_target": self._register,
                "deregister_scalable_target": lambda ResourceId, **_: self.registered.pop(ResourceId) and {},
                "put_scheduled_action": self._put,
                "describe_scheduled_actions": lambda **_: {"ScheduledActions": list(self.actions.values())},
                "delete_scheduled_action": lambda ScheduledActionName, **_: (
                    self.actions.pop(ScheduledActionName) and {}
                ),
                "describe_scaling_policies": lambda **_: {"ScalingPolicies": [{}] * policies},
            }
            | handlers
        )

    def _register(self, ResourceId: str, MinCapacity: int, MaxCapacity: int, **_: Any) -> dict[str, Any]:
        self.registered[ResourceId] = {"MinCapacity": MinCapacity, "MaxCapacity": MaxCapacity}
        return {}

    def _put(self, **given: Any) -> dict[str, Any]:
        self.actions[given["ScheduledActionName"]] = given
        return {}


def refuse(code: str, words: str, status: int = 400) -> Any:
    def handler(**_: Any) -> Any:
        raise Refused(code, words, status)

    return handler


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_what_is_not_scaled_yet_is_registered_first() -> None:
    session = Scaler()
    run(Schedules(session).put(WARM, NIGHT, Target(2, 2)))
    assert session.order == ["register_scalable_target", "put_scheduled_action"]
    assert session.registered == {"function:predict:live": {"MinCapacity": 2, "MaxCapacity": 2}}
    given = session.actions["night"]
    assert given["ScalableTargetAction"] == {"MaxCapacity": 0} and given["Timezone"] == "Europe/Berlin"
    run(Schedules(session).put(WARM, NIGHT, Target(9, 9)))
    assert session.registered["function:predict:live"]["MinCapacity"] == 2


def test_from_when_until_when_it_runs_is_sent_again_with_every_change() -> None:
    session = Scaler()
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    run(Schedules(session).put(WARM, replace(NIGHT, start=start, end=end), Target(2, 2)))
    assert (session.actions["night"]["StartTime"], session.actions["night"]["EndTime"]) == (start, end)
    run(Schedules(session).put(WARM, NIGHT))
    assert not {"StartTime", "EndTime"} & set(session.actions["night"])


def test_a_weight_is_the_one_that_was_set_although_aws_keeps_fewer_digits() -> None:
    there = replace(VARIANT, desired=3, weight=0.30000001192092896)
    assert Capacity("AllTraffic", None, 0.3).is_met_by(there) and Capacity("AllTraffic", 3).is_met_by(there)
    assert Capacity("AllTraffic", 2, 0.3).as_it_is(there) == Capacity("AllTraffic", 3, 0.3)
    assert not Capacity("AllTraffic", None, 0.31).is_met_by(there)


def test_a_refused_schedule_takes_the_registration_back() -> None:
    session = Scaler(put_scheduled_action=refuse("ValidationException", "Scheduled action must be in the future"))
    with pytest.raises(InvalidInput, match="must be in the future"):
        run(Schedules(session).put(WARM, NIGHT, Target(2, 2)))
    assert session.registered == {}


def test_with_the_last_schedule_what_only_it_needed_goes() -> None:
    session = Scaler()
    schedules = Schedules(session)
    run(schedules.put(WARM, NIGHT, Target(2, 2)))
    run(schedules.delete(WARM, "night", tidy=True))
    assert session.registered == {} == session.actions
    kept = Scaler(policies=1)
    run(Schedules(kept).put(WARM, NIGHT, Target(2, 2)))
    run(Schedules(kept).delete(WARM, "night", tidy=True))
    assert kept.registered


def test_schedules_of_a_function_are_those_of_all_its_versions_and_of_no_other() -> None:
    session = Scaler()
    for resource in ("function:predict:live", "function:predict:3", "function:predict-more:live"):
        session.actions[resource] = {
            "ScheduledActionName": "n", "Schedule": "rate(1 hour)", "ResourceId": resource,
            "ScalableTargetAction": {"MinCapacity": 1},
        }  # fmt: skip
    found = run(Schedules(session).of_function("predict"))
    assert [(action.resource, action.timezone) for action in found] == [
        ("function:predict:live", "UTC"),
        ("function:predict:3", "UTC"),
    ]


def test_step_scaling_is_read_whole() -> None:
    found = policy_of(
        {
            "PolicyName": "steps", "PolicyType": "StepScaling", "Alarms": [{"AlarmName": "busy"}],
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity", "Cooldown": 60,
                "StepAdjustments": [
                    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
                    {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3},
                ],
            },
        }
    )  # fmt: skip
    steps = (Step(0.0, 10.0, 1), Step(10.0, None, 3))
    assert found == Policy(
        "steps", "StepScaling", None, "", 60, 60, alarms=("busy",), adjustment="ChangeInCapacity", steps=steps
    )
    assert not found.tracks_invocations


def endpoint(desired: int, weight: float) -> dict[str, Any]:
    return {
        "describe_endpoint": lambda **_: {
            "EndpointArn": "arn", "EndpointConfigName": "dogs", "EndpointStatus": "Updating",
            "ProductionVariants": [
                {"VariantName": "A", "CurrentInstanceCount": 1, "DesiredInstanceCount": desired,
                 "CurrentWeight": 1.0, "DesiredWeight": weight},
            ],
        },
        "describe_endpoint_config": lambda **_: {
            "ProductionVariants": [{"VariantName": "A", "InstanceType": "ml.m5.large"}]
        },
    }  # fmt: skip


def test_counts_and_weights_go_in_one_call_and_what_is_not_given_stays() -> None:
    session = FakeSession(update_endpoint_weights_and_capacities=lambda **_: {})
    run(Variants(session).set_capacities("dogs", [Capacity("A", 3), Capacity("B", None, 0.5)]))
    [(_, given)] = session.calls
    assert given["DesiredWeightsAndCapacities"] == [
        {"VariantName": "A", "DesiredInstanceCount": 3},
        {"VariantName": "B", "DesiredWeight": 0.5},
    ]


@pytest.mark.parametrize("desired, weight, there", [(3, 0.5, True), (3, 1.0, False), (1, 0.5, False)])
def test_after_a_lost_answer_the_endpoint_itself_is_asked(desired: int, weight: float, there: bool) -> None:
    session = FakeSession(
        update_endpoint_weights_and_capacities=refuse("InternalFailure", "no answer", 500), **endpoint(desired, weight)
    )
    wanted = Variants(session).set_capacities("dogs", [Capacity("A", 3, 0.5)])
    if there:
        run(wanted)
    else:
        with pytest.raises(ServiceFault):
            run(wanted)
