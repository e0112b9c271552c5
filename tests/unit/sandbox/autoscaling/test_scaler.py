"""The loop over a service that is not there: what becomes of refusals, failures, restarts and suspended ways."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.autoscaling.records import POLICY, TARGET, Book, Key
from sandbox.autoscaling.scaler import Scaler
from sandbox.autoscaling.targets import Now, Targets
from sandbox.core.state import StateDir
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.store import Metrics
from sandbox.wire.errors import AwsError

KEY = Key("sagemaker", "endpoint/e/variant/v", "sagemaker:variant:DesiredInstanceCount")
DIMENSIONS = {"EndpointName": "e", "VariantName": "v"}
T0 = 1_800_000_000.0


class Service:
    """What is scaled. ``refusal``: why it refuses; ``obeys``: whether what is set comes true."""

    namespace, what, default_wait, role = "sagemaker", "desired instance count", 300.0, ""

    def __init__(self) -> None:
        self.now = Now(1, 1, False)
        self.refusal = ""
        self.sets: list[int] = []

    def kind(self, key: Key) -> Service:
        return self

    def look(self, resource: str) -> Now:
        return self.now

    def dimensions(self, resource: str) -> dict[str, str]:
        return DIMENSIONS

    def set(self, resource: str, capacity: int) -> None:
        if self.refusal:
            raise AwsError("ResourceLimitExceeded", self.refusal)
        self.sets.append(capacity)
        self.now = Now(capacity, self.now.serving, True)


class Stage:
    """A scaler whose clock is the test's."""

    def __init__(self, state: StateDir) -> None:
        self.service, self.book = Service(), Book(state.db)
        self.metrics, self.alarms = Metrics(state), Alarms(state.db)
        self.target(1, 4)
        policy = {
            **KEY.members(),
            "PolicyName": "p",
            "PolicyARN": "arn:p",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 100.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            },
            "Alarms": [],
        }
        self.book.put(POLICY, KEY, policy, "p")
        self.again()

    def again(self) -> None:
        """A scaler as after a restart, without its thread."""
        parts: dict[type, Any] = {Metrics: self.metrics, Alarms: self.alarms}
        context = SimpleNamespace(part=parts.__getitem__)
        self.scaler = Scaler(cast(Any, context), self.book, cast(Targets, self.service), 1.0)
        self.scaler.resume()

    def target(self, low: int, high: int, **suspended: bool) -> None:
        ways = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
        state = dict.fromkeys(ways, False) | suspended
        limits = {"MinCapacity": low, "MaxCapacity": high, "_Moved": True}
        self.book.put(TARGET, KEY, {**KEY.members(), **limits, "SuspendedState": state})

    def load(self, start: float, minutes: int, value: float) -> None:
        for minute in range(minutes):
            self.metrics.put("AWS/SageMaker", "InvocationsPerInstance", DIMENSIONS, value, start + minute * 60 + 10)

    def told(self) -> list[tuple[str, str]]:
        return [
            (activity["StatusCode"], activity.get("StatusMessage", ""))
            for activity in self.book.activities("sagemaker")
        ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    state = StateDir(tmp_path / "state")
    yield Stage(state)
    state.close()


def test_a_change_is_followed_to_its_end_over_a_restart(stage: Stage) -> None:
    stage.load(T0, 3, 250.0)
    stage.scaler.look(T0 + 190)
    assert stage.service.sets == [3] and stage.told()[0][0] == "InProgress"
    stage.again()
    stage.scaler.look(T0 + 195)
    assert stage.told()[0][0] == "InProgress"
    stage.service.now = Now(3, 3, False)
    stage.scaler.look(T0 + 200)
    assert stage.told() == [
        ("Successful", "Successfully set desired instance count to 3. Change successfully fulfilled by sagemaker.")
    ]
    assert stage.service.sets == [3]


def test_a_refusal_is_told_and_tried_again_after_a_minute(stage: Stage) -> None:
    stage.service.refusal = "The account-level service limit is 1 Instances."
    stage.load(T0, 5, 250.0)
    stage.scaler.look(T0 + 190)
    stage.scaler.look(T0 + 195)
    assert stage.told() == [
        ("Failed", "Failed to set desired instance count to 3. Reason: The account-level service limit is 1 Instances.")
    ]
    stage.service.refusal = ""
    stage.scaler.look(T0 + 251)
    assert stage.service.sets == [3]


def test_what_is_not_fulfilled_or_overridden_is_called_so(stage: Stage) -> None:
    stage.load(T0, 3, 250.0)
    stage.scaler.look(T0 + 190)
    stage.service.now = Now(3, 1, False, "No capacity.")
    stage.scaler.look(T0 + 200)
    assert stage.told()[0][0] == "Unfulfilled" and "No capacity." in stage.told()[0][1]
    stage.service.now = Now(1, 1, False)
    stage.load(T0 + 600, 3, 290.0)
    stage.scaler.look(T0 + 600 + 190)
    assert stage.told()[0][0] == "InProgress" and stage.service.sets[-1] == 3
    # Somebody else set it to more since.
    stage.service.now = Now(4, 4, False)
    stage.scaler.look(T0 + 800)
    statuses = [status for status, _ in stage.told()]
    assert statuses[-2:] == ["Overridden", "Unfulfilled"] and "InProgress" not in statuses


def test_why_nothing_happens_is_told_once(stage: Stage) -> None:
    stage.service.now = Now(4, 4, False)
    stage.load(T0, 4, 900.0)
    for at in (190, 195, 200, 250):
        stage.scaler.look(T0 + at)
    (activity,) = stage.book.activities("sagemaker")
    assert activity["NotScaledReasons"] == [{"Code": "AlreadyAtMaxCapacity", "CurrentCapacity": 4, "MaxCapacity": 4}]
    assert activity["Cause"].endswith("in state ALARM triggered policy p")


def test_the_metric_of_ten_seconds_scales_after_thirty(stage: Stage) -> None:
    policy = stage.book.get(POLICY, KEY, "p")
    assert policy is not None
    predefined = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    policy["TargetTrackingScalingPolicyConfiguration"] |= {
        "TargetValue": 5.0,
        "PredefinedMetricSpecification": predefined,
    }
    stage.book.put(POLICY, KEY, policy, "p")
    for at in (5, 15, 25):
        stage.metrics.put("AWS/SageMaker", "ConcurrentRequestsPerModel", DIMENSIONS, 12.0, T0 + at)
    stage.scaler.look(T0 + 30)
    assert stage.service.sets == []
    stage.scaler.look(T0 + 36)
    assert stage.service.sets == [3]


def test_an_alarm_triggers_the_steps_of_the_policy_that_it_names(stage: Stage) -> None:
    stage.book.delete(POLICY, KEY, "p")
    steps = [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 50.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 50.0, "ScalingAdjustment": 2},
    ]
    configuration = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, "Cooldown": 300}
    record = {**KEY.members(), "PolicyName": "s", "PolicyARN": "arn:s", "PolicyType": "StepScaling", "Alarms": []}
    stage.book.put(POLICY, KEY, record | {"StepScalingPolicyConfiguration": configuration}, "s")
    alarm = {
        "AlarmName": "busy",
        "AlarmActions": ["arn:s"],
        "Namespace": "AWS/SageMaker",
        "MetricName": "InvocationsPerInstance",
        "Dimensions": [{"Name": name, "Value": value} for name, value in DIMENSIONS.items()],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 100.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    stage.alarms.put(alarm)
    stage.load(T0, 1, 120.0)
    stage.scaler.look(T0 + 66)
    assert stage.service.sets == [2]
    assert stage.book.activities("sagemaker")[0]["Cause"] == "monitor alarm busy in state ALARM triggered policy s"
    stage.service.now = Now(2, 2, False)
    # The same step has to wait; the larger one adds what it adds beyond the first.
    stage.load(T0 + 60, 1, 120.0)
    stage.scaler.look(T0 + 126)
    assert stage.service.sets == [2]
    stage.load(T0 + 120, 1, 170.0)
    stage.scaler.look(T0 + 186)
    assert stage.service.sets == [2, 3]
    stage.alarms.put(alarm | {"ActionsEnabled": False})
    stage.service.now = Now(3, 3, False)
    stage.load(T0 + 480, 1, 400.0)
    stage.scaler.look(T0 + 546)
    assert stage.service.sets == [2, 3]


def test_suspended_ways_and_limits_that_moved(stage: Stage) -> None:
    stage.target(1, 4, DynamicScalingOutSuspended=True)
    stage.load(T0, 3, 250.0)
    stage.scaler.look(T0 + 190)
    assert stage.service.sets == []
    stage.target(2, 4, DynamicScalingOutSuspended=True)
    stage.scaler.look(T0 + 195)
    assert stage.service.sets == [2]
    assert stage.book.activities("sagemaker")[0]["Cause"] == "minimum capacity was set to 2"


def test_a_capacity_that_is_set_by_hand_stays(stage: Stage) -> None:
    stage.scaler.look(T0)
    stage.service.now = Now(7, 7, False)
    stage.scaler.look(T0 + 60)
    assert stage.service.sets == []
    stage.target(1, 3)
    stage.scaler.look(T0 + 65)
    assert stage.service.sets == [3]


def test_activities_end_at_a_time_and_a_restart_leaves_none_open(stage: Stage) -> None:
    stage.load(T0, 3, 250.0)
    stage.scaler.look(T0 + 190)
    stage.book.delete(TARGET, KEY)
    stage.again()
    stage.scaler.look(T0 + 200)
    activity = stage.book.activities("sagemaker")[0]
    assert activity["StatusCode"] == "Overridden" and activity["EndTime"] <= time.time()
