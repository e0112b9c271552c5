"""How quick the palette is with 5,000 things in the account: opening it, and every key that is typed.

Prints milliseconds of the GUI thread (its own time: what other programs take does not count), and how many times as
long as a plain scan (``typed in text`` for every entry) they are; with rapidfuzz installed, what its scorers take as
well. ``python -m tests.bench.bench_palette``
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtTest import QTest
from qasync import QEventLoop

from console.app import Application, Files, make_qt_application
from tests.helpers.inventory import FakeInventory, resource
from tests.helpers.window import AWS, FakeServices
from workers.inventory.types import Inventory, Kind

OPEN_GOAL_MS, KEY_GOAL_MS = 50.0, 16.0
TYPED = ("dogs-trainer 421", "pred", "rfr", "sagemaker role", "xyzw", "d")


def account(count: int) -> Inventory:
    """So many things with names as programs and people give them."""
    kinds: tuple[Kind, ...] = ("training-job", "endpoint", "model", "role", "log-group")
    words = ("dogs-trainer", "sagemaker-canary", "predict", "classifier-of-breeds", "resnet50-ddp")
    return Inventory(
        tuple(resource(kinds[at % 5], f"{words[at // 5 % 5]}-{at}-20260131-142501", "Completed") for at in range(count))
    )


def took(what: Callable[[], object], times: int = 7) -> float:
    """Milliseconds, the middle of some tries."""
    found = []
    for _ in range(times):
        began = time.thread_time()
        what()
        found.append((time.thread_time() - began) * 1000)
    return median(found)


async def measure(count: int) -> int:
    """Build a window, open its palette, type."""
    application = Application(Files.inside(Path(tempfile.mkdtemp())), state_dir=Path(tempfile.mkdtemp()), specs=())
    window = application.window
    window.show()
    services = FakeServices(AWS)
    services.inventory = FakeInventory()
    services.inventory.known = account(count)
    application.ctx.enter(AWS, services, await services.identity())  # type: ignore[arg-type]
    began = time.thread_time()
    window.open_palette()
    first = (time.thread_time() - began) * 1000
    palette = window.palette_panel

    def again() -> None:
        palette.close_palette()
        palette.open()
        palette.repaint()

    opening = took(again)
    print(f"{count:,} resources: first opening {first:.1f} ms, later ones {opening:.1f} ms (goal {OPEN_GOAL_MS:.0f})")
    plain = [text.casefold() for text in palette.texts_now()]
    scan = took(lambda: [text for text in plain if "trainer" in text])
    worst = 0.0
    for typed in TYPED:
        palette.field.clear()
        keys = []
        for letter in typed:
            began = time.thread_time()
            QTest.keyClicks(palette.field, letter)
            palette.list.viewport().repaint()
            keys.append((time.thread_time() - began) * 1000)
        worst = max(worst, *keys)
        print(
            f"  “{typed}”: {max(keys):5.1f} ms at most, {median(keys):5.1f} in the middle, "
            f"{max(keys) / scan:4.0f} plain scans, {palette.lines.rowCount()} shown"
        )
    print(f"a plain scan: {scan:.2f} ms; the slowest key {worst:.1f} ms (goal {KEY_GOAL_MS:.0f})")
    against_rapidfuzz(plain)
    await application.close()
    return 0 if opening <= OPEN_GOAL_MS and worst <= KEY_GOAL_MS else 1


def against_rapidfuzz(plain: list[str]) -> None:
    """What a library would take, where it is installed."""
    try:
        from rapidfuzz import fuzz, process  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return
    for scorer in (fuzz.partial_ratio, fuzz.WRatio, fuzz.token_set_ratio):
        taken = took(lambda scorer=scorer: process.extract("dogs-trainer 421", plain, scorer=scorer, limit=60))  # type: ignore[misc]
        best = process.extract("rfr", plain, scorer=scorer, limit=1)
        print(f"rapidfuzz {scorer.__name__}: {taken:.1f} ms; “rfr” finds {best[0][0]!r}")


def main() -> int:
    """Run, print, and fail when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    options = parser.parse_args()
    app = make_qt_application()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner:
        return runner.run(measure(options.count))


if __name__ == "__main__":
    sys.exit(main())
