"""What a machine uses over time: processors, memory and disk, in percent of what its type has."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from console.look.theme import theme
from console.models.chart import Series
from console.widgets.base import draw_text, text_width
from console.widgets.charts.chart import LineChart
from console.widgets.charts.pens import pen_of
from workers.aws.machine_use import MachineUse

# Pixels: the line of a series in the legend, and the gaps behind line, name and figure.
_SWATCH, _AFTER_SWATCH, _AFTER_NAME, _AFTER_FIGURE = 10, 5, 5, 10


def share(value: float) -> str:
    """``18 %``."""
    return f"{value:.0f} %"


class MachineChart(LineChart):
    """Three lines on one axis of time, their legend below the title; without figures it says why there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        # How much of the legend's gaps there is room for, 1: all.
        self._tight = 1.0
        super().__init__("Machine", y_format=share, tick_format=share, time_axis=True, parent=parent)

    @property
    def shown(self) -> dict[str, float]:
        """The latest figure of each line."""
        return {series.name: series.ys[-1] for series in self._series}

    @property
    def said(self) -> str:
        """What is said where there are no figures."""
        return "" if self._series else self._placeholder

    def set_use(self, use: MachineUse | None, without: str, cores: int = 0) -> None:
        """Show ``use`` of machines with so many ``cores`` (0: not known); ``without``: what to say for none."""
        self.set_series(machine_series(use, cores) if use is not None else [])
        self.set_placeholder(without)
        of = f"its {cores} cores" if cores else "one core"
        self.setToolTip(f"CPU is a share of {of}, memory and disk of what the machine has.")

    def _legend_height(self) -> int:
        return theme().metrics("name").height() + 2 if self._series else 0

    def _plot(self) -> QRectF:
        return super()._plot().adjusted(0, self._legend_height(), 0, 0)

    def legend(self) -> list[tuple[float, float, Series, str]]:
        """Where each line's entry begins and ends, with its figure; the gaps give way before an entry is cut."""
        entries = []
        for series in reversed(self._series):
            value = series.at(self._cursor) if self._cursor is not None else series.last
            entries.append((series, "–" if value is None else self._y_format(value)))
        texts = sum(text_width(series.name, "small") + text_width(figure, "name") for series, figure in entries)
        gaps = len(entries) * (_AFTER_SWATCH + _AFTER_NAME + _AFTER_FIGURE) - _AFTER_FIGURE
        self._tight = max(0.3, min(1.0, (self.width() - 2 - texts - len(entries) * _SWATCH) / max(1, gaps)))
        x, places = 0.0, []
        for series, figure in entries:
            end = x + _SWATCH + (_AFTER_SWATCH + _AFTER_NAME) * self._tight
            end += text_width(series.name, "small") + text_width(figure, "name")
            places.append((x, end, series, figure))
            x = end + _AFTER_FIGURE * self._tight
        return places

    def _paint_head(self, painter: QPainter) -> None:
        colors = theme()
        height = colors.metrics("strong").height() + 2
        words = self._title
        if self._cursor is not None:
            words = f"{self._title}  {self._x_format(self._cursor)}"
        draw_text(painter, QRectF(0, 0, self.width(), height), words, "strong", colors.color("text"))
        below = self._legend_height()
        for x, _, series, figure in self.legend():
            painter.setPen(pen_of(series, series.width or 2.0, Qt.PenCapStyle.FlatCap))
            middle = round(height + below / 2)
            painter.drawLine(QPointF(x, middle), QPointF(x + _SWATCH, middle))
            x += _SWATCH + _AFTER_SWATCH * self._tight
            for text, role, ink in ((series.name, "small", "text2"), (figure, "name", "text")):
                width = text_width(text, role)
                draw_text(painter, QRectF(x, height, width + 2, below), text, role, colors.color(ink))
                x += width + _AFTER_NAME * self._tight


def machine_series(use: MachineUse, cores: int) -> list[Series]:
    """The lines of what is known; the processors are on top."""
    lines = (
        ("disk", use.disk, "series5", 1),
        ("memory", use.memory, "series3", 1),
        # AWS counts a busy core as 100.
        ("CPU", use.cpu, "series1", cores or 1),
    )
    return [
        Series(name, [at.timestamp() for at, _ in points], [value / of for _, value in points], tone=tone)
        for name, points, tone, of in lines
        if points
    ]
