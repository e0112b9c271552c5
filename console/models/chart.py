"""The arithmetic of charts: what a line is, round axis values (thinning of long lines: ``thinning``)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from console.models.thinning import Pyramid, nearest, part

# So many periods without a point are a gap: one more than points are apart, and some for a clock that is not exact.
GAP_PERIODS = 1.5
_NUMBER = re.compile(r"[-–]?[\d,]*(?:\.(\d+))?")


@dataclass(frozen=True)
class Series:
    """One line: ``xs`` ascending. ``tone`` is a colour token; the main line is ``series1``, a comparison ``series5``.

    ``comparison`` makes it thin and quiet; ``step`` holds each value until the next; ``fill`` shades below; ``cut``
    ends it with a bar: stopped before its time. ``dash`` (lengths of dashes and gaps in widths of the line) keeps a
    line below it in sight where both are the same, as does a larger ``width`` below (pixels; 0: the usual one). A
    series without a name is not in the legend. Over more than ``gap`` of the axis (0: any) between two points nothing
    was measured: no line is drawn there, and no value told.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    tone: str = ""
    comparison: bool = False
    step: bool = False
    fill: bool = False
    cut: bool = False
    dash: tuple[float, ...] = ()
    width: float = 0.0
    gap: float = 0.0

    @property
    def color_token(self) -> str:
        """The colour token in force."""
        return self.tone or ("series5" if self.comparison else "series1")

    @cached_property
    def pyramid(self) -> Pyramid:
        """The lowest and highest of every part."""
        return Pyramid(self.ys)

    def at(self, x: float) -> float | None:
        """The value of the point nearest to ``x``, ``None`` without one."""
        if self.gap and len(self.xs) and abs(self.xs[nearest(self.xs, x)] - x) > self.gap / 2:
            return None
        if len(self.xs) and math.isfinite(value := self.ys[nearest(self.xs, x)]):
            return value
        known = [at for at, y in enumerate(self.ys) if math.isfinite(y)]
        return self.ys[min(known, key=lambda at: abs(self.xs[at] - x))] if known else None

    def part(self, low: float, high: float) -> list[tuple[float, float]]:
        """The points from ``low`` to ``high`` with a neighbour on either side; what is no number is left out."""
        begin, end = part(self.xs, low, high)
        return [(self.xs[at], self.ys[at]) for at in range(begin, end) if math.isfinite(self.ys[at])]

    def pieces(self, low: float, high: float) -> list[list[tuple[float, float]]]:
        """The points as ``part`` has them, in pieces through each of which a line goes; at least one, maybe empty."""
        found: list[list[tuple[float, float]]] = [[]]
        for x, y in self.part(low, high):
            if self.gap and found[-1] and x - found[-1][-1][0] > self.gap:
                found.append([])
            found[-1].append((x, y))
        return found

    def envelope(self, low: float, high: float, buckets: int) -> list[tuple[float, float, float]]:
        """Of a line with more points than pixels: x, lowest and highest of so many parts; of another one nothing."""
        begin, end = part(self.xs, low, high)
        if self.gap or end - begin <= buckets * 4:
            return []
        return [(self.xs[at], lowest, highest) for at, lowest, highest in self.pyramid.thinned(begin, end, buckets)]

    @property
    def last(self) -> float | None:
        """The last value that is a number."""
        return next((y for y in reversed(self.ys) if math.isfinite(y)), None)


@dataclass(frozen=True)
class Threshold:
    """A dashed horizontal line, named right of the plot."""

    value: float
    name: str
    tone: str = "err"


@dataclass(frozen=True)
class Event:
    """Words at a moment of the x axis, with a dashed vertical line."""

    x: float
    words: str


@dataclass(frozen=True)
class Scale:
    """An axis from ``low`` to ``high`` with round ``ticks``."""

    low: float
    high: float
    ticks: tuple[float, ...] = field(default=())

    def place(self, value: float, begin: float, end: float) -> float:
        """Where ``value`` lies between the pixels ``begin`` and ``end``."""
        span = self.high - self.low
        return begin + (value - self.low) / span * (end - begin) if span else begin


