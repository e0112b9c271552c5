"""CloudWatch metrics: statistics over periods, listing, what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.core.state import StateDir
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.service import MetricsService
from sandbox.metrics.store import Datum, Metrics, one_value, statistic
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

CALLER = Caller("arn", "1", "K")
# A full minute of an hour ago: PutMetricData takes what is at most two weeks old.
T0 = time.time() // 60 * 60 - 3600
DIMENSIONS = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    made = StateDir(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def metrics(state: StateDir) -> Metrics:
    return Metrics(state)


@pytest.fixture
def service(metrics: Metrics, state: StateDir) -> MetricsService:
    made = MetricsService()
    parts: dict[type, Any] = {Metrics: metrics, Alarms: Alarms(state.db)}
    made.start(SimpleNamespace(part=parts.__getitem__, call=None))  # type: ignore[arg-type]
    return made


def call(service: MetricsService, operation: str, **params: Any) -> dict[str, Any]:
    return service.operations[operation](params, CALLER) or {}


def put(service: MetricsService, *values: float, at: float = T0, **more: Any) -> None:
    for index, value in enumerate(values):
        datum = {"MetricName": "m", "Value": value, "Timestamp": at + index, "Dimensions": DIMENSIONS, **more}
        call(service, "PutMetricData", Namespace="N", MetricData=[datum])


def window(**more: Any) -> dict[str, Any]:
    return {
        "Namespace": "N",
        "MetricName": "m",
        "Dimensions": DIMENSIONS,
        "StartTime": T0,
        "EndTime": datetime.fromtimestamp(T0 + 180, UTC),
        "Period": 60,
        **more,
    }


def test_statistics_by_period(service: MetricsService) -> None:
    put(service, 1.0, 2.0, 6.0, Unit="Milliseconds")
    put(service, 10.0, at=T0 + 60)
    put(service, 99.0, at=T0 + 180)
    names = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]
    points = call(service, "GetMetricStatistics", **window(Statistics=names))["Datapoints"]
    assert [point["Timestamp"].timestamp() for point in points] == [T0, T0 + 60]
    assert {name: points[0][name] for name in names} == {
        "Average": 3.0,
        "Sum": 9.0,
        "Minimum": 1.0,
        "Maximum": 6.0,
        "SampleCount": 3.0,
    }
    assert points[0]["Unit"] == "Milliseconds"
    only = call(service, "GetMetricStatistics", **window(Statistics=["Sum"], Unit="None"))["Datapoints"]
    assert [point["Sum"] for point in only] == [10.0]


def test_percentiles() -> None:
    data = [one_value(float(value), T0) for value in range(1, 102)]
    assert statistic("p50", data) == 51
    assert statistic("p99", data) == 100
    assert statistic("p100", data) == 101
    assert statistic("p0", data) == 1
    assert statistic("p50", [one_value(1.0, T0), one_value(2.0, T0)]) == 1.5
    assert statistic("p90", [one_value(7.0, T0, count=5.0)]) == 7


def test_values_with_counts_and_statistic_sets(service: MetricsService) -> None:
    data = [
        {"MetricName": "m", "Values": [1.0, 2.0], "Counts": [3.0, 1.0], "Timestamp": T0, "Dimensions": DIMENSIONS},
        {
            "MetricName": "m",
            "StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20},
            "Timestamp": T0,
            "Dimensions": DIMENSIONS,
        },
    ]
    call(service, "PutMetricData", Namespace="N", MetricData=data)
    (point,) = call(service, "GetMetricStatistics", **window(Statistics=["Sum", "SampleCount", "Maximum"]))[
        "Datapoints"
    ]
    assert (point["Sum"], point["SampleCount"], point["Maximum"]) == (35.0, 6.0, 20.0)


def test_metric_data_queries(service: MetricsService) -> None:
    put(service, 1.0, 3.0)
    put(service, 5.0, at=T0 + 120)
    metric = {"Namespace": "N", "MetricName": "m", "Dimensions": DIMENSIONS}
    query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}
    times = {"StartTime": T0, "EndTime": T0 + 180}
    (result,) = call(service, "GetMetricData", MetricDataQueries=[query], **times)["MetricDataResults"]
    assert result["Values"] == [5.0, 2.0]
    (result,) = call(service, "GetMetricData", MetricDataQueries=[query], ScanBy="TimestampAscending", **times)[
        "MetricDataResults"
    ]
    assert [moment.timestamp() for moment in result["Timestamps"]] == [T0, T0 + 120]
    with pytest.raises(AwsError, match="metric math") as refused:
        call(service, "GetMetricData", MetricDataQueries=[{"Id": "b", "Expression": "a*2"}], **times)
    assert refused.value.status == 501


def test_listing(service: MetricsService, metrics: Metrics) -> None:
    put(service, 1.0)
    metrics.put("AWS/SageMaker", "Invocations", {"EndpointName": "e"}, 1.0)
    names = [(metric["Namespace"], metric["MetricName"]) for metric in call(service, "ListMetrics")["Metrics"]]
    assert names == [("AWS/SageMaker", "Invocations"), ("N", "m")]
    found = call(service, "ListMetrics", Dimensions=[{"Name": "VariantName"}])["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["m"]
    assert found[0]["Dimensions"] == DIMENSIONS
    assert call(service, "ListMetrics", Dimensions=[{"Name": "EndpointName", "Value": "x"}])["Metrics"] == []
    metrics.put("N", "old", {}, 1.0, at=T0 - 3 * 3600)
    recent = call(service, "ListMetrics", RecentlyActive="PT3H")["Metrics"]
    assert [metric["MetricName"] for metric in recent] == ["Invocations", "m"]


def test_metrics_are_kept(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "s")
    Metrics(state).put("N", "m", {"b": "2", "a": "1"}, 4.0, at=T0 + 10**8)
    (period,) = Metrics(state).statistics("N", "m", {"a": "1", "b": "2"}, T0, T0 + 2 * 10**8, 60)
    assert period[1] == [Datum(T0 + 10**8, 1.0, 4.0, 4.0, 4.0)]
    state.close()


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("PutMetricData", {"Namespace": "AWS/EC2", "MetricData": [{"MetricName": "m", "Value": 1}]}, "InvalidParam"),
        ("PutMetricData", {"MetricData": [{"MetricName": "m", "Value": 1}]}, "MissingParameter"),
        ("PutMetricData", {"Namespace": "N", "MetricData": []}, "InvalidParameterValue"),
        ("PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "m"}]}, "MissingParameter"),
        ("PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": "x"}]}, "InvalidParam"),
        ("GetMetricStatistics", window(Statistics=[]), "InvalidParameterCombination"),
        ("GetMetricStatistics", window(Statistics=["Mode"]), "InvalidParameterValue"),
        ("GetMetricStatistics", window(Statistics=["Sum"], Period=7), "InvalidParameterValue"),
        ("GetMetricStatistics", window(Statistics=["Sum"], StartTime=T0 + 999), "InvalidParameterValue"),
        ("GetMetricStatistics", window(Statistics=["Sum"], StartTime=T0 - 10**7), "InvalidParameterCombination"),
        ("GetMetricStatistics", window(Statistics=["Sum"], StartTime="yesterday"), "InvalidParameterValue"),
    ],
)
def test_what_is_refused(service: MetricsService, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError, match=code):
        call(service, operation, **params)


def datum(**members: Any) -> dict[str, Any]:
    return {"Namespace": "N", "MetricData": [{"MetricName": "m", "Timestamp": T0, **members}]}


SET = {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"Value": float("nan")}, "InvalidParameterValue", "The value NaN for parameter MetricData.member.1.Value is"),
        ({"Value": float("inf")}, "InvalidParameterValue", "The value inf for parameter MetricData.member.1.Value is"),
        ({"Values": [1.0, float("nan")]}, "InvalidParameterValue", "Values.member.2 is invalid"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterValue", "Value and MetricData.member.1.Values are mutually"),
        ({"Value": 1.0, "StatisticValues": SET}, "InvalidParameterCombination", "StatisticValues are mutually excl"),
        ({"Values": [1.0], "Counts": [1, 2]}, "InvalidParameterValue", "Counts must be of the same size"),
        ({"StatisticValues": SET | {"Minimum": 3}}, "InvalidParameterCombination", "Maximum must be greater than"),
        ({"StatisticValues": SET | {"SampleCount": 0}}, "InvalidParameterValue", "SampleCount is invalid"),
        ({"Value": 1.0, "Timestamp": T0 - 14 * 86_400}, "InvalidParameterValue", "no more than two weeks in the past"),
        ({"Value": 1.0, "Timestamp": T0 + 3 * 7200}, "InvalidParameterValue", "no more than two hours in the future"),
        ({"Value": 1.0, "Unit": "Furlongs"}, "InvalidParameterValue", "The value Furlongs for parameter"),
        ({"Value": 1.0, "Dimensions": DIMENSIONS * 16}, "InvalidParameterValue", "size greater than 30"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue", "size greater than 150"),
    ],
)
def test_data_that_contradict_themselves(
    service: MetricsService, metrics: Metrics, members: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(AwsError) as refused:
        call(service, "PutMetricData", **datum(**members))
    assert (refused.value.code, message in refused.value.message) == (code, True), refused.value.message
    assert metrics.series() == []


def test_times_are_whole_seconds(service: MetricsService) -> None:
    put(service, 1.5, at=T0 + 0.2)
    times = {"StartTime": T0 + 0.9, "EndTime": T0 + 1}
    (point,) = call(service, "GetMetricStatistics", **window(Statistics=["Sum"]) | times)["Datapoints"]
    assert point["Sum"] == 1.5
    with pytest.raises(AwsError, match="StartTime must be less than"):
        call(service, "GetMetricStatistics", **window(Statistics=["Sum"]) | times | {"EndTime": T0 + 0.95})
    for end, words in ((T0 + 0.95, "must not equal"), (T0 - 1, "EndTime must be greater")):
        with pytest.raises(AwsError, match=words):
            call(service, "GetMetricData", MetricDataQueries=[], StartTime=T0 + 0.9, EndTime=end)


def test_the_history_of_alarms_has_pages_and_ends(service: MetricsService) -> None:
    alarm = {"Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    for _ in range(3):
        call(service, "PutMetricAlarm", AlarmName="a", Threshold=1.0, ComparisonOperator="LessThanThreshold", **alarm)
    seen, asked = [], {"AlarmName": "a", "MaxRecords": 2, "HistoryItemType": "ConfigurationUpdate"}
    while True:
        page = call(service, "DescribeAlarmHistory", **asked)
        seen.append([item["HistorySummary"] for item in page["AlarmHistoryItems"]])
        if "NextToken" not in page:
            break
        asked["NextToken"] = page["NextToken"]
    assert seen == [['Alarm "a" updated', 'Alarm "a" updated'], ['Alarm "a" created']]
    before = call(service, "DescribeAlarmHistory", EndDate=datetime.fromtimestamp(T0, UTC))
    assert before == {"AlarmHistoryItems": []}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"ExtendedStatistic": "90"}, "The value 90 for parameter ExtendedStatistic is not supported."),
        (
            {"EvaluateLowSampleCountPercentile": "unknown", "Statistic": "Sum"},
            "Option unknown is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are "
            "evaluate and ignore.",
        ),
        ({"TreatMissingData": "x", "Statistic": "Sum"}, "are breaching, notBreaching, ignore and missing."),
    ],
)
def test_options_of_alarms(service: MetricsService, members: dict[str, Any], words: str) -> None:
    alarm = {"Namespace": "N", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
    with pytest.raises(AwsError) as refused:
        call(service, "PutMetricAlarm", AlarmName="a", ComparisonOperator="LessThanThreshold", **alarm, **members)
    assert words in refused.value.message
