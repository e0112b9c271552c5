"""A chart that one draws on: calls of each minute, by the mouse or by the keyboard.

::

    curve = DrawnCurve("Traffic, calls a minute"); curve.set_curve(begin, [20.0] * 1440, top=600)
    curve.drawn.connect(lambda: replay(curve.values))

Drag to draw. Left and right choose a part of the curve, up and down change it, with Page up and Page down by more; Home
and End go to its ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from console.models.chart import Series
from console.widgets.charts.chart import LineChart

# The keyboard moves by one of so many parts of the curve, and of the axis.
_PARTS, _STEPS, _LARGE = 48, 40, 5
_MINUTE = 60.0


class DrawnCurve(LineChart):
    """Signals: ``drawn()`` after every change by the operator; read ``values``."""

    drawn = Signal()
    drags = False

    def __init__(self, title: str, *, axis_sample: str = "", parent: QWidget | None = None) -> None:
        super().__init__(
            title,
            y_format=lambda calls: f"{calls:,.0f}",
            time_axis=True,
            live=False,
            axis_sample=axis_sample,
            parent=parent,
        )
        self._begin, self._values, self._top = 0.0, [0.0], 1.0
        self._last: tuple[int, float] | None = None
        self.setCursor(Qt.CursorShape.CrossCursor)

    @property
    def values(self) -> tuple[float, ...]:
        """Calls of each minute."""
        return tuple(self._values)

    @property
    def begin(self) -> float:
        """POSIX seconds of the first minute."""
        return self._begin

    @property
    def top(self) -> float:
        """The highest value that can be drawn."""
        return self._top

    def set_curve(self, begin: float, values: Sequence[float], top: float) -> None:
        """Show these minutes from ``begin`` (POSIX seconds) on an axis up to ``top``."""
        self._begin, self._values, self._top = begin, list(values) or [0.0], max(1.0, top)
        self.set_x_range(begin, begin + (len(self._values) - 1 or 1) * _MINUTE)
        self.set_y_range(0.0, self._top)
        self._show()

    def _show(self) -> None:
        xs = [self._begin + at * _MINUTE for at in range(len(self._values))]
        self.set_series([Series("calls a minute", xs, self._values, "series1", fill=True)])

    # Drawing

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to draw."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._last = None
            self._draw_to(event.position())
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw on, or show the readout."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._draw_to(event.position())
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The line ends."""
        self._last = None
        super().mouseReleaseEvent(event)

    def _draw_to(self, position: QPointF) -> None:
        plot = self._plot()
        across = (position.x() - plot.left()) / max(1.0, plot.width())
        up = (plot.bottom() - position.y()) / max(1.0, plot.height())
        low, high, _ = self._whole_axis()
        begin, end = self.shown_part or (low, high)
        moment = begin + min(1.0, max(0.0, across)) * (end - begin)
        at = max(0, min(len(self._values) - 1, round((moment - self._begin) / _MINUTE)))
        # The axis may end above the highest value: its ends are round.
        _, scale = self._scales(plot)
        value = min(self._top, max(0.0, scale.low + up * (scale.high - scale.low)))
        before, height = self._last or (at, value)
        first, last = min(before, at), max(before, at)
        for minute in range(first, last + 1):
            share = (minute - before) / (at - before) if at != before else 1.0
            self._values[minute] = height + (value - height) * share
        self._last = (at, value)
        self._show()
        self.drawn.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose a part, and change it."""
        part = max(1, len(self._values) // _PARTS)
        last = (len(self._values) - 1) // part * part
        chosen = (
            None if self._cursor is None else min(last, round((self._cursor - self._begin) / _MINUTE) // part * part)
        )
        step = self._top / _STEPS
        change = {
            Qt.Key.Key_Up: step,
            Qt.Key.Key_Down: -step,
            Qt.Key.Key_PageUp: step * _LARGE,
            Qt.Key.Key_PageDown: -step * _LARGE,
        }.get(Qt.Key(event.key()))
        goes = {
            Qt.Key.Key_Left: max(0, (chosen if chosen is not None else part) - part),
            Qt.Key.Key_Right: min(last, chosen + part) if chosen is not None else 0,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }.get(Qt.Key(event.key()))
        if goes is not None:
            self._move_cursor(self._begin + goes * _MINUTE)
        elif change is not None:
            first = chosen or 0
            self._move_cursor(self._begin + first * _MINUTE)
            for minute in range(first, min(first + part, len(self._values))):
                self._values[minute] = min(self._top, max(0.0, self._values[minute] + change))
            self._show()
            self.drawn.emit()
        else:
            super().keyPressEvent(event)
