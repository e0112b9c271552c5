"""The page Load test: the form, what happens second by second, the result, and the reports that are kept."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.format import duration
from console.tabs.scaling.load import words
from console.tabs.scaling.load.charts import LoadCharts
from console.tabs.scaling.load.form import LoadForm
from console.tabs.scaling.sums import Sums
from console.widgets.base import label, on_theme
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import HintLine
from console.widgets.frames.banner import Banner, error_words
from console.widgets.frames.page_scroll import PageScroll
from console.widgets.tables.table import ResourceTable
from console.widgets.text.key_values import KeyValues
from workers.load.arrivals import Shape
from workers.load.running import Instances
from workers.load.types import LoadProgress, LoadReport, LoadTarget, Totals

# A line that the eye must cross to find its sum is no line.
_WIDEST = 640


class LoadPage(QWidget):
    """Signals: ``started()``, ``stopped()``; ``exported(str kind)``: csv or json; ``deleted()``;
    ``activitiesWanted()``."""

    started = Signal()
    stopped = Signal()
    exported = Signal(str)
    deleted = Signal()
    activitiesWanted = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: LoadReport | None = None
        self.running = False
        self.form = LoadForm()
        self.start_button = Button("Start test…", "primary", "play", on=self.started.emit)
        self.stop_button = Button("Stop", "normal", "stop", on=self.stopped.emit)
        self.sending = label("", "name", wrap=True)
        self.state = label("", "small", "text2")
        self.banner = Banner("err", closable=True)
        self.banner.hide()
        self.charts = LoadCharts()
        self.result_title = label("Result", "section")
        self.subject = label("", "small", "text2", wrap=True)
        self.late = HintLine()
        self.sums = Sums()
        self.note = label(
            "Latency counts from when a request was meant to be sent, so that a standstill is not hidden by waiting "
            "for it; the service time counts from when it was sent.", "small", "text3", wrap=True,
        )  # fmt: skip
        self.errors = ResourceTable(
            words.ERROR_COLUMNS, key="code", name="Errors", noun="errors", sort=("count", "desc"), multi=False
        )
        self.errors.fit_rows(most=6)
        self.errors.remember(ctx.settings, "scaling.errors")
        self.meanings, self.happened = KeyValues(), KeyValues()
        self.activities_button = Button("Activities", "link", "history", small=True, on=self.activitiesWanted.emit)
        self.reports = ResourceTable(
            words.REPORT_COLUMNS, key="id", name="Reports", noun="reports", sort=("began", "desc")
        )
        self.reports.set_empty("history", "No report yet", "Each test leaves one here, on this computer.")
        self.reports.fit_rows(most=8)
        self.reports.remember(ctx.settings, "scaling.reports")
        self.csv_button = Button("Export CSV…", "normal", "download", small=True, on=lambda: self.exported.emit("csv"))
        self.json_button = Button(
            "Export JSON…", "normal", "download", small=True, on=lambda: self.exported.emit("json")
        )
        self.delete_button = Button("Delete…", "dangerText", small=True, on=self.deleted.emit)
        self._narrow = QWidget()
        self._results = QWidget()
        self._build()
        self._dress()
        on_theme(self, self._dress)
        self.forget()

    def _build(self) -> None:
        form = _column(self._narrow)
        form.addWidget(self.form)
        form.addWidget(self.sending)
        form.addLayout(_line(self.start_button, self.stop_button, self.state))
        results = _column(self._results)
        results.addLayout(_line(self.result_title, self.activities_button))
        parts: tuple[QWidget, ...] = (self.subject, self.late, self.sums, self.note)
        for part in parts:
            results.addWidget(part)
        page = QWidget()
        column = _column(page)
        for part in (
            self.banner,
            self._narrow,
            self.charts,
            self._results,
            self.errors,
            self.meanings,
            self.happened,
            label("Reports", "section"),
            label("Choose one to see it, two to compare them.", "small", "text2"),
            self.reports,
        ):
            column.addWidget(part)
        column.addLayout(_line(self.csv_button, self.json_button, self.delete_button))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Load test"))

    def _dress(self) -> None:
        for part in (self._narrow, self._results):
            part.setMaximumWidth(theme().pixels(_WIDEST))

    def forget(self) -> None:
        """Show no test; the form stays."""
        self.report = None
        self.banner.hide()
        self.charts.forget()
        self._show_result(None)
        self.show_running(False)

    def show_running(self, running: bool) -> None:
        """Whether a test is under way."""
        self.running = running
        self.start_button.setVisible(not running)
        self.stop_button.setVisible(running)
        # What is sent cannot be changed any more, and the charts need the room.
        self.form.setVisible(not running)
        self.sending.setVisible(running)
        if not running:
            self.state.setText("")

    def begin(self, target: LoadTarget, shape: Shape, *, watched: bool) -> None:
        """A test begins: forget the one before."""
        self.report = None
        self.banner.hide()
        self.reports.select_keys([])
        self._show_result(None)
        self.charts.begin(shape.seconds, watched=watched)
        self.sending.setText(f"{target.words}, {words.shape_words(shape)}")
        self.state.setText("Starting…")

    def show_progress(self, progress: LoadProgress, instances: Instances) -> None:
        """How far it is."""
        totals = progress.totals
        parts = [duration(progress.elapsed), f"{totals.sent:,} sent", f"{totals.open:,} open"]
        parts += [f"{totals.failed:,} errors"] if totals.failed else []
        parts += [f"{totals.not_sent:,} not sent"] if totals.not_sent else []
        self.state.setText(", ".join(parts))
        self.charts.add(progress.seconds, instances)
        if progress.seconds:
            self._show_errors(totals)

    def show_report(self, report: LoadReport, other: LoadReport | None = None) -> None:
        """A test that has ended; with ``other``, an earlier one, how it differs from that."""
        self.report = report
        self.charts.show_report(report, other)
        self._show_result(report, other)

    def show_error(self, error: BaseException) -> None:
        """Why it could not begin, or why it ended before its time."""
        title, sentence, details = error_words(error)
        self.banner.set_content("err", title, sentence, details=details)
        self.banner.show()

    def show_reports(self, reports: Sequence[LoadReport]) -> None:
        """All that are kept."""
        self.reports.set_rows(list(reports))

    def _show_result(self, report: LoadReport | None, other: LoadReport | None = None) -> None:
        self._results.setVisible(report is not None)
        self._show_errors(report.totals if report is not None else Totals())
        self.happened.setVisible(report is not None and bool(report.happened))
        for button in (self.csv_button, self.json_button, self.delete_button):
            button.setVisible(report is not None)
        if report is None:
            return
        self.result_title.setText("Result" if other is None else "Compared")
        subject = words.headline(report)
        self.subject.setText(subject if other is None else f"{words.headline(other)}  →  {subject}")
        self.sums.set_rows(words.result_rows(report.totals) if other is None else words.compared(report, other))
        self.late.say(words.late_words(report.totals), "warn")
        self.happened.set_rows(words.happened_words(report))
        self.delete_button.setVisible(other is None)

    def _show_errors(self, totals: Totals) -> None:
        self.errors.set_rows(list(totals.errors))
        self.meanings.set_rows(words.meanings(totals.errors))
        for part in (self.errors, self.meanings):
            part.setVisible(bool(totals.errors))


def _column(holder: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    return column


def _line(*parts: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(8)
    for part in parts:
        line.addWidget(part)
    line.addStretch(1)
    return line
