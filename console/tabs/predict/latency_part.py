"""How long the answers took: the median of each endpoint as a bar, and how all answers spread.

The times are those of the whole request as the window sees it. InvokeEndpoint does not say how long the model took; a
function says how long it ran, and a model on this computer how long it took.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.cards import LETTERS
from console.models.chart import Series
from console.models.format import count, milliseconds
from console.tabs.predict.score import BINS, PART_WORDS, PARTS, Score, bins
from console.widgets.base import ElidedLabel, label
from console.widgets.charts.chart import LineChart
from console.widgets.charts.sparkline import StackedBar
from console.widgets.forms.lines import Legend
from console.widgets.tables.letter_chip import LetterChip, series_of

# Pixels.
_CHART_HEIGHT = 130
_NO_ANSWERS = "No answers yet"
_ONE_ANSWER = "One answer has no spread"
_OTHER_TIMES = "They were asked at different times; “Run again” asks them in turns"
# Room right of the slowest call, so that its bar and name are not at the edge.
_BEYOND_SLOW = 1.3


class LatencyPart(QWidget):
    """``words`` is for the head of its section: the medians, and what 95 % of the answers stay under."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = ElidedLabel("", "small", "text2")
        self._rows = [_Row(letter) for letter in LETTERS]
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for at, row in enumerate(self._rows):
            for place, part in enumerate((row.chip, row.bar, row.median)):
                grid.addWidget(part, at, place)
        self._chart = LineChart(
            "", x_format=milliseconds, y_format=lambda v: f"{v:.0f}", tick_format=_whole, live=False
        )
        self._chart.set_placeholder(_NO_ANSWERS)
        self._chart.setAccessibleName("How the latencies spread")
        self._chart.setFixedHeight(theme().pixels(_CHART_HEIGHT))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._legend = Legend()
        column.addWidget(self._legend)
        column.addLayout(grid)
        self._note = label("", "small", "text3", wrap=True)
        column.addWidget(self._note)
        column.addWidget(self._chart)

    def show_scores(self, scores: Sequence[Score]) -> None:
        """Show the latencies of each endpoint in ``scores``."""
        known = [(letter, result) for letter, result in zip(LETTERS, scores, strict=False) if result.latencies]
        slowest = max((result.slow_ms or 0.0 for _, result in known), default=0.0)
        compared = len(scores) > 1
        for row in self._rows:
            result = dict(known).get(row.letter)
            row.show(result if compared or (result is not None and result.parts) else None, slowest, chip=compared)
        self.words.setText(_words([result for _, result in known]))
        apart = compared and not known and all(result.answered for result in scores)
        some = len(known[0][1].latencies) if compared and known else 0
        fewer = 0 < some < scores[0].asked
        together = "both" if len(scores) == 2 else "all"
        both = f"of the {count(some, 'picture')} that {together} answered in one run"
        used = {name for _, result in known for name, _ in result.parts}
        self._legend.set_entries([(PART_WORDS[name], token) for name, token in PARTS.items() if name in used])
        self._legend.setVisible(bool(used))
        self._note.setText(_OTHER_TIMES if apart else both if fewer else "")
        self._note.setVisible(apart or fewer)
        self._chart.setVisible(not apart)
        alone = max((len(result.latencies) for _, result in known), default=0) < 2
        self._chart.set_placeholder(_ONE_ANSWER if known else _NO_ANSWERS)
        if alone:
            self._chart.set_series([])
            return
        low = min(result.latencies[0] for _, result in known)
        high = max(slowest * _BEYOND_SLOW, low + 1)
        step = (high - low) / BINS
        xs = [low + step * at for at in range(BINS)]
        self._chart.set_x_range(low, high)
        self._chart.set_series(
            [
                Series("", xs, bins(result.latencies, low, high), tone=series_of(letter), step=True, fill=True)
                for letter, result in known
            ]
        )


class _Row:
    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.chip = LetterChip(letter)
        self.bar = StackedBar()
        self.median: QLabel = label("", "name")

    def show(self, result: Score | None, whole: float, *, chip: bool) -> None:
        for part in (self.chip, self.bar, self.median):
            part.setVisible(result is not None)
        self.chip.setVisible(result is not None and chip)
        if result is None:
            return
        parts = tuple((value, PARTS[name]) for name, value in result.parts)
        self.bar.set_segments(parts or ((result.median_ms or 0.0, series_of(self.letter)),), whole)
        self.median.setText(milliseconds(result.median_ms or 0.0))
        self.bar.setAccessibleName(f"Median of {self.letter}: {self.median.text()}")


def _words(known: Sequence[Score]) -> str:
    slow = " and ".join(milliseconds(result.slow_ms or 0.0) for result in known)
    if slow.count(" ms") == len(known):
        slow = slow.replace(" ms", "", len(known) - 1)
    if not known:
        return ""
    if len(known) > 1:
        return f"95 % under {slow}"
    return f"median {milliseconds(known[0].median_ms or 0.0)}, 95 % under {slow}"


def _whole(pictures: float) -> str:
    """No half pictures on the axis."""
    return f"{pictures:.0f}" if pictures == int(pictures) else ""
