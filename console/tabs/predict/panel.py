"""The side panel: the score, the latency, the raw answer of the chosen picture, the model's known confusions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.base_cards import LETTERS, Card
from console.models.base_chart import Series
from console.models.base_confusion import most_confused
from console.models.base_format import count, milliseconds
from console.tabs.predict.score import BINS, Score, agreement, bins, score
from console.widgets.base import label
from console.widgets.buttons import Button
from console.widgets.chart import LineChart
from console.widgets.confusion_matrix import ConfusionMatrix
from console.widgets.dialog import Dialog
from console.widgets.side_panel import SidePanel
from workers.types import JobReport

CLASSES_SHOWN = 10
FIGURES_BESIDE = 2
_RAW_LINES = 400


class ScorePanel(SidePanel):
    """Shows what the tab's cards and the model's own report say."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__("Result", parent=parent)
        self.ctx = ctx
        self._report: JobReport | None = None
        self._count = label("", "small", "text2")
        self.title_row.addWidget(self._count)
        self._hint = label("The score and the latency of your pictures come here.", "small", "text3", wrap=True)
        self.add(self._hint)
        self._figures = QGridLayout()
        self._figures.setHorizontalSpacing(24)
        self._figures.setVerticalSpacing(8)
        self._figures.setContentsMargins(0, 0, 0, 0)
        self._figures.setColumnStretch(FIGURES_BESIDE, 1)
        self._holder = QWidget()
        self._holder.setLayout(self._figures)
        self.add(self._holder)
        self._latency_head = self.section("Latency")
        self._latency_words = label("", "small", "text2", wrap=True)
        self.add(self._latency_words)
        self._latency = LineChart("", x_format=milliseconds, y_format=lambda v: f"{v:.0f}", live=False)
        self._latency.set_placeholder("No answers yet")
        self._latency.setFixedHeight(ctx.theme.pixels(130))
        self.add(self._latency)
        self._raw_head = self.section("Raw answer", Button("Copy", "link", small=True, on=self._copy_raw))
        self._raw = QPlainTextEdit()
        self._raw.setReadOnly(True)
        self._raw.setProperty("kind", "code")
        self._raw.setFont(ctx.theme.font("mono"))
        self._raw.setFixedHeight(ctx.theme.pixels(150))
        self._raw.setAccessibleName("Raw answer")
        self.add(self._raw)
        self._all = Button("All classes", "link", small=True, on=self._show_all)
        self._confusions_head = self.section("Confusions", self._all)
        self._confusions_words = label("", "small", "text3", wrap=True)
        self.add(self._confusions_words)
        self._matrix = ConfusionMatrix()
        self._matrix.setMinimumHeight(ctx.theme.pixels(300))
        self._readout = label("", "small", "text2", wrap=True)
        self._matrix.cellChanged.connect(self._readout.setText)
        self.add(self._matrix, 1)
        self.add(self._readout)
        self.show_card(None)
        self.show_report(None)

    def show_cards(self, cards: Sequence[Card], endpoints: int) -> None:
        """Score and latency of these cards for so many endpoints."""
        self._count.setText(count(len(cards), "picture") if cards else "")
        while self._figures.count():
            item = self._figures.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        scores = [score(cards, at) for at in range(endpoints)]
        figures = [
            _figure(*_words(result, letter if endpoints > 1 else ""))
            for letter, result in zip(LETTERS, scores, strict=False)
        ]
        if endpoints > 1:
            same, of = agreement(cards)
            figures.append(_figure(f"{same:,} of {of:,}", "both agree"))
        for at, figure in enumerate(figures):
            self._figures.addWidget(figure, at // FIGURES_BESIDE, at % FIGURES_BESIDE)
        known = bool(cards) and bool(scores)
        self._hint.setVisible(not known)
        for part in (self._holder, self._latency_head, self._latency_words, self._latency):
            part.setVisible(known)
        self._show_latency(scores)

    def show_card(self, card: Card | None) -> None:
        """The raw answers of the chosen card."""
        texts = []
        for letter, answer in zip(LETTERS, card.answers if card is not None else (), strict=False):
            if answer is not None:
                words = _pretty(answer.raw) or answer.error
                texts.append(f"{letter}: {words}" if card is not None and len(card.answers) > 1 else words)
        self._raw.setPlainText("\n\n".join(texts))
        self._raw.setVisible(bool(texts))
        self._raw_head.setVisible(bool(texts))

    def show_report(self, report: JobReport | None, job: str = "") -> None:
        """The confusions that the model's training job found on its test pictures."""
        self._report = report
        known = report is not None and bool(report.confusion)
        for part in (self._confusions_head, self._confusions_words, self._matrix, self._readout):
            part.setVisible(known)
        if report is None or not known:
            return
        self._confusions_words.setText(f"Test pictures of {job}, truth down, answer across")
        self._matrix.set_matrix(report.classes, report.confusion)
        if len(report.classes) > CLASSES_SHOWN:
            self._matrix.show_classes(most_confused(report.confusion, CLASSES_SHOWN))
        self._all.setText(f"All {len(report.classes)}")
        self._all.setVisible(len(report.classes) > CLASSES_SHOWN)

    def _show_latency(self, scores: Sequence[Score]) -> None:
        known = [result for result in scores if result.latencies]
        if not known:
            self._latency_words.setText("")
            self._latency.set_series([])
            return
        self._latency_words.setText(
            "\n".join(
                f"{letter + ': ' if len(scores) > 1 else ''}median {milliseconds(result.median_ms or 0)}, "
                f"95 % under {milliseconds(result.slow_ms or 0)}"
                for letter, result in zip(LETTERS, scores, strict=False)
                if result.latencies
            )
        )
        low = min(result.latencies[0] for result in known)
        high = max(max(result.slow_ms or 0 for result in known) * 1.3, low + 1)
        step = (high - low) / BINS
        xs = [low + step * at for at in range(BINS)]
        self._latency.set_x_range(low, high)
        self._latency.set_series(
            [
                Series(letter, xs, bins(result.latencies, low, high), tone=tone, step=True, fill=True)
                for letter, result, tone in zip(LETTERS, scores, ("series1", "series2"), strict=False)
                if result.latencies
            ]
        )

    def _copy_raw(self) -> None:
        self._raw.selectAll()
        self._raw.copy()

    def _show_all(self) -> None:
        if self._report is None:
            return
        dialog = Dialog("Confusions", "Test pictures, truth down, answer across.", width=900, parent=self.window())
        matrix = ConfusionMatrix()
        matrix.set_matrix(self._report.classes, self._report.confusion)
        matrix.setMinimumHeight(self.ctx.theme.pixels(560))
        words = label("", "body", "text2")
        matrix.cellChanged.connect(words.setText)
        dialog.body.addWidget(matrix)
        dialog.body.addWidget(words)
        dialog.buttons.addStretch(1)
        dialog.buttons.addWidget(Button("Close", on=dialog.accept))
        dialog.open()


def _figure(value: str, words: str) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(label(value, "section"))
    column.addWidget(label(words, "small", "text2"))
    return holder


def _words(result: Score, letter: str) -> tuple[str, str]:
    who = f"{letter} " if letter else ""
    if result.failed:
        return f"{result.failed:,} of {result.asked:,}", f"{who}failed"
    if result.judged:
        return f"{result.right:,} of {result.judged:,}", f"{who}right first"
    return f"{result.answered:,} of {result.asked:,}", f"{who}answered"


def _pretty(raw: str) -> str:
    if not raw:
        return ""
    try:
        lines = json.dumps(json.loads(raw), indent=1, ensure_ascii=False).splitlines()
    except ValueError:
        return raw
    return "\n".join(lines[:_RAW_LINES])
