"""CloudWatch metrics: statistics over periods, listing, what is refused."""

from __future__ import annotations

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
T0 = 1_700_000_040.0 - 1_700_000_040.0 % 60
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
    with pytest.raises(AwsError, match="metric math"):
        call(service, "GetMetricData", MetricDataQueries=[{"Id": "b", "Expression": "a*2"}], **times)


def test_listing(service: MetricsService, metrics: Metrics) -> None:
    put(service, 1.0)
    metrics.put("AWS/SageMaker", "Invocations", {"EndpointName": "e"}, 1.0)
    names = [(metric["Namespace"], metric["MetricName"]) for metric in call(service, "ListMetrics")["Metrics"]]
    assert names == [("AWS/SageMaker", "Invocations"), ("N", "m")]
    found = call(service, "ListMetrics", Dimensions=[{"Name": "VariantName"}])["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["m"]
    assert found[0]["Dimensions"] == DIMENSIONS
    assert call(service, "ListMetrics", Dimensions=[{"Name": "EndpointName", "Value": "x"}])["Metrics"] == []
    recent = call(service, "ListMetrics", RecentlyActive="PT3H")["Metrics"]
    assert [metric["MetricName"] for metric in recent] == ["Invocations"]


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
        ("GetMetricStatistics", window(Statistics=["Sum"], StartTime=T0 + 999), "InvalidParameterCombination"),
        ("GetMetricStatistics", window(Statistics=["Sum"], StartTime=T0 - 10**7), "InvalidParameterCombination"),
        ("GetMetricStatistics", window(Statistics=["Sum"], StartTime="yesterday"), "InvalidParameterValue"),
    ],
)
def test_what_is_refused(service: MetricsService, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError, match=code):
        call(service, operation, **params)
