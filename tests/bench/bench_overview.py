"""What the Overview's list of 5,000 resources costs the window: frames while scrolling, and a refresh.

Prints the time of each frame (median, 99th percentile, longest) while the list is scrolled by some rows a frame, how
long the first filling and a refresh that changes three rows take, and how many rows the refresh touched.
``python -m tests.bench.bench_overview [--rows 5000] [--frames 600]``
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtWidgets import QApplication, QWidget

from console.app import dress
from console.journal import Writer
from console.settings import Settings
from console.tabs.overview.inventory_list import InventoryList
from tests.helpers.inventory import NOW, resource
from workers.inventory.types import ALL_KINDS, Inventory, KindRead, Resource

KINDS = ALL_KINDS[:12]
FRAME_GOAL_MS = 1000 / 60


def account(number: int) -> tuple[Resource, ...]:
    """So many resources of twelve kinds; a third of them bill."""
    return tuple(
        resource(
            KINDS[at % len(KINDS)], f"resource-with-a-usual-name-{at:05}", ("InService", "running", "Stopped")[at % 3],
            size="1 × ml.m5.xlarge", created=NOW - timedelta(minutes=at), last_use=NOW - timedelta(seconds=at),
            dollars_per_hour=(at % 700) / 100 if at % 3 == 0 else 0.0, cost_so_far=float(at),
        )
        for at in range(number)
    )  # fmt: skip


def quantile(values: list[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def scroll(listed: InventoryList, frames: int) -> tuple[list[float], list[float]]:
    """The milliseconds of each frame, by the clock and of this thread, while it goes down and up three rows a frame."""
    bar = listed.table.view.verticalScrollBar()
    taken, worked = [], []
    step = 3
    for _ in range(frames):
        if not 0 < bar.value() + step < bar.maximum():
            step = -step
        began, own = time.perf_counter(), time.thread_time()
        bar.setValue(bar.value() + step)
        listed.table.view.viewport().repaint()
        taken.append((time.perf_counter() - began) * 1000)
        worked.append((time.thread_time() - own) * 1000)
    return taken, worked


def main() -> int:
    """Measure, print, and fail when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--frames", type=int, default=600)
    arguments = parser.parse_args()
    app = QApplication.instance() or QApplication([])
    dress(app)  # type: ignore[arg-type]
    context: Any = QWidget()
    context.settings = Settings(Path(tempfile.mkdtemp()) / "settings.json", Writer())
    listed = InventoryList(context, lambda: None)
    listed.resize(860, 560)
    listed.show()
    rows = account(arguments.rows)
    kinds = tuple(KindRead(kind, 0, NOW) for kind in ALL_KINDS)
    began = time.perf_counter()
    listed.show_inventory(Inventory(rows, kinds, NOW))
    QApplication.processEvents()
    print(f"filling {len(rows):,} rows: {(time.perf_counter() - began) * 1000:.0f} ms")
    scroll(listed, 30)
    frames, worked = scroll(listed, arguments.frames)
    for words, values in (("by the clock", frames), ("of this thread", worked)):
        late = sum(value > FRAME_GOAL_MS for value in values)
        print(
            f"{len(values)} frames of scrolling, {words}: median {quantile(values, 0.5):.1f} ms, "
            f"p99 {quantile(values, 0.99):.1f} ms, longest {max(values):.1f} ms, {late} above {FRAME_GOAL_MS:.1f} ms"
        )
    touched: list[int] = []
    listed.table.model.dataChanged.connect(lambda first, last: touched.append(last.row() - first.row() + 1))
    resets: list[int] = []
    listed.table.model.modelReset.connect(lambda: resets.append(1))
    changed = list(rows)
    for at in (7, 1777, len(rows) - 1):
        changed[at] = replace(rows[at], size="2 × ml.m5.xlarge")
    began = time.perf_counter()
    listed.show_inventory(Inventory(tuple(changed), kinds, NOW))
    refreshed = (time.perf_counter() - began) * 1000
    print(f"a refresh that changes 3 rows: {refreshed:.0f} ms, {sum(touched)} rows touched, {len(resets)} resets")
    # On a machine that others use, the clock tells of them; the thread's own time is what the list costs.
    good = quantile(worked, 0.99) <= FRAME_GOAL_MS and sum(touched) == 3 and not resets
    began = time.perf_counter()
    listed.search.setText("name-04")
    listed.search._search()
    print(f"a filter: {(time.perf_counter() - began) * 1000:.0f} ms, {listed.table.model.rowCount():,} rows left")
    print("goal met" if good else "GOAL MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
