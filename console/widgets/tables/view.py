"""The view inside a resource table: rows as rounded bands, columns that hide before a name is cut, focus and copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableView, QWidget

from console.look.theme import RADIUS, theme
from console.models.table import RowTableModel, runs_of, tsv
from console.widgets.base import antialias, fill_rounded, focus_ring, hairline
from console.widgets.forms.fields import GIVEN
from console.widgets.tables.columns import Choice, plan
from console.widgets.tables.delegate import PAD, CellDelegate
from console.widgets.tables.header import TableHeader
from console.widgets.tables.skeleton import paint_skeleton

# Rows whose texts are measured for the widths; measuring all of a long list would be felt.
_SAMPLED_ROWS = 600
# A list with fewer rows in sight is no list.
LEAST_ROWS = 3

Index = QModelIndex | QPersistentModelIndex


class TableView(QTableView):
    """Signals: ``rowActivated(object row)`` on double click or Return, ``deleteWanted()`` on Delete,
    ``copied(int rows)``, ``columnsChanged()`` when other columns are shown than before.

    ``look_at(row)`` shows a row's picture and is true if it has one.
    """

    rowActivated = Signal(object)
    deleteWanted = Signal()
    copied = Signal(int)
    choiceChanged = Signal()
    columnsChanged = Signal()

    def __init__(
        self, model: RowTableModel, *, multi: bool = True, row_pixels: int = 32, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.rows = model
        # Who has the keyboard instead while there are no rows (see ``forms/focus.py``).
        self.heir: QWidget | None = None
        self._row_pixels = row_pixels
        self._hover = -1
        self._keyboard = False
        # The current row is the first one because nobody has gone to any.
        self.only_marked = False
        self._natural: list[float] = [0.0] * len(model.columns)
        self._crowded: set[int] = set()
        self._sampled = False
        self.choice = Choice()
        self._sharing: list[TableView] = []
        self.skeleton = False
        self.look_at: Callable[[Any], bool] | None = None
        self.heads = TableHeader(model.columns, self)
        self.cells = CellDelegate(model.columns, self.row_height(), self)
        self.cells.tooNarrow.connect(self._widen, Qt.ConnectionType.QueuedConnection)
        self.setHorizontalHeader(self.heads)
        self.setItemDelegate(self.cells)
        self.setModel(model)
        # Qt's own selection would be square, cell by cell, under the application's style sheet.
        self.setStyleSheet("QTableView { selection-background-color: transparent; }")
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        mode = QAbstractItemView.SelectionMode
        self.setSelectionMode(mode.ExtendedSelection if multi else mode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        sides = self.verticalHeader()
        sides.hide()
        sides.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        sides.setMinimumSectionSize(16)
        sides.setDefaultSectionSize(self.row_height())
        self.selectionModel().selectionChanged.connect(self._selection_changed)
        for signal in (model.modelReset, model.rowsInserted, model.layoutChanged):
            signal.connect(self._mark_first)
        self.heads.checkRequested.connect(self._toggle_all)
        self.heads.widthWanted.connect(self._resized)
        self.measure()

    def row_height(self) -> int:
        """Height of a row at the text size in force."""
        return max(theme().pixels(self._row_pixels), theme().metrics("body").height() + 8)

    def restyle(self) -> None:
        """Take fonts and sizes of a changed theme."""
        self.cells.set_row_height(self.row_height())
        self.verticalHeader().setDefaultSectionSize(self.row_height())
        self._natural = [0.0] * len(self.rows.columns)
        self.measure()
        self.updateGeometry()
        self.heads.updateGeometry()
        self.viewport().update()

    # Columns

    def measure(self) -> None:
        """Take the widths that heads and rows want; columns do not shrink while rows come and go."""
        sample = self.rows.rows()
        self._sampled = len(sample) > _SAMPLED_ROWS
        if self._sampled:
            # Names that are longer than all of these are found when they come into sight.
            sample = sample[:: len(sample) // _SAMPLED_ROWS + 1]
        wanted = [
            max(self.heads.width_of(at), self.cells.natural_width(at, sample)) for at in range(len(self._natural))
        ]
        # No column shrinks while rows come and go; but a long name that is gone must not keep columns away for ever.
        if self._sampled or not any(at in self._crowded for at in self.hidden_columns()):
            wanted = [max(pair) for pair in zip(wanted, self._natural, strict=True)]
        self._natural = wanted
        self._lay_out_shared()

    def _widen(self, at: int, width: float) -> None:
        if width > self._natural[at]:
            self._natural[at] = width
            self._lay_out_shared()

    def share_columns(self, other: TableView) -> None:
        """Give this table and ``other`` (as many columns, as wide) the same columns at the same places."""
        self._sharing, other._sharing = [other], [self]
        self._lay_out_shared()

    def _lay_out_shared(self) -> None:
        for view in (self, *self._sharing):
            view.lay_out()

    def lay_out(self) -> None:
        """Choose the columns that fit and give them their widths (see :mod:`console.widgets.tables.columns`)."""
        wanted = [
            max(widths) for widths in zip(self._natural, *(table._natural for table in self._sharing), strict=True)
        ]
        widths = plan(self.rows.columns, wanted, self.viewport().width(), self.choice, theme().scale)
        before, columns = self.hidden_columns(), enumerate(self.rows.columns)
        self._crowded = {at for at, column in columns if at not in widths and column.key not in self.choice.hidden}
        for at in range(len(self.rows.columns)):
            self.setColumnHidden(at, at not in widths)
        edge = 0.0
        for at, width in widths.items():
            start = round(edge)
            edge += width
            self.setColumnWidth(at, max(1, round(edge) - start))
        if self.hidden_columns() != before:
            self.columnsChanged.emit()

    def choose(self, choice: Choice) -> None:
        """Show the columns that the operator chose, in the widths chosen; tables that share columns follow."""
        for view in (self, *self._sharing):
            view.choice = choice
            view.lay_out()

    def _resized(self, at: int, pixels: int) -> None:
        """A head's edge was dragged; 0: give the column its own width again."""
        widths = {key: width for key, width in self.choice.widths.items() if key != self.rows.columns[at].key}
        if pixels:
            widths[self.rows.columns[at].key] = max(24, round(pixels / theme().scale))
        self.choose(Choice(self.choice.hidden, widths))
        self.choiceChanged.emit()

    def hidden_columns(self) -> list[int]:
        """Columns that do not fit at present."""
        return [at for at in range(len(self.rows.columns)) if self.isColumnHidden(at)]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width: choose and size the columns again."""
        super().resizeEvent(event)
        self.lay_out()

    # Selection

    def selected_positions(self) -> list[int]:
        """Rows selected, top to bottom."""
        found: set[int] = set()
        selection = self.selectionModel().selection()
        for span in (selection.at(number) for number in range(selection.count())):
            found.update(range(span.top(), span.bottom() + 1))
        return sorted(found)

    def select_positions(self, positions: list[int], current: int | None = None) -> None:
        """Select exactly these rows."""
        selection = QItemSelection()
        last = self.rows.columnCount() - 1
        for first, end in runs_of(sorted(positions)):
            selection.select(self.rows.index(first, 0), self.rows.index(end, last))
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(selection, flags.ClearAndSelect | flags.Rows)
        if current is not None:
            self.selectionModel().setCurrentIndex(self.rows.index(current, self._first_column()), flags.NoUpdate)

    def _first_column(self) -> int:
        return next((at for at in range(self.rows.columnCount()) if not self.isColumnHidden(at)), 0)

    def selectionCommand(self, index: Index, event: QEvent | None = None) -> QItemSelectionModel.SelectionFlag:
        """A click into the check column adds or removes that row alone."""
        flags = QItemSelectionModel.SelectionFlag
        if index.isValid() and self.rows.columns[index.column()].kind == "check" and isinstance(event, QMouseEvent):
            if event.type() == QEvent.Type.MouseButtonPress:
                return flags.Toggle | flags.Rows
            return flags.NoUpdate
        return super().selectionCommand(index, event)

    def _selection_changed(self) -> None:
        count = len(self.selected_positions())
        everything = self.rows.rowCount()
        self.heads.checked = True if count and count == everything else (None if count else False)
        self.heads.viewport().update()
        self.viewport().update()

    def _toggle_all(self) -> None:
        if self.heads.checked is True:
            self.clearSelection()
        else:
            self.selectAll()

    def copy(self) -> None:
        """Put the selected rows (or all, when none is) on the clipboard as tab-separated text."""
        chosen = self.selected_positions() or range(self.rows.rowCount())
        rows = [self.rows.row_at(at) for at in chosen]
        QApplication.clipboard().setText(tsv(self.rows.columns, rows))
        self.copied.emit(len(rows))

    # Events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies, Ctrl+Shift+C one cell, Return activates, Delete deletes, Escape clears the selection.

        Space toggles the current row.

        With ``look_at`` Space looks at a row that can be looked at; Ctrl+Space toggles it then.
        """
        first = self.only_marked and not self.selectionModel().hasSelection()
        self._keyboard, self.only_marked = True, False
        current = self.currentIndex()
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if event.key() == Qt.Key.Key_C and event.modifiers() == both and current.isValid():
            QApplication.clipboard().setText(str(current.data()))
        elif event.key() == Qt.Key.Key_Down and first and current.isValid():
            # Where the keyboard came in: going on from it would leave the first row out, and an only one for good.
            self.select_positions([current.row()], current.row())
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current.isValid():
            self.rowActivated.emit(self.rows.row_at(current.row()))
        elif event.matches(QKeySequence.StandardKey.Delete):
            self.deleteWanted.emit()
        elif event.key() == Qt.Key.Key_Escape and self.selectionModel().hasSelection():
            self.clearSelection()
        elif event.key() == Qt.Key.Key_Space and current.isValid() and not control and self._looks(current.row()):
            pass
        elif event.key() == Qt.Key.Key_Space and current.isValid() and self._has_checks():
            flags = QItemSelectionModel.SelectionFlag
            self.selectionModel().select(current, flags.Toggle | flags.Rows)
        else:
            super().keyPressEvent(event)
        self.viewport().update()

    def _looks(self, at: int) -> bool:
        return self.look_at is not None and self.look_at(self.rows.row_at(at))

    def _has_checks(self) -> bool:
        return any(column.kind == "check" for column in self.rows.columns)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Clicks hide the keyboard's focus ring; beside the rows they clear the selection."""
        self._keyboard, self.only_marked = False, False
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A double click activates the row."""
        super().mouseDoubleClickEvent(event)
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self.rows.columns[index.column()].kind != "check":
            self.rowActivated.emit(self.rows.row_at(index.row()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The row under the pointer is tinted."""
        super().mouseMoveEvent(event)
        self._set_hover(self.rowAt(event.position().toPoint().y()))

    def leaveEvent(self, event: QEvent) -> None:
        """No row is under the pointer."""
        super().leaveEvent(event)
        self._set_hover(-1)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """But by a click: show where the focus is, on the first row at least."""
        # Before Qt goes to the first row by itself.
        nowhere = not self.currentIndex().isValid()
        super().focusInEvent(event)
        self.only_marked = self.only_marked or nowhere
        if event.reason() in GIVEN or (nowhere and event.reason() == Qt.FocusReason.ActiveWindowFocusReason):
            self._keyboard = True
            self._mark_first()
        self.viewport().update()

    def _mark_first(self) -> None:
        """Also once rows come to a list that has the keyboard already, until somebody goes to a row."""
        nowhere = self.only_marked or not self.currentIndex().isValid()
        if nowhere and self._keyboard and self.hasFocus() and self.rows.rowCount():
            first = self.rows.index(0, self._first_column())
            self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.only_marked = True

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.viewport().update()

    def _set_hover(self, row: int) -> None:
        if row != self._hover:
            self._hover = row
            self.viewport().update()

    def menu_point(self) -> QPoint:
        """Where a context menu asked for by key opens: below the current row's name."""
        rect = self.visualRect(self.currentIndex())
        return self.viewport().mapToGlobal(rect.bottomLeft() if rect.isValid() else QPoint(PAD, PAD))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Hover, selection and hairlines of whole rows, then the cells, then the focus ring."""
        painter = QPainter(self.viewport())
        antialias(painter)
        if self.skeleton and not self.rows.rowCount():
            starts = [self.columnViewportPosition(at) for at in range(self.rows.columnCount())]
            columns = [
                (start + PAD, self.columnWidth(at) - 2 * PAD, self.rows.columns[at].right)
                for at, start in enumerate(starts)
                if not self.isColumnHidden(at)
            ]
            paint_skeleton(painter, self.viewport().rect(), columns, self.row_height())
            painter.end()
            self._paint_focus()
            return
        self._paint_rows(painter)
        painter.end()
        super().paintEvent(event)
        self._paint_focus()

    def _band(self, first: int, last: int) -> QRectF:
        top = self.rowViewportPosition(first)
        bottom = self.rowViewportPosition(last) + self.rowHeight(last)
        return QRectF(0, top + 1, self.viewport().width(), bottom - top - 2)

    def _visible(self) -> tuple[int, int]:
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        return max(0, first), last if last >= 0 else self.rows.rowCount() - 1

    def _paint_rows(self, painter: QPainter) -> None:
        colors = theme()
        first, last = self._visible()
        count = self.rows.rowCount()
        selected = set(self.selected_positions())
        if 0 <= self._hover < count and self._hover not in selected:
            fill_rounded(painter, self._band(self._hover, self._hover), RADIUS, colors.color("hover"))
        for begin, end in runs_of([at for at in range(max(0, first - 1), min(count, last + 2)) if at in selected]):
            fill_rounded(painter, self._band(begin, end), RADIUS, colors.color("accentTint"))
        width = self.viewport().width()
        for at in range(first, min(last, count - 2) + 1):
            if at in selected and at + 1 in selected:
                continue
            if not {at, at + 1} & selected and self._hover not in (at, at + 1):
                hairline(painter, PAD, width - PAD, self.rowViewportPosition(at) + self.rowHeight(at) - 1)

    def _paint_focus(self) -> None:
        """Around the current row; around the whole table while there is none."""
        if not (self.hasFocus() and self._keyboard):
            return
        current = self.currentIndex()
        painter = QPainter(self.viewport())
        antialias(painter)
        place = self._band(current.row(), current.row()) if current.isValid() else QRectF(self.viewport().rect())
        focus_ring(painter, place, RADIUS)

    def sizeHint(self) -> QSize:
        """Heads and ten rows."""
        return QSize(theme().pixels(480), self.heads.sizeHint().height() + 10 * self.row_height())

    def minimumSizeHint(self) -> QSize:
        """Heads and three rows."""
        return QSize(theme().pixels(160), self.heads.sizeHint().height() + LEAST_ROWS * self.row_height() + 2)

    def row_values(self) -> Iterator[Any]:
        """The selected rows, top to bottom."""
        for at in self.selected_positions():
            yield self.rows.row_at(at)
