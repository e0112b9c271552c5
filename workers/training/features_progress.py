"""How far the pass over the pictures is that comes before the first epoch, from the lines that train.py prints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from workers.types import LogEvent

# The training's features.py: "features: 136 of 297 pictures, 4.5 pictures/s".
_LINE = re.compile(r"^features: (\d+) of (\d+) pictures, ([0-9.]+) pictures/s")
# What comes after the pass: the features are there, or the first epoch is.
_OVER = re.compile(r"^(?:features: prepared|epoch=\d)")


@dataclass(frozen=True)
class FeaturesProgress:
    """``done`` of ``total`` pictures, ``rate`` pictures a second (0: not known), told by the job at ``at``."""

    done: int
    total: int
    rate: float
    at: datetime

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def seconds_left(self, now: datetime) -> float | None:
        """By the rate so far, less the time since it was told; ``None`` while no rate is known."""
        if not self.rate:
            return None
        return max(0.0, (self.total - self.done) / self.rate - max(0.0, (now - self.at).total_seconds()))


class ProgressReader:
    """Reads log events as they come; ``progress`` is ``None`` before the pass and after it."""

    def __init__(self) -> None:
        self.progress: FeaturesProgress | None = None
        self.token: str | None = None

    def feed(self, events: Iterable[LogEvent]) -> FeaturesProgress | None:
        """Read more events, oldest first; returns the progress as it is then."""
        for event in events:
            match = _LINE.match(event.message)
            if match:
                rate = float(match[3]) if match[3].replace(".", "", 1).isdigit() else 0.0
                self.progress = FeaturesProgress(int(match[1]), int(match[2]), rate, event.at)
            elif self.progress is not None and _OVER.match(event.message):
                self.progress = None
        return self.progress
