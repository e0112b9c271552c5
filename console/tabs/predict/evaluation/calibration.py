"""How sure the answers were against how many of them were right: a reliability diagram, and the answers a bin."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.models.chart import Series
from console.models.format import percents
from console.widgets.base import label
from console.widgets.charts.chart import LineChart
from workers.evaluation.measures import Bin

_HINT = (
    "Each point is a bin of answers: how sure they were on average, and how many of them were right. On the thin line "
    "both are the same; below it the model is too sure of itself, above it too modest."
)

# What stands before the lines of both, so that they begin at the same place.
_AXIS = "0.00"


class CalibrationView(QWidget):
    """Two charts on one axis."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = label("", "strong")
        self.chart = LineChart(
            "Right", y_format=lambda value: percents(value, 1), x_format=percents, x_name="sure", y_range=(0, 1),
            live=False, axis_sample=_AXIS,
        )  # fmt: skip
        self.counts = LineChart(
            "Answers",
            y_format=lambda value: f"{value:,.0f}",
            x_format=percents,
            x_name="sure",
            live=False,
            whole=True,
            axis_sample=_AXIS,
        )
        for chart in (self.chart, self.counts):
            chart.set_x_range(0, 1)
            chart.set_placeholder("No answers to judge yet")
        self.chart.share_axis(self.counts)
        self.counts.share_axis(self.chart)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addWidget(label(_HINT, "small", "text3", wrap=True))
        column.addWidget(self.chart, 3)
        column.addWidget(self.counts, 2)

    def show_bins(self, bins: Sequence[Bin], ece: float | None) -> None:
        """Show these bins."""
        known = [part for part in bins if part.confidence is not None and part.accuracy is not None]
        error = f"Expected calibration error {percents(ece, 1)}" if ece is not None else ""
        self.words.setText(error)
        if not known:
            self.chart.set_series([])
            self.counts.set_series([])
            return
        sure = [part.confidence or 0.0 for part in known]
        # A point wherever the readout stops: what it tells is that of the nearest one.
        same = sorted({0.0, *sure, 1.0})
        line = Series("as sure as right", same, same, comparison=True)
        points = Series("right", sure, [part.accuracy or 0.0 for part in known], tone="series1")
        self.chart.set_series([line, points])
        edges = [*(part.low for part in bins), 1.0]
        numbers = [*(float(part.count) for part in bins), float(bins[-1].count)]
        self.counts.set_series([Series("", edges, numbers, tone="series1", step=True, fill=True)])
