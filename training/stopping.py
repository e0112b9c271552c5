"""Ending early and in order when the platform says so."""

from __future__ import annotations

import signal
from types import FrameType


class Stopped(Exception):
    """The job was told to end before there was anything to save."""


class Stop:
    """Remembers SIGTERM. SageMaker sends it 120 seconds before SIGKILL."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> Stop:
        """Take over SIGTERM; only in the main thread."""
        signal.signal(signal.SIGTERM, self._remember)
        return self

    def check(self) -> None:
        """Raise ``Stopped`` after SIGTERM."""
        if self.requested:
            raise Stopped

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
