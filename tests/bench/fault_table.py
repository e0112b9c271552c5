"""Every flow with every fault at drawn requests: finished, stopped clearly, or something left behind (must be 0).

Run: ``.venv/bin/python tests/bench/fault_table.py [--runs 20] [--flows deploy,stop\\ job] [--seed 1]``. Each run draws
which request is struck, and how often in a row (once, or until botocore gives up). ``--launcher`` launches jobs with
the SageMaker SDK in its own process, as the window does, instead of by one call.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.helpers.fault_flows import FLOWS, Bench, Run, quick  # noqa: E402
from tests.helpers.fault_proxy import FAULTS, FaultProxy  # noqa: E402
from tests.helpers.sagemaker_jobs import Account  # noqa: E402
from tests.helpers.sandbox import SandboxProcess  # noqa: E402

CANCEL = "cancel"
LAUNCHER = "tests.bench.impatient_launcher"


async def table(bench: Bench, flows: list[str], faults: list[str], runs: int, draw: random.Random) -> list[Run]:
    """Run all, print a row a flow; returns the runs that ended as they must not."""
    await bench.start()
    bad: list[Run] = []
    longest = 0.0
    print(f"{runs} runs each: finished/stopped clearly, and left behind where there is any")
    print("| flow | requests | " + " | ".join(faults) + " | left behind |")
    print("|---" * (len(faults) + 3) + "|")
    for flow in flows:
        clean = await bench.run(flow, "none", 10_000)
        total = len(bench.requests)
        bad += [clean] if clean.end != "finished" else []
        cells, left = [], 0
        for fault in faults:
            ends: Counter[str] = Counter()
            for _ in range(runs):
                at, times = draw.randrange(total), draw.choice((1, 1, 2, 4, 12))
                began = time.monotonic()
                cancelled = fault == CANCEL
                run = await bench.run(flow, fault, at, 0 if cancelled else times, cancel=cancelled)
                longest = max(longest, time.monotonic() - began)
                ends[run.end] += 1
                bad += [run] if run.end not in ("finished", "stopped") else []
            wrong = runs - ends["finished"] - ends["stopped"]
            left += wrong
            cells.append(f"{ends['finished']}/{ends['stopped']}" + (f" ({wrong} wrong)" if wrong else ""))
        print(f"| {flow} | {total} | " + " | ".join(cells) + f" | {left} |", flush=True)
    print(f"longest run with its preparation and checks: {longest:.1f} s")
    return bad


def main() -> int:
    """Print the table; 1 when a run left something behind or ended without a clear error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--flows", default=",".join(FLOWS))
    parser.add_argument("--faults", default=",".join((*FAULTS, CANCEL)))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--launcher", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SandboxProcess(folder / "state") as sandbox, FaultProxy(sandbox.url) as proxy, quick(folder / "source"):
            bench = Bench(Account(sandbox), proxy, LAUNCHER if given.launcher else "")
            try:
                flows, faults = given.flows.split(","), given.faults.split(",")
                bad = asyncio.run(table(bench, flows, faults, given.runs, random.Random(given.seed)))
            finally:
                bench.close()
    for run in bad:
        print(run)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
