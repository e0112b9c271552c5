"""When requests are meant to be sent: pure functions of a shape, so that no answer can slow them down.

A shape is a rate over time. Its requests come where the area below the rate reaches 0, 1, 2 …; with ``poisson`` the
gaps between those marks are drawn (exponential, seeded), which is how people arrive who know nothing of each other.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["constant", "ramp", "curve", "poisson"]

# Requests a second; at more, one process no longer sends on time.
MOST_RATE = 2000.0
# By then a load has shown what it does, and every instance under it is billed.
MOST_SECONDS = 3600.0
# Calls of functions are billed each: a slip of the finger must not cost more than some dollars.
MOST_REQUESTS = 500_000
# A point each 2 seconds of the longest test.
MOST_POINTS = 2000
# A sum of floats may miss a whole number by so much.
_ROUNDING = 1e-9
_PAIR = re.compile(r"[:;,\s]+")


@dataclass(frozen=True)
class Shape:
    """Requests a second over ``seconds``: ``rate`` all the time, from ``start_rate`` to ``rate``, or along ``points``.

    ``points`` of a curve are ``(second, requests a second)`` in ascending order, straight lines between them; before
    the first and after the last the rate stays. ``seed`` is of Poisson's gaps.
    """

    kind: Kind
    rate: float
    seconds: float
    start_rate: float = 0.0
    points: tuple[tuple[float, float], ...] = ()
    seed: int = 1

    @property
    def peak(self) -> float:
        """The highest rate, in requests a second."""
        return max(rate for _, rate in profile(self))


def profile(shape: Shape) -> tuple[tuple[float, float], ...]:
    """``(second, rate)`` from 0 to the end, with straight lines between them."""
    if shape.kind == "ramp":
        return ((0.0, shape.start_rate), (shape.seconds, shape.rate))
    if shape.kind == "curve" and shape.points:
        inside = [point for point in shape.points if 0 < point[0] < shape.seconds]
        return ((0.0, _rate_at(shape.points, 0.0)), *inside, (shape.seconds, _rate_at(shape.points, shape.seconds)))
    return ((0.0, shape.rate), (shape.seconds, shape.rate))


def expected(shape: Shape) -> int:
    """How many requests it comes to; of Poisson's the mean."""
    ends = profile(shape)
    area = sum((t1 - t0) * (r0 + r1) / 2 for (t0, r0), (t1, r1) in itertools.pairwise(ends))
    return math.ceil(area - _ROUNDING)


def arrivals(shape: Shape) -> Iterator[float]:
    """The seconds, ascending from 0, at which requests are meant to be sent."""
    marks = _marks(shape)
    mark, before = next(marks), 0.0
    ends = profile(shape)
    for (t0, r0), (t1, r1) in itertools.pairwise(ends):
        after = before + (t1 - t0) * (r0 + r1) / 2
        while mark < after - _ROUNDING:
            yield t0 + _reached(mark - before, r0, (r1 - r0) / (t1 - t0))
            mark = next(marks)
        before = after


def shape_problem(shape: Shape) -> str:
    """Why this cannot be sent, or an empty text."""
    numbers = [shape.rate, shape.seconds, shape.start_rate, *(number for point in shape.points for number in point)]
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        return "Rates and times are numbers of 0 or more."
    if not 1 <= shape.seconds <= MOST_SECONDS:
        return f"A test takes 1 to {MOST_SECONDS:,.0f} seconds."
    if shape.kind == "curve" and not shape.points:
        return "A curve needs points: a second and a rate each."
    if any(later[0] <= earlier[0] for earlier, later in zip(shape.points, shape.points[1:], strict=False)):
        return "The seconds of a curve must rise from point to point."
    if shape.peak > MOST_RATE:
        return f"At most {MOST_RATE:,.0f} requests a second can be sent from here."
    if not expected(shape):
        return "A test needs a rate above 0."
    if expected(shape) > MOST_REQUESTS:
        return f"That is {expected(shape):,} requests; a test sends at most {MOST_REQUESTS:,}."
    return ""


def curve_of(text: str) -> tuple[tuple[float, float], ...]:
    """The points of a curve as people write them: ``0 5, 60 40, 120 5``, or two columns of a table, a line each.

    Raises ``ValueError`` with a sentence.
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    parts = lines if len(lines) > 1 else [part for part in re.split(r"\s*[,;]\s*", text.strip()) if part]
    points: list[tuple[float, float]] = []
    for at, part in enumerate(parts):
        words = [word for word in _PAIR.split(part.strip()) if word]
        try:
            second, rate = map(float, words)
        except ValueError:
            if at == 0 and len(lines) > 1:
                # The head of a table.
                continue
            raise ValueError(f"“{part.strip()[:40]}” is not a second and a rate: write 0 5, 60 40.") from None
        points.append((second, rate))
    if len(points) > MOST_POINTS:
        raise ValueError(f"A curve has at most {MOST_POINTS:,} points.")
    return tuple(points)


def _marks(shape: Shape) -> Iterator[float]:
    if shape.kind != "poisson":
        mark = 0
        while True:
            yield float(mark)
            mark += 1
    chance, reached = random.Random(shape.seed), 0.0
    while True:
        reached += chance.expovariate(1.0)
        yield reached


def _reached(area: float, rate: float, slope: float) -> float:
    """After how many seconds the area below a line is so large."""
    if area <= 0:
        return 0.0
    return 2 * area / (rate + math.sqrt(max(0.0, rate * rate + 2 * slope * area)))


def _rate_at(points: tuple[tuple[float, float], ...], second: float) -> float:
    if second <= points[0][0]:
        return points[0][1]
    for (t0, r0), (t1, r1) in itertools.pairwise(points):
        if second <= t1:
            return r0 + (r1 - r0) * (second - t0) / (t1 - t0)
    return points[-1][1]
