"""The objective of all trials against one hyperparameter, or against all in parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from console.models.format import score_tick
from console.tabs.training.tuning.views import (
    dots,
    is_log,
    objective_text,
    objective_title,
    parallel,
    range_of,
    rounded,
    words_of,
)
from console.widgets.base import label
from console.widgets.charts.parallel import ParallelChart
from console.widgets.charts.scatter import ScatterChart
from console.widgets.forms.fields import ComboBox
from workers.tuning.types import CategoricalRange, Trial, TuningJob

ALL = "*"


class Explorer(QWidget):
    """Signals: ``chosen(str trial)``; ``wideChanged(bool)`` when the parallel coordinates want more room."""

    chosen = Signal(str)
    wideChanged = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: TuningJob | None = None
        self._trials: Sequence[Trial] = ()
        self._chosen = ""
        self._title = label("", "strong")
        self.choice = ComboBox(name="Hyperparameter", small=True)
        self.scatter = ScatterChart("Objective by hyperparameter", y_format=self._y_text, x_format=rounded)
        self.parallel = ParallelChart()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.scatter)
        self._stack.addWidget(self.parallel)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._title)
        head.addWidget(self.choice)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self._stack, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.choice.chosen.connect(self._turn)
        for chart in (self.scatter, self.parallel):
            chart.chosen.connect(self.chosen)
            chart.set_placeholder("No trial has a result yet")

    @property
    def wide(self) -> bool:
        """True while the parallel coordinates are shown."""
        return self._stack.currentWidget() is self.parallel

    def show_trials(self, job: TuningJob, trials: Sequence[Trial], chosen: str) -> None:
        """Show these trials of ``job``."""
        self._job, self._trials, self._chosen = job, trials, chosen
        names = [setting.name for setting in job.ranges]
        if [self.choice.itemData(at) for at in range(self.choice.count())] != [*names, ALL]:
            items = [*((name, words_of(name).lower()) for name in names), (ALL, "all, side by side")]
            self.choice.set_items(items, names[0] if names else ALL)
        self._draw()

    def _turn(self, _: object = None) -> None:
        wide = self.choice.value() == ALL
        self._stack.setCurrentWidget(self.parallel if wide else self.scatter)
        self._draw()
        self.wideChanged.emit(wide)

    def _draw(self) -> None:
        job, name = self._job, self.choice.value()
        if job is None or name is None:
            return
        self._title.setText(f"{objective_title(job)} by")
        if name == ALL:
            self.parallel.set_content(*parallel(job, self._trials))
            self.parallel.set_chosen(self._chosen)
            return
        setting = range_of(job, name)
        categories = setting.values if isinstance(setting, CategoricalRange) else ()
        found = dots(job, self._trials, name, self._chosen)
        self.scatter.set_y_most(1.0 if job.objective_metric.endswith("accuracy") else None)
        self.scatter.set_points(found, log=is_log(setting), categories=categories)
        self.scatter.set_chosen(self._chosen)

    def _y_text(self, value: float) -> str:
        if self._job is None:
            return f"{value:g}"
        text = objective_text(value, self._job)
        return score_tick(value) if score_tick(value) + "0" == text or value in (0, 1) else text
