"""Long lines: no spike is lost, and any part has the extremes that a look at every point finds."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from console.models.chart import Series
from console.models.thinning import Pyramid, nearest, part

VALUES = st.one_of(st.integers(-1000, 1000).map(float), st.just(math.nan), st.just(math.inf))


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_the_extent_of_a_part_is_that_of_its_points(ys: list[float], begin: int, end: int) -> None:
    begin, end = min(begin, len(ys)), min(end, len(ys))
    known = [y for y in ys[begin:end] if math.isfinite(y)]
    assert Pyramid(ys).extent(begin, end) == ((min(known), max(known)) if known else None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(10, 2000), st.integers(3, 60))
def test_every_point_lies_in_the_part_that_stands_for_it(seed: int, count: int, buckets: int) -> None:
    chance = random.Random(seed)
    ys = [chance.gauss(0, 1) + (100 if chance.random() < 0.01 else 0) for _ in range(count)]
    begin = chance.randrange(count)
    end = chance.randint(begin + 1, count)
    parts = Pyramid(ys).thinned(begin, end, buckets)
    assert len(parts) <= buckets + 2
    starts = [at for at, _, _ in parts] + [count]
    for at in range(begin, end):
        lowest, highest = next(found[1:] for found, after in zip(parts, starts[1:], strict=True) if at < after)
        assert lowest <= ys[at] <= highest


def test_a_line_that_moves_keeps_its_parts() -> None:
    ys = [float(at % 97) for at in range(100_000)]
    first = {at: extremes for at, *extremes in Pyramid(ys).thinned(10_000, 60_000, 500)}
    moved = {at: extremes for at, *extremes in Pyramid(ys).thinned(10_777, 60_777, 500)}
    assert all(first[at] == extremes for at, extremes in moved.items() if at in first)
    assert len(first.keys() & moved.keys()) > 380


def test_neighbours_and_the_nearest_are_found() -> None:
    xs = [0.0, 1.0, 2.0, 5.0]
    assert part(xs, 1.5, 2.5) == (1, 4) and part(xs, -9, 9) == (0, 4) and part([], 0, 1) == (0, 0)
    assert [nearest(xs, x) for x in (-3, 0.4, 0.6, 3.4, 3.6, 99)] == [0, 0, 1, 2, 3, 3]
    line = Series("a", xs, [1.0, math.nan, 3.0, 4.0])
    assert line.at(1.1) in (1.0, 3.0) and line.at(9) == 4.0 and Series("b", [], []).at(1) is None
    assert line.part(1.9, 9) == [(2.0, 3.0), (5.0, 4.0)] and line.envelope(0, 9, 50) == []
