"""The side panel: one endpoint's figures, facts, log, and what deleting it would touch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.commands import KIND_ICONS
from console.context import AppContext
from console.follow.log import LogFollower, Page
from console.look.theme import theme
from console.models.chart import GAP_PERIODS, Series
from console.models.format import dollars, milliseconds, percents, when
from console.narrowing import RoleNotice
from console.tabs.endpoints.rows import Row
from console.widgets.base import label, on_theme
from console.widgets.charts.chart import LineChart
from console.widgets.charts.machine_chart import MachineChart
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import CheckLine, IconLabel
from console.widgets.frames.banner import Banner
from console.widgets.frames.side_panel import SidePanel
from console.widgets.tables.state_chip import StateChip
from console.widgets.text.key_values import KeyValues, breakable
from console.widgets.text.log_panel import LogPanel
from workers.endpoints.deletion import ALARM, CONFIG, TARGET, UNCHECKED
from workers.endpoints.deployable import job_of_model
from workers.endpoints.failures import explain_endpoint
from workers.errors.tree import SageDeckError
from workers.types import DeletionPlan, Endpoint, EndpointMetrics

if TYPE_CHECKING:
    from workers.services import Services

# A request to CloudWatch each time; an endpoint's log is read after the fact, not along with it.
LOG_SECONDS = 3.0
# CloudWatch bills each reading, and has a new figure once a minute.
MACHINE_SECONDS = 60.0
# So many quarters of an hour with calls make a curve of the day.
LEAST_QUARTERS = 6
_ICONS = {TARGET: "scaling", ALARM: "bell", "config": "settings", UNCHECKED: "warn"}
_KINDS = {CONFIG: "config"}


class EndpointPanel(SidePanel):
    """Shows the endpoint chosen in the list."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__("", parent=parent)
        self.ctx = ctx
        self._row: Row | None = None
        self._chip = StateChip("Creating")
        self.title_row.addWidget(self._chip)
        self.test_button = Button("Test…", small=True, on=self._test)
        self.update_button = Button("Update…", small=True)
        self.park_button = Button("Park…", small=True)
        self.delete_button = Button("Delete…", "dangerText", small=True)
        self.buttons.addWidget(self.test_button)
        self.buttons.addWidget(self.update_button)
        self.buttons.addWidget(self.park_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.delete_button)
        self._banner = Banner("err")
        self._banner.hide()
        self._parking = Banner("warn")
        self._parking.hide()
        self._latency = LineChart("Latency", y_format=milliseconds, tick_format=_tick, time_axis=True)
        self.machine = MachineChart()
        self._machine_read = 0.0
        self._facts = KeyValues(copy=("ARN",))
        self._log = LogPanel("Log")
        self._log.remember(ctx.settings)
        self._log_follower = LogFollower(ctx, self._log.view, "endpoints:log", seconds=LOG_SECONDS)
        self._touched = QWidget()
        self._touched_lines = QVBoxLayout(self._touched)
        self._touched_lines.setContentsMargins(0, 0, 0, 0)
        self._touched_lines.setSpacing(6)
        self.role = RoleNotice(ctx, "endpoints")
        self.add(self._banner)
        self.add(self._parking)
        self.add(self.role)
        self.add(self._latency)
        self.add(self.machine)
        self.add(self._facts)
        self.section("If you delete it")
        self.add(self._touched)
        self.add(self._log, 1)
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self._latency.setFixedHeight(theme().pixels(160))
        self.machine.setFixedHeight(theme().pixels(160))

    @property
    def name(self) -> str:
        """The endpoint shown."""
        return self._row.name if self._row is not None else ""

    def show_row(self, row: Row) -> None:
        """Show this endpoint; the same one again only updates the figures."""
        changed = self._row is None or (row.name, row.endpoint.created) != (self.name, self._row.endpoint.created)
        configuration = self._row.endpoint.config_name if self._row is not None else ""
        self._row = row
        self.set_title(row.name)
        self._chip.set_state(row.state)
        self._show_figures(row)
        self.role.show_role("endpoint", row.endpoint.role_arn, row.endpoint.model_uri)
        if changed or configuration != row.endpoint.config_name:
            self._show_touched(None)
            self.ctx.with_services(
                self._load_plan,
                row.name,
                label="Read what belongs to it",
                key="endpoints:plan",
                on_error=self._plan_failed,
            )
        if changed:
            self.machine.set_use(None, "Reading CloudWatch…")
            self._machine_read = 0.0
            self.follow()
        self._read_machine(row)

    def show_parking(self, notice: tuple[str, str, tuple[str, Callable[[], object]]] | None) -> None:
        """Say that something is remembered of it, and offer what to do; ``None``: nothing is."""
        self._parking.setVisible(notice is not None)
        if notice is not None:
            title, sentence, fix = notice
            self._parking.set_content("warn", title, sentence, icon="pause", fix=fix)

    def follow(self) -> None:
        """Follow the log of the endpoint shown."""
        name = self.name
        if not name:
            return

        async def read(services: Services, position: str | None) -> Page:
            return await services.endpoints.log(name, position, from_end=True)

        self._log_follower.follow(read, waiting="No lines yet")

    def pause(self) -> None:
        """Stop asking for the log."""
        self._log_follower.stop()

    def forget(self) -> None:
        """Show no endpoint."""
        self.pause()
        self.role.forget()
        self._row = None

    async def _load_plan(self, services: Services, name: str) -> None:
        plan = await services.endpoints.deletion_plan(name)
        if name == self.name:
            self._show_touched(plan)

    def _read_machine(self, row: Row) -> None:
        """Ask for the machine's figures, once a minute."""
        serving = row.endpoint.status in ("InService", "Updating")
        self.machine.setVisible(serving)
        if serving and time.monotonic() - self._machine_read >= MACHINE_SECONDS:
            self._machine_read = time.monotonic()
            self.ctx.with_services(
                self._load_machine,
                row.endpoint,
                label="Read what its instances use",
                key="endpoints:machine",
                on_error=self._machine_failed,
            )

    async def _load_machine(self, services: Services, endpoint: Endpoint) -> None:
        variant = endpoint.fleets[0].variant if endpoint.fleets else "AllTraffic"
        use = await services.machines.endpoint(endpoint.name, variant)
        if endpoint.name == self.name:
            cores = services.prices.cores(endpoint.instance_type)
            self.machine.set_use(use or None, "CloudWatch has no figures of the last hour", cores)

    def _machine_failed(self, error: BaseException) -> None:
        self.machine.set_use(None, error.title if isinstance(error, SageDeckError) else str(error))

    def _plan_failed(self, error: BaseException) -> None:
        words = error.title if isinstance(error, SageDeckError) else str(error)
        self._clear_touched()
        self._touched_lines.addWidget(CheckLine("warn", "Not known", words))

    def _show_figures(self, row: Row) -> None:
        endpoint, metrics = row.endpoint, row.metrics
        failed = endpoint.status == "Failed"
        self._banner.setVisible(bool(failed or endpoint.failure_reason))
        if failed or endpoint.failure_reason:
            failure = explain_endpoint(endpoint.failure_reason)
            title = "It did not come up" if failed else "The last update did not come up"
            words = f"{failure.summary} {failure.hint}".strip()
            self._banner.set_content("err" if failed else "warn", title, words, details=failure.details)
        self.test_button.allow(endpoint.status == "InService", f"It is {endpoint.status}, not InService")
        self._latency.setVisible(not failed)
        self._latency.set_placeholder(row.no_figures)
        self._latency.set_series(latency_series(metrics) if metrics is not None else [])
        self._facts.set_rows(
            [
                ("ARN", endpoint.arn),
                ("Created", when(endpoint.created)),
                ("Job", endpoint.job_name),
                ("Model", ", ".join(endpoint.model_names)),
                ("Config", endpoint.config_name),
                ("Container", endpoint.image.rsplit("/", 1)[-1]),
                ("Role", endpoint.role_arn.rsplit("/", 1)[-1]),
                ("Instances", row.size or ""),
                *variant_rows(endpoint),
            ]
        )

    def _clear_touched(self) -> None:
        while self._touched_lines.count():
            item = self._touched_lines.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _show_touched(self, plan: DeletionPlan | None) -> None:
        self._clear_touched()
        if plan is None:
            self._touched_lines.addWidget(label("Looking…", "small", "text3"))
            return
        for entries, words in (
            (plan.also_deleted, "deleted"),
            (plan.kept, "kept"),
            (plan.stops_working, "would fail"),
        ):
            for kind, name, why in entries:
                self._touched_lines.addWidget(_touched_line(kind, name, why, words))
        if plan.saves_per_hour:
            self._touched_lines.addWidget(label(f"Saves {dollars(plan.saves_per_hour, 3)} an hour", "strong"))

    def _test(self) -> None:
        if self._row is not None:
            self.ctx.navigate("predict", {"endpoint": self._row.name})


