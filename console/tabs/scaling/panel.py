"""The panel at the left: what can be scaled, and the form of what is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.format import count, dollars
from console.tabs.scaling.limits import USUAL_TARGET, add_limits, limits_in, set_limits
from console.tabs.scaling.rows import FUNCTION_COLUMNS, VARIANT_COLUMNS, VariantRow
from console.tabs.scaling.sums import Sums
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import ComboBox, IntField
from console.widgets.forms.form import Form, Hint
from console.widgets.forms.lines import CheckLine
from console.widgets.forms.segmented import Segmented
from console.widgets.forms.switch import Switch
from console.widgets.frames.side_panel import SidePanel
from console.widgets.tables.table import ResourceTable
from workers.scaling.plan import instances_for
from workers.scaling.types import (
    FunctionRow,
    FunctionScaling,
    Suspended,
    VariantFigures,
    VariantScaling,
    VariantSettings,
)

NEW_ALIAS = ""
# Rows before the list scrolls: the form below stays in sight.
_ROWS_SHOWN = 5


class VariantForm(QWidget):
    """Limits, target, waits and what stands still. Signals: ``changed()``; ``countsWanted()``: instances by hand."""

    changed = Signal()
    countsWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: VariantScaling | None = None
        self.form = Form()
        self.counts_button = Button("1 now…", "link", on=self.countsWanted.emit)
        counts = QWidget()
        line = QHBoxLayout(counts)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(label("Instances", "label", "text2"))
        line.addStretch(1)
        line.addWidget(self.counts_button)
        self.form.add_widget(counts)
        add_limits(self.form, "Target, invocations per instance and minute")
        self.still_out = Switch("Suspend scaling out")
        self.still_in = Switch("Suspend scaling in")
        self.still_scheduled = Switch("Suspend the schedule")
        for switch in (self.still_out, self.still_in, self.still_scheduled):
            self.form.add_widget(switch)
            switch.toggled.connect(lambda _: self.changed.emit())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        self.form.changed.connect(self.changed)

    def show_scaling(self, found: VariantScaling) -> None:
        """Fill the form with what is in force; what one is changing stays until another variant is chosen."""
        before, self._found = self._found, found
        now, wanted = found.variant.current, found.variant.desired
        self.counts_button.setText(f"{now} now…" if now == wanted else f"{now} now, {wanted} wanted…")
        self.counts_button.setAccessibleName(f"Change the instances, {now} now")
        if before is not None and before.variant.id == found.variant.id and self._values_of(before) != self._values():
            return
        self.set_values(*self._values_of(found))

    def set_values(self, settings: VariantSettings, suspended: Suspended) -> None:
        """Put these into the fields."""
        self.still_out.setChecked(suspended.scale_out)
        self.still_in.setChecked(suspended.scale_in)
        self.still_scheduled.setChecked(suspended.scheduled)
        set_limits(self.form, settings)

    def _values_of(self, found: VariantScaling) -> tuple[VariantSettings, Suspended]:
        target, policy = found.target, found.policy
        least = target.minimum if target is not None else max(1, found.variant.desired)
        most = target.maximum if target is not None else max(4, found.variant.desired)
        value = policy.value if policy is not None and policy.value is not None else USUAL_TARGET
        waits = (policy.out_wait, policy.in_wait) if policy is not None else (300, 300)
        return VariantSettings(least, most, value, *waits), target.suspended if target is not None else Suspended()

    def _values(self) -> tuple[VariantSettings, Suspended]:
        return limits_in(self.form), Suspended(
            self.still_in.isChecked(), self.still_out.isChecked(), self.still_scheduled.isChecked()
        )

    @property
    def settings(self) -> VariantSettings:
        """What the fields say."""
        return self._values()[0]

    @property
    def suspended(self) -> Suspended:
        """What the switches say."""
        return self._values()[1]


class FunctionForm(QWidget):
    """What is reserved and what is kept warm. Signals: ``changed()``."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: FunctionScaling | None = None
        self.reserve = Switch("Reserve concurrency")
        self.form = Form()
        self.form.add_widget(self.reserve)
        self.form.add("reserved", "Calls at a time, at most", IntField(10, 0, 100_000), check=self._check_reserved)
        self.form.add("warm", "Environments kept warm", IntField(0, 0, 100_000), note="0: none, the first call waits")
        self.form.add("qualifier", "Version or alias", ComboBox([(NEW_ALIAS, "A new version, alias live")]))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        self.reserve.toggled.connect(self._toggled)
        self.form.row("qualifier").field.chosen.connect(lambda _: self._show_warm())  # type: ignore[attr-defined]
        self.form.changed.connect(self.changed)
        self._toggled(False)

    def _toggled(self, on: bool) -> None:
        self.form.row("reserved").setVisible(on)
        self.form.row("reserved").check()
        self.changed.emit()

    def _check_reserved(self, count: int) -> Hint | None:
        found = self._found
        if found is None or not self.reserve.isChecked():
            return None
        most = found.pool.reservable(found.reserved)
        if count > most:
            return Hint(
                f"The pool of {found.pool.limit:,} lets it reserve {most:,}: {found.pool.least_free:,} must stay free "
                "for all others.",
                "warn",
            )
        return Hint("0 throttles every call.", "warn") if count == 0 else None

    def show_scaling(self, found: FunctionScaling) -> None:
        """Fill the form with what is in force; what one is changing stays until another function is chosen."""
        before, self._found = self._found, found
        if before is not None and before.name == found.name and self.changes_from(before):
            return
        names = [
            (
                qualifier.name,
                f"{qualifier.name}, version {qualifier.version}" if qualifier.version else f"version {qualifier.name}",
            )
            for qualifier in found.qualifiers
        ]
        warm = found.provisioned[0].qualifier if found.provisioned else None
        self.form.field("qualifier", ComboBox).set_items(names or [(NEW_ALIAS, "A new version, alias live")], warm)
        self.reserve.setChecked(found.reserved is not None)
        self.form.row("reserved").set_value(found.reserved if found.reserved is not None else 10)
        self._show_warm()
        self.form.check()

    def _show_warm(self) -> None:
        self.form.row("warm").set_value(self._warm_of(self.qualifier))

    def _warm_of(self, qualifier: str) -> int:
        return self._warm_in(self._found, qualifier) if self._found is not None else 0

    @staticmethod
    def _warm_in(found: FunctionScaling, qualifier: str) -> int:
        return next((warm.requested for warm in found.provisioned if warm.qualifier == qualifier), 0)

    @property
    def qualifier(self) -> str:
        """The version or alias chosen; "": a new one."""
        return self.form.value("qualifier") or NEW_ALIAS

    @property
    def reserved(self) -> int | None:
        """What is to be reserved; None: nothing."""
        return self.form.value("reserved") if self.reserve.isChecked() else None

    @property
    def warm(self) -> int:
        """How many environments are to be kept warm."""
        return int(self.form.value("warm"))

    def changes_from(self, found: FunctionScaling) -> set[str]:
        """What would change: "reserved", "warm"."""
        warm = self._warm_in(found, self.qualifier)
        return {name for name, on in (("reserved", self.reserved != found.reserved), ("warm", self.warm != warm)) if on}


