"""A month against its budget."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.inventory.budget import budget_state
from workers.inventory.types import Budget, CostFigures

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def figures(month, end=None):
    return CostFigures(NOW, 1.0, 1.0, month, end)


@pytest.mark.parametrize(
    "month, end, level, stop",
    [
        (79.99, 90.0, "ok", False),
        (80.0, 90.0, "warning", False),
        (99.99, 150.0, "warning", False),
        (100.0, 150.0, "over", True),
        (None, None, "unknown", False),
    ],
)
def test_levels(month, end, level, stop):
    state = budget_state(Budget(100, stop_idle=True), figures(month, end))
    assert (state.level, state.stop_idle) == (level, stop)


def test_what_is_idle_is_stopped_only_if_that_was_chosen():
    assert budget_state(Budget(100), figures(500.0)).stop_idle is False


def test_the_pace_is_told_before_the_money_is_gone():
    assert "ends at $150.00" in budget_state(Budget(100), figures(50.0, 150.0)).words


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_more_spent_is_never_a_milder_level(first, other):
    order = ["ok", "warning", "over"]
    low, high = (order.index(budget_state(Budget(1000.0), figures(spent)).level) for spent in sorted((first, other)))
    assert low <= high


@pytest.mark.parametrize("month, level", [(0.0, "ok"), (0.01, "over")])
def test_a_budget_of_nothing(month, level):
    assert budget_state(Budget(0.0), figures(month)).level == level
