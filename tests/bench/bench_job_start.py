"""Processor seconds that a job has used before the first line of its own, forked and started as a fresh interpreter.

``python tests/bench/bench_job_start.py [--jobs 5]``: script-mode jobs of a script that imports torch, and endpoints'
process likewise, run behind their walls through ``Processes``, first from the process that has torch loaded, then as
fresh interpreters. Counted are the program and its keeper. Goal: at most 0.4 s forked. Loading torch once for all of
them is printed, too. Processor seconds hold on a machine that does other work, but for what others push out of caches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.containers.python import JobPython, host_program  # noqa: E402
from sandbox.core.processes import Processes  # noqa: E402
from sandbox.core.state import StateDir  # noqa: E402

GOAL_SECONDS = 0.4
SCRIPT = """
import torch
print("first line", flush=True)
import psutil, time
keeper = psutil.Process().parent().cpu_times()
print("used", time.process_time() + keeper.user + keeper.system, flush=True)
"""


def used(processes: Processes, folder: Path, warm: bool) -> tuple[float, float]:
    """Processor seconds and seconds until the first line of one job."""
    python = JobPython(folder / "python")
    env = python.environment(folder, first=folder / "code") | {
        "TMPDIR": str(folder / "tmp"),
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "SM_FRAMEWORK_PARAMS": json.dumps({}),
    }
    began = time.perf_counter()
    managed = processes.spawn(
        "job",
        "bench",
        [*host_program("train.py"), "script.py", "--epochs", "1"],
        env,
        folder / "code",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        walls=python.walls(own=[folder], tmp=folder / "tmp"),
        warm=python.warm(folder, folder / "code") if warm else None,
    )
    assert managed.stdout is not None
    lines = iter(managed.stdout.readline, b"")
    next(line for line in lines if line.startswith(b"first line"))
    seconds = time.perf_counter() - began
    told = next(line for line in lines if line.startswith(b"used"))
    managed.wait()
    return float(told.split()[1]), seconds


def main() -> int:
    """Measure, print, and say by the exit code whether the goal holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp" if os.path.isdir("/var/tmp") else None) as place:
        state = StateDir(Path(place) / "state")
        processes = Processes(state)
        folder = state.jobs / "bench"
        for part in ("code", "tmp"):
            (folder / part).mkdir(parents=True)
        JobPython(folder / "python").create()
        (folder / "code" / "script.py").write_text(SCRIPT, encoding="utf-8")
        first, _seconds = used(processes, folder, True)
        forks = processes._warm._process
        if forks is not None:
            times = psutil.Process(forks.pid).cpu_times()
            print(f"torch loaded once, for all that are forked: {times.user + times.system:.2f} processor seconds")
        found = {warm: [used(processes, folder, warm) for _ in range(options.jobs)] for warm in (True, False)}
        processes.stop_all()
        state.close()
    medians = {}
    for warm, name in ((True, "forked"), (False, "a fresh interpreter")):
        medians[warm] = statistics.median(processor for processor, _ in found[warm])
        seconds = statistics.median(seconds for _, seconds in found[warm])
        print(f"{name:20} {medians[warm]:6.3f} processor seconds before its first line, {seconds:6.2f} s")
    print(f"ratio {medians[False] / medians[True]:.0f} (goal: at most {GOAL_SECONDS} s forked)")
    return 0 if medians[True] <= GOAL_SECONDS and first < medians[False] else 1


if __name__ == "__main__":
    sys.exit(main())
