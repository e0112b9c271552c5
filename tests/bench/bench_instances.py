"""How long a line that a command prints on an instance takes to CloudWatch Logs, where the window reads it.

``python tests/bench/bench_instances.py``: a sandbox with one instance; a command that prints 20 lines a second, then
one that prints 10,000 a second for ten seconds. Prints the medians and the 99th percentiles in seconds, from the moment
a line was printed until ``GetLogEvents``, asked every 0.1 s, has given it; exit code 1 over the goal, or when lines are
missing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.helpers.instances import InstanceAccount
from tests.helpers.sandbox import SandboxProcess

GOAL_SECONDS = 1.0
GROUP, END = "/bench", "end"
SLOW = """import time
for _ in range(100):
    print("t", time.time(), flush=True)
    time.sleep(0.05)
print("end")
"""
FAST = """import sys, time
for _ in range(100):
    now = time.time()
    sys.stdout.write("".join(f"t {now} words of a line of output\\n" for _ in range(1000)))
    sys.stdout.flush()
    time.sleep(max(0.0, 0.1 - (time.time() - now)))
print("end")
"""


def lags(account: InstanceAccount, instance: str, script: str) -> list[float]:
    """The seconds that each line took, sorted."""
    command = account.send(
        instance,
        f"/opt/pytorch/bin/python - <<'PYTHON'\n{script}PYTHON",
        CloudWatchOutputConfig={"CloudWatchLogGroupName": GROUP, "CloudWatchOutputEnabled": True},
    )
    stream, token, found = f"{command}/{instance}/aws-runShellScript/stdout", {}, []
    while True:
        try:
            page = account.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
        except account.logs.exceptions.ResourceNotFoundException:
            time.sleep(0.05)
            continue
        now = time.time()
        for event in page["events"]:
            lines = event["message"].split("\n")
            found += [now - float(line.split()[1]) for line in lines if line.startswith("t ")]
            if lines[-1] == END:
                return sorted(found)
        token = {"nextToken": page["nextForwardToken"]}
        if not page["events"]:
            time.sleep(0.1)


def main() -> int:
    """Print the figures; 1 when they miss the goal."""
    good = True
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxProcess(Path(folder) / "state") as sandbox,
    ):
        account = InstanceAccount(sandbox)
        instance = account.launch()
        for name, script, many in (("20 lines a second", SLOW, 100), ("10,000 lines a second", FAST, 100_000)):
            found = lags(account, instance, script)
            middle, worst = found[len(found) // 2], found[int(len(found) * 0.99)]
            print(f"{name}: {len(found):,} lines, median {middle:.2f} s, 99th percentile {worst:.2f} s")
            good = good and len(found) == many and worst <= GOAL_SECONDS
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
