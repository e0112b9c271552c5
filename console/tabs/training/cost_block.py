"""What a launch will cost, above its button: the expected sum, how it is made up, and the most it can be."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from console.models.base_format import count, dollars, duration
from console.widgets.base import label
from console.widgets.lines import HintLine
from workers.costs import PriceTable
from workers.training_spot import SPOT_SAVING
from workers.tuning_types import CostEstimate, TuningSpec

SECONDS_AN_HOUR = 3600


class CostBlock(QWidget):
    """``show_estimate`` for a form that is valid, ``show_nothing`` for one that is not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.total = label("–", "figure")
        self._work, self._hours = label("", "small", "text2"), label("", "small", "text2")
        self._instance, self._rate = label("", "small", "text2"), label("", "small", "text2")
        self._spot, self._saved = label("", "small", "text2"), label("", "small", "text2")
        self._most = label("", "small", "text3", wrap=True)
        self._problem = HintLine()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        line = QFrame()
        line.setProperty("panel", "line")
        column.addWidget(line)
        column.addSpacing(8)
        column.addLayout(_line(label("Estimated cost", "strong"), self.total))
        column.addLayout(_line(self._work, self._hours))
        column.addLayout(_line(self._instance, self._rate))
        column.addLayout(_line(self._spot, self._saved))
        column.addWidget(self._most)
        column.addWidget(self._problem)

    @property
    def words(self) -> str:
        """The figures in one line."""
        parts = [self._work.text(), f"{self._spot.text()} {self._saved.text()}".strip(), self._most.text()]
        return f"{self.total.text()}: {', '.join(part for part in parts if part)}"

    def show_estimate(self, spec: TuningSpec, made: CostEstimate, prices: PriceTable, region: str, note: str) -> None:
        """The sum for ``spec``; ``note`` says how sure it is."""
        price = prices.per_hour(spec.instance_type, "training", region)
        self._problem.say("")
        self.total.setText("–" if made.expected is None else dollars(made.expected))
        minutes = max(1, round(made.trial_seconds / 60))
        hours = (made.trial_seconds * made.jobs + made.features_seconds) * spec.instance_count / SECONDS_AN_HOUR
        each = f"{count(made.jobs, 'job')} × about {minutes} min"
        if made.features_seconds:
            each += " + features"
        if spec.instance_count > 1:
            each += f" × {spec.instance_count} hosts"
        self._work.setText(each)
        self._hours.setText(f"{hours:.1f} h" if hours >= 0.05 else "under 0.1 h")
        self._instance.setText(f"{spec.instance_type}, training")
        self._rate.setText("no list price" if price is None else f"{dollars(price, 3)} / h")
        self._say_spot(f"Spot, usually {SPOT_SAVING:.0%} less".replace("%", " %") if spec.spot else "", made.saved)
        most = ""
        if made.most is not None:
            limit = f"{made.jobs} × {duration(spec.trial_seconds)}"
            limit += " + features" if made.features_seconds else ""
            limit += f" × {spec.instance_count} hosts" if spec.instance_count > 1 else ""
            most = f"At most {dollars(made.most)}: {limit}{', no spot' if spec.spot else ''}. "
        self._most.setText(most + f"Prices of {prices.as_of}.")
        tip = f"{note} {made.caption}".strip()
        for part in (self.total, self._work, self._most):
            part.setToolTip(tip)

    def show_nothing(self, problem: str = "") -> None:
        """No figures, because of ``problem``."""
        self.total.setText("–")
        for part in (self._work, self._hours, self._instance, self._rate, self._most):
            part.setText("")
        self._say_spot("", None)
        self._problem.say(problem, "err")

    def _say_spot(self, words: str, saved: float | None) -> None:
        self._spot.setText(words)
        self._saved.setText(dollars(-saved) if words and saved else "")
        for part in (self._spot, self._saved):
            part.setVisible(bool(words))


def _line(left: QLabel, right: QLabel) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(left)
    row.addStretch(1)
    row.addWidget(right)
    return row
