"""Long lines, quickly: the lowest and highest of any part, and a part thinned to what the pixels can show.

``Pyramid`` keeps the lowest and highest of ever larger groups of values. It is made once for a line (some 20 ms for
100,000 points); a part is then found and thinned in time that goes with the pixels, not with the points.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

# Values in a group: few enough that the ends of a part are quick, many enough that the levels are few.
_GROUP = 8
_INF = math.inf


class Pyramid:
    """Of ``ys``; what is no number counts for nothing."""

    def __init__(self, ys: Sequence[float]) -> None:
        whole = all(map(math.isfinite, ys))
        lows = ys if whole else [y if math.isfinite(y) else _INF for y in ys]
        highs = ys if whole else [y if math.isfinite(y) else -_INF for y in ys]
        self._levels: list[tuple[Sequence[float], Sequence[float]]] = [(lows, highs)]
        while len(lows) > _GROUP:
            lows = [min(lows[at : at + _GROUP]) for at in range(0, len(lows), _GROUP)]
            highs = [max(highs[at : at + _GROUP]) for at in range(0, len(highs), _GROUP)]
            self._levels.append((lows, highs))

    def extent(self, begin: int, end: int) -> tuple[float, float] | None:
        """The lowest and the highest of the values from ``begin`` to before ``end``; None without one."""
        edges: list[tuple[float, float]] = []
        for lows, highs in self._levels:
            if begin >= end:
                break
            # The ends that fill no group are looked at here, the groups between them one level up.
            first, last = -(-begin // _GROUP) * _GROUP, end // _GROUP * _GROUP
            if first >= last:
                edges.append((min(lows[begin:end]), max(highs[begin:end])))
                break
            for edge_begin, edge_end in ((begin, first), (last, end)):
                if edge_begin < edge_end:
                    edges.append((min(lows[edge_begin:edge_end]), max(highs[edge_begin:edge_end])))
            begin, end = first // _GROUP, last // _GROUP
        low, high = min((edge[0] for edge in edges), default=_INF), max((edge[1] for edge in edges), default=-_INF)
        return (low, high) if low <= high else None

    def thinned(self, begin: int, end: int, buckets: int) -> list[tuple[int, float, float]]:
        """Position, lowest and highest of each of about ``buckets`` parts, in order.

        The parts begin at the same positions wherever ``begin`` is, so that a line that moves does not flicker.
        """
        level, size = 0, 1
        while level + 1 < len(self._levels) and size * _GROUP * buckets <= end - begin:
            level, size = level + 1, size * _GROUP
        lows, highs = self._levels[level]
        step = max(1, math.ceil((end - begin) / size / buckets))
        parts = [
            (at * size, min(lows[at : at + step]), max(highs[at : at + step]))
            for at in range(begin // size // step * step, -(-end // size), step)
        ]
        return [found for found in parts if found[1] <= found[2]]


def part(xs: Sequence[float], low: float, high: float) -> tuple[int, int]:
    """Which of the ascending ``xs`` are from ``low`` to ``high``, with the neighbour on either side."""
    return max(0, bisect_left(xs, low) - 1), min(len(xs), bisect_right(xs, high) + 1)


def nearest(xs: Sequence[float], x: float) -> int:
    """The position of the one of the ascending ``xs`` nearest to ``x``; there is at least one."""
    at = bisect_left(xs, x)
    if at == len(xs) or (at and x - xs[at - 1] <= xs[at] - x):
        return at - 1
    return at
