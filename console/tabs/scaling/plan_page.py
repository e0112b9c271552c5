"""The Plan page: from one measured latency to limits, target, reserved concurrency and dollars, reckoned in sight."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.format import dollars
from console.tabs.scaling.sums import Sums
from console.widgets.base import label, on_theme
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import ComboBox, IntField, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.frames.page_scroll import PageScroll
from workers.scaling.plan import (
    HOURS_PER_MONTH,
    SAFETY_FACTOR,
    SAFETY_SOURCE,
    Dollars,
    Plan,
    PlanInput,
    plan_problem,
)
from workers.scaling.types import FunctionRow, VariantFigures

NO_FUNCTION = ""
_WIDEST = 640


class PlanPage(QWidget):
    """Signals: ``changed()``: another plan is wanted; ``applied()``."""

    changed = Signal()
    applied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan: Plan | None = None
        self._typed = False
        self.form = Form()
        self.form.add_pair(
            ("latency", "One prediction takes", NumberField(0, suffix="ms")),
            ("at_once", "An instance does at once", IntField(1, 1, 64)),
        )
        self.form.add_pair(
            ("low", "Quietest", NumberField(0.5, suffix="/s")),
            ("mean", "Usual", NumberField(2, suffix="/s")),
            ("peak", "Busiest", NumberField(10, suffix="/s")),
        )
        self.form.add_pair(
            ("headroom", "Headroom", IntField(20, 0, 400, suffix="%")),
            ("function", "Function in front", ComboBox([(NO_FUNCTION, "none")])),
        )
        self.form.row("latency").edited.connect(self._latency_typed)
        self.measured = HintLine()
        self.problem = HintLine()
        self.sums, self.costs = Sums(), Sums()
        self.apply_button = Button("Apply plan", "primary", "check", on=self.applied.emit)
        self._source = label(f"Safety factor {SAFETY_FACTOR:g}: {SAFETY_SOURCE}.", "small", "text3", wrap=True)
        feet = QHBoxLayout()
        feet.addWidget(self.apply_button)
        feet.addStretch(1)
        self._page = page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for part in (
            label("What is wanted", "section"),
            self.form,
            self.measured,
            self.problem,
            label("What it takes", "section"),
            self.sums,
            self._source,
            label("A month at one steady rate", "section"),
            self.costs,
        ):
            column.addWidget(part)
        column.addLayout(feet)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Plan"))
        self.form.changed.connect(self.changed)
        self._dress()
        on_theme(self, self._dress)
        self.forget()

    def _dress(self) -> None:
        # A line that the eye must cross to find its sum is no line.
        self._page.setMaximumWidth(theme().pixels(_WIDEST))

    def _latency_typed(self) -> None:
        self._typed = True

    def forget(self) -> None:
        """Forget what was measured and typed of another variant."""
        self._typed = False
        self.form.row("latency").set_value(0)
        self._typed = False
        self.measured.say("")
        self.show_plan(None, "", None)

    def set_functions(self, rows: Sequence[FunctionRow]) -> None:
        """The functions that may stand in front."""
        self.form.field("function", ComboBox).set_items(
            [(NO_FUNCTION, "none"), *((row.name, row.name) for row in rows)]
        )

    def show_figures(self, figures: VariantFigures) -> None:
        """Take the measured latency, unless one was typed: the middle of the p90 of all minutes in sight."""
        values = [value for _, value in figures.p90]
        if not values:
            self.measured.say("CloudWatch has no latency of this time: send some predictions, or type one.", "warn")
            return
        latency = round(median(values), 1)
        self.measured.say(f"Measured: p90 of {latency:g} ms, the middle of {len(values)} minutes with calls.", "ok")
        if not self._typed:
            self.form.row("latency").set_value(latency)
            self._typed = False

    @property
    def function(self) -> str:
        """The function in front; "": none."""
        return self.form.value("function") or NO_FUNCTION

    def given(self) -> PlanInput:
        """What the fields say."""
        values = self.form.values()
        missing = float("nan")

        def number(key: str) -> float:
            return missing if values[key] is None else float(values[key])

        latency = values["latency"]
        return PlanInput(
            latency=latency / 1000 if latency else None,
            low=number("low"),
            mean=number("mean"),
            peak=number("peak"),
            headroom=values["headroom"] / 100,
            at_once=values["at_once"],
        )

    def problem_of_input(self) -> str:
        """Why there can be no plan; "" when there can be one."""
        return plan_problem(self.given())

    def show_plan(self, plan: Plan | None, problem: str, per_hour: float | None) -> None:
        """Show the arithmetic, or why there is none."""
        self.plan = plan
        self.problem.say(problem, "warn")
        self.apply_button.setEnabled(plan is not None)
        self._source.setVisible(plan is not None)
        self.sums.set_rows(_arithmetic(plan) if plan is not None else [])
        self.costs.set_rows(_costs(plan, per_hour) if plan is not None else [])


def _arithmetic(plan: Plan) -> list[tuple[str, str, str]]:
    given = plan.given
    more = f" × {1 + given.headroom:g}" if given.headroom else ""
    seconds = f"{plan.latency:.4g} s"

    def instances(rate: float) -> str:
        exact = rate * 60 * (1 + given.headroom) / plan.target
        return f"{rate:g}/s × 60{more} ÷ {plan.target} = {exact:.2f}"

    return [
        ("One instance does", f"{given.at_once} ÷ {seconds}", f"{plan.per_second:.3g}/s"),
        ("Target", f"{plan.per_second:.3g}/s × {SAFETY_FACTOR:g} × 60", f"{plan.target}/min"),
        ("Minimum", instances(given.low), _number(plan.minimum)),
        ("Maximum", instances(given.peak), _number(plan.maximum)),
        ("Reserved", f"{given.peak:g}/s{more} × {seconds}", f"{plan.reserved} at a time"),
        ("For each instance", f"{plan.reserved} ÷ {plan.maximum}", f"{plan.concurrency} at a time"),
    ]


def _costs(plan: Plan, per_hour: float | None) -> list[tuple[str, str, str]]:
    rows = []
    for what, month in (("Quietest", plan.low), ("Usual", plan.mean), ("Busiest", plan.peak)):
        rows.append((what, _reckoned(month, per_hour), "–" if month.total is None else dollars(month.total)))
    return rows


def _reckoned(month: Dollars, per_hour: float | None) -> str:
    if per_hour is None:
        return f"{_number(month.instances)}, no list price known"
    words = f"{month.instances} × {dollars(per_hour, 3)} × {HOURS_PER_MONTH} h"
    if month.function:
        words += f" + {dollars(month.function)} function"
    return words


def _number(number: int) -> str:
    return f"{number} instance" if number == 1 else f"{number} instances"
