"""The charts of a load test on one time axis: requests, latency, errors by code, instances."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.chart import Series
from console.models.format import milliseconds
from console.tabs.scaling.load.words import brief, shown, tick
from console.widgets.base import on_theme
from console.widgets.charts.chart import LineChart
from workers.load.types import LoadReport, Second

# One for all, so that the charts stand under each other.
_AXIS = "000 ms"
_TALL, _SMALL = 170, 124
# One chart after the other: all of them painted at once would keep the window from answering for too long.
_TURN_MS = 60
_TONES = ("series4", "series3", "series6", "series2", "series5", "series1")
_OTHERS = "others"


class LoadCharts(QWidget):
    """What is shown is added to second by second; another test's lines may lie behind."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.requests = _chart("Requests a second", shown)
        self.latency = _chart("Latency", milliseconds, tick)
        self.errors = _chart("Errors a second", shown)
        self.instances = _chart("Instances in service", shown)
        self.charts = (self.requests, self.latency, self.errors, self.instances)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for chart in self.charts:
            column.addWidget(chart)
            for other in self.charts:
                if other is not chart:
                    chart.share_axis(other)
        self._length = 1.0
        self._seconds: list[Second] = []
        self._instances: tuple[tuple[float, int], ...] = ()
        self._other: LoadReport | None = None
        self._show = {
            self.requests: self._show_requests,
            self.latency: self._show_latency,
            self.errors: self._show_errors,
            self.instances: self._show_instances,
        }
        self._due: list[LineChart] = []
        self._turn = QTimer(self)
        self._turn.setInterval(_TURN_MS)
        self._turn.timeout.connect(self._show_next)
        self._dress()
        on_theme(self, self._dress)
        self.forget()

    def _dress(self) -> None:
        for chart in self.charts:
            chart.setFixedHeight(theme().pixels(_TALL if chart in (self.requests, self.latency) else _SMALL))

    def forget(self) -> None:
        """Show none."""
        self.hide()
        self._empty("")

    def _empty(self, words: str) -> None:
        self._seconds, self._instances, self._other = [], (), None
        self._due.clear()
        for chart in self.charts:
            chart.set_series([])
            chart.set_placeholder(words)

    def begin(self, length: float, *, watched: bool = True) -> None:
        """A test of so many seconds begins; ``watched``: instances are counted."""
        self._empty("Starting…")
        self.show()
        self.errors.set_placeholder("No errors")
        self.instances.setVisible(watched)
        self._span(length)

    @property
    def length(self) -> float:
        """The seconds in sight."""
        return self._length

    def _span(self, length: float) -> None:
        self._length = max(1.0, length)
        for chart in self.charts:
            chart.set_x_range(0.0, self._length)

    def show_report(self, report: LoadReport, other: LoadReport | None = None) -> None:
        """A test that has ended, and another one behind it to compare with."""
        watched = bool(report.instances or (other is not None and other.instances))
        self.begin(max(report.elapsed, other.elapsed if other is not None else 0.0), watched=watched)
        for chart in (self.requests, self.latency, self.instances):
            chart.set_placeholder("Nothing was measured")
        self._other = other
        self.add(report.seconds, report.instances)

    def add(self, seconds: Sequence[Second], instances: Sequence[tuple[float, int]]) -> None:
        """Seconds that have ended, and all counts of instances so far."""
        if tuple(instances) != self._instances:
            self._instances = tuple(instances)
            self._soon(self.instances)
        if seconds:
            self._seconds += seconds
            if seconds[-1].at > self._length:
                # Answers may come long after the last request was sent.
                self._span(float(seconds[-1].at))
            self._soon(self.requests, self.latency)
            if any(second.errors for second in self._seconds):
                self._soon(self.errors)

    def _soon(self, *charts: LineChart) -> None:
        self._due += [chart for chart in charts if chart not in self._due]
        if not self._turn.isActive():
            self._turn.start()

    def _show_next(self) -> None:
        if self._due:
            self._show[self._due.pop(0)]()
        if not self._due:
            self._turn.stop()

    def _show_requests(self) -> None:
        answered = _line("answered", self._seconds, "answered", "series1", fill=True)
        if self._other is not None:
            self.requests.set_series([_line("before", self._other.seconds, "answered", behind=True), answered])
            return
        sent = _line("sent", self._seconds, "sent", "series2")
        self.requests.set_series([answered, sent, _line("intended", self._seconds, "intended", dash=(3, 3))])

    def _show_latency(self) -> None:
        before = [_line("p99 before", self._other.seconds, "p99", behind=True)] if self._other is not None else []
        self.latency.set_series(
            [
                *before,
                _line("p99", self._seconds, "p99", "series4"),
                _line("p90", self._seconds, "p90", "series3"),
                _line("p50", self._seconds, "p50", "series1", fill=True),
            ]
        )

    def _show_errors(self) -> None:
        self.errors.set_series(_errors(self._seconds))

    def _show_instances(self) -> None:
        before = [_steps("before", self._other.instances, behind=True)] if self._other is not None else []
        self.instances.set_series([*before, _steps("in service", self._instances)])


def _chart(title: str, words: Callable[[float], str], ticks: Callable[[float], str] | None = None) -> LineChart:
    return LineChart(title, y_format=words, tick_format=ticks or words, x_format=_seconds, axis_sample=_AXIS)


def _seconds(second: float) -> str:
    return f"{second:.0f} s"


def _line(
    name: str,
    seconds: Sequence[Second],
    figure: str,
    tone: str = "series5",
    *,
    fill: bool = False,
    dash: tuple[float, ...] = (),
    behind: bool = False,
) -> Series:
    values = [getattr(second, figure) for second in seconds]
    return Series(
        name,
        [second.at for second in seconds],
        [math.nan if value is None else value for value in values],
        tone,
        comparison=behind,
        fill=fill,
        dash=dash,
    )


def _steps(name: str, counts: Sequence[tuple[float, int]], *, behind: bool = False) -> Series:
    return Series(
        name,
        [at for at, _ in counts],
        [float(number) for _, number in counts],
        "series5" if behind else "series2",
        comparison=behind,
        step=True,
        fill=not behind,
    )


def _errors(seconds: Sequence[Second]) -> list[Series]:
    """A line for each kind, the most frequent first; the rest in one."""
    totals: Counter[str] = Counter()
    for second in seconds:
        for error in second.errors:
            totals[brief(error.code)] += error.count
    names = [name for name, _ in totals.most_common(len(_TONES) if len(totals) <= len(_TONES) else len(_TONES) - 1)]
    kept = set(names)
    names += [_OTHERS] if len(totals) > len(names) else []
    lines: dict[str, list[float]] = {name: [0.0] * len(seconds) for name in names}
    for at, second in enumerate(seconds):
        for error in second.errors:
            name = brief(error.code)
            lines[name if name in kept else _OTHERS][at] += error.count
    xs = [second.at for second in seconds]
    return [Series(name, xs, lines[name], tone) for name, tone in zip(names, _TONES, strict=False)]
