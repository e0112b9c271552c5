"""What a load test costs on AWS, told before it begins: pure arithmetic over list prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workers.prices.words import dollars

# An endpoint that was scaled out goes back after its low alarm's 15 minutes and a wait of 5.
SCALE_IN_SECONDS = 20 * 60


@dataclass(frozen=True)
class LoadCost:
    """US dollars at most, None: not known. ``reckoned`` is the arithmetic, ``besides`` what is not in it."""

    dollars: float | None
    reckoned: str
    besides: str


def endpoint_cost(
    seconds: float, now: int, maximum: int, per_hour: float | None, requests: int, body_bytes: float
) -> LoadCost:
    """What an endpoint's variant with ``now`` instances costs more for it, when it may scale out to ``maximum``."""
    data = f"Data is billed by the gigabyte: about {requests * body_bytes / 1e9:,.2f} GB go in."
    if maximum <= now:
        price = "at a price that is not known" if per_hour is None else f"at {dollars(per_hour * now, 3)} an hour"
        return LoadCost(0.0, f"Requests have no price: {_instances(now)} {price}, load or not.", data)
    hours = (seconds + SCALE_IN_SECONDS) / 3600
    if per_hour is None:
        return LoadCost(None, f"It may scale out to {_instances(maximum)}, at a price that is not known.", data)
    more = (maximum - now) * per_hour * hours
    reckoned = (
        f"Requests have no price, but auto scaling may add {_instances(maximum - now)}: {maximum - now} × "
        f"{dollars(per_hour, 3)} × {hours:.2f} h, with 20 min until they go."
    )
    return LoadCost(more, reckoned, data)


def function_cost(requests: int, memory_mb: int, timeout: float, prices: Mapping[str, float] | None) -> LoadCost:
    """What the calls of a function cost at most, each as long as its ``timeout`` (seconds) lets it be."""
    besides = "What the function asks, an endpoint for example, is billed besides."
    if prices is None:
        return LoadCost(None, "Lambda's prices in this region are not known.", besides)
    gigabytes = memory_mb / 1024
    dollars = requests * (prices["request"] + timeout * gigabytes * prices["duration"])
    reckoned = f"{requests:,} calls of at most {timeout:g} s with {gigabytes:.3g} GB; quicker ones cost less."
    return LoadCost(dollars, reckoned, besides)


def _instances(number: int) -> str:
    return f"{number} instance" if number == 1 else f"{number} instances"
