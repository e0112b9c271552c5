"""How a chart of 100,000 points pans: milliseconds a frame, and how often a second that is.

Prints the GUI thread's own time a frame (what other programs take does not count), for our chart and, where it is
installed, for pyqtgraph's with its own thinning; and what the first import of each costs.
``python -m tests.bench.bench_chart [--points 100000] [--frames 120]``
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtWidgets import QApplication

from console.app import make_qt_application
from console.models.chart import Series

FRAME_GOAL_MS = 1000 / 60
SIZE = (900, 300)


def line(count: int) -> tuple[list[float], list[float]]:
    """A noisy line with spikes, as a latency over a day is."""
    chance = random.Random(1)
    xs = [float(at) for at in range(count)]
    ys = [100 + 20 * math.sin(at / 900) + chance.random() * 10 + (300 if at % 9973 == 0 else 0) for at in range(count)]
    return xs, ys


def quantile(values: list[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def frames(pan: Callable[[int], None], paint: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of the GUI thread for each frame."""
    found = []
    for at in range(count):
        began = time.thread_time()
        pan(at)
        paint()
        found.append((time.thread_time() - began) * 1000)
    return found


def settle() -> None:
    """Let what was shown come on the screen."""
    for _ in range(20):
        QApplication.processEvents()


def told(name: str, found: list[float]) -> None:
    """One line of figures."""
    middle, slow = median(found), quantile(found, 0.95)
    print(f"{name}: {middle:.1f} ms a frame ({1000 / middle:.0f}/s), 95 % below {slow:.1f} ms")


def imported(name: str) -> float:
    """Milliseconds of the first import."""
    began = time.perf_counter()
    importlib.import_module(name)
    return (time.perf_counter() - began) * 1000


def ours(xs: list[float], ys: list[float], count: int) -> list[float]:
    """Our chart, zoomed to a half, panned over all of it."""
    from console.widgets.charts.chart import LineChart

    chart = LineChart("Latency", y_from_zero=True)
    chart.resize(*SIZE)
    chart.show()
    settle()
    chart.set_series([Series("p99", xs, ys)])
    began = time.thread_time()
    chart.grab()
    print(f"our chart, first painting with all of {len(xs):,} points: {(time.thread_time() - began) * 1000:.1f} ms")
    chart.zoom_to(0, len(xs) / 2)
    found = frames(lambda at: chart.pan(0.02 if at % 100 < 50 else -0.02), chart.grab, count)
    chart.show_all()
    told(f"our chart, all {len(xs):,} points repainted", frames(lambda at: None, chart.grab, 30))
    return found


def pyqtgraph(xs: list[float], ys: list[float], count: int) -> None:
    """The same with pyqtgraph, if it is installed."""
    try:
        taken = imported("pyqtgraph")
    except ImportError:
        print("pyqtgraph is not installed: not measured")
        return
    import numpy as np
    import pyqtgraph as pg

    print(f"pyqtgraph: first import {taken:.0f} ms")
    pg.setConfigOptions(antialias=True)
    began = time.thread_time()
    plot = pg.PlotWidget()
    plot.resize(*SIZE)
    item = plot.plot(np.array(xs), np.array(ys), pen=pg.mkPen("#3D5FD8", width=2))
    item.setDownsampling(auto=True, method="peak")
    item.setClipToView(True)
    plot.show()
    settle()
    plot.setXRange(0, len(xs) / 2, padding=0)
    plot.grab()
    print(f"pyqtgraph, first painting: {(time.thread_time() - began) * 1000:.1f} ms")

    def pan(at: int) -> None:
        begin = (at % 50) * len(xs) / 100
        plot.setXRange(begin, begin + len(xs) / 2, padding=0)

    told("pyqtgraph, panned", frames(pan, lambda: plot.grab(), count))


def main() -> int:
    """Run, print, and fail when our chart misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=120)
    options = parser.parse_args()
    app = make_qt_application()
    xs, ys = line(options.points)
    found = ours(xs, ys, options.frames)
    told(f"our chart, panned (goal {FRAME_GOAL_MS:.1f} ms)", found)
    pyqtgraph(xs, ys, options.frames)
    app.processEvents()
    return 0 if quantile(found, 0.95) <= FRAME_GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
