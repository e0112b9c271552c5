"""A short probe of an endpoint: its latency at 1, 2, 4 … requests at a time, until the rate grows no more.

Pure: the function that sends the requests is handed in. Each sender waits for its answer before it sends again, so
requests a second = requests at a time / seconds each (Little's law). The level at which the rate stops growing gives
both an instance's rate and its latency at that rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from workers.types import Backend

# The probe costs what its requests cost on AWS, and must not become a load test.
MOST_REQUESTS = 400
MOST_SECONDS = 60.0
LEVEL_SECONDS = 6.0
# Of each level at least so many requests, and so many for each that is under way at a time.
LEAST_A_LEVEL, EACH_A_LEVEL = 20, 5
# The first answers of an instance take several times as long: so many are not counted.
WARM_UP = 3
# As many threads ask, all instances together.
MOST_AT_ONCE = 64
# A level that is not faster than this brings no more.
GAIN = 1.1
# Real-time inference, data in and out (Amazon SageMaker AI pricing, us-east-1, read in 2026).
DOLLARS_PER_GB = 0.016
ANSWER_BYTES = 4096

Ended = Literal["flat", "all", "requests", "time", "errors", "stopped"]


@dataclass(frozen=True)
class ProbeRequest:
    """What to probe, and the bounds. Without ``picture`` a drawn dog is sent. ``instances``: that are in service."""

    backend: Backend
    endpoint: str
    variant: str
    instances: int = 1
    picture: str = ""
    most_requests: int = MOST_REQUESTS
    most_seconds: float = MOST_SECONDS
    level_seconds: float = LEVEL_SECONDS


@dataclass(frozen=True)
class Level:
    """What came of one level. ``at_once`` and ``per_second`` are for each instance, the latencies are seconds.

    ``failed``: requests without an answer, with what the first of them said in ``problem``.
    """

    at_once: int
    requests: int
    failed: int
    per_second: float
    mean: float
    p50: float
    p90: float
    problem: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """All levels, and why there is no further one."""

    levels: tuple[Level, ...]
    ended: Ended
    requests: int
    instances: int = 1

    @property
    def best(self) -> Level | None:
        """The first level that is as fast as the fastest: beyond it requests only wait longer. None: none answered."""
        sound = [level for level in self.levels if level.requests and not level.failed]
        top = max((level.per_second for level in sound), default=0.0)
        return next((level for level in sound if level.per_second * GAIN >= top), None)


@dataclass(frozen=True)
class Sample:
    """What was measured of one level: seconds of each answer, how long all took together, what failed."""

    latencies: tuple[float, ...]
    seconds: float
    failed: int = 0
    problem: str = ""


# Asks with so many at a time, so many requests at most, so many seconds at most.
Measure = Callable[[int, int, float], Sample]


def steps(instances: int) -> tuple[int, ...]:
    """How many requests at a time each instance is asked to work on: 1, 2, 4 …"""
    found, at_once = [1], 2
    while at_once * instances <= MOST_AT_ONCE:
        found.append(at_once)
        at_once *= 2
    return tuple(found)


def most_dollars(request_bytes: int, requests: int = MOST_REQUESTS) -> float:
    """US dollars that AWS bills for the data of a probe, at most; the instances bill whether they are asked or not."""
    return requests * (request_bytes + ANSWER_BYTES) / 1e9 * DOLLARS_PER_GB


def probe(
    request: ProbeRequest,
    measure: Measure,
    clock: Callable[[], float],
    stopped: Callable[[], bool],
    tell: Callable[[Sequence[Level], int], None] = lambda levels, requests: None,
) -> ProbeResult:
    """Go from level to level until the rate is flat or a bound is reached. ``tell`` gets the levels so far."""
    begun, sent, levels = clock(), 0, list[Level]()
    instances = max(1, request.instances)
    ended: Ended = "all"
    sent += _size(measure(instances, min(WARM_UP * instances, request.most_requests), request.level_seconds))
    for at_once in steps(instances):
        threads = at_once * instances
        most = min(max(LEAST_A_LEVEL, EACH_A_LEVEL * threads), request.most_requests - sent)
        seconds = min(request.level_seconds, begun + request.most_seconds - clock())
        if stopped() or most < threads or seconds <= 0:
            ended = "stopped" if stopped() else "requests" if most < threads else "time"
            break
        sample = measure(threads, most, seconds)
        sent += _size(sample)
        if stopped():
            ended = "stopped"
            break
        levels.append(level_of(at_once, instances, sample))
        tell(levels, sent)
        if sample.failed:
            ended = "errors"
            break
        if is_flat(levels):
            ended = "flat"
            break
    return ProbeResult(tuple(levels), ended, sent, instances)


def level_of(at_once: int, instances: int, sample: Sample) -> Level:
    """The figures of a level."""
    values = sorted(sample.latencies)
    count = len(values)
    rate = count / sample.seconds / instances if sample.seconds > 0 else 0.0
    mean = sum(values) / count if count else 0.0
    return Level(
        at_once, _size(sample), sample.failed, rate, mean, share(values, 0.5), share(values, 0.9), sample.problem
    )


def is_flat(levels: Sequence[Level]) -> bool:
    """Whether the last level brought no more than one before it."""
    return len(levels) > 1 and levels[-1].per_second < max(level.per_second for level in levels[:-1]) * GAIN


def share(values: Sequence[float], part: float) -> float:
    """The value of sorted ``values`` that ``part`` of them do not exceed; 0 without any."""
    if not values:
        return 0.0
    return values[max(0, math.ceil(part * len(values)) - 1)]


def _size(sample: Sample) -> int:
    return len(sample.latencies) + sample.failed
