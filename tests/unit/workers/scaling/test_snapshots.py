"""What scales a thing is read and put back to the letter, also what no form knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.children import typed
from workers.errors.tree import InvalidInput, NotFound
from workers.prices.table import PriceTable
from workers.scaling.service import Scaling
from workers.scaling.snapshots import Snapshot
from workers.scaling.types import Variant, kept_warm

VARIANT = Variant("dogs", "AllTraffic", "InService", "ml.m5.large", 1, 1)
SCALABLE = VARIANT.scalable
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
KEY = {"ResourceId": SCALABLE.resource, "ScalableDimension": SCALABLE.dimension}
SUSPENDED = {
    "DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False,
}  # fmt: skip
TARGET = KEY | {"MinCapacity": 2, "MaxCapacity": 7, "SuspendedState": SUSPENDED}
POLICIES = [
    KEY | {
        "PolicyName": "by requests", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 33.25, "ScaleOutCooldown": 0, "ScaleInCooldown": 901, "DisableScaleIn": True,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    },
    KEY | {
        "PolicyName": "by our own metric", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 50.0, "DisableScaleIn": False,
            "CustomizedMetricSpecification": {
                "MetricName": "Queue", "Namespace": "Ours", "Statistic": "Average",
                "Dimensions": [{"Name": "Line", "Value": "dogs"}],
            },
        },
    },
    KEY | {
        "PolicyName": "steps", "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 2, "Cooldown": 45,
            "MetricAggregationType": "Maximum",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 50}],
        },
    },
]  # fmt: skip
ACTIONS = [
    KEY | {
        "ScheduledActionName": "mornings", "Schedule": "cron(0 7 * * ? *)", "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 3}, "EndTime": LATER,
    },
    KEY | {
        "ScheduledActionName": "once", "Schedule": f"at({LATER:%Y-%m-%dT%H:%M:%S})",
        "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1}, "StartTime": LATER - timedelta(days=3),
    },
]  # fmt: skip
PAST = KEY | {
    "ScheduledActionName": "past", "Schedule": "at(2024-01-01T08:00:00)", "ScalableTargetAction": {"MinCapacity": 1},
}  # fmt: skip


class Account(FakeSession):
    """Application Auto Scaling's records of one variant, in its own members, and alarms."""

    def __init__(self, scaled: bool = True, **handlers: Any) -> None:
        self.numbers = count(1)
        self.target: dict[str, Any] | None = dict(TARGET) if scaled else None
        self.policies: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, dict[str, Any]] = {}
        self.alarms: dict[str, dict[str, Any]] = {}
        if scaled:
            for policy in POLICIES:
                self._put_policy(**policy)
            self.actions = {action["ScheduledActionName"]: dict(action) for action in ACTIONS}
            self.alarms["busy"] = {
                "AlarmName": "busy", "MetricName": "Busy", "Namespace": "Ours", "Statistic": "Average", "Period": 60,
                "EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": ["arn:mail", self.policies["steps"]["PolicyARN"]],
            }  # fmt: skip
        super().__init__(
            **{
                "describe_scalable_targets": lambda **_: self._found("ScalableTargets", [self.target]),
                "describe_scaling_policies": lambda **_: self._found("ScalingPolicies", self.policies.values()),
                "describe_scheduled_actions": lambda **_: self._found("ScheduledActions", self.actions.values()),
                "describe_alarms": self._describe_alarms,
                "register_scalable_target": self._register,
                "deregister_scalable_target": self._deregister,
                "put_scaling_policy": self._put_policy,
                "delete_scaling_policy": lambda PolicyName, **_: self._drop(PolicyName),
                "put_scheduled_action": self._put_action,
                "delete_scheduled_action": lambda ScheduledActionName, **_: self.actions.pop(ScheduledActionName),
                "put_metric_alarm": lambda **alarm: self.alarms.update({alarm["AlarmName"]: alarm}),
            }
            | handlers
        )  # fmt: skip

    def _found(self, member: str, records: Iterable[dict[str, Any] | None]) -> Any:
        more = {"ServiceNamespace": "sagemaker", "CreationTime": datetime.now(UTC), "RoleARN": "arn:role"}
        return {member: [more | record | self._alarms_of(record) for record in records if record is not None]}

    def _alarms_of(self, record: dict[str, Any]) -> dict[str, Any]:
        arn = record.get("PolicyARN")
        names = [name for name, alarm in self.alarms.items() if arn in alarm.get("AlarmActions", ())]
        return {"Alarms": [{"AlarmName": name, "AlarmARN": name} for name in names]} if arn else {}

    def _describe_alarms(self, AlarmNames: list[str], **_: Any) -> Any:
        return {"MetricAlarms": [self.alarms[name] for name in AlarmNames if name in self.alarms]}

    def _register(self, ServiceNamespace: str, **target: Any) -> Any:
        assert ServiceNamespace == "sagemaker"
        self.target = (self.target or {}) | target
        return {}

    def _deregister(self, **_: Any) -> Any:
        if self.target is None:
            raise Refused("ObjectNotFoundException")
        self.target = None
        for name in list(self.policies):
            self._drop(name)
        self.actions.clear()
        return {}

    def _drop(self, name: str) -> Any:
        arn = self.policies.pop(name)["PolicyARN"]
        for alarm in self.alarms.values():
            alarm["AlarmActions"] = [action for action in alarm["AlarmActions"] if action != arn]
        return {}

    def _put_policy(self, ServiceNamespace: str = "sagemaker", **policy: Any) -> Any:
        old = self.policies.get(policy["PolicyName"], {})
        arn = f"arn:{next(self.numbers)}:resource/sagemaker/{policy['ResourceId']}:policyName/{policy['PolicyName']}"
        self.policies[policy["PolicyName"]] = policy | {"PolicyARN": old.get("PolicyARN", arn)}
        return {}

    def _put_action(self, ServiceNamespace: str, **action: Any) -> Any:
        self.actions[action["ScheduledActionName"]] = action
        return {}

    def state(self) -> Any:
        """All of it but the policies' ARNs, which nobody can set."""
        policies = {name: {**policy, "PolicyARN": ""} for name, policy in self.policies.items()}
        names = {policy["PolicyARN"]: name for name, policy in self.policies.items()}
        starts = {
            name: [names.get(action, action) for action in alarm["AlarmActions"]] for name, alarm in self.alarms.items()
        }
        return json.loads(json.dumps([self.target, policies, self.actions, starts], default=str))


