"""The inventory: every resource of the account in one list, narrowed by words, kind, and what bills or is idle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.links import name_in_link
from console.models.columns import Column
from console.models.table import tsv
from console.tabs.overview.rows import ICONS, Clock, Row, columns, searched
from console.widgets.base import ElidedLabel, label
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.segmented import Segmented
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import MenuEntry, ResourceTable
from workers.inventory.types import KINDS, Inventory, Kind, KindRead, Resource

ALL = ""
# So long after the last scroll what is in sight is looked at closer: it costs money, and nobody reads while scrolling.
SETTLE_MS = 600


class InventoryList(QWidget):
    """``again`` reads the account once more.

    Signals: ``activated(Row)`` on double click or Return; ``sightChanged()``: other rows are in sight.
    """

    activated = Signal(object)
    sightChanged = Signal()

    def __init__(self, ctx: AppContext, again: Callable[[], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx, self._again = ctx, again
        self.clock = Clock()
        self._actions: Callable[[list[Resource]], Sequence[MenuEntry]] | None = None
        self._count = label("", "body", "text3")
        self.search = SearchField("Filter", chars=12)
        self.kinds = ComboBox([(ALL, "All kinds")], ALL, name="Kind", small=True)
        self.views = Segmented(
            [("all", "All"), ("billing", "Billing"), ("idle", "Idle")], "all", name="Shown", small=True
        )
        self.table = ResourceTable(
            self.columns(),
            key="key",
            name="Inventory",
            noun="resources",
            sort=("per_hour", "desc"),
            also_searched=searched,
        )
        self.table.remember(ctx.settings, "inventory")
        self.table.link_of = _link_of
        self.table.set_actions(self._menu)
        self._foot = ElidedLabel("", "caption", "text3")
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._lay_out()
        self._connect()

    def columns(self) -> list[Column]:
        """The columns of the list."""
        return columns(self.clock)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(label("Inventory", "section"))
        head.addWidget(self._count)
        head.addStretch(1)
        for part in (self.search, self.kinds, self.views):
            head.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addWidget(self._foot)

    def _connect(self) -> None:
        self.table.search_by(self.search, clears=False)
        self.table.narrowing = self._narrowed, self._narrow_as
        self.table.filterCleared.connect(self._cleared)
        self.table.activated.connect(self.activated)
        self.kinds.chosen.connect(lambda _: self._narrow())
        self.views.changed.connect(lambda _: self._narrow())
        self.table.model.countsChanged.connect(self._show_count)
        self._settle.timeout.connect(self.sightChanged)
        self.table.view.verticalScrollBar().valueChanged.connect(lambda _: self._settle.start())
        self.table.model.applied.connect(self._settle.start)

    def set_narrow(self, narrow: bool) -> None:
        """A narrow window has no room for the kinds; the filter finds them by their names."""
        self.kinds.setVisible(not narrow)

    # Rows

    def show_inventory(self, found: Inventory, *, whole: bool = True) -> None:
        """Show what is known: rows that are as they were are not touched. ``whole``: every kind was asked for."""
        self.clock.set(found.clock_off)
        rows = [Row(read=kind) for kind in found.unread]
        rows += [Row(resource) for resource in found.resources]
        present = {row.kind for row in rows}
        self.kinds.set_items(
            [
                (ALL, "All kinds"),
                *((kind, words.many, ICONS[kind]) for kind, words in KINDS.items() if kind in present),
            ],
            self.kinds.value() if self.kinds.value() in present else ALL,
        )
        self.table.set_rows(rows)
        # Ages grow without any row having changed.
        self.table.view.viewport().update()
        self._show_count()
        if whole and found.kinds and len(found.unread) == len(found.kinds):
            self._show_refused(found.unread[0])

    def _show_refused(self, read: KindRead) -> None:
        error = read.error
        assert error is not None
        sentence = " ".join(part for part in (error.message, error.hint) if part)
        fix = self._ctx.notify.fix(error) or ("Try again", self._again)
        self.table.set_error("Nothing of this account may be listed", sentence, fix=fix)

    def forget(self) -> None:
        """The account was left."""
        self._settle.stop()
        self.kinds.set_items([(ALL, "All kinds")], ALL)
        self.table.set_rows([])
        self.table.set_loading("Listing the account")
        self.set_foot("")
        self._count.setText("")

    def set_foot(self, text: str, tip: str = "") -> None:
        """What reading it costs, below the list."""
        self._foot.setText(text)
        self._foot.setAccessibleDescription(tip)

    def in_sight(self) -> list[tuple[Kind, str]]:
        """The keys of the resources whose rows are in sight."""
        view, model = self.table.view, self.table.model
        if not model.rowCount() or self.table.state != "rows":
            return []
        first = max(0, view.rowAt(0))
        last = view.rowAt(view.viewport().height() - 1)
        last = model.rowCount() - 1 if last < 0 else last
        rows = [model.row_at(at) for at in range(first, last + 1)]
        return [row.resource.key for row in rows if row.resource is not None]

    def resources(self) -> list[Resource]:
        """The resources whose rows are selected."""
        return [row.resource for row in self.table.selected_rows() if row.resource is not None]

    def show_only(self, view: str) -> None:
        """Show all, what bills, or what is idle, of every kind."""
        self.search.clear()
        self.kinds.set_value(ALL)
        self.views.set_current(view)

    def copy(self) -> int:
        """Copy the rows shown, as a spreadsheet takes them; how many they are."""
        rows = self.table.model.visible_rows()
        QApplication.clipboard().setText(tsv(self.table.model.columns, rows))
        return len(rows)

    # Narrowing

    def _narrow(self) -> None:
        kind, view = self.kinds.value() or ALL, self.views.current
        if kind == ALL and view == "all":
            self.table.set_predicate(None)
            return

        def shown(row: Row) -> bool:
            if kind != ALL and row.kind != kind:
                return False
            # What could not be read may bill, and may be idle.
            if view == "all" or row.resource is None:
                return True
            return row.idle if view == "idle" else row.resource.bills is not False

        self.table.set_predicate(shown)

    def _narrowed(self) -> dict[str, Any]:
        return {"kind": self.kinds.value() or ALL, "shown": self.views.current}

    def _narrow_as(self, kept: dict[str, Any]) -> None:
        """Take kind and view of a saved view; a kind that is not here now shows all."""
        kind = kept.get("kind")
        self.kinds.set_value(kind if self.kinds.findData(kind) >= 0 else ALL)
        shown = kept.get("shown")
        self.views.set_current(shown if shown in ("all", "billing", "idle") else "all")
        self._narrow()

    def _cleared(self) -> None:
        self.search.clear()
        self.kinds.set_value(ALL)
        self.views.set_current("all")

    def _show_count(self) -> None:
        model = self.table.model
        resources = [row for row in model.rows() if row.resource is not None]
        total = len(resources)
        shown = total if not model.hidden else sum(row.resource is not None for row in model.visible_rows())
        self._count.setText(f"{total:,}" if shown == total else f"{shown:,} of {total:,}")

    # Menu

    def set_actions(self, actions: Callable[[list[Resource]], Sequence[MenuEntry]]) -> None:
        """What the menu of selected resources offers."""
        self._actions = actions

    def _menu(self, rows: list[Any]) -> Sequence[MenuEntry]:
        found = [row.resource for row in rows if row.resource is not None]
        if not found and rows:
            return [("Why, and what helps…", "info", lambda: self.activated.emit(rows[0]))]
        return self._actions(found) if self._actions is not None and found else ()


def _link_of(row: Row) -> tuple[Kind, str] | None:
    resource = row.resource
    return None if resource is None else (resource.kind, name_in_link(resource.kind, resource.name, resource.id))
