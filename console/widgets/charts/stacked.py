"""Money over time, stacked by kind, with events in words above the heap and the switch of the span in its corner.

::

    chart = StackedChart("Cost per hour")
    chart.set_corner(spans)                               # a control at the right end of the head
    chart.set_x_range(begin, end)
    chart.set_layers(xs, [Layer("Endpoints", "series1", ys), Layer("EC2", "series2", others)])
    chart.set_events([Event(at, "tuning, 3 at a time")])

Each value holds until the next; where a value is not known (``nan``) the heap has a gap rather than a zero. Hovering
and the arrow keys show all values at one moment, as in every chart, and the events that are near it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QWidget

from console.look.theme import theme
from console.models.chart import Event, Scale, Series
from console.models.format import day_month, dollars
from console.widgets.base import draw_text, fill_rounded, text_width
from console.widgets.charts.chart import LineChart
from console.widgets.charts.saving import csv_of

_DAY = 86_400
# Pixels of a colour in the legend.
_SWATCH = 10
# Opacity: the lines of the grid are seen through it.
_AREA = 0.30
# So near to the cursor (pixels) an event is told in the head.
_NEAR = 12
# More in one line nobody reads.
_MOST_WORDS = 6


@dataclass(frozen=True)
class Layer:
    """One kind's share: dollars an hour from each x on, ``nan`` where it is not known."""

    name: str
    tone: str
    ys: Sequence[float]


