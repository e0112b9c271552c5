"""Zooming and panning one axis: which part of a whole is in sight. Without Qt, so that the rules can be tested."""

from __future__ import annotations

from dataclasses import dataclass

# A notch of the wheel: three of them double what is seen.
STEP = 1.25
Range = tuple[float, float]


@dataclass(frozen=True)
class View:
    """``part`` of ``whole`` is in sight; ``least`` is the shortest part that makes sense. None: all of it."""

    whole: Range
    part: Range | None = None
    least: float = 0.0

    @property
    def shown(self) -> Range:
        """What is in sight."""
        return self.part if self.part is not None else self.whole

    def zoomed(self, factor: float, around: float | None = None) -> View:
        """``factor`` times as close (below 1: farther), with ``around`` staying where it is (default: the middle)."""
        low, high = self.shown
        middle = (low + high) / 2 if around is None else min(high, max(low, around))
        return self.to(middle - (middle - low) / factor, middle + (high - middle) / factor)

    def panned(self, share: float) -> View:
        """Moved by a share of what is in sight, to the right for a positive one; the whole has ends."""
        if self.part is None:
            return self
        low, high = self.part
        by = share * (high - low)
        by = max(self.whole[0] - low, min(self.whole[1] - high, by))
        return View(self.whole, (low + by, high + by), self.least)

    def to(self, low: float, high: float) -> View:
        """Show from ``low`` to ``high``, within the whole and no closer than makes sense."""
        low, high = min(low, high), max(low, high)
        begin, end = self.whole
        span = max(high - low, min(self.least, end - begin))
        if span >= (end - begin) * (1 - 1e-9):
            return View(self.whole, None, self.least)
        middle = (low + high) / 2
        low = max(begin, min(end - span, middle - span / 2))
        return View(self.whole, (low, low + span), self.least)

    def with_whole(self, whole: Range, least: float) -> View:
        """The same part of a whole that grew or changed; a part outside of it is all of it."""
        if self.part is None or self.part[0] >= whole[1] or self.part[1] <= whole[0]:
            return View(whole, None, least)
        return View(whole, self.part, least).to(*self.part)
