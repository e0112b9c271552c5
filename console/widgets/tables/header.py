"""The column heads of a resource table: small quiet words, the sorted one dark with an arrow, a hairline below."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from console.look.theme import theme
from console.models.columns import Column
from console.widgets.base import antialias, draw_icon, draw_text, fill_rounded, hairline, text_width
from console.widgets.tables.delegate import PAD, paint_check

# Pixels.
_ARROW = 12
_ARROW_GAP = 3
# How near the pointer has to be to an edge, and how narrow a column can be dragged.
_GRAB = 4
_NARROWEST = 32


class TableHeader(QHeaderView):
    """Signals: ``sortRequested(int column)`` after a click, ``checkRequested()`` on the check column's head,
    ``widthWanted(int column, int pixels)`` while an edge is dragged (0: its own width again, after a double click),
    ``menuRequested(QPoint)`` in screen coordinates."""

    sortRequested = Signal(int)
    widthWanted = Signal(int, int)
    menuRequested = Signal(QPoint)
    checkRequested = Signal()

    def __init__(self, columns: tuple[Column, ...], parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._columns = columns
        self.sorted_column = -1
        self.sorted_order = Qt.SortOrder.AscendingOrder
        self.checked: bool | None = False
        self.progress: float | None = None
        self._edge: tuple[int, float, int] | None = None
        self._dragged = False
        self.setMouseTracking(True)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(1)
        self.setStretchLastSection(False)
        self.setHighlightSections(False)
        self.setSectionsClickable(True)
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def sizeHint(self) -> QSize:
        """As high as a small row."""
        return QSize(super().sizeHint().width(), theme().pixels(30))

    def width_of(self, at: int) -> float:
        """Width that the head of a column wants, arrow and padding included."""
        column = self._columns[at]
        if column.kind == "check":
            return 0.0
        arrow = _ARROW + _ARROW_GAP if column.sortable else 0
        return text_width(column.title, "head") + arrow + 2 * PAD + 1

    def paintEvent(self, event: QPaintEvent) -> None:
        """All heads, then the hairline (and the loading progress on it) over the whole width."""
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        width, bottom = self.viewport().width(), self.viewport().height() - 1
        hairline(painter, 0, width, bottom)
        if self.progress is not None:
            antialias(painter)
            done = max(0.04, min(1.0, self.progress)) * width
            fill_rounded(painter, QRectF(0, bottom - 1, done, 2), 1, theme().color("accentFill"))

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """One head."""
        column = self._columns[logicalIndex]
        painter.save()
        antialias(painter)
        box = QRectF(rect).adjusted(PAD, 0, -PAD, -1)
        if column.kind == "check":
            side = theme().pixels(15)
            spot = QRectF(box.left(), box.center().y() - side / 2, side, side)
            paint_check(painter, spot, self.checked is True, self.checked is None)
        else:
            self._paint_title(painter, box, column, logicalIndex == self.sorted_column)
        painter.restore()

    def _paint_title(self, painter: QPainter, box: QRectF, column: Column, is_sorted: bool) -> None:
        ink = theme().color("text" if is_sorted else "text3")
        arrow = "up" if self.sorted_order == Qt.SortOrder.AscendingOrder else "down"
        width = text_width(column.title, "head")
        side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
        draw_text(painter, box, column.title, "head", ink, side)
        if is_sorted:
            x = box.right() - width - _ARROW_GAP - _ARROW if column.right else box.left() + width + _ARROW_GAP
            draw_icon(painter, x, box.center().y() - _ARROW / 2, _ARROW, arrow, ink)

    def _edge_at(self, x: float) -> int:
        """The column whose right edge is at ``x``, -1 for none."""
        for at, column in enumerate(self._columns):
            if column.kind == "check" or self.isSectionHidden(at):
                continue
            if abs(self.sectionViewportPosition(at) + self.sectionSize(at) - x) <= _GRAB:
                return at
        return -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """On the edge of a head: begin to change its width."""
        x = event.position().x()
        at = self._edge_at(x) if event.button() == Qt.MouseButton.LeftButton else -1
        self._dragged = at >= 0
        self._edge = (at, x, self.sectionSize(at)) if at >= 0 else None
        if self._edge is None:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Change the width; show where it can be changed."""
        x = event.position().x()
        if self._edge is not None:
            at, start, width = self._edge
            self.widthWanted.emit(at, max(_NARROWEST, round(width + x - start)))
            return
        self.setCursor(Qt.CursorShape.SplitHCursor if self._edge_at(x) >= 0 else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """On an edge: the column has its own width again."""
        at = self._edge_at(event.position().x())
        if at >= 0:
            self.widthWanted.emit(at, 0)
        else:
            super().mouseDoubleClickEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu of the columns."""
        self.menuRequested.emit(event.globalPos())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click sorts by the column, or checks all rows."""
        self._edge = None
        if self._dragged:
            self._dragged = False
            return
        super().mouseReleaseEvent(event)
        at = self.logicalIndexAt(event.position().toPoint())
        if event.button() != Qt.MouseButton.LeftButton or at < 0:
            return
        if self._columns[at].kind == "check":
            self.checkRequested.emit()
        elif self._columns[at].sortable:
            self.sortRequested.emit(at)
