"""The functions part of the Endpoints tab: the list, the refusal, the test and the last calls of the chosen one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.format import count
from console.tabs.endpoints.functions.actions import FunctionActions
from console.tabs.endpoints.functions.calls import COLUMNS as CALL_COLUMNS
from console.tabs.endpoints.functions.calls import CallRow, rows_of
from console.tabs.endpoints.functions.denial import DenialPanel
from console.tabs.endpoints.functions.log import FunctionLog
from console.tabs.endpoints.functions.panel import FunctionPanel
from console.tabs.endpoints.functions.rows import COLUMNS, FunctionRow, still_asked, with_figures
from console.tabs.endpoints.functions.test_panel import TestPanel
from console.widgets.base import ElidedLabel, at_once, label
from console.widgets.forms.buttons import Button
from console.widgets.forms.focus import give
from console.widgets.tables.table import ResourceTable
from workers.access.grants import Grant
from workers.errors.tree import SageDeckError
from workers.functions.calls import FunctionCall, refused_in_a_row
from workers.functions.costs import function_per_hour
from workers.functions.types import Function

if TYPE_CHECKING:
    from workers.services import Services

# Rows before the list scrolls.
MOST_CALLS_SHOWN = 12
# Requests for details at a time, of the session's connections; the others stay free for what is clicked.
_CONCURRENT = 4
# Functions of which figures are asked for: GetMetricData bills each of them.
MOST_WATCHED = 40
# Answers come one by one; the list is drawn once for those of three frames.
_PAINT_MS = 50
_LIST_KEY = "endpoints:functions"


class FunctionsPart(QWidget):
    """Signals: ``changed()`` after rows changed, ``chosen(bool)`` when a function was chosen, or none any more,
    ``sight(part)`` when a part of the page should be scrolled into sight."""

    changed = Signal()
    chosen = Signal(bool)
    sight = Signal(QWidget)

    def __init__(self, ctx: AppContext, parent: QWidget | None = None, *, whole: bool = True) -> None:
        super().__init__(parent)
        self.ctx = ctx
        if whole:
            at_once(self.build())

    def build(self) -> Iterator[None]:
        """Put it together in pieces, for ``whole=False``."""
        ctx = self.ctx
        self.rows: dict[str, FunctionRow] = {}
        self._wanted = ""
        self._refused_here: dict[str, FunctionCall] = {}
        self._dismissed: set[tuple[str, str]] = set()
        self._wider: dict[str, int] = {}
        self._uses: dict[str, tuple[Any, ...]] = {}
        self._endpoints: frozenset[str] | None = None
        self._parked: frozenset[str] = frozenset()
        self._gate = asyncio.Semaphore(_CONCURRENT)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAINT_MS)
        self._soon.timeout.connect(self._show)
        self.function_actions = FunctionActions(ctx, self)
        self.panel = FunctionPanel(ctx)
        self._count = label("", "body", "text2")
        self.log_button = Button("View log", "ghost", "terminal", small=True, on=self._toggle_log)
        self.code_button = Button("Deploy code…", "ghost", "upload", small=True, on=self.function_actions.update_code)
        yield
        self.table = ResourceTable(COLUMNS, key="name", name="Functions", noun="functions", sort=("name", "asc"))
        self.table.set_empty(
            "lambda",
            "No functions yet",
            "A function checks pictures before it asks an endpoint, and may do nothing else.",
            ("New function…", self.function_actions.create),
        )
        self.table.fit_rows()
        self.table.remember(ctx.settings, "functions")
        self.table.link_of = lambda row: ("function", row.name)
        yield
        self.denial = DenialPanel()
        self.test = TestPanel(ctx)
        self.log = FunctionLog(ctx)
        yield
        self._calls_title = ElidedLabel("", "section", middle=True)
        self.calls = ResourceTable(
            CALL_COLUMNS, key=_call_key, name="Recent calls", noun="calls", sort=("at", "desc"), row_pixels=28
        )
        self.calls.set_empty("history", "No calls yet", "Test the function, or call it from your program.")
        self.calls.fit_rows(MOST_CALLS_SHOWN)
        self.calls.remember(ctx.settings, "calls")
        yield
        self._lay_out()
        self._connect()
        self._show_parts()

    def _lay_out(self) -> None:
        for button in (self.log_button, self.code_button):
            policy = button.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(label("Functions", "section"))
        head.addWidget(self._count, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addStretch(1)
        head.addWidget(self.log_button)
        head.addWidget(self.code_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.table)
        column.addWidget(self.denial)
        column.addWidget(self.test)
        column.addWidget(self.log)
        column.addWidget(self._calls_title)
        column.addWidget(self.calls)
        column.addStretch(1)

    def _connect(self) -> None:
        self.table.set_actions(self._menu)
        self.table.selectionChanged.connect(self._row_chosen)
        self.denial.granted.connect(self.function_actions.grant)
        self.denial.dismissed.connect(self._denial_dismissed)
        self.test.asked.connect(self.function_actions.test)
        self.test.closed.connect(self.test.hide)
        self.panel.test_button.clicked.connect(self.open_test)
        self.panel.settings_button.clicked.connect(self.function_actions.settings)
        self.panel.publish_button.clicked.connect(self.function_actions.publish)
        self.panel.alias_button.clicked.connect(self.function_actions.move_alias)
        self.panel.delete_button.clicked.connect(self.function_actions.delete)
        self.panel.narrowAsked.connect(self.function_actions.narrow)
        self.panel.versionsRead.connect(self._versions_read)
        self.ctx.readOnlyChanged.connect(lambda _: self._update_buttons())

    # What the tab asks

    def current(self) -> FunctionRow | None:
        """The function chosen."""
        row: FunctionRow | None = self.table.current_row()
        return row

    def set_endpoints(self, names: Collection[str], parked: Collection[str] = ()) -> None:
        """These endpoints there are, and these are parked: of a function it is told when its own is not there."""
        if (frozenset(names), frozenset(parked)) != (self._endpoints, self._parked):
            self._endpoints, self._parked = frozenset(names), frozenset(parked)
            if self.rows:
                self._soon.start()

    def choose(self, name: str) -> None:
        """Choose this function, now or when it is listed."""
        self._wanted = name
        self._choose_wanted()

    def clear_choice(self) -> None:
        """Choose none."""
        self.table.select_keys([])

    def forget(self) -> None:
        """Another account is in force."""
        self.rows.clear()
        self._refused_here.clear()
        self._dismissed.clear()
        self._uses.clear()
        self._endpoints, self._parked = None, frozenset()
        self._soon.stop()
        self.table.set_rows([])
        self.table.set_loading("Reading the functions")
        self.test.hide()
        self.log.close_log()
        self.denial.clear()
        self.panel.forget()
        self._show_parts()

    def refresh(self) -> None:
        """Read the functions, their figures and their last calls again."""
        if not self.ctx.connected:
            return
        if not self.rows:
            self.table.set_loading("Reading the functions")
        self.ctx.with_services(self._refresh, label="Read the functions", key=_LIST_KEY, on_error=self.table.set_error)

    def open_test(self) -> None:
        """Open the test of the chosen function."""
        row = self.current()
        if row is not None:
            self.test.show_function(row.name, self._qualifiers())
            give(self.test.editor)
            self.sight.emit(self.test)

    @property
    def denied(self) -> int:
        """How many functions are refused at present."""
        return sum(bool(row.refused) for row in self.rows.values())

    # Rows

    async def _refresh(self, services: Services) -> None:
        found = [function async for function in services.functions.list_all()]
        self.rows = {function.name: self._merged(function) for function in found}
        self._show()
        watched = await services.functions.measured(self._watched(found))
        for function in watched:
            self._put(services, function)
        self._show()
        await asyncio.gather(*(self._read_on(services, function) for function in watched))
        self._show()

    def _merged(self, function: Function) -> FunctionRow:
        known = self.rows.get(function.name)
        return replace(known, function=with_figures(function, known.function)) if known else FunctionRow(function)

    def _watched(self, functions: list[Function]) -> list[Function]:
        """Whose figures are read: AWS bills for them. Functions that ask an endpoint, and some others."""
        current = self.current()
        asking = [
            function
            for function in functions
            if function.endpoint_name or (current is not None and function.name == current.name)
        ]
        others = [function for function in functions if function not in asking]
        return [*asking, *others[: max(0, MOST_WATCHED - len(asking))]]

    def _put(self, services: Services, function: Function) -> None:
        known = self.rows.get(function.name)
        if known is not None:
            function = replace(
                function,
                reserved_concurrency=known.function.reserved_concurrency,
                provisioned=known.function.provisioned,
                broad=known.function.broad,
            )
            price = function_per_hour(services.prices, function, services.region)
            self.rows[function.name] = replace(known, function=function, per_hour=price)

    async def _read_on(self, services: Services, function: Function) -> None:
        """What changes seldom, from time to time; the last calls of one that was called since, or is looked at."""
        row, current = self.rows.get(function.name), self.current()
        if row is None:
            return
        chosen = current is not None and current.name == function.name
        use = (function.invocations, function.errors, function.last_invocation)
        wanted = chosen or bool(row.refused) or row.calls is None or self._uses.get(function.name) != use
        try:
            async with self._gate:
                detailed = await services.functions.detailed(function, fresh=chosen)
                if wanted:
                    await self._take(services, detailed)
                    self._uses[function.name] = use
                else:
                    self._set_row(services, replace(row, function=detailed))
        except SageDeckError:
            # The list is worth showing without figures.
            return
        self._soon.start()

    async def read_one(self, services: Services, name: str) -> None:
        """Read one function's figures, calls and what would end its refusal now."""
        if name not in self.rows:
            return
        try:
            async with self._gate:
                await self._take(services, await services.functions.describe(name))
        except SageDeckError:
            return
        self._show()

    async def _take(self, services: Services, function: Function) -> None:
        calls = await services.functions.calls(function.name)
        refused = refused_in_a_row(calls) or [call for call in (self._refused_here.get(function.name),) if call]
        refused = [call for call in refused if still_asked(call, function)]
        grant = await self._grant_for(services, refused)
        if grant is None:
            # Granted since: the next call will tell.
            refused = []
        self._set_row(services, FunctionRow(function, calls, tuple(refused), grant))

    def _set_row(self, services: Services, row: FunctionRow) -> None:
        if row.name in self.rows:
            price = function_per_hour(services.prices, row.function, services.region)
            self.rows[row.name] = replace(row, per_hour=price)

    async def _grant_for(self, services: Services, refused: list[FunctionCall]) -> Grant | None:
        denial = refused[0].denial if refused else None
        if denial is None:
            return None
        service = denial.action.split(":")[0]
        if service not in self._wider:
            self._wider[service] = await services.grants.full_access_actions(denial.action)
        return await services.grants.propose(denial)

    def note_test(self, name: str, refused: FunctionCall | None) -> None:
        """Remember how a test went, for functions whose log cannot be read."""
        if refused is None:
            self._refused_here.pop(name, None)
        else:
            self._refused_here[name] = refused
            self._dismissed.clear()

    def forget_refusal(self, name: str) -> None:
        """A grant was made: show the function as healthy until a call says otherwise."""
        self._refused_here.pop(name, None)
        if name in self.rows:
            self.rows[name] = replace(self.rows[name], refused=(), grant=None)
            self._show()

    # What is shown

    def _show(self) -> None:
        for name, known in self.rows.items():
            asked = known.function.endpoint_name
            orphan = bool(asked) and self._endpoints is not None and asked not in self._endpoints
            asleep = asked in self._parked
            if (orphan, asleep) != (known.orphan, known.asleep):
                self.rows[name] = replace(known, orphan=orphan, asleep=asleep)
        self.table.set_rows(list(self.rows.values()))
        self._count.setText(f"{len(self.rows):,}" if self.rows else "")
        self._choose_wanted()
        row = self.current()
        if row is not None:
            self.panel.show_row(row)
        self._show_denial()
        self._show_calls()
        self._show_parts()
        self._update_buttons()
        self.changed.emit()

    def _choose_wanted(self) -> None:
        if self._wanted in self.rows:
            wanted, self._wanted = self._wanted, ""
            self.table.select_keys([wanted])

    def _shown(self) -> FunctionRow | None:
        """The function that the parts below the list are about: the chosen one, else one that is refused."""
        return self.current() or next((row for row in self.rows.values() if row.refused), None)

    def _show_denial(self) -> None:
        row = self._shown()
        if row is None or not row.refused or row.grant is None or _key(row) in self._dismissed:
            self.denial.clear()
            return
        since = row.refused[-1].at.astimezone()
        times = f"{count(len(row.refused), 'call')} refused since {since:%H:%M:%S}."
        wider = self._wider.get(row.grant.denial.action.split(":")[0], 0)
        request = row.refused[0].denied_request_id or row.refused[0].request_id
        self.denial.show_grant(row.grant, row.name, row.grant.allowed_already, times, request, wider)

    def _show_calls(self) -> None:
        row = self._shown()
        if row is not None and row.calls is not None:
            self._calls_title.setText(f"Recent calls of {row.name}")
            self.calls.set_rows(rows_of(row.calls, row.function.endpoint_name))

    def _show_parts(self) -> None:
        row = self._shown()
        for part in (self._calls_title, self.calls):
            part.setVisible(row is not None and row.calls is not None)
        chosen = self.current() is not None
        self.log_button.setVisible(chosen)
        self.code_button.setVisible(chosen)

    def _update_buttons(self) -> None:
        for button in (
            self.code_button, self.denial.grant_button, self.panel.settings_button, self.panel.publish_button,
            self.panel.alias_button, self.panel.delete_button,
        ):  # fmt: skip
            button.hinder(self.ctx.hindrance)

    def _row_chosen(self) -> None:
        row = self.current()
        if row is not None:
            self.panel.show_row(row)
            if not self.test.isHidden() and self.test.function != row.name:
                self.test.hide()
            self.log.follow_function(row.name if not self.log.isHidden() else "")
        else:
            self.panel.forget()
            self.test.hide()
            self.log.close_log()
        self._show_denial()
        self._show_calls()
        self._show_parts()
        self.chosen.emit(row is not None)

    def _denial_dismissed(self) -> None:
        row = self._shown()
        if row is not None:
            self._dismissed.add(_key(row))

    def _versions_read(self, names: list[str]) -> None:
        if not self.test.isHidden():
            self.test.show_function(self.test.function, names)

    def _qualifiers(self) -> list[str]:
        versions = self.panel.versions
        aliases = [alias for version in versions for alias in version.aliases]
        return [*aliases, *(version.version for version in versions if version.version != "$LATEST")]

    def _toggle_log(self) -> None:
        row = self.current()
        if row is not None and self.log.isHidden():
            self.log.follow_function(row.name)
        else:
            self.log.close_log()

    def _menu(self, rows: list[FunctionRow]) -> list[Any]:
        if len(rows) != 1:
            return []
        entries: list[Any] = [("Test…", "play", self.open_test)]
        if not self.ctx.read_only:
            entries += [
                ("Settings…", "settings", self.function_actions.settings),
                ("Deploy code…", "upload", self.function_actions.update_code),
                ("Publish a version…", "history", self.function_actions.publish),
                ("Delete…", "trash", self.function_actions.delete),
            ]
        return entries

    def resource_changed(self, kind: str, name: str) -> None:
        """Read again after a function changed."""
        if kind == "function":
            if name == self.panel.name:
                self.panel.read_versions()
            self.refresh()


def _call_key(row: CallRow) -> str:
    return f"{row.call.request_id} {row.call.at.timestamp()}"


def _key(row: FunctionRow) -> tuple[str, str]:
    denial = row.refused[0].denial if row.refused else None
    return row.name, denial.resource if denial is not None else ""
