"""The Replay page: a traffic curve, and what two plans make of it: instances, calls over capacity, dollars."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.chart import Series
from console.models.format import count, dollars, percents
from console.tabs.scaling.columns import Columns, line
from console.tabs.scaling.limits import add_limits, limits_in, set_limits
from console.tabs.scaling.sums import Sums
from console.widgets.base import label, on_theme
from console.widgets.charts.chart import LineChart
from console.widgets.charts.drawn_curve import DrawnCurve
from console.widgets.forms.buttons import Button, ButtonKind
from console.widgets.forms.fields import IntField, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.file_dialog import ask_for_file
from console.widgets.frames.page_scroll import PageScroll
from workers.scaling.curve import Curve, resized
from workers.scaling.replay import Outcome, Rules
from workers.scaling.types import VariantSettings

SIDES = ("a", "b")
LENGTHS = {"60": "1 h", "360": "6 h", "1440": "24 h"}
NAMES = {"a": "Plan A", "b": "Plan B"}
_TONES = {"a": "series1", "b": "series3"}
_AXIS = "00,000"
# Pixels: what is drawn with the mouse is higher than what follows from it.
_CURVE_HEIGHT, _SMALL_HEIGHT = 150, 110
# Calls a minute of an empty sheet, until a curve says otherwise.
_TOP = 600.0
# Pixels at which form and sums stand side by side.
_BESIDE = 560


class PlanSide(QWidget):
    """One of the two plans: its form, what comes of it, and its button. Signals: ``changed()``; ``applied()``."""

    changed = Signal()
    applied = Signal()

    def __init__(self, side: str, kind: ButtonKind, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.side = side
        self.form = Form()
        add_limits(self.form, "Target, a minute")
        self.sums = Sums()
        self.origin = label("", "small", "text2", wrap=True)
        self.apply_button = Button(f"Apply {NAMES[side]}…", kind, "check", on=self.applied.emit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for part in (label(NAMES[side], "section"), self.origin, self.sums, self.form, self.apply_button):
            column.addWidget(part)
        column.addStretch(1)
        self.form.changed.connect(self.changed)

    def set_settings(self, settings: VariantSettings, origin: str) -> None:
        """Put these into the fields; ``origin`` says where they are from."""
        self.origin.setText(origin)
        set_limits(self.form, settings)

    @property
    def settings(self) -> VariantSettings | None:
        """What the fields say; None while they say nothing that can be replayed."""
        return limits_in(self.form) if self.form.valid else None

    @property
    def rules(self) -> Rules | None:
        """The same as rules of the scaler, waits in minutes."""
        found = self.settings
        if found is None:
            return None
        return Rules(found.minimum, found.maximum, found.target, found.out_wait / 60, found.in_wait / 60)

    def show_outcome(self, found: Outcome | None) -> None:
        """What comes of it."""
        self.sums.set_rows(_sums(found) if found is not None else [])


class ReplayPage(QWidget):
    """Signals: ``changed()``: replay again; ``lastDayWanted()``; ``fileChosen(Path)``; ``applied(side)``."""

    changed = Signal()
    lastDayWanted = Signal()
    fileChosen = Signal(object)
    applied = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lengths = Segmented(list(LENGTHS.items()), "360", name="Length of the curve", small=True)
        self.day_button = Button("Last 24 h", "normal", "history", small=True, on=self.lastDayWanted.emit)
        self.file_button = Button("CSV…", "normal", "file", small=True, on=self._choose_file)
        self.said = HintLine()
        self.curve = DrawnCurve("Traffic, calls a minute", axis_sample=_AXIS)
        self.instances = LineChart(
            "Instances in service",
            y_format=_whole,
            tick_format=_whole,
            time_axis=True,
            live=False,
            axis_sample=_AXIS,
            whole=True,
        )
        self.over = LineChart(
            "Calls over capacity, a minute", y_format=_whole, time_axis=True, live=False, axis_sample=_AXIS
        )
        charts = (self.curve, self.instances, self.over)
        for chart in charts:
            for other in charts:
                if other is not chart:
                    chart.share_axis(other)
        self.common = Form()
        self.common.add_pair(
            ("top", "Highest drawn", IntField(round(_TOP), 1, 10_000_000, suffix="/min")),
            ("capacity", "An instance serves", NumberField(60.0, suffix="/min"), _check_capacity),
            ("start", "Instances at first", IntField(1, 1, 1000)),
        )
        self.sides = {"a": PlanSide("a", "normal"), "b": PlanSide("b", "primary")}
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(line(self.lengths, self.day_button, self.file_button))
        column.addWidget(self.said)
        for chart in charts:
            column.addWidget(chart)
        column.addWidget(self.common)
        self._both = Columns(_BESIDE, 24)
        for side in SIDES:
            self._both.addWidget(self.sides[side], 1)
        column.addLayout(self._both)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PageScroll(page, name="Replay"))
        self.lengths.changed.connect(self._resize)
        self.curve.drawn.connect(self._drawn)
        self.common.row("top").edited.connect(self._rescale)
        for key in ("capacity", "start"):
            self.common.row(key).edited.connect(self.changed)
        for side, part in self.sides.items():
            part.changed.connect(self.changed)
            part.applied.connect(lambda side=side: self.applied.emit(side))
        self._dress()
        on_theme(self, self._dress)
        self.forget()

    def _dress(self) -> None:
        self.curve.setFixedHeight(theme().pixels(_CURVE_HEIGHT))
        for chart in (self.instances, self.over):
            chart.setFixedHeight(theme().pixels(_SMALL_HEIGHT))
        self._both.fit(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside each other where there is room, else below."""
        super().resizeEvent(event)
        self._both.fit(self.width())

    def forget(self) -> None:
        """Begin with an empty curve and no result."""
        self.set_curve(Curve((0.0,) * int(self.lengths.current)), "")
        self.forget_plans()

    def forget_plans(self) -> None:
        """Keep the curve, and forget what was compared for another variant."""
        for side in SIDES:
            self.sides[side].show_outcome(None)
            self.sides[side].origin.setText("")
        self.show_outcomes({})

    def say(self, words: str, tone: str = "neutral") -> None:
        """Where the curve is from, or how to make one."""
        words = words or "Draw with the mouse, or with the arrow keys; or take a file, or what CloudWatch has measured."
        self.said.say(words, tone)  # type: ignore[arg-type]

    # The curve

    def set_curve(self, curve: Curve, words: str) -> None:
        """Show another curve; ``words`` say where it is from."""
        midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        begin = curve.begin if curve.begin is not None else midnight.timestamp()
        top = max(max(curve.calls, default=0.0) * 1.25, _TOP if not any(curve.calls) else 1.0)
        self.common.row("top").set_value(round(top))
        self.curve.set_curve(begin, curve.calls, round(top))
        self.say(words)
        self.changed.emit()

    def _drawn(self) -> None:
        self.say("Drawn.")
        self.changed.emit()

    def _resize(self, minutes: str) -> None:
        self.curve.set_curve(self.curve.begin, resized(self.curve.values, int(minutes)), self.curve.top)
        self.changed.emit()

    def _rescale(self) -> None:
        top = float(self.common.value("top"))
        values = self.curve.values
        self.curve.set_curve(self.curve.begin, [min(top, value) for value in values], top)
        if any(value > top for value in values):
            self.changed.emit()

    def _choose_file(self) -> None:
        ask_for_file(self, "Calls of each minute", self._file_chosen, "Tables (*.csv *.tsv *.txt);;All files (*)")

    def _file_chosen(self, path: Path) -> None:
        self.fileChosen.emit(path)

    @property
    def capacity(self) -> float | None:
        """Calls a minute that one instance serves; None: not a number above 0."""
        value = self.common.value("capacity")
        return value if value is not None and value > 0 else None

    @property
    def start(self) -> int:
        """Instances at the beginning."""
        return int(self.common.value("start"))

    # The results

    def show_outcomes(self, found: dict[str, Outcome]) -> None:
        """Both plans over one axis of time."""
        begin, end = self.curve.begin, self.curve.begin + max(1, len(self.curve.values) - 1) * 60
        instances, over = [], []
        capacity = self.capacity or 0.0
        for side, outcome in found.items():
            xs = [begin + at * 60 for at in range(len(outcome.minutes))]
            quiet = (3.0, 2.0) if side == "b" else ()
            name, tone = NAMES[side], _TONES[side]
            instances.append(
                Series(name, xs, [minute.instances for minute in outcome.minutes], tone, step=True, dash=quiet)
            )
            over.append(Series(name, xs, [minute.over(capacity) for minute in outcome.minutes], tone, dash=quiet))
        for side in SIDES:
            self.sides[side].show_outcome(found.get(side))
        for chart, series in ((self.instances, instances), (self.over, over)):
            chart.set_x_range(begin, end)
            chart.set_placeholder("Draw a curve")
            chart.set_series(series)


def _sums(found: Outcome) -> list[tuple[str, str, str]]:
    share = found.over / found.calls if found.calls else 0.0
    over = "none" if not found.over else f"{found.over:,.0f}"
    rows = [
        ("Over capacity", f"{percents(share)} of {found.calls:,.0f}" if found.over else "", over),
        ("Most instances", count(found.changes, "change"), str(found.most)),
    ]
    if found.cost is None or found.month is None:
        rows.append(("Cost", f"{found.hours:,.1f} instance hours, no list price known", "–"))
    else:
        rows.append(("This curve", f"{found.hours:,.1f} instance hours", dollars(found.cost)))
        rows.append(("Always so", "a month", dollars(found.month)))
    return rows


def _check_capacity(value: float | None) -> str | None:
    return None if value is not None and value > 0 else "It must be above 0."


def _whole(value: float) -> str:
    return f"{value:,.0f}"
