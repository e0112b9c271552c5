"""Cells of one size in columns, painted as they come into sight: what grids of thumbnails and of cards share.

A subclass says how many cells there are, how large one is and what is in it, and keeps which one is chosen. Arrow
keys, Home and End choose, Return activates, Space or a double click looks at it, Escape chooses none. Thousands of
cells cost nothing until they are scrolled to.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import antialias, draw_text, focus_ring, on_theme
from console.widgets.forms.fields import GIVEN
from console.widgets.pictures.thumbs import thumbnails

# Pictures arrive in bursts: they are painted together.
_REPAINT_MS = 60


class CellGrid(QAbstractScrollArea):
    """The scrolling, choosing and painting; a subclass overrides the methods of its first part."""

    column_gap = 8
    row_gap = 8
    deselects = True

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keyboard = False
        self._placeholder = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REPAINT_MS)
        self._timer.timeout.connect(self.viewport().update)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        thumbnails().listeners.add(self.repaint_soon)
        on_theme(self, self.lay_out)

    # What a subclass says

    def cell_count(self) -> int:
        """How many cells there are."""
        raise NotImplementedError

    def column_count(self) -> int:
        """How many cells stand side by side at the present width."""
        raise NotImplementedError

    def cell_size(self) -> QSizeF:
        """Width and height of a cell at the present width."""
        raise NotImplementedError

    def position(self) -> int:
        """Position of the chosen cell, -1 for none."""
        raise NotImplementedError

    def choose(self, at: int) -> None:
        """Choose the cell at a position, -1 for none, and call ``reveal``."""
        raise NotImplementedError

    def activate(self, at: int) -> None:
        """Return on a cell."""
        raise NotImplementedError

    def look_at(self, at: int) -> None:
        """Space or a double click on a cell: the same as Return where a subclass does not know better."""
        self.activate(at)

    def cell_name(self, at: int) -> str:
        """The tool tip of a cell."""
        raise NotImplementedError

    def paint_cell(self, painter: QPainter, at: int, rect: QRectF, *, chosen: bool, focused: bool) -> None:
        """Paint a cell; ``focused`` when it has the keyboard and that should be seen."""
        raise NotImplementedError

    # Without cells

    def set_placeholder(self, text: str) -> None:
        """What to say without cells."""
        self._placeholder = text
        self.viewport().update()

    @property
    def placeholder(self) -> str:
        """What is said without cells."""
        return self._placeholder

    def _paint_nothing(self, painter: QPainter, area: QRectF) -> None:
        draw_text(painter, area, self._placeholder, "small", theme().color("text3"), Qt.AlignmentFlag.AlignHCenter)
        if self.hasFocus():
            focus_ring(painter, area, RADIUS)

    # Geometry

    def cell_rect(self, at: int) -> QRectF:
        """Where a cell is in the viewport."""
        size = self.cell_size()
        row, column = divmod(at, self.column_count())
        y = row * (size.height() + self.row_gap) - self.verticalScrollBar().value()
        return QRectF(round(column * (size.width() + self.column_gap)), y, int(size.width()), size.height())

    def in_sight(self) -> range:
        """Positions of the cells in sight."""
        step = self._step()
        first = int(self.verticalScrollBar().value() // step) * self.column_count()
        rows = -(-(self.verticalScrollBar().value() % step + self.viewport().height()) // step)
        return range(first, min(self.cell_count(), first + int(rows) * self.column_count()))

    def lay_out(self) -> None:
        """The number or the size of the cells changed."""
        step = self._step()
        rows = -(-self.cell_count() // self.column_count())
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(1, round(step / 4)))
        bar.setRange(0, max(0, round(rows * step - self.row_gap - self.viewport().height())))
        self.viewport().update()

    def reveal(self, at: int) -> None:
        """Bring a cell into sight."""
        rect = self.cell_rect(at)
        bar = self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(round(bar.value() + rect.top()))
        elif rect.bottom() > self.viewport().height():
            bar.setValue(round(bar.value() + rect.bottom() - self.viewport().height()))

    def repaint_soon(self, _source: str = "") -> None:
        """Paint again shortly, together with what else changes until then."""
        if not self._timer.isActive() and self.isVisible():
            self._timer.start()

    def _step(self) -> float:
        return self.cell_size().height() + self.row_gap

    def _cell_at(self, point: QPointF) -> int:
        return next((at for at in self.in_sight() if self.cell_rect(at).contains(point)), -1)

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may hold other columns."""
        super().resizeEvent(event)
        self.lay_out()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The cells in sight."""
        painter = QPainter(self.viewport())
        antialias(painter)
        if not self.cell_count():
            self._paint_nothing(painter, QRectF(self.viewport().rect()))
            return
        chosen, focused = self.position(), self._keyboard and self.hasFocus()
        for at in self.in_sight():
            self.paint_cell(painter, at, self.cell_rect(at), chosen=at == chosen, focused=focused and at == chosen)
        if focused and chosen < 0:
            focus_ring(painter, QRectF(self.viewport().rect()), RADIUS)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the cell under the pointer."""
        self._keyboard = False
        at = self._cell_at(event.position())
        if at >= 0 or self.deselects:
            self.choose(at)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Look at the cell under the pointer."""
        at = self._cell_at(event.position())
        if at >= 0:
            self.look_at(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, Home, End, Return, Space, Escape."""
        self._keyboard = True
        columns, last, at = self.column_count(), self.cell_count() - 1, self.position()
        moves = {
            Qt.Key.Key_Left: at - 1,
            Qt.Key.Key_Right: at + 1,
            Qt.Key.Key_Up: at - columns,
            Qt.Key.Key_Down: at + columns if at >= 0 else 0,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if event.key() in moves and last >= 0:
            self.choose(max(0, min(last, moves[Qt.Key(event.key())])))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at >= 0:
            self.activate(at)
        elif event.key() == Qt.Key.Key_Space and at >= 0:
            self.look_at(at)
        elif event.key() == Qt.Key.Key_Escape and at >= 0 and self.deselects:
            self.choose(-1)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """By Tab: choose the first cell, so that the focus can be seen."""
        super().focusInEvent(event)
        self._keyboard = self._keyboard or event.reason() in GIVEN
        tabbed = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if tabbed and self.position() < 0 and self.cell_count():
            self.choose(0)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        """The name of the cell under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self._cell_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.cell_name(at) if at >= 0 else "", self)
            return True
        return super().viewportEvent(event)
