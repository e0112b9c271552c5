"""A line chart: horizontal grid, no frame, legend with current values, the last point dotted, a readout on hover.

::

    chart = LineChart("Loss", y_format=lambda value: f"{value:.2f}", y_from_zero=True, x_name="epoch")
    chart.set_x_range(1, 20)                                  # the epochs that are to come as well
    chart.set_series([Series("train", xs, losses, comparison=True), Series("val", xs, val_losses)])
    chart.set_thresholds([Threshold(30, "out 30")]); chart.set_events([Event(8.2, "two-host run, failed")])

With ``live=False`` (a distribution, say) the last point is nothing special: no dot, no current value.
``set_series`` may be called as often as figures come: it paints at most ten times a second. With ``time_axis`` the xs
are POSIX seconds. It is painted here rather than with a plotting library, whose import alone would stop the window for
a second. Arrow keys move the readout. Zooming, panning and saving: see ``zooming``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from weakref import WeakSet

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
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
    time_scale,
    value_scale,
)
from console.models.format import score_tick
from console.models.thinning import nearest, part
from console.widgets.base import antialias, draw_text, focus_ring, hairline, on_theme, text_width
from console.widgets.charts.pens import dashed, paint_crowd, paint_points, pen_of, stepped
from console.widgets.charts.saving import series_csv
from console.widgets.charts.zooming import Zooming

# Points may come by the hundred; ten drawings a second look alive.
_REPAINT_MS = 100
# Pixels.
_LEGEND_LINE = 14
_GAP = 6
# A closer look would show less than two points, or less than two minutes.
_LEAST_COUNTS, _LEAST_SECONDS = 2.0, 120.0

Format = Callable[[float], str]


def _plain(value: float) -> str:
    return f"{value:,.6g}"


class LineChart(Zooming):
    """Signals: ``hovered(object x or None)``, so that charts on one axis can share the readout by ``set_cursor``.

    ``share_axis`` makes charts on one axis share readout, zoom and the axis' right end.
    """

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
        self._beside: WeakSet[LineChart] = WeakSet()
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
        for chart in (self, *self._beside):
            chart._soon()

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
        low, high = self.take_whole(*self._whole_axis())
        most = max(2, int(plot.width() / theme().pixels(64)))
        offset = datetime.now().astimezone().utcoffset()
        seconds = offset.total_seconds() if offset is not None else 0.0
        across = time_scale(low, high, most, seconds) if self._time_axis else count_scale(low, high, most, self._unit())
        lines = max(2, min(5, int(plot.height() / theme().pixels(self._line_gap))))
        if self._y_range is not None:
            return across, value_scale(*self._y_range, lines, whole=self._whole)
        parts = [
            found
            for series in self._series
            if (found := series.pyramid.extent(*(part(series.xs, low, high) if self.zoomed else (0, len(series.ys)))))
        ]
        ys = [edge for found in parts for edge in found]
        ys += [threshold.value for threshold in self._thresholds]
        bottom = min(ys, default=0.0)
        top = max(ys, default=1.0)
        if self._y_from_zero:
            bottom = min(0.0, bottom)
        return across, value_scale(bottom, top, lines, whole=self._whole)

    def _whole_axis(self) -> tuple[float, float, float]:
        """From where to where the axis goes, and the shortest part of it that makes sense."""
        xs = [edge for series in self._series if len(series.xs) for edge in (series.xs[0], series.xs[-1])]
        low, high = self._x_range or ((min(xs), max(xs)) if xs else (0.0, 1.0))
        return low, high, _LEAST_SECONDS if self._time_axis else _LEAST_COUNTS * self._unit()

    def _unit(self) -> float:
        """1, or less on an axis of shares: what lies between its points on average."""
        xs: Sequence[float] = max((series.xs for series in self._series), key=len, default=())
        return min(1.0, (xs[-1] - xs[0]) / (len(xs) - 1)) if len(xs) > 1 else 1.0

    def settle_axis(self) -> None:
        """Take the axis as the figures make it."""
        self.take_whole(*self._whole_axis())

    def plot_area(self) -> QRectF:
        """Where the lines are, in the widget."""
        return self._plot()

    @property
    def chart_title(self) -> str:
        """Its title, or that it is a chart."""
        return self._title or "Chart"

    def csv(self) -> str:
        """A line for each x, a column for each line; times as ISO texts. What is not known is empty."""
        return series_csv(self._series, self._title, self._x_name, time_axis=self._time_axis)

    def share_axis(self, other: LineChart) -> None:
        """Show readout and part of this chart in ``other``, too, and leave it the same room for names at the right."""
        other._beside.add(self)
        self.hovered.connect(other.set_cursor)
        self.viewChanged.connect(other.show_part)

    def _plot(self) -> QRectF:
        line = theme().metrics("caption").height()
        head = theme().metrics("strong").height() + 12 + (line if self._events else 0)
        height = self.height() - head - line - 6
        sample = self._axis_sample or self._widest_tick(height)
        left = text_width(sample, "caption") + _GAP + 2
        lines = [threshold for chart in (self, *self._beside) for threshold in chart.thresholds]
        names = max((text_width(threshold.name, "caption") for threshold in lines), default=0.0)
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
        if self._cursor is not None and not across.low <= self._cursor <= across.high:
            # What zoom, or time, took out of sight is not told.
            self._cursor = None
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
            # The dot at the end may stand out; what goes on out of sight may not.
            painter.setClipRect(plot.adjusted(0, -5, 1, 4) if self.zoomed else plot.adjusted(-4, -5, 5, 4))
            for series in self._series:
                self._paint_line(painter, plot, across, up, series)
            painter.restore()
            self.paint_band(painter)
        if self.hasFocus():
            focus_ring(painter, plot.adjusted(-3, -3, 3, 3), 4)

    def _paint_head(self, painter: QPainter) -> None:
        colors = theme()
        height = colors.metrics("strong").height() + 2
        x = float(self.width()) - 4
        for name, figure, series in reversed(self.head_lines(x)):
            x -= text_width(figure, "name")
            draw_text(painter, QRectF(x, 0, 200, height), figure, "name", colors.color("text"))
            x -= text_width(name, "small") + 7
            draw_text(painter, QRectF(x, 0, 200, height), name, "small", colors.color("text2"))
            x -= _LEGEND_LINE + 8
            painter.setPen(pen_of(series, series.width or 2.0, Qt.PenCapStyle.FlatCap))
            painter.drawLine(QPointF(x, round(height / 2)), QPointF(x + _LEGEND_LINE, round(height / 2)))
            x -= 10
        words = self.head_words(x)
        draw_text(painter, QRectF(0, 0, max(0.0, x), height), words, "strong", colors.color("text"))

    def head_lines(self, room: float) -> list[tuple[str, str, Series]]:
        """The lines with their figures; without those of comparisons, or of any, where the title would be cut.

        ``room``: pixels of both. Under a readout all figures stay: it is what they are for.
        """
        named = [series for series in self._series if series.name]
        for told in (named, [series for series in named if not series.comparison], []):
            made: list[tuple[str, str, Series]] = []
            for series in named:
                value = series.at(self._cursor) if self._cursor is not None else series.last
                figure = "–" if value is None else self._y_format(value)
                shown = self._cursor is not None or (self._live and series in told)
                made.append((series.name, figure if shown else "", series))
            taken = sum(text_width(figure, "name") + text_width(name, "small") for name, figure, _ in made)
            taken += len(made) * (_LEGEND_LINE + 25)
            if self._cursor is not None or taken + text_width(self._title, "strong") <= room:
                break
        return made

    def head_words(self, room: float) -> str:
        """The title and where the readout is; where both have no room (pixels), where it is, for that is looked for."""
        if self._cursor is None:
            return self._title
        place = self._x_format(self._cursor)
        named = f"{self._x_name} {place}".strip()
        for words in (f"{self._title}  {named}".strip(), named):
            if text_width(words, "strong") <= room:
                return words
        return place

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
            painter.setPen(dashed(threshold.tone))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            box = QRectF(plot.right() + _GAP, middle - height / 2, self.width() - plot.right() - _GAP, height)
            draw_text(painter, box, threshold.name, "caption", colors.color(threshold.tone))
        for event in self._events:
            if not across.low <= event.x <= across.high:
                continue
            x = across.place(event.x, plot.left(), plot.right())
            width = text_width(event.words, "caption")
            painter.setPen(dashed("line2"))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            box = QRectF(
                min(max(x - width / 2, plot.left()), plot.right() - width), plot.top() - height - 2, width + 1, height
            )
            draw_text(painter, box, event.words, "caption", colors.color("text2"))
        moment = self._cursor if self._cursor is not None else self._now(across)
        if moment is not None and across.low <= moment <= across.high:
            spot = round(across.place(moment, plot.left(), plot.right())) + 0.5
            painter.setPen(dashed("line2" if self._cursor is None else "text3"))
            painter.drawLine(QPointF(spot, plot.top()), QPointF(spot, plot.bottom()))

    def _now(self, across: Scale) -> float | None:
        if not self._live:
            return None
        last = max((series.xs[-1] for series in self._series if len(series.xs)), default=None)
        return last if last is not None and across.low < last < across.high else None

    def _paint_line(self, painter: QPainter, plot: QRectF, across: Scale, up: Scale, series: Series) -> None:
        # By hand what Scale.place does: this is asked some thousand times a frame.
        wide = plot.width() / (across.high - across.low or 1.0)
        high = -plot.height() / (up.high - up.low or 1.0)
        left, bottom = plot.left() - across.low * wide, plot.bottom() - up.low * high
        crowd = series.envelope(across.low, across.high, max(50, int(plot.width())))
        if crowd:
            above = [QPointF(left + x * wide, bottom + highest * high) for x, _, highest in crowd]
            below = [QPointF(left + x * wide, bottom + lowest * high) for x, lowest, _ in crowd]
            paint_crowd(painter, plot, series, above, below)
            alone = False
            spot = QPointF(left + series.xs[-1] * wide, bottom + (series.last or 0.0) * high)
        else:
            pieces = series.pieces(across.low, across.high)
            if not pieces[0]:
                return
            for piece in pieces:
                points = [QPointF(left + x * wide, bottom + y * high) for x, y in piece]
                paint_points(painter, plot, series, stepped(points) if series.step else points)
            # A line of one point would not be seen.
            alone = len(pieces) == len(points) == 1
            spot = points[-1]
        # What ends out of sight has no end here.
        told = self._live and not series.comparison and series.xs[-1] <= across.high
        if self._cursor is not None:
            value = series.at(self._cursor)
            told = value is not None
            if value is not None:
                spot = QPointF(left + self._cursor * wide, bottom + value * high)
        if alone or (series.name and told):
            painter.setPen(QPen(theme().color("bg"), 1.5))
            painter.setBrush(theme().color(series.color_token))
            painter.drawEllipse(spot, 4.5, 4.5)

    # Readout

    def _xs(self) -> Sequence[float]:
        """Of the longest line, rather than of one it is compared with, as far as they are in sight."""
        longest: Series | None = max(
            self._series, key=lambda line: (len(line.xs) > 0 and not line.comparison, len(line.xs)), default=None
        )
        if longest is None:
            return []
        if not self.zoomed or self.shown_part is None:
            return longest.xs
        low, high = self.shown_part
        begin, end = part(longest.xs, low, high)
        return [x for x in longest.xs[begin:end] if low <= x <= high]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or let the readout jump to the nearest point."""
        if self.drag_on(event):
            return
        xs = self._xs()
        plot = self._plot()
        inside = plot.adjusted(-8, -8, 8, 8).contains(event.position())
        cursor: float | None = None
        if xs and inside:
            across, _ = self._scales(plot)
            share = (event.position().x() - plot.left()) / max(1.0, plot.width())
            wanted = across.low + share * (across.high - across.low)
            cursor = xs[nearest(xs, wanted)]
        self._move_cursor(cursor)

    def leaveEvent(self, event: QEvent) -> None:
        """Back to the current values."""
        self._move_cursor(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from point to point, Escape ends; for the zoom see ``zooming``."""
        if (self._cursor is None or event.key() != Qt.Key.Key_Escape) and self.zoom_key(event, self._cursor):
            return
        xs = self._xs()
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is not None and xs:
            at = len(xs) - 1 if self._cursor is None else nearest(xs, self._cursor)
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
