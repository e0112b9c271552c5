"""The rules of scaling: each of AWS's by an example, and what must hold whatever happens by Hypothesis."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.autoscaling.decide import (
    ALARM,
    AT_DESIRED,
    AT_MAX,
    AT_MIN,
    FLAPPING,
    INSUFFICIENT_DATA,
    OK,
    Breach,
    Limits,
    Point,
    Policy,
    Reading,
    Step,
    StepScaling,
    TargetTracking,
    Waits,
    alarm_state,
    decide,
)

LIMITS = Limits(1, 10)
POLICY = TargetTracking("p", 100.0)


def points(value: float | None, capacity: int, count: int = 15) -> list[Point]:
    return [Point(value, capacity)] * count


@pytest.mark.parametrize(
    ("values", "missing", "state"),
    [
        ([101, 101, 101], "missing", ALARM),
        ([101, 100, 101], "missing", OK),
        ([101, None, 101], "missing", OK),
        ([None, None, None], "missing", INSUFFICIENT_DATA),
        ([], "missing", INSUFFICIENT_DATA),
        ([101, 101], "missing", OK),
        ([None, 101, 101], "breaching", ALARM),
        ([None, None, None], "notBreaching", OK),
        ([None, 100, 100], "ignore", "before"),
    ],
)
def test_an_alarm(values: list[float | None], missing: str, state: str) -> None:
    assert alarm_state(values, "GreaterThanThreshold", 100, 3, 3, missing, "before") == state


def test_out_goes_to_what_the_load_needs_and_no_further() -> None:
    assert decide(0, 2, LIMITS, [(POLICY, points(251, 2))]).capacity == 6
    assert decide(0, 2, LIMITS, [(POLICY, points(250, 2))]).capacity == 5
    assert decide(0, 2, LIMITS, [(POLICY, points(900, 2))]).capacity == 10
    assert decide(0, 10, LIMITS, [(POLICY, points(900, 10))]).reasons == (AT_MAX,)
    # Two of three minutes are not enough.
    assert decide(0, 2, LIMITS, [(POLICY, [Point(1, 2), *points(900, 2, 2)])]).capacity is None


def test_in_takes_fifteen_minutes_below_nine_tenths() -> None:
    assert decide(0, 4, LIMITS, [(POLICY, points(50, 4))]).capacity == 2
    assert decide(0, 4, LIMITS, [(POLICY, points(50, 4, 14))]).capacity is None
    assert decide(0, 4, LIMITS, [(POLICY, points(90, 4))]).reasons == ()
    assert decide(0, 4, LIMITS, [(POLICY, points(89, 4))]).reasons == (FLAPPING,)
    assert decide(0, 1, LIMITS, [(POLICY, points(0, 1))]).reasons == (AT_MIN,)
    # The highest of the minutes counts.
    assert decide(0, 4, LIMITS, [(POLICY, [*points(1, 4, 14), Point(70, 4)])]).capacity == 3


def test_a_wait_holds_a_small_scale_out_and_lets_a_larger_one_through() -> None:
    first = decide(0, 2, LIMITS, [(POLICY, points(200, 2))])
    assert (first.capacity, first.waits) == (4, Waits(300, -math.inf, 2))
    # The same minutes again ask for what is there already.
    again = decide(60, 4, LIMITS, [(POLICY, points(200, 2))], first.waits)
    assert (again.capacity, again.until) == (None, 300)
    # Measured at 4, 150 needs 6: two more than 4, of which the wait counts two as added already.
    assert decide(60, 4, LIMITS, [(POLICY, points(150, 4))], first.waits).until == 300
    assert decide(60, 4, LIMITS, [(POLICY, points(230, 4))], first.waits).capacity == 8
    assert decide(300, 4, LIMITS, [(POLICY, points(150, 4))], first.waits).capacity == 6
    assert decide(300, 4, LIMITS, [(POLICY, points(200, 2))], first.waits).reasons == (AT_DESIRED,)


def test_a_scale_out_ends_the_wait_of_scaling_in() -> None:
    first = decide(0, 4, LIMITS, [(POLICY, points(50, 4))])
    assert first.waits.in_until == 300
    assert decide(299, 2, LIMITS, [(POLICY, points(10, 2))], first.waits).until == 300
    assert decide(300, 2, LIMITS, [(POLICY, points(10, 2))], first.waits).capacity == 1
    out = decide(10, 2, LIMITS, [(POLICY, points(200, 2))], first.waits)
    assert out.capacity == 4
    assert decide(20, 4, LIMITS, [(POLICY, points(10, 4))], out.waits).capacity == 1


def test_any_policy_scales_out_and_all_must_agree_to_scale_in() -> None:
    other = replace(POLICY, name="other")
    low, high, quiet = points(10, 4), points(200, 4), points(95, 4)
    assert decide(0, 4, LIMITS, [(POLICY, low), (other, high)]).policy == "other"
    assert decide(0, 4, LIMITS, [(POLICY, low), (other, quiet)]).capacity is None
    assert decide(0, 4, LIMITS, [(POLICY, low), (other, points(None, 4))]).capacity is None
    assert decide(0, 4, LIMITS, [(POLICY, low), (other, points(60, 4))]).capacity == 3
    # One that never scales in does not hold the others back.
    assert decide(0, 4, LIMITS, [(POLICY, low), (replace(other, scales_in=False), quiet)]).capacity == 1
    larger = points(210, 4)
    assert decide(0, 4, LIMITS, [(POLICY, high), (other, larger)]).capacity == 9


def test_suspended_ways_stay_closed() -> None:
    assert decide(0, 4, replace(LIMITS, out_suspended=True), [(POLICY, points(900, 4))]).capacity is None
    assert decide(0, 4, replace(LIMITS, in_suspended=True), [(POLICY, points(1, 4))]).capacity is None


STEPS = (Step(0, 10, 10), Step(10, None, 30), Step(-10, 0, -10), Step(None, -10, -30))


@pytest.mark.parametrize(
    ("kind", "value", "capacity", "wanted"),
    [
        ("PercentChangeInCapacity", 55, 10, 11),
        ("PercentChangeInCapacity", 60, 10, 13),
        ("PercentChangeInCapacity", 45, 10, 9),
        ("PercentChangeInCapacity", 40, 10, 7),
        # 10% of 1 is rounded up to one, 30% of 9 down to two.
        ("PercentChangeInCapacity", 55, 1, 2),
        ("PercentChangeInCapacity", 60, 9, 11),
        ("ChangeInCapacity", 60, 9, 39),
        ("ExactCapacity", 55, 3, 10),
        ("ExactCapacity", 60, 40, 30),
    ],
)
def test_steps(kind: str, value: float, capacity: int, wanted: int) -> None:
    policy = StepScaling("s", kind, STEPS, 60)
    assert decide(0, capacity, Limits(1, 100), [(policy, Breach(value, 50))]).capacity == wanted
    assert decide(0, capacity, Limits(1, 100), [(policy, None)]).capacity is None


def test_the_wait_of_steps_is_awss_example() -> None:
    policy = StepScaling("s", "ChangeInCapacity", (Step(0, 10, 2), Step(10, None, 3)), 300)
    first = decide(0, 4, LIMITS, [(policy, Breach(55, 50))])
    assert first.capacity == 6
    assert decide(60, 6, LIMITS, [(policy, Breach(55, 50))], first.waits).until == 300
    # The more aggressive step adds three to what was there before, so one more.
    assert decide(60, 6, LIMITS, [(policy, Breach(65, 50))], first.waits).capacity == 7


LOADS = st.floats(0, 5000, allow_nan=False)
VALUES = st.lists(st.one_of(st.none(), LOADS), max_size=20)
TRACKINGS = st.builds(
    TargetTracking,
    name=st.sampled_from("abc"),
    target=st.floats(0.01, 2000),
    scale_out_wait=st.sampled_from([0.0, 60.0, 300.0]),
    scale_in_wait=st.sampled_from([0.0, 60.0, 300.0]),
    scales_in=st.booleans(),
)
STEPPED = st.builds(
    StepScaling,
    name=st.just("s"),
    kind=st.sampled_from(["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"]),
    steps=st.just(STEPS),
    wait=st.sampled_from([0.0, 300.0]),
)


@st.composite
def policies(draw: st.DrawFn, capacity: int) -> list[tuple[Policy, Reading]]:
    found: list[tuple[Policy, Reading]] = []
    for policy in draw(st.lists(TRACKINGS, max_size=3)):
        found.append((policy, [Point(value, draw(st.integers(1, 12))) for value in draw(VALUES)]))
    for policy in draw(st.lists(STEPPED, max_size=2)):
        found.append((policy, draw(st.one_of(st.none(), st.builds(Breach, LOADS, LOADS)))))
    return found


@given(st.data(), st.integers(0, 8), st.integers(0, 12), st.integers(0, 30))
def test_never_outside_of_the_limits_and_never_in_without_data(
    data: st.DataObject, low: int, more: int, capacity: int
) -> None:
    limits = Limits(low, low + more)
    waits = data.draw(st.builds(Waits, st.floats(0, 600), st.floats(0, 600), st.integers(0, 30)))
    given_policies = data.draw(policies(capacity))
    found = decide(300, capacity, limits, given_policies, waits)
    if found.capacity is not None:
        assert limits.minimum <= found.capacity <= limits.maximum
        assert (found.direction == "out") == (found.capacity > capacity)
        assert (found.direction == "in") == (found.capacity < capacity)
    silent = any(
        isinstance(policy, TargetTracking) and policy.scales_in and isinstance(reading, list) and
        (len(reading) < 15 or any(point.value is None for point in reading[-15:]))
        for policy, reading in given_policies
    )  # fmt: skip
    if silent:
        assert found.direction != "in"


@given(LOADS, st.integers(1, 20), st.sampled_from([0.0, 60.0, 300.0]), st.integers(1, 3), st.integers(0, 17))
def test_a_constant_load_comes_to_rest(load: float, start: int, wait: float, low: int, more: int) -> None:
    """Minute by minute, with instances that take two minutes to serve: it changes, and then it never does again."""
    policy = TargetTracking("p", 100.0, wait, wait)
    limits = Limits(low, low + more)
    capacity, waits, changes = max(low, min(start, low + more)), Waits(), []
    history: list[Point] = []
    serving = [capacity] * 3
    for minute in range(150):
        in_service = min(serving[-3:])
        history.append(Point(load / in_service, in_service))
        found = decide(minute * 60.0, capacity, limits, [(policy, history)], waits)
        if found.capacity is not None:
            capacity, waits = found.capacity, found.waits
            changes.append((minute, found.direction))
        serving.append(capacity)
    assert len({way for _, way in changes}) <= 1
    assert all(minute < 60 for minute, _ in changes)
    assert capacity >= min(limits.maximum, math.ceil(load / 100 - 1e-9))
