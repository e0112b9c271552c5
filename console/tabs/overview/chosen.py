"""What the operator chose for the account in force: its budget and the rules by which something is idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from console.context import AppContext
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.types import Budget, IdleRule, TearDownChoice


class Chosen:
    """Kept in the window's settings by account and region; an edited file with other things in it counts as nothing."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx

    def _key(self, what: str) -> str:
        identity, backend = self._ctx.identity, self._ctx.backend
        return f"{what}:{identity.account if identity else ''}:{backend.region if backend else ''}"

    def _kept(self, what: str) -> dict[str, Any]:
        return self._ctx.settings.value(self._key(what), {})

    # Budget

    @property
    def budget(self) -> Budget | None:
        """What a month may cost; ``None`` when nobody said."""
        kept = self._kept("budget")
        dollars, stop = kept.get("dollars"), kept.get("stop_idle")
        if isinstance(dollars, bool) or not isinstance(dollars, int | float) or dollars < 0:
            return None
        return Budget(float(dollars), stop is True)

    @budget.setter
    def budget(self, budget: Budget | None) -> None:
        kept = {} if budget is None else {"dollars": budget.dollars, "stop_idle": budget.stop_idle}
        self._ctx.settings.set(self._key("budget"), kept)

    # Rules

    @property
    def rules(self) -> tuple[IdleRule, ...]:
        """The rules with the thresholds that were chosen."""
        kept = self._kept("idle_rules")
        return tuple(_with(rule, kept.get(rule.id)) for rule in DEFAULT_RULES)

    @rules.setter
    def rules(self, rules: Sequence[IdleRule]) -> None:
        kept = {
            rule.id: {"value": rule.value, "on": rule.on}
            for rule, given in zip(rules, DEFAULT_RULES, strict=True)
            if rule != given
        }
        self._ctx.settings.set(self._key("idle_rules"), kept)

    # A tear-down under way

    @property
    def unfinished(self) -> TearDownChoice | None:
        """The tear-down that was begun and never ended, because the window was closed."""
        kept = self._kept("tear_down")
        if not kept:
            return None
        return TearDownChoice(kept.get("everything") is True, kept.get("buckets") is True)

    @unfinished.setter
    def unfinished(self, choice: TearDownChoice | None) -> None:
        kept = {} if choice is None else {"everything": choice.everything, "buckets": choice.buckets, "begun": True}
        self._ctx.settings.set(self._key("tear_down"), kept)


def _with(rule: IdleRule, kept: Any) -> IdleRule:
    if not isinstance(kept, dict):
        return rule
    value, on = kept.get("value", rule.value), kept.get("on", rule.on)
    good = not isinstance(value, bool) and isinstance(value, int | float) and rule.least <= value <= rule.most
    return replace(rule, value=float(value) if good else rule.value, on=on is not False)
