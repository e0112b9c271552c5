"""Where a month stands against its budget. Pure arithmetic."""

from __future__ import annotations

from workers.inventory.types import Budget, BudgetState, CostFigures
from workers.prices.words import dollars

# Of the budget: at an even pace six days of the month are left to act.
WARNING = 0.8


def budget_state(budget: Budget, figures: CostFigures) -> BudgetState:
    """The state of the month: warned from 80 % of the budget on, over from 100 % on.

    Figures are list prices and at least so much (``CostFigures.missing``). A budget of 0 dollars is over with the first
    cent.
    """
    if figures.month is None:
        return BudgetState("unknown", None, None, "What this month has cost is not known.")
    share = _share(figures.month, budget.dollars)
    end = None if figures.month_end is None else _share(figures.month_end, budget.dollars)
    spent = f"{dollars(figures.month)} of {dollars(budget.dollars)}"
    if share >= 1:
        words = f"The month's budget is used up: {spent}."
        return BudgetState("over", share, end, words, stop_idle=budget.stop_idle)
    if share >= WARNING:
        return BudgetState("warning", share, end, f"{share * 100:.0f} % of the month's budget are used: {spent}.")
    if end is not None and end >= 1:
        words = f"{spent}; at this pace the month ends at {dollars(figures.month_end or 0.0)}."
        return BudgetState("ok", share, end, words)
    return BudgetState("ok", share, end, f"{spent} of this month's budget.")


def _share(dollars: float, budget: float) -> float:
    if budget > 0:
        return dollars / budget
    return 1.0 if dollars > 0 else 0.0
