"""Parallel coordinates: each hyperparameter and the objective an upright axis, each trial a line across them.

::

    chart = ParallelChart()
    chart.set_content([Axis("learning_rate", 1e-4, 1e-1, log=True), Axis("batch_size", values=("32", "64"))],
                      [Thread("trial-1", {"learning_rate": 0.001, "batch_size": "64"}, good=1.0)])
    chart.chosen.connect(self.show_trial)

``good`` is 0 for the worst and 1 for the best line; a line without it is dashed. Up and down choose the next line.

It does not zoom: each of its axes has a scale of its own, and there is none across them. It is saved as every chart.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from console.look.theme import theme
from console.widgets.base import antialias, draw_text, focus_ring, text_width
from console.widgets.charts.choice_chart import ChoiceChart
from console.widgets.charts.saving import csv_of

# Pixels from a line at which the mouse means it.
_REACH = 8.0
# Pixels.
_PAD = 8.0

Format = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """An upright axis from ``low`` to ``high``, or with the places ``values``."""

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    values: tuple[str, ...] = ()
    title: str = ""
    format: Format = field(default=lambda value: f"{value:g}")

    def share(self, value: float | str | None) -> float | None:
        """Where a value lies, from 0 (bottom) to 1 (top); ``None`` when it has no place."""
        if value is None:
            return None
        if self.values:
            text = str(value)
            return (self.values.index(text) + 0.5) / len(self.values) if text in self.values else None
        low, high, number = self.low, self.high, float(value)
        if self.log and low > 0 and number > 0:
            low, high, number = math.log10(low), math.log10(high), math.log10(number)
        if high <= low:
            return 0.5
        return min(1.0, max(0.0, (number - low) / (high - low)))


@dataclass(frozen=True)
class Thread:
    """One line: its values by the axes' names."""

    key: str
    values: Mapping[str, float | str | None]
    good: float | None = None


