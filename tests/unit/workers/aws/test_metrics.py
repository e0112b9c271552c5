"""What CloudWatch counted, in the units and the order that a chart needs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from tests.unit.workers.fake_aws import FakeSession
from workers.aws.metrics import Metrics

NOW = datetime(2026, 1, 31, 12, 30, 45, tzinfo=UTC)
MINUTE = NOW.replace(second=0)


class CloudWatch(FakeSession):
    """Answers GetMetricData from ``{(metric, period): [(minutes before the running one, value)]}``."""

    def __init__(self, series):
        super().__init__(get_metric_data=self.answer)
        self.series = series

    def answer(self, MetricDataQueries, StartTime, EndTime, ScanBy):
        results = []
        for query in MetricDataQueries:
            stat = query["MetricStat"]
            points = [
                # As boto3 does: the machine's own zone.
                ((MINUTE - timedelta(minutes=ago)).astimezone(timezone(timedelta(hours=2))), value)
                for ago, value in self.series.get((stat["Metric"]["MetricName"], stat["Period"]), ())
            ]
            points = [(at, value) for at, value in points if StartTime <= at < EndTime]
            results.append({"Id": query["Id"], "Timestamps": [p[0] for p in points], "Values": [p[1] for p in points]})
        return {"MetricDataResults": results}


def read(series):
    session = CloudWatch(series)
    return session, asyncio.run(Metrics(session).endpoint("dogs", now=NOW))


def test_calls_latency_and_errors_of_the_last_hour():
    session, metrics = read(
        {
            ("Invocations", 60): [(0, 6.0), (10, 30.0), (59, 24.0), (60, 100.0)],
            ("ModelLatency", 60): [(10, 25_000.0), (0, 12_500.0)],
            ("Invocation4XXErrors", 60): [(10, 2.0)],
            ("Invocation5XXErrors", 60): [(0, 1.0)],
        }
    )
    assert [count for _, count in metrics.invocations] == [24, 30, 6]
    assert metrics.invocations_per_minute == 1
    assert metrics.latency_ms == ((MINUTE - timedelta(minutes=10), 25.0), (MINUTE, 12.5))
    assert metrics.latency_p95_ms == metrics.latency_ms
    statistics = {q["Id"]: q["MetricStat"]["Stat"] for q in session.made("get_metric_data")[0]["MetricDataQueries"]}
    assert (statistics["latency"], statistics["latency95"]) == ("p50", "p95")
    assert metrics.p50_ms == 12.5
    assert metrics.errors == 3
    assert metrics.last_used == MINUTE
    assert metrics.last_used.tzinfo is UTC
    assert len(session.made("get_metric_data")) == 2


def test_the_last_day_is_read_by_quarters_and_kept_for_minutes():
    session = CloudWatch(
        {("Invocations", 900): [(1400, 4.0)], ("Invocations", 60): [(0, 6.0)], ("ModelLatency", 900): [(30, 40_000.0)]},
    )
    metrics = Metrics(session)
    first = asyncio.run(metrics.endpoint("dogs", now=NOW))
    assert [count for _, count in first.day_invocations] == [4, 6]
    assert first.day_latency_ms == first.day_latency_p95_ms == ((MINUTE - timedelta(minutes=30), 40.0),)
    asyncio.run(metrics.endpoint("dogs", now=NOW + timedelta(minutes=1)))
    periods = [made["MetricDataQueries"][0]["MetricStat"]["Period"] for made in session.made("get_metric_data")]
    assert periods.count(900) == 1
    asyncio.run(metrics.endpoint("dogs", now=NOW + timedelta(minutes=9)))
    assert session.made("get_metric_data")[-1]["MetricDataQueries"][0]["MetricStat"]["Period"] == 900


def test_the_last_use_is_searched_for_two_weeks():
    days = 60 * 24
    _, metrics = read({("Invocations", 3600): [(3 * days, 5.0), (2 * days, 0.0), (20 * days, 9.0)]})
    assert metrics.last_used == MINUTE - timedelta(days=3)
    assert metrics.invocations == ()
    assert metrics.p50_ms is None


def test_an_endpoint_nobody_ever_called():
    session, metrics = read({})
    assert metrics.last_used is None
    dimensions = session.made("get_metric_data")[0]["MetricDataQueries"][0]["MetricStat"]["Metric"]["Dimensions"]
    assert {item["Name"]: item["Value"] for item in dimensions} == {"EndpointName": "dogs", "VariantName": "AllTraffic"}
