"""Pause, resume and cancel of an upload, from any thread of its child process."""

from __future__ import annotations

import threading
from collections.abc import Callable

from workers.upload.progress import Meter


class Wishes:
    """What the operator wishes now."""

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._cancelled = threading.Event()
        self.on_cancel: Callable[[], None] = lambda: None

    @property
    def cancelled(self) -> bool:
        """True once ``cancel`` was called."""
        return self._cancelled.is_set()

    def pause(self) -> None:
        """Send nothing new; what is on its way arrives."""
        self._running.clear()

    def resume(self) -> None:
        """Go on."""
        self._running.set()

    def cancel(self) -> None:
        """Send nothing new and give up what is on its way."""
        self._cancelled.set()
        self._running.set()
        self.on_cancel()

    def wait(self, meter: Meter) -> bool:
        """Wait while paused; False when cancelled."""
        if not self._running.is_set():
            meter.paused()
            self._running.wait()
            meter.paused()
        return not self.cancelled