class ScalingPanel(SidePanel):
    """Signals: ``kindChanged(str)``; ``chosen()``; ``applied()``; ``removed()``."""

    kindChanged = Signal(str)
    chosen = Signal()
    applied = Signal()
    removed = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__("What can be scaled", parent=parent)
        self._ctx = ctx
        self.kinds = Segmented([("variant", "Endpoint variant"), ("function", "Function")], "variant", name="Kind")
        kinds = QHBoxLayout()
        kinds.addWidget(self.kinds)
        kinds.addStretch(1)
        holder = QWidget()
        holder.setLayout(kinds)
        kinds.setContentsMargins(0, 0, 0, 0)
        self.add(holder)
        self.variants = ResourceTable(
            VARIANT_COLUMNS, key="id", name="Endpoint variants", noun="variants", sort=("id", "asc"), multi=False
        )
        self.variants.set_empty(
            "endpoints", "No endpoint yet", "Deploy a model: its instances are scaled here.",
            ("Endpoints", lambda: ctx.navigate("endpoints")),
        )  # fmt: skip
        self.functions = ResourceTable(
            FUNCTION_COLUMNS, key="name", name="Functions", noun="functions", sort=("name", "asc"), multi=False
        )
        self.functions.set_empty(
            "lambda", "No function yet", "A function in front of an endpoint is scaled here.",
            ("Endpoints", lambda: ctx.navigate("endpoints")),
        )  # fmt: skip
        for name, table in (("variants", self.variants), ("functions", self.functions)):
            table.remember(ctx.settings, f"scaling.{name}")
            table.fit_rows(most=_ROWS_SHOWN)
            table.selectionChanged.connect(self.chosen)
            self.add(table)
        self._parked_names: tuple[str, ...] = ()
        self.parked = CheckLine("info", "", action=("Show", self._show_parked))
        self.add(self.parked)
        self.variant_form, self.function_form = VariantForm(), FunctionForm()
        self.add(self.variant_form)
        self.add(self.function_form)
        self._meaning = self.section("What this means")
        self.sums = Sums()
        self.add(self.sums)
        self.apply_button = Button("Apply", "primary", "check", on=self.applied.emit)
        self.remove_button = Button("Remove…", "dangerText", on=self.removed.emit)
        feet = QHBoxLayout()
        feet.setSpacing(8)
        feet.addWidget(self.apply_button)
        feet.addWidget(self.remove_button)
        feet.addStretch(1)
        self.foot.addLayout(feet)
        self.kinds.changed.connect(self._kind_changed)
        self.show_kind()

    @property
    def kind(self) -> str:
        """ "variant" or "function"."""
        return self.kinds.current

    @property
    def table(self) -> ResourceTable:
        """The list shown."""
        return self.variants if self.kind == "variant" else self.functions

    @property
    def variant(self) -> VariantRow | None:
        """The variant chosen."""
        return self.variants.current_row() if self.kind == "variant" else None

    @property
    def function(self) -> FunctionRow | None:
        """The function chosen."""
        return self.functions.current_row() if self.kind == "function" else None

    def show_parked(self, names: Sequence[str]) -> None:
        """Say which endpoints are parked, and so not in the list."""
        self._parked_names = tuple(names)
        words = f"{names[0]} is parked" if len(names) == 1 else f"{len(names)} endpoints are parked"
        self.parked.set_content("info", words)
        self.parked.setVisible(bool(names) and self.kind == "variant")

    def _show_parked(self) -> None:
        self._ctx.navigate("endpoints", {"endpoint": self._parked_names[0]})

    def _kind_changed(self, kind: str) -> None:
        self.show_kind()
        self.kindChanged.emit(kind)

    def show_kind(self, ready: bool = False) -> None:
        """Show list and form of the kind; the form only once something is known (``ready``)."""
        of_variant = self.kind == "variant"
        self.variants.setVisible(of_variant)
        self.functions.setVisible(not of_variant)
        self.parked.setVisible(of_variant and bool(self._parked_names))
        self.variant_form.setVisible(of_variant and ready)
        self.function_form.setVisible(not of_variant and ready)
        for part in (self._meaning, self.sums, self.apply_button):
            part.setVisible(ready)
        self.remove_button.setVisible(of_variant and ready)

    # What it means

    def show_variant_sums(self, figures: VariantFigures | None, per_hour: float | None) -> None:
        """How many instances the busiest minute needs, and what the limits cost."""
        settings = self.variant_form.settings
        busiest = max((value for _, value in figures.calls), default=None) if figures is not None else None
        calls = "–" if busiest is None else count(round(busiest), "call")
        rows: list[tuple[str, str, str]] = [("Busiest minute", "", calls)]
        if busiest is not None and settings.target > 0:
            number = instances_for(busiest / 60, settings.target)
            rows.append(
                (
                    "Needs",
                    f"{busiest:,.0f} ÷ {settings.target:g} = {busiest / settings.target:,.1f}",
                    _instances(number),
                )
            )
        for what, number in (("At most", settings.maximum), ("At least", settings.minimum)):
            if per_hour is None:
                rows.append((what, "no list price known", "–"))
            else:
                rows.append((what, f"{number} × {dollars(per_hour, 3)}", f"{dollars(per_hour * number)}/h"))
        self.sums.set_rows(rows)

    def show_function_sums(self, found: FunctionScaling, month: float | None) -> None:
        """What is left for others, and what is kept warm costs."""
        form, pool = self.function_form, found.pool
        free = pool.unreserved + (found.reserved or 0) - (form.reserved or 0)
        rows = [
            ("Left for others", f"{pool.limit:,} − {pool.limit - free:,}", f"{free:,}"),
            ("Reserving", "", "costs nothing"),
        ]
        if form.warm:
            gigabytes = f"{form.warm} × {found.memory_mb / 1024:.3g} GB"
            rows.append(("Kept warm", gigabytes, "–" if month is None else f"{dollars(month)}/month"))
        self.sums.set_rows(rows)


def _instances(number: int) -> str:
    return f"{number} instance" if number == 1 else f"{number} instances"
