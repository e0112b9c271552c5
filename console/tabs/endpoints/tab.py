"""The Endpoints tab: the list, and the chosen endpoint at the right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.look.theme import PAGE_PADDING, PAGE_PADDING_NARROW
from console.models.format import count, dollars
from console.tabs.base import Tab
from console.tabs.endpoints import TAB
from console.tabs.endpoints.commands import DeleteEndpoint, DeployEndpoint, UpdateEndpoint
from console.tabs.endpoints.deploy_dialog import DeployDialog
from console.tabs.endpoints.detail import EndpointPanel
from console.tabs.endpoints.follow import EndpointFollower
from console.tabs.endpoints.functions.part import FunctionsPart
from console.tabs.endpoints.parked_panel import ParkedPanel
from console.tabs.endpoints.parking import ParkingActions
from console.tabs.endpoints.rows import COLUMNS, Row
from console.tabs.endpoints.update_dialog import UpdateDialog
from console.widgets.forms.buttons import Button
from console.widgets.forms.focus import give
from console.widgets.forms.lines import CheckLine
from console.widgets.frames.empty_state import EmptyState
from console.widgets.frames.page_scroll import GUTTER, PageScroll
from console.widgets.frames.scroll_area import into_sight
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from workers.access.roles import role_arn
from workers.aws.s3_uri import S3Uri
from workers.endpoints.deployable import no_model_reason
from workers.endpoints.update import counts_change
from workers.errors.tree import NotFound, SageDeckError
from workers.parking.types import Parked
from workers.types import Endpoint, EndpointMetrics, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

# Pixels: an address with its button to copy it.
SIDE_WIDTH = 384
# While an endpoint comes up or goes, the list is read this often.
EAGER_MS = 2500
JOBS_OFFERED = 100
_CONCURRENT_METRICS = 4


class EndpointsTab(Tab):
    """Deploy, watch and delete endpoints."""

    spec = TAB

    def build(self) -> Iterator[None]:
        """The two lists, and what shows the chosen endpoint or function."""
        ctx = self.ctx
        self._rows: dict[str, Row] = {}
        self._wanted = self._to_park = ""
        self._gate = asyncio.Semaphore(_CONCURRENT_METRICS)
        self.follower = EndpointFollower(ctx)
        self.parking = ParkingActions(ctx, self.follower, self.refresh)
        self.search = SearchField("Filter")
        self.deploy_button = Button("New endpoint…", "primary", "plus", on=self.deploy)
        self.table = ResourceTable(COLUMNS, key="name", name="Endpoints", noun="endpoints", sort=("name", "asc"))
        yield
        self.functions = FunctionsPart(ctx, whole=False)
        # In their places before they are filled: what is full would be moved with all that is in it.
        self._scroll = PageScroll(self.table, self.functions)
        self._unknown = CheckLine("warn", "")
        self._unknown.hide()
        self.body.addWidget(self._unknown)
        self.body.addWidget(self._scroll, 1)
        yield from self.functions.build()
        self.function_button = Button("New function…", icon="lambda", on=self.functions.function_actions.create)
        for part in (self.search, self.function_button, self.deploy_button):
            self.head.add(part)
        yield
        self.table.set_empty(
            "endpoints",
            "No endpoints yet",
            "Deploy a trained model to classify pictures.",
            ("New endpoint…", self.deploy),
            ("Train a model", lambda: ctx.navigate("training")),
        )
        self.table.set_actions(self._menu)
        self.table.remember(ctx.settings, "endpoints")
        self.table.link_of = lambda row: ("parked-endpoint" if row.parked is not None else "endpoint", row.name)
        self.table.selectionChanged.connect(self._chosen)
        self.table.search_by(self.search)
        self.table.fit_rows()
        self.functions.table.search_by(self.search)
        self.table.view.share_columns(self.functions.table.view)
        self.functions.changed.connect(self._say_counts)
        self.functions.chosen.connect(self._function_chosen)
        self.functions.sight.connect(into_sight)
        yield
        self.panel = EndpointPanel(ctx)
        self.panel.update_button.clicked.connect(self.update_endpoint)
        self.panel.delete_button.clicked.connect(self.delete)
        self.panel.park_button.clicked.connect(lambda: self._on_current(self.parking.park))
        self.parked_panel = ParkedPanel()
        self.parked_panel.resume_button.clicked.connect(lambda: self._on_parked(self.parking.resume))
        self.parked_panel.forget_button.clicked.connect(lambda: self._on_parked(self.parking.forget))
        yield
        self._sides = QStackedWidget()
        self.set_side(self._sides, "Details", width=SIDE_WIDTH)
        self._sides.addWidget(self.panel)
        yield
        self._sides.addWidget(self.parked_panel)
        self._sides.addWidget(self.functions.panel)
        self._unchosen = EmptyState("endpoints", "Nothing is chosen", "Choose one in a list.", plain=True)
        self._sides.addWidget(self._unchosen)
        self._make_gutter()
        self._show_side(False)
        self._eager = QTimer(self)
        self._eager.setSingleShot(True)
        self._eager.setInterval(EAGER_MS)
        self._eager.timeout.connect(self._eager_refresh)
        ctx.readOnlyChanged.connect(lambda _: self._update_buttons())

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the list; ``{"deploy_job": name}`` opens the dialog for a job, ``{"deploy_model": TrainingJob}``
        for one that SageMaker does not know, ``{"endpoint": name}`` and ``{"function": name}`` choose one, and
        ``{"park": name}`` asks whether to park it."""
        self.refresh()
        self.panel.follow()
        if isinstance(payload, dict):
            self._to_park = payload.get("park", "")
            self._wanted = payload.get("endpoint", "") or self._to_park
            if payload.get("function"):
                self.functions.choose(payload["function"])
            if isinstance(payload.get("deploy_model"), TrainingJob):
                job = payload["deploy_model"]
                self.with_services(self._deploy, job.name, job, label="Deploy", key="deploy")
            elif payload.get("deploy_job"):
                self.deploy(payload["deploy_job"])

    def landing(self, payload: Any = None) -> QWidget | None:
        """The list of what is meant."""
        functions = self.functions.table.view
        wanted = isinstance(payload, dict) and payload.get("function")
        return functions if wanted and functions.isVisible() else super().landing(payload)

    def deactivate(self) -> None:
        """Stop following the log."""
        self.panel.pause()
        self.functions.log.close_log()
        self._eager.stop()

    def forget_account(self) -> None:
        """Forget the endpoints and functions of the account."""
        self._wanted = self._to_park = ""
        self._forget_rows()

    def _forget_rows(self) -> None:
        self._eager.stop()
        self._rows.clear()
        self.parking.forget_account()
        self._unknown.hide()
        self.panel.forget()
        self.functions.forget()
        self._sides.setCurrentWidget(self._unchosen)
        self._show_side(False)
        self.table.set_rows([])
        self.table.set_loading("Reading the endpoints")
        self.head.subtitle.setText("")
        self.badgeChanged.emit("", "", "")
        self._update_buttons()

    def backend_changed(self) -> None:
        """Read the endpoints of this account."""
        self._forget_rows()
        super().backend_changed()

    def refresh(self) -> None:
        """Read the endpoints and their figures again."""
        if not self.ctx.connected:
            return
        if not self._rows:
            self.table.set_loading("Reading the endpoints")
        self.with_services(self._refresh, label="Read the endpoints", key="list", on_error=self._refresh_failed)
        self.functions.refresh()

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of this name, as it was last read; None when there is none."""
        row = self._rows.get(name)
        return row.endpoint if row is not None else None

    # Rows

    async def _refresh(self, services: Services) -> None:
        endpoints = await services.endpoints.list()
        there = {endpoint.name for endpoint in endpoints if endpoint.status != "Deleting"}
        self.ctx.notify.keep_only("endpoint", there)
        self._take(services, endpoints, await self.parking.read(services, endpoints))
        self._say_unknown()
        figures = await asyncio.gather(*(self._figures(services, endpoint.name) for endpoint in endpoints))
        for name, metrics in figures:
            if name in self._rows:
                row = self._rows[name]
                self._rows[name] = replace(row, metrics=metrics or row.metrics, asked=True)
        self._show()
        self.ctx.mark_refreshed()

    def _say_unknown(self) -> None:
        error = self.parking.error
        self._unknown.setVisible(error is not None)
        if error is not None:
            self._unknown.set_content("warn", "Parked endpoints are not known", error.message)

    async def _figures(self, services: Services, name: str) -> tuple[str, EndpointMetrics | None]:
        try:
            async with self._gate:
                return name, await services.endpoints.metrics(name)
        except SageDeckError:
            # The list is worth showing without figures.
            return name, None

    def _refresh_failed(self, error: BaseException) -> None:
        self.table.set_error(error, fix=("Try again", self.refresh))

    def _take(self, services: Services, endpoints: tuple[Endpoint, ...], parked: dict[str, Parked]) -> None:
        rows = {}
        for endpoint in endpoints:
            known = self._rows.get(endpoint.name)
            cost = services.prices.endpoint_per_hour(endpoint, services.region)
            rows[endpoint.name] = Row(
                endpoint,
                cost,
                known.metrics if known else None,
                known is not None and known.asked,
                parked.pop(endpoint.name, None),
            )
            self.follower.follow(endpoint)
        rows |= {name: self.parking.row(services, found) for name, found in parked.items()}
        self._rows = rows
        self._show()
        if self.active and any(_moving(row) for row in rows.values()):
            self._eager.start()

    def _show(self) -> None:
        rows = list(self._rows.values())
        self.table.set_rows(rows)
        there = [row.name for row in rows if not row.away]
        self.functions.set_endpoints(there, set(self._rows) - set(there))
        self._say_counts()
        if self._wanted in self._rows:
            self.table.select_keys([self._wanted])
            if self._wanted == self._to_park:
                self._on_current(self.parking.park)
            self._wanted = self._to_park = ""
        elif rows and self.table.current_row() is None and self.functions.current() is None:
            self.table.select_keys([rows[0].name])
        self._chosen()

    def _say_counts(self) -> None:
        rows = list(self._rows.values())
        hourly, functions = sum(row.per_hour or 0 for row in rows), len(self.functions.rows)
        cost = f"{dollars(hourly, 3)} an hour" if hourly else ""
        parts = [count(len(rows), "endpoint"), count(functions, "function") if functions else "", cost]
        self.head.subtitle.setText(", ".join(part for part in parts if part))
        self.functions.setVisible(bool(rows or functions))
        failed, idle = sum(row.endpoint.status == "Failed" for row in rows), sum(row.idle for row in rows)
        wrong, moving = failed + self.functions.denied, sum(_moving(row) for row in rows)
        if wrong:
            self.badgeChanged.emit("err", str(wrong), "err")
        elif moving:
            self.badgeChanged.emit("run", str(moving), "accent")
        else:
            self.badgeChanged.emit("idle" if idle else "", str(idle) if idle else "", "warn" if idle else "")

    def _function_chosen(self, chosen: bool) -> None:
        if chosen:
            self._sides.setCurrentWidget(self.functions.panel)
            self.table.select_keys([])
        self._show_side(chosen or self.table.current_row() is not None)

    def _eager_refresh(self) -> None:
        if self.active:
            self.refresh()

    def _chosen(self) -> None:
        row = self.table.current_row()
        self._show_side(row is not None or self.functions.current() is not None)
        if row is not None and row.away and row.parked is not None:
            self._sides.setCurrentWidget(self.parked_panel)
            self.functions.clear_choice()
            self.panel.forget()
            self.parked_panel.show_parked(row.parked, row.back_per_hour)
        elif row is not None:
            self._sides.setCurrentWidget(self.panel)
            self.functions.clear_choice()
            self.panel.show_row(row)
            self.panel.show_parking(self.parking.notice(row.parked) if row.parked is not None else None)
        else:
            self.panel.forget()
            if self.functions.current() is None:
                self._sides.setCurrentWidget(self._unchosen)
        self._update_buttons()

    def _show_side(self, on: bool) -> None:
        if self._side is not None and not self.narrow:
            self._side.setVisible(on)

    def set_narrow(self, narrow: bool) -> None:
        """A narrow window puts the panel behind a button; a wide one shows it when something is chosen."""
        super().set_narrow(narrow)
        self._make_gutter()
        self._show_side(self.table.current_row() is not None or self.functions.current() is not None)

    def _make_gutter(self) -> None:
        """Let the page's scroll bar stand in the padding; the head keeps to the tables' right edge."""
        margins = self.body.contentsMargins()
        padding = PAGE_PADDING_NARROW if self.narrow else PAGE_PADDING
        self.body.setContentsMargins(margins.left(), margins.top(), padding - GUTTER, margins.bottom())
        self.head.setContentsMargins(0, 0, GUTTER, 0)

    def _update_buttons(self) -> None:
        against = self.ctx.hindrance
        row = self.table.current_row()
        state = row.endpoint.status if row is not None else ""
        unfit = "" if state == "InService" else f"It is {state}, not InService" if state else "Choose an endpoint"
        gone = "It is being deleted already" if state == "Deleting" else "" if state else "Choose an endpoint"
        unread = row is None or row.parked is None or row.parked.memory is None
        self.deploy_button.hinder(against)
        self.function_button.hinder(against)
        self.panel.update_button.hinder(against or unfit)
        self.panel.park_button.hinder(against or unfit)
        self.panel.delete_button.hinder(against or gone)
        self.parked_panel.resume_button.hinder(against or ("What is remembered cannot be read" if unread else ""))
        self.parked_panel.forget_button.hinder(against)

    def _on_current(self, act: Callable[[Row], None]) -> None:
        row = self.table.current_row()
        if row is not None:
            act(row)

    def _on_parked(self, act: Callable[[Parked], None]) -> None:
        row = self.table.current_row()
        if row is not None and row.parked is not None:
            act(row.parked)

    def _menu(self, rows: list[Row]) -> list[Any]:
        entries: list[Any] = []
        if len(rows) == 1 and rows[0].away:
            if not self.ctx.read_only:
                if rows[0].parked is not None and rows[0].parked.memory is not None:
                    entries.append(("Resume…", "play", lambda: self._on_parked(self.parking.resume)))
                entries.append(("Forget…", "trash", lambda: self._on_parked(self.parking.forget)))
        elif len(rows) == 1:
            name = rows[0].name
            if rows[0].endpoint.status == "InService":
                entries.append(("Test…", "predict", lambda: self.ctx.navigate("predict", {"endpoint": name})))
            if not self.ctx.read_only:
                if rows[0].endpoint.status == "InService":
                    entries.append(("Update…", "refresh", self.update_endpoint))
                    entries.append(("Park…", "pause", lambda: self._on_current(self.parking.park)))
                if rows[0].endpoint.status not in ("Failed", "Deleting"):
                    entries.append(("New function…", "lambda", lambda: self.functions.function_actions.create(name)))
                entries.append(("Delete…", "trash", self.delete))
        return entries

    # Actions

    def deploy(self, job_name: str = "") -> None:
        """Open the deploy dialog, for ``job_name`` if it is given."""
        wanted = job_name if isinstance(job_name, str) else ""
        if self.with_services(self._deploy, wanted, label="Deploy", key="deploy") is None:
            self.ctx.notify.info("Not connected", "A model is deployed once an account is connected.")

    async def _deploy(self, services: Services, job_name: str, elsewhere: TrainingJob | None = None) -> None:
        jobs = await self._deployable(services, job_name if elsewhere is None else "")
        if elsewhere is not None:
            jobs = [elsewhere, *(job for job in jobs if job.name != elsewhere.name)]
        reason = no_model_reason(jobs[0]) if jobs and jobs[0].name == job_name else ""
        if reason:
            self.ctx.notify.info(f"{job_name} has no model to deploy", reason)
            return
        if not jobs:
            self.ctx.notify.info(
                "There is no model yet",
                "Only a job that has completed has a model to deploy.",
                action=("Train one", lambda: self.ctx.navigate("training")),
            )
            return
        taken = {endpoint.name for endpoint in await services.endpoints.list(details=False)}
        dialog = DeployDialog(services, jobs, taken, job_name, self.window())
        agreed = await dialog.ask()
        self._focus_list()
        if not agreed:
            return
        spec = dialog.spec()
        chosen = next(job for job in jobs if job.name == spec.job_name)
        if chosen.place == "ec2":
            # The job ran on EC2, so SageMaker does not know it and cannot say where its model is.
            spec = replace(spec, model_uri=chosen.model_uri)
        self._wanted = spec.endpoint_name
        await self.ctx.run(DeployEndpoint(spec, self._cli_place(services, spec.job_name, jobs)))

    def _focus_list(self) -> None:
        """After a dialog: what had the focus before may be on another page, and the next in turn is Delete."""
        view = self.table.view
        give(view if view.isVisibleTo(self) else self.deploy_button)

    def _cli_place(self, services: Services, job_name: str, jobs: list[TrainingJob]) -> tuple[str, str, str] | None:
        """Region, model and role of what is deployed from a job, for its AWS CLI lines."""
        identity = self.ctx.identity
        uri = next((job.model_uri for job in jobs if job.name == job_name), "")
        place = S3Uri.find(uri)
        if identity is None or place is None:
            return None
        return services.region, uri, role_arn("Endpoint", place.bucket, identity)

    def update_endpoint(self) -> None:
        """Open the update dialog for the chosen endpoint."""
        row = self.table.current_row()
        if row is not None:
            self.with_services(self._update_endpoint, row, label=f"Update {row.name}", key="update")

    async def _update_endpoint(self, services: Services, row: Row) -> None:
        try:
            endpoint = await services.endpoints.describe(row.name)
        except NotFound:
            self.ctx.notify.info(f"{row.name} is gone already")
            self.refresh()
            return
        jobs = await self._deployable(services, "")
        dialog = UpdateDialog(services, endpoint, jobs, await services.endpoints.alarms(endpoint), self.window())
        agreed = await dialog.ask()
        self._focus_list()
        if agreed:
            spec = dialog.spec()
            present, place = next(iter(endpoint.model_names), ""), self._cli_place(services, spec.job_name, jobs)
            outcome = await self.ctx.run(
                UpdateEndpoint(spec, present, place, counts_change=counts_change(endpoint, spec.instance_count))
            )
            if outcome:
                self.follower.expect(outcome.value, endpoint)

    async def _deployable(self, services: Services, job_name: str) -> list[TrainingJob]:
        page = await services.training.list(status="Completed", size=JOBS_OFFERED)
        jobs = [job for job in await services.training.complete(page.jobs) if not no_model_reason(job)]
        jobs += await self._on_instances(services)
        if job_name and all(job.name != job_name for job in jobs):
            jobs.insert(0, await services.training.describe(job_name))
        return jobs

    @staticmethod
    async def _on_instances(services: Services) -> list[TrainingJob]:
        """The jobs on EC2 instances that left a model; none where they may not be looked for."""
        try:
            return [job for job in await services.compute.jobs.everywhere() if not no_model_reason(job)]
        except SageDeckError:
            return []

    def delete(self) -> None:
        """Ask for the deletion of the chosen endpoint, showing everything that goes with it."""
        row = self.table.current_row()
        if row is not None:
            self.with_services(self._delete, row, label=f"Delete {row.name}", key="delete")

    async def _delete(self, services: Services, row: Row) -> None:
        try:
            plan = await services.endpoints.deletion_plan(row.name)
        except NotFound:
            self.ctx.notify.info(f"{row.name} is gone already")
            self.refresh()
            return
        await self.ctx.run(DeleteEndpoint(plan, row.use))
        self.refresh()

    def resource_changed(self, kind: str, name: str) -> None:
        """Read again after a command; functions are read again only when they changed."""
        self.functions.resource_changed(kind, name)
        if kind == "endpoint":
            self.refresh()


def _moving(row: Row) -> bool:
    return row.endpoint.status in ("Creating", "Updating", "Deleting", "SystemUpdating", "RollingBack")
