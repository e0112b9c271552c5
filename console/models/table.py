"""The table model of every resource list: rows by key, sorted and filtered, changed in place.

:class:`RowTableModel` sorts and filters its rows itself instead of through a ``QSortFilterProxyModel``: one Python
``sorted`` of 10,000 rows takes milliseconds, the proxy's ``lessThan`` calls into Python take a second.
New rows are applied as a difference (removed, moved, inserted, changed), so the views keep selection and scroll.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from console.models.columns import Column, field_of

ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
VALUE_ROLE = int(Qt.ItemDataRole.UserRole) + 2

# More separate runs than this are cheaper, for the model and its views, as one reset.
_MOST_RUNS = 80

# Joined once: views ask for every cell of every frame, and Python's flags are slow to join.
_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

Index = QModelIndex | QPersistentModelIndex


class RowTableModel(QAbstractTableModel):
    """Rows (mappings, dataclasses, any objects) under declared columns.

    ``key`` names the field, or is the function, that identifies a row across refreshes; keys must be unique.
    ``also_searched(row)`` is text that the filter looks into besides the columns'.

    Signals: ``aboutToApply()`` and ``applied()`` around every change of the visible rows;
    ``countsChanged()`` when the number of rows or of hidden rows changed.
    """

    aboutToApply = Signal()
    applied = Signal()
    countsChanged = Signal()

    def __init__(
        self,
        columns: Sequence[Column],
        key: str | Callable[[Any], Any],
        parent: QObject | None = None,
        *,
        also_searched: Callable[[Any], str] | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._key: Callable[[Any], Any] = key if callable(key) else (lambda row: field_of(row, key))
        self._also_searched = also_searched
        self._rows: dict[Any, Any] = {}
        self._visible: list[Any] = []
        self._position: dict[Any, int] = {}
        self._haystacks: dict[Any, str] = {}
        self._sort_column = -1
        self._sort_order = Qt.SortOrder.AscendingOrder
        self._words: tuple[str, ...] = ()
        self._predicate: Callable[[Any], bool] | None = None
        self._gone: dict[Any, Any] = {}
        self._counts = (0, 0)

    # Rows

    def set_rows(self, rows: Iterable[Any]) -> None:
        """Replace the rows; rows with a known key are updated in place. Rows are values: never change one given."""
        fresh = {self._key(row): row for row in rows}
        known = self._rows
        changed = {key for key, row in fresh.items() if key in known and known[key] is not row and known[key] != row}
        if not changed and list(fresh) == list(known):
            self._rows = fresh
            return
        for key in changed:
            self._haystacks.pop(key, None)
        if len(self._haystacks) > len(fresh):
            self._haystacks = {key: text for key, text in self._haystacks.items() if key in fresh}
        self._gone = {key: row for key, row in self._rows.items() if key not in fresh}
        self._rows = fresh
        self._apply(changed)
        self._gone = {}

    def upsert(self, rows: Iterable[Any]) -> None:
        """Add rows, or replace those with the same key."""
        self.set_rows([*{**self._rows, **{self._key(row): row for row in rows}}.values()])

    def remove(self, keys: Iterable[Any]) -> None:
        """Take rows away by key; unknown keys are ignored."""
        gone = set(keys)
        self.set_rows([row for key, row in self._rows.items() if key not in gone])

    def rows(self) -> list[Any]:
        """All rows, also those that the filter hides, in the order they were given."""
        return list(self._rows.values())

    def visible_rows(self) -> list[Any]:
        """The rows shown, in the order shown."""
        return [self._shown(at) for at in range(len(self._visible))]

    def row_at(self, position: int) -> Any:
        """The row shown at ``position``."""
        return self._shown(position)

    def key_at(self, position: int) -> Any:
        """The key of the row shown at ``position``."""
        return self._visible[position]

    def row_of(self, key: Any) -> Any | None:
        """The row with ``key`` (shown or hidden), or ``None``."""
        return self._rows.get(key)

    def position_of(self, key: Any) -> int | None:
        """Where the row with ``key`` is shown, or ``None`` when it is hidden or unknown."""
        return self._position.get(key)

    @property
    def total(self) -> int:
        """Number of rows, shown or hidden."""
        return len(self._rows)

    @property
    def hidden(self) -> int:
        """Number of rows that the filter hides."""
        return len(self._rows) - len(self._visible)

    # Filter and sort

    def set_filter(self, text: str) -> None:
        """Show only the rows that contain every word of ``text`` in some searchable column (case is ignored)."""
        words = tuple(text.casefold().split())
        if words != self._words:
            self._words = words
            self._apply(set())

    def set_predicate(self, predicate: Callable[[Any], bool] | None) -> None:
        """Show only the rows for which ``predicate`` is true, besides the text filter; ``None`` shows all."""
        if predicate is not self._predicate:
            self._predicate = predicate
            self._apply(set())

    @property
    def filtered(self) -> bool:
        """True while a text filter or a predicate is set."""
        return bool(self._words) or self._predicate is not None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; -1 restores the order in which they were given."""
        self._sort_column = column
        self._sort_order = order
        self._apply(set())

    @property
    def sorting(self) -> tuple[int, Qt.SortOrder]:
        """The column rows are sorted by (-1: none) and the direction."""
        return self._sort_column, self._sort_order

    def _matches(self, key: Any, row: Any) -> bool:
        if self._predicate is not None and not self._predicate(row):
            return False
        if not self._words:
            return True
        haystack = self._haystacks.get(key)
        if haystack is None:
            texts = [column.text_of(row) for column in self.columns if column.searchable]
            if self._also_searched is not None:
                texts.append(self._also_searched(row))
            haystack = self._haystacks[key] = "\n".join(texts).casefold()
        return all(word in haystack for word in self._words)

    def _wanted(self) -> list[Any]:
        keys = [key for key, row in self._rows.items() if self._matches(key, row)]
        if 0 <= self._sort_column < len(self.columns):
            column = self.columns[self._sort_column]
            valued = [(column.sort_value(self._rows[key]), key) for key in keys]
            known = [pair for pair in valued if pair[0] is not None]
            known.sort(key=lambda pair: pair[0], reverse=self._sort_order == Qt.SortOrder.DescendingOrder)
            keys = [key for _, key in known] + [key for value, key in valued if value is None]
        return keys

    def _apply(self, changed: set[Any]) -> None:
        wanted = self._wanted()
        self.aboutToApply.emit()
        if wanted != self._visible:
            self._move_to(wanted)
        self._emit_changed(changed)
        self.applied.emit()
        counts = (len(self._rows), len(self._visible))
        if counts != self._counts:
            self._counts = counts
            self.countsChanged.emit()

    def _shown(self, position: int) -> Any:
        # While rows are being taken away, views still ask for those that are on their way out.
        key = self._visible[position]
        return self._rows[key] if key in self._rows else self._gone[key]

    def _move_to(self, wanted: list[Any]) -> None:
        target = set(wanted)
        shown = set(self._visible)
        removed = runs_of([at for at, key in enumerate(self._visible) if key not in target])
        inserted = runs_of([at for at, key in enumerate(wanted) if key not in shown])
        if len(removed) + len(inserted) > _MOST_RUNS:
            self.beginResetModel()
            self._place(wanted)
            self.endResetModel()
            return
        for first, last in reversed(removed):
            self.beginRemoveRows(QModelIndex(), first, last)
            self._place(self._visible[:first] + self._visible[last + 1 :])
            self.endRemoveRows()
        kept = [key for key in wanted if key in shown]
        if kept != self._visible:
            self._reorder(kept)
        for first, last in inserted:
            self.beginInsertRows(QModelIndex(), first, last)
            self._place(self._visible[:first] + wanted[first : last + 1] + self._visible[first:])
            self.endInsertRows()

    def _reorder(self, keys: list[Any]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        old = self._visible
        self._place(keys)
        after = [self.index(self._position[old[index.row()]], index.column()) for index in before]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _place(self, keys: list[Any]) -> None:
        self._visible = keys
        self._position = {key: at for at, key in enumerate(keys)}

    def _emit_changed(self, changed: set[Any]) -> None:
        at = sorted(self._position[key] for key in changed if key in self._position)
        last_column = len(self.columns) - 1
        for first, last in runs_of(at):
            self.dataChanged.emit(self.index(first, 0), self.index(last, last_column))

    # QAbstractTableModel

    def rowCount(self, parent: Index | None = None) -> int:
        """Number of rows shown."""
        return 0 if parent is not None and parent.isValid() else len(self._visible)

    def columnCount(self, parent: Index | None = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tool tip, alignment, accessible text; ``ROW_ROLE`` is the row and ``VALUE_ROLE`` the cell's value."""
        if not index.isValid() or not 0 <= index.row() < len(self._visible):
            return None
        column = self.columns[index.column()]
        row = self._shown(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return column.text_of(row)
        if role == ROW_ROLE:
            return row
        if role == VALUE_ROLE:
            return column.value_of(row)
        if role == Qt.ItemDataRole.ToolTipRole and column.tooltip is not None:
            return column.tooltip(row) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column titles; rows are numbered for assistive technology only."""
        if orientation == Qt.Orientation.Vertical:
            return section + 1 if role == Qt.ItemDataRole.DisplayRole else None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.columns[section].title
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Every row can be selected; nothing is edited in place."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return _FLAGS


def tsv(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """Rows as tab-separated text with a head line, as a spreadsheet takes it from the clipboard."""
    shown = [column for column in columns if column.kind not in ("check", "spark")]
    lines = ["\t".join(column.title for column in shown)]
    lines += ["\t".join(_flat(column.text_of(row)) for column in shown) for row in rows]
    return "\n".join(lines)


def _flat(text: str) -> str:
    return " ".join(text.split())


def runs_of(positions: list[int]) -> list[tuple[int, int]]:
    """Ascending positions joined to inclusive ``(first, last)`` runs."""
    runs: list[tuple[int, int]] = []
    for at in positions:
        if runs and runs[-1][1] == at - 1:
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs
