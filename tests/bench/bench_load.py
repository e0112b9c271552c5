"""Whether the load generator keeps its schedule, and whether the window answers meanwhile.

``python tests/bench/bench_load.py [--rate 500] [--seconds 15] [--times 3]``: the real window (offscreen) on a real
sandbox shows its Load test page, drawn live, while the generator's process sends so many requests a second to a trivial
server of another process. Prints for each time how many were sent within 10 ms of their time, how late they were, and
the window's lag, with that of the idle window as the baseline. Exit code 1 when the best time misses a goal: a
machine may be shared.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.bench.in_window import GOAL_P99_MS, Lag, Probe, idle_lag, opened, run, say_lag  # noqa: E402
from workers.aws.session import AwsSession  # noqa: E402
from workers.load.arrivals import Shape  # noqa: E402
from workers.load.service import LoadTests  # noqa: E402
from workers.load.types import LoadReport, LoadTarget  # noqa: E402
from workers.prices.table import PriceTable  # noqa: E402
from workers.types import Backend, Identity  # noqa: E402

# One in a hundred may come late by more than 10 ms: other programs have a turn, too.
GOAL_RATIO = 0.99
TARGET = LoadTarget("function", "bench")


class Session(AwsSession):
    async def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/bench")


@contextlib.contextmanager
def plain_server() -> Iterator[str]:
    """The address of a trivial server in a process of its own."""
    argv = [sys.executable, "-m", "tests.helpers.plain_server"]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"


async def one_time(page: Any, url: str, shape: Shape) -> tuple[LoadReport, Lag]:
    """One test, drawn live, and the window's lag meanwhile."""
    session = Session(
        Backend("aws", "bench", "us-east-1", endpoint_url=url, access_key_id="AKBENCH", secret_access_key="none")
    )
    page.begin(TARGET, shape, watched=False)
    page.show_running(True)
    probe = Probe()
    probe.start()
    try:
        report = await LoadTests(session, PriceTable.load()).run(TARGET, shape, on_progress=page.show_progress)
    finally:
        lag = probe.stop()
        session.close()
        page.show_running(False)
    page.show_report(report)
    return report, lag


async def measure(work: Path, shape: Shape, times: int) -> int:
    results: list[tuple[LoadReport, Lag]] = []
    async with opened(work) as (application, _):
        application.ctx.navigate("scaling")
        tab = application.window.pages.tab("scaling")
        tab.views.set_current("load")
        idle = await idle_lag()
        with plain_server() as url:
            for _ in range(times):
                results.append(await one_time(tab.load_page, url, shape))
    for report, _ in results:
        totals = report.totals
        print(
            f"{totals.intended} intended at {shape.rate:g}/s, {totals.answered} answered, "
            f"in time {in_time(report):.4f}, late p50 {totals.late.p50} ms, p99 {totals.late.p99} ms, "
            f"worst {totals.late.worst} ms"
        )
    best_ratio, best_p99 = max(in_time(report) for report, _ in results), min(lag[1] for _, lag in results)
    for _, lag in results:
        say_lag(idle, "under load", lag)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    print(
        f"best: in time {best_ratio:.4f} (goal {GOAL_RATIO}), lag p99 {best_p99:.2f} ms (goal < {GOAL_P99_MS:.0f} ms)"
    )
    return 0 if best_ratio >= GOAL_RATIO and best_p99 < GOAL_P99_MS else 1


def in_time(report: LoadReport) -> float:
    """The share that was sent within 10 ms of its time."""
    return report.totals.in_time / max(1, report.totals.intended)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    shape = Shape("constant", options.rate, options.seconds)
    return run(lambda work: measure(work, shape, options.times))


if __name__ == "__main__":
    sys.exit(main())
