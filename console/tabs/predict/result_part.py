"""The figures of the side panel: how many pictures each target got right, and how often they agree."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from console.models.cards import LETTERS, Card
from console.tabs.predict.score import Score, agreement
from console.widgets.base import label
from console.widgets.tables.letter_chip import LetterChip

# Figures in a row of the side, where they have the room; pixels between them.
_BESIDE = 3
_APART = 16


class ResultPart(QWidget):
    """One figure for each endpoint, with its letter when there are two."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setHorizontalSpacing(_APART)
        self._grid.setVerticalSpacing(8)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(_BESIDE, 1)
        self._shown: tuple[tuple[str, str, str, str], ...] = ()
        self.figures: list[QWidget] = []
        self._columns = _BESIDE

    def show_scores(self, cards: Sequence[Card], scores: Sequence[Score]) -> None:
        """Show the result of each endpoint in ``scores``."""
        compared = len(scores) > 1
        figures = [(*_words(result), LETTERS[at] if compared else "") for at, result in enumerate(scores)]
        if compared:
            same, of = agreement(cards)
            if of:
                figures.append((f"{same:,} of {of:,}", "both agree" if len(scores) == 2 else "all agree", "", ""))
        if tuple(figures) == self._shown:
            return
        self._shown = tuple(figures)
        for widget in self.figures:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self.figures = [_figure(*figure) for figure in figures]
        for widget in self.figures:
            self._grid.addWidget(widget)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many beside each other as there is room for."""
        super().resizeEvent(event)
        if self._columns != self._fitting():
            self._arrange()

    def minimumSizeHint(self) -> QSize:
        """No wider than the widest figure: the rest goes below."""
        widest = max((figure.sizeHint().width() for figure in self.figures), default=0)
        return QSize(widest, super().minimumSizeHint().height())

    def _fitting(self) -> int:
        widths = [figure.sizeHint().width() for figure in self.figures]
        for columns in range(_BESIDE, 1, -1):
            beside = [max(widths[at::columns], default=0) for at in range(columns)]
            if sum(beside) + _APART * (columns - 1) <= self.width():
                return columns
        return 1

    def _arrange(self) -> None:
        self._columns = self._fitting()
        for at, figure in enumerate(self.figures):
            self._grid.removeWidget(figure)
            self._grid.addWidget(figure, at // self._columns, at % self._columns)


def _figure(value: str, words: str, failed: str, letter: str) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    if letter:
        row.addWidget(LetterChip(letter), 0, Qt.AlignmentFlag.AlignTop)
    column = QVBoxLayout()
    column.setSpacing(0)
    column.addWidget(label(value, "section"))
    column.addWidget(label(words, "small", "text2"))
    if failed:
        column.addWidget(label(failed, "small", "err"))
    column.addStretch(1)
    row.addLayout(column)
    holder.setAccessibleName(" ".join(part for part in (letter, value, words, failed) if part))
    return holder


def _words(result: Score) -> tuple[str, str, str]:
    failed = f"{result.failed:,} failed" if result.failed else ""
    if result.judged:
        return f"{result.right:,} of {result.judged:,}", "right first", failed
    return f"{result.answered:,} of {result.asked:,}", "answered", failed
