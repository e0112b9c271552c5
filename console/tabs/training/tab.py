"""The Training tab: the form at the left, training and tuning jobs above, the chosen one or a comparison below."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QWidget

from console.commands import Command
from console.models.format import count
from console.tabs.base import Tab
from console.tabs.training import TAB
from console.tabs.training.book import JobBook
from console.tabs.training.commands import LaunchTraining, StopTraining
from console.tabs.training.compare import CompareView
from console.tabs.training.detail import JobDetail
from console.tabs.training.follow import JobFollower
from console.tabs.training.follow_features import FeaturesFollower
from console.tabs.training.form.continuing import can_continue
from console.tabs.training.form.drawer import FormDrawer
from console.tabs.training.form.form import LaunchForm
from console.tabs.training.form.values import base_name
from console.tabs.training.menu import Actions, menu_of
from console.tabs.training.pending import PendingRow
from console.tabs.training.rows import JobRow, columns, link_of, tag_words
from console.tabs.training.tags.index import TERM, name_words
from console.tabs.training.tuning.commands import LaunchTuning, StopTuning
from console.tabs.training.tuning.detail import TuningDetail
from console.tabs.training.tuning.follow import TuningFollower
from console.widgets.forms.buttons import Button
from console.widgets.forms.focus import give
from console.widgets.frames.current_stack import CurrentStack
from console.widgets.frames.empty_state import EmptyState
from console.widgets.frames.panes import Panes
from console.widgets.frames.scroll_area import ScrollArea
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from workers.endpoints.deployable import prepares_features
from workers.training.features_progress import FeaturesProgress
from workers.tuning.types import Trial, TuningJob, TuningSpec
from workers.types import TrainingJob, TrainingSpec

if TYPE_CHECKING:
    from workers.services import Services

# Durations and costs of running jobs are counted on this often.
TICK_MS = 5000
_NAME_PART = re.compile(r"[A-Za-z0-9-]+")


class TrainingTab(Tab):
    """Launch, watch, stop, compare and read training and tuning jobs."""

    spec = TAB

    def build(self) -> Iterator[None]:
        """The form, the list, and what shows the chosen job."""
        ctx = self.ctx
        self._wanted = ""
        self.book = JobBook(self._show_rows)
        self.follower = JobFollower(ctx, lambda: self.active)
        self.tuning_follower = TuningFollower(ctx, self.book.put, lambda: self.active)
        self.features_follower = FeaturesFollower(ctx, self._features_seen)
        self._launching: dict[str, LaunchTuning] = {}
        # The features' job is shown instead of the tuning job that is chosen.
        self._aside = False
        self.form = LaunchForm(ctx, whole=False)
        # In its place before it is filled: a full one would be moved with all that is in it.
        self._drawer = FormDrawer(self, self.form, self._row)
        yield from self.form.build()
        self.form.launchRequested.connect(self._launch)
        self._fill_head()
        self.table = self._make_table()
        self.form.launch_button.heir = self.table.view
        # Before the first job there is no list yet: the next one is named then.
        self.table.view.heir = self.form.form.row("name").field
        yield
        self.detail = JobDetail(ctx, whole=False)
        yield from self.detail.build()
        self.detail.clone_button.clicked.connect(self._clone)
        self.detail.continue_button.clicked.connect(self._continue)
        self.detail.tags.changed.connect(self.book.put_tags)
        yield
        self.tuning = TuningDetail(ctx, self.book.put)
        self.tuning.trainRequested.connect(self._train_with)
        self.tuning.featuresRequested.connect(self._show_features_job)
        self.tuning.tags.changed.connect(self.book.put_tags)
        yield
        self.compare = CompareView(ctx)
        self.compare.closed.connect(self._close_compare)
        self._splitter = Panes(Qt.Orientation.Vertical, ctx.settings, "training.jobs")
        self.body.addWidget(self._splitter, 1)
        self._splitter.add(self.table, 210)
        # What does not fit is scrolled to: charts and logs keep a height that is of use.
        self._details = ScrollArea("Details of the job")
        self._details.hide()
        self._splitter.add(self._details, 580)
        self._stack = CurrentStack()
        self._details.setWidget(self._stack)
        for view in (self.detail, self.tuning, self.compare):
            yield
            self._stack.addWidget(view)
        self.waiting = EmptyState("wait", "", plain=True)
        self._stack.addWidget(self.waiting)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._count_on)
        ctx.readOnlyChanged.connect(lambda _: self._update_buttons())
        self._update_buttons()

    def _fill_head(self) -> None:
        self.search = SearchField("Filter jobs")
        self.more_button = Button("Older jobs", icon="history", on=self._load_more)
        self.more_button.hide()
        self.compare_button = Button("Compare", icon="columns", on=self._compare)
        self.stop_button = Button("Stop…", icon="stop", on=self._stop)
        self.deploy_best_button = Button("Deploy best…", icon="endpoints", on=self._deploy_best)
        for control in (
            self.search, self.more_button, self._drawer.button, self.compare_button, self.stop_button,
            self.deploy_best_button,
        ):  # fmt: skip
            self.head.add(control)

    def _make_table(self) -> ResourceTable:
        table = ResourceTable(
            columns(), key="key", name="Training jobs", noun="jobs", sort=("created", "desc"),
            also_searched=lambda row: tag_words(row.tags),
        )  # fmt: skip
        table.set_empty(
            "training",
            "No training jobs yet",
            "Fill in the form and launch one.",
            ("Fill in the form", self._focus_form),
        )
        table.set_actions(self._menu)
        table.remember(self.ctx.settings, "jobs")
        table.link_of = link_of
        table.model.countsChanged.connect(self._say_count)
        table.selectionChanged.connect(self._chosen)
        table.search_by(self.search)
        self.search.searched.connect(self._find)
        bar = table.view.verticalScrollBar()
        bar.valueChanged.connect(lambda value: self._load_more() if value and value == bar.maximum() else None)
        return table

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the jobs; ``{"job": name}`` or ``{"tuning": name}`` chooses one, ``{"data_uri": uri}`` sets the data."""
        if isinstance(payload, dict):
            self._wanted = next((f"{kind}:{payload[kind]}" for kind in ("job", "tuning") if payload.get(kind)), "")
            if payload.get("data_uri"):
                self.form.choose_data(payload["data_uri"])
        self.form.connect_account()
        self.refresh()
        self._tick.start()
        self._follow_shown()

    def landing(self, payload: Any = None) -> QWidget | None:
        """The form, for who comes with data; else the list, and while that is empty the form too."""
        if isinstance(payload, dict) and payload.get("data_uri"):
            return self._open_form()
        view = self.table.view
        return view if view.isVisible() else self._open_form()

    def deactivate(self) -> None:
        """Stop following the chosen job; running jobs are still watched for their end."""
        self._tick.stop()
        self.detail.pause()
        self.tuning.pause()

    def forget_account(self) -> None:
        """Forget the jobs of the account, and what of it the form offers."""
        self._wanted = ""
        self._forget_rows()
        self.form.forget_account()

    def _forget_rows(self) -> None:
        self.book.clear()
        self.table.set_rows([])
        self.table.set_loading("Reading the jobs")
        self.head.subtitle.setText("")
        self.more_button.hide()
        for view in (self.detail, self.tuning, self.compare):
            view.forget()
        self._stack.setCurrentWidget(self.detail)
        self._details.hide()
        self._badge([])
        self._update_buttons()

    def backend_changed(self) -> None:
        """Read the jobs of this account."""
        self._forget_rows()
        if self.active:
            self.activate()

    def refresh(self) -> None:
        """Read the newest jobs again."""
        if not self.ctx.connected:
            return
        if not self.table.model.total:
            self.table.set_loading("Reading the jobs")
        self.form.quota.renew()
        self.with_services(self._refresh, label="Read the jobs", key="list", on_error=self._refresh_failed)

    def set_narrow(self, narrow: bool) -> None:
        """Turn the form into a drawer in a narrow window."""
        super().set_narrow(narrow)
        self._drawer.place()
        self.tuning.set_narrow(narrow)
        self.form.set_narrow(narrow)

    def fit(self) -> None:
        """Keep the drawer at the left edge."""
        self._drawer.place()

    def drawer_buttons(self) -> list[QAbstractButton]:
        """The form is a drawer, too."""
        return [*super().drawer_buttons(), self._drawer.button]

    # Jobs

    async def _refresh(self, services: Services) -> None:
        await self.book.refresh(services)
        self.form.offer_parents(self.book.tunings)
        self.ctx.mark_refreshed()

    def _refresh_failed(self, error: BaseException) -> None:
        self.table.set_error(error, fix=("Try again", self.refresh))

    def _load_more(self) -> None:
        if self.book.more:
            self.with_services(self.book.older, label="Read older jobs", key="older")

    def _find(self, text: str) -> None:
        part = _NAME_PART.search(name_words(text))
        self.with_services(self.book.find, part[0] if part else "", label="Search the jobs", key="find")
        self.with_services(
            self._find_tagged, text, label="Search the tags", key="find-tags",
            on_error=lambda error: self._tags_unread(text, error),
        )  # fmt: skip

    async def _find_tagged(self, services: Services, text: str) -> None:
        if text and not self.book.tags.fresh:
            self.table.set_loading("Searching the tags of all jobs")
        try:
            await self.book.find_tagged(services, text)
        finally:
            self._show_rows()

    def _tags_unread(self, text: str, error: BaseException) -> None:
        # Only a search that names a tag fails without them; a search for a name does not need the message.
        if TERM in text.casefold():
            self.ctx.notify.error(error, "The tags could not be searched")

    def _show_rows(self) -> None:
        services = self.ctx.services
        if services is None:
            return
        rows = self.book.rows(services)
        for row in rows:
            if row.tuning is not None:
                self.tuning_follower.follow(row.tuning)
            elif row.job is not None and prepares_features(row.job):
                self.features_follower.follow(row.job)
            elif row.job is not None:
                self.follower.follow(row.job)
        self.table.set_rows(rows)
        self._say_count()
        self.more_button.setVisible(self.book.more)
        self._badge(rows)
        if self._wanted and self.table.model.row_of(self._wanted) is not None:
            self.table.select_keys([self._wanted])
            self._wanted = ""
        elif rows and self.table.current_row() is None:
            self.table.select_keys([max(rows, key=lambda row: row.created).key])
        self._show_what_it_became()
        self._update_buttons()

    def _count_on(self) -> None:
        """Durations and costs of what runs go on, also while nothing else changes."""
        if any(row.running for row in self.table.model.rows()):
            self._show_rows()

    def _say_count(self) -> None:
        model = self.table.model
        shown = f"{model.rowCount():,} of " if model.hidden else ""
        self.head.subtitle.setText(shown + count(model.total, "job") + (" so far" if self.book.more else ""))

    def _show_what_it_became(self) -> None:
        """The chosen row may be another thing under the same key now: features, then the tuning job itself."""
        row = self.table.current_row()
        shown = None if self._details.isHidden() else self._stack.currentWidget()
        if row is None or self._aside or shown is self.compare:
            return
        wanted = self.tuning if row.tuning is not None else self.detail if row.job is not None else None
        if shown is not wanted or isinstance(row, PendingRow):
            self._show_one(row)

    def _chosen(self) -> None:
        self._aside = False
        rows = self.table.selected_rows()
        comparing = self._details.isVisible() and self._stack.currentWidget() is self.compare
        if comparing and len(rows) > 1:
            self.compare.show_rows(rows)
        else:
            self._show_one(self.table.current_row())
        self._update_buttons()

    def _show_one(self, row: JobRow | None) -> None:
        before = self._stack.currentWidget() if self._details.isVisible() else None
        self._details.setVisible(row is not None)
        if row is None:
            return
        if row.tuning is not None:
            self.detail.pause()
            self._stack.setCurrentWidget(self.tuning)
            self.tuning.show_job(row.tuning, row.trials)
            self.tuning.show_features(self.book.features_of(row.tuning))
        elif row.job is not None:
            self._show_single(row, row.job)
        elif isinstance(row, PendingRow):
            self.detail.pause()
            self.tuning.pause()
            self.waiting.set_content("wait", *row.waits_for)
            self._stack.setCurrentWidget(self.waiting)
        else:
            # Nothing has begun that could be followed.
            self._details.hide()
        if self._stack.currentWidget() is not before:
            self._follow_shown()

    def _show_single(self, row: JobRow, job: TrainingJob) -> None:
        self.tuning.pause()
        self._stack.setCurrentWidget(self.detail)
        self.detail.show_job(job)
        trouble = row.trouble if isinstance(row, PendingRow) else ""
        form = row.form if isinstance(row, PendingRow) else None
        again = ("Launch it again", lambda: self._launch(form), "play") if form is not None else None
        self.detail.say_trouble(trouble, None if self.ctx.read_only else again)

    def _features_seen(self, job: TrainingJob, progress: FeaturesProgress | None) -> None:
        for name in self.book.awaited_by(job):
            if name in self._launching and progress is not None:
                self._launching[name].show_features(progress)
        self.book.put_features(job, progress)

    def _show_features_job(self, job: TrainingJob) -> None:
        """Show the job that prepared the features of the chosen tuning job."""
        self._aside = True
        self.tuning.pause()
        self._stack.setCurrentWidget(self.detail)
        self.detail.show_job(job)
        self.detail.say_trouble("")
        self._follow_shown()

    def _follow_shown(self) -> None:
        if self.active and self._details.isVisibleTo(self):
            view = self._stack.currentWidget()
            if view is self.tuning:
                self.tuning.resume()
            elif view is self.detail:
                self.detail.resume()

    def _badge(self, rows: list[JobRow]) -> None:
        running = sum(row.running for row in rows)
        self.badgeChanged.emit("run" if running else "", str(running) if running else "", "accent" if running else "")

    # Actions

    def _launch(self, spec: TrainingSpec | TuningSpec) -> None:
        tuning = isinstance(spec, TuningSpec)
        name = spec.tuning_name if isinstance(spec, TuningSpec) else spec.job_name
        command: Command = (
            LaunchTraining(spec, self.form.cli_place(spec))
            if isinstance(spec, TrainingSpec)
            else self._tuning_command(spec)
        )
        self.start(
            self._launch_and_show(command, f"{'tuning' if tuning else 'job'}:{name}"), label=f"Launch {name}"
        )  # fmt: skip

    def _tuning_command(self, spec: TuningSpec) -> LaunchTuning:
        command = LaunchTuning(
            spec, lambda step: self.refresh() if step.phase == "features" else None, self.form.cli_place(spec)
        )
        self._launching[spec.tuning_name] = command
        return command

    async def _launch_and_show(self, command: Command, key: str) -> None:
        self.form.busy = True
        self.form.update_state()
        if isinstance(command, LaunchTuning) and not self.ctx.read_only:
            self._wanted = key
            self.book.expect(command.spec)
        try:
            outcome = await self.ctx.run(command)
        finally:
            self.form.busy = False
            self.form.update_state()
            if isinstance(command, LaunchTuning):
                self._launching.pop(command.spec.tuning_name, None)
                self.book.launched(command.spec.tuning_name)
        if outcome:
            self._wanted = key
            if self.form.form.value("name") == key.partition(":")[2]:
                self.form.renew_name()
            self._drawer.button.setChecked(False)
            self.refresh()

    def _stop(self) -> None:
        rows = [row for row in self.table.selected_rows() if row.running]
        # Several tuning jobs may wait for one and the same.
        jobs = list({row.job.name: row.job for row in rows if row.job is not None}.values())
        tunings = [row.tuning for row in rows if row.tuning is not None]
        if jobs:
            self.ctx.start(StopTraining(jobs, [name for job in jobs for name in self.book.awaited_by(job)]))
        if tunings:
            self.ctx.start(StopTuning(tunings))

    def _clone(self) -> None:
        row = self.table.current_row()
        if row is not None:
            self.form.clone(row.source, row.tags)
            self._focus_form()

    def _continue(self) -> None:
        row = self.table.current_row()
        if row is not None and row.job is not None and can_continue(row.job):
            self.form.continue_job(row.job, self.detail.last_epoch(row.job), row.tags)
            self._focus_form()

    def _train_with(self, job: TuningJob, trial: Trial) -> None:
        services = self.ctx.services
        if services is not None:
            self.form.fill(services.tuning.training_spec(job, trial, f"{base_name(job.name)}-best"))
            self._focus_form()

    def _compare(self) -> None:
        rows = self.table.selected_rows()
        if len(rows) > 1:
            self.detail.pause()
            self.tuning.pause()
            self._stack.setCurrentWidget(self.compare)
            self._details.show()
            self.compare.show_rows(rows)

    def _close_compare(self) -> None:
        self._show_one(self.table.current_row())
        give(self.table.view)

    def _focus_form(self) -> None:
        give(self._open_form())

    def _open_form(self) -> QWidget:
        if self.narrow:
            self._drawer.button.setChecked(True)
        return self.form.form.row("name").field

    def _menu(self, rows: list[JobRow]) -> list[Any]:
        name, job = rows[0].name, rows[0].job
        do = Actions(
            self._stop, self._compare, self._clone, self._continue, self._edit_tags, lambda: self._deploy(name),
            self._deploy_best,
        )  # fmt: skip
        return menu_of(self.ctx, rows, do, job is not None and not self.detail.no_model_reason(job))

    def _edit_tags(self) -> None:
        row = self.table.current_row()
        if row is not None:
            (self.tuning if row.tuning is not None else self.detail).tags.edit()

    def _deploy(self, name: str) -> None:
        self.ctx.navigate("endpoints", {"deploy_job": name})

    def _deploy_best(self) -> None:
        row = self.table.current_row()
        if row is not None and row.tuning is not None and row.tuning.best is not None:
            self._deploy(row.tuning.best.name)

    def _update_buttons(self) -> None:
        rows = self.table.selected_rows()
        idle = not any(row.running for row in rows)
        self.stop_button.hinder(self.ctx.hindrance or ("Choose a job that runs" if idle else ""))
        self.compare_button.setVisible(len(rows) > 1)
        tuning = rows[0].tuning if len(rows) == 1 else None
        self.deploy_best_button.setVisible(tuning is not None)
        ended = tuning is not None and tuning.best is not None and tuning.best.status in ("Completed", "Stopped")
        self.deploy_best_button.allow(ended, "No trial has ended yet")
        self.form.update_state()

    def resource_changed(self, kind: str, name: str) -> None:
        """Read again after a launch or a stop; a data set that was uploaded is offered."""
        if kind in ("job", "tuning"):
            self.refresh()
        elif kind == "dataset":
            self.form.choose_data(name)
