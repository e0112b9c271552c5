"""Paints the cells of every resource table: one delegate for all kinds of columns, and measures their widths.

Only the contents are painted here; hairlines, hover and the full-row selection belong to the view.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolTip

from console.look.theme import ICON, theme
from console.models.columns import DASH, Column
from console.models.table import ROW_ROLE
from console.widgets.base import antialias, draw_icon, draw_text, fill_rounded, stroke_rounded, text_width
from console.widgets.charts.sparkline import paint_bar, paint_spark
from console.widgets.pictures.painting import paint_picture
from console.widgets.tables.state_chip import chip_width, paint_state

# Pixels.
PAD = 8
_GAP = 8
_BOX = 15
_SPARK_WIDTH = 96
_BAR_WIDTH = 110
# Measuring every text of a long list would cost more than painting it: only the longest are candidates.
_CANDIDATES = 24

Index = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Paints by ``Column.kind``. ``stale`` quiets old rows under an error banner.

    Signals: ``tooNarrow(int column, float width)``: a name was cut and wants this width.
    """

    tooNarrow = Signal(int, float)

    def __init__(self, columns: tuple[Column, ...], row_height: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._row_height = row_height
        self.bar_whole: dict[int, float] = {}
        self.stale = False

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """One cell inside its padding."""
        column = self._columns[index.column()]
        row = index.data(ROW_ROLE)
        if row is None:
            return
        painter.save()
        antialias(painter)
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        rect = QRectF(option.rect).adjusted(PAD, 0, -PAD, 0)
        getattr(self, f"_paint_{column.kind}")(painter, rect, column, row, selected, index)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """The row height; widths are the view's business."""
        return QSize(0, self._row_height)

    def set_row_height(self, height: int) -> None:
        """Another height of all rows, after the text size changed."""
        self._row_height = height

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        """The whole text of a cell that is cut, where the column says nothing else."""
        row = index.data(ROW_ROLE)
        column = self._columns[index.column()] if index.isValid() else None
        if row is None or column is None or column.tooltip is not None or column.kind in ("check", "bar", "spark"):
            return super().helpEvent(event, view, option, index)
        cut = self.natural_width(index.column(), [row]) > option.rect.width() + 1
        QToolTip.showText(event.globalPos(), column.text_of(row) if cut else "", view)
        return True

    # Kinds

    def _ink(self, column: Column, row: Any, default: str) -> str:
        tone = column.tone(row) if column.tone is not None else None
        return tone or ("text3" if self.stale and default == "text2" else default)

    def _paint_name(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        x = left = rect.left()
        colors = theme()
        picture = column.thumb(row) if column.thumb is not None else None
        if picture is not None:
            x += self._paint_thumb(painter, rect, str(picture)) + _GAP
        icon = column.icon_of(row)
        if icon:
            size = colors.pixels(ICON)
            draw_icon(painter, x, rect.center().y() - size / 2, size, icon, colors.color("text3"))
            x += size + _GAP
        rect.setLeft(x)
        text = column.text_of(row)
        wanted = text_width(text, "name")
        if wanted > rect.width() + 0.5:
            self.tooNarrow.emit(index.column(), wanted + x - left + 2 * PAD + 1)
        ink = colors.color(self._ink(column, row, "text2" if self.stale else "text"))
        draw_text(painter, rect, text, "name", ink, elide=Qt.TextElideMode.ElideMiddle)

    def _paint_thumb(self, painter: QPainter, rect: QRectF, source: str) -> float:
        side = self.thumb_side()
        spot = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
        paint_picture(painter, spot, source, 4)
        return side

    def thumb_side(self) -> int:
        """Side of a thumbnail in a row."""
        return self._row_height - 8

    def _paint_line(self, painter: QPainter, rect: QRectF, column: Column, row: Any, role: str, default: str) -> None:
        text = column.text_of(row)
        ink = self._ink(column, row, "text3" if text == DASH else default)
        side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
        icon = column.icon_of(row)
        if icon and not column.right:
            size = theme().pixels(14)
            draw_icon(painter, rect.left(), rect.center().y() - size / 2, size, icon, theme().color(ink))
            rect.setLeft(rect.left() + size + 6)
        draw_text(painter, rect, text, role, theme().color(ink), side)

    def _paint_text(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        role, ink = ("strong", "text") if column.strong else ("body", "text2")
        self._paint_line(painter, rect, column, row, role, ink)

    _paint_number = _paint_text

    def _paint_mono(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        self._paint_line(painter, rect, column, row, "mono", "text2")

    def _paint_state(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        state = column.state_of(row)
        if state is None:
            draw_text(painter, rect, DASH, "body", theme().color("text3"))
        else:
            paint_state(painter, rect, state)

    def _paint_spark(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        values = column.value_of(row)
        if values is None or len(values) < 2:
            draw_text(painter, rect, DASH, "body", theme().color("text3"))
            return
        height = min(rect.height() - 10, theme().pixels(22))
        box = QRectF(
            rect.left(), rect.center().y() - height / 2, min(rect.width(), theme().pixels(_SPARK_WIDTH)), height
        )
        paint_spark(painter, box, values, self._ink(column, row, "accentFill"), column.ceiling)

    def _paint_bar(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        segments = column.value_of(row) or ()
        whole = self.bar_whole.get(index.column(), 0.0)
        height = theme().pixels(7)
        paint_bar(painter, QRectF(rect.left(), rect.center().y() - height / 2, rect.width(), height), segments, whole)

    def _paint_two_tone(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        value = column.value_of(row)
        if value is None:
            draw_text(painter, rect, DASH, "body", theme().color("text3"))
            return
        strong, quiet = value
        width = draw_text(painter, rect, str(strong), "name", theme().color(self._ink(column, row, "text")))
        rect.setLeft(min(rect.right(), rect.left() + width + _GAP))
        if quiet and rect.width() > theme().pixels(24):
            draw_text(painter, rect, str(quiet), "small", theme().color("text2"))

    def _paint_check(
        self, painter: QPainter, rect: QRectF, column: Column, row: Any, selected: bool, index: Index
    ) -> None:
        size = theme().pixels(_BOX)
        paint_check(painter, QRectF(rect.left(), rect.center().y() - size / 2, size, size), selected)

    # Widths

    def natural_width(self, at: int, rows: Iterable[Any]) -> float:
        """Width that the column's contents want, with padding, over ``rows``."""
        column = self._columns[at]
        rows = list(rows)
        if column.kind == "check":
            return theme().pixels(_BOX) + 2 * PAD
        if column.kind == "spark":
            return theme().pixels(_SPARK_WIDTH) + 2 * PAD
        if column.kind == "bar":
            self.bar_whole[at] = max((sum(part[0] for part in column.value_of(row) or ()) for row in rows), default=0.0)
            return theme().pixels(column.width or _BAR_WIDTH) + 2 * PAD
        if column.kind == "state":
            states = {state for row in rows if (state := column.state_of(row)) is not None}
            return max((chip_width(state) for state in states), default=0.0) + 2 * PAD
        texts = sorted({column.text_of(row) for row in rows}, key=len, reverse=True)[:_CANDIDATES]
        if column.sample:
            texts.append(column.sample)
        metrics = QFontMetricsF(self._font(column))
        width = max((metrics.horizontalAdvance(text) for text in texts), default=0.0)
        if column.kind == "two_tone":
            width += _GAP
        return width + self._prefix(column) + 2 * PAD + 1

    def _prefix(self, column: Column) -> float:
        width = 0.0
        if column.kind == "name" and column.thumb is not None:
            width += self.thumb_side() + _GAP
        if column.icon is not None:
            width += theme().pixels(ICON) + _GAP
        return width

    def _font(self, column: Column) -> QFont:
        if column.kind in ("name", "two_tone"):
            return theme().font("name")
        if column.kind == "mono":
            return theme().font("mono")
        return theme().font("strong" if column.strong else "body")


def paint_check(painter: QPainter, rect: QRectF, checked: bool, partly: bool = False) -> None:
    """A check box: outlined, ticked or (``partly``) with a bar."""
    colors = theme()
    if not checked and not partly:
        stroke_rounded(painter, rect, 4, colors.color("field"))
        return
    fill_rounded(painter, rect, 4, colors.color("accentFill"))
    pen = QPen(colors.color("onFill"), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    width, height = rect.width(), rect.height()
    left, top = rect.left(), rect.top()
    marks = ((0.25, 0.5), (0.75, 0.5)) if partly else ((0.25, 0.53), (0.43, 0.70), (0.76, 0.33))
    painter.drawPolyline(QPolygonF([QPointF(left + x * width, top + y * height) for x, y in marks]))
