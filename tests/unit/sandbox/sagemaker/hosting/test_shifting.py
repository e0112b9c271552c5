"""Blue/green updates: the steps that a policy asks for, and what an alarm does to them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.sagemaker.hosting.shifting import Shift, carry_out, shift_of
from sandbox.wire.errors import AwsError


def policy(kind: str, last: int = 0, alarms: tuple[str, ...] = (), **size: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 60, **size}
    found: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": last}
    }
    if alarms:
        found["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return found


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.mark.parametrize(
    ("deployment", "steps"),
    [
        (None, ((1.0, 0.0),)),
        (policy("ALL_AT_ONCE", 120), ((1.0, 120.0),)),
        (policy("CANARY", 30, CanarySize=percent(10)), ((0.1, 60.0), (1.0, 30.0))),
        (policy("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}), ((0.25, 60.0), (1.0, 0.0))),
        (policy("LINEAR", LinearStepSize=percent(40)), ((0.4, 60.0), (0.8, 60.0), (1.0, 0.0))),
    ],
)
def test_the_steps_of_a_policy(deployment: dict[str, Any] | None, steps: tuple[tuple[float, float], ...]) -> None:
    assert shift_of(deployment, 4, 1.0).steps == steps
    assert shift_of(deployment, 4, 10.0).steps == tuple((share, wait / 10) for share, wait in steps)


@pytest.mark.parametrize(
    "deployment",
    [
        {"RollingUpdatePolicy": {"MaximumBatchSize": percent(10), "WaitIntervalInSeconds": 1}},
        policy("CANARY"),
        policy("CANARY", CanarySize=percent(60)),
        policy("LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 3}),
    ],
)
def test_what_is_refused(deployment: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as refused:
        shift_of(deployment, 4, 1.0)
    assert refused.value.code == "ValidationException"


class Story:
    """A clock that goes on by pauses, and the shares that were routed."""

    def __init__(self, rings_at: float | None = None, off_at: float | None = None) -> None:
        self.now, self.rings_at, self.off_at = 0.0, rings_at, off_at
        self.shares: list[float] = []

    def run(self, shift: Shift) -> str | None:
        return carry_out(shift, self.shares.append, self._alarmed, self._pause, lambda: self.now)

    def _alarmed(self, name: str) -> bool:
        return name == "bad" and self.rings_at is not None and self.now >= self.rings_at

    def _pause(self, seconds: float) -> bool:
        self.now += seconds
        return self.off_at is not None and self.now >= self.off_at


def test_all_steps_are_gone_through() -> None:
    story = Story()
    assert story.run(shift_of(policy("LINEAR", 30, ("fine",), LinearStepSize=percent(50)), 2, 1.0)) is None
    assert story.shares == [0.5, 1.0] and story.now == pytest.approx(90)


def test_an_alarm_brings_the_old_ones_back_also_in_the_last_wait() -> None:
    for at, shares in ((10.0, [0.1, 0.0]), (70.0, [0.1, 1.0, 0.0])):
        story = Story(rings_at=at)
        reason = story.run(shift_of(policy("CANARY", 30, ("fine", "bad"), CanarySize=percent(10)), 2, 1.0))
        assert reason is not None and "bad" in reason and "fine" not in reason
        assert story.shares == shares


def test_one_that_is_called_off_ends_at_once() -> None:
    story = Story(off_at=5.0)
    assert story.run(shift_of(policy("CANARY", CanarySize=percent(10)), 2, 1.0)) is not None
    assert story.shares == [0.1, 0.0] and story.now < 6
