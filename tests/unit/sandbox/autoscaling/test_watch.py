"""Alarms over the metrics of a store: their states, and a time that runs faster than the clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.autoscaling.tracking import Metric
from sandbox.autoscaling.watch import Watch
from sandbox.core.state import StateDir
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.store import Metrics
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

CALLER = Caller("arn", "1", "K")
T0 = 1_800_000_000.0
DIMENSIONS = {"EndpointName": "e"}
ALARM = {
    "AlarmName": "a",
    "Namespace": "N",
    "MetricName": "m",
    "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 100.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


class Clock:
    """A store of metrics, its alarms and a watch over both."""

    def __init__(self, state: StateDir) -> None:
        self.metrics, self.alarms = Metrics(state), Alarms(state.db)

    def put(self, at: float, value: float) -> None:
        self.metrics.put("N", "m", DIMENSIONS, value, at)

    def ask(self, operation: str, **given: Any) -> dict[str, Any]:
        return self.alarms.operations[operation](given, CALLER) or {}

    def state(self, name: str = "a") -> str:
        return str(self.ask("DescribeAlarms", AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Clock]:
    state = StateDir(tmp_path / "state")
    yield Clock(state)
    state.close()


def test_an_alarm_changes_its_state_with_its_metric(clock: Clock) -> None:
    clock.ask("PutMetricAlarm", **ALARM)
    watch = Watch(clock.metrics, clock.alarms, 1.0)
    watch.look(T0 + 10)
    assert clock.state() == "INSUFFICIENT_DATA"
    clock.put(T0 + 20, 60.0)
    clock.put(T0 + 40, 60.0)
    watch.look(T0 + 70)
    assert clock.state() == "OK"
    clock.put(T0 + 100, 101.0)
    # A period counts when it is over and what was collected is written.
    watch.look(T0 + 119)
    watch.look(T0 + 121)
    assert clock.state() == "OK"
    watch.look(T0 + 126)
    assert clock.state() == "ALARM"
    told = clock.ask("DescribeAlarmHistory", AlarmName="a", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in told] == [
        "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK",
    ]
    watch.look(T0 + 400)
    assert clock.state() == "INSUFFICIENT_DATA"


def test_what_somebody_sets_holds_until_the_next_period(clock: Clock) -> None:
    clock.ask("PutMetricAlarm", **ALARM)
    clock.put(T0 + 20, 1.0)
    watch = Watch(clock.metrics, clock.alarms, 1.0)
    watch.look(T0 + 70)
    clock.ask("SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="drill")
    watch.look(T0 + 80)
    assert clock.state() == "ALARM"
    watch.look(T0 + 130)
    assert clock.state() == "OK"


def test_fast_time_has_short_periods_and_the_same_rates(clock: Clock) -> None:
    """Two requests a second are 120 in a minute, also in a minute of half a second."""
    for step in range(40):
        clock.put(T0 + step / 2 + 0.1, 1.0)
    metric = Metric("N", "m", "Sum", DIMENSIONS)
    slow = Watch(clock.metrics, clock.alarms, 1.0).periods(metric, 1, T0 + 66)
    fast = Watch(clock.metrics, clock.alarms, 60.0).periods(metric, 3, T0 + 10.4)
    assert slow == [(T0 + 60, 40.0)]
    assert fast == [(T0 + 8, 120.0), (T0 + 9, 120.0), (T0 + 10, 120.0)]
    average = Watch(clock.metrics, clock.alarms, 60.0).periods(Metric("N", "m", "Average", DIMENSIONS), 1, T0 + 10.4)
    assert average == [(T0 + 10, 1.0)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Period": 45}, "InvalidParameterValue"),
        ({"Statistic": None}, "InvalidParameterCombination"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "InvalidParameterValue"),
        ({"DatapointsToAlarm": 3}, "ValidationError"),
        ({"Threshold": None}, "MissingParameter"),
    ],
)
def test_alarms_that_are_refused(clock: Clock, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        clock.ask("PutMetricAlarm", **ALARM | changes)
    assert refused.value.code == code
    assert clock.alarms.all() == []


def test_alarms_have_tags(clock: Clock) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    clock.ask("PutMetricAlarm", **ALARM, Tags=tags)
    arn = {"ResourceARN": clock.alarms.all()[0]["AlarmArn"]}
    # A change of the alarm leaves them.
    clock.ask("PutMetricAlarm", **ALARM, Tags=[{"Key": "c", "Value": "3"}])
    clock.ask("TagResource", **arn, Tags=[{"Key": "b", "Value": "4"}])
    clock.ask("UntagResource", **arn, TagKeys=["a"])
    assert clock.ask("ListTagsForResource", **arn) == {"Tags": [{"Key": "b", "Value": "4"}]}
    assert "_Tags" not in clock.ask("DescribeAlarms")["MetricAlarms"][0]
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        clock.ask("ListTagsForResource", ResourceARN=arn["ResourceARN"] + "x")


def test_alarms_are_listed_changed_and_deleted(clock: Clock) -> None:
    for name in ("b", "c", "a"):
        clock.ask("PutMetricAlarm", **ALARM | {"AlarmName": name, "AlarmActions": [f"arn:{name}"]})
    clock.ask("SetAlarmState", AlarmName="b", StateValue="OK", StateReason="so")
    clock.ask("PutMetricAlarm", **ALARM | {"AlarmName": "b", "Threshold": 5.0})
    assert clock.state("b") == "OK"
    page = clock.ask("DescribeAlarms", MaxRecords=2)
    assert [alarm["AlarmName"] for alarm in page["MetricAlarms"]] == ["a", "b"]
    rest = clock.ask("DescribeAlarms", NextToken=page["NextToken"])
    assert [alarm["AlarmName"] for alarm in rest["MetricAlarms"]] == ["c"] and "NextToken" not in rest
    assert len(clock.ask("DescribeAlarms", StateValue="OK")["MetricAlarms"]) == 1
    assert len(clock.ask("DescribeAlarms", ActionPrefix="arn:c")["MetricAlarms"]) == 1
    assert len(clock.ask("DescribeAlarms", AlarmTypes=["CompositeAlarm"])["MetricAlarms"]) == 0
    found = clock.ask("DescribeAlarmsForMetric", Namespace="N", MetricName="m", Dimensions=ALARM["Dimensions"])
    assert len(found["MetricAlarms"]) == 3
    clock.ask("DisableAlarmActions", AlarmNames=["a"])
    assert [alarm["ActionsEnabled"] for alarm in clock.alarms.all()] == [False, True, True]
    clock.ask("DeleteAlarms", AlarmNames=["a", "b"])
    assert [alarm["AlarmName"] for alarm in clock.alarms.all()] == ["c"]
