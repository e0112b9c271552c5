"""Target tracking as a pure function: its rules one by one, and what holds for every curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sandbox.autoscaling.decide import Limits, Point, TargetTracking, Waits, decide
from workers.scaling.replay import Minute, Rules, instance_hours, replay

RULES = Rules(minimum=1, maximum=5, target=30, out_wait=5, in_wait=5, start_minutes=2)


def wanted(rules: Rules, curve: Sequence[float | None], instances: int = 1) -> list[int]:
    return [minute.desired for minute in replay(rules, curve, instances)]


def test_three_minutes_above_the_target_scale_out_and_two_do_not() -> None:
    assert wanted(RULES, [60, 60, 10, 60, 60]) == [1, 1, 1, 1, 1]
    assert wanted(RULES, [60, 60, 60]) == [1, 1, 2]


def test_what_is_asked_for_answers_once_it_has_started() -> None:
    minutes = replay(RULES, [60] * 7, 1)
    assert [minute.instances for minute in minutes] == [1, 1, 1, 1, 1, 2, 2]
    assert instance_hours(minutes) == (1 + 1 + 2 * 5) / 60


def test_while_instances_start_nothing_is_decided() -> None:
    slow = replace(RULES, start_minutes=20)
    assert wanted(slow, [60, 60, 60, 90, 120, 150, 150]) == [1, 1, 2, 2, 2, 2, 2]


def test_in_the_wait_only_a_larger_scale_out_goes_through() -> None:
    quick = replace(RULES, start_minutes=0)
    assert wanted(quick, [60] * 7) == [1, 1, 2, 2, 2, 2, 2]
    # 61 are 30.5 for each of two: one more, but the one that has just been added counts.
    assert wanted(quick, [60, 60, 60, 61, 61, 61, 61]) == [1, 1, 2, 2, 2, 2, 2]
    assert wanted(quick, [60, 60, 60, 130, 130]) == [1, 1, 2, 4, 4]


def test_after_the_wait_it_counts_on_from_what_was_asked_for() -> None:
    assert wanted(replace(RULES, start_minutes=0), [60] * 3 + [61] * 6)[-1] == 3


def test_fifteen_minutes_below_ninety_percent_scale_in_and_fourteen_do_not() -> None:
    assert wanted(RULES, [40] * 14, 4)[-1] == 4
    assert wanted(RULES, [40] * 15, 4)[-1] == 2
    assert wanted(RULES, [4 * 27.5] * 40, 4)[-1] == 4


def test_missing_minutes_never_scale_in() -> None:
    assert wanted(RULES, [None] * 200, 4)[-1] == 4
    assert wanted(RULES, ([40] * 14 + [None]) * 5, 4)[-1] == 4


def test_where_nobody_asks_it_scales_in_to_the_minimum() -> None:
    # In service and not asked, a variant has values of zero.
    assert wanted(RULES, [0] * 15, 4)[-1] == 1


def test_a_scale_in_waits_for_the_one_before_but_a_scale_out_does_not() -> None:
    patient = replace(RULES, in_wait=60)
    curve = [40.0] * 15 + [20.0] * 30
    assert wanted(patient, curve, 4)[-1] == 2
    assert wanted(RULES, curve, 4)[-1] == 1
    assert wanted(patient, [40.0] * 15 + [140.0] * 3, 4)[-1] == 5
    # A scale-out has ended the wait of the scale-in.
    assert wanted(patient, [40.0] * 15 + [140.0] * 3 + [10.0] * 25, 4)[-1] == 1


def test_requests_over_capacity_are_counted() -> None:
    assert Minute(100, 2, 2).over(30) == 40
    assert Minute(50, 2, 2).over(30) == 0


CURVES = st.lists(st.none() | st.floats(0, 1000), max_size=120)
ALL_RULES = st.builds(
    lambda least, more, target, out, back, start: Rules(least, least + more, target, out, back, start),
    st.integers(0, 4),
    st.integers(0, 8),
    st.floats(0.5, 200),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 10),
)


@given(rules=ALL_RULES, curve=CURVES, instances=st.integers(0, 20))
def test_never_outside_the_limits(rules: Rules, curve: list[float | None], instances: int) -> None:
    for minute in replay(rules, curve, instances):
        assert rules.minimum <= minute.desired <= rules.maximum
        assert rules.minimum <= minute.instances <= rules.maximum


@given(rules=ALL_RULES, load=st.floats(0, 1000), instances=st.integers(1, 12))
def test_at_a_constant_load_it_comes_to_rest(rules: Rules, load: float, instances: int) -> None:
    rules = replace(rules, minimum=max(1, rules.minimum), maximum=max(1, rules.maximum))
    desired = wanted(rules, [load] * 300, instances)
    assert len(set(desired[200:])) == 1
    enough = min(rules.maximum, max(rules.minimum, math.ceil(load / rules.target - 1e-6)))
    if load > 0:
        assert desired[-1] >= enough


@given(rules=ALL_RULES, curve=CURVES, instances=st.integers(1, 12))
def test_without_three_minutes_above_the_target_nothing_grows(
    rules: Rules, curve: list[float | None], instances: int
) -> None:
    minutes = replay(rules, curve, instances)
    for at in range(1, len(minutes)):
        if minutes[at].desired > minutes[at - 1].desired:
            last = minutes[max(0, at - 2) : at + 1]
            assert len(last) == 3 and all((minute.calls or 0) > rules.target * minute.instances for minute in last)


def by_the_sandbox(rules: Rules, curve: list[float | None], instances: int) -> list[tuple[int, int]]:
    """(instances that answer, wanted) of each minute, decided by the sandbox's own scaler."""
    serving = desired = min(max(instances, rules.minimum), rules.maximum)
    policy = TargetTracking("keep", rules.target, rules.out_wait, rules.in_wait)
    limits, waits, points, ready, found = Limits(rules.minimum, rules.maximum), Waits(), [Point(None, 1)] * 15, None, []
    for at, calls in enumerate(curve):
        if ready is not None and ready <= at:
            serving, ready = desired, None
        points = [*points[1:], Point(None if calls is None or not serving else calls / serving, serving)]
        served = serving
        decision = decide(at + 1, desired, limits, [(policy, points)], waits) if ready is None else None
        if decision is not None and decision.capacity is not None:
            desired, waits = decision.capacity, decision.waits
            ready = at + 1 + rules.start_minutes if decision.direction == "out" else None
            serving = serving if decision.direction == "out" else desired
        found.append((served, desired))
    return found


# Rates that change slowly enough for both alarms to be in one curve.
STEADY = st.lists(st.tuples(st.none() | st.floats(0, 400), st.integers(1, 30)), max_size=6).map(
    lambda parts: [calls for calls, minutes in parts for _ in range(minutes)]
)


@given(rules=ALL_RULES, curve=CURVES | STEADY, instances=st.integers(0, 20))
def test_it_decides_as_the_sandbox_does(rules: Rules, curve: list[float | None], instances: int) -> None:
    minutes = [(minute.instances, minute.desired) for minute in replay(rules, curve, instances)]
    assert minutes == by_the_sandbox(rules, curve, instances)
