"""What one evaluation found: the confusions, the classes, the worst mistakes, how sure it was, what got no answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from console.models.cards import Card
from console.models.format import count, percents
from console.settings import Settings
from console.tabs.predict.evaluation.calibration import CalibrationView
from console.tabs.predict.evaluation.rows import CLASSES, FAILED, card_of
from console.widgets.base import label
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.panes import Panes
from console.widgets.pictures.prediction_grid import PredictionGrid
from console.widgets.tables.table import ResourceTable
from workers.evaluation.measures import Measures, truths
from workers.evaluation.types import Evaluation

_PAGES = (("matrix", "Confusions"), ("classes", "Classes"), ("mistakes", "Mistakes"), ("calibration", "Calibration"))
_MATRIX_HINT = (
    "Truth down, answer across. Click a cell for its pictures, or press Return; Ctrl+wheel or + and − zoom, 0 fits."
)
_NO_CELL = "Choose a cell."


class EvaluationReport(QWidget):
    """Signals: ``lookWanted(keys, key)``: look at these pictures, beginning with one."""

    lookWanted = Signal(object, str)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        self.measures: Measures | None = None
        self._mistakes_due = False
        self.pages = Segmented(_PAGES, "matrix", name="What of the evaluation", small=True)
        self.pages.changed.connect(self._turn)
        self.matrix = ConfusionMatrix()
        self.matrix.set_placeholder("No answers to judge yet")
        self.matrix.cellChanged.connect(self._read_out)
        self.matrix.cellActivated.connect(self._cell_chosen)
        self._readout = label("", "small", "text2", wrap=True)
        self._cell_words = label("", "strong", wrap=True)
        self.cell_grid = self._grid("Pictures of the cell")
        self.classes = ResourceTable(
            CLASSES, key="name", name="Classes", noun="classes", sort=("f1", "asc"), row_pixels=28
        )
        self.classes.remember(settings, "predict.classes")
        self.classes.activated.connect(lambda row: self.show_class(row.name))
        self.mistakes = self._grid("Mistakes, the most confident first")
        self.mistakes.set_placeholder("No mistakes")
        self.calibration = CalibrationView()
        self.failed = ResourceTable(FAILED, key="path", name="Without an answer", noun="pictures", sort=("path", "asc"))
        self.failed.remember(settings, "predict.failed")
        self._stack = QStackedWidget()
        self._by_key = {
            "matrix": self._matrix_page(settings), "classes": self.classes, "mistakes": self.mistakes,
            "calibration": self.calibration, "failed": self.failed,
        }  # fmt: skip
        for page in self._by_key.values():
            self._stack.addWidget(page)
        row = QHBoxLayout()
        row.addWidget(self.pages)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self._stack, 1)

    def _grid(self, name: str) -> PredictionGrid:
        grid = PredictionGrid(name=name)
        grid.activated.connect(lambda key: self._look(grid, key))
        grid.lookWanted.connect(lambda key: self._look(grid, key))
        return grid

    def _look(self, grid: PredictionGrid, key: str) -> None:
        self.lookWanted.emit([card.key for card in grid.cards()], key)

    def _matrix_page(self, settings: Settings) -> QWidget:
        panes = Panes(Qt.Orientation.Horizontal, settings, "predict.confusions")
        first, second = QWidget(), QWidget()
        left, right = QVBoxLayout(first), QVBoxLayout(second)
        for column in (left, right):
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(6)
        head = QHBoxLayout()
        head.addWidget(label(_MATRIX_HINT, "small", "text3", wrap=True), 1)
        zooms: list[Button] = []
        for text, call in (("−", lambda: self.matrix.zoom(0.8)), ("+", lambda: self.matrix.zoom(1.25))):
            button = Button(text, small=True, on=call)
            button.setAccessibleName("Zoom in" if text == "+" else "Zoom out")
            zooms.append(button)
        for button in (*zooms, Button("Fit", small=True, on=self.matrix.fit)):
            button.in_palette = False
            head.addWidget(button)
        left.addLayout(head)
        left.addWidget(self.matrix, 1)
        left.addWidget(self._readout)
        right.addWidget(self._cell_words)
        right.addWidget(self.cell_grid, 1)
        panes.add(first, 3)
        panes.add(second, 2)
        return panes

    def show_evaluation(self, evaluation: Evaluation, measures: Measures) -> None:
        """Show this one."""
        another = self._evaluation is None or self._evaluation.head.id != evaluation.head.id
        self._evaluation, self.measures = evaluation, measures
        truth_of = truths(evaluation)
        pages = list(_PAGES[:2])
        pages.append(("mistakes", f"Mistakes {len(measures.mistakes):,}"))
        pages.append(_PAGES[3])
        if measures.failed:
            pages.append(("failed", f"No answer {measures.failed:,}"))
        self.pages.set_segments(pages)
        self.matrix.set_matrix(measures.classes, measures.confusion)
        self.classes.set_rows(list(measures.scores))
        self._mistakes_due = True
        self.calibration.show_bins(measures.bins, measures.ece)
        self.failed.set_rows([answer for answer in evaluation.answers if answer.error])
        self._truth_of = truth_of
        self._turn(self.pages.current)
        if another:
            worst = self._worst_cell()
            if worst is None:
                self._show_cards(_NO_CELL, [])
            else:
                self._cell_chosen(*worst)

    def _worst_cell(self) -> tuple[int, int] | None:
        """The most frequent mistake."""
        counts = self.measures.confusion if self.measures is not None else ()
        cells = [
            (number, truth, answer)
            for truth, row in enumerate(counts)
            for answer, number in enumerate(row)
            if number and truth != answer
        ]
        if not cells:
            return None
        _, truth, answer = max(cells, key=lambda cell: (cell[0], -cell[1], -cell[2]))
        return truth, answer

    def show_class(self, name: str) -> None:
        """Show the pictures of a class, whatever was answered."""
        if self.measures is None:
            return
        self.pages.set_current("matrix")
        cards = self._cards(lambda truth, answer: truth == name)
        title = next(score.title for score in self.measures.scores if score.name == name)
        self._show_cards(f"{title}, {count(len(cards), 'picture')}", cards)

    def _cell_chosen(self, truth: int, answer: int) -> None:
        if self.measures is None:
            return
        was, said = self.measures.classes[truth], self.measures.classes[answer]
        cards = self._cards(lambda true, top: (true, top) == (was, said))
        self._show_cards(self.matrix.words(truth, answer), cards)

    def _cards(self, which: Callable[[str, str], bool]) -> list[Card]:
        assert self._evaluation is not None
        head = self._evaluation.head
        return [
            card_of(head, answer, truth)
            for answer in self._evaluation.answers
            if not answer.error and (truth := self._truth_of(answer)) and which(truth, answer.top)
        ]

    def _show_cards(self, words: str, cards: Sequence[Card]) -> None:
        self._cell_words.setText(words)
        self.cell_grid.set_placeholder("" if words == _NO_CELL else "No picture")
        self.cell_grid.set_cards(cards)

    def _read_out(self, words: str) -> None:
        self._readout.setText(words)

    def _turn(self, key: str) -> None:
        if key == "mistakes" and self._mistakes_due and self._evaluation is not None and self.measures is not None:
            # There may be thousands, which nobody has to wait for who looks at something else.
            self._mistakes_due = False
            head = self._evaluation.head
            self.mistakes.set_cards([card_of(head, found.answer, found.truth) for found in self.measures.mistakes])
        self._stack.setCurrentWidget(self._by_key[key])


def accuracy_words(measures: Measures) -> str:
    """``87.5 % of 1,330``."""
    return "–" if measures.accuracy is None else f"{percents(measures.accuracy, 1)} of {measures.judged:,}"
