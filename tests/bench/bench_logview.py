"""What a live log costs the window: 200 lines a second for some seconds, with a search running.

Prints the time spent on taking and painting lines for each second, and the lag of the event loop: how much later than
asked a 5 ms timer fires. ``python -m tests.bench.bench_logview [--seconds 8] [--rate 200]``
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication

from console.look.theme import theme
from console.models.log import LogLine
from console.widgets.text.log_view import LogView

PROBE_MS = 5
P99_GOAL_MS = 16.0


class Measured(LogView):
    """A log view that adds up what it spends."""

    painted = 0.0
    taken = 0.0
    paints = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint, and count the time."""
        began = time.perf_counter()
        super().paintEvent(event)
        self.painted += time.perf_counter() - began
        self.paints += 1

    def _take(self) -> None:
        began = time.perf_counter()
        super()._take()
        self.taken += time.perf_counter() - began


def quantile(values: list[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main() -> int:
    """Run, print, and fail when the lag's 99th percentile misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--backlog", type=int, default=150_000, help="lines that are there before")
    arguments = parser.parse_args()
    app = QApplication([])
    theme().apply()
    view = Measured()
    view.resize(900, 640)
    view.show()
    view.append(
        LogLine(datetime.now(UTC), f"epoch {at} train loss 0.5123 acc 0.874") for at in range(arguments.backlog)
    )
    view.flush()
    view.search("loss 0.51")
    app.processEvents()
    view.painted = view.taken = 0.0
    view.paints = 0

    lags: list[float] = []
    before = time.perf_counter()

    def probe() -> None:
        nonlocal before
        now = time.perf_counter()
        lags.append(max(0.0, (now - before) * 1000 - PROBE_MS))
        before = now

    sent = 0
    began = time.perf_counter()

    def feed() -> None:
        nonlocal sent
        due = int((time.perf_counter() - began) * arguments.rate)
        view.append(
            LogLine(
                datetime.now(UTC), f"epoch={at} train_loss=0.5123 valid_loss=0.6201 images_per_s=215.0 seconds=1.20"
            )
            for at in range(sent, due)
        )
        sent = max(sent, due)

    feeder, prober = QTimer(), QTimer()
    feeder.setInterval(10)
    prober.setTimerType(Qt.TimerType.PreciseTimer)
    prober.setInterval(PROBE_MS)
    feeder.timeout.connect(feed)
    prober.timeout.connect(probe)
    feeder.start()
    prober.start()
    QTimer.singleShot(int(arguments.seconds * 1000), app.quit)
    app.exec()
    seconds = time.perf_counter() - began
    p99 = quantile(lags, 0.99)
    each = view.painted / max(1, view.paints) * 1000
    print(f"lines           {sent} in {seconds:.1f} s ({sent / seconds:.0f}/s) after {arguments.backlog:,} others")
    print(f"taking lines    {view.taken / seconds * 1000:.2f} ms a second")
    print(f"painting        {view.painted / seconds * 1000:.2f} ms a second ({view.paints / seconds:.1f} × {each:.2f})")
    print(f"event loop lag  p50 {quantile(lags, 0.5):.2f} ms, p99 {p99:.2f} ms, worst {max(lags):.2f} ms")
    return 0 if p99 < P99_GOAL_MS and view.buffer.end >= sent else 1


if __name__ == "__main__":
    sys.exit(main())
