"""What everything cost an hour over a day, a week or a month, by kind, with what happened in words."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.chart import Event
from console.widgets.base import on_theme
from console.widgets.charts.stacked import Layer, StackedChart
from console.widgets.forms.segmented import Segmented
from workers.inventory.types import COST_GROUPS, CostGroup, CostHistory

Span = Literal["24h", "7d", "30d"]
SPANS: dict[str, timedelta] = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
TONES: dict[CostGroup, str] = {"Endpoints": "series1", "EC2": "series2", "Training": "series3", "Other": "series5"}
# The chart's height by the height of the page: a low window leaves more of it to the list below.
_HEIGHTS = ((800, 192), (620, 156), (0, 120))


class CostPanel(QWidget):
    """Signal ``spanChanged()``: another span is wanted."""

    spanChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._room = 900
        self.chart = StackedChart("Cost per hour")
        self.spans = Segmented([("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d")], "24h", name="Time shown", small=True)
        self.chart.set_corner(self.spans)
        self.chart.set_placeholder("Reading what it cost…")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.chart)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.spans.changed.connect(self._span_changed)
        self._dress()
        on_theme(self, self._dress)

    @property
    def span(self) -> timedelta:
        """The time that is shown."""
        return SPANS[self.spans.current]

    def set_room(self, height: int) -> None:
        """How high the page is."""
        self._room = height
        self._dress()

    def forget(self) -> None:
        """Nothing is known."""
        self.chart.set_layers((), ())
        self.chart.set_events(())
        self.chart.setToolTip("")
        self.chart.set_placeholder("Reading what it cost…")

    def set_error(self, words: str) -> None:
        """It could not be read: what is shown from before stays."""
        self.chart.set_placeholder(words)

    def show_history(self, found: CostHistory) -> None:
        """Show the steps and the events of a span."""
        self.chart.set_x_range(found.start.timestamp(), found.end.timestamp())
        points = found.points
        xs = [point.at.timestamp() for point in points]
        self.chart.set_layers(
            xs,
            [
                Layer(group, TONES[group], [point.dollars.get(group, math.nan) for point in points])
                for group in COST_GROUPS
            ],
        )
        self.chart.set_events([Event(event.at.timestamp(), event.words) for event in found.events])
        self.chart.setToolTip("\n".join(found.missing))
        if not points:
            self.chart.set_placeholder("Nothing is known of this time yet: SageDeck keeps account from now on.")

    def _span_changed(self, _: str) -> None:
        self.spanChanged.emit()

    def _dress(self) -> None:
        height = next(height for least, height in _HEIGHTS if self._room >= theme().pixels(least))
        self.chart.setFixedHeight(theme().pixels(height))