def run(work: Any) -> Any:
    return asyncio.run(work)


def snapshots(account: Account) -> Any:
    return Scaling(account, PriceTable.load()).snapshots  # type: ignore[arg-type]


def on_disk(snapshot: Snapshot) -> Snapshot:
    return typed.read_as(Snapshot, json.loads(json.dumps(typed.plain(snapshot))), "snapshot")  # type: ignore[no-any-return]


def test_what_was_removed_comes_back_to_the_letter_also_from_the_disk() -> None:
    account = Account()
    before, kept = account.state(), on_disk(run(snapshots(account).read(SCALABLE)))
    run(Scaling(account, PriceTable.load()).variants.remove(VARIANT))  # type: ignore[arg-type]
    assert account.state() != before and run(snapshots(account).read(SCALABLE)) == Snapshot()
    assert run(snapshots(account).write(SCALABLE, kept)) == ()
    assert account.state() == before
    assert on_disk(run(snapshots(account).read(SCALABLE))).is_like(kept)


CHANGES: dict[str, Callable[[Account], Any]] = {
    "limits": lambda account: account._register("sagemaker", MinCapacity=1, MaxCapacity=20),
    "suspended": lambda account: account._register("sagemaker", SuspendedState=dict.fromkeys(SUSPENDED, True)),
    "target value": lambda account: account.policies["by requests"].update(
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0}
    ),
    "deleted policy": lambda account: account._drop("steps"),
    "new policy": lambda account: account._put_policy(**POLICIES[0] | {"PolicyName": "new"}),
    "deleted schedule": lambda account: account.actions.pop("mornings"),
    "new schedule": lambda account: account._put_action("sagemaker", **ACTIONS[0] | {"ScheduledActionName": "new"}),
    "time zone": lambda account: account.actions["once"].update(Timezone="Asia/Tokyo"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_difference_is_seen_and_put_back(change: str) -> None:
    account = Account()
    before, kept = account.state(), run(snapshots(account).read(SCALABLE))
    CHANGES[change](account)
    assert not run(snapshots(account).read(SCALABLE)).is_like(kept)
    run(snapshots(account).write(SCALABLE, kept))
    assert account.state() == before


def test_one_policy_is_put_back_and_the_others_and_the_schedules_stay() -> None:
    account = Account()
    kept = run(snapshots(account).read(SCALABLE))
    for change in CHANGES.values():
        change(account)
    now = account.state()
    run(snapshots(account).write(SCALABLE, kept.of_policy("by requests"), "by requests"))
    target, policies, actions, _ = account.state()
    assert (
        target == TARGET and policies["by requests"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 33.25
    )
    assert {name: policy for name, policy in policies.items() if name != "by requests"} == {
        name: policy for name, policy in now[1].items() if name != "by requests"
    }
    assert actions == now[2]
    # A policy that was not there before goes again.
    run(snapshots(account).write(SCALABLE, replace(kept.of_policy("none"), policies=()), "new"))
    assert "new" not in account.policies and "by requests" in account.policies


def test_what_was_not_scaled_is_scaled_no_more_and_twice_does_no_harm() -> None:
    account = Account()
    for _ in range(2):
        run(snapshots(account).write(SCALABLE, Snapshot()))
        assert account.target is None


def test_schedules_whose_time_is_over_and_alarms_that_are_gone_are_told() -> None:
    account = Account()
    account.actions["past"] = dict(PAST)
    account.actions["mornings"]["StartTime"] = datetime(2024, 1, 1, tzinfo=UTC)
    kept = run(snapshots(account).read(SCALABLE))
    account._deregister()
    account.alarms.clear()
    assert kept.over() == ("past",)
    notes = run(snapshots(account).write(SCALABLE, kept))
    assert [note.split(":")[0] for note in notes] == [
        "The schedule mornings has no start any more", "The time of the schedule past is over",
        "The alarm busy is gone",
    ]  # fmt: skip
    assert set(account.actions) == {"mornings", "once"} and "StartTime" not in account.actions["mornings"]


def test_when_a_policy_is_refused_nothing_is_left_half_done() -> None:
    account = Account()
    kept = run(snapshots(account).read(SCALABLE))
    account._deregister()

    def refuse(**_: Any) -> Any:
        raise Refused("ValidationException", "The metric is unknown.")

    account.handlers["put_scaling_policy"] = refuse
    with pytest.raises(InvalidInput, match="metric is unknown"):
        run(snapshots(account).write(SCALABLE, kept))
    assert account.target is None


def test_who_may_not_read_alarms_is_told_that_they_start_nothing() -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("AccessDeniedException", "not authorized to perform: cloudwatch:DescribeAlarms", 403)

    account = Account(describe_alarms=refuse)
    kept = run(snapshots(account).read(SCALABLE))
    account._deregister()
    assert kept.starts is None and "could not be read" in run(snapshots(account).write(SCALABLE, kept))[0]


def test_another_endpoint_of_the_same_name_is_told_from_the_first() -> None:
    made = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    endpoint = {"EndpointArn": "arn:1", "EndpointConfigName": "c", "CreationTime": made}
    config = {"ProductionVariants": [{"VariantName": "AllTraffic", "InstanceType": "ml.m5.large"}]}
    account = Account(describe_endpoint=lambda **_: endpoint, describe_endpoint_config=lambda **_: config)
    scaling = Scaling(account, PriceTable.load())  # type: ignore[arg-type]
    first = run(scaling.identity(SCALABLE))
    assert first == "dogs, made 2026-01-02 03:04:05 UTC, on ml.m5.large"
    endpoint["CreationTime"] = made + timedelta(seconds=1)
    assert run(scaling.identity(SCALABLE)) != first
    with pytest.raises(NotFound, match="no variant b any more"):
        run(scaling.identity(replace(VARIANT, name="b").scalable))


def test_a_function_whose_alias_is_gone_is_gone() -> None:
    def gone(**_: Any) -> Any:
        raise Refused("ResourceNotFoundException", "Function not found: ask:live", 404)

    account = Account(get_function_configuration=gone)
    with pytest.raises(NotFound):
        run(Scaling(account, PriceTable.load()).identity(kept_warm("ask", "live")))  # type: ignore[arg-type]
