"""Sparklines and stacked bars: small pictures of numbers, for cells and beside figures.

``Sparkline(values)``, ``StackedBar([(63, "series1"), (8, "series2")])``; the ``paint_…`` functions draw the same in
table cells. They have no axis and are as wide as a word: what they summarize is read in the list or figure beside
them, so that there is nothing to zoom or to save.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import theme
from console.widgets.base import antialias, fill_rounded, on_theme

Segments = Sequence[tuple[float, str]]


def paint_spark(
    painter: QPainter, rect: QRectF, values: Sequence[float], tone: str = "accentFill", ceiling: float = 0.0
) -> None:
    """A line with a filled foot, scaled from zero to its largest value, or to ``ceiling`` where that is more."""
    if len(values) < 2:
        return
    color = theme().color(tone)
    top = max(*values, ceiling, 1e-12)
    low = min(0.0, *values)
    step = rect.width() / (len(values) - 1)
    span = top - low
    inner = rect.adjusted(0, 2, 0, -1)
    points = [
        QPointF(rect.left() + at * step, inner.bottom() - (value - low) / span * inner.height())
        for at, value in enumerate(values)
    ]
    foot = QPolygonF([QPointF(rect.left(), inner.bottom()), *points, QPointF(rect.right(), inner.bottom())])
    painter.setPen(Qt.PenStyle.NoPen)
    shade = theme().color(tone, 0.16)
    painter.setBrush(shade)
    painter.drawPolygon(foot)
    painter.setPen(QPen(color, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF(points))


def paint_bar(painter: QPainter, rect: QRectF, segments: Segments, whole: float, *, track: bool = False) -> None:
    """Segments side by side with 1 px gaps; ``whole`` is the value of the full width."""
    if track:
        fill_rounded(painter, rect, 2, theme().color("track"))
    if whole <= 0:
        return
    x = rect.left()
    for value, tone in segments:
        width = value / whole * rect.width()
        if value > 0:
            shown = max(1.5, width - 1)
            fill_rounded(painter, QRectF(x, rect.top(), shown, rect.height()), 1, theme().color(tone))
        x += width


class Sparkline(QWidget):
    """A line without axes."""

    def __init__(
        self, values: Sequence[float] = (), *, tone: str = "accentFill", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._values: Sequence[float] = values
        self._tone = tone
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        on_theme(self)

    def set_values(self, values: Sequence[float]) -> None:
        """Show other values, oldest first."""
        self._values = values
        self.update()

    def sizeHint(self) -> QSize:
        """As high as a small control."""
        return QSize(theme().pixels(96), theme().pixels(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line and its foot."""
        painter = QPainter(self)
        antialias(painter)
        paint_spark(painter, QRectF(self.rect()), self._values, self._tone)


class StackedBar(QWidget):
    """Segments of a whole (default: their sum) on a track."""

    def __init__(self, segments: Segments = (), whole: float | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segments = segments
        self._whole = whole
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        on_theme(self)

    def set_segments(self, segments: Segments, whole: float | None = None) -> None:
        """Show other segments: ``(value, colour token)``."""
        self._segments = segments
        self._whole = whole
        self.update()

    def sizeHint(self) -> QSize:
        """A bar of 12 px."""
        return QSize(theme().pixels(120), theme().pixels(12))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The track and the segments."""
        painter = QPainter(self)
        antialias(painter)
        whole = self._whole if self._whole is not None else sum(value for value, _ in self._segments)
        paint_bar(painter, QRectF(self.rect()), self._segments, whole, track=True)
