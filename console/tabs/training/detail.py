"""One job: how far it is, its curves and log while it runs, its report when it has finished, why it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.confused import ConfusedPictures
from console.context import AppContext
from console.follow.log import LogFollower, Page
from console.look.theme import theme
from console.models.chart import Series
from console.models.format import cost as spent
from console.models.format import duration, fraction, loss
from console.models.running import epoch_words, progress_words
from console.narrowing import RoleNotice
from console.tabs.training.form.continuing import MORE_EPOCHS, can_continue
from console.tabs.training.pending import job_title
from console.tabs.training.report_view import ReportView
from console.tabs.training.rows import accuracy_words, instances, limit_words, seconds, spot_words
from console.tabs.training.tags.chips import TagLine
from console.tabs.training.tuning.views import last_epoch, points, setting_words
from console.widgets.base import ElidedLabel, at_once, label
from console.widgets.charts.chart import LineChart
from console.widgets.charts.machine_chart import MachineChart
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.banner import Banner, Fix
from console.widgets.frames.current_stack import CurrentStack
from console.widgets.frames.page_scroll import PageScroll
from console.widgets.frames.panes import Panes
from console.widgets.frames.scroll_area import into_sight
from console.widgets.text.key_values import KeyValues
from console.widgets.text.log_panel import LogPanel
from workers.aws.s3_uri import without_scheme
from workers.endpoints.deployable import no_model_reason, prepares_features
from workers.errors.tree import NotFound, SageDeckError
from workers.training.curves import CurveReader
from workers.training.features_progress import ProgressReader
from workers.tuning.accuracy import best_accuracy
from workers.types import EpochMetrics, JobReport, LogEvent, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

POLL_SECONDS = 1.0
_SETTINGS = {
    "Trained": "unfreeze",
    "Backbone": "backbone",
    "Learning rate": "learning_rate",
    "Batch size": "batch_size",
}
# The state is asked for every so many polls of the log.
_DESCRIBE_EVERY = 3
# CloudWatch bills each reading, and has a new figure once a minute.
_MACHINE_EVERY = 15
# Pixels at which the head's figures and buttons stand in one line.
_ONE_LINE = 880
_NOT_KNOWN = "Its archive was not looked into yet."


class JobDetail(QWidget):
    """Follows the job that it was given by ``show_job`` as long as the tab is shown."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None, *, whole: bool = True) -> None:
        super().__init__(parent)
        self.ctx = ctx
        if whole:
            at_once(self.build())

    def build(self) -> Iterator[None]:
        """Put it together in pieces, for ``whole=False``."""
        ctx = self.ctx
        self._job: TrainingJob | None = None
        # As it was read last; ``_job`` may also come from the list.
        self._described: TrainingJob | None = None
        self._turns = 0
        self._reader: CurveReader | None = None
        self._report: JobReport | None = None
        # Whether a job that was stopped left a model is looked up when it is shown.
        self._no_model = _NOT_KNOWN
        self._title = ElidedLabel("", "section", middle=True, least=16)
        self._progress = ElidedLabel("", "small", "text2", least=4)
        self._pages = Segmented([("live", "Curves and log"), ("report", "Report")], "live", name="View of the job")
        self._pages.changed.connect(self._turn)
        self._clone = Button("Run again…", small=True, icon="copy")
        self._continue = Button("Continue…", small=True, icon="play")
        self._continue.setToolTip(f"{MORE_EPOCHS} more epochs from its checkpoints, as a job of its own")
        self._continue.hide()
        self._deploy = Button("Deploy…", small=True, icon="endpoints", on=self._ask_to_deploy)
        self._banner = Banner("err")
        self._banner.hide()
        self._trouble = Banner("warn")
        self._trouble.hide()
        self._bar = ProgressBar()
        self._bar.hide()
        self._features = ProgressReader()
        self._loaded = False
        self._loss = LineChart("Loss", y_format=loss, x_name="epoch", axis_sample="0.00")
        self._accuracy = LineChart("Accuracy", y_format=fraction, x_name="epoch", y_range=(0, 1))
        self.machine = MachineChart()
        self._facts = KeyValues()
        self.tags = TagLine(ctx)
        self.role = RoleNotice(ctx, "training")
        self.log = LogPanel("Log")
        self.log.remember(ctx.settings)
        self._follower = LogFollower(ctx, self.log.view, "training:detail", seconds=POLL_SECONDS, failed=self._failed)
        yield
        self._report_view = ReportView(ctx.settings)
        self._report_view.cellChosen.connect(self._look_at_cell)
        self.confused = ConfusedPictures(ctx, self)
        yield
        self._stack = CurrentStack(self._live_page(), self._report_view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._head())
        column.addWidget(self._bar)
        self._second = QHBoxLayout()
        self._second.setSpacing(12)
        self._second.addWidget(self.tags, 1)
        column.addLayout(self._second)
        column.addWidget(self._banner)
        column.addWidget(self._trouble)
        column.addWidget(self.role)
        column.addWidget(self._stack, 1)

    @property
    def clone_button(self) -> Button:
        """Puts the job's settings into the form."""
        return self._clone

    @property
    def continue_button(self) -> Button:
        """Puts the job's settings into the form, with more epochs and its checkpoints."""
        return self._continue

    @property
    def deploy_button(self) -> Button:
        """Asks the Endpoints tab to deploy the job."""
        return self._deploy

    def no_model_reason(self, job: TrainingJob) -> str:
        """Why ``job`` is not to be deployed, as far as is known; "" when it may be."""
        reason = no_model_reason(job) if job.instance_type else "It was not read yet."
        if reason or job.status != "Stopped":
            return reason
        return self._no_model if self._job is not None and self._job.name == job.name else _NOT_KNOWN

    @property
    def job(self) -> TrainingJob | None:
        """The job shown."""
        return self._job

    @property
    def report(self) -> JobReport | None:
        """The report shown, once it was read."""
        return self._report

    @property
    def epochs_seen(self) -> int:
        """How many epochs the log has shown so far."""
        return len(self._reader.epochs) if self._reader is not None else 0

    def last_epoch(self, job: TrainingJob) -> int:
        """The last epoch that is known of ``job``; 0 when none is."""
        if self._job is None or self._job.name != job.name:
            return 0
        curves = (self._reader.epochs if self._reader else ()) or (self._report.curves if self._report else ())
        return max((epoch.epoch for epoch in curves), default=0)

    def show_page(self, page: str) -> None:
        """Turn to ``live`` or ``report``."""
        self._pages.set_current(page)

    def _head(self) -> QHBoxLayout:
        head = self._first = QHBoxLayout()
        head.setSpacing(12)
        for part in (self._title, self._progress):
            head.addWidget(part)
        head.addStretch(1)
        for control in (self._clone, self._continue, self._deploy, self._pages):
            head.addWidget(control)
        return head

    def resizeEvent(self, event: QResizeEvent) -> None:
        """How far it is goes below the name where there is no room beside it."""
        super().resizeEvent(event)
        below = self.width() < theme().pixels(_ONE_LINE)
        if below != (self._second.indexOf(self._progress) >= 0):
            (self._first if below else self._second).removeWidget(self._progress)
            if below:
                self._second.insertWidget(0, self._progress)
            else:
                self._first.insertWidget(1, self._progress)

    def _live_page(self) -> QWidget:
        charts = QWidget()
        row = QHBoxLayout(charts)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(24)
        row.addWidget(self._loss, 1)
        row.addWidget(self._accuracy, 1)
        row.addWidget(self.machine, 1)
        facts = QWidget()
        column = QVBoxLayout(facts)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(label("Job", "section"))
        column.addWidget(PageScroll(self._facts), 1)
        bottom = Panes(Qt.Orientation.Horizontal, self.ctx.settings, "training.job.log")
        bottom.add(self.log, 3)
        bottom.add(facts, 2)
        page = Panes(Qt.Orientation.Vertical, self.ctx.settings, "training.job")
        page.add(charts, 5)
        page.add(bottom, 6)
        return page

    # Following

    def show_job(self, job: TrainingJob) -> None:
        """Show and follow ``job``; the same one again keeps its log and curves."""
        if self._job is not None and (job.name, job.created) == (self._job.name, self._job.created):
            self._set_job(job)
            return
        self._job, self._reader, self._report = job, None, None
        self._no_model = _NOT_KNOWN
        self._features, self._loaded = ProgressReader(), False
        self._draw(())
        self.machine.set_use(None, _machine_words(job))
        self._banner.hide()
        self._pages.set_current("live")
        self._pages.set_segment_enabled("report", False)
        self._set_job(job)
        self.resume()

    def resume(self) -> None:
        """Go on following, for example when the tab is shown again."""
        if self._job is None:
            return
        name = self._job.name

        async def read(services: Services, position: str | None) -> Page:
            return await services.training.log(name, position)

        async def goes_on(services: Services) -> bool:
            return await self._describe(services, name)

        self._described, self._turns = None, 0
        self._follower.follow(
            read, label="Follow the job", goes_on=goes_on, lines=self._take_lines, ended=self._conclude,
            nothing="The job wrote no log.",
        )  # fmt: skip

    def pause(self) -> None:
        """Stop asking."""
        self._follower.stop()

    def forget(self) -> None:
        """Show no job."""
        self.pause()
        self.role.forget()
        self._job = None

    async def _describe(self, services: Services, name: str) -> bool:
        turn, self._turns = self._turns, self._turns + 1
        if self._described is not None and turn % _MACHINE_EVERY == _DESCRIBE_EVERY - 1:
            await self.read_machine(services, self._described)
        if self._described is None or turn % _DESCRIBE_EVERY == 0:
            first, listed = self._described is None, self._job
            job = self._described = await services.training.describe(name)
            if first:
                self._reader = services.training.curve_reader(job)
            self._set_job(job)
            if listed is not None and _has_moved(listed, job):
                # The list is read more seldom, and what can be done with a job depends on its phase.
                self.ctx.resourceChanged.emit("job", name)
        return self._described.running

    async def _take_lines(self, events: Sequence[LogEvent]) -> None:
        told = self._features.progress
        if self._features.feed(events) != told:
            self._say_progress()
        if self._reader is not None and await asyncio.to_thread(self._reader.feed, events):
            self._draw(self._reader.epochs)

    async def _conclude(self, services: Services) -> None:
        if self._described is not None:
            await self.read_machine(services, self._described)
            await self._look_for_model(services, self._described)
            await self._show_end(services, self._described)
        self._loaded = True
        if not self._charts_filled():
            self._draw(())

    async def read_machine(self, services: Services, job: TrainingJob) -> None:
        """Figures of the machine are welcome, and missing ones stop nothing."""
        if job.place != "sagemaker":
            return
        try:
            use = await services.machines.job(job)
        except SageDeckError as error:
            self.machine.set_use(None, error.title)
            return
        if self._job is not None and self._job.name == job.name:
            self.machine.set_use(use or None, _machine_words(job), services.prices.cores(job.instance_type))

    async def _look_for_model(self, services: Services, job: TrainingJob) -> None:
        if job.status != "Stopped":
            return
        reason = await services.endpoints.no_model_reason(job)
        if self._job is not None and self._job.name == job.name:
            self._no_model = reason
            self._set_job(job)

    async def _show_end(self, services: Services, job: TrainingJob) -> None:
        if job.status == "Failed":
            failure = await services.training.failure(job)
            self._banner.set_content(
                "err",
                failure.summary,
                failure.hint,
                fix=None if prepares_features(job) else ("Run again…", self._clone.click, "copy"),
                details=failure.details,
            )
            self._banner.show()
            return
        try:
            report = await services.training.report(job)
        except NotFound:
            return
        self.show_report(job, report)

    def show_report(self, job: TrainingJob, report: JobReport) -> None:
        """Show what ``job``, which has ended, reported: its page, and curves where the log had none."""
        self._report = report
        self._report_view.show_report(report)
        self._pages.set_segment_enabled("report", True)
        if not (self._reader and self._reader.epochs):
            self._draw(report.curves)
        self._set_job(job)

    def _charts_filled(self) -> bool:
        return bool(self.epochs_seen or (self._report is not None and self._report.curves))

    def say_trouble(self, sentence: str, fix: Fix | None = None) -> None:
        """Tell what this job was to lead to and did not; "" for nothing."""
        self._trouble.setVisible(bool(sentence))
        if sentence:
            title, _, rest = sentence.partition(": ")
            self._trouble.set_content("warn", f"{title}.", f"{rest[:1].upper()}{rest[1:]}", fix=fix)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, SageDeckError):
            self._banner.set_content("err", error.title, error.message, fix=("Try again", self.resume))
        else:
            self._banner.set_content("err", "The job cannot be followed", str(error), fix=("Try again", self.resume))
        self._banner.show()

    # Contents

    def _set_job(self, job: TrainingJob) -> None:
        self._job = job
        self._title.setText(job_title(job))
        self._title.setToolTip(job.name)
        self.tags.show_job("job", job.name, job.arn)
        if job.role_arn:
            self.role.show_role("training", job.role_arn, job.data_uri, job.output_uri)
        self.log.view.set_live(job.running)
        self._deploy.setVisible(not self.no_model_reason(job))
        self._clone.setVisible(not prepares_features(job))
        self._continue.setVisible(can_continue(job))
        self._say_progress()
        self._show_facts(job)
        if limit := limit_words(job):
            self._banner.set_content(
                "warn",
                f"The job was {limit}",
                "What its script had saved is kept. To let it finish, launch it again with a longer limit.",
            )
            self._banner.show()

    def _say_progress(self) -> None:
        job = self._job
        if job is None:
            return
        epochs = self._reader.epochs if self._reader is not None else ()
        features = self._features.progress if job.running and not epochs else None
        done = features.fraction if features is not None else epochs[-1].epoch / epochs[-1].epochs if epochs else None
        self._bar.setVisible(job.running and done is not None)
        self._bar.set_fraction(done or 0.0)
        if not job.running:
            took = seconds(job)
            words = {"Completed": "completed", "Failed": "failed", "Stopped": "stopped"}.get(job.status, job.status)
            self._progress.setText(f"{words} in {duration(took)}" if took is not None else words)
        elif features is not None:
            self._progress.setText(progress_words(features, datetime.now(UTC)))
        elif epochs and job.secondary_status in ("Training", ""):
            self._progress.setText(epoch_words(epochs, datetime.now(UTC)))
        else:
            phase = {
                "Starting": "getting an instance",
                "Downloading": "copying the pictures",
                "Uploading": "saving the model",
                "Interrupted": "AWS takes its instances away",
            }
            self._progress.setText(phase.get(job.secondary_status, job.secondary_status.lower() or "starting"))

    def _show_facts(self, job: TrainingJob) -> None:
        reason, features = self.no_model_reason(job) if job.instance_type else "", prepares_features(job)
        given = {key.replace("-", "_"): value.strip('"') for key, value in job.hyperparameters.items()}
        epochs = self._reader.epochs if self._reader is not None else ()
        best = best_accuracy(job, [*epochs, *(self._report.curves if self._report else ())])
        report, services = self._report, self.ctx.services
        cost = services.prices.job_cost(job, services.region) if services is not None else None
        rows = [
            ("Data", without_scheme(job.data_uri)),
            ("Instances", instances(job) or ""),
            ("Spot", spot_words(job)),
            ("Checkpoints", without_scheme(job.checkpoint_uri)),
            *((name, setting_words(key, given[key])) for name, key in _SETTINGS.items() if given.get(key)),
            ("Best accuracy", "" if best is None else accuracy_words(best)),
            (
                "Test accuracy",
                fraction(report.test_accuracy) if report is not None and report.test_accuracy is not None else "",
            ),
            ("Cost so far" if job.running else "Cost", spent(cost) if cost is not None else ""),
            ("Features" if features else "Model", without_scheme(job.model_uri)),
            ("Deploy", f"not offered: {reason[:1].lower()}{reason[1:]}" if reason and not job.running else ""),
        ]
        full = {name: given[key] for name, key in _SETTINGS.items() if given.get(key)}
        self._facts.set_rows([(name, value) for name, value in rows if value], full)

    def _draw(self, epochs: tuple[EpochMetrics, ...]) -> None:
        total = last_epoch(epochs, self._job is None or self._job.running)
        for chart, metric in ((self._loss, "loss"), (self._accuracy, "accuracy")):
            chart.set_x_range(1, max(2, total))
            chart.set_series(
                [
                    Series("train", *points(epochs, f"train:{metric}"), comparison=True),
                    Series("valid", *points(epochs, f"valid:{metric}")),
                ]
                if epochs
                else []
            )
            chart.set_placeholder(self._without_figures())
        self._say_progress()

    def _without_figures(self) -> str:
        job = self._job
        if job is not None and prepares_features(job):
            return "Features have no epochs"
        if job is not None and job.running:
            return "The features come before the first epoch" if self._features.progress else "No epoch has ended yet"
        return "No figures" if self._loaded or job is None else "Reading the log…"

    def _look_at_cell(self, truth: int, answer: int) -> None:
        report = self._report_view.report
        said = self.confused.look(self._job, report, truth, answer) if self._job is not None and report else ""
        if said:
            self._report_view.say(said)

    def _turn(self, page: str) -> None:
        self._stack.setCurrentIndex(1 if page == "report" else 0)
        # In a low window it would begin below the lower edge; back at the curves the way to the report is there again.
        into_sight(self._report_view.matrix if page == "report" else self._pages)

    def _ask_to_deploy(self) -> None:
        if self._job is not None:
            self.ctx.navigate("endpoints", {"deploy_job": self._job.name})


def _machine_words(job: TrainingJob) -> str:
    """Why there are no figures of the machine."""
    if job.place != "sagemaker":
        return "Its instance's figures stand in EC2"
    return "CloudWatch has no figures yet" if job.running else "CloudWatch has no figures of this job"


def _has_moved(listed: TrainingJob, job: TrainingJob) -> bool:
    return listed.status != job.status or listed.secondary_status not in ("", job.secondary_status)
