"""What a load test costs on AWS, told before it begins: pure arithmetic over list prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# An endpoint that was scaled out goes back after its low alarm's 15 minutes and a wait of 5.
SCALE_IN_SECONDS = 20 * 60


@dataclass(frozen=True)
class LoadCost:
    """US dollars more at most, None: not known; and what they were reckoned from.

    Of an endpoint: instances ``now`` and at most, dollars an hour of one, the ``hours`` that more of them would run,
    and the gigabytes that go in, which are billed besides. Of a function: calls of at most ``timeout`` seconds with
    ``memory`` gigabytes; what it asks is billed besides.
    """

    dollars: float | None
    requests: int
    now: int = 0
    maximum: int | None = 0
    per_hour: float | None = None
    hours: float = 0.0
    gigabytes: float = 0.0
    memory: float = 0.0
    timeout: float = 0.0

    @property
    def more(self) -> int:
        """Instances that auto scaling may add."""
        return max(0, (self.maximum or 0) - self.now)


def endpoint_cost(
    seconds: float, now: int, maximum: int | None, per_hour: float | None, requests: int, body_bytes: float
) -> LoadCost:
    """What an endpoint's variant with ``now`` instances costs more, when it may scale out to ``maximum``
    (0: nothing scales it, None: not known).

    InvokeEndpoint has no price of its own.
    """
    hours = (seconds + SCALE_IN_SECONDS) / 3600
    if maximum is None:
        dollars = None
    else:
        more = max(0, maximum - now)
        dollars = 0.0 if not more else None if per_hour is None else more * per_hour * hours
    return LoadCost(dollars, requests, now, maximum, per_hour, hours, requests * body_bytes / 1e9)


def function_cost(requests: int, memory_mb: int, timeout: float, prices: Mapping[str, float] | None) -> LoadCost:
    """What the calls of a function cost at most, each as long as its ``timeout`` (seconds) lets it be."""
    memory = memory_mb / 1024
    dollars = None if prices is None else requests * (prices["request"] + timeout * memory * prices["duration"])
    return LoadCost(dollars, requests, memory=memory, timeout=timeout)
