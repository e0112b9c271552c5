"""What CloudWatch knows of a function's last day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.errors import SageDeckError
from workers.session import AwsSession

_DAY = timedelta(days=1)
_HOUR_SECONDS = 3600


async def figures(session: AwsSession, name: str) -> dict[str, Any]:
    """Invocations, errors, median duration (ms) and last use; empty for whoever may not read CloudWatch."""
    now = datetime.now(UTC)
    wanted = {"Invocations": "Sum", "Errors": "Sum", "Duration": "p50"}
    queries = [
        {
            "Id": metric.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "FunctionName", "Value": name}],
                },
                "Period": _HOUR_SECONDS,
                "Stat": statistic,
            },
        }
        for metric, statistic in wanted.items()
    ]
    try:
        answer = await session.call(
            "cloudwatch",
            "get_metric_data",
            f"read the figures of {name}",
            MetricDataQueries=queries,
            StartTime=now - _DAY,
            EndTime=now,
            ScanBy="TimestampAscending",
        )
    except SageDeckError:
        return {}
    values = {result["Id"]: result for result in answer["MetricDataResults"]}
    calls = values.get("invocations", {"Values": [], "Timestamps": []})
    used = [at for at, count in zip(calls["Timestamps"], calls["Values"], strict=True) if count]
    durations = values.get("duration", {}).get("Values", [])
    return {
        "invocations": int(sum(calls["Values"])),
        "errors": int(sum(values.get("errors", {}).get("Values", []))),
        "duration_ms": durations[-1] if durations else None,
        "last_invocation": used[-1] if used else None,
        "per_hour": _every_hour(now, calls["Timestamps"], calls["Values"]),
    }


def _every_hour(now: datetime, at: Sequence[datetime], counts: Sequence[float]) -> tuple[float, ...]:
    """One count for each of the last 24 hours, oldest first; CloudWatch leaves hours without calls out."""
    hours = [0.0] * 24
    for begun, number in zip(at, counts, strict=True):
        age = int((now - begun).total_seconds() // _HOUR_SECONDS)
        if 0 <= age < len(hours):
            hours[-1 - age] += number
    return tuple(hours)
