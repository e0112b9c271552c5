"""The replay of a traffic curve against what the sandbox's scaler then really does with the same load.

``python tests/bench/bench_replay.py [--factor 60] [--minutes 70]``: an endpoint of one instance, limits 1 to 4, is
asked along a curve (quiet, a peak, quiet) while time runs ``factor`` times as fast. What was really sent goes through
``workers.scaling.replay``. Goal: in every minute the instances that answered differ by at most one from what the
replay says, give or take one minute; exit code 1 when it is missed.

How long instances take to start is this computer's, not AWS's: it is taken from the activities.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers.sagemaker_jobs import ANSWERING, Account  # noqa: E402
from tests.helpers.sandbox import SandboxProcess  # noqa: E402
from workers.scaling.replay import Minute, Rules, replay  # noqa: E402

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
MINIMUM, MAXIMUM, PER_MINUTE, WAIT_SECONDS = 1, 4, 300.0, 120
QUIET_RATE, PEAK_RATE = 2.0, 14.0
WITHIN = 1


def rate_at(minute: float, minutes: int) -> float:
    """Requests a second: quiet, up to a peak by a third of the time, quiet again from two thirds on."""
    shape = math.exp(-(((minute - minutes * 0.33) / (minutes * 0.11)) ** 2))
    return QUIET_RATE + (PEAK_RATE - QUIET_RATE) * shape


class Run:
    """One run: what was sent in each minute, and how many instances there were."""

    def __init__(self, account: Account, factor: float, minutes: int) -> None:
        self._account, self._factor, self._minutes = account, factor, minutes
        self.sent: Counter[int] = Counter()
        self.seen: dict[int, list[int]] = {}
        self.failed = 0

    def minute(self, at: float) -> int:
        """The period of the sandbox that a moment lies in."""
        return math.floor(at * self._factor / 60)

    async def go(self) -> int:
        """Ask and look until the time is over; the number of the first minute."""
        length = 60 / self._factor
        first = self.minute(time.time()) + 1
        begin, end = first * length, (first + self._minutes) * length
        await asyncio.sleep(max(0.0, begin - time.time()))
        await asyncio.gather(self._ask(begin, end), self._look(end))
        return first

    async def _ask(self, begin: float, end: float) -> None:
        under_way: set[asyncio.Task[None]] = set()
        due = begin
        while due < end:
            await asyncio.sleep(max(0.0, due - time.time()))
            task = asyncio.create_task(self._one_request())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += 1 / rate_at((due - begin) * self._factor / 60, self._minutes)
        await asyncio.gather(*under_way)

    async def _one_request(self) -> None:
        try:
            await asyncio.to_thread(self._account.invoke, "e")
        except Exception:
            self.failed += 1
        self.sent[self.minute(time.time())] += 1

    async def _look(self, end: float) -> None:
        while time.time() < end:
            found = await asyncio.to_thread(self._account.sagemaker.describe_endpoint, EndpointName="e")
            count = found["ProductionVariants"][0]["CurrentInstanceCount"]
            self.seen.setdefault(self.minute(time.time()), []).append(count)
            await asyncio.sleep(15 / self._factor)


def prepared(account: Account) -> Any:
    """The endpoint with limits and policy; the client of Application Auto Scaling."""
    account.endpoint("e", ANSWERING)
    assert account.settled("e") == "InService"
    scaling = account.sandbox.client("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=MINIMUM, MaxCapacity=MAXIMUM)
    scaling.put_scaling_policy(
        **TARGET,
        PolicyName="keep",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": PER_MINUTE,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            "ScaleOutCooldown": WAIT_SECONDS,
            "ScaleInCooldown": WAIT_SECONDS,
        },
    )
    return scaling


def start_minutes(activities: list[dict[str, Any]], factor: float) -> int:
    """How many minutes of the sandbox's time instances took to start."""
    took = [
        (activity["EndTime"] - activity["StartTime"]).total_seconds() * factor / 60
        for activity in activities
        if "AlarmHigh" in activity["Cause"] and activity["StatusCode"] == "Successful"
    ]
    return round(statistics.median(took)) if took else 0


def compare(real: list[int], said: tuple[Minute, ...]) -> tuple[list[int], int]:
    """By how many instances each minute differs, give or take a minute; and how many minutes are the same outright."""
    differences = []
    for at, number in enumerate(real):
        near = [minute.instances for minute in said[max(0, at - 1) : at + 2]]
        differences.append(min((number - other for other in near), key=abs))
    return differences, sum(number == minute.instances for number, minute in zip(real, said, strict=True))


def main() -> int:
    """Run, replay, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=float, default=60.0)
    parser.add_argument("--minutes", type=int, default=70)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxProcess(Path(folder) / "state", environ={"SAGEDECK_TIME_FACTOR": f"{given.factor:g}"}) as sandbox,
    ):
        account = Account(sandbox)
        scaling = prepared(account)
        run = Run(account, given.factor, given.minutes)
        first = asyncio.run(run.go())
        activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    wait = WAIT_SECONDS / 60
    rules = Rules(MINIMUM, MAXIMUM, PER_MINUTE, wait, wait, start_minutes(activities, given.factor))
    curve = [run.sent[first + at] * given.factor for at in range(given.minutes)]
    said = replay(rules, curve, 1)
    real, last = [], 1
    for at in range(given.minutes):
        # The most that answered in the minute; where nobody looked, as before.
        last = max(run.seen.get(first + at, [last]))
        real.append(last)
    differences, same = compare(real, said)
    print(f"factor {given.factor:g}, {sum(run.sent.values())} requests, {run.failed} failed, {rules}")
    for activity in reversed(activities):
        began = activity["StartTime"].timestamp() * given.factor / 60 - first
        print(f"  minute {began:5.1f}: {activity['Description']} {activity['StatusCode']}")
    print("minute  calls  real  replay")
    for at, (calls, number, minute) in enumerate(zip(curve, real, said, strict=True)):
        mark = "" if number == minute.instances else "  <"
        print(f"{at:6} {calls:6.0f} {number:5} {minute.instances:7}{mark}")
    worst = max(map(abs, differences))
    print(f"same in {same} of {given.minutes} minutes")
    print(f"give or take a minute it differs by {worst} at most (goal: {WITHIN})")
    return int(worst > WITHIN)


if __name__ == "__main__":
    sys.exit(main())
