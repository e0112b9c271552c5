"""Points of one value against another: ``ScatterChart()`` with linear, logarithmic or categorical horizontal axis.

::

    chart = ScatterChart(y_format=fraction, x_format=short)
    chart.set_points([Dot("trial-1", 0.001, 0.87, tone="series2", label="002")], log=True)
    chart.set_chosen("trial-1"); chart.chosen.connect(self.show_trial)

A point that is not final yet is hollow. Left and right choose the neighbour, as a click does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from console.look.theme import theme
from console.models.chart import Scale, alike, nice_step, value_scale
from console.widgets.base import antialias, draw_text, focus_ring, hairline, text_width
from console.widgets.charts.choice_chart import ChoiceChart
from console.widgets.charts.saving import csv_of

# Pixels.
_RADIUS = 4.5
# Pixels from a dot at which the mouse means it.
_REACH = 12.0
# Pixels.
_GAP = 6
# Of the range, so that no dot is cut by the edge.
_MARGIN = 0.06
# So much of the whole is the closest look: beyond, the ticks would be the same number.
_CLOSEST = 200
# Trials that are all equally good would divide by nothing: a percent above them.
_NARROW = 0.01

Format = Callable[[float], str]


@dataclass(frozen=True)
class Dot:
    """One point. ``x`` is a number, or a text on a categorical axis; ``label`` is written beside it."""

    key: str
    x: float | str
    y: float
    tone: str = "series1"
    hollow: bool = False
    label: str = ""
    words: str = ""


class ScatterChart(ChoiceChart):
    """One point for each trial; see ``ChoiceChart``."""

    def __init__(
        self,
        title: str = "",
        *,
        y_format: Format = lambda value: f"{value:g}",
        x_format: Format = lambda value: f"{value:g}",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title or "Scatter", parent)
        self._y_format, self._x_format = y_format, x_format
        self._dots: tuple[Dot, ...] = ()
        self._log = False
        self._categories: tuple[str, ...] = ()
        self._y_most: float | None = None
        self.setMouseTracking(True)

    @property
    def dots(self) -> tuple[Dot, ...]:
        """The points shown."""
        return self._dots

    def set_points(self, dots: Sequence[Dot], *, log: bool = False, categories: Sequence[str] = ()) -> None:
        """Show these points; ``categories`` are the places of a categorical axis, in order."""
        self._dots, self._log, self._categories = tuple(dots), log, tuple(categories)
        best = ", ".join(f"{dot.label or dot.key} {self._y_format(dot.y)}" for dot in self._dots[:12])
        self.setAccessibleDescription(best or self._placeholder)
        self.update()

    def set_y_most(self, most: float | None) -> None:
        """Nothing is above this value (an accuracy is never above 1), so the axis need not show it."""
        self._y_most = most
        self.update()

    def sizeHint(self) -> QSize:
        """About 260 by 200."""
        return QSize(theme().pixels(260), theme().pixels(200))

    def minimumSizeHint(self) -> QSize:
        """Room for a few ticks."""
        return QSize(theme().pixels(150), theme().pixels(90))

    # Geometry

    @property
    def zooms(self) -> bool:
        """Where the axis is one of numbers."""
        return not self._categories

    def settle_axis(self) -> None:
        """Take the axis as the points make it."""
        self._x_scale(self.width())

    def plot_area(self) -> QRectF:
        """Where the points are, in the widget."""
        return self._plot()

    def csv(self) -> str:
        """A line for each point."""
        return csv_of(["name", "x", "y"], ([dot.label or dot.key, dot.x, dot.y] for dot in self._dots))

    def _x_scale(self, width: float) -> tuple[Scale, list[str]]:
        most = max(2, int(width / theme().pixels(56)))
        if self._categories:
            ticks = tuple(float(at) for at in range(len(self._categories)))
            return Scale(-0.5, len(self._categories) - 0.5, ticks), list(self._categories)
        xs = [self._x_of(dot) for dot in self._dots]
        low, high = (min(xs), max(xs)) if xs else (0.0, 1.0)
        if high - low < 1e-12:
            low, high = low - 0.5, high + 0.5
        room = (high - low) * _MARGIN
        low, high = self.take_whole(low - room, high + room, (high - low) / _CLOSEST)
        if self._log:
            ticks = _log_ticks(low, high, most)
            return Scale(low, high, ticks), [self._x_format(10**tick) for tick in ticks]
        step = nice_step(high - low, most)
        first = math.ceil(low / step)
        ticks = tuple(at * step for at in range(first, int(high / step + 1e-9) + 1))
        return Scale(low, high, ticks), [self._x_format(tick) for tick in ticks]

    def _x_of(self, dot: Dot) -> float:
        if self._categories:
            return float(self._categories.index(str(dot.x))) if dot.x in self._categories else -0.5
        value = float(dot.x)
        return math.log10(value) if self._log and value > 0 else value

    def _y_scale(self, height: float) -> Scale:
        ys = [dot.y for dot in self._dots]
        lines = max(2, min(5, int(height / theme().pixels(40))))
        low, high = min(ys, default=0.0), max(ys, default=1.0)
        if self._y_most is not None and high - low < _NARROW:
            # All points at one height: room below them, and none above what there can be.
            high = min(self._y_most, high + _NARROW)
            low = high - 2 * _NARROW
        return value_scale(low, high, lines)

    def _plot(self) -> QRectF:
        line = theme().metrics("caption").height()
        height = self.height() - 12 - line - 6
        widest = max(self._up_texts(self._y_scale(height)), key=len, default="0")
        left = text_width(widest, "caption") + _GAP + 2
        return QRectF(left, 8, self.width() - left - 8, height)

    def _up_texts(self, up: Scale) -> list[str]:
        return alike([self._y_format(tick) for tick in up.ticks])

    def spots(self) -> list[tuple[Dot, QPointF]]:
        """The points that are in sight, each with where it is painted in the widget."""
        plot = self._plot()
        across, _ = self._x_scale(plot.width())
        up = self._y_scale(plot.height())
        return [
            (
                dot,
                QPointF(
                    across.place(self._x_of(dot), plot.left(), plot.right()),
                    up.place(dot.y, plot.bottom() - _RADIUS, plot.top() + _RADIUS),
                ),
            )
            for dot in self._dots
            if across.low <= self._x_of(dot) <= across.high
        ]

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Grid, ticks, points, their labels."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        plot = self._plot()
        if not self._dots:
            centre = Qt.AlignmentFlag.AlignHCenter
            hairline(painter, plot.left(), plot.right(), round(plot.bottom()), "line2")
            draw_text(painter, plot, self._placeholder, "small", colors.color("text3"), centre)
            return
        self._paint_axes(painter, plot)
        spots = self.spots()
        for dot, spot in sorted(spots, key=lambda pair: pair[0].key == self._key):
            color = colors.color(dot.tone)
            painter.setPen(QPen(color, 1.75) if dot.hollow else Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("bg") if dot.hollow else color)
            painter.drawEllipse(spot, _RADIUS, _RADIUS)
            if dot.key == self._key:
                painter.setPen(QPen(colors.color("text"), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(spot, _RADIUS + 3, _RADIUS + 3)
        for dot, spot in spots:
            if dot.label:
                self._paint_label(painter, plot, dot, spot)
        self.paint_band(painter)
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()), 4)

    def _paint_axes(self, painter: QPainter, plot: QRectF) -> None:
        colors = theme()
        ink = colors.color("text3")
        height = colors.metrics("caption").height()
        up = self._y_scale(plot.height())
        for tick, text in zip(up.ticks, self._up_texts(up), strict=True):
            y = round(up.place(tick, plot.bottom() - _RADIUS, plot.top() + _RADIUS))
            hairline(painter, plot.left(), plot.right(), y)
            box = QRectF(0, y - height / 2, plot.left() - _GAP, height)
            draw_text(painter, box, text, "caption", ink, Qt.AlignmentFlag.AlignRight)
        hairline(painter, plot.left(), plot.right(), round(plot.bottom()), "line2")
        across, words = self._x_scale(plot.width())
        end = 0.0
        for tick, text in zip(across.ticks, words, strict=True):
            width = text_width(text, "caption")
            x = min(across.place(tick, plot.left(), plot.right()) - width / 2, self.width() - width)
            if x < end:
                continue
            draw_text(painter, QRectF(x, plot.bottom() + 5, width + 1, height), text, "caption", ink)
            end = x + width + 8

    def _paint_label(self, painter: QPainter, plot: QRectF, dot: Dot, spot: QPointF) -> None:
        height = theme().metrics("head").height()
        width = text_width(dot.label, "head")
        x = min(max(plot.left(), spot.x() + 5), plot.right() - width)
        y = spot.y() - height - 5 if spot.y() - height - 5 >= 0 else spot.y() + 6
        draw_text(painter, QRectF(x, y, width + 1, height), dot.label, "head", theme().color("text"))

    # Choosing

    def _nearest(self, point: QPointF) -> Dot | None:
        spots = self.spots()
        near = [(math.hypot(spot.x() - point.x(), spot.y() - point.y()), at) for at, (_, spot) in enumerate(spots)]
        distance, at = min(near, default=(math.inf, -1))
        return spots[at][0] if distance <= _REACH else None

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was not dragged was meant for the point under the pointer."""
        dot = self._nearest(event.position()) if event.button() == Qt.MouseButton.LeftButton else None
        clicked = dot is not None and not self.dragged(event)
        super().mouseReleaseEvent(event)
        if dot is not None and clicked:
            self.choose(dot.key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or say which point it is."""
        if self.drag_on(event):
            return
        dot = self._nearest(event.position())
        if dot is None:
            QToolTip.hideText()
            return
        x = dot.x if isinstance(dot.x, str) else self._x_format(dot.x)
        words = dot.words or f"{dot.key}: {self._y_format(dot.y)} at {x}"
        QToolTip.showText(event.globalPosition().toPoint(), words, self)

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer left."""
        QToolTip.hideText()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from point to point along the axis; for the zoom see ``zooming``."""
        if self.zoom_key(event):
            return
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._dots:
            super().keyPressEvent(event)
            return
        order = sorted(self._dots, key=lambda dot: (self._x_of(dot), dot.y))
        self.choose_next([dot.key for dot in order], step, first=0 if step > 0 else -1)
        self._bring(next(dot for dot in order if dot.key == self._key))

    def _bring(self, dot: Dot) -> None:
        """Move what is in sight to a point that is not."""
        x, part = self._x_of(dot), self.shown_part
        if part is not None and not part[0] <= x <= part[1]:
            half = (part[1] - part[0]) / 2
            self.zoom_to(x - half, x + half)


def _log_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Exponents of round values (1, 3 or 1, 2, 5 of each power of ten) between two exponents of ten."""
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            exponent
            for power in range(math.floor(low), math.ceil(high) + 1)
            for factor in factors
            if low <= (exponent := power + math.log10(factor)) <= high
        ]
        if len(ticks) <= most:
            return tuple(ticks)
    step = math.ceil(len(ticks) / most)
    return tuple(ticks[::step])
