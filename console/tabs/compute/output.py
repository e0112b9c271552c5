"""The left pane: what the chosen command prints, live; how far a job is; and a line to run another one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.context import AppContext
from console.follow.log import LogFollower
from console.look.theme import theme
from console.models.chart import Series
from console.models.format import cost, duration, fraction, loss
from console.models.running import epoch_words, progress_words
from console.tabs.compute.rows import state_of_command, took
from console.widgets.base import ElidedLabel, label
from console.widgets.charts.chart import LineChart
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.fields import LineEdit
from console.widgets.frames.banner import Banner
from console.widgets.frames.file_dialog import ask_for_folder
from console.widgets.tables.state_chip import StateChip
from console.widgets.text.log_panel import LogPanel
from workers.compute.jobs import InstanceJob
from workers.compute.types import Command, Instance
from workers.errors.tree import SageDeckError
from workers.training.curves import CurveReader
from workers.training.features_progress import ProgressReader
from workers.types import EpochMetrics, LogEvent

if TYPE_CHECKING:
    from workers.services import Services

# A line is to be in sight a second after it was printed, and is in the log after a third of one.
POLL_SECONDS = 0.5
# The state of a command is asked for every so many polls of its output.
_DESCRIBE_EVERY = 5
_KEY = "compute:output"
# Pixels: a chart whose ticks can be read, and the pane's least height in which the log has some lines below it.
_CHART_HEIGHT = 120
_LEAST_FOR_CURVES = 430


class OutputPane(QWidget):
    """Follows the command that ``show_command`` was given while the tab is shown.

    Signals: ``runRequested(line)``; ``stopRequested()`` and ``cancelRequested()`` for the command shown;
    ``commandChanged(Command)`` when its state is another one.
    """

    runRequested = Signal(str)
    stopRequested = Signal()
    cancelRequested = Signal()
    commandChanged = Signal(object)

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self._instance: Instance | None = None
        self._command: Command | None = None
        self._job: InstanceJob | None = None
        self._per_hour: float | None = None
        self._curves: CurveReader | None = None
        self._features = ProgressReader()
        self._printed = self._has_curves = False
        self._title = ElidedLabel("", "section", middle=True, least=12)
        self._about = ElidedLabel("", "small", "text2")
        # The name comes first: this has what it leaves.
        self._about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.stop_button = Button("Stop…", small=True, icon="stop", on=self.stopRequested.emit)
        self.cancel_button = Button("Cancel…", "dangerText", small=True, on=self.cancelRequested.emit)
        self.deploy_button = Button("Deploy…", small=True, icon="endpoints", on=self._deploy)
        self._save = IconButton("download", "Save the whole output…", on=self._save_output)
        self._chip = StateChip("")
        self._words = ElidedLabel("", "small", "text2", least=4)
        self._bar = ProgressBar()
        self._left = label("", "small")
        self._banner = Banner("err")
        self._banner.hide()
        self._loss = LineChart("Loss", y_format=loss, x_name="epoch", axis_sample="0.00")
        self._accuracy = LineChart("Accuracy", y_format=fraction, x_name="epoch", y_range=(0, 1))
        self._charts = QWidget()
        self._head = self._row(self._title, self._about, self.stop_button, self.cancel_button, self.deploy_button)
        self._head.setStretchFactor(self._about, 1)
        self._head.addWidget(self._save)
        self.log = LogPanel("Output", head=self._head)
        self.log.remember(ctx.settings)
        self._polls = 0
        self._follower = LogFollower(ctx, self.log.view, _KEY, seconds=POLL_SECONDS, failed=self._failed)
        self.line = LineEdit("", "Run a command", chars=30)
        self.line.setAccessibleName("Run a command")
        self.line.returnPressed.connect(self._run)
        self.run_button = Button("Run", on=self._run)
        self.line.edited.connect(self._allow)
        self._lay_out()
        self.forget()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(self._head)
        self._state_line = QWidget()
        state = self._row(self._chip, self._words)
        state.addWidget(self._bar, 1)
        state.addWidget(self._left)
        self._state_line.setLayout(state)
        column.addWidget(self._state_line)
        column.addWidget(self._banner)
        charts = self._row(self._loss, self._accuracy)
        charts.setSpacing(24)
        self._charts.setLayout(charts)
        self._charts.setFixedHeight(_CHART_HEIGHT)
        column.addWidget(self._charts)
        column.addWidget(self.log, 1)
        column.addLayout(self._row(self.line, self.run_button))

    @staticmethod
    def _row(*parts: QWidget | None) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for part in parts:
            if part is None:
                row.addStretch(1)
            else:
                row.addWidget(part)
        return row

    # What is shown

    @property
    def command(self) -> Command | None:
        """The command shown."""
        return self._command

    @property
    def job(self) -> InstanceJob | None:
        """The training job that it runs, once it was read; ``None`` for a command of one's own."""
        return self._job

    def set_instance(self, instance: Instance | None, per_hour: float | None) -> None:
        """The instance that the line runs on, and dollars an hour while it runs (``None``: not known)."""
        self._instance, self._per_hour = instance, per_hour
        name = instance.title if instance is not None else "an instance"
        self.line.setPlaceholderText(f"Run a command on {name}")
        self.line.setAccessibleName(f"Run a command on {name}")
        self._allow()

    def show_command(self, command: Command | None) -> None:
        """Show and follow a command; the same one again keeps its output."""
        if command is None:
            if self._command is not None:
                self.forget()
            return
        same = self._command is not None and command.id == self._command.id
        self._command = command
        if not same:
            self._job, self._curves, self._features = None, None, ProgressReader()
            self._banner.hide()
            self._draw(())
            self.log.view.clear()
            self.log.view.set_placeholder("Waiting for the first line…")
        self._say()
        if not same:
            self.resume()

    def forget(self) -> None:
        """Show no command."""
        self.pause()
        self._command = self._job = None
        self.log.view.clear()
        self.log.view.set_placeholder("No command yet. Type one below, or start a training job.")
        self._banner.hide()
        self._draw(())
        self._say()

    def resume(self) -> None:
        """Go on following, for example when the tab is shown again."""
        if self._command is not None:
            self._polls, self._printed = 0, False
            self._follower.follow(
                self._read,
                label="Follow the output",
                goes_on=self._goes_on,
                lines=self._take,
                ended=self._ended,
                nothing="The command printed nothing.",
            )

    def pause(self) -> None:
        """Stop asking."""
        self._follower.stop()

    # Following

    async def _goes_on(self, services: Services) -> bool:
        command = self._command
        if command is None:
            return False
        if self._polls == 0:
            await self._read_job(services, command)
        elif command.running and self._polls % _DESCRIBE_EVERY == 0:
            found = await services.compute.commands.describe(command.id, command.instance)
            if found is not None and self._command is not None and found.id == self._command.id:
                changed, self._command = found.state != command.state, found
                if changed:
                    self.commandChanged.emit(found)
        self._polls += 1
        self._say()
        return self._command is not None and self._command.running

    async def _read(self, services: Services, position: str | None) -> tuple[Sequence[LogEvent], str | None]:
        if self._command is None:
            return (), position
        return await services.compute.commands.output(self._command, position)

    async def _take(self, events: Sequence[LogEvent]) -> None:
        self._printed = True
        if self._command is not None and self._command.state == "Pending":
            # SSM tells a moment later that it runs.
            self._command = replace(self._command, state="InProgress")
        # Ten thousand lines a second are too many to look through between two frames.
        if await asyncio.to_thread(self._look_through, events) and self._curves is not None:
            self._draw(self._curves.epochs)
        self._say()

    def _look_through(self, events: Sequence[LogEvent]) -> bool:
        self._features.feed(events)
        return self._curves is not None and self._curves.feed(events)

    async def _ended(self, services: Services) -> None:
        command = self._command
        if command is None:
            return
        await self._read_job(services, command)
        if not self._printed and command.output:
            # A log group that may not be read, or a command of somebody else's without one.
            self.log.view.append_text(command.output)
        self._say()
        self._conclude(command)

    async def _read_job(self, services: Services, command: Command) -> None:
        if not command.job:
            return
        job = await services.compute.jobs.of_command(command)
        if job is not None:
            if self._curves is None:
                self._curves = services.compute.jobs.curve_reader(job)
            self._job = job

    def _conclude(self, command: Command) -> None:
        job = self._job
        reason = job.reason if job is not None else ""
        if not reason and command.state == "TimedOut":
            reason = f"SSM says: {command.detail}."
        if reason:
            self._banner.set_content("err" if job is None or job.state == "Failed" else "warn", reason, "")
            self._banner.show()

    def _failed(self, error: BaseException) -> None:
        title, words = (
            (error.title, error.message)
            if isinstance(error, SageDeckError)
            else ("The output cannot be read", str(error))
        )
        self._banner.set_content("err", title, words, fix=("Try again", self.resume))
        self._banner.show()

    # Contents

    def _say(self) -> None:
        command, job = self._command, self._job
        self._state_line.setVisible(command is not None)
        self._save.setVisible(command is not None and bool(command.bucket))
        self.stop_button.setVisible(command is not None and command.running and bool(command.job))
        self.cancel_button.setVisible(command is not None and command.running)
        self.deploy_button.setVisible(job is not None and bool(job.model_uri))
        self._title.setText(command.title if command is not None else "No command")
        where = self._instance.title if self._instance is not None else ""
        self._about.setText(f"on {where}, command {command.id[:13]}" if command is not None and where else "")
        self.log.view.set_live(command is not None and command.running)
        if command is None:
            return
        self._chip.set_state(state_of_command(command))
        epochs = self._curves.epochs if self._curves is not None else ()
        now = datetime.now(UTC)
        told = self._features.progress if command.running and not epochs else None
        done = told.fraction if told is not None else epochs[-1].epoch / epochs[-1].epochs if epochs else None
        if told is not None:
            self._words.setText(progress_words(told, now))
        else:
            self._words.setText(epoch_words(epochs, now) if command.running else "")
        self._bar.setVisible(command.running and bool(command.job))
        self._bar.set_fraction(done)
        seconds = took(command, now)
        parts = [duration(seconds)] if seconds is not None else []
        if seconds is not None and self._per_hour:
            parts.append(cost(seconds / 3600 * self._per_hour))
        self._left.setText("   ".join(parts))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low pane has room for the output, and not for the curves above it."""
        super().resizeEvent(event)
        self._place_charts()

    def _place_charts(self) -> None:
        self._charts.setVisible(self._has_curves and self.height() >= theme().pixels(_LEAST_FOR_CURVES))

    def _draw(self, epochs: tuple[EpochMetrics, ...]) -> None:
        self._has_curves = bool(epochs)
        self._place_charts()
        for chart, metric in ((self._loss, "loss"), (self._accuracy, "accuracy")):
            lines = []
            for which, comparison in (("train", True), ("valid", False)):
                found = [
                    (epoch.epoch, epoch.values[f"{which}:{metric}"])
                    for epoch in epochs
                    if f"{which}:{metric}" in epoch.values
                ]
                if found:
                    xs, ys = zip(*found, strict=True)
                    lines.append(Series("val" if which == "valid" else which, xs, ys, comparison=comparison))
            chart.set_series(lines)
            if epochs:
                chart.set_x_range(1, max(2, epochs[-1].epochs))

    # Actions

    def _allow(self) -> None:
        instance = self._instance
        online = instance is not None and instance.running and instance.agent is not None and instance.agent.online
        silent = "" if online else "Choose an instance that runs and answers through SSM"
        self.line.setEnabled(not (self.ctx.hindrance or silent))
        self.run_button.hinder(self.ctx.hindrance or silent or ("" if self.line.value() else "Type a command"))

    def _run(self) -> None:
        if self.run_button.isEnabled():
            self.runRequested.emit(self.line.value())
            self.line.clear()

    def _deploy(self) -> None:
        if self._job is not None:
            self.ctx.navigate("endpoints", {"deploy_model": self._job.as_training_job()})

    def _save_output(self) -> None:
        command = self._command
        if command is None:
            return
        ask_for_folder(self, "Save the output into", lambda folder: self._save_into(command, str(folder)))

    def _save_into(self, command: Command, folder: str) -> None:
        async def save(services: Services) -> None:
            files = await services.compute.commands.whole_output(command, folder)
            if files:
                self.ctx.notify.info("The output was saved", ", ".join(name.rpartition("/")[2] for name in files))
            else:
                self.ctx.notify.info("There is no output yet", "SSM keeps it in S3 when the command has ended.")

        self.ctx.with_services(save, label="Save the output")
