"""From a measured latency to limits, target, reserved concurrency and dollars."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.prices.table import HOURS_PER_MONTH
from workers.scaling.plan import (
    Plan,
    PlanInput,
    function_month,
    instances_for,
    make_plan,
    plan_problem,
    provisioned_month,
    target_per_minute,
)

WANTED = PlanInput(latency=0.25, low=1, mean=5, peak=20, headroom=0.0)
PRICES = {"request": 2e-7, "duration": 1.66667e-5, "provisioned": 4.1667e-6}


def test_the_reference_operators_numbers_come_out_and_can_be_followed() -> None:
    plan = make_plan(WANTED, 0.23)
    # 1 ÷ 0.25 s = 4 a second; × 0.5 × 60 = 120 a minute.
    assert (plan.per_second, plan.target) == (4.0, 120)
    # 20/s are 1,200 a minute: 10 instances of 120; 1/s: 60 a minute, one instance.
    assert (plan.minimum, plan.maximum) == (1, 10)
    # 20/s × 0.25 s = 5 calls at a time.
    assert (plan.reserved, plan.concurrency) == (5, 1)
    assert plan.peak.hosting == pytest.approx(10 * 0.23 * HOURS_PER_MONTH)
    assert plan.low.total == pytest.approx(0.23 * HOURS_PER_MONTH)


def test_headroom_is_room_above_what_is_wanted() -> None:
    plan = make_plan(replace(WANTED, headroom=0.2), 0.23)
    assert (plan.maximum, plan.reserved) == (12, 6)


def test_what_an_instance_does_at_once_counts() -> None:
    assert target_per_minute(0.25, 4) == 480
    assert make_plan(replace(WANTED, at_once=4), 0.23).maximum == 3


def test_the_function_in_front_is_priced_by_calls_and_by_waiting() -> None:
    month = function_month(1.0, 0.25, PRICES, 256)
    calls = 3600 * HOURS_PER_MONTH
    assert month == pytest.approx(calls * 2e-7 + calls * 0.25 * 0.25 * 1.66667e-5)
    assert function_month(1.0, 0.25, None, 256) is None
    assert function_month(1.0, 0.25, None, None) == 0.0
    assert provisioned_month(2, 512, PRICES) == pytest.approx(2 * 0.5 * 3600 * 730 * 4.1667e-6)
    assert provisioned_month(2, 512, None) is None


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    plan = make_plan(WANTED, None)
    assert plan.peak.hosting is None and plan.peak.total is None


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"latency": None}, "No latency is measured"),
        ({"latency": 0.0}, "No latency is measured"),
        ({"latency": math.nan}, "No latency is measured"),
        ({"peak": 0.0, "mean": 0.0, "low": 0.0}, "more than 0"),
        ({"low": 9.0}, "may not be above"),
        ({"mean": 21.0}, "may not be above"),
        ({"peak": math.inf}, "missing"),
        ({"headroom": -0.1}, "below 0 %"),
        ({"at_once": 0}, "at least 1"),
        ({"latency": 31.0}, "no target"),
    ],
)
def test_what_cannot_be_planned_is_said_in_words(changes: dict[str, float], words: str) -> None:
    wanted = replace(WANTED, **changes)
    assert words in plan_problem(wanted)
    with pytest.raises(ValueError, match=words):
        make_plan(wanted, 0.23)


RATES = st.floats(0.01, 500)


@given(
    latency=st.floats(0.001, 20),
    rates=st.lists(RATES, min_size=3, max_size=3).map(sorted),
    headroom=st.floats(0, 2),
    at_once=st.integers(1, 64),
)
def test_every_plan_carries_what_is_wanted(latency: float, rates: list[float], headroom: float, at_once: int) -> None:
    plan: Plan = make_plan(PlanInput(latency, *rates, headroom, at_once), 0.1)
    assert 1 <= plan.minimum <= plan.mean.instances <= plan.maximum
    # At the maximum no instance has more than its target, and the safety factor leaves half of what it can do.
    assert rates[2] * 60 * (1 + headroom) / plan.maximum <= plan.target * (1 + 1e-6)
    assert plan.target / 60 <= plan.per_second / 2 * (1 + 1e-6)
    assert plan.reserved >= rates[2] * latency * (1 - 1e-6)
    assert plan.concurrency * plan.maximum >= plan.reserved
    assert plan.minimum == instances_for(rates[0], plan.target, headroom)