class StackedChart(LineChart):
    """See the module's text."""

    _line_gap = 30

    def __init__(
        self, title: str = "", *, y_format: Callable[[float], str] = dollars, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, y_format=y_format, x_format=self._moment, time_axis=True, parent=parent)
        self._layers: tuple[Layer, ...] = ()
        self._corner: QWidget | None = None

    # Contents

    def set_layers(self, xs: Sequence[float], layers: Sequence[Layer]) -> None:
        """Show these layers, the first at the bottom; ``xs`` (POSIX seconds, ascending) are those of all."""
        self._layers = tuple(layers)
        total = [0.0] * len(xs)
        made = []
        for layer in layers:
            # Not known is not known for the whole heap: a sum without a part of it would be a wrong one.
            total = [below + own for below, own in zip(total, layer.ys, strict=True)]
            made.append(Series(layer.name, tuple(xs), tuple(total), tone=layer.tone, step=True))
        self.set_series(made)

    def set_corner(self, widget: QWidget) -> None:
        """Put a control at the right end of the head."""
        self._corner = widget
        widget.setParent(self)
        widget.show()
        self._place_corner()

    def minimumSizeHint(self) -> QSize:
        """Room for the head and two grid lines."""
        return QSize(theme().pixels(240), theme().pixels(118))

    def csv(self) -> str:
        """What each kind costs an hour from each moment on."""
        xs = self._series[0].xs if self._series else ()
        rows = (
            [datetime.fromtimestamp(x, UTC).isoformat(),
             *(layer.ys[at] if math.isfinite(layer.ys[at]) else "" for layer in self._layers)]
            for at, x in enumerate(xs)
        )  # fmt: skip
        return csv_of(["time", *(layer.name for layer in self._layers)], rows)

    # Geometry

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the control in its corner."""
        super().resizeEvent(event)
        self._place_corner()

    def _place_corner(self) -> None:
        if self._corner is not None:
            size = self._corner.sizeHint()
            self._corner.setGeometry(self.width() - size.width(), 0, size.width(), size.height())

    def _head_height(self) -> int:
        own = theme().metrics("strong").height() + 2
        return max(own, self._corner.sizeHint().height() if self._corner is not None else 0)

    def _plot(self) -> QRectF:
        line = theme().metrics("caption").height()
        # One line for the words of events above the highest heap.
        head = self._head_height() + 8 + line
        height = self.height() - head - line - 6
        left = text_width(self._widest_tick(height), "caption") + 8
        return QRectF(left, head, self.width() - left - 4, height)

    def _up_texts(self, up: Scale) -> list[str]:
        step = up.ticks[1] - up.ticks[0] if len(up.ticks) > 1 else 1.0
        digits = 0 if step >= 1 and step % 1 == 0 else max(2, math.ceil(-math.log10(step)))
        return [dollars(tick, digits if tick else 0) for tick in up.ticks]

    def _moment(self, seconds: float) -> str:
        at = datetime.fromtimestamp(seconds).astimezone()
        low, high = self.shown_part or self._x_range or (seconds, seconds)
        if high - low <= 2 * _DAY:
            return f"{at:%H:%M}"
        day = day_month(at.date(), datetime.now().astimezone().date())
        return day if (at.hour, at.minute) == (0, 0) else f"{day} {at:%H:%M}"

    # Painting

    def _paint_head(self, painter: QPainter) -> None:
        colors = theme()
        height = self._head_height()
        x = float(self.width()) - (self._corner.width() + 12 if self._corner is not None else 0)
        at = self._at_cursor()
        for layer in reversed(self._layers):
            figure = "" if at is None else self._figure(layer.ys[at])
            if figure:
                x -= text_width(figure, "name")
                draw_text(painter, QRectF(x, 0, 200, height), figure, "name", colors.color("text"))
                x -= 6
            x -= text_width(layer.name, "small")
            draw_text(painter, QRectF(x, 0, 200, height), layer.name, "small", colors.color("text2"))
            x -= _SWATCH + 8
            fill_rounded(painter, QRectF(x, (height - _SWATCH) / 2, _SWATCH, _SWATCH), 2, colors.color(layer.tone))
            x -= 16
        words = self._title
        if self._cursor is not None and at is not None:
            total = self._series[-1].ys[at] if self._series else math.nan
            words = f"{self._x_format(self._cursor)}  {self._figure(total)}"
        draw_text(painter, QRectF(0, 0, max(0.0, x), height), words, "strong", colors.color("text"))

    def _figure(self, value: float) -> str:
        return self._y_format(value) if math.isfinite(value) else "–"

    def _at_cursor(self) -> int | None:
        if self._cursor is None or not self._series or not len(self._series[0].xs):
            return None
        xs = self._series[0].xs
        return max((at for at, x in enumerate(xs) if x <= self._cursor), default=0)

    def _paint_line(self, painter: QPainter, plot: QRectF, across: Scale, up: Scale, series: Series) -> None:
        number = self._series.index(series)
        below = self._series[number - 1].ys if number else [0.0] * len(series.ys)
        fill, ink = theme().color(series.color_token, _AREA), theme().color(series.color_token)
        for first, last in _known_runs(series.ys):
            tops = self._steps(plot, across, up, series.xs, series.ys, first, last)
            feet = self._steps(plot, across, up, series.xs, below, first, last)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawPolygon(QPolygonF([*tops, *reversed(feet)]))
            pen = QPen(ink, 1.5)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF(tops))

    def _steps(
        self,
        plot: QRectF,
        across: Scale,
        up: Scale,
        xs: Sequence[float],
        ys: Sequence[float],
        first: int,
        last: int,
    ) -> list[QPointF]:
        """The corners of the steps from ``first`` to ``last``, which holds until the next x, or the axis' end."""
        end = xs[last + 1] if last + 1 < len(xs) else max(xs[last], across.high)
        points: list[QPointF] = []
        for at in range(first, last + 1):
            y = up.place(ys[at], plot.bottom(), plot.top())
            x = across.place(xs[at], plot.left(), plot.right())
            if points and abs(points[-1].y() - y) < 0.01:
                continue
            if points:
                points.append(QPointF(x, points[-1].y()))
            points.append(QPointF(x, y))
        points.append(QPointF(across.place(end, plot.left(), plot.right()), points[-1].y()))
        return points

    def _now(self, across: Scale) -> float | None:
        return None

    def _paint_marks(self, painter: QPainter, plot: QRectF, across: Scale, up: Scale) -> None:
        events, self._events = self._events, ()
        try:
            super()._paint_marks(painter, plot, across, up)
        finally:
            self._events = events
        colors = theme()
        height = colors.metrics("caption").height()
        taken: list[QRectF] = []
        for event in events:
            x = across.place(event.x, plot.left(), plot.right())
            if not plot.left() <= x <= plot.right():
                continue
            box = self._box_of(event, x, plot, across, up, height)
            # Words that would lie over others are told under the cursor instead; a mark says that there is something.
            while any(box.adjusted(-6, 0, 6, 0).intersects(other) for other in taken) and box.top() > plot.top():
                box.translate(0, -height)
            if any(box.adjusted(-6, 0, 6, 0).intersects(other) for other in taken):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colors.color("text3"))
                painter.drawEllipse(QPointF(x, plot.bottom() - 4), 2.5, 2.5)
                continue
            taken.append(box)
            draw_text(painter, box, event.words, "caption", colors.color("text2"))
        self._paint_near(painter, plot, across, events)

    def _box_of(self, event: Event, x: float, plot: QRectF, across: Scale, up: Scale, height: float) -> QRectF:
        """Where the words stand: just above the heap over all of their width."""
        width = min(text_width(event.words, "caption"), plot.width())
        # From the moment on: what it is about lies right of it.
        left = min(max(x, plot.left()), plot.right() - width)
        share = (across.high - across.low) / max(1.0, plot.width())
        low, high = (across.low + (edge - plot.left()) * share for edge in (left, left + width))
        top = plot.bottom()
        if self._series:
            heap = self._series[-1]
            for at, begin in enumerate(heap.xs):
                end = heap.xs[at + 1] if at + 1 < len(heap.xs) else across.high
                if begin <= high and end >= low and math.isfinite(heap.ys[at]):
                    top = min(top, up.place(heap.ys[at], plot.bottom(), plot.top()))
        return QRectF(left, max(plot.top() - height - 3, top - height - 4), width + 1, height)

    def _paint_near(self, painter: QPainter, plot: QRectF, across: Scale, events: Sequence[Event]) -> None:
        if self._cursor is None:
            return
        spot = across.place(self._cursor, plot.left(), plot.right())
        near = [event for event in events if abs(across.place(event.x, plot.left(), plot.right()) - spot) <= _NEAR]
        words = fitting([event.words for event in near], plot.width() - 12)
        if words:
            height = theme().metrics("caption").height()
            box = QRectF(plot.left(), plot.bottom() - height - 2, plot.width(), height)
            width = min(text_width(words, "caption") + 12, plot.width())
            left = min(max(spot - width / 2, plot.left()), plot.right() - width)
            fill_rounded(painter, QRectF(left, box.top(), width, height), 3, theme().color("raised"))
            ink = theme().color("text")
            draw_text(painter, QRectF(left + 6, box.top(), width - 12, height), words, "caption", ink)

    # What assistive technology is told

    def _refresh(self) -> None:
        super()._refresh()
        values = [f"{layer.name} {self._figure(layer.ys[-1])}" for layer in self._layers if len(layer.ys)]
        told = [f"{self._x_format(event.x)} {event.words}" for event in self._events]
        self.setAccessibleDescription("; ".join([", ".join(values), *told]) if values else self.placeholder)


def fitting(words: Sequence[str], room: float) -> str:
    """Words one after another, as many as there is ``room`` for (pixels), and how many more there are."""
    for count in range(min(len(words), _MOST_WORDS), 0, -1):
        more = f" and {len(words) - count} more" if count < len(words) else ""
        text = ", ".join(words[:count]) + more
        if count == 1 or text_width(text, "caption") <= room:
            return text
    return ""


def _known_runs(ys: Sequence[float]) -> list[tuple[int, int]]:
    """Inclusive runs of values that are numbers."""
    runs: list[tuple[int, int]] = []
    for at, y in enumerate(ys):
        if not math.isfinite(y):
            continue
        if runs and runs[-1][1] == at - 1:
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs
