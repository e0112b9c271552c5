"""The Plan page: from one measured latency to limits, target, reserved concurrency and dollars, reckoned in sight."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.format import count
from console.tabs.scaling import plan_words
from console.tabs.scaling.columns import Columns, column, line
from console.tabs.scaling.sums import Sums
from console.widgets.base import label, on_theme
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import ComboBox, IntField, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.frames.file_dialog import ask_for_file
from console.widgets.frames.page_scroll import PageScroll
from workers.scaling.plan import SAFETY_FACTOR, SAFETY_SOURCE, Plan, PlanInput, plan_problem
from workers.scaling.probe import ProbeResult
from workers.scaling.types import FunctionRow, VariantFigures

NO_FUNCTION = ""
# Pixels: longer lines are hard to read, and two columns side by side need 700.
_WIDEST, _BESIDE = 1080, 700
_PICTURES = "Pictures (*.jpg *.jpeg *.png *.bmp *.gif *.webp)"


class PlanPage(QWidget):
    """Signals: ``changed()``: another plan is wanted; ``applied()``; ``measureWanted()`` and ``stopWanted()``."""

    changed = Signal()
    applied = Signal()
    measureWanted = Signal()
    stopWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan: Plan | None = None
        self.picture: Path | None = None
        self._measured_latency: float | None = None
        self._typed = False
        self._recommendation: Mapping[str, Any] = {}
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
        for key in ("latency", "at_once"):
            self.form.row(key).edited.connect(self._latency_typed)
        self.measured, self.problem, self.sent = HintLine(), HintLine(), HintLine()
        self.probe_sums, self.sums, self.costs, self.aws_sums = Sums(), Sums(), Sums(), Sums()
        self.measure_button = Button("Measure…", "normal", "play", on=self.measureWanted.emit)
        self.stop_button = Button("Stop", "normal", "stop", on=self.stopWanted.emit)
        self.picture_button = Button("Choose a picture…", "link", on=self._choose_picture)
        self.apply_button = Button("Apply plan…", "primary", "check", on=self.applied.emit)
        self.copy_button = Button("Copy as JSON", "link", "copy", small=True, on=self._copy)
        self._source = label(f"Safety factor {SAFETY_FACTOR:g}: {SAFETY_SOURCE}.", "small", "text3", wrap=True)
        self._aws_head = line(label("In AWS's words", "section"), self.copy_button)
        self._page = page = QWidget()
        self._both = Columns(_BESIDE, 32, page)
        asked = (
            label("What it does", "section"),
            line(self.measure_button, self.stop_button, self.picture_button),
            self.sent,
            self.measured,
            self.probe_sums,
            label("What is wanted", "section"),
            self.form,
            self.problem,
        )
        reckoned = (
            label("What it takes", "section"),
            self.sums,
            self._source,
            label("A month at one steady rate", "section"),
            self.costs,
            line(self.apply_button),
            self._aws_head,
            self.aws_sums,
        )
        for parts in (asked, reckoned):
            self._both.addWidget(column(parts), 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Plan"))
        self.form.changed.connect(self.changed)
        self._dress()
        on_theme(self, self._dress)
        self._say_picture()
        self.forget()

    def _dress(self) -> None:
        # A line that the eye must cross to find its sum is no line.
        self._page.setMaximumWidth(theme().pixels(_WIDEST))
        self._both.fit(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is asked and what comes of it beside each other where there is room, else below."""
        super().resizeEvent(event)
        self._both.fit(self.width())

    def _latency_typed(self) -> None:
        self._typed = True

    def _choose_picture(self) -> None:
        ask_for_file(self, "The picture to send", self._picture_chosen, _PICTURES)

    def _picture_chosen(self, picture: Path) -> None:
        self.picture = picture
        self._say_picture()

    def _say_picture(self) -> None:
        what = "a drawn dog" if self.picture is None else self.picture.name
        self.sent.say(f"Asks the endpoint with {what}, for a minute at most, with 1, 2, 4 … requests at a time.")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(json.dumps(self._recommendation, indent=2))

    def forget(self) -> None:
        """Forget what was measured and typed of another variant."""
        self._typed = False
        self._measured_latency = None
        self.form.set_values({"latency": 0, "at_once": 1})
        self._typed = False
        self.measured.say("")
        self.probe_sums.set_rows([])
        self.show_running(False)
        self.show_plan(None, "", None)

    def set_functions(self, rows: Sequence[FunctionRow]) -> None:
        """The functions that may stand in front."""
        self.form.field("function", ComboBox).set_items(
            [(NO_FUNCTION, "none"), *((row.name, row.name) for row in rows)]
        )

    def show_running(self, running: bool) -> None:
        """Whether a probe is under way."""
        self.measure_button.setVisible(not running)
        self.stop_button.setVisible(running)

    def show_figures(self, figures: VariantFigures) -> None:
        """Take the latency that CloudWatch measured: the middle of the p90 of all minutes in sight."""
        values = [value for _, value in figures.p90]
        if not values:
            self.measured.say("CloudWatch has no latency of this time. Measure it, or send some predictions.", "warn")
            return
        latency = round(median(values), 1)
        minutes = count(len(values), "minute")
        self.measured.say(f"Measured: p90 of {latency:g} ms, the middle of {minutes} with calls.", "ok")
        self._take(latency, 1)

    def show_probe(self, found: ProbeResult) -> None:
        """Take what a probe measured, or has measured so far."""
        tone, words = plan_words.measured(found)
        self.measured.say(words, tone)  # type: ignore[arg-type]
        self.probe_sums.set_rows(plan_words.levels(found))
        if found.best is not None:
            self._take(round(found.best.mean * 1000, 1), found.best.at_once)

    def _take(self, latency: float, at_once: int) -> None:
        self._measured_latency = latency
        if not self._typed:
            self.form.set_values({"latency": latency, "at_once": at_once})
            self._typed = False

    @property
    def function(self) -> str:
        """The function in front; "": none."""
        return self.form.value("function") or NO_FUNCTION

    def given(self) -> PlanInput:
        """What the fields say; without anything measured there is no latency, whatever is typed."""
        values = self.form.values()
        missing = float("nan")

        def number(key: str) -> float:
            return missing if values[key] is None else float(values[key])

        latency = values["latency"]
        return PlanInput(
            latency=latency / 1000 if latency and self._measured_latency is not None else None,
            low=number("low"),
            mean=number("mean"),
            peak=number("peak"),
            headroom=values["headroom"] / 100,
            at_once=values["at_once"],
        )

    def problem_of_input(self) -> str:
        """Why there can be no plan; "" when there can be one."""
        return plan_problem(self.given())

    def show_plan(
        self, plan: Plan | None, problem: str, per_hour: float | None, recommendation: Mapping[str, Any] | None = None
    ) -> None:
        """Show the arithmetic, or why there is none. ``recommendation``: the same in AWS's words."""
        self.plan = plan
        self._recommendation = recommendation or {}
        self.problem.say(problem, "warn")
        self.apply_button.allow(plan is not None, problem or "There is no plan yet")
        self._source.setVisible(plan is not None)
        self.sums.set_rows(plan_words.arithmetic(plan) if plan is not None else [])
        self.costs.set_rows(plan_words.costs(plan, per_hour) if plan is not None else [])
        self._aws_head.setVisible(bool(recommendation))
        self.aws_sums.set_rows(plan_words.in_aws_words(recommendation) if recommendation else [])
