"""What CloudWatch knows of functions' last day, read for many functions with one call."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.aws.session import AwsSession
from workers.aws.times import utc
from workers.errors.tree import SageDeckError
from workers.functions.types import Usage

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
# A day's line has 288 points then; CloudWatch bills by the metric, not by the point.
_PERIOD_SECONDS = 300
_HOUR_SECONDS = 3600
# GetMetricData takes 500 queries and gives 100,800 values a call; a day of a function is 288 values of each metric.
_FUNCTIONS_A_CALL = 80
# AWS bills GetMetricData by the metric, and the figures are those of five minutes.
KEPT_SECONDS = 60.0
_METRICS = (("calls", "Invocations", "Sum"), ("errors", "Errors", "Sum"), ("total", "Duration", "Sum"),
            ("median", "Duration", "p50"))  # fmt: skip
# Lambda bills every call to the next full millisecond: on average half a one more than it took.
_ROUNDING_MS = 0.5

Points = list[tuple[datetime, float]]


class Figures:
    """Reads figures, and keeps them for a minute."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._kept: dict[str, tuple[float, dict[str, object]]] = {}

    async def of(self, names: Sequence[str], *, fresh: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """Fields of ``Function`` by its name: counts, median duration (ms), last use, the last hour's use.

        Those of ``fresh`` are read again whatever is kept. Empty if the caller may not read CloudWatch.
        """
        now = time.monotonic()
        wanted = [
            name
            for name in dict.fromkeys((*names, *fresh))
            if name in fresh or name not in self._kept or now - self._kept[name][0] > KEPT_SECONDS
        ]
        try:
            for begin in range(0, len(wanted), _FUNCTIONS_A_CALL):
                part = wanted[begin : begin + _FUNCTIONS_A_CALL]
                for name, found in (await self._read(part)).items():
                    self._kept[name] = (now, found)
        except SageDeckError:
            return {}
        return {name: self._kept[name][1] for name in (*names, *fresh)}

    async def _read(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        now = datetime.now(UTC)
        end = datetime.fromtimestamp((now.timestamp() // _PERIOD_SECONDS + 1) * _PERIOD_SECONDS, UTC)
        points: dict[str, Points] = {}
        async for result in self._session.paginate(
            "cloudwatch",
            "get_metric_data",
            "MetricDataResults",
            doing="read the functions' figures",
            MetricDataQueries=[
                _query(f"{key}{at}", name, metric, statistic)
                for at, name in enumerate(names)
                for key, metric, statistic in _METRICS
            ],
            StartTime=end - _DAY,
            EndTime=end,
            ScanBy="TimestampAscending",
        ):
            found = zip(map(utc, result["Timestamps"]), result["Values"], strict=True)
            points.setdefault(result["Id"], []).extend(found)
        return {
            name: figures({key: sorted(points.get(f"{key}{at}", [])) for key, _, _ in _METRICS}, now)
            for at, name in enumerate(names)
        }


def figures(points: Mapping[str, Points], now: datetime) -> dict[str, object]:
    """The fields of ``Function`` from the values of its metrics in the last day, oldest first."""
    calls = points["calls"]
    used = [at for at, number in calls if number]
    recent = sum(number for at, number in calls if now - at < _HOUR)
    took = sum(total for at, total in points["total"] if now - at < _HOUR)
    return {
        "invocations": int(sum(number for _, number in calls)),
        "errors": int(sum(number for _, number in points["errors"])),
        "duration_ms": points["median"][-1][1] if points["median"] else None,
        "last_invocation": used[-1] if used else None,
        "per_hour": _every_hour(now, [at for at, _ in calls], [number for _, number in calls]),
        "last_hour": Usage(recent, took + _ROUNDING_MS * recent),
    }


def _query(key: str, name: str, metric: str, statistic: str) -> dict[str, object]:
    dimensions = [{"Name": "FunctionName", "Value": name}]
    named = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": key, "MetricStat": {"Metric": named, "Period": _PERIOD_SECONDS, "Stat": statistic}}


def _every_hour(now: datetime, at: Sequence[datetime], counts: Sequence[float]) -> tuple[float, ...]:
    """One count for each of the last 24 hours, oldest first; CloudWatch leaves hours without calls out."""
    hours = [0.0] * 24
    for begun, number in zip(at, counts, strict=True):
        age = int((now - begun).total_seconds() // _HOUR_SECONDS)
        if 0 <= age < len(hours):
            hours[-1 - age] += number
    return tuple(hours)
