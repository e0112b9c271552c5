"""Two evaluations compared: how many pictures speak for either, and which they are."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.tabs.predict.evaluation.rows import change_card
from console.widgets.base import label
from console.widgets.forms.lines import Legend
from console.widgets.forms.segmented import Segmented
from console.widgets.pictures.prediction_grid import PredictionGrid
from console.widgets.tables.letter_chip import series_of
from workers.evaluation.comparing import Comparison
from workers.evaluation.page import chance_words
from workers.evaluation.types import Evaluation

_KINDS = {
    "first": "only first right", "second": "only second right", "wrong": "both wrong, differently",
}  # fmt: skip
_NONE = {
    "all": "No picture was answered differently", "first": "No picture that A alone has right",
    "second": "No picture that B alone has right", "wrong": "No picture that both have wrong, each in its way",
}  # fmt: skip


class ComparisonView(QWidget):
    """Signals: ``lookWanted(keys, key)``."""

    lookWanted = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comparison: Comparison | None = None
        self._first: Evaluation | None = None
        self.words = label("", "small", "text2", wrap=True)
        self.filter = Segmented([("all", "Differ")], "all", name="Which changes", small=True)
        self.filter.changed.connect(self._show_cards)
        self._legend = Legend()
        self._legend.set_entries([(f"{letter}, percent", series_of(letter)) for letter in "AB"])
        self.grid = PredictionGrid(name="Pictures answered differently")
        for signal in (self.grid.activated, self.grid.lookWanted):
            signal.connect(lambda key: self.lookWanted.emit([card.key for card in self.grid.cards()], key))
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.filter)
        row.addStretch(1)
        row.addWidget(self._legend)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addWidget(self.grid, 1)

    def show_comparison(self, first: Evaluation, comparison: Comparison) -> None:
        """Show what changed; the pictures are those of the first one's folder."""
        self._first, self.comparison = first, comparison
        same = f"{comparison.same:,} of {comparison.pictures:,} pictures were answered alike."
        self.words.setText(f"{same} {chance_words(comparison)}" if comparison.pictures else _nothing_common(comparison))
        wrong = sum(change.kind == _KINDS["wrong"] for change in comparison.changes)
        self.filter.set_segments(
            [
                ("all", f"Differ {len(comparison.changes):,}"),
                ("first", f"Only A right {comparison.only_first:,}"),
                ("second", f"Only B right {comparison.only_second:,}"),
                ("wrong", f"Both wrong, differently {wrong:,}"),
            ]
        )
        self._show_cards()

    def _show_cards(self, _key: str = "") -> None:
        if self.comparison is None or self._first is None:
            return
        wanted = _KINDS.get(self.filter.current)
        head = self._first.head
        changes = [change for change in self.comparison.changes if wanted in (None, change.kind)]
        self.grid.set_placeholder(_NONE[self.filter.current])
        self.grid.set_cards([change_card(head, change) for change in changes])


def _nothing_common(comparison: Comparison) -> str:
    return (
        f"They have no picture in common: {comparison.not_in_second:,} were judged by A alone, "
        f"{comparison.not_in_first:,} by B alone."
    )
