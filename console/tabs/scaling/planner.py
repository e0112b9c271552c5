"""What stands behind the pages Plan and Replay: the probe of the variant, its plan, and what is applied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from console.context import AppContext
from console.tabs.scaling.commands import SetReserved
from console.tabs.scaling.panel import VariantForm
from console.tabs.scaling.plan_commands import DRAWN_BYTES, ApplyPlan, ProbeLatency
from console.tabs.scaling.plan_page import PlanPage
from workers.scaling.probe import ProbeResult
from workers.scaling.recommendation import recommendation
from workers.scaling.types import FunctionRow, VariantFigures, VariantScaling, VariantSettings

if TYPE_CHECKING:
    from workers.services import Services

_PROBE = "scaling:probe"


class Planner(QObject):
    """The plan of one variant. ``form`` has the waits and what is suspended."""

    def __init__(self, ctx: AppContext, page: PlanPage, form: VariantForm, parent: QObject) -> None:
        super().__init__(parent)
        self._ctx, self._page, self._form = ctx, page, form
        self._found: VariantScaling | None = None
        self._functions: dict[str, FunctionRow] = {}
        # What was measured is not forgotten when another variant is looked at.
        self._probes: dict[str, ProbeResult] = {}
        # From the moment at which it was agreed to, not while it is asked.
        self._probing = False
        page.changed.connect(self.show_plan)
        page.applied.connect(self.apply)
        page.measureWanted.connect(self.measure)
        page.stopWanted.connect(lambda: ctx.tasks.cancel(_PROBE))

    def forget_account(self) -> None:
        """Forget what was measured in the account that was left."""
        self._ctx.tasks.cancel(_PROBE)
        self._probes.clear()
        self.set_functions(())
        self.forget()

    def forget(self) -> None:
        """No variant is chosen."""
        self._found = None
        self._page.forget()

    def set_functions(self, rows: Sequence[FunctionRow]) -> None:
        """The functions that may stand in front."""
        self._page.set_functions(rows)
        self._functions = {row.name: row for row in rows}

    def show(self, found: VariantScaling, figures: VariantFigures) -> None:
        """Plan for this variant, by what was measured of it."""
        self._found = found
        probed = self._probes.get(found.variant.id)
        if probed is not None:
            self._page.show_probe(probed)
        else:
            self._page.show_figures(figures)
        self._page.show_running(self._probing)
        self.show_plan()

    def show_plan(self) -> None:
        """Reckon again."""
        services, found, page = self._ctx.services, self._found, self._page
        if services is None or found is None:
            return
        per_hour = services.scaling.per_hour(found.variant)
        problem = page.problem_of_input()
        if problem:
            page.show_plan(None, problem, per_hour)
        else:
            function = self._functions.get(page.function)
            memory = function.memory_mb if function is not None else None
            plan = services.scaling.plan(page.given(), found.variant, memory)
            waits = self._form.settings
            words = recommendation(plan, found.variant.endpoint, per_hour, waits.out_wait, waits.in_wait)
            page.show_plan(plan, "", per_hour, words)
        self.update()

    def update(self) -> None:
        """What may be pressed now."""
        against = self._ctx.hindrance or ("" if self._found is not None else "Choose a variant")
        unmade = self._page.problem_of_input() or "There is no plan yet"
        self._page.apply_button.hinder(against or ("" if self._page.plan is not None else unmade))
        self._page.measure_button.hinder(against)

    # Actions

    def measure(self) -> None:
        """Ask, then probe the variant."""
        if self._found is not None and not self._ctx.tasks.running(_PROBE):
            self._ctx.with_services(self._measure, self._found, label="Measure the endpoint", key=_PROBE)

    async def _measure(self, services: Services, found: VariantScaling) -> None:
        page, picture = self._page, self._page.picture
        size = await asyncio.to_thread(_size_of, picture)
        command = ProbeLatency(
            found,
            services.scaling.per_hour(found.variant),
            "" if picture is None else str(picture),
            size,
            lambda so_far: self._probed(found, so_far),
            self._begun,
        )
        try:
            outcome = await self._ctx.run(command)
        finally:
            self._probing = False
            page.show_running(False)
        if isinstance(outcome.value, ProbeResult):
            self._probed(found, outcome.value)

    def _begun(self) -> None:
        """It was agreed to: now there is something to stop."""
        self._probing = True
        self._page.show_running(True)

    def _probed(self, found: VariantScaling, result: ProbeResult) -> None:
        self._probes[found.variant.id] = result
        if self._found is not None and self._found.variant.id == found.variant.id:
            self._page.show_probe(result)
            self.show_plan()

    def apply(self) -> None:
        """Ask, then set what the plan says: the variant's limits and target, and the function's reservation."""
        plan, page = self._page.plan, self._page
        if plan is None:
            return
        waits = self._form.settings
        settings = VariantSettings(plan.minimum, plan.maximum, float(plan.target), waits.out_wait, waits.in_wait)
        self.set(settings, SetReserved(page.function, plan.reserved) if page.function else None)

    def set(self, settings: VariantSettings, reserve: SetReserved | None = None) -> None:
        """Ask, then set these limits and this target."""
        services, found = self._ctx.services, self._found
        if found is None or services is None:
            return
        suspended = self._form.suspended
        command = ApplyPlan(found, settings, suspended, services.scaling.per_hour(found.variant), reserve)
        self._ctx.tasks.start(self._set(command, settings), label=command.title, key="scaling:plan")

    async def _set(self, command: ApplyPlan, settings: VariantSettings) -> None:
        if await self._ctx.run(command):
            self._form.set_values(settings, self._form.suspended)


def _size_of(picture: Path | None) -> int:
    try:
        return picture.stat().st_size if picture is not None else DRAWN_BYTES
    except OSError:
        # The probe itself says what is wrong with the file.
        return DRAWN_BYTES
