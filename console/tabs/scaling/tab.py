"""The Scaling tab: what can be scaled and its form at the left, what is measured, or a plan, at the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from console.tabs.base import Tab
from console.tabs.scaling import TAB
from console.tabs.scaling.commands import RemoveScaling, SetProvisioned, SetReserved
from console.tabs.scaling.load.loader import Loader
from console.tabs.scaling.load.page import LoadPage
from console.tabs.scaling.pages import SPANS, FunctionPage, VariantPage
from console.tabs.scaling.panel import ScalingPanel
from console.tabs.scaling.plan_commands import policy_command
from console.tabs.scaling.plan_page import PlanPage
from console.tabs.scaling.planner import Planner
from console.tabs.scaling.replay_page import ReplayPage
from console.tabs.scaling.replayer import Replayer
from console.tabs.scaling.rows import VariantRow
from console.tabs.scaling.scheduler import Scheduler
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.current_stack import CurrentStack
from workers.errors.tree import SageDeckError
from workers.scaling.types import (
    FunctionRow,
    FunctionScaling,
    VariantFigures,
    VariantScaling,
)

if TYPE_CHECKING:
    from workers.services import Services

# While instances come or go, or environments start, everything is read this often.
EAGER_MS = 5000
_PANEL_WIDTH, _PANEL_NARROW = 344, 330
_WRONG = "Something in the form is missing or wrong"


class ScalingTab(Tab):
    """How many instances and how much concurrency there is, why, and how much there should be."""

    spec = TAB

    def build(self) -> Iterator[None]:
        """The panel, then the pages."""
        self._variant: VariantScaling | None = None
        self._figures: VariantFigures | None = None
        self._function: FunctionScaling | None = None
        self._wanted = ""
        self.panel = ScalingPanel(self.ctx)
        self.set_lead(self.panel, _PANEL_WIDTH, _PANEL_NARROW)
        yield
        self.views = Segmented(
            [("now", "Now"), ("plan", "Plan"), ("replay", "Replay"), ("load", "Load test")], "now", name="Shown"
        )
        self.head.add(self.views)
        self.variant_page = VariantPage(self.ctx)
        self.spans = self.variant_page.spans
        self.pages = CurrentStack(self.variant_page)
        self.body.addWidget(self.pages, 1)
        yield
        self.function_page = FunctionPage(self.ctx)
        self.pages.addWidget(self.function_page)
        yield
        self.plan_page = PlanPage()
        self.pages.addWidget(self.plan_page)
        yield
        self.replay_page = ReplayPage()
        self.pages.addWidget(self.replay_page)
        self.planner = Planner(self.ctx, self.plan_page, self.panel.variant_form, self)
        self.replayer = Replayer(self.ctx, self.replay_page, self.planner, self)
        yield
        self.load_page = LoadPage(self.ctx)
        self.pages.addWidget(self.load_page)
        self.loader = Loader(self.ctx, self.load_page, self)
        self.scheduler = Scheduler(self.ctx, self.variant_page.schedules, self.function_page.schedules, self)
        self._eager = QTimer(self)
        self._eager.setSingleShot(True)
        self._eager.setInterval(EAGER_MS)
        self._eager.timeout.connect(self._eager_refresh)
        self._connect()
        self._place()

    def _connect(self) -> None:
        panel = self.panel
        panel.kindChanged.connect(lambda _: self._kind_changed())
        panel.chosen.connect(self._chosen)
        panel.applied.connect(self.apply)
        panel.removed.connect(self.remove)
        panel.variant_form.changed.connect(self._form_changed)
        panel.variant_form.countsWanted.connect(self.change_counts)
        panel.function_form.changed.connect(self._form_changed)
        self.views.changed.connect(self._view_changed)
        self.load_page.activitiesWanted.connect(lambda: self.views.set_current("now"))
        self.spans.changed.connect(lambda _: self._read())
        self.ctx.readOnlyChanged.connect(lambda _: self._update())

    @property
    def variant_scaling(self) -> VariantScaling | None:
        """What is known of the chosen variant."""
        return self._variant

    @property
    def function_scaling(self) -> FunctionScaling | None:
        """What is known of the chosen function."""
        return self._function

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the list. ``{"endpoint": name}`` chooses its first variant, ``{"function": name}`` a function."""
        if isinstance(payload, dict):
            kind = "function" if "function" in payload else "variant"
            self._wanted = payload.get("function", "") or payload.get("endpoint", "")
            self.panel.kinds.set_current(kind)
        self.refresh()

    def deactivate(self) -> None:
        """Stop reading again and again."""
        self._eager.stop()

    def forget_account(self) -> None:
        """Forget what was read of the account."""
        self._wanted = ""
        self._forget()

    def backend_changed(self) -> None:
        """Read what this account has."""
        self._forget()
        super().backend_changed()

    def _forget(self) -> None:
        self._eager.stop()
        self.planner.forget_account()
        self.replayer.forget_account()
        self.loader.forget_account()
        self.panel.show_parked(())
        for table in (self.panel.variants, self.panel.functions):
            table.set_rows([])
            table.set_loading()
        self._forget_chosen()

    def _forget_chosen(self) -> None:
        self._variant = self._figures = self._function = None
        self.variant_page.forget()
        self.function_page.forget()
        self.scheduler.forget()
        self.planner.forget()
        self.replayer.forget()
        self.panel.show_kind()
        self._place()

    def resource_changed(self, kind: str, name: str) -> None:
        """Read again after a change."""
        if kind in ("scaling", "function", "endpoint"):
            self.refresh()

    def refresh(self) -> None:
        """Read the list and what is chosen of it again."""
        if not self.panel.table.model.total:
            self.panel.table.set_loading()
        self.with_services(self._list, label="Read what can be scaled", key="list", on_error=self._list_failed)

    def _list_failed(self, error: BaseException) -> None:
        self.panel.table.set_error(error, fix=("Try again", self.refresh))

    async def _list(self, services: Services) -> None:
        scaling, panel = services.scaling, self.panel
        if panel.kind == "function":
            panel.functions.set_rows(list(await scaling.concurrency.functions()))
        else:
            panel.variants.set_rows([VariantRow(variant) for variant in await scaling.variants.all()])
            await self._list_parked(services)
        self._choose_wanted()
        self._read()
        self.ctx.mark_refreshed()

    async def _list_parked(self, services: Services) -> None:
        """Name the endpoints that are not in the list because they are parked."""
        try:
            found = await services.parking.list(await services.endpoints.list(details=False))
        except SageDeckError:
            # The list is worth showing without them; the Endpoints tab tells why they are not known.
            return
        self.panel.show_parked([parked.name for parked in found if parked.state == "parked"])

    def _choose_wanted(self) -> None:
        table = self.panel.table
        rows = table.model.visible_rows()
        wanted = [row for row in rows if self._wanted and self._wanted in (getattr(row, "name", ""), _endpoint_of(row))]
        if wanted:
            table.select_keys([_key(wanted[0])])
            self._wanted = ""
        elif rows and table.current_row() is None:
            table.select_keys([_key(rows[0])])

    def _kind_changed(self) -> None:
        self._forget_chosen()
        self.views.set_current("now")
        self.refresh()

    def _chosen(self) -> None:
        row = self.panel.table.current_row()
        shown = self._variant.variant.id if self._variant is not None else None
        if self._function is not None:
            shown = self._function.name
        if row is None or _key(row) != shown:
            self._forget_chosen()
        self._read()

    def _read(self) -> None:
        variant, function = self.panel.variant, self.panel.function
        if not self.active:
            return
        if variant is not None:
            self.with_services(self._read_variant, variant, label="Read the scaling", key="chosen")
        elif function is not None:
            self.with_services(self._read_function, function, label="Read the concurrency", key="chosen")

    async def _read_variant(self, services: Services, row: VariantRow) -> None:
        scaling, span = services.scaling, SPANS[self.spans.current]
        if self._variant is None:
            self.variant_page.forget("Reading the figures…")
        found = await scaling.variants.describe(row.variant)
        if not self._is_chosen(row):
            return
        self._variant = found
        self.panel.variant_form.show_scaling(found)
        self.panel.show_kind(True)
        self.variant_page.show_scaling(found)
        self.scheduler.show_variant(found)
        self._form_changed()
        self._place()
        try:
            functions = await scaling.concurrency.functions()
        except SageDeckError:
            # Without the permission to list functions, endpoints can still be scaled.
            functions = ()
        self.planner.set_functions(functions)
        self.loader.set_targets(row.variant, functions)
        figures = await scaling.figures.of(row.variant, span, found.activities)
        if self._is_chosen(row) and SPANS[self.spans.current] == span:
            self._figures = figures
            self.variant_page.show_figures(figures, span)
            self._form_changed()
            self.planner.show(found, figures)
            self.replayer.show(found, self.panel.variant_form.settings, self.plan_page.plan)
        if self.active and (row.variant.current != row.variant.desired or row.variant.status == "Updating"):
            self._eager.start()

    async def _read_function(self, services: Services, row: FunctionRow) -> None:
        found = await services.scaling.concurrency.describe(row)
        if not self._is_chosen(row):
            return
        self._function = found
        self.panel.function_form.show_scaling(found)
        self.panel.show_kind(True)
        self.loader.set_targets(None, (row,))
        self.scheduler.show_function(found)
        self.function_page.show_scaling(found, services.scaling.warm_month(found.provided, found.memory_mb))
        self._form_changed()
        self._place()
        if self.active and any(warm.status == "IN_PROGRESS" for warm in found.provisioned):
            self._eager.start()

    def _is_chosen(self, row: Any) -> bool:
        current = self.panel.table.current_row()
        return current is not None and _key(current) == _key(row)

    def _eager_refresh(self) -> None:
        if self.active:
            self.refresh()

    # What is shown

    def _place(self) -> None:
        variant = self.panel.kind == "variant"
        for view in ("plan", "replay"):
            self.views.set_segment_enabled(view, variant)
        page: QWidget = self.variant_page if variant else self.function_page
        if self.views.current == "load":
            page = self.load_page
        elif variant and self.views.current == "plan":
            page = self.plan_page
        elif variant and self.views.current == "replay":
            page = self.replay_page
            if self._variant is not None:
                self.replayer.show(self._variant, self.panel.variant_form.settings, self.plan_page.plan)
        self.pages.setCurrentWidget(page)
        row = self.panel.table.current_row()
        self.head.subtitle.setText(str(_key(row)) if row is not None else "")
        self._update()

    def _view_changed(self, view: str) -> None:
        if view == "load":
            self.loader.refresh()
        self._place()

    def _form_changed(self) -> None:
        services = self.ctx.services
        if services is None:
            return
        if self._variant is not None:
            self.panel.show_variant_sums(self._figures, services.scaling.per_hour(self._variant.variant))
        elif self._function is not None:
            month = services.scaling.warm_month(self.panel.function_form.warm, self._function.memory_mb)
            self.panel.show_function_sums(self._function, month)
        self._update()

    def _update(self) -> None:
        against, panel = self.ctx.hindrance, self.panel
        if self._variant is not None:
            panel.apply_button.hinder(against or ("" if panel.variant_form.form.valid else _WRONG))
            panel.remove_button.hinder(against or ("" if self._variant.target is not None else "It is not scaled"))
        elif self._function is not None:
            wrong = "" if panel.function_form.form.valid else _WRONG
            changes = panel.function_form.changes_from(self._function) if not wrong else []
            panel.apply_button.hinder(against or wrong or ("" if changes else "Nothing differs from what is set"))
        else:
            panel.apply_button.hinder(against or "Choose a variant or a function")
        chosen = "" if self._variant is not None else "Choose a variant"
        panel.variant_form.counts_button.hinder(against or chosen)
        self.scheduler.update()
        self.planner.update()
        self.replayer.update()
        self.loader.update()

    # Actions

    def apply(self) -> None:
        """Set what the form says."""
        if self._variant is not None:
            form = self.panel.variant_form
            self.ctx.start(policy_command(self._variant, form.settings, form.suspended))
        elif self._function is not None:
            self.with_services(self._apply_function, self._function, label="Set the concurrency", key="apply")

    async def _apply_function(self, services: Services, found: FunctionScaling) -> None:
        form = self.panel.function_form
        changes, count, warm, qualifier = form.changes_from(found), form.reserved, form.warm, form.qualifier
        month = services.scaling.warm_month(warm, found.memory_mb)
        if "reserved" in changes and not await self.ctx.run(SetReserved(found.name, count)):
            return
        if "warm" in changes:
            await self.ctx.run(SetProvisioned(found.name, warm, qualifier, month, found.memory_mb))

    def change_counts(self) -> None:
        """Ask for instances and weights of the endpoint's variants, then set them."""
        if self._variant is not None:
            endpoint = self._variant.variant.endpoint
            rows = [row.variant for row in self.panel.variants.model.visible_rows()]
            self.scheduler.change_counts([variant for variant in rows if variant.endpoint == endpoint])

    def remove(self) -> None:
        """Ask, then let the variant have fixed instances."""
        if self._variant is not None and self._variant.target is not None:
            self.ctx.start(RemoveScaling(self._variant))


def _key(row: Any) -> str:
    return row.id if isinstance(row, VariantRow) else row.name


def _endpoint_of(row: Any) -> str:
    return row.variant.endpoint if isinstance(row, VariantRow) else ""
