"""The side panel: the score, the latency, the model's known confusions, and the raw answer of the chosen picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.models.cards import Card
from console.models.format import count
from console.tabs.predict.confusions_part import ConfusionsPart
from console.tabs.predict.latency_part import LatencyPart
from console.tabs.predict.raw_part import RawPart
from console.tabs.predict.result_part import ResultPart
from console.tabs.predict.score import score
from console.widgets.base import label
from console.widgets.frames.side_panel import SidePanel
from workers.types import JobReport


class ScorePanel(SidePanel):
    """Shows what the tab's cards and the models' own reports say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Result", parent=parent)
        self._count = label("", "small", "text2")
        self.title_row.addWidget(self._count)
        self._hint = label("The score and the latency of your pictures come here.", "small", "text3", wrap=True)
        self.add(self._hint)
        self.result = ResultPart()
        self.add(self.result)
        self.latency = LatencyPart()
        self._latency_head = self.section("Latency", self.latency.words)
        self.add(self.latency)
        self.confusions = ConfusionsPart()
        self._confusions_head = self.section("Confusions", _beside(self.confusions.which, self.confusions.all_button))
        self.add(self.confusions)
        self.raw = RawPart()
        self._raw_head = self.section("Raw answer", self.raw.buttons)
        self.add(self.raw)
        self.show_card(None)
        self.show_reports({})

    def show_cards(self, cards: Sequence[Card], endpoints: int) -> None:
        """Score and latency of these cards for so many endpoints."""
        self._count.setText(count(len(cards), "picture") if cards else "")
        scores = [score(cards, at) for at in range(endpoints)]
        known = bool(cards) and bool(scores)
        self._hint.setVisible(not known)
        for part in (self.result, self._latency_head, self.latency):
            part.setVisible(known)
        self.result.show_scores(cards, scores)
        self.latency.show_scores(scores)

    def show_card(self, card: Card | None) -> None:
        """The raw answers of the chosen card."""
        self._raw_head.setVisible(self.raw.show_card(card))
        if self._raw_head.isHidden():
            self.raw.hide()

    def show_reports(self, reports: dict[str, tuple[str, JobReport]]) -> None:
        """The confusions that the models' training jobs found on their test pictures, by the endpoints' letters."""
        self.confusions.show_reports(reports)
        for part in (self._confusions_head, self.confusions):
            part.setVisible(self.confusions.known)


def _beside(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    return holder