def alike(texts: Sequence[str]) -> list[str]:
    """The numbers of one axis with the same decimals: ``.50`` beside ``.75``, ``0.5`` beside ``1.0``.

    The ends of a score's axis stay ``0`` and ``1``, and so does the zero of any axis. Texts with a unit or an exponent
    stay as they are.
    """
    found = [_NUMBER.fullmatch(text) for text in texts]
    if not all(found):
        return list(texts)
    digits = max((len(match[1] or "") for match in found if match is not None), default=0)
    whole = {"0", "1"} if any(text.startswith(".") for text in texts) else {"0"}
    made = []
    for text in texts:
        known = len(text.partition(".")[2])
        point = "." if digits and not known else ""
        made.append(text if text in whole else f"{text}{point}{'0' * (digits - known)}")
    return made


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that cuts ``span`` into at most ``most`` parts."""
    if span <= 0 or most < 1:
        return 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0):
        if factor * power >= rough * (1 - 1e-9):
            return factor * power
    return 10.0 * power


# Values that differ by less are one value: their axis could not be cut into steps that a float can tell apart.
_LEAST_SPAN = 1e-12


def value_scale(low: float, high: float, most: int = 4, *, whole: bool = False) -> Scale:
    """A value axis that holds ``low`` to ``high``, widened to round ends; ``whole``: ticks at whole numbers alone."""
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if high - low <= max(abs(low), abs(high)) * 1e-9 or high - low < _LEAST_SPAN:
        high = low + (abs(low) if abs(low) > _LEAST_SPAN else 1.0)
    step = nice_step(high - low, most)
    if whole:
        step = 5.0 if step == 2.5 else max(1.0, step)
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.floor(high / step + 1e-9))
    ticks = tuple(float(f"{at * step:.12g}") for at in range(first, last + 1))
    return Scale(min(low, ticks[0]), max(high, ticks[-1]), ticks)


def count_scale(low: float, high: float, most: int = 6, least: float = 1.0) -> Scale:
    """A horizontal axis exactly from ``low`` to ``high``, with round ticks; ``least``: what its points are apart."""
    if high <= low:
        high = low + 1
    step = max(10.0 ** math.floor(math.log10(least)), nice_step(high - low, most))
    if step == 2.5:
        # Half an epoch is nothing to read off; one label more than asked for is short enough.
        step = 2.0 if (high - low) / 2 <= most + 1 else 5.0
    first = math.ceil(low / step) * step
    ticks = []
    value = first
    while value <= high + step * 1e-9:
        ticks.append(value)
        value += step
    return Scale(low, high, tuple(ticks))


# Seconds between ticks: steps that a clock or a calendar has.
_TIME_STEPS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)


def time_scale(low: float, high: float, most: int = 6, offset: float = 0.0) -> Scale:
    """A time axis in POSIX seconds with ticks on round local times; ``offset`` is local time minus UTC in seconds."""
    if high <= low:
        high = low + 60
    step = next((step for step in _TIME_STEPS if (high - low) / step <= most), _TIME_STEPS[-1])
    first = math.ceil((low + offset) / step) * step - offset
    count = int((high - first) / step) + 1 if first <= high else 0
    return Scale(low, high, tuple(first + at * step for at in range(count)))


def spread(places: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """The same places, in their order, moved as little as needed to be ``apart`` from each other within the limits.

    Names of lines that are near each other are then no heap. Too many for the limits keep their distance.
    """
    groups: list[tuple[float, list[int]]] = []
    for at in sorted(range(len(places)), key=lambda at: places[at]):
        members = [at]
        middle = _within(members, places, apart, low, high)
        while groups and middle - groups[-1][0] < apart * (len(members) + len(groups[-1][1])) / 2:
            members = groups.pop()[1] + members
            middle = _within(members, places, apart, low, high)
        groups.append((middle, members))
    found = list(places)
    for middle, members in groups:
        for position, member in enumerate(members):
            found[member] = middle + apart * (position - (len(members) - 1) / 2)
    return found


def _within(members: Sequence[int], places: Sequence[float], apart: float, low: float, high: float) -> float:
    """The middle of places that stand ``apart`` from each other, so that all are within the limits."""
    half = apart * (len(members) - 1) / 2
    middle = sum(places[member] for member in members) / len(members)
    return max(low + half, min(high - half, middle))


def with_zeros(points: Sequence[tuple[float, float]], period: float) -> list[tuple[float, float]]:
    """Counts per ``period`` where a period without any has no point: those between two points are 0."""
    made: list[tuple[float, float]] = []
    for x, y in points:
        if made and x - made[-1][0] > period * GAP_PERIODS:
            made.append((made[-1][0] + period, 0.0))
            if x - made[-1][0] > period * GAP_PERIODS:
                made.append((x - period, 0.0))
        made.append((x, y))
    return made
