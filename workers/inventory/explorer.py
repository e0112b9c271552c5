"""What AWS itself says it has cost: Cost Explorer, $0.01 a request, up to a day late."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from workers.aws.session import AwsSession
from workers.inventory.types import Billed

METRIC = "UnblendedCost"


async def explored(session: AwsSession, now: datetime, days: int) -> Billed:
    """The last days by service, today included. Needs ``ce:GetCostAndUsage``. Raises ``SageDeckError``."""
    start, end = (now - timedelta(days=days)).date(), now.date() + timedelta(days=1)
    sums: dict[str, float] = defaultdict(float)
    estimated, page = False, ""
    while True:
        more: dict[str, Any] = {"NextPageToken": page} if page else {}
        answer = await session.call(
            "ce",
            "get_cost_and_usage",
            doing="ask Cost Explorer",
            TimePeriod={"Start": start.isoformat(), "End": end.isoformat()},
            Granularity="DAILY",
            Metrics=[METRIC],
            GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
            **more,
        )
        for day in answer.get("ResultsByTime", ()):
            estimated = estimated or bool(day.get("Estimated"))
            for group in day.get("Groups", ()):
                sums[group["Keys"][0]] += float(group["Metrics"][METRIC]["Amount"])
        page = answer.get("NextPageToken", "")
        if not page:
            break
    by_service = tuple(sorted(sums.items(), key=lambda item: -item[1]))
    zone = now.tzinfo
    first = datetime(start.year, start.month, start.day, tzinfo=zone)
    return Billed(first, now, sum(sums.values()), by_service, estimated)
