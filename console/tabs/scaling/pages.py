"""The pages at the right: a variant's charts and activities, a function's concurrency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.chart import GAP_PERIODS, Threshold, with_zeros
from console.models.chart import Series as Line
from console.models.format import count, dollars, milliseconds
from console.tabs.scaling.rows import ACTIVITY_COLUMNS, WARM_COLUMNS, policy_words, standing
from console.tabs.scaling.schedule_list import ScheduleList
from console.tabs.scaling.sums import PartsBar
from console.widgets.base import label, on_theme
from console.widgets.charts.chart import LineChart
from console.widgets.forms.lines import HintLine, Legend
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.page_scroll import PageScroll
from console.widgets.tables.table import ResourceTable
from console.widgets.text.key_values import KeyValues
from workers.scaling.figures import period_for
from workers.scaling.types import FunctionScaling, Points, Policy, VariantFigures, VariantScaling

SPANS = {
    "1": timedelta(hours=1),
    "6": timedelta(hours=6),
    "24": timedelta(hours=24),
    "168": timedelta(days=7),
}
# One for all, so that the charts stand under each other.
_AXIS = "000 ms"
_CALLS_HEIGHT, _SMALL_HEIGHT = 200, 130


class VariantPage(QWidget):
    """Calls per instance with the alarms' lines, latencies, instances, and what auto scaling did or did not."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.standing = HintLine()
        self.spans = Segmented(
            [("1", "1 h"), ("6", "6 h"), ("24", "24 h"), ("168", "7 d")], "1", name="Time shown", small=True
        )
        top = QHBoxLayout()
        top.setSpacing(12)
        words = QVBoxLayout()
        words.addWidget(self.standing)
        # Its icon stays beside its first line.
        words.addStretch(1)
        top.addLayout(words, 1)
        top.addWidget(self.spans, 0, Qt.AlignmentFlag.AlignTop)
        self.calls = LineChart(
            "Invocations per instance and minute", y_format=_figure, time_axis=True, axis_sample=_AXIS
        )
        self.latency = LineChart(
            "Model latency", y_format=milliseconds, tick_format=milliseconds, time_axis=True, axis_sample=_AXIS
        )
        self.instances = LineChart(
            "Instances", y_format=_figure, tick_format=_figure, time_axis=True, axis_sample=_AXIS, whole=True
        )
        self.charts = (self.calls, self.instances, self.latency)
        for chart in self.charts:
            for other in self.charts:
                if other is not chart:
                    chart.share_axis(other)
        self.table = ResourceTable(
            ACTIVITY_COLUMNS, key="id", name="Activities", noun="activities", sort=("started", "desc"), multi=False
        )
        self.table.set_empty("history", "No activity yet", "What auto scaling does, and does not do, is listed here.")
        self.table.fit_rows(most=8)
        self.table.remember(ctx.settings, "scaling.activities")
        self._count = label("", "small", "text2")
        self.schedules = ScheduleList(ctx, of_function=False)
        self.policies = KeyValues()
        self._policies_head = label("Other policies", "section")
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(top)
        for chart in self.charts:
            column.addWidget(chart)
        column.addLayout(_head("Activities", self._count))
        column.addWidget(self.table)
        column.addWidget(self._policies_head)
        column.addWidget(self.policies)
        column.addWidget(self.schedules)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Variant"))
        self._dress()
        on_theme(self, self._dress)
        self.forget()

    def _dress(self) -> None:
        self.calls.setFixedHeight(theme().pixels(_CALLS_HEIGHT))
        for chart in (self.latency, self.instances):
            chart.setFixedHeight(theme().pixels(_SMALL_HEIGHT))

    def forget(self, words: str = "Choose a variant") -> None:
        """Show none."""
        self.standing.say("")
        self._count.setText("")
        self.table.set_rows([])
        for chart in self.charts:
            chart.set_series([])
            chart.set_thresholds([])
            chart.set_placeholder(words)
        self._show_policies(())

    def show_scaling(self, found: VariantScaling) -> None:
        """What auto scaling has done, and why it does nothing now."""
        tone, words = standing(found)
        self.standing.say(words, tone)  # type: ignore[arg-type]
        self.table.set_rows(list(found.activities))
        idle = sum(bool(activity.not_scaled) for activity in found.activities)
        done = len(found.activities) - idle
        self._count.setText(f"{done} done{f', {idle} not' if idle else ''}" if found.activities else "")
        high = next((alarm for alarm in found.alarms if alarm.side == "high"), None)
        low = next((alarm for alarm in found.alarms if alarm.side == "low"), None)
        lines = [Threshold(high.threshold, f"out {high.threshold:g}")] if high is not None else []
        lines += [Threshold(low.threshold, f"in {low.threshold:g}", "text3")] if low is not None else []
        self.calls.set_thresholds(lines)
        most = [Threshold(found.target.maximum, f"max {found.target.maximum}", "text3")] if found.target else []
        self.instances.set_thresholds(most)
        self._show_policies([policy for policy in found.policies if policy != found.policy])

    def _show_policies(self, others: Sequence[Policy]) -> None:
        """The policies that the form does not change."""
        self._policies_head.setVisible(bool(others))
        self.policies.setVisible(bool(others))
        self.policies.set_rows([(policy.name, policy_words(policy)) for policy in others])

    def show_figures(self, figures: VariantFigures, span: timedelta) -> None:
        """The series of the last ``span``."""
        now = datetime.now(UTC)
        for chart, none in ((self.calls, "No calls"), (self.latency, "No calls"), (self.instances, "Not known")):
            chart.set_x_range((now - span).timestamp(), now.timestamp())
            chart.set_placeholder(f"{none} in this time")
        period = period_for(span)
        counted = with_zeros([(at.timestamp(), number) for at, number in figures.per_instance], period)
        xs, ys = [x for x, _ in counted], [y for _, y in counted]
        self.calls.set_series([Line("per instance", xs, ys, "series1", fill=True)])
        self.instances.set_series([_line("in service", figures.instances, "series2", fill=True, step=True)])
        self.latency.set_series(
            [
                line
                for line in (
                    _line("p99", figures.p99, "series4", gap=period * GAP_PERIODS),
                    _line("p90", figures.p90, "series3", gap=period * GAP_PERIODS),
                    _line("p50", figures.p50, "series1", gap=period * GAP_PERIODS),
                )
                if len(line.xs)
            ]
        )


