"""What the benches of the real window (offscreen) have in common: opening it, and how late its loop answers.

Run as scripts, so the benches put the root on the path and choose the platform before they import this.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from qasync import QEventLoop

from console.app import SWITCH_SECONDS, Application, Files, make_qt_application
from console.collector import Collector
from tests.helpers.window import until
from workers.account import sandbox as local_account
from workers.services import Services

# A frame at 60 Hz takes 16.7 ms, and from 100 ms on a hand notices that a click waits.
GOAL_P99_MS, GOAL_WORST_MS = 16.0, 100.0
# Often enough to meet every pause of a frame, seldom enough not to be the load itself.
PROBE_SECONDS = 0.005
# A thousand probes: ten of them are above the p99.
IDLE_SECONDS = 5.0
# What the window begins by itself after its start (pages, garbage) is over by then.
SETTLE_SECONDS = 3.0

T = TypeVar("T")
Lag = tuple[float, float, float]


class Probe:
    """Collects how many milliseconds late the loop woke it up."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def _run(self) -> None:
        while True:
            due = time.perf_counter() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            self.late.append(max(0.0, time.perf_counter() - due) * 1000)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> Lag:
        """The p50, the p99 and the worst in milliseconds."""
        assert self._task is not None
        self._task.cancel()
        ordered = sorted(self.late)
        return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1]


async def idle_lag() -> Lag:
    """The baseline: the window with nothing to do."""
    await asyncio.sleep(SETTLE_SECONDS)
    probe = Probe()
    probe.start()
    await asyncio.sleep(IDLE_SECONDS)
    return probe.stop()


def say_lag(idle: Lag, name: str, loaded: Lag) -> None:
    """Print both, and how many times later the loaded window answers."""
    for title, (p50, p99, worst) in (("idle (baseline)", idle), (name, loaded)):
        print(f"{title}: lag p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {worst:.1f} ms")
    print(f"ratio of the p99: {loaded[1] / max(idle[1], 0.01):.1f}")


@asynccontextmanager
async def opened(work: Path) -> AsyncIterator[tuple[Application, Services]]:
    """The window, connected to a sandbox of its own; both end with the block."""
    state = work / "sandbox"
    application = Application(Files.inside(work / "window"), state_dir=state)
    collector = Collector()
    application.window.painted.connect(collector.settle)
    application.window.resize(1440, 900)
    application.show()
    try:
        await until(lambda: application.ctx.connected)
        services = application.ctx.services
        assert services is not None
        yield application, services
    finally:
        await application.close()
        collector.stop()
        await local_account.stop(state)


def run(measure: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Run ``measure`` with a folder of its own on the window's event loop, as the program runs."""
    app = make_qt_application()
    sys.setswitchinterval(SWITCH_SECONDS)
    with (
        tempfile.TemporaryDirectory(prefix="sagedeck-bench-") as work,
        asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner,
    ):
        return runner.run(measure(Path(work)))
