"""The side panel of the evaluations: the figures of the one that is chosen, or of two beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from console.models.cards import LETTERS
from console.models.columns import DASH
from console.models.format import duration, milliseconds, when
from console.tabs.predict.evaluation.rows import share
from console.tabs.predict.score import PART_WORDS, PARTS
from console.widgets.base import label
from console.widgets.charts.sparkline import StackedBar
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import Legend
from console.widgets.frames.side_panel import SidePanel
from console.widgets.tables.letter_chip import LetterChip
from console.widgets.text.key_values import KeyValues
from workers.evaluation.measures import Latency, Measures
from workers.evaluation.page import notes_of
from workers.evaluation.types import Evaluation
from workers.inference.targets import Target

_CLOUD = "The model's part is what CloudWatch counted for all callers in these minutes."
Shown = tuple[Evaluation, Measures]


class EvaluationPanel(SidePanel):
    """Signals: ``resumeWanted()``, ``exportWanted(str kind)``, ``deleteWanted()``."""

    resumeWanted = Signal()
    exportWanted = Signal(str)
    deleteWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Evaluation", parent=parent)
        self._hint = label(
            "Choose an evaluation to see its figures, or two to compare them.", "small", "text3", wrap=True
        )
        self._grid_holder = QWidget()
        self._grid = QGridLayout(self._grid_holder)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._notes = QWidget()
        self._notes_column = QVBoxLayout(self._notes)
        self._notes_column.setContentsMargins(0, 0, 0, 0)
        self._notes_column.setSpacing(6)
        self.resume_button = Button("Resume", icon="play", small=True, on=self.resumeWanted.emit)
        self._bars = QWidget()
        self._bars_grid = QGridLayout(self._bars)
        self._bars_grid.setContentsMargins(0, 0, 0, 0)
        self._bars_grid.setHorizontalSpacing(8)
        self._bars_grid.setVerticalSpacing(6)
        self._bars_grid.setColumnStretch(1, 1)
        self._legend = Legend()
        self._latency = KeyValues()
        self._cloud = label(_CLOUD, "small", "text3", wrap=True)
        self._facts = KeyValues()
        self.add(self._hint)
        self.add(self._grid_holder)
        self.add(self._notes)
        self.add(self.resume_button)
        self._export_head = self.section("Export")
        self.export_buttons = {
            kind: Button(words, icon="download", small=True, on=partial(self.exportWanted.emit, kind))
            for kind, words in (("csv", "CSV"), ("json", "JSON"), ("png", "PNG"), ("html", "HTML page"))
        }
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        for at, button in enumerate(self.export_buttons.values()):
            button.setAccessibleName(f"Export as {button.text()}")
            grid.addWidget(button, at // 2, at % 2)
        grid.setColumnStretch(2, 1)
        self.add(holder)
        self._exports = holder
        self._latency_head = self.section("Latency")
        for part in (self._legend, self._bars, self._latency, self._cloud):
            self.add(part)
        self._facts_head = self.section("About")
        self.add(self._facts)
        self.delete_button = Button("Delete…", "dangerText", small=True, on=self.deleteWanted.emit)
        self.add(self.delete_button)
        self.show_evaluations([])

    def show_evaluations(self, shown: Sequence[Shown], *, running: bool = False) -> None:
        """Show none, one, or two of them."""
        some, single = bool(shown), len(shown) == 1
        self._hint.setVisible(not some)
        for part in (
            self._grid_holder, self._latency_head, self._legend, self._bars, self._latency, self._export_head,
            self._exports,
        ):  # fmt: skip
            part.setVisible(some)
        for part in (self._facts_head, self._facts):
            part.setVisible(some)
        self.delete_button.setVisible(single)
        self.set_title(Target.parse(shown[0][0].head.target).words if single else "Compared" if some else "Evaluation")
        self.title.setToolTip(Target.parse(shown[0][0].head.target).full_words if single else "")
        self._show_figures(shown)
        self._show_notes(shown)
        left = single and _unfinished(shown[0])
        self.resume_button.setVisible(bool(left) and not running)
        if single:
            self.resume_button.setText("Resume" if not shown[0][0].whole else "Ask failed ones again")
            self._facts.set_rows(_facts(shown[0][0]))
        elif some:
            self._facts.set_rows([("AB"[at], _told(evaluation)) for at, (evaluation, _) in enumerate(shown)])
        self._show_latency(shown)

    def _show_figures(self, shown: Sequence[Shown]) -> None:
        _empty(self._grid)
        if not shown:
            return
        for at in range(len(shown)):
            if len(shown) > 1:
                self._grid.addWidget(LetterChip("AB"[at]), 0, at + 1)
        rows = [
            ("Accuracy", [share(measures.accuracy) for _, measures in shown]),
            ("Right", [f"{measures.right:,} of {measures.judged:,}" for _, measures in shown]),
            ("Top 5", [share(measures.top5) for _, measures in shown]),
            ("Calibration error", [share(measures.ece) for _, measures in shown]),
            ("Answered", [f"{measures.answered:,}" for _, measures in shown]),
            ("Failed", [f"{measures.failed:,}" for _, measures in shown]),
        ]
        for line, (name, values) in enumerate(rows, start=1):
            self._grid.addWidget(label(name, "small", "text2"), line, 0, Qt.AlignmentFlag.AlignLeft)
            for at, value in enumerate(values):
                figure = label(value, "section" if line == 1 else "name")
                figure.setAccessibleName(f"{name}: {value}")
                self._grid.addWidget(figure, line, at + 1)

    def _show_notes(self, shown: Sequence[Shown]) -> None:
        _empty(self._notes_column)
        whose: dict[str, list[str]] = {}
        for letter, (_, measures) in zip(LETTERS, shown, strict=False):
            for note in notes_of(measures):
                whose.setdefault(note, []).append(letter)
        said = [f"{' and '.join(names)}: {note}" if len(shown) > 1 else note for note, names in whose.items()]
        for note in said:
            self._notes_column.addWidget(label(note, "small", "warn", wrap=True))
        self._notes.setVisible(bool(said))

    def _show_latency(self, shown: Sequence[Shown]) -> None:
        _empty(self._bars_grid)
        times = [measures.latency for _, measures in shown]
        kinds = [Target.parse(evaluation.head.target).kind for evaluation, _ in shown]
        whole = max((latency.mean or 0.0 for latency in times), default=0.0)
        used: set[str] = set()
        for at, latency in enumerate(times):
            bar = StackedBar()
            segments = segments_of(latency)
            used |= {token for _, token in segments}
            bar.set_segments(segments, whole)
            bar.setAccessibleName(f"Mean {_ms(latency.mean)}")
            if len(times) > 1:
                self._bars_grid.addWidget(LetterChip("AB"[at]), at, 0)
            self._bars_grid.addWidget(bar, at, 1)
            self._bars_grid.addWidget(label(_ms(latency.mean), "name"), at, 2)
        self._legend.set_entries([(PART_WORDS[name], token) for name, token in PARTS.items() if token in used])
        self._legend.setVisible(any(token in used for token in PARTS.values()))
        rows = [
            ("Median", [latency.median for latency in times]), ("95 % under", [latency.p95 for latency in times]),
        ]  # fmt: skip
        means = [(words, [getattr(latency, name) for latency in times]) for name, words in PART_WORDS.items()]
        rows += [(f"Mean: {words}", values) for words, values in means if any(value is not None for value in values)]
        self._latency.set_rows([(name, " / ".join(map(_ms, values))) for name, values in rows] if times else [])
        counted = any(latency.model is not None and kind != "model" for latency, kind in zip(times, kinds, strict=True))
        self._cloud.setVisible(counted)


def segments_of(latency: Latency) -> tuple[tuple[float, str], ...]:
    """The known parts of a mean as segments of a bar; one of a neutral colour where none is known."""
    parts = [(getattr(latency, name), token) for name, token in PARTS.items()]
    known = tuple((value, token) for value, token in parts if value is not None)
    return known if known else ((latency.mean or 0.0, "series1"),)


def _unfinished(shown: Shown) -> bool:
    evaluation, measures = shown
    return not evaluation.whole or measures.failed > 0


def _facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    head = evaluation.head
    return [
        ("Target", Target.parse(head.target).full_words),
        ("Folder", head.folder),
        ("Split", head.split),
        ("Begun", when(datetime.fromtimestamp(head.began, UTC))),
        ("Took", duration(evaluation.seconds) + (f", {len(evaluation.runs)} goes" if len(evaluation.runs) > 1 else "")),
        ("At once", str(head.at_once)),
    ]


def _told(evaluation: Evaluation) -> str:
    head = evaluation.head
    target, begun = Target.parse(head.target).full_words, when(datetime.fromtimestamp(head.began, UTC))
    return f"{target}, {head.split} of {head.folder}, begun {begun}, {head.at_once} at once"


def _ms(value: float | None) -> str:
    return DASH if value is None else milliseconds(value)


def _empty(layout: QGridLayout | QVBoxLayout) -> None:
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()
