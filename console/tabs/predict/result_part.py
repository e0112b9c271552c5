"""The figures of the side panel: how many pictures each target got right, and how often they agree."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from console.models.cards import LETTERS, Card
from console.tabs.predict.score import Score, agreement
from console.widgets.base import label
from console.widgets.tables.letter_chip import LetterChip

# Figures in a row of the side.
_BESIDE = 3


class ResultPart(QWidget):
    """One figure for each endpoint, with its letter when there are two."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(_BESIDE, 1)
        self._shown: tuple[tuple[str, str, str, str], ...] = ()

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
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for at, figure in enumerate(figures):
            self._grid.addWidget(_figure(*figure), at // _BESIDE, at % _BESIDE)


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