class ParallelChart(ChoiceChart):
    """One line for each trial; see ``ChoiceChart``."""

    def __init__(self, title: str = "Parallel coordinates", parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._axes: tuple[Axis, ...] = ()
        self._threads: tuple[Thread, ...] = ()

    @property
    def threads(self) -> tuple[Thread, ...]:
        """The lines shown."""
        return self._threads

    def set_content(self, axes: Sequence[Axis], threads: Sequence[Thread]) -> None:
        """Show these axes, left to right, and lines."""
        self._axes, self._threads = tuple(axes), tuple(threads)
        names = ", ".join(axis.title or axis.name for axis in axes)
        self.setAccessibleDescription(f"{len(threads)} lines over {names}" if threads else self._placeholder)
        self.update()

    def sizeHint(self) -> QSize:
        """About 500 by 220."""
        return QSize(theme().pixels(500), theme().pixels(220))

    def minimumSizeHint(self) -> QSize:
        """Room for the heads and a few lines."""
        return QSize(theme().pixels(240), theme().pixels(110))

    # Geometry

    @property
    def zooms(self) -> bool:
        """Its axes are upright: there is nothing along which to zoom."""
        return False

    def plot_area(self) -> QRectF:
        """Where the lines are, in the widget."""
        return self._plot()

    def csv(self) -> str:
        """A line for each trial, a column for each axis."""
        names = [axis.name for axis in self._axes]
        return csv_of(["name", *names], ([thread.key, *map(thread.values.get, names)] for thread in self._threads))

    def _plot(self) -> QRectF:
        head = theme().metrics("head").height() + theme().metrics("caption").height() + 10
        foot = theme().metrics("caption").height() + 8
        side = max((text_width(axis.title or axis.name, "head") for axis in self._axes), default=60.0) / 2 + _PAD
        return QRectF(side, head, self.width() - 2 * side, self.height() - head - foot)

    def _x(self, at: int, plot: QRectF) -> float:
        return plot.left() + plot.width() * (at / (len(self._axes) - 1) if len(self._axes) > 1 else 0.5)

    def points(self, thread: Thread) -> list[QPointF]:
        """Where a line crosses the axes, left to right, in the widget; axes for which it has no value are left out."""
        plot, found = self._plot(), []
        for at, axis in enumerate(self._axes):
            share = axis.share(thread.values.get(axis.name))
            if share is not None:
                found.append(QPointF(self._x(at, plot), plot.bottom() - share * plot.height()))
        return found

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Axes with their ends, the lines from worst to best, the chosen one on top."""
        painter = QPainter(self)
        antialias(painter)
        plot = self._plot()
        if not self._threads:
            ink = theme().color("text3")
            draw_text(painter, QRectF(self.rect()), self._placeholder, "small", ink, Qt.AlignmentFlag.AlignHCenter)
            return
        order = sorted(self._threads, key=lambda thread: (thread.key == self._key, thread.good or 0.0))
        for thread in order:
            points = self.points(thread)
            pen = QPen(_shade(thread.good), 1.5)
            if thread.key == self._key:
                pen = QPen(theme().color("accentFill"), 3.0)
            elif thread.good is None:
                pen.setDashPattern([3, 3])
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF(points))
        self._paint_axes(painter, plot)
        chosen = next((thread for thread in self._threads if thread.key == self._key), None)
        if chosen is not None:
            self._paint_values(painter, plot, chosen)
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()), 4)

    def _paint_axes(self, painter: QPainter, plot: QRectF) -> None:
        colors = theme()
        head, caption = colors.metrics("head").height(), colors.metrics("caption").height()
        centre = Qt.AlignmentFlag.AlignHCenter
        for at, axis in enumerate(self._axes):
            x = self._x(at, plot)
            painter.setPen(QPen(colors.color("line2"), 1))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            box = QRectF(x - 100, 0, 200, head)
            draw_text(painter, box, axis.title or axis.name, "head", colors.color("text2"), centre)
            if axis.values:
                for text in axis.values:
                    y = plot.bottom() - (axis.share(text) or 0) * plot.height()
                    spot = QRectF(x + 6, y - caption / 2, 80, caption)
                    draw_text(painter, spot, text, "caption", colors.color("text3"))
                continue
            top = QRectF(x - 100, plot.top() - caption - 4, 200, caption)
            bottom = QRectF(x - 100, plot.bottom() + 4, 200, caption)
            draw_text(painter, top, axis.format(axis.high), "caption", colors.color("text3"), centre)
            draw_text(painter, bottom, axis.format(axis.low), "caption", colors.color("text3"), centre)

    def _paint_values(self, painter: QPainter, plot: QRectF, thread: Thread) -> None:
        colors = theme()
        caption = colors.metrics("head").height()
        for at, axis in enumerate(self._axes):
            value = thread.values.get(axis.name)
            share = axis.share(value)
            if share is None:
                continue
            spot = QPointF(self._x(at, plot), plot.bottom() - share * plot.height())
            painter.setPen(QPen(colors.color("bg"), 1.5))
            painter.setBrush(colors.color("accentFill"))
            painter.drawEllipse(spot, 4.5, 4.5)
            if not axis.values and value is not None:
                text = axis.format(float(value))
                width = text_width(text, "head")
                x = spot.x() + 8 if at < len(self._axes) - 1 else spot.x() - 8 - width
                box = QRectF(x - 2, spot.y() - caption / 2, width + 4, caption)
                painter.fillRect(box, colors.color("bg"))
                draw_text(painter, box.adjusted(2, 0, 2, 0), text, "head", colors.color("text"))

    # Choosing

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the nearest line."""
        spot = event.position()
        near = [
            (min((_distance(spot, a, b) for a, b in itertools.pairwise(points)), default=math.inf), at)
            for at, thread in enumerate(self._threads)
            if (points := self.points(thread))
        ]
        distance, at = min(near, default=(math.inf, -1))
        if distance <= _REACH:
            self.choose(self._threads[at].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up goes to the next better line, down to the next worse one."""
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if step is None or not self._threads:
            super().keyPressEvent(event)
            return
        order = sorted(self._threads, key=lambda thread: -1.0 if thread.good is None else thread.good)
        self.choose_next([thread.key for thread in order], step, first=-1)


def _shade(good: float | None) -> QColor:
    """From the quiet comparison colour for the worst to the main line's colour for the best."""
    low, high = theme().color("line2"), theme().color("series2")
    share = 0.0 if good is None else good
    mixed = [round(a + (b - a) * share) for a, b in zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)]  # type: ignore[index]
    return QColor(*mixed)


def _distance(point: QPointF, begin: QPointF, end: QPointF) -> float:
    """From a point to a line from ``begin`` to ``end``."""
    along = end - begin
    length = along.x() ** 2 + along.y() ** 2
    off = point - begin
    share = max(0.0, min(1.0, (off.x() * along.x() + off.y() * along.y()) / length)) if length else 0.0
    spot = begin + along * share
    return math.hypot(point.x() - spot.x(), point.y() - spot.y())
