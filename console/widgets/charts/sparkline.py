"""Sparklines, stacked bars and histograms: small pictures of numbers, for cells and beside figures.

``Sparkline(values)``, ``StackedBar([(63, "series1"), (8, "series2")])``, ``Histogram()``; the ``paint_…``
functions draw the same in table cells.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from console.look.theme import theme
from console.widgets.base import antialias, fill_rounded, focus_ring, on_theme

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


class Histogram(QWidget):
    """Thin bars, one for each class: grey, the chosen one accent, marked ones warn. Arrow keys and clicks choose.

    ``set_bars(names, counts, marked)``; signal ``chosen(int)``.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: Sequence[str] = ()
        self._counts: Sequence[float] = ()
        self._marked: frozenset[int] = frozenset()
        self._current = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Pictures in each class")
        on_theme(self)

    def set_bars(self, names: Sequence[str], counts: Sequence[float], marked: Sequence[int] = ()) -> None:
        """Show one bar for each name; ``marked`` are the positions worth a look."""
        self._names = names
        self._counts = counts
        self._marked = frozenset(marked)
        self._current = min(self._current, len(counts) - 1)
        self.update()

    def set_current(self, index: int) -> None:
        """Show the bar of ``index`` as chosen (-1: none), without a signal."""
        self._current = index
        if 0 <= index < len(self._names):
            self.setAccessibleDescription(f"{self._names[index]}: {self._counts[index]:,.0f}")
        self.update()

    def sizeHint(self) -> QSize:
        """Two rows high."""
        return QSize(theme().pixels(240), theme().pixels(40))

    def paintEvent(self, event: QPaintEvent) -> None:
        """All bars from a common foot."""
        painter = QPainter(self)
        colors = theme()
        if self._counts:
            step = self.width() / len(self._counts)
            top = max(*self._counts, 1)
            gap = 1.0 if step >= 3 else 0.0
            for at, count in enumerate(self._counts):
                tone = "accentFill" if at == self._current else "series3" if at in self._marked else "line2"
                height = max(1.0, count / top * (self.height() - 4))
                bar = QRectF(at * step, self.height() - height, max(1.0, min(step - gap, 24.0)), height)
                painter.fillRect(bar, colors.color(tone))
        if self.hasFocus():
            antialias(painter)
            focus_ring(painter, QRectF(self.rect()), 4)

    def _at(self, x: float) -> int:
        if not self._counts:
            return -1
        return max(0, min(len(self._counts) - 1, int(x / self.width() * len(self._counts))))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Name and count of the bar under the pointer."""
        at = self._at(event.position().x())
        if at >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), f"{self._names[at]}: {self._counts[at]:,.0f}", self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the bar under the pointer."""
        self._choose(self._at(event.position().x()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right choose the neighbours."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        elif self._counts:
            self._choose(max(0, min(len(self._counts) - 1, self._current + step)))

    def _choose(self, at: int) -> None:
        if at >= 0 and at != self._current:
            self.set_current(at)
            self.chosen.emit(at)
