"""The Overview tab: figures, cost chart and inventory; at the right what is idle, unsafe, and what happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu

from console.look.theme import theme
from console.models.format import cost, count
from console.tabs.base import Tab
from console.tabs.overview import TAB
from console.tabs.overview.actions import MAKE, entries_for
from console.tabs.overview.asking import Asking
from console.tabs.overview.chosen import Chosen
from console.tabs.overview.cost_panel import CostPanel
from console.tabs.overview.details import DetailsDialog
from console.tabs.overview.events.part import EventsPart
from console.tabs.overview.events.rows import trail_name
from console.tabs.overview.figures import Figures
from console.tabs.overview.idle import IdlePart
from console.tabs.overview.inventory_list import InventoryList
from console.tabs.overview.opening import open_resource
from console.tabs.overview.rows import Row
from console.tabs.overview.security.part import SecurityPart
from console.tabs.overview.side import Side
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.frames.banner import Banner
from console.widgets.tables.table import MenuEntry
from workers.errors.tree import SageDeckError
from workers.inventory.budget import budget_state
from workers.inventory.types import BudgetState, CostFigures, IdleReport, Inventory, Resource

if TYPE_CHECKING:
    from workers.services import Services

# Metrics cost money: what is in sight is looked at closer this often, and no more.
LOOK_SECONDS = 300
# A budget is looked after this often while another tab is in sight.
BUDGET_SECONDS = 600
# After the start, and after another account came: the tab that is looked at reads first.
BUDGET_SOON_SECONDS = 20
_SIDE_WIDTH = 352


log = logging.getLogger(__name__)


class OverviewTab(Tab):
    """What there is, what it costs, what is idle and unsafe; and switching it off."""

    spec = TAB

    def build(self) -> Iterator[None]:
        """The head, the figures, the chart, the list, then the sections at the right."""
        ctx = self.ctx
        self.chosen = Chosen(ctx)
        self._asking = Asking(ctx, self.chosen, self, self.refresh)
        self._costs: CostFigures | None = None
        self._budget: BudgetState | None = None
        self._wanted: tuple[str, str] | None = None
        self._reading: asyncio.Task[Any] | None = None
        self._again = False
        self.more_button = IconButton("dots", "Budget, rules and more", on=self._open_more)
        self.copy_button = Button("Copy table", "ghost", "copy", on=self.copy_table)
        self.tear_down_button = Button("Tear down…", "dangerText", "trash", on=self.tear_down)
        self.refresh_button = Button("Refresh", icon="refresh", on=self.refresh)
        for part in (self.more_button, self.copy_button, self.tear_down_button):
            self.head.add(part)
        self.unfinished = Banner("warn", closable=True)
        self.unfinished.set_content(
            "warn",
            "A tear-down was not finished",
            "What is left of it is still there, and may bill. It goes on where it stopped.",
            fix=("Continue…", self.tear_down),
        )
        self.unfinished.closed.connect(self._give_up)
        self.body.addWidget(self.unfinished)
        self.figures = Figures()
        self.body.addWidget(self.figures)
        yield
        self.cost_panel = CostPanel()
        self.body.addWidget(self.cost_panel)
        yield
        self.list = InventoryList(ctx, self.refresh)
        self.list.set_actions(self._entries)
        self.list.table.set_empty(
            "overview",
            "Nothing here yet",
            "This account has nothing that SageDeck knows of, and nothing bills. Begin with pictures.",
            ("Go to Data", self._go_to_data),
        )
        self.body.addWidget(self.list, 1)
        yield
        self.side = Side(ctx)
        self.set_side(self.side, "Findings", "warn", _SIDE_WIDTH)
        self.head.add(self.refresh_button)
        yield from self.side.build()
        self._look_timer = QTimer(self)
        self._look_timer.setInterval(LOOK_SECONDS * 1000)
        self._look_timer.timeout.connect(self._look_closer)
        self._budget_timer = QTimer(self)
        self._budget_timer.setInterval(BUDGET_SECONDS * 1000)
        self._budget_timer.timeout.connect(self.watch_budget)
        # From the start on, whether or not anybody looks here.
        self._budget_timer.start()
        QTimer.singleShot(BUDGET_SOON_SECONDS * 1000, self, self.watch_budget)
        self._connect()
        self._forget()

    @property
    def idle(self) -> IdlePart:
        """The section of what is idle."""
        part = self.side.part(IdlePart)
        assert isinstance(part, IdlePart)
        return part

    @property
    def security(self) -> SecurityPart:
        """The section of what is unsafe."""
        part = self.side.part(SecurityPart)
        assert isinstance(part, SecurityPart)
        return part

    @property
    def events(self) -> EventsPart:
        """The section of what happened."""
        part = self.side.part(EventsPart)
        assert isinstance(part, EventsPart)
        return part

    def _connect(self) -> None:
        self.list.activated.connect(self._open)
        self.list.sightChanged.connect(self._look_closer)
        self.cost_panel.spanChanged.connect(self._read_history)
        self.idle.allWanted.connect(self._show_idle)
        self.idle.rulesWanted.connect(self.change_rules)
        self.ctx.readOnlyChanged.connect(lambda _: self._update())
        self.ctx.settings.changed.connect(lambda _: self._update())
        self.ctx.pricesChanged.connect(self._prices_changed)

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show it. ``{"resource": (kind, id)}`` chooses one, ``{"show": "idle"}`` narrows the list."""
        if isinstance(payload, dict):
            self._wanted = payload.get("resource")
            if payload.get("show") in ("all", "billing", "idle"):
                self.list.show_only(payload["show"])
        for part in self.side.parts:
            part.set_active(True)
        # It may have been built before there was an account, and told of none since.
        self._say_whose()
        self._look_timer.start()
        self._budget_timer.stop()
        self.refresh()

    def deactivate(self) -> None:
        """Stop reading what costs money; only a budget is still looked after."""
        self._look_timer.stop()
        self._budget_timer.start()
        for part in self.side.parts:
            part.set_active(False)

    def set_narrow(self, narrow: bool) -> None:
        """A narrow window has the rarer buttons in the menu."""
        super().set_narrow(narrow)
        if self.whole:
            self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low window has a low chart."""
        super().resizeEvent(event)
        if self.whole:
            self._place()

    def _place(self) -> None:
        self.copy_button.setVisible(not self.narrow)
        self.tear_down_button.setVisible(not self.narrow)
        self.list.set_narrow(self.narrow)
        self.cost_panel.set_room(self.height())

    def forget_account(self) -> None:
        """Nothing of the account may stay."""
        self._wanted = None
        self._forget()

    def backend_changed(self) -> None:
        """Read what this account has."""
        self._forget()
        super().backend_changed()
        QTimer.singleShot(BUDGET_SOON_SECONDS * 1000, self, self.watch_budget)

    def _forget(self) -> None:
        self._costs = self._budget = self._reading = None
        self._again = False
        self.figures.forget()
        self.cost_panel.forget()
        self.list.forget()
        for part in self.side.parts:
            part.forget()
        self._say_whose()
        self._asking.forget()
        self._update()

    def _say_whose(self) -> None:
        backend = self.ctx.backend
        self.figures.set_pretended(backend is not None and backend.kind == "sandbox")

    def resource_changed(self, kind: str, name: str) -> None:
        """Read again after a change, if anybody looks."""
        if self.active:
            self.refresh()
        for part in self.side.parts:
            part.resource_changed(kind, name)

    # Reading

    def refresh(self) -> None:
        """Read the account again: the list first, then what is reckoned from it."""
        self._update()
        if not self.list.table.model.total:
            self.list.table.set_loading("Listing the account")
        if self._reading is not None and not self._reading.done():
            # A large account takes longer than the pause between two readings: begun anew it would never end.
            self._again = True
            return
        self._again = False
        self._reading = self.with_services(
            self._refresh, label="Read the account", key="list", on_error=self._refresh_failed
        )
        if self._reading is not None:
            self._reading.add_done_callback(self._read_over)
            for part in self.side.parts:
                part.refresh()

    def _read_over(self, task: asyncio.Task[Any]) -> None:
        if task is self._reading and self._again and self.active and not task.cancelled():
            self.refresh()

    def _refresh_failed(self, error: BaseException) -> None:
        fix = self.ctx.notify.fix(error) if isinstance(error, SageDeckError) else None
        self.list.table.set_error(error, fix=fix or ("Try again", self.refresh))
        if self._costs is None:
            self.figures.set_error("could not be read")
            self.cost_panel.set_error("What it cost could not be read.")

    async def _refresh(self, services: Services) -> None:
        inventory = services.inventory
        async for changes in inventory.refresh():
            if changes and self.list.table.state != "error":
                self._show_inventory(inventory.known, done=False)
        self._show_inventory(inventory.known, done=True)
        for read in filter(lambda read: read.whole, inventory.known.kinds):
            self.ctx.notify.keep_only(read.kind, {there.name for there in inventory.known.of(read.kind)})
        await self._read_costs(services)
        await self._history(services)
        await self._read_idle(services)
        self._show_reads(services)
        self.ctx.mark_refreshed()

    async def _read_costs(self, services: Services) -> None:
        try:
            self._costs = await services.inventory.costs()
        except SageDeckError as error:
            if self._costs is None:
                self.figures.set_error(error.title)
            return
        self._show_figures()

    def _show_inventory(self, found: Inventory, *, done: bool) -> None:
        self.list.show_inventory(found, whole=done)
        table = self.list.table
        if not done:
            read = sum(kind.as_of is not None or kind.error is not None for kind in found.kinds)
            table.set_loading(f"Listing the account: {read} of {len(found.kinds)} kinds")
        for part in self.side.parts:
            part.show_inventory(found)
        self._choose_wanted()

    def _choose_wanted(self) -> None:
        if self._wanted is not None and self.list.table.model.position_of(self._wanted) is not None:
            self.list.table.select_keys([self._wanted])
            self._wanted = None

    def _show_figures(self) -> None:
        if self._costs is None:
            return
        budget = self.chosen.budget
        self._budget = budget_state(budget, self._costs) if budget is not None else None
        report = self.idle.report
        self.figures.show_figures(self._costs, len(report.findings) if report is not None else 0, self._budget)

    async def _read_idle(self, services: Services) -> None:
        rules = self.chosen.rules
        try:
            report = await services.inventory.idle(rules)
        except SageDeckError as error:
            self.idle.set_error(error, self.ctx.notify.fix(error) or ("Try again", self.refresh))
            return
        self.idle.show_report(report, rules)
        await self._read_costs(services)
        self.list.show_inventory(services.inventory.known)
        self._show_findings()
        self._asking.keep_budget(self._budget, report)

    def watch_budget(self) -> None:
        """Out of sight: see where the month stands, and what is to be stopped, if there is a budget."""
        if not self.active and self.chosen.budget is not None:
            self.with_services(self._watch_budget, label="Look after the budget", key="budget", on_error=_quietly)

    async def _watch_budget(self, services: Services) -> None:
        await services.inventory.read()
        await self._read_costs(services)
        if self._budget is not None and self._budget.stop_idle:
            # What is idle is told by metrics, which AWS bills: only where something is to be stopped.
            await self._read_idle(services)
        else:
            self._asking.keep_budget(self._budget, IdleReport(()))

    def _show_findings(self) -> None:
        button = self.drawer_buttons()
        number = sum(part.findings for part in self.side.parts)
        if button:
            button[0].setText(f"Findings  {number}" if number else "Findings")

    def _read_history(self) -> None:
        self.with_services(self._history, label="Read what it cost", key="history")

    async def _history(self, services: Services) -> None:
        span = self.cost_panel.span
        try:
            found = await services.inventory.history(span)
        except SageDeckError as error:
            self.cost_panel.set_error(f"{error.title}. {error.message}")
            return
        if span == self.cost_panel.span:
            self.cost_panel.show_history(found)

    def _look_closer(self) -> None:
        """Last uses of what is in sight: metrics, which AWS bills."""
        if self.active and self.ctx.connected and self.list.in_sight():
            self.with_services(self._look, label="Read last uses", key="look")

    async def _look(self, services: Services) -> None:
        try:
            changed = await services.inventory.look_closer(self.list.in_sight())
        except SageDeckError as error:
            # The list is there without it, and says what is wrong with the account.
            self.list.set_foot(f"Last uses could not be read: {error.title}.")
            return
        if changed:
            self.list.show_inventory(services.inventory.known)
        self._show_reads(services)

    def _show_reads(self, services: Services) -> None:
        reads = services.inventory.reads
        an_hour = services.inventory.polling_per_hour(self.list.in_sight(), LOOK_SECONDS)
        so_far = cost(reads.dollars, 4)
        each = f"{cost(an_hour, 4)} an hour" if an_hour else "nothing"
        words = f"Reading last uses of what is in sight costs {each}, {so_far} since connecting."
        pages = count(reads.cost_pages, "page") + " of Cost Explorer, " if reads.cost_pages else ""
        self.list.set_foot(words, f"{count(reads.calls, 'request')}, {pages}{count(reads.metrics, 'metric')}")

    def _prices_changed(self) -> None:
        if self.active:
            self.refresh()

    # What can be done

    def _update(self) -> None:
        against = self.ctx.hindrance or ("It is under way" if self._asking.tearing_down else "")
        self.tear_down_button.hinder(against)
        self.unfinished.setVisible(not against and self.chosen.unfinished is not None)

    def _give_up(self) -> None:
        self.chosen.unfinished = None

    def _open(self, row: Row) -> None:
        if row.read is not None and row.read.error is not None:
            self.ctx.notify.error(row.read.error)
        elif row.resource is not None and not open_resource(self.ctx, row.resource):
            self._details(row.resource)

    def _details(self, resource: Resource) -> None:
        dialog = DetailsDialog(resource, self.list.clock, parent=self)
        self.start(dialog.ask(), label="Details", key="details")

    def _entries(self, resources: Sequence[Resource]) -> Sequence[MenuEntry]:
        entries: list[MenuEntry] = []
        if len(resources) == 1:
            resource = resources[0]
            if resource.place.tab:
                entries.append(("Open", "right", lambda: open_resource(self.ctx, resource)))
            entries.append(("Details…", "info", lambda: self._details(resource)))
            entries.append(("Events…", "history", lambda: self.events.show_events(trail_name(resource))))
        if self.ctx.read_only:
            return entries
        keys = {resource.key for resource in resources}
        report = self.idle.report
        found = [finding for finding in report.findings if finding.resource.key in keys] if report is not None else []
        entries += self._asking.settle_entries(found)
        # What the rules offer for idle rows is not offered twice.
        offered = {entry[0] for entry in entries if entry is not None}
        entries += [entry for entry in entries_for(self.ctx, resources) if entry is None or entry[0] not in offered]
        entries.append(("Delete…", "trash", lambda: self.delete(resources)))
        return entries

    def _open_more(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, icon, act in self.more_entries():
            menu.addAction(theme().icon(icon), text).triggered.connect(lambda _=False, act=act: act())
        menu.popup(self.more_button.menu_position())

    def more_entries(self) -> list[tuple[str, str, Callable[[], object]]]:
        """What the menu of the head offers: ``(text, icon, callable)``."""
        entries: list[tuple[str, str, Callable[[], object]]] = []
        if not self.ctx.read_only:
            entries += [(text, icon, partial(make, self.ctx, self)) for text, icon, make in MAKE]
        entries += [("Budget…", "coin", self.set_budget), ("Idle rules…", "idle", self.change_rules)]
        entries.append(("What AWS has billed…", "cloud", self.show_billed))
        if self.narrow:
            entries.append(("Copy table", "copy", self.copy_table))
            if self.tear_down_button.isEnabled():
                entries.append(("Tear down…", "trash", self.tear_down))
        return entries

    def copy_table(self) -> None:
        """Copy the rows shown."""
        number = self.list.copy()
        self.ctx.notify.success(f"{count(number, 'row')} copied", "As a table, for a spreadsheet.")

    def delete(self, resources: Sequence[Resource]) -> None:
        """Ask, then delete these."""
        self.start(self._asking.delete(resources), label="Delete", key="ask")

    def tear_down(self) -> None:
        """Open the dialog that takes everything down."""
        self.start(self._asking.tear_down(self.chosen.unfinished), label="Tear down", key="ask")

    def change_rules(self) -> None:
        """Open the rules by which something is idle."""
        self.start(self._asking.rules(), label="Idle rules", key="ask")

    def show_billed(self) -> None:
        """Open what AWS itself says; asking costs, so it is asked for there."""
        self.start(self._asking.billed(), label="Billed", key="ask")

    def set_budget(self) -> None:
        """Open what a month may cost."""
        self.start(self._asking.budget(self._costs), label="Budget", key="ask")

    def _show_idle(self) -> None:
        self.list.show_only("idle")
        self.list.table.setFocus()

    def _go_to_data(self) -> None:
        self.ctx.navigate("data")


def _quietly(error: BaseException) -> None:
    # The tabs say what is wrong with the account; nobody looks at this one.
    log.info("the budget could not be looked after: %s", error)
