"""A line chart: horizontal grid, no frame, legend with current values, the last point dotted, a readout on hover.

::

    chart = LineChart("Loss", y_format=lambda value: f"{value:.2f}", y_from_zero=True, x_name="epoch")
    chart.set_x_range(1, 20)                                  # the epochs that are to come as well
    chart.set_series([Series("train", xs, losses, comparison=True), Series("val", xs, val_losses)])
    chart.set_thresholds([Threshold(30, "out 30")]); chart.set_events([Event(8.2, "two-host run, failed")])

With ``live=False`` (a distribution, say) the last point is nothing special: no dot, no current value.
``set_series`` may be called as often as figures come: it paints at most ten times a second. With ``time_axis`` the xs
are POSIX seconds. It is painted here rather than with a plotting library, whose import alone would stop the window for
a second. Arrow keys move the readout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import theme
from console.models.chart import (
    Event,
    Scale,
    Series,
    Threshold,
    alike,
    count_scale,
    spread,
    thin,
    time_scale,
    value_scale,
)
from console.models.format import score_tick
from console.widgets.base import antialias, draw_text, focus_ring, hairline, on_theme, text_width

# Points may come by the hundred; ten drawings a second look alive.
_REPAINT_MS = 100
# Pixels.
_LEGEND_LINE = 14
_GAP = 6

Format = Callable[[float], str]


def _plain(value: float) -> str:
    return f"{value:,.6g}"


class LineChart(QWidget):
    """Signals: ``hovered(object x or None)``, so that charts on one axis can share the readout by ``set_cursor``."""

    # Pixels between the lines of the grid, at least.
    _line_gap = 40

    hovered = Signal(object)

    def __init__(
        self,
        title: str = "",
        *,
        y_format: Format = _plain,
        tick_format: Format | None = None,
        x_format: Format | None = None,
        x_name: str = "",
        y_from_zero: bool = True,
        y_range: tuple[float, float] | None = None,
        time_axis: bool = False,
        live: bool = True,
        axis_sample: str = "",
        whole: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._y_format = y_format
        self._tick_format = tick_format or (score_tick if y_range == (0, 1) else _plain)
        self._x_format: Format = x_format or (_clock if time_axis else _plain)
        self._x_name = x_name
        self._y_from_zero = y_from_zero
        self._y_range = y_range
        self._time_axis = time_axis
        self._live = live
        self._axis_sample = axis_sample
        self._whole = whole
        self._x_range: tuple[float, float] | None = None
        self._series: tuple[Series, ...] = ()
        self._thresholds: tuple[Threshold, ...] = ()
        self._events: tuple[Event, ...] = ()
        self._placeholder = ""
        self._cursor: float | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REPAINT_MS)
        self._timer.timeout.connect(self._refresh)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title or "Chart")
        on_theme(self)

    # Contents

    def set_title(self, title: str) -> None:
        """Name the chart."""
        self._title = title
        self.setAccessibleName(title)
        self._soon()

    def set_series(self, series: Sequence[Series]) -> None:
        """Show these lines; the last one is painted on top."""
        self._series = tuple(series)
        self._soon()

    def set_x_range(self, low: float, high: float) -> None:
        """Keep the horizontal axis from ``low`` to ``high`` whatever points there are."""
        self._x_range = (low, high)
        self._soon()

    def set_y_range(self, low: float, high: float) -> None:
        """Keep the vertical axis from ``low`` to ``high`` whatever values there are."""
        self._y_range = (low, high)
        self._soon()

    def set_thresholds(self, thresholds: Sequence[Threshold]) -> None:
        """Dashed lines with their names right of the plot."""
        self._thresholds = tuple(thresholds)
        self._soon()

    def set_events(self, events: Sequence[Event]) -> None:
        """Words at moments of the axis."""
        self._events = tuple(events)
        self._soon()

    def set_placeholder(self, text: str) -> None:
        """What to say while there is no point."""
        self._placeholder = text
        self._soon()

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The dashed lines."""
        return self._thresholds

    @property
    def placeholder(self) -> str:
        """What is said while there is no point."""
        return self._placeholder

    def set_cursor(self, x: float | None) -> None:
        """Show the readout at ``x``, or the current values for ``None``."""
        if x != self._cursor:
            self._cursor = x
            self.update()

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _refresh(self) -> None:
        values = [
            f"{series.name} {self._y_format(last)}"
            for series in self._series
            if series.name and (last := series.last) is not None
        ]
        self.setAccessibleDescription(", ".join(values) or self._placeholder)
        self.update()

    def sizeHint(self) -> QSize:
        """About 300 by 200."""
        return QSize(theme().pixels(300), theme().pixels(200))

    def minimumSizeHint(self) -> QSize:
        """Room for the legend and two grid lines."""
        return QSize(theme().pixels(180), theme().pixels(110))

    # Geometry

    def _scales(self, plot: QRectF) -> tuple[Scale, Scale]:
        xs = [edge for series in self._series if len(series.xs) for edge in (series.xs[0], series.xs[-1])]
        low, high = self._x_range or ((min(xs), max(xs)) if xs else (0.0, 1.0))
        most = max(2, int(plot.width() / theme().pixels(64)))
        offset = datetime.now().astimezone().utcoffset()
        seconds = offset.total_seconds() if offset is not None else 0.0
        across = time_scale(low, high, most, seconds) if self._time_axis else count_scale(low, high, most)
        lines = max(2, min(5, int(plot.height() / theme().pixels(self._line_gap))))
        if self._y_range is not None:
            return across, value_scale(*self._y_range, lines, whole=self._whole)
        ys = [y for series in self._series for y in series.ys if math.isfinite(y)]
        ys += [threshold.value for threshold in self._thresholds]
        bottom = min(ys, default=0.0)
        top = max(ys, default=1.0)
        if self._y_from_zero:
            bottom = min(0.0, bottom)
        return across, value_scale(bottom, top, lines, whole=self._whole)

    def _plot(self) -> QRectF:
        line = theme().metrics("caption").height()
        head = theme().metrics("strong").height() + 12 + (line if self._events else 0)
        height = self.height() - head - line - 6
        sample = self._axis_sample or self._widest_tick(height)
        left = text_width(sample, "caption") + _GAP + 2
        names = max((text_width(threshold.name, "caption") for threshold in self._thresholds), default=0.0)
        right = names + _GAP if names else 4
        return QRectF(left, head, self.width() - left - right, height)

    def _widest_tick(self, height: float) -> str:
        _, up = self._scales(QRectF(0, 0, self.width(), height))
        return max(self._up_texts(up), key=len, default="0")

    def _up_texts(self, up: Scale) -> list[str]:
        return alike([self._tick_format(tick) for tick in up.ticks])

    def _empty(self) -> bool:
        return not any(len(series.xs) for series in self._series)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Title and legend, grid, lines, marks."""
        painter = QPainter(self)
        antialias(painter)
        plot = self._plot()
        across, up = self._scales(plot)
        self._paint_head(painter)
        waiting = self._empty() and bool(self._placeholder)
        if not waiting:
            self._paint_axes(painter, plot, across, up)
        if self._empty():
            ink = theme().color("text3")
            draw_text(painter, plot, self._placeholder, "small", ink, Qt.AlignmentFlag.AlignHCenter)
        else:
            self._paint_marks(painter, plot, across, up)
            painter.save()
            painter.setClipRect(plot.adjusted(-4, -5, 5, 4))
            for series in self._series:
                self._paint_line(painter, plot, across, up, series)
            painter.restore()
        if self.hasFocus():
            focus_ring(painter, plot.adjusted(-3, -3, 3, 3), 4)

    def _paint_head(self, painter: QPainter) -> None:
        colors = theme()
        height = colors.metrics("strong").height() + 2
        legend: list[tuple[str, str, Series]] = []
        for series in (series for series in self._series if series.name):
            value = series.at(self._cursor) if self._cursor is not None else series.last
            figure = "–" if value is None else self._y_format(value)
            shown = figure if self._live or self._cursor is not None else ""
            legend.append((series.name, shown, series))
        x = float(self.width()) - 4
        for name, figure, series in reversed(legend):
            x -= text_width(figure, "name")
            draw_text(painter, QRectF(x, 0, 200, height), figure, "name", colors.color("text"))
            x -= text_width(name, "small") + 7
            draw_text(painter, QRectF(x, 0, 200, height), name, "small", colors.color("text2"))
            x -= _LEGEND_LINE + 8
            painter.setPen(_pen(series, series.width or 2.0, Qt.PenCapStyle.FlatCap))
            painter.drawLine(QPointF(x, round(height / 2)), QPointF(x + _LEGEND_LINE, round(height / 2)))
            x -= 10
        words = self._title
        if self._cursor is not None:
            words = f"{self._title}  {self._x_name} {self._x_format(self._cursor)}".strip()
        draw_text(painter, QRectF(0, 0, max(0.0, x), height), words, "strong", colors.color("text"))

    def _paint_axes(self, painter: QPainter, plot: QRectF, across: Scale, up: Scale) -> None:
        colors = theme()
        ink = colors.color("text3")
        height = colors.metrics("caption").height()
        for tick, text in zip(up.ticks, self._up_texts(up), strict=True):
            y = round(up.place(tick, plot.bottom(), plot.top()))
            base = tick == up.ticks[0]
            hairline(painter, plot.left(), plot.right(), y, "line2" if base else "line")
            box = QRectF(0, y - height / 2, plot.left() - _GAP, height)
            draw_text(painter, box, text, "caption", ink, Qt.AlignmentFlag.AlignRight)
        for tick in across.ticks:
            text = self._x_format(tick)
            width = text_width(text, "caption")
            x = across.place(tick, plot.left(), plot.right())
            x = min(max(x - width / 2, 0.0), self.width() - width)
            draw_text(painter, QRectF(x, plot.bottom() + 5, width + 1, height), text, "caption", ink)

    def _paint_marks(self, painter: QPainter, plot: QRectF, across: Scale, up: Scale) -> None:
        colors = theme()
        height = colors.metrics("caption").height()
        places = [round(up.place(threshold.value, plot.bottom(), plot.top())) + 0.5 for threshold in self._thresholds]
        names = spread(places, height, height / 2, self.height() - height / 2)
        for threshold, y, middle in zip(self._thresholds, places, names, strict=True):
            painter.setPen(_dashed(threshold.tone))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            box = QRectF(plot.right() + _GAP, middle - height / 2, self.width() - plot.right() - _GAP, height)
            draw_text(painter, box, threshold.name, "caption", colors.color(threshold.tone))
        for event in self._events:
            x = across.place(event.x, plot.left(), plot.right())
            width = text_width(event.words, "caption")
            painter.setPen(_dashed("line2"))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            box = QRectF(
                min(max(x - width / 2, plot.left()), plot.right() - width), plot.top() - height - 2, width + 1, height
            )
            draw_text(painter, box, event.words, "caption", colors.color("text2"))
        moment = self._cursor if self._cursor is not None else self._now(across)
        if moment is not None:
            spot = round(across.place(moment, plot.left(), plot.right())) + 0.5
            painter.setPen(_dashed("line2" if self._cursor is None else "text3"))
            painter.drawLine(QPointF(spot, plot.top()), QPointF(spot, plot.bottom()))

    def _now(self, across: Scale) -> float | None:
        if not self._live:
            return None
        last = max((series.xs[-1] for series in self._series if len(series.xs)), default=None)
        return last if last is not None and last < across.high else None

    def _paint_line(self, painter: QPainter, plot: QRectF, across: Scale, up: Scale, series: Series) -> None:
        points = [
            QPointF(across.place(x, plot.left(), plot.right()), up.place(y, plot.bottom(), plot.top()))
            for x, y in thin(series.xs, series.ys, max(50, int(plot.width())))
        ]
        if not points:
            return
        color = theme().color(series.color_token)
        if series.step:
            points = _stepped(points)
        if series.fill and len(points) > 1:
            foot = [QPointF(points[-1].x(), plot.bottom()), QPointF(points[0].x(), plot.bottom())]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color(series.color_token, 0.12))
            painter.drawPolygon(QPolygonF(points + foot))
        width = series.width or (1.5 if series.comparison else 2.0)
        if series.dash:
            # The dashes are cut out of the lines below, or two colours would run into each other.
            painter.setPen(_cutting(series, width))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF(points))
        painter.setPen(_pen(series, width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        spot = points[-1]
        if self._cursor is not None:
            value = series.at(self._cursor)
            if value is not None:
                x = across.place(self._cursor, plot.left(), plot.right())
                spot = QPointF(x, up.place(value, plot.bottom(), plot.top()))
        if series.cut:
            painter.drawLine(points[-1] - QPointF(0, 4), points[-1] + QPointF(0, 4))
        if series.name and (self._cursor is not None or (self._live and not series.comparison)):
            painter.setPen(QPen(theme().color("bg"), 1.5))
            painter.setBrush(color)
            painter.drawEllipse(spot, 4.5, 4.5)

    # Readout

    def _xs(self) -> list[float]:
        longest: Series | None = max(self._series, key=lambda series: len(series.xs), default=None)
        return list(longest.xs) if longest is not None else []

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The readout jumps to the nearest point."""
        xs = self._xs()
        plot = self._plot()
        inside = plot.adjusted(-8, -8, 8, 8).contains(event.position())
        cursor: float | None = None
        if xs and inside:
            across, _ = self._scales(plot)
            share = (event.position().x() - plot.left()) / max(1.0, plot.width())
            wanted = across.low + share * (across.high - across.low)
            cursor = min(xs, key=lambda x: abs(x - wanted))
        self._move_cursor(cursor)

    def leaveEvent(self, event: QEvent) -> None:
        """Back to the current values."""
        self._move_cursor(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from point to point, Escape ends."""
        xs = self._xs()
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is not None and xs:
            at = len(xs) - 1 if self._cursor is None else xs.index(min(xs, key=lambda x: abs(x - (self._cursor or 0))))
            at = at if self._cursor is None and step > 0 else max(0, min(len(xs) - 1, at + step))
            self._move_cursor(xs[at])
        elif event.key() == Qt.Key.Key_Escape and self._cursor is not None:
            self._move_cursor(None)
        else:
            super().keyPressEvent(event)

    def _move_cursor(self, x: float | None) -> None:
        if x != self._cursor:
            self.set_cursor(x)
            self.hovered.emit(x)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring and the readout away."""
        super().focusOutEvent(event)
        self._move_cursor(None)
        self.update()


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%H:%M}"


def _pen(series: Series, width: float, cap: Qt.PenCapStyle = Qt.PenCapStyle.RoundCap) -> QPen:
    pen = QPen(theme().color(series.color_token), width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    # A round cap would close the gaps of a dashed line.
    pen.setCapStyle(Qt.PenCapStyle.FlatCap if series.dash else cap)
    if series.dash:
        pen.setDashPattern(list(series.dash))
    return pen


def _cutting(series: Series, width: float) -> QPen:
    pen = _pen(series, width + 4)
    # The pattern is in widths of the line.
    pen.setDashPattern([length * width / (width + 4) for length in series.dash])
    pen.setColor(theme().color("bg"))
    return pen


def _dashed(tone: str) -> QPen:
    pen = QPen(theme().color(tone), 1)
    pen.setDashPattern([3, 3])
    return pen


def _stepped(points: list[QPointF]) -> list[QPointF]:
    made = points[:1]
    for point in points[1:]:
        made += [QPointF(point.x(), made[-1].y()), point]
    return made
