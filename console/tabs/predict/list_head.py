"""The line above the cards: how many pictures, how far their answers are, in which order, and which of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.models.cards import LETTERS, Card
from console.models.columns import DASH
from console.tabs.predict.score import certainty, disagrees, has_failed, is_wrong
from console.widgets.base import label
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.lines import Legend
from console.widgets.forms.segmented import Segmented
from console.widgets.tables.letter_chip import series_of

_ORDERS = (
    ("given", "As dropped"),
    ("wrong", "Wrong first"),
    ("disagree", "Disagreements first"),
    ("unsure", "Least sure first"),
)
_KEYS: dict[str, Callable[[Card], Any]] = {
    "wrong": lambda card: not is_wrong(card),
    "disagree": lambda card: not disagrees(card),
    "unsure": certainty,
}

_FILTERS: dict[str, Callable[[Card], bool]] = {"wrong": is_wrong, "differ": disagrees}


class ListHead(QWidget):
    """Signals: ``changed()``: another order or filter was chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading = label("Pictures", "section")
        self._number = label("", "section", "text3")
        self._status = label("", "small", "text2")
        self._legend = Legend()
        self.sorting = ComboBox(_ORDERS, "given", name="Order")
        self.sorting.chosen.connect(lambda _: self.changed.emit())
        self.filter = Segmented([("all", "All"), ("wrong", "Wrong")], "all", name="Which pictures")
        self.filter.changed.connect(lambda _: self.changed.emit())
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for part in (self._heading, self._number, self._status):
            row.addWidget(part)
        row.addStretch(1)
        for control in (self._legend, self.sorting, self.filter):
            row.addWidget(control)

    @property
    def wanted(self) -> str:
        """What the filter looks for, in words."""
        return "differing answers" if self.filter.current == "differ" else "wrong answers"

    @property
    def plain(self) -> bool:
        """True when all cards are shown as they were dropped, so that a new answer moves none."""
        return self.filter.current == "all" and self.sorting.value() == "given"

    def arranged(self, cards: Sequence[Card]) -> list[Card]:
        """The cards to show, in the order chosen."""
        which = _FILTERS.get(self.filter.current)
        shown = [card for card in cards if which(card)] if which is not None else list(cards)
        order = _KEYS.get(self.sorting.value())
        if order is not None:
            shown.sort(key=order)
        return shown

    def show_counts(self, cards: Sequence[Card], endpoints: int, status: str) -> None:
        """Say how many there are and how far the answers are."""
        failed = any(map(has_failed, cards))
        # Where nobody says what the pictures show, none of them is known to be right either.
        judged = failed or any(card.truth for card in cards)
        wrong = f"{sum(map(is_wrong, cards)):,}" if judged else DASH
        counts = [("all", "All", f"{len(cards):,}"), ("wrong", "Wrong or failed" if failed else "Wrong", wrong)]
        if endpoints > 1:
            counts.append(("differ", "Differ", f"{sum(map(disagrees, cards)):,}"))
        self._number.setText(f"{len(cards):,}" if cards else "")
        segments = [(key, f"{words} {number}" if cards else words) for key, words, number in counts]
        self.filter.set_segments(segments)
        self._status.setText(status)
        self._legend.set_entries([(f"{name}, percent", series_of(name)) for name in LETTERS] if endpoints > 1 else [])
        self._place_legend()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The letters of the fields above tell the colours where there is no room for a legend."""
        super().resizeEvent(event)
        self._place_legend()

    def _place_legend(self) -> None:
        wanted = self._legend.sizeHint().width()
        others = [self._heading, self._number, self._status, self.sorting, self.filter]
        taken = sum(part.sizeHint().width() + self._row.spacing() for part in others)
        self._legend.setVisible(0 < wanted < self.width() - taken - self._row.spacing())
