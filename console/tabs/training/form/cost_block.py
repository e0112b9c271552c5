"""What a launch will cost, above its button: the expected sum, how it is made up, and the most it can be."""

from __future__ import annotations

from datetime import date

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from console.models.format import cost, count, day_month, dollars, percents
from console.widgets.base import ElidedLabel, label
from console.widgets.forms.lines import HintLine
from workers.prices.table import PriceTable
from workers.training.spot import SPOT_SAVING
from workers.tuning.features import features_limit
from workers.tuning.types import CostEstimate, TuningSpec
from workers.types import TrainingSpec

SECONDS_AN_HOUR = 3600


class CostBlock(QWidget):
    """``show_estimate`` for a form that is valid, ``show_nothing`` for one that is not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._compact = False
        self.total = label("–", "figure")
        self._work, self._hours = label("", "small", "text2"), label("", "small", "text2")
        self._instance, self._rate = ElidedLabel("", "small", "text2"), label("", "small", "text2")
        self._spot, self._saved = label("", "small", "text2"), label("", "small", "text2")
        self._most = ElidedLabel("", "small", "text3")
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

    def show_estimate(
        self, spec: TrainingSpec | TuningSpec, made: CostEstimate, prices: PriceTable, region: str, note: str
    ) -> None:
        """The sum for ``spec``; ``note`` says how sure it is."""
        price = prices.per_hour(spec.instance_type, "training", region)
        self._problem.say("")
        self.total.setText("–" if made.expected is None else cost(made.expected))
        if made.trial_seconds is None or made.features_seconds is None:
            self._work.setText(f"{count(made.jobs, 'job')}; how long is not known for this instance")
            self._hours.setText("")
        else:
            hours = (made.trial_seconds * made.jobs + made.features_seconds) * spec.instance_count / SECONDS_AN_HOUR
            each = f"{count(made.jobs, 'job')} × about {max(1, round(made.trial_seconds / 60))} min"
            if made.features_seconds:
                each += " + features"
            if spec.instance_count > 1:
                each += f" × {spec.instance_count} hosts"
            self._work.setText(each)
            self._hours.setText(f"{hours:.1f} h" if hours >= 0.05 else "under 0.1 h")
        self._instance.setText(f"{spec.instance_type}, price of {_day(prices.as_of)}")
        self._rate.setText("no list price" if price is None else f"{dollars(price, 3)} / h")
        self._say_spot(f"Spot, usually {percents(SPOT_SAVING)} less" if spec.spot else "", made.saved)
        self._most.setText("" if made.most is None else f"At most {dollars(made.most)}: {_limits(spec, made)}")
        tip = f"{note} {made.caption}".strip()
        for part in (self.total, self._work, self._rate):
            part.setToolTip(tip)

    def set_compact(self, compact: bool) -> None:
        """Only the sum and the most, where there is little height; the tool tips say the rest."""
        self._compact = compact
        for part in (self._work, self._hours, self._instance, self._rate):
            part.setVisible(not compact)
        for part in (self._spot, self._saved):
            part.setVisible(not compact and bool(self._spot.text()))

    def show_nothing(self, problem: str = "") -> None:
        """No figures, because of ``problem``."""
        self.total.setText("–")
        for part in (self._work, self._hours, self._instance, self._rate, self._most):
            part.setText("")
        self._say_spot("", None)
        self._problem.say(problem, "err")

    def _say_spot(self, words: str, saved: float | None) -> None:
        self._spot.setText(words)
        self._saved.setText(dollars(-saved) if words and saved and saved >= 0.005 else "")
        for part in (self._spot, self._saved):
            part.setVisible(bool(words) and not self._compact)


def _limits(spec: TrainingSpec | TuningSpec, made: CostEstimate) -> str:
    """``12 × 60 min + 4 h 00 min, no spot``: what the most is made of."""
    factors = [str(number) for number in (made.jobs, spec.instance_count) if number > 1]
    each = spec.max_runtime_seconds if isinstance(spec, TrainingSpec) else spec.trial_seconds
    limit = " × ".join([*factors, _minutes(each)])
    if isinstance(spec, TuningSpec) and made.features_seconds:
        limit += f" + {_minutes(features_limit(spec))}"
    return f"{limit}, no spot" if spec.spot else limit


def _minutes(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h" if hours > 1 and not minutes else f"{seconds // 60} min"


def _day(as_of: str) -> str:
    """``28 Sep`` of ``2026-09-28``, with the year when it is another one."""
    day = date.fromisoformat(as_of)
    return day_month(day, date.today())


def _line(left: QLabel, right: QLabel) -> QHBoxLayout:
    row = QHBoxLayout()
    elided = isinstance(left, ElidedLabel)
    row.addWidget(left, 1 if elided else 0)
    if not elided:
        row.addStretch(1)
    row.addWidget(right)
    return row
