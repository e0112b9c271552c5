"""What the model of an endpoint is known to confuse: the matrix of its training job's test pictures."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.confusion import most_confused, top_confusions
from console.widgets.base import label, on_theme
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.dialog import Dialog
from workers.types import JobReport

# The most confused: of so many the names can be read in the side.
CLASSES_SHOWN = 10
# Pixels.
_HEIGHT = 300
_DIALOG_SIZE = (900, 560)


class ConfusionsPart(QWidget):
    """``which`` (A, B or C) and ``all_button`` are for the head of its section.

    Signals: ``cellChosen(str letter, int truth, int answer)``: positions in the classes of that letter's report.
    """

    cellChosen = Signal(str, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reports: dict[str, tuple[str, JobReport]] = {}
        self.which = Segmented([("A", "A"), ("B", "B")], name="Whose confusions", small=True)
        self.which.changed.connect(self._show)
        self.all_button = Button("All classes", "link", small=True, on=self.show_all)
        self._words = label("", "small", "text3", wrap=True)
        self.matrix = ConfusionMatrix()
        self._readout = label("", "small", "text2", wrap=True)
        self.matrix.cellChanged.connect(self._read_out)
        self.matrix.cellActivated.connect(self._chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._words)
        column.addWidget(self.matrix, 1)
        column.addWidget(self._readout)
        column.addStretch()
        self._give_room()
        on_theme(self, self._give_room)

    def _give_room(self) -> None:
        """No more than the matrix takes, so that its words stand right below it."""
        needed = self.matrix.natural_height()
        self.matrix.setMinimumHeight(min(theme().pixels(_HEIGHT), needed))
        self.matrix.setMaximumHeight(needed)

    @property
    def known(self) -> bool:
        """True when there is a matrix to show."""
        return bool(self._reports)

    def show_reports(self, reports: dict[str, tuple[str, JobReport]]) -> None:
        """Show the reports of the endpoints' models: letter → (training job, its report)."""
        self._reports = {letter: found for letter, found in reports.items() if found[1].confusion}
        self.which.setVisible(len(self._reports) > 1)
        if self._reports:
            self.which.set_segments([(letter, letter) for letter in self._reports])
        self._show()

    def _current(self) -> tuple[str, JobReport] | None:
        return self._reports.get(self.which.current)

    def _show(self, _key: str = "") -> None:
        found = self._current()
        if found is None:
            return
        job, report = found
        self._words.setText(f"Test pictures of {job}, truth down, answer across")
        self.matrix.set_matrix(report.classes, report.confusion)
        if len(report.classes) > CLASSES_SHOWN:
            self.matrix.show_classes(most_confused(report.confusion, CLASSES_SHOWN))
        self._give_room()
        self.all_button.setText(f"All {len(report.classes)}")
        self.all_button.setVisible(len(report.classes) > CLASSES_SHOWN)
        self._read_out("")

    def _read_out(self, words: str) -> None:
        """The words of the cell under the pointer; without one, the most frequent confusion."""
        found = self._current()
        if not words and found is not None:
            worst = top_confusions(found[1].confusion, 1)
            words = self.matrix.words(worst[0].truth, worst[0].answer) if worst else "No test picture was confused."
        self._readout.setText(words)

    def say(self, words: str) -> None:
        """Something about the cell that was chosen."""
        self._readout.setText(words)

    def _chosen(self, truth: int, answer: int) -> None:
        self.cellChosen.emit(self.which.current, truth, answer)

    def show_all(self) -> None:
        """Open every class in a dialog."""
        found = self._current()
        if found is None:
            return
        width, height = _DIALOG_SIZE
        room = self.window().height() - theme().pixels(200)
        dialog = Dialog("Confusions", "Test pictures, truth down, answer across.", width=width, parent=self.window())
        matrix = ConfusionMatrix()
        matrix.set_matrix(found[1].classes, found[1].confusion)
        matrix.setMinimumHeight(min(theme().pixels(height), room))
        words = label("", "body", "text2")
        matrix.cellChanged.connect(words.setText)
        matrix.cellActivated.connect(dialog.accept)
        matrix.cellActivated.connect(self._chosen)
        dialog.body.addWidget(matrix)
        dialog.body.addWidget(words)
        dialog.buttons.addStretch(1)
        dialog.buttons.addWidget(Button("Close", on=dialog.accept))
        dialog.open()