class FunctionPage(QWidget):
    """The account's pool as one bar, the function's own as another, and what is kept warm."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.legend = Legend()
        self.legend.set_entries([("on demand", "series1"), ("kept warm", "series2"), ("others", "series5")])
        self.account, self.own = PartsBar("Account"), PartsBar("Function")
        self._account_words, self._own_words = label("", "small", "text2"), label("", "small", "text2")
        self.table = ResourceTable(
            WARM_COLUMNS, key="qualifier", name="Kept warm", noun="versions", sort=("qualifier", "asc"), multi=False
        )
        self.table.set_empty(
            "lambda", "Nothing is kept warm", "The first call of each environment waits for its start."
        )
        self.table.fit_rows(most=6)
        self.table.remember(ctx.settings, "scaling.warm")
        self.facts = KeyValues()
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(label("Concurrency", "section"))
        column.addWidget(self.legend)
        for title, bar, words in (
            ("The account's pool", self.account, self._account_words),
            ("This function", self.own, self._own_words),
        ):
            column.addLayout(_head(title, words, role="small"))
            column.addWidget(bar)
            column.addSpacing(8)
        column.addWidget(self.facts)
        column.addWidget(label("Kept warm (provisioned)", "section"))
        column.addWidget(self.table)
        self.schedules = ScheduleList(ctx, of_function=True)
        column.addWidget(self.schedules)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Function"))

    def forget(self) -> None:
        """Show none."""
        self.table.set_rows([])
        self.facts.set_rows([])
        for bar, words in ((self.account, self._account_words), (self.own, self._own_words)):
            bar.set_parts([], 0, "not known")
            words.setText("")

    def show_scaling(self, found: FunctionScaling, month: float | None) -> None:
        """How much is reserved, kept warm and free. ``month``: US dollars of what is kept warm, None: not known."""
        pool, warm = found.pool, found.provided
        own = found.reserved if found.reserved is not None else warm
        others = max(0, pool.reserved - own)
        parts = [(max(0, own - warm), "series1"), (warm, "series2"), (others, "series5")]
        said = f"{pool.unreserved:,} of {pool.limit:,} free"
        self.account.set_parts(parts, pool.limit, said)
        self._account_words.setText(said)
        ceiling = found.reserved if found.reserved is not None else pool.unreserved
        used = "" if found.busiest is None else f"busiest {found.busiest:,.0f} of "
        said = f"{used}{ceiling:,}{'' if found.reserved is not None else ', shared with others'}"
        self.own.set_parts([(max(0, ceiling - warm), "series1"), (warm, "series2")], max(ceiling, 1), said)
        self._own_words.setText(said)
        self.table.set_rows(list(found.provisioned))
        cost = "–" if month is None else f"{dollars(month)} a month"
        busiest = "" if found.busiest is None else f"{count(round(found.busiest), 'call')} at a time"
        self.facts.set_rows(
            [
                ("Reserved", "none: it shares the pool" if found.reserved is None else f"{found.reserved:,}"),
                ("Busiest, 24 h", busiest),
                ("It may reserve", f"up to {pool.reservable(found.reserved):,}"),
                ("Kept warm costs", cost if warm else "nothing"),
                ("Memory", f"{found.memory_mb:,} MB"),
            ]
        )


def _head(title: str, words: QLabel, role: str = "section") -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(8)
    line.addWidget(label(title, role))
    if role != "section":
        line.addStretch(1)
    line.addWidget(words)
    if role == "section":
        line.addStretch(1)
    return line


def _line(name: str, points: Points, tone: str, *, fill: bool = False, step: bool = False, gap: float = 0.0) -> Line:
    xs, ys = [at.timestamp() for at, _ in points], [value for _, value in points]
    return Line(name, xs, ys, tone, fill=fill, step=step, gap=gap)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or value >= 10 else f"{value:,.1f}"
