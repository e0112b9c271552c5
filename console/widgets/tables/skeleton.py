"""Rows that stand for rows still loading: bars in the places of the columns, fading downwards."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import ROW, theme
from console.widgets.base import antialias, fill_rounded, hairline, on_theme

# Fractions of the column's width, so that the bars do not look like a table of equal words.
_LENGTHS = (0.72, 0.86, 0.61, 0.78, 0.55, 0.83)
_FADE = 0.18
_MOST_ROWS = 6


def paint_skeleton(painter: QPainter, area: QRect, columns: Sequence[tuple[float, float, bool]], row: int) -> None:
    """Bars for ``(left, width, right-aligned)`` columns in rows of ``row`` pixels, as many as fit (at most six)."""
    antialias(painter)
    height = theme().pixels(10)
    for at in range(min(_MOST_ROWS, max(1, area.height() // row))):
        color = theme().color("track", max(0.12, 1 - at * _FADE))
        top = area.top() + at * row
        for number, (left, width, right) in enumerate(columns):
            length = max(12.0, min(width, theme().pixels(180)) * _LENGTHS[(at * 2 + number) % len(_LENGTHS)])
            x = left + width - length if right else left
            fill_rounded(painter, QRectF(x, top + (row - height) / 2, length, height), height / 2, color)
        if at + 1 < _MOST_ROWS:
            hairline(painter, area.left() + 8, area.right() - 8, top + row - 1)


class SkeletonRows(QWidget):
    """A placeholder of its own, for lists that are not tables; ``columns`` are shares of the width."""

    def __init__(self, columns: Sequence[int] = (5, 3, 2), rows: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._rows = rows
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Loading")
        on_theme(self)

    def sizeHint(self) -> QSize:
        """As high as its rows."""
        return QSize(theme().pixels(240), self._rows * theme().pixels(ROW))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The bars."""
        painter = QPainter(self)
        whole = sum(self._columns)
        spans = []
        x = 8.0
        for share in self._columns:
            width = share / whole * (self.width() - 16)
            spans.append((x, width - 12, False))
            x += width
        paint_skeleton(painter, self.rect(), spans, theme().pixels(ROW))
