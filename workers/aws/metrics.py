"""What CloudWatch counted: how often an endpoint is called, how long the model takes, when it was last used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.aws.session import AwsSession
from workers.aws.times import utc
from workers.types import EndpointMetrics

NAMESPACE = "AWS/SageMaker"
RECENT = timedelta(hours=1)
IDLE_SEARCH = timedelta(days=14)
DAY = timedelta(days=1)
DAY_KEPT = timedelta(minutes=5)
# Seconds; GetMetricData answers whole multiples of a minute.
_MINUTE, _QUARTER, _HOUR = 60, 900, 3600

_Series = Mapping[str, list[tuple[datetime, float]]]


class Metrics:
    """CloudWatch figures of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._days: dict[tuple[str, str], tuple[datetime, _Series]] = {}

    async def endpoint(self, name: str, variant: str = "AllTraffic", now: datetime | None = None) -> EndpointMetrics:
        """The figures of one endpoint variant (metrics ``Invocations``, ``ModelLatency``, ``Invocation?XXErrors``)."""
        now = now or datetime.now(UTC)
        # CloudWatch aligns periods to whole minutes and hours; the running minute belongs to the answer.
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": variant}]

        def query(key: str, metric: str, period: int, statistic: str) -> dict[str, object]:
            named = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
            return {"Id": key, "MetricStat": {"Metric": named, "Period": period, "Stat": statistic}}

        recent = await self._series(
            [
                query("calls", "Invocations", _MINUTE, "Sum"),
                query("latency", "ModelLatency", _MINUTE, "p50"),
                query("latency95", "ModelLatency", _MINUTE, "p95"),
                query("errors4", "Invocation4XXErrors", _MINUTE, "Sum"),
                query("errors5", "Invocation5XXErrors", _MINUTE, "Sum"),
            ],
            end - RECENT,
            end,
        )
        calls = tuple((at, value) for at, value in recent["calls"] if value > 0)
        if calls:
            last_used: datetime | None = calls[-1][0]
        else:
            start = (end - IDLE_SEARCH).replace(minute=0)
            hours = await self._series([query("calls", "Invocations", _HOUR, "Sum")], start, end)
            used = [at for at, value in hours["calls"] if value > 0]
            last_used = used[-1] if used else None
        day = await self._day((name, variant), query, end)
        return EndpointMetrics(
            invocations=calls,
            latency_ms=_milliseconds(recent["latency"]),
            errors=sum(value for key in ("errors4", "errors5") for _, value in recent[key]),
            last_used=last_used,
            latency_p95_ms=_milliseconds(recent["latency95"]),
            # What is kept may be some minutes old; the last hour is known to the minute.
            day_invocations=(*((at, value) for at, value in day["calls"] if at < end - RECENT), *calls),
            day_latency_ms=_milliseconds(day["latency"]),
            day_latency_p95_ms=_milliseconds(day["latency95"]),
        )

    async def _day(self, key: tuple[str, str], query: Callable[..., dict[str, Any]], end: datetime) -> _Series:
        """The last day by quarters of an hour, at most some minutes old: AWS bills every metric that is read."""
        kept = self._days.get(key)
        if kept is None or not timedelta(0) <= end - kept[0] < DAY_KEPT:
            series = await self._series(
                [
                    query("calls", "Invocations", _QUARTER, "Sum"),
                    query("latency", "ModelLatency", _QUARTER, "p50"),
                    query("latency95", "ModelLatency", _QUARTER, "p95"),
                ],
                _floor(end - DAY, _QUARTER),
                end,
            )
            kept = self._days[key] = (end, series)
        return kept[1]

    async def _series(self, queries: list[dict[str, Any]], start: datetime, end: datetime) -> _Series:
        series: dict[str, list[tuple[datetime, float]]] = {query["Id"]: [] for query in queries}
        async for result in self._session.paginate(
            "cloudwatch",
            "get_metric_data",
            "MetricDataResults",
            doing="read the metrics",
            MetricDataQueries=queries,
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampAscending",
        ):
            series[result["Id"]].extend(zip(map(utc, result["Timestamps"]), result["Values"], strict=True))
        return {key: sorted(values) for key, values in series.items()}


def _milliseconds(values: Sequence[tuple[datetime, float]]) -> tuple[tuple[datetime, float], ...]:
    """ModelLatency is in microseconds (SageMaker's list of endpoint metrics)."""
    return tuple((at, value / 1000) for at, value in values)


def _floor(at: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)