def variant_rows(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Each variant with its share of the requests and its instances, where there are several."""
    shown = [fleet for fleet in endpoint.fleets if fleet.weight is not None]
    total = sum(fleet.weight or 0.0 for fleet in shown)
    if len(shown) < 2 or not total:
        return []
    return [
        (
            fleet.variant,
            f"{percents((fleet.weight or 0.0) / total)} of requests, {fleet.current} × {fleet.instance_type}",
        )
        for fleet in shown
    ]


def _tick(value: float) -> str:
    return f"{value:g} ms" if value else "0"


def latency_series(metrics: EndpointMetrics) -> list[Series]:
    """Median and 95th percentile: of the last day by quarters of an hour, of a younger endpoint by the minute.

    Where nobody called it there is nothing to draw.
    """
    day = len(metrics.day_latency_ms) >= LEAST_QUARTERS
    gap = GAP_PERIODS * (900 if day else 60)
    pairs = (
        ("p50", metrics.day_latency_ms if day else metrics.latency_ms, "series1"),
        ("p95", metrics.day_latency_p95_ms if day else metrics.latency_p95_ms, "series3"),
    )
    return [
        Series(name, [at.timestamp() for at, _ in points], [value for _, value in points], tone, gap=gap)
        for name, points, tone in pairs
        if points
    ]


def _touched_line(kind: str, name: str, why: str, words: str) -> QWidget:
    """Icon and name left, what becomes of it right; who else uses a thing that is kept stands below it."""
    if kind == UNCHECKED:
        words = kind
    elif kind == TARGET:
        words = f"{words} first"
    kind = _KINDS.get(kind, kind)
    # Of a scalable target the variant says enough; its dimension is one long word.
    brief = name.split(" ", 1)[0] if kind == TARGET else job_of_model(name) or name
    shown = f"{kind[:1].upper()}{kind[1:]} {brief}"
    line = QWidget()
    line.setAccessibleName(f"{kind} {name}: {words}, {why}")
    line.setToolTip(f"{name}: {why}" if why else name)
    row = QHBoxLayout(line)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    row.addWidget(IconLabel(KIND_ICONS.get(kind, _ICONS.get(kind, "file"))), 0, Qt.AlignmentFlag.AlignTop)
    texts = QVBoxLayout()
    texts.setSpacing(0)
    texts.addWidget(label(breakable(shown), "body", wrap=True))
    if words == "kept" and "uses it" in why:
        texts.addWidget(label(why, "small", "text3", wrap=True))
    row.addLayout(texts, 1)
    row.addWidget(label(words, "small", "warn" if words == "would fail" else "text2"), 0, Qt.AlignmentFlag.AlignTop)
    return line
