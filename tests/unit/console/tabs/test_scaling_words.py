"""What the Scaling tab says about activities and alarms, and names of lines that lie near each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.models.chart import spread
from console.tabs.scaling.rows import cause, change, not_scaled, standing, state_of_activity
from workers.scaling.types import Activity, Alarm, NotScaled, Policy, Suspended, Target, Variant, VariantScaling

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
DONE = Activity(
    "1",
    NOW,
    NOW + timedelta(minutes=3),
    "Successful",
    "Setting desired instance count to 2.",
    "monitor alarm TargetTracking-endpoint/e/variant/v-AlarmHigh-7c in state ALARM triggered policy p",
)
VARIANT = Variant("e", "v", "InService", "ml.m5.large", 2, 2)
SCALED = VariantScaling(VARIANT, Target(1, 4), (Policy("p", "TargetTrackingScaling", 30.0),))


def test_an_activity_in_words() -> None:
    assert (change(DONE), cause(DONE)) == ("to 2 instances", "alarm high: above the target for 3 min")
    low = replace(DONE, cause=DONE.cause.replace("High", "Low"), description="Setting desired instance count to 1.")
    assert (change(low), cause(low)) == ("to 1 instance", "alarm low: below 90 % of it for 15 min")
    failed = replace(DONE, status="Failed", message="ResourceLimitExceeded: 2 of 2")
    assert cause(failed).endswith(": ResourceLimitExceeded: 2 of 2") and state_of_activity(failed).tone == "err"
    # What is not known in words is told in AWS's.
    other = replace(DONE, cause="something new", description="Something else.", status="New")
    assert (change(other), cause(other), state_of_activity(other).word) == ("Something else.", "something new", "New")


@pytest.mark.parametrize(
    "reason, words",
    [
        (NotScaled("AlreadyAtMaxCapacity", 4, 1, 4), "already at the maximum of 4"),
        (NotScaled("AlreadyAtMinCapacity", 1), "already at the minimum of 1"),
        (NotScaled("AlreadyAtDesiredCapacity", 2), "already at 2"),
        (NotScaled("AutoScalingAnticipatedFlapping"), "scaled out again at once"),
        (NotScaled("TargetServicePutResourceAsUnscalable"), "could not be changed just then"),
        (NotScaled("SomethingNew"), "SomethingNew"),
    ],
)
def test_why_nothing_was_done(reason: NotScaled, words: str) -> None:
    assert words in not_scaled(reason)
    idle = replace(DONE, not_scaled=(reason,), description="", status="Failed")
    assert state_of_activity(idle).word == "Not scaled" and change(idle) == "nothing" and words in cause(idle)


def alarm(side: str, state: str) -> Alarm:
    return Alarm(side, side, 30.0 if side == "high" else 27.0, 3 if side == "high" else 15, state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "found, words",
    [
        (VariantScaling(VARIANT, None), "Fixed: nothing scales"),
        (VariantScaling(replace(VARIANT, instance_type="ml.t2.medium"), None), "AWS scales no ml.t2.medium"),
        (replace(SCALED, target=Target(1, 4, Suspended(True, True))), "does not scale out or in"),
        (replace(SCALED, variant=replace(VARIANT, status="Updating")), "is Updating"),
        (replace(SCALED, policies=()), "no policy"),
        (replace(SCALED, alarms=(alarm("high", "ALARM"),)), "it scales out, unless it waits"),
        (replace(SCALED, alarms=(alarm("high", "ALARM"),), target=Target(1, 2)), "already at the maximum of 2"),
        (replace(SCALED, alarms=(alarm("low", "ALARM"),)), "it scales in, unless it waits"),
        (replace(SCALED, alarms=(alarm("low", "ALARM"),), target=Target(2, 4)), "at the minimum of 2"),
        (replace(SCALED, alarms=(alarm("low", "INSUFFICIENT_DATA"),)), "without figures it never scales in"),
        (replace(SCALED, alarms=(alarm("high", "OK"), alarm("low", "OK"))), "nothing to do"),
    ],
)
def test_why_nothing_happens_now(found: VariantScaling, words: str) -> None:
    assert words in standing(found)[1]


def test_names_of_near_lines_part_and_those_of_far_ones_stay() -> None:
    assert spread([100.0, 104.0], 14, 0, 400) == [95.0, 109.0]
    assert spread([104.0, 100.0], 14, 0, 400) == [109.0, 95.0]
    assert spread([10.0, 300.0], 14, 0, 400) == [10.0, 300.0]
    assert spread([2.0], 14, 7, 400) == [7.0]


@given(st.lists(st.floats(0, 400), max_size=8))
def test_names_never_lie_on_each_other(places: list[float]) -> None:
    found = sorted(spread(places, 14, 7, 393))
    assert all(after - before >= 14 - 1e-6 for before, after in pairwise(found))
