"""The side panel of a function: figures, facts, a role that may too much, versions and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.format import ago, bytes_text, milliseconds, when
from console.tabs.endpoints.functions.rows import FunctionRow, concurrency, cost_text, errors_text
from console.widgets.base import ElidedLabel, label
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import IconLabel
from console.widgets.frames.banner import Banner
from console.widgets.frames.side_panel import SidePanel
from console.widgets.tables.state_chip import StateChip
from console.widgets.text.key_values import KeyValues
from console.widgets.text.policy_diff import PolicyDiff
from workers.access.grants import Narrowing
from workers.errors.tree import SageDeckError
from workers.functions.types import FunctionVersion

if TYPE_CHECKING:
    from workers.services import Services

_KEY = "endpoints:function-detail"
# Lines before "and 3 more"; what runs is among the latest.
VERSIONS_SHOWN = 6
LATEST = "$LATEST"


class FunctionPanel(SidePanel):
    """Signals: ``versionsRead(list names)`` of aliases and versions to test; ``narrowAsked()``."""

    versionsRead = Signal(list)
    narrowAsked = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__("", parent=parent)
        self.ctx = ctx
        self.row: FunctionRow | None = None
        self.versions: tuple[FunctionVersion, ...] = ()
        self.narrowing: Narrowing | None = None
        self._chip = StateChip("Active")
        self.title_row.addWidget(self._chip)
        self.test_button = Button("Test…", small=True)
        self.settings_button = Button("Settings…", small=True)
        self.publish_button = Button("Publish…", small=True)
        self.delete_button = Button("Delete…", "dangerText", small=True)
        for button in (self.test_button, self.settings_button, self.publish_button):
            self.buttons.addWidget(button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.delete_button)
        self._banner = Banner("warn")
        self._banner.hide()
        self._narrow = PolicyDiff(ground="bg")
        self._narrow.hide()
        self._figures, self._facts = KeyValues(), KeyValues(copy=("ARN", "Role"))
        self._list = QWidget()
        self._lines = QVBoxLayout(self._list)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(6)
        self.alias_button = Button("Move alias…", "link", small=True)
        self.add(self._banner)
        self.add(self._narrow)
        self.add(self._figures)
        self.add(self._facts)
        self.section("Versions", self.alias_button)
        self.add(self._list)

    @property
    def name(self) -> str:
        """The function shown."""
        return self.row.name if self.row is not None else ""

    def show_row(self, row: FunctionRow) -> None:
        """Show this function; its versions are read when it is another one or was changed."""
        before = self.row
        self.row = row
        self.set_title(row.name)
        self._chip.set_state(row.state)
        self._show_figures(row)
        if before is None or (before.name, before.function.modified) != (row.name, row.function.modified):
            self.read_versions()
        if before is None or (before.name, before.function.broad) != (row.name, row.function.broad):
            self._show_broad(row)

    def forget(self) -> None:
        """Show no function."""
        self.row = None
        self.ctx.tasks.cancel(_KEY)

    def read_versions(self) -> None:
        """Read the versions and aliases again."""
        if self.row is not None and self.ctx.connected:
            self.versions = ()
            self._show_lines([("wait", "Reading…", "")])
            self.ctx.with_services(
                self._read, self.row.name, label="Read the versions", key=_KEY, on_error=self._versions_failed
            )

    async def _read(self, services: Services, name: str) -> None:
        versions = await services.functions.versions(name)
        if name == self.name:
            self.versions = versions
            self._show_lines([_version_line(version) for version in versions[:VERSIONS_SHOWN]])
            more = len(versions) - VERSIONS_SHOWN
            if more > 0:
                self._lines.addWidget(label(f"and {more} older", "small", "text3"))
            names = [alias for version in versions for alias in version.aliases]
            self.versionsRead.emit([*names, *(version.version for version in versions if version.version != LATEST)])

    def _versions_failed(self, error: BaseException) -> None:
        words = error.title if isinstance(error, SageDeckError) else str(error)
        self._show_lines([("warn", "Not known", words)])

    def _show_figures(self, row: FunctionRow) -> None:
        function = row.function
        calls = function.invocations
        self._figures.set_rows(
            [
                ("Calls, 24 h", f"{calls:,}" if calls is not None else ""),
                ("Errors, 24 h", errors_text(row)),
                ("Median time", milliseconds(function.duration_ms) if function.duration_ms is not None else ""),
                ("Last call", ago(row.last_use) if row.last_use else ""),
                ("Concurrency", concurrency(function)),
                ("Costs now", cost_text(row)),
            ]
        )
        self._facts.set_rows(
            [
                ("ARN", function.arn),
                ("Asks", function.endpoint_name),
                ("Role", function.role),
                ("Runtime", function.runtime),
                ("Handler", function.handler),
                ("Memory", f"{function.memory_mb:,} MB"),
                ("Timeout", f"{function.timeout_s} s"),
                ("Code", bytes_text(function.code_size)),
                ("Changed", when(function.modified) if function.modified else ""),
            ]
        )

    def _show_broad(self, row: FunctionRow) -> None:
        broad = row.function.broad
        self.narrowing = None
        self._narrow.hide()
        self._banner.setVisible(bool(broad))
        if not broad:
            return
        what = "; ".join(f"{grant.policy} {grant.reason}" for grant in broad)
        self._banner.set_content(
            "warn", "Its role may more than it needs", f"{what}.",
            fix=("Narrow…", self.narrowAsked.emit), primary_fix=False,
        )  # fmt: skip
        self.ctx.with_services(self._plan_narrowing, row, label="Find the narrower policy", key=f"{_KEY}:narrow")

    async def _plan_narrowing(self, services: Services, row: FunctionRow) -> None:
        if not row.function.endpoint_name:
            return
        plan = await services.functions.narrower(row.function)
        if row.name == self.name:
            self.narrowing = plan
            # The statements alone: the two lines before and the one after are the same in every policy.
            self._narrow.set_lines(plan.diff[2:-1], whole=True)
            self._narrow.setToolTip("All that this function needs")
            self._narrow.show()

    def _show_lines(self, lines: list[tuple[str, str, str]]) -> None:
        while self._lines.count():
            item = self._lines.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for icon, name, note in lines:
            line = QWidget()
            line.setAccessibleName(f"{name} {note}".strip())
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(8)
            row.addWidget(IconLabel(icon), 0, Qt.AlignmentFlag.AlignVCenter)
            row.addWidget(label(name, "label"))
            row.addWidget(ElidedLabel(note, "small", "text2"), 1)
            self._lines.addWidget(line)


def _version_line(version: FunctionVersion) -> tuple[str, str, str]:
    aliases = ", ".join(version.aliases)
    at = when(version.modified) if version.modified else ""
    return (
        "link" if aliases else "history",
        version.version + (f" ← {aliases}" if aliases else ""),
        ", ".join(part for part in (version.description if version.version != LATEST else "", at) if part),
    )
