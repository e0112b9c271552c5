"""Python's cyclic garbage collector, run by the GUI thread alone.

Left alone it runs in whichever thread allocates next; Qt objects that it finds there would be destroyed outside the
GUI thread, which Qt forbids. Small collections are frequent; whole ones are rare, because they take milliseconds.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

# Twice a second, between the strokes of a key; the thresholds are those with which Python itself would collect.
EVERY_MS = 500
YOUNG = 700
MIDDLE = 10
OLD = 10
# Ticks, a minute: a whole collection takes the longest.
WHOLE_EVERY = 120


class Collector(QObject):
    """While it lives, automatic collection is off and a timer of its thread collects instead."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ticks = 0
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> int:
        """Collect the generations that are due; returns the oldest that was collected, -1 for none."""
        self._ticks += 1
        young, middle, old = gc.get_count()
        if old > OLD and self._ticks >= WHOLE_EVERY:
            self._ticks = 0
            generation = 2
        elif middle > MIDDLE:
            generation = 1
        elif young > YOUNG:
            generation = 0
        else:
            return -1
        gc.collect(generation)
        return generation

    def settle(self) -> None:
        """Leave what exists now (modules, classes) out of later collections."""
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Give collection back to Python."""
        self._timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()
