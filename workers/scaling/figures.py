"""What CloudWatch measured of a variant: calls per instance, latencies, and how many instances there were."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.aws.session import AwsSession
from workers.aws.times import utc
from workers.scaling.types import Activity, Points, Variant, VariantFigures

NAMESPACE = "AWS/SageMaker"
_METRICS = (
    ("per_instance", "InvocationsPerInstance", "Sum"),
    ("calls", "Invocations", "Sum"),
    ("p50", "ModelLatency", "p50"),
    ("p90", "ModelLatency", "p90"),
    ("p99", "ModelLatency", "p99"),
)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_LATENCIES = ("p50", "p90", "p99")
_SET_TO = re.compile(r"desired instance count to (\d+)", re.IGNORECASE)


def period_for(span: timedelta) -> int:
    """Seconds of one point: a minute up to a day, five minutes beyond. Of a sum the points are made minutes again."""
    return 60 if span <= _DAY else 300


class Figures:
    """Series of variants. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def of(
        self, variant: Variant, span: timedelta, activities: Iterable[Activity] = (), now: datetime | None = None
    ) -> VariantFigures:
        """The last ``span``; minutes without a call have no point. Counts are per minute, latencies in ms."""
        now = now or datetime.now(UTC)
        end = now.replace(second=0, microsecond=0) + _MINUTE
        period = period_for(span)
        dimensions = [
            {"Name": "EndpointName", "Value": variant.endpoint},
            {"Name": "VariantName", "Value": variant.name},
        ]
        series: dict[str, list[tuple[datetime, float]]] = {key: [] for key, _, _ in _METRICS}
        async for result in self._session.paginate(
            "cloudwatch",
            "get_metric_data",
            "MetricDataResults",
            doing="read the figures",
            MetricDataQueries=[_query(*metric, dimensions, period) for metric in _METRICS],
            StartTime=end - span,
            EndTime=end,
            ScanBy="TimestampAscending",
        ):
            series[result["Id"]].extend(zip(map(utc, result["Timestamps"]), result["Values"], strict=True))
        found = {key: tuple(sorted(values)) for key, values in series.items()}
        minutes = period / 60
        counts = {key: tuple((at, value / minutes) for at, value in found[key]) for key in ("per_instance", "calls")}
        return VariantFigures(
            # ModelLatency is in microseconds.
            **{key: tuple((at, value / 1000) for at, value in found[key]) for key in _LATENCIES},
            **counts,
            instances=instances_over_time(
                counts["calls"], counts["per_instance"], activities, now - span, now, variant.current
            ),
        )


def instances_over_time(
    calls: Points, per_instance: Points, activities: Iterable[Activity], first: datetime, now: datetime, current: int
) -> Points:
    """How many instances there were: by how the calls were shared, by what auto scaling did, and now.

    AWS keeps no figure of it. InvocationsPerInstance counts each call as one by the number of instances.
    """
    shares = dict(per_instance)
    points = [(at, float(round(number / shares[at]))) for at, number in calls if number > 0 and shares.get(at)]
    for activity in activities:
        found = _SET_TO.search(activity.description)
        if found and activity.status == "Successful" and activity.ended is not None and first <= activity.ended <= now:
            points.append((activity.ended, float(found[1])))
    return (*sorted(points), (now, float(current)))


def _query(key: str, metric: str, statistic: str, dimensions: list[dict[str, str]], period: int) -> dict[str, Any]:
    named = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
    return {"Id": key, "MetricStat": {"Metric": named, "Period": period, "Stat": statistic}}
