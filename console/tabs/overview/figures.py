"""The four figures on top: now, today, this month, the month's end at this pace; a line below each says more."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.models.columns import DASH
from console.models.format import cost, count, day_month
from console.widgets.base import ElidedLabel, label, set_tone
from workers.inventory.types import BudgetState, CostFigures

# Figures that are older say of when they are.
FRESH = timedelta(minutes=3)
_READING = "reading…"


class Figure(QWidget):
    """A title, a large figure with its unit, and a caption."""

    def __init__(self, title: str, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = label(title, "small", "text2")
        self._figure = label(DASH, "figure")
        self._unit = label(unit, "small", "text2")
        self._unit.hide()
        self.caption = ElidedLabel(_READING, "small", "text2")
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self._figure, 0, Qt.AlignmentFlag.AlignBaseline)
        line.addWidget(self._unit, 0, Qt.AlignmentFlag.AlignBaseline)
        line.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._title)
        column.addLayout(line)
        column.addWidget(self.caption)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_title(self, title: str) -> None:
        """Name it."""
        self._title.setText(title)

    def show_figure(
        self, dollars: float | None, caption: str, tone: str = "text2", tip: str = "", *, projected: bool = False
    ) -> None:
        """A dash for what is not known; what is ``projected`` pretends to no cents."""
        text = DASH if dollars is None else cost(dollars, _cents(dollars) if projected else 2)
        self._figure.setText(text)
        self._unit.setVisible(dollars is not None and bool(self._unit.text()))
        self.caption.setText(caption)
        set_tone(self.caption, tone)
        self.setToolTip(tip)
        unit = f" {self._unit.text()}" if self._unit.isVisibleTo(self) else ""
        self.setAccessibleName(f"{self._title.text()}: {text}{unit}, {caption}")

    @property
    def text(self) -> str:
        """The figure as it is shown."""
        return self._figure.text()


class Figures(QWidget):
    """See the module's text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.now = Figure("Running now", "per hour")
        self.today = Figure("Today")
        self.month = Figure("This month")
        self.end = Figure("Month end, at this pace")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        for at, figure in enumerate((self.now, self.today, self.month, self.end)):
            grid.addWidget(figure, 0, at)
            grid.setColumnStretch(at, 1)

    def set_pretended(self, pretended: bool) -> None:
        """The sandbox bills nobody: it says what the same would cost."""
        self.now.set_title("Would cost" if pretended else "Running now")

    def forget(self) -> None:
        """Nothing is known."""
        for figure in (self.now, self.today, self.month, self.end):
            figure.show_figure(None, _READING)

    def set_error(self, words: str) -> None:
        """Nothing could be read, and nothing is known from before."""
        for figure in (self.now, self.today, self.month, self.end):
            figure.show_figure(None, words, "warn")

    def show_figures(self, found: CostFigures, idle: int, budget: BudgetState | None = None) -> None:
        """Show what was reckoned; ``idle`` things are what ``found.without_idle`` leaves out."""
        missing = "\n".join(found.missing)
        old = datetime.now(found.as_of.tzinfo) - found.as_of > FRESH
        aged = f"as of {found.as_of.astimezone():%H:%M}"
        least = "at least, some is not known" if missing else ""
        now = count(found.billing, "resource") + " billing" if found.now is not None else "not known"
        self.now.show_figure(found.now, aged if old else now, "warn" if old else "text2", missing)
        by_then = f"{cost(found.yesterday)} by now yesterday" if found.yesterday is not None else ""
        self._show(self.today, found.today, by_then or least or "since midnight UTC", missing)
        first = found.as_of.replace(day=1)
        self._show(self.month, found.month, least or f"since {day_month(first.date(), found.as_of.date())}", missing)
        caption, tone = "", "text2"
        if budget is not None and budget.level in ("warning", "over"):
            caption, tone = budget.words, "warn" if budget.level == "warning" else "err"
        elif found.without_idle is not None and idle and found.month_end is not None:
            without, with_it = (cost(sum_, _cents(sum_)) for sum_ in (found.without_idle, found.month_end))
            # Logs that are kept for ever cost next to nothing: the same figure twice says nothing.
            if without != with_it:
                caption, tone = f"{without} without what is idle", "warn"
        self._show(self.end, found.month_end, caption or (budget.words if budget is not None else ""), missing, tone)

    def _show(self, figure: Figure, dollars: float | None, caption: str, tip: str, tone: str = "text2") -> None:
        words = caption if dollars is not None else "not known yet"
        figure.show_figure(dollars, words, tone, tip, projected=figure is self.end)


def _cents(dollars: float) -> int:
    return 0 if dollars >= 100 else 2
