"""What a finished job left: test accuracy, confusions, the score of every class, skipped pictures."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.cards import class_title
from console.models.columns import Column
from console.models.format import count, fraction, percents
from console.settings import Settings
from console.widgets.base import label, on_theme
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.forms.buttons import Button
from console.widgets.frames.dialog import Dialog
from console.widgets.frames.panes import Panes
from console.widgets.tables.table import ResourceTable
from workers.types import ClassScore, JobReport

_SCORES = [
    Column("name", "Class", kind="name", priority=0, format=lambda name, _: class_title(name)),
    Column("precision", "Precision", kind="number", format=lambda v, _: fraction(v), priority=1),
    Column("recall", "Recall", kind="number", format=lambda v, _: fraction(v), priority=1),
    Column("f1", "F1", kind="number", strong=True, format=lambda v, _: fraction(v), priority=0),
    Column("support", "Pictures", kind="number", priority=2),
]
# Of height: 133 classes still have more than a pixel each.
MATRIX_PIXELS = 200


@dataclass(frozen=True)
class _Skipped:
    path: str
    reason: str


class ReportView(QWidget):
    """Shows one ``JobReport``. Signals: ``cellChosen(int truth, int answer)``: positions in its classes."""

    cellChosen = Signal(int, int)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: JobReport | None = None
        self._figure = label("", "figure")
        self._words = label("", "small", "text2")
        self._skipped = Button("", "link", small=True, on=self._show_skipped)
        self._matrix = ConfusionMatrix()
        self._matrix.cellActivated.connect(self.cellChosen)
        on_theme(self, self._keep_room)
        self._keep_room()
        self._readout = label("", "small", "text2", wrap=True)
        self._matrix.cellChanged.connect(self._readout.setText)
        self._scores = ResourceTable(
            _SCORES, key="name", name="Scores by class", noun="classes", sort=("f1", "asc"), row_pixels=28
        )
        self._scores.remember(settings, "scores")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        panes = Panes(Qt.Orientation.Horizontal, settings, "training.report")
        row.addWidget(panes)
        first, second = QWidget(), QWidget()
        left = QVBoxLayout(first)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(6)
        figures = QHBoxLayout()
        figures.setSpacing(8)
        for part in (self._figure, self._words, self._skipped):
            figures.addWidget(part)
        figures.addStretch(1)
        left.addLayout(figures)
        left.addWidget(label("Confusions on the test pictures, truth down, answer across", "small", "text3"))
        left.addWidget(self._matrix, 1)
        left.addWidget(self._readout)
        right = QVBoxLayout(second)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(6)
        right.addWidget(label("Scores by class, weakest first", "strong"))
        right.addWidget(self._scores, 1)
        panes.add(first, 3)
        panes.add(second, 2)

    def _keep_room(self) -> None:
        """On a low window the page scrolls; a matrix of some pixels shows no pattern."""
        self._matrix.setMinimumHeight(theme().pixels(MATRIX_PIXELS))

    def show_report(self, report: JobReport) -> None:
        """Show this report."""
        self._report = report
        pictures = sum(sum(line) for line in report.confusion)
        has_test = report.test_accuracy is not None
        self._figure.setText(percents(report.test_accuracy, 1) if report.test_accuracy is not None else "–")
        words = f"accuracy on {count(pictures, 'test picture')}" if has_test else "no test pictures"
        self._words.setText(words)
        self._skipped.setText(f"{count(len(report.skipped), 'picture')} skipped")
        self._skipped.setVisible(bool(report.skipped))
        self._matrix.set_matrix(report.classes, report.confusion)
        self._scores.set_rows(list(report.scores))

    @property
    def matrix(self) -> ConfusionMatrix:
        """What the report is read for first."""
        return self._matrix

    @property
    def report(self) -> JobReport | None:
        """What is shown."""
        return self._report

    def say(self, words: str) -> None:
        """Something about the cell that was chosen."""
        self._readout.setText(words)

    def worst(self) -> list[ClassScore]:
        """The classes with the lowest F1, worst first."""
        return sorted(self._report.scores, key=lambda score: score.f1) if self._report else []

    def _show_skipped(self) -> None:
        if self._report is None:
            return
        dialog = Dialog(
            "Skipped pictures",
            "They could not be read and were left out of the training.",
            width=560,
            parent=self.window(),
        )
        columns = [Column("path", "File", kind="name"), Column("reason", "Why", stretch=1)]
        table = ResourceTable(columns, key="path", name="Skipped pictures", noun="files")
        table.setMinimumHeight(280)
        table.set_rows([_Skipped(path, reason) for path, reason in self._report.skipped])
        dialog.body.addWidget(table)
        dialog.buttons.addStretch(1)
        dialog.buttons.addWidget(Button("Close", on=dialog.accept))
        dialog.open()
