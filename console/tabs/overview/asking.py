"""What the Overview asks before it changes something, and what it then does; knows neither list nor chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.models.format import count
from console.tabs.overview.billed_dialog import BilledDialog
from console.tabs.overview.choices import BudgetDialog, RulesDialog
from console.tabs.overview.chosen import Chosen
from console.tabs.overview.commands import VERBS, Settle
from console.tabs.overview.tear_down_dialog import TearDownDialog
from console.widgets.tables.table import MenuEntry
from workers.inventory.types import BudgetState, CostFigures, IdleFinding, IdleReport, Resource, TearDownChoice

# What the operator may have done without being asked again: nothing that deletes.
_UNASKED = ("park", "stop")


class Asking:
    """The dialogs of the tab ``over``; ``changed`` is called when something was chosen that is reckoned with."""

    def __init__(self, ctx: AppContext, chosen: Chosen, over: QWidget, changed: Callable[[], None]) -> None:
        self._ctx, self._chosen, self._over, self._changed = ctx, chosen, over, changed
        self._warned = ""
        self._taking: TearDownDialog | None = None
        self._stopped: set[tuple[str, ...]] = set()

    def forget(self) -> None:
        """The account was left."""
        self._warned = ""
        self._stopped.clear()

    # Choices

    async def rules(self) -> None:
        """Ask by which rules something is idle."""
        dialog = RulesDialog(self._chosen.rules, self._over.window())
        if await dialog.ask():
            self._chosen.rules = dialog.rules()
            self._changed()

    async def budget(self, figures: CostFigures | None) -> None:
        """Ask what a month may cost."""
        dialog = BudgetDialog(self._chosen.budget, figures, self._over.window())
        if await dialog.ask():
            self._chosen.budget = dialog.budget()
            self.forget()
            self._changed()

    async def billed(self) -> None:
        """Show what AWS has billed, once it was asked for."""
        await BilledDialog(self._ctx, self._over.window()).ask()

    # Taking down

    async def delete(self, resources: Sequence[Resource]) -> None:
        """Show what deleting these takes along, ask, delete."""
        await TearDownDialog(self._ctx, resources, parent=self._over.window()).ask()
        self._changed()

    @property
    def tearing_down(self) -> bool:
        """True while the account is taken down, with or without its dialog."""
        return self._taking is not None and self._taking.running

    async def tear_down(self, choice: TearDownChoice | None = None) -> None:
        """Show all that would go, ask, take it down, prove it."""
        self._taking = TearDownDialog(self._ctx, (), choice, self._chosen, parent=self._over.window())
        await self._taking.ask()
        self._changed()

    # What is idle

    def settle_entries(self, findings: Sequence[IdleFinding]) -> list[MenuEntry]:
        """What the menu offers for idle rows: an entry for each action."""
        by_action: dict[str, list[IdleFinding]] = {}
        for finding in findings:
            by_action.setdefault(finding.action, []).append(finding)
        return [
            (f"{VERBS[found[0].action]}…", Settle(found).icon, self._settling(found)) for found in by_action.values()
        ]

    def keep_budget(self, state: BudgetState | None, report: IdleReport) -> None:
        """Warn once when the budget is nearly, or wholly, used; stop what is idle where that was chosen."""
        if state is None or state.level not in ("warning", "over"):
            return
        if state.level != self._warned:
            self._warned = state.level
            title = "The budget is used up" if state.level == "over" else "The budget is nearly used up"
            self._ctx.notify.warn(title, state.words, action=("Show", self._show))
        if not state.stop_idle or self._ctx.read_only:
            return
        found = [
            finding for finding in report.findings if finding.action in _UNASKED and finding.key not in self._stopped
        ]
        for action in _UNASKED:
            same = [finding for finding in found if finding.action == action]
            if same:
                # Once: what refuses to stop is not asked again every half minute.
                self._stopped.update(finding.key for finding in same)
                self._ctx.notify.warn("The budget is used up", f"{count(len(same), 'idle thing')}: {action}.")
                self._ctx.start(Settle(same, self._chosen.rules, agreed=True))

    def _settling(self, findings: Sequence[IdleFinding]) -> Callable[[], object]:
        return lambda: self._ctx.start(Settle(findings, self._chosen.rules))

    def _show(self) -> None:
        self._ctx.navigate("overview", {"show": "idle"})
