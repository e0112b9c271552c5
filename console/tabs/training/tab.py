"""The Training tab: the form at the left, the jobs above, the chosen job below."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QWidget

from console.context import AppContext
from console.models.base_format import count
from console.tabs.base import Tab
from console.tabs.training.commands import LaunchTraining, StopTraining
from console.tabs.training.detail import JobDetail
from console.tabs.training.follow import JobFollower
from console.tabs.training.form import LaunchForm
from console.tabs.training.rows import columns
from console.widgets.buttons import Button
from console.widgets.search_field import SearchField
from console.widgets.table import ResourceTable
from workers.types import TrainingJob, TrainingSpec

FORM_WIDTH = 320
PAGE_SIZE = 100


class TrainingTab(Tab):
    """Launch, watch, stop and read training jobs."""

    id, title, icon, order = "training", "Training", "training", 3

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(ctx, parent)
        self._jobs: dict[str, TrainingJob] = {}
        self._token: str | None = None
        self._wanted = ""
        self.follower = JobFollower(ctx)
        self.form = LaunchForm(ctx)
        self.form.launchRequested.connect(self._launch)
        self._holder = self._left_panel()
        self._form_button = Button("New job", icon="plus")
        self._form_button.setCheckable(True)
        self._form_button.toggled.connect(lambda _: self._place_form())
        self.search = SearchField("Filter jobs")
        self._more = Button("Older jobs", icon="history", on=self._load_more)
        self._more.hide()
        self.stop_button = Button("Stop…", icon="stop", on=self._stop)
        for control in (self.search, self._more, self._form_button, self.stop_button):
            self.head.add(control)
        self.table = ResourceTable(
            columns(self._cost), key="name", name="Training jobs", noun="jobs", sort=("created", "desc")
        )
        self.table.set_empty(
            "training",
            "No training jobs yet",
            "Fill in the form and launch one.",
            ("Fill in the form", self._focus_form),
        )
        self.table.set_actions(self._menu)
        self.table.selectionChanged.connect(self._chosen)
        self.search.searched.connect(self.table.set_filter)
        self.table.filterCleared.connect(self.search.clear)
        self.detail = JobDetail(ctx)
        self.detail.clone_button.clicked.connect(self._clone)
        self.detail.hide()
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.table)
        self._splitter.addWidget(self.detail)
        self._splitter.setSizes([230, 560])
        self._splitter.setHandleWidth(17)
        self.table.setMinimumHeight(120)
        self.body.addWidget(self._splitter, 1)
        ctx.resourceChanged.connect(self._resource_changed)
        ctx.readOnlyChanged.connect(lambda _: self._update_buttons())
        self._update_buttons()

    def _left_panel(self) -> QFrame:
        holder = QFrame()
        holder.setObjectName("side")
        holder.setAutoFillBackground(True)
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.form, 1)
        line = QFrame()
        line.setProperty("panel", "vline")
        row.addWidget(line)
        holder.setFixedWidth(self.ctx.theme.pixels(FORM_WIDTH))
        self._row.insertWidget(0, holder)
        return holder

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the jobs; ``{"job": name}`` chooses one, ``{"data_uri": uri}`` puts data into the form."""
        if isinstance(payload, dict):
            self._wanted = payload.get("job", "")
            if payload.get("data_uri"):
                self.form.choose_data(payload["data_uri"])
        self.form.connect_account()
        self.refresh()
        self.detail.resume()

    def deactivate(self) -> None:
        """Stop following the chosen job; running jobs are still watched for their end."""
        self.detail.pause()

    def backend_changed(self) -> None:
        """Forget the jobs of the other account."""
        self._jobs.clear()
        self._token = None
        self.table.set_rows([])
        self.table.set_loading("Reading the jobs")
        self.detail.forget()
        self.detail.hide()
        self._badge()
        if self.active:
            self.activate()

    def refresh(self) -> None:
        """Read the newest jobs again."""
        if self.ctx.services is None:
            return
        if not self._jobs:
            self.table.set_loading("Reading the jobs")
        self.start(self._refresh(), label="Read the jobs", key="list", on_error=self._refresh_failed)

    def set_narrow(self, narrow: bool) -> None:
        """Turn the form into a drawer in a narrow window."""
        super().set_narrow(narrow)
        self._place_form()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the drawer at the left edge."""
        super().resizeEvent(event)
        self._place_form()

    # Jobs

    async def _refresh(self) -> None:
        services = self.ctx.services
        if services is None:
            return
        page = await services.training.list(size=PAGE_SIZE)
        if not self._jobs or self._token is None:
            self._token = page.token
        self._take(list(page.jobs))
        self._take(list(await services.training.complete(page.jobs)))
        self.ctx.mark_refreshed()

    def _refresh_failed(self, error: BaseException) -> None:
        self.table.set_error(error, fix=("Try again", self.refresh))

    def _load_more(self) -> None:
        self.start(self._older(), label="Read older jobs", key="older")

    async def _older(self) -> None:
        services = self.ctx.services
        if services is None or self._token is None:
            return
        page = await services.training.list(size=PAGE_SIZE, token=self._token)
        self._token = page.token
        self._take(list(await services.training.complete(page.jobs)))

    def _take(self, jobs: list[TrainingJob]) -> None:
        for job in jobs:
            known = self._jobs.get(job.name)
            if known is not None and known.instance_type and not job.instance_type and known.status == job.status:
                continue
            self._jobs[job.name] = job
            self.follower.follow(job)
        self.table.set_rows(list(self._jobs.values()))
        self._more.setVisible(self._token is not None)
        self.head.subtitle.setText(count(len(self._jobs), "job") + (" so far" if self._token else ""))
        self._badge()
        if self._wanted in self._jobs:
            self.table.select_keys([self._wanted])
            self._wanted = ""
        elif self._jobs and self.table.current_row() is None:
            newest = max(self._jobs.values(), key=lambda job: job.created)
            self.table.select_keys([newest.name])
        self._update_buttons()

    def _chosen(self) -> None:
        job = self.table.current_row()
        self.detail.setVisible(job is not None)
        if job is not None:
            self.detail.show_job(job)
        self._update_buttons()

    def _cost(self, job: TrainingJob) -> float | None:
        services = self.ctx.services
        if services is None or not job.instance_type:
            return None
        return services.prices.job_cost(job, services.region)

    def _badge(self) -> None:
        running = sum(job.running for job in self._jobs.values())
        self.badgeChanged.emit("run" if running else "", str(running) if running else "", "accent" if running else "")

    # Actions

    def _launch(self, spec: TrainingSpec) -> None:
        self.start(self._launch_and_show(spec), label=f"Launch {spec.job_name}")

    async def _launch_and_show(self, spec: TrainingSpec) -> None:
        self.form.launch_button.setEnabled(False)
        try:
            outcome = await self.ctx.run(LaunchTraining(spec))
        finally:
            self.form.update_state()
        if outcome:
            self._wanted = spec.job_name
            self.form.renew_name()
            self._form_button.setChecked(False)
            self.refresh()

    def _stop(self) -> None:
        jobs = [job for job in self.table.selected_rows() if job.running]
        if jobs:
            self.ctx.start(StopTraining(jobs))

    def _clone(self) -> None:
        job = self.detail.job
        if job is not None:
            self.form.clone(job)
            self._focus_form()

    def _focus_form(self) -> None:
        if self.narrow:
            self._form_button.setChecked(True)
        self.form.form.row("name").field.setFocus()

    def _menu(self, rows: list[TrainingJob]) -> list[Any]:
        entries: list[Any] = []
        if any(job.running for job in rows) and not self.ctx.read_only:
            entries.append(("Stop…", "stop", self._stop))
        if len(rows) == 1:
            entries.append(("Run again…", "copy", self._clone))
            if rows[0].status == "Completed":
                entries.append(("Deploy…", "endpoints", lambda: self._deploy(rows[0])))
        return entries

    def _deploy(self, job: TrainingJob) -> None:
        self.ctx.navigate("endpoints", {"deploy_job": job.name})

    def _update_buttons(self) -> None:
        running = any(job.running for job in self.table.selected_rows())
        self.stop_button.setEnabled(running and not self.ctx.read_only)
        self.form.update_state()

    def _resource_changed(self, kind: str, name: str) -> None:
        if kind == "job":
            self.refresh()
        elif kind == "dataset":
            self.form.choose_data(name)

    def _place_form(self) -> None:
        floating = self.narrow
        inside = self._row.indexOf(self._holder) >= 0
        self._form_button.setVisible(floating)
        if floating and inside:
            self._row.removeWidget(self._holder)
            self._holder.setParent(self)
        elif not floating and not inside:
            self._row.insertWidget(0, self._holder)
        self._holder.setVisible(not floating or self._form_button.isChecked())
        if floating and self._form_button.isChecked():
            top = self.head.geometry().bottom() + 1
            self._holder.setGeometry(0, top, self._holder.width(), self.height() - top)
            self._holder.raise_()
