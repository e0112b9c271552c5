"""What a Lambda function costs an hour, by what it was used for in its last hour."""

from __future__ import annotations

from workers.functions.types import Function, Usage
from workers.prices.table import PriceTable


def function_per_hour(prices: PriceTable, function: Function, region: str) -> float | None:
    """US dollars an hour of a Lambda function by its last hour: calls, billed time times memory, and what is
    provisioned. ``None`` when its use or the region's prices are not known. Without the free tier. When
    only the use is unknown, this is the price of what is provisioned, which is billed in any case.

    With provisioned concurrency all time is priced as provisioned; calls beyond it cost somewhat more.
    """
    known = prices.function_prices(region)
    if known is None or (function.last_hour is None and not function.provisioned):
        return None
    gigabytes = function.memory_mb / 1024
    duration = known["provisioned_duration"] if function.provisioned else known["duration"]
    used = function.last_hour or Usage(0.0, 0.0)
    return float(
        used.calls * known["request"]
        + used.billed_ms / 1000 * gigabytes * duration
        + function.provisioned * gigabytes * 3600 * known["provisioned"]
    )
