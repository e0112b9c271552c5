"""Ten thousand thumbnails: the memory of the list of predictions, scrolled from its first card to its last.

``python tests/bench/bench_thumbnails.py [--pictures 10000]``: the grid shows every card once, each with its picture
decoded. Goal: at most 300 MB more than before; exit code 1 when it is missed. What keeping every picture would take
is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402
from PySide6.QtCore import QEventLoop  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from console.app import make_qt_application  # noqa: E402
from console.models.cards import Answer, Card  # noqa: E402
from console.widgets.pictures.prediction_grid import PredictionGrid  # noqa: E402
from console.widgets.pictures.thumbs import thumbnails  # noqa: E402
from workers.samples.catalogue import chosen  # noqa: E402
from workers.samples.scene import picture_bytes  # noqa: E402

GOAL_MB = 300.0
# Different pictures; each card has a file of its own all the same.
DRAWN = 50
SIZE = (1240, 700)
ANSWER = Answer(tuple(f"class {at}" for at in range(5)), (0.6, 0.2, 0.1, 0.06, 0.04), 20.0)


def memory_mb() -> float:
    """What this process holds in memory."""
    return float(psutil.Process().memory_info().rss / 1e6)


def make_cards(folder: Path, number: int) -> list[Card]:
    """A card for each of ``number`` files."""
    drawn = [picture_bytes(breed, f"bench/{at}") for at, breed in enumerate([*chosen(10)] * (DRAWN // 10))]
    cards = []
    for at in range(number):
        path = folder / f"{at:05}.jpg"
        path.write_bytes(drawn[at % len(drawn)])
        cards.append(Card(str(at), path, path.name, "class 0", (ANSWER,), asking=False))
    return cards


def scrolled(app: QApplication, grid: PredictionGrid) -> tuple[float, float, int]:
    """Scroll through all; the highest memory (MB), the longest turn of the loop (ms), and how many were not decoded."""
    bar, loader = grid.verticalScrollBar(), thumbnails()
    highest = slowest = 0.0
    missing = 0
    while True:
        deadline = time.monotonic() + 20
        waiting = True
        while waiting and time.monotonic() < deadline:
            began = time.perf_counter()
            grid.viewport().repaint()
            app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
            slowest = max(slowest, (time.perf_counter() - began) * 1000)
            waiting = bool(loader.waiting)
        missing += waiting
        highest = max(highest, memory_mb())
        if bar.value() >= bar.maximum():
            return highest, slowest, missing
        bar.setValue(min(bar.maximum(), bar.value() + grid.viewport().height()))


def main() -> int:
    """Measure and print; 0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    arguments = parser.parse_args()
    app = make_qt_application()
    with tempfile.TemporaryDirectory(prefix="bench-thumbnails-") as name:
        cards = make_cards(Path(name), arguments.pictures)
        grid = PredictionGrid()
        grid.resize(*SIZE)
        grid.show()
        grid.set_cards(cards[:8])
        app.processEvents()
        before = memory_mb()
        began = time.perf_counter()
        grid.set_cards(cards)
        filled = (time.perf_counter() - began) * 1000
        highest, slowest, missing = scrolled(app, grid)
        grid.close()
    more = highest - before
    kept = arguments.pictures * 132 * 132 * 4 / 1e6
    print(f"{arguments.pictures:,} cards set in {filled:.0f} ms, longest turn of the loop {slowest:.0f} ms")
    print(f"memory {before:.0f} MB before, {highest:.0f} MB at most: {more:.0f} MB more, goal {GOAL_MB:.0f}, "
          f"ratio {more / GOAL_MB:.2f}; keeping all would take {kept:.0f} MB")  # fmt: skip
    if missing:
        print(f"{missing} pages were not decoded in time")
    return 0 if more <= GOAL_MB and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
