"""How late the window answers, and how it grows, while a command on an instance prints 10,000 lines a second.

``python tests/bench/bench_output.py [--seconds 20]``: the real window (offscreen) on a real sandbox with one instance;
the EC2 tab follows the command. Prints p50, p99 and the worst lag in milliseconds and the same for the idle window as
the baseline, how old the newest line in the window was at most, and the window's memory before, half-way and after
(MB); exit code 1 when a goal is missed. A log keeps its last 200,000 lines, so memory is level beyond them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.bench.in_window import GOAL_P99_MS, Probe, idle_lag, opened, run, say_lag  # noqa: E402
from tests.helpers.window import until  # noqa: E402
from workers.compute.types import InstanceSpec  # noqa: E402

BUCKET = "bench-output"
GOAL_LATE_SECONDS = 1.0
TALKER = """import sys, time
for turn in range({turns}):
    begun = time.time()
    sys.stdout.write("".join(f"t {{begun:.3f}} words of a line of output\\n" for _ in range(1000)))
    sys.stdout.flush()
    time.sleep(max(0.0, 0.1 - (time.time() - begun)))
print("the end")
"""


def memory_mb() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(work: Path, seconds: int) -> int:
    async with opened(work) as (application, services):
        await services.storage.create_bucket(BUCKET)
        images = await services.compute.images.deep_learning()
        spec = InstanceSpec("bench", images[0], "t3.xlarge", BUCKET)
        await services.compute.launches.launch(spec)
        application.ctx.navigate("compute")
        tab = application.window.pages.tab("compute")
        await until(tab.output.line.isEnabled)
        idle = await idle_lag()
        script = TALKER.format(turns=seconds * 10)
        before = memory_mb()
        probe = Probe()
        probe.start()
        late, half, log = 0.0, 0.0, tab.output.log.view.buffer
        tab.run_line(f"python3 -u - <<'EOF'\n{script}EOF")
        began = time.monotonic()
        while tab.output.command is None or tab.output.command.running:
            await asyncio.sleep(0.05)
            words = log.line(log.end - 1).text.split() if len(log) else []
            if words[:1] == ["t"] and tab.output.command.running:
                late = max(late, time.time() - float(words[1]))
            if not half and time.monotonic() - began > seconds / 2:
                half = memory_mb()
        following = probe.stop()
        after, lines = memory_mb(), len(log)
    print(f"{lines:,} lines kept of {seconds * 10_000:,}; memory {before:.0f}, {half:.0f}, {after:.0f} MB")
    say_lag(idle, "following", following)
    print(f"the newest line was {late:.2f} s old at most")
    print(f"goals: p99 < {GOAL_P99_MS:.0f} ms, a line within {GOAL_LATE_SECONDS:.0f} s")
    return 0 if following[1] < GOAL_P99_MS and late < GOAL_LATE_SECONDS else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    return run(lambda work: measure(work, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
