"""What stands behind the Replay page: the curve's sources, the scaler in small slices, and what is applied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from console.context import NO_ACCOUNT, AppContext
from console.models.format import count
from console.tabs.scaling.planner import Planner
from console.tabs.scaling.replay_page import SIDES, ReplayPage
from workers.scaling.curve import from_points, read_csv
from workers.scaling.plan import SAFETY_FACTOR, Plan
from workers.scaling.replay import Outcome, Rules, each_minute, outcome
from workers.scaling.types import VariantScaling, VariantSettings

if TYPE_CHECKING:
    from workers.services import Services

_REPLAY, _SOURCE = "scaling:replay", "scaling:curve"
_DAY = timedelta(days=1)
# Between two slices of so many minutes, about a millisecond's work, the window is served.
SLICE = 100


class Replayer(QObject):
    """Replays the curve under both plans whenever one of them changes."""

    def __init__(self, ctx: AppContext, page: ReplayPage, planner: Planner, parent: QObject) -> None:
        super().__init__(parent)
        self._ctx, self._page, self._planner = ctx, page, planner
        self._found: VariantScaling | None = None
        self._per_hour: float | None = None
        self._in_force: VariantSettings | None = None
        self._again = False
        self._planned: Plan | None = None
        page.changed.connect(self.replay)
        page.lastDayWanted.connect(self.take_last_day)
        page.fileChosen.connect(self.take_file)
        page.applied.connect(self.apply)

    def forget(self) -> None:
        """No variant is chosen."""
        self._found = self._planned = None
        self._page.forget_plans()

    def forget_account(self) -> None:
        """Forget the curve, too, which may be what was measured in the account that was left."""
        self._ctx.tasks.cancel(_SOURCE)
        self.forget()
        self._page.forget()

    def show(self, found: VariantScaling, settings: VariantSettings, plan: Plan | None) -> None:
        """Compare for this variant: what is in force, and what is planned; what one is changing stays."""
        first, self._found = self._found is None, found
        services = self._ctx.services
        self._per_hour = services.scaling.per_hour(found.variant) if services is not None else None
        page, of_a = self._page, self._page.sides["a"]
        if first or of_a.settings == self._in_force:
            now = "In force now." if found.target is not None else "As the form says: fixed now."
            of_a.set_settings(settings, now)
            self._in_force = settings
        if first:
            page.sides["b"].set_settings(settings, "The same, to be changed.")
            page.common.set_values(
                {"start": max(1, found.variant.desired), "capacity": settings.target / SAFETY_FACTOR}
            )
        if plan is not None and plan != self._planned:
            planned = VariantSettings(
                plan.minimum, plan.maximum, float(plan.target), settings.out_wait, settings.in_wait
            )
            self._page.sides["b"].set_settings(planned, "From the Plan page.")
            self._page.common.set_values({"capacity": round(plan.per_second * 60, 1)})
            self._planned = plan
        self.update()
        self.replay()

    def update(self) -> None:
        """What may be pressed now."""
        unchosen = "" if self._found is not None else "Choose a variant"
        for side in SIDES:
            part = self._page.sides[side]
            wrong = "" if part.settings is not None else "Its limits and target are not whole"
            part.apply_button.hinder(self._ctx.hindrance or unchosen or wrong)
        self._page.day_button.hinder("" if self._ctx.connected and not unchosen else unchosen or NO_ACCOUNT)

    # The curve

    def take_last_day(self) -> None:
        """What CloudWatch measured in the last 24 hours."""
        if self._found is not None:
            self._ctx.with_services(self._last_day, self._found, label="Read the last 24 hours", key=_SOURCE)

    async def _last_day(self, services: Services, found: VariantScaling) -> None:
        figures = await services.scaling.figures.of(found.variant, _DAY)
        curve = from_points(figures.calls)
        if curve is None:
            self._page.say("CloudWatch has counted no calls in the last 24 hours.", "warn")
        else:
            self._page.set_curve(curve, f"CloudWatch: {_length(len(curve.calls))} of {found.variant.id}.")

    def take_file(self, path: Path) -> None:
        """Calls a minute in a file."""
        self._ctx.tasks.start(self._file(path), label=f"Read {path.name}", key=_SOURCE)

    async def _file(self, path: Path) -> None:
        curve = await asyncio.to_thread(read_csv, path)
        self._page.set_curve(curve, f"{path.name}: {_length(len(curve.calls))}.")

    # The replay

    def replay(self) -> None:
        """Reckon, and once more if something changes meanwhile."""
        self.update()
        if self._found is None:
            return
        self._again = True
        if not self._ctx.tasks.running(_REPLAY):
            self._ctx.tasks.start(self._replay(), label="Replay", key=_REPLAY)

    async def _replay(self) -> None:
        while self._again:
            self._again = False
            page, per_hour = self._page, self._per_hour
            curve, start, capacity = page.curve.values, page.start, page.capacity
            results: dict[str, Outcome] = {}
            for side in SIDES:
                rules = page.sides[side].rules
                if rules is not None and capacity is not None and any(curve):
                    results[side] = await _outcome(rules, curve, start, capacity, per_hour)
            if not self._again:
                page.show_outcomes(results)

    def apply(self, side: str) -> None:
        """Ask, then set what this plan says."""
        settings = self._page.sides[side].settings
        if settings is not None:
            self._planner.set(settings)


async def _outcome(
    rules: Rules, curve: Sequence[float], start: int, capacity: float, per_hour: float | None
) -> Outcome:
    minutes = []
    for at, minute in enumerate(each_minute(rules, curve, start), 1):
        minutes.append(minute)
        if at % SLICE == 0:
            await asyncio.sleep(0)
    return outcome(minutes, capacity, per_hour)


def _length(minutes: int) -> str:
    return f"{count(minutes, 'minute')}" if minutes < 120 else f"{minutes / 60:.1f} hours"
