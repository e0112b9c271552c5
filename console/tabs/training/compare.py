"""Two or more jobs side by side: curves overlaid, results, and the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.chart import Series
from console.models.columns import Column
from console.models.format import count, fraction, loss
from console.tabs.training.compare_facts import Fact, facts
from console.tabs.training.rows import JobRow, trial_number
from console.tabs.training.tuning.views import TONES, last_epoch, points
from console.widgets.base import label
from console.widgets.charts.chart import LineChart
from console.widgets.forms.buttons import Button
from console.widgets.forms.switch import Switch
from console.widgets.frames.panes import Panes
from console.widgets.tables.table import ResourceTable
from workers.errors.tree import NotFound, SageDeckError
from workers.types import EpochMetrics

if TYPE_CHECKING:
    from workers.services import Services

# Requests for one job's log, some two million lines.
_MOST_PAGES = 200
# A to Z, then numbers.
_LETTERS = 26
# The first line is under the others.
_UNDER = 3.0
_DASHES = ((5.0, 4.0), (1.5, 2.5), (8.0, 3.0, 1.5, 3.0))


class CompareView(QWidget):
    """``show_rows`` compares these jobs; a tuning job stands for its best trial. Signals: ``closed()``."""

    closed = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.rows: tuple[JobRow, ...] = ()
        self.curves: dict[str, tuple[EpochMetrics, ...]] = {}
        self.table: ResourceTable | None = None
        self._read_all = False
        self._title = label("", "section")
        self._note = label("", "small", "text2")
        self.differences = Switch("Only settings that differ", True)
        self._loss = LineChart("Validation loss", y_format=loss, x_name="epoch", live=False)
        self._accuracy = LineChart("Validation accuracy", y_format=fraction, x_name="epoch", y_range=(0, 1), live=False)
        below = QWidget()
        self._place = QVBoxLayout(below)
        self._place.setContentsMargins(0, 0, 0, 0)
        head = QHBoxLayout()
        head.setSpacing(12)
        for part in (self._title, self._note):
            head.addWidget(part)
        head.addStretch(1)
        head.addWidget(self.differences)
        head.addWidget(Button("Close", small=True, on=self.closed.emit))
        above = QWidget()
        charts = QHBoxLayout(above)
        charts.setContentsMargins(0, 0, 0, 0)
        charts.setSpacing(24)
        charts.addWidget(self._loss, 1)
        charts.addWidget(self._accuracy, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(head)
        parts = Panes(Qt.Orientation.Vertical, ctx.settings, "training.compare")
        parts.add(above, 4)
        parts.add(below, 5)
        column.addWidget(parts, 1)
        self.differences.toggled.connect(lambda _: self._fill())

    def show_rows(self, rows: Sequence[JobRow]) -> None:
        """Compare these; what has been read of them before is kept."""
        rows = sorted(rows, key=lambda row: row.created)
        same = [row.key for row in rows] == [row.key for row in self.rows]
        self.rows = tuple(rows)
        if not same:
            self.curves = {key: curve for key, curve in self.curves.items() if key in {row.key for row in rows}}
            self._make_table()
        self._read_all = False
        self._title.setText(f"Comparing {count(len(rows), 'job')}")
        self._fill()
        self._draw()
        self.ctx.with_services(
            self._read, label="Read the jobs to compare", key="training:compare", on_error=self._failed
        )

    def forget(self) -> None:
        """Compare nothing."""
        self.ctx.tasks.cancel("training:compare")
        self.rows, self.curves = (), {}
        self._title.setText("")
        self._note.setText("")
        self._make_table()
        self._draw()

    @property
    def facts(self) -> list[Fact]:
        """The lines shown."""
        found = facts(self.rows, self.curves)
        return [fact for fact in found if fact.result or fact.differs or not self.differences.isChecked()]

    async def _read(self, services: Services) -> None:
        for row in self.rows:
            if row.key not in self.curves or row.running:
                self.curves[row.key] = await self._curve(services, row)
                self._draw()
        self._read_all = True
        self._note.setText("")
        self._fill()
        self._draw()

    async def _curve(self, services: Services, row: JobRow) -> tuple[EpochMetrics, ...]:
        name = row.name
        if row.tuning is not None:
            name = row.tuning.best.name if row.tuning.best is not None else ""
        if not name:
            return ()
        try:
            job = await services.training.describe(name)
        except NotFound:
            return ()
        reader = services.training.curve_reader(job)
        token: str | None = None
        for _ in range(_MOST_PAGES):
            events, token = await services.training.log(name, token)
            if not events:
                break
            reader.feed(events)
        return reader.epochs

    def _failed(self, error: BaseException) -> None:
        self._note.setText(error.title if isinstance(error, SageDeckError) else str(error))

    def _make_table(self) -> None:
        if self.table is not None:
            self._place.removeWidget(self.table)
            self.table.deleteLater()

        def column(at: int, row: JobRow) -> Column:
            return Column(
                row.key,
                letter(at),
                value=lambda fact: fact.texts.get(row.key),
                tooltip=lambda fact: _words(row) if fact.name == "Job" else fact.full.get(row.key, ""),
                stretch=1,
                priority=0,
            )

        head = Column("name", "Setting or result", kind="name", stretch=1, priority=0)
        columns = [head, *(column(at, row) for at, row in enumerate(self.rows))]
        self.table = ResourceTable(columns, key="name", name="Comparison", noun="settings", row_pixels=28)
        self.table.remember(self.ctx.settings, "comparison")
        self._place.addWidget(self.table)

    def _fill(self) -> None:
        if self.table is not None:
            self.table.set_rows(self.facts)

    def _draw(self) -> None:
        most = max((last_epoch(self.curves.get(row.key, ()), row.running) for row in self.rows), default=2)
        for chart, metric in ((self._loss, "valid:loss"), (self._accuracy, "valid:accuracy")):
            chart.set_x_range(1, max(2, most))
            chart.set_placeholder("No curves" if self._read_all else "Reading the logs…")
            chart.set_series(
                [
                    Series(
                        letter(at),
                        *points(self.curves.get(row.key, ()), metric),
                        tone=_tone(at),
                        dash=dash(at),
                        width=_UNDER if at == 0 else 0.0,
                    )
                    for at, row in enumerate(self.rows)
                ]
            )


def letter(at: int) -> str:
    """``A``, ``B`` …: what a job is called in the charts and the table's heads."""
    return chr(ord("A") + at) if at < _LETTERS else str(at + 1)


def _words(row: JobRow) -> str:
    if row.tuning is not None and row.tuning.best is not None:
        return f"{row.name}, trial {trial_number(row.tuning.best.name)}"
    return row.name


def dash(at: int) -> tuple[float, ...]:
    """The first line is solid, the others broken: of jobs with equal curves all are seen."""
    return () if at == 0 else _DASHES[(at - 1) % len(_DASHES)]


def _tone(at: int) -> str:
    return TONES[at % len(TONES)]
