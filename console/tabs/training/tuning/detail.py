"""One tuning job: its trials, their curves overlaid, the objective against the hyperparameters, the leaderboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.follow.log import LogFollower, Page
from console.look.theme import theme
from console.models.format import count, duration, fraction, loss
from console.models.running import epoch_words
from console.tabs.training.rows import trial_number
from console.tabs.training.tags.chips import TagLine
from console.tabs.training.tuning.charts import Explorer
from console.tabs.training.tuning.follow import best_words, time_left
from console.tabs.training.tuning.trial_strip import TrialStrip
from console.tabs.training.tuning.views import board_columns, group_range, last_epoch, lines, marks, tone_of
from console.widgets.base import ElidedLabel, label
from console.widgets.charts.chart import LineChart
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import Legend
from console.widgets.frames.banner import Banner
from console.widgets.frames.panes import Panes
from console.widgets.tables.table import ResourceTable
from console.widgets.text.log_panel import LogPanel
from workers.errors.tree import SageDeckError
from workers.tuning.types import Trial, TuningJob
from workers.types import EpochMetrics, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

POLL_SECONDS = 2.0
LOG_SECONDS = 1.0
# In polls: whether the objective shows up in the log is looked at every ten seconds.
OBJECTIVE_EVERY = 5
_ONE_LINE = 880

Seen = Callable[[TuningJob, tuple[Trial, ...]], None]


class TuningDetail(QWidget):
    """Follows the tuning job given by ``show_job`` as long as the tab is shown; ``seen`` gets all that is read.

    Signals: ``trainRequested(TuningJob, Trial)``: its hyperparameters are wanted in the form;
    ``featuresRequested(TrainingJob)``: the job that prepared its features is to be shown.
    """

    trainRequested = Signal(object, object)
    featuresRequested = Signal(object)

    def __init__(self, ctx: AppContext, seen: Seen, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self._seen = seen
        self.job: TuningJob | None = None
        self.trials: tuple[Trial, ...] = ()
        self.curves: Mapping[str, tuple[EpochMetrics, ...]] = {}
        self.chosen = ""
        self._by_hand = False
        self._unseen = self._loaded = False
        self._columns: tuple[Any, ...] = ()
        self._title = ElidedLabel("", "section", middle=True, least=12)
        self._trial = label("", "section")
        self._progress = ElidedLabel("", "small", "text2")
        self.strip = TrialStrip()
        self.tags = TagLine(ctx)
        self._banner = Banner("err")
        self._banner.hide()
        self._loss = LineChart("Loss", y_format=loss, x_name="epoch", axis_sample="0.00")
        self._accuracy = LineChart("Accuracy", y_format=fraction, x_name="epoch", y_range=(0, 1))
        self.explorer = Explorer()
        self.log = LogPanel("Log")
        self.log.remember(ctx.settings)
        self._log_follower = LogFollower(ctx, self.log.view, "training:trial-log", seconds=LOG_SECONDS)
        self.train_button = Button("Train with these…", small=True, icon="play", on=self._train)
        self._features: TrainingJob | None = None
        self.features_button = Button("Features", "link", small=True, on=self._ask_for_features)
        self.features_button.hide()
        self._done = label("", "small", "text2")
        self._legend = Legend()
        self.board: ResourceTable | None = None
        self._board_place = QVBoxLayout()
        self._lay_out()
        for source in (self.strip, self.explorer):
            source.chosen.connect(self._choose_by_hand)
        self.explorer.wideChanged.connect(lambda _: self._show_loss())

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title)
        head.addWidget(self._trial)
        head.addWidget(self._progress, 1)
        head.addWidget(self.features_button)
        head.addStretch(0)
        head.addWidget(self.strip)
        middle = QWidget()
        charts = QHBoxLayout(middle)
        charts.setContentsMargins(0, 0, 0, 0)
        charts.setSpacing(24)
        charts.addWidget(self._loss, 1)
        charts.addWidget(self._accuracy, 1)
        charts.addWidget(self.explorer, 1)
        right = QWidget()
        board = QVBoxLayout(right)
        board.setContentsMargins(0, 0, 0, 0)
        board.setSpacing(6)
        board_head = QHBoxLayout()
        board_head.setSpacing(8)
        for part in (label("Leaderboard", "section"), self._done):
            board_head.addWidget(part)
        board_head.addStretch(1)
        board_head.addWidget(self._legend)
        board_head.addWidget(self.train_button)
        board.addLayout(board_head)
        self._board_head, self._board_second = board_head, QHBoxLayout()
        board.addLayout(self._board_second)
        board.addLayout(self._board_place, 1)
        bottom = Panes(Qt.Orientation.Horizontal, self.ctx.settings, "training.tuning.log")
        bottom.add(self.log, 1)
        bottom.add(right, 1)
        parts = Panes(Qt.Orientation.Vertical, self.ctx.settings, "training.tuning")
        parts.add(middle, 1)
        parts.add(bottom, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.tags)
        column.addWidget(self._banner)
        column.addWidget(parts, 1)

    # Following

    def show_job(self, job: TuningJob, trials: tuple[Trial, ...]) -> None:
        """Show and follow ``job``; the same one again keeps the chosen trial."""
        if self.job is not None and (job.name, job.created) == (self.job.name, self.job.created):
            return
        self.job, self.trials, self.curves, self.chosen, self._by_hand = job, (), {}, "", False
        self._columns, self._unseen, self._loaded = (), False, False
        self.log.view.clear()
        self.log.view.set_placeholder("Waiting for the first trial…")
        self._banner.hide()
        self._take(job, trials)
        self._draw_curves()
        self.resume()

    def show_features(self, jobs: Sequence[TrainingJob]) -> None:
        """Offer to show the newest of the jobs that prepared its features."""
        self._features = max(jobs, key=lambda job: job.created) if jobs else None
        self.features_button.setVisible(self._features is not None)
        self.features_button.setToolTip(f"Show {self._features.name}" if self._features is not None else "")

    def _ask_for_features(self) -> None:
        if self._features is not None:
            self.featuresRequested.emit(self._features)

    def resume(self) -> None:
        """Go on following, for example when the tab is shown again."""
        if self.job is not None:
            self.ctx.with_services(
                self._follow, self.job.name, label="Follow the trials", key="training:tuning", on_error=self._failed
            )
            self._follow_log()

    def pause(self) -> None:
        """Stop asking."""
        self.ctx.tasks.cancel("training:tuning")
        self._log_follower.stop()

    def forget(self) -> None:
        """Show no job."""
        self.pause()
        self.job = None

    async def _follow(self, services: Services, name: str) -> None:
        turn = 0
        while True:
            job = await services.tuning.describe(name)
            trials = await services.tuning.trials(job)
            ended = self.job is not None and self.job.running and not job.running
            self._take(job, trials)
            self._seen(job, trials)
            self.curves = await services.tuning.curves(job, trials)
            self._loaded = True
            self._draw_curves()
            if job.running and turn % OBJECTIVE_EVERY == 0:
                self._say_unseen(await services.tuning.unseen_objective(job, trials))
            turn += 1
            if ended:
                self.ctx.resourceChanged.emit("tuning", name)
            if not job.running and not any(trial.running for trial in trials):
                break
            await asyncio.sleep(POLL_SECONDS)

    def _say_unseen(self, told: str | None) -> None:
        """Trials cost money while nobody finds their objective; it may still come at their end."""
        if told is not None:
            sentence, _, lines = told.partition("\n")
            self._banner.set_content("warn", "The objective has not been seen yet", sentence, details=lines)
            self._banner.show()
        elif self._unseen:
            self._banner.hide()
        self._unseen = told is not None

    def _failed(self, error: BaseException) -> None:
        title = error.title if isinstance(error, SageDeckError) else "The tuning job cannot be followed"
        words = error.message if isinstance(error, SageDeckError) else str(error)
        self._banner.set_content("err", title, words, fix=("Try again", self.resume))
        self._banner.show()

    # The chosen trial

    def best(self) -> Trial | None:
        """The best trial so far."""
        return next((trial for trial in self.trials if trial.rank == 1), None)

    def trial(self) -> Trial | None:
        """The chosen trial."""
        return next((trial for trial in self.trials if trial.name == self.chosen), None)

    def choose(self, name: str) -> None:
        """Show one trial: its curves bold, its point ringed, its log."""
        if name == self.chosen or not name:
            return
        self.chosen = name
        self.strip.set_chosen(name)
        if self.board is not None and self.board.selected_keys() != [name]:
            self.board.select_keys([name])
        self._draw()
        self._draw_curves()
        self._follow_log()

    def _choose_by_hand(self, name: str) -> None:
        self._by_hand = True
        self.choose(name)

    def _row_chosen(self) -> None:
        row = self.board.current_row() if self.board is not None else None
        if row is not None and row.name != self.chosen:
            self._choose_by_hand(row.name)

    def _follow_log(self) -> None:
        self.log.view.clear()
        name = self.chosen
        if not name:
            return

        async def read(services: Services, position: str | None) -> Page:
            return await services.training.log(name, position)

        async def goes_on(_: Services) -> bool:
            trial = self.trial()
            return trial is not None and trial.running

        self._log_follower.follow(
            read, label="Read the trial's log", goes_on=goes_on, ended=self._trial_ended,
            nothing="The trial wrote no log.",
        )  # fmt: skip

    async def _trial_ended(self, services: Services) -> None:
        trial = self.trial()
        if trial is None or trial.status != "Failed":
            return
        failure = await services.training.failure(await services.training.describe(trial.name))
        words = f"Trial {trial_number(trial.name)}: {failure.summary}"
        self._banner.set_content("err", words, failure.hint, details=failure.details)
        self._banner.show()

    # Contents

    def _take(self, job: TuningJob, trials: tuple[Trial, ...]) -> None:
        ended = self.job is not None and self.job.running and not job.running
        self.job, self.trials = job, trials
        self._make_board(job)
        if self.board is not None:
            self.board.set_rows(list(trials))
        wanted = self.chosen
        best = self.best()
        if not self._by_hand and best is not None and (ended or (not wanted and not job.running)):
            wanted = best.name
        elif not wanted and trials:
            wanted = min(trials, key=lambda trial: trial.created).name
        if job.status == "Failed" and job.failure_reason:
            self._banner.set_content("err", "The tuning job failed", job.failure_reason)
            self._banner.show()
        if wanted != self.chosen:
            self.choose(wanted)
        self._draw()

    def _make_board(self, job: TuningJob) -> None:
        """The leaderboard has a column for each range, which only the details of the job tell."""
        names = tuple(setting.name for setting in job.ranges)
        if self.board is not None and names == self._columns:
            return
        self._columns = names
        if self.board is not None:
            self._board_place.removeWidget(self.board)
            self.board.deleteLater()
        self.board = ResourceTable(
            board_columns(job), key="name", name="Leaderboard", noun="trials", sort=("rank", "asc"), multi=False,
            row_pixels=28,
        )  # fmt: skip
        self.board.set_empty("wait", "No trials yet", "The first ones are being started.")
        self.board.set_actions(self._menu)
        self.board.remember(self.ctx.settings, "leaderboard")
        self.board.selectionChanged.connect(self._row_chosen)
        self._board_place.addWidget(self.board)
        group = group_range(job)
        sample = Trial("", "Completed", job.created)
        entries = [
            (value, tone_of(job, Trial(sample.name, "Completed", job.created, hyperparameters={group.name: value})))
            for value in group.values
        ] if group is not None else []  # fmt: skip
        self._legend.set_entries(entries)

    def _menu(self, rows: list[Trial]) -> list[Any]:
        entries: list[Any] = [("Train with these…", "play", self._train)]
        # One that was stopped before its first epoch has no objective, and no model.
        if rows and (rows[0].status == "Completed" or (rows[0].status == "Stopped" and rows[0].objective is not None)):
            entries.append(("Deploy…", "endpoints", lambda: self.deploy(rows[0])))
        return entries

    def deploy(self, trial: Trial) -> None:
        """Ask the Endpoints tab to deploy one trial's model."""
        self.ctx.navigate("endpoints", {"deploy_job": trial.name})

    def _draw(self) -> None:
        job = self.job
        if job is None:
            return
        self._title.setText(job.name)
        self.tags.show_job("tuning", job.name, job.arn)
        self._trial.setText(f"›  trial {trial_number(self.chosen)}" if self.chosen else "")
        self.strip.set_marks(marks(job, self.trials))
        self.strip.set_chosen(self.chosen)
        self.explorer.show_trials(job, self.trials, self.chosen)
        finished = job.counts.finished
        self._done.setText(f"{finished} of {job.max_jobs}" if job.max_jobs else count(finished, "trial"))
        trial = self.trial()
        self.train_button.allow(trial is not None and bool(trial.hyperparameters), "Choose a trial with its values")
        if trial is not None:
            self.train_button.setText(f"Train with {trial_number(trial.name)}…")
        self._say_progress(job)

    def _say_progress(self, job: TuningJob) -> None:
        trial = self.trial()
        now = datetime.now(UTC)
        if trial is not None and trial.running:
            words = epoch_words(self.curves.get(trial.name, ()), now) or "getting an instance"
        elif trial is not None and trial.early_stopped:
            curve = self.curves.get(trial.name, ())
            words = f"stopped early, after {curve[-1].epoch} of {curve[-1].epochs} epochs" if curve else "stopped early"
        elif job.running:
            left = time_left(job)
            words = f"about {duration(max(1.0, left))} left for all" if left is not None else "starting"
        else:
            took = ((job.ended or now) - job.created).total_seconds()
            words = f"{job.status.lower()} in {duration(took)}, {best_words(job)}"
        self._progress.setText(words)

    def _draw_curves(self) -> None:
        running = self.job is None or self.job.running
        epochs = last_epoch((each for curve in self.curves.values() for each in curve), running)
        for chart, metric in ((self._loss, "loss"), (self._accuracy, "accuracy")):
            chart.set_x_range(1, max(2, epochs))
            chart.set_series(lines(self.trials, self.curves, metric, self.chosen))
            chart.set_placeholder(self._without_figures())
        if self.job is not None:
            self._say_progress(self.job)

    def _without_figures(self) -> str:
        if self.job is None or self._loaded:
            return "No epoch has ended yet" if self.job is not None and self.job.running else "No figures"
        return "Reading the logs…"

    def _train(self) -> None:
        trial = self.trial()
        if self.job is not None and trial is not None:
            self.trainRequested.emit(self.job, trial)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room beside the leaderboard's title, colours and button get a line of their own."""
        super().resizeEvent(event)
        below = self.width() < theme().pixels(_ONE_LINE)
        self._progress.setVisible(not below)
        self._show_loss()
        if below != (self._board_second.indexOf(self._legend) >= 0):
            here, there = self._board_head, self._board_second
            if not below:
                here, there = there, here
            for part in (self._legend, self.train_button):
                here.removeWidget(part)
                there.addWidget(part)

    def _show_loss(self) -> None:
        """Leave the loss out where there is little room: accuracy and scatter say more."""
        self._loss.setVisible(self.width() >= theme().pixels(_ONE_LINE) and not self.explorer.wide)

    def set_narrow(self, narrow: bool) -> None:
        """Leave the tags out of a narrow window."""
        self._show_loss()
        self.tags.setVisible(not narrow)
