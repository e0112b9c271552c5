"""The right pane: how busy the chosen instance is, its commands, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.chart import Event
from console.models.chart import Series as Line
from console.models.format import ago, bytes_text, percents, when
from console.tabs.compute.rows import COMMAND_COLUMNS, Row, agent_state, silent_agent, why
from console.widgets.base import label
from console.widgets.charts.chart import LineChart
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.page_scroll import PageScroll
from console.widgets.tables.table import ResourceTable
from console.widgets.text.key_values import KeyValues
from workers.compute.types import Command, InstanceSize, Series

SPANS = {"1": timedelta(hours=1), "6": timedelta(hours=6), "24": timedelta(hours=24)}
_METRICS = (
    ("CPUUtilization", "CPU"),
    ("network", "Network"),
    ("mem_used_percent", "Memory"),
    ("CPUCreditBalance", "CPU credits"),
)
_NO_MEMORY = "No figures: the CloudWatch agent does not run there."
# Pixels: both charts fit the side at 900 px of height; the box has its longest word.
_CHART_HEIGHT = 190
_BOX_WIDTH = 140
_SHORTEST_NAMED = timedelta(minutes=2)
# Names of commands side by side above a chart that do not touch.
_NAMES_AT_MOST = 4


class SidePane(QWidget):
    """Signals: ``spanChanged()``: other figures are wanted; ``commandChosen(Command)``."""

    spanChanged = Signal()
    commandChosen = Signal(object)

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: Row | None = None
        self._series: tuple[Series, ...] = ()
        self._commands: tuple[Command, ...] = ()
        self._title = label("CPU", "section")
        self.metric_box = ComboBox(list(_METRICS), "CPUUtilization", name="Metric", small=True)
        self.metric_box.setMaximumWidth(theme().pixels(_BOX_WIDTH))
        self.spans = Segmented([("1", "1 h"), ("6", "6 h"), ("24", "24 h")], "1", name="Time shown")
        self.chart = LineChart("", y_format=_percent, tick_format=_percent, y_range=(0, 100), time_axis=True)
        self.chart.setFixedHeight(_CHART_HEIGHT)
        self.bytes_chart = LineChart("", y_format=bytes_text, tick_format=bytes_text, time_axis=True)
        self.bytes_chart.setFixedHeight(_CHART_HEIGHT)
        self.plain_chart = LineChart("", y_format=_whole, tick_format=_whole, time_axis=True)
        self.plain_chart.setFixedHeight(_CHART_HEIGHT)
        self.table = ResourceTable(
            COMMAND_COLUMNS, key="id", name="Commands", noun="commands", sort=("requested", "desc"), multi=False
        )
        self.table.set_empty("terminal", "No commands yet", "Run one below the output, or start a training job.")
        self.table.fit_rows(most=8)
        self.table.remember(ctx.settings, "commands")
        self._count = label("", "small", "text3")
        self._facts = KeyValues(copy=("Instance", "Image"))
        self._reason = label("", "small", "text2", wrap=True)
        self._lay_out()
        self.spans.changed.connect(lambda _: self.spanChanged.emit())
        self.metric_box.chosen.connect(lambda _: self._show_chart())
        self.table.selectionChanged.connect(self._chosen)
        self._show_chart()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self.metric_box)
        head.addWidget(self.spans)
        commands = QHBoxLayout()
        commands.setSpacing(8)
        commands.addWidget(label("Commands", "section"))
        commands.addWidget(self._count)
        commands.addStretch(1)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(head)
        for chart in (self.chart, self.bytes_chart, self.plain_chart):
            column.addWidget(chart)
        column.addLayout(commands)
        column.addWidget(self.table)
        column.addWidget(label("Details", "section"))
        column.addWidget(self._reason)
        column.addWidget(self._facts)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Instance"))

    @property
    def span(self) -> timedelta:
        """The time that the charts show."""
        return SPANS[self.spans.current]

    # Contents

    def show_row(self, row: Row, size: InstanceSize | None, image: str) -> None:
        """Show this instance; another one forgets figures and commands."""
        if self._row is None or self._row.id != row.id:
            self._series, self._commands = (), ()
            self.table.set_rows([])
            self.table.set_loading("Reading the commands")
        self._row = row
        self._show_facts(row, size, image)
        self._show_chart()

    def forget(self) -> None:
        """Show no instance."""
        self._row, self._series, self._commands = None, (), ()
        self.table.set_rows([])
        self._facts.set_rows([])
        self._reason.hide()
        self._count.setText("")
        self._show_chart()

    def show_series(self, series: Sequence[Series]) -> None:
        """Show the figures of the instance."""
        self._series = tuple(series)
        self._show_chart()

    def show_commands(self, commands: Sequence[Command]) -> None:
        """Show its commands, newest first; the chart names those that took a while."""
        self._commands = tuple(commands)
        self.table.set_rows(list(commands))
        self._count.setText(str(len(commands)) if commands else "")
        self._show_chart()

    def choose(self, command: str) -> None:
        """Choose a command by its id."""
        self.table.select_keys([command])

    def _chosen(self) -> None:
        command = self.table.current_row()
        if command is not None:
            self.commandChosen.emit(command)

    def _show_chart(self) -> None:
        wanted = self.metric_box.value()
        name = self._row.name if self._row is not None else ""
        title = dict(_METRICS)[wanted]
        self._title.setText(f"{title} of {name}" if name else title)
        chart = {"network": self.bytes_chart, "CPUCreditBalance": self.plain_chart}.get(wanted, self.chart)
        for other in (self.chart, self.bytes_chart, self.plain_chart):
            other.setVisible(other is chart)
        now = datetime.now(UTC)
        chart.setAccessibleName(title)
        chart.set_x_range((now - self.span).timestamp(), now.timestamp())
        chart.set_placeholder(self._no_figures(wanted))
        names = ("NetworkIn", "NetworkOut") if wanted == "network" else (wanted,)
        tones = {"NetworkIn": "series1", "NetworkOut": "series3"}
        words = {"NetworkIn": "in", "NetworkOut": "out"}
        chart.set_series(
            [
                Line(
                    words.get(series.name, ""),
                    [at.timestamp() for at, _ in series.values],
                    [value for _, value in series.values],
                    tone=tones.get(series.name, "series1"),
                    fill=len(names) == 1,
                )
                for series in self._series
                if series.name in names and series.values
            ]
        )
        chart.set_events(self._events(now) if wanted == "CPUUtilization" else [])

    def _no_figures(self, wanted: str) -> str:
        if self._row is None:
            return "Choose an instance"
        if not self._series:
            return "Reading the figures…"
        if wanted == "mem_used_percent":
            return _NO_MEMORY
        if wanted == "CPUCreditBalance" and not self._row.instance.burstable:
            return f"Only T types have CPU credits; this is a {self._row.instance.type}."
        return "No figures in this time"

    def _events(self, now: datetime) -> list[Event]:
        """Where commands of some length began, named by their first words."""
        first, events = now - self.span, [Event(0.0, "")]
        for command in sorted(self._commands, key=lambda command: command.started or command.requested):
            began = command.started
            if began is None or began < first or ((command.ended or now) - began) < _SHORTEST_NAMED:
                continue
            # Words that would lie on each other are read by nobody; the list below has them all.
            if began.timestamp() - events[-1].x > self.span.total_seconds() / _NAMES_AT_MOST:
                events.append(Event(began.timestamp(), command.title[:24]))
        return events[1:]

    def _show_facts(self, row: Row, size: InstanceSize | None, image: str) -> None:
        instance = row.instance
        reason = why(instance)
        words = f"{instance.state.capitalize()}: {reason}" if reason else silent_agent(instance)
        self._reason.setVisible(bool(words))
        self._reason.setText(words)
        agent = agent_state(instance)
        seen = f", {ago(instance.agent.seen)}" if instance.agent is not None and instance.agent.seen else ""
        ports = instance.open_ports
        gpu = f", {size.gpus} × {size.gpu}" if size is not None and size.gpus else ""
        self._facts.set_rows(
            [
                ("Instance", instance.id),
                ("Image", image or instance.image),
                ("vCPU, memory", f"{size.vcpus}, {size.memory_gib:g} GiB{gpu}" if size is not None else ""),
                ("Role", instance.profile),
                ("Commands", f"{agent.word}{seen}" if agent is not None else ""),
                ("Metadata", "IMDSv2 required" if instance.tokens_required else "IMDSv1 is allowed"),
                ("Open ports", "not known" if ports is None else ", ".join(ports) or "none"),
                ("Disk", ", ".join(instance.volumes)),
                ("Shut down from inside", "terminates it" if instance.at_end == "terminate" else "stops it"),
                ("Started", when(instance.started)),
                ("Zone", instance.zone),
            ],
            {"Image": instance.image},
        )


def _percent(value: float) -> str:
    return percents(value / 100)


def _whole(value: float) -> str:
    return f"{value:,.0f}"
