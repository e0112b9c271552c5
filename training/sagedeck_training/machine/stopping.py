"""Ending early and in order when the platform says so."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class Stopped(Exception):
    """The job was told to end before there was anything to save."""


class Stop:
    """Remembers SIGTERM inside a ``with`` block. SageMaker sends it 120 seconds before SIGKILL."""

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = signal.SIG_DFL

    def __enter__(self) -> Stop:
        """Take over SIGTERM; only in the main thread."""
        self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def check(self) -> None:
        """Raise ``Stopped`` after SIGTERM."""
        if self.requested:
            raise Stopped

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
