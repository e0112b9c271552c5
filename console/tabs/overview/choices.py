"""The dialogs in which the operator chooses what is idle, and what a month may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from console.models.format import dollars
from console.widgets.base import label, screen_area
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.switch import Switch
from console.widgets.frames.dialog import Dialog, FormDialog
from console.widgets.frames.scroll_area import ScrollArea
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.types import Budget, CostFigures, IdleRule

# The dialog's head and buttons need the other third.
_MOST_OF_SCREEN = 0.65
# Pixels of a scroll bar.
_BAR = 10


class RulesDialog(Dialog):
    """Each rule on or off, with its threshold; ``rules()`` after it was accepted."""

    def __init__(self, rules: Sequence[IdleRule], parent: QWidget | None = None) -> None:
        super().__init__(
            "What is idle",
            "A rule that is off looks for nothing. Rules with a $ read metrics, which AWS bills; at most every 5 min.",
            width=560,
            parent=parent,
        )
        self._rules = tuple(rules)
        self.switches: dict[str, Switch] = {}
        self.fields: dict[str, NumberField] = {}
        self.sentences: dict[str, QLabel] = {}
        listed = QWidget()
        grid = self._grid = QGridLayout(listed)
        grid.setContentsMargins(6, 4, 6, 4)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        for at, rule in enumerate(self._rules):
            switch = Switch(rule.title + (" ($)" if rule.needs_metrics else ""), rule.on)
            self.switches[rule.id] = switch
            grid.addWidget(switch, 2 * at, 0, Qt.AlignmentFlag.AlignLeft)
            if rule.most > rule.least:
                field = NumberField(rule.value, suffix=rule.unit, chars=10)
                field.setAccessibleName(f"{rule.title}: {rule.unit}")
                field.edited.connect(self._check)
                self.fields[rule.id] = field
                grid.addWidget(field, 2 * at, 1)
            sentence = self.sentences[rule.id] = label(rule.sentence, "small", "text2", wrap=True)
            sentence.setContentsMargins(0, 0, 0, 10)
            grid.addWidget(sentence, 2 * at + 1, 0, 1, 2)
        # In a low screen the rules scroll, and the buttons stay in sight.
        self._scroll = ScrollArea("Rules")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(listed)
        self.body.addWidget(self._scroll)
        self.problem = label("", "small", "err", wrap=True)
        self.problem.hide()
        self.body.addWidget(self.problem)
        self.defaults_button = Button("Defaults", "ghost", on=self._reset)
        self.ok_button = Button("Use these rules", "primary", on=self.accept)
        self.ok_button.setDefault(True)
        self.buttons.addWidget(self.defaults_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(Button("Cancel", on=self.reject))
        self.buttons.addWidget(self.ok_button)

    def _fit(self) -> None:
        layout = self.layout()
        if layout is not None:
            margins = layout.contentsMargins()
            needed = self._grid.heightForWidth(self.width() - margins.left() - margins.right() - _BAR)
            most = round(screen_area(self).height() * _MOST_OF_SCREEN)
            self._scroll.setFixedHeight(min(needed, most))
        super()._fit()

    def rules(self) -> tuple[IdleRule, ...]:
        """The rules as they were chosen."""
        return tuple(
            replace(rule, value=self._value(rule), on=self.switches[rule.id].isChecked()) for rule in self._rules
        )

    def _value(self, rule: IdleRule) -> float:
        field = self.fields.get(rule.id)
        value = field.value() if field is not None else None
        return rule.value if value is None else value

    def _problem(self) -> str:
        for rule in self._rules:
            field = self.fields.get(rule.id)
            value = field.value() if field is not None else rule.value
            if value is None or not rule.least <= value <= rule.most:
                return f"{rule.title}: a number from {rule.least:g} to {rule.most:g}."
        return ""

    def _check(self) -> None:
        for rule in self.rules():
            self.sentences[rule.id].setText(rule.sentence)
        words = self._problem()
        self.problem.setText(words)
        self.problem.setVisible(bool(words))
        self.ok_button.hinder(words)

    def _reset(self) -> None:
        for rule in DEFAULT_RULES:
            self.switches[rule.id].setChecked(rule.on)
            if rule.id in self.fields:
                self.fields[rule.id].set_value(rule.value)
        self._check()


class BudgetDialog(FormDialog):
    """What a month may cost; ``budget()`` after it was accepted, ``None`` for no budget."""

    def __init__(self, budget: Budget | None, figures: CostFigures | None, parent: QWidget | None = None) -> None:
        form = Form()
        month = figures.month if figures is not None else None
        suggested = max(10.0, round((figures.month_end or month or 0.0) if figures is not None else 0.0, -1))
        note = f"This month so far: {dollars(month)}." if month is not None else ""
        self._dollars = form.add(
            "dollars",
            "Budget of a month",
            NumberField(budget.dollars if budget is not None else suggested, suffix="US dollars"),
            check=_check_dollars,
            note=note,
        )
        super().__init__(
            "Budget",
            form,
            ok="Set budget",
            text="SageDeck warns at 80 %, by its own list prices. AWS goes on: this is no limit at AWS.",
            parent=parent,
        )
        self.stop = Switch("Stop what is idle at 100 %", budget.stop_idle if budget is not None else False)
        self.foot.addWidget(self.stop)
        words = (
            "Parks endpoints and stops instances and notebooks that the rules call idle; deletes nothing. Only while"
        )
        self.foot.addWidget(label(f"{words} this window is open, every 10 min.", "small", "text2", wrap=True))
        self.none_button = Button("No budget", "ghost", on=self._take_away)
        self.none_button.setVisible(budget is not None)
        self.buttons.insertWidget(0, self.none_button)
        self._none = False

    def budget(self) -> Budget | None:
        """What was chosen."""
        if self._none:
            return None
        return Budget(float(self.form.value("dollars")), self.stop.isChecked())

    def _take_away(self) -> None:
        self._none = True
        self.accept()


def _check_dollars(value: float | None) -> str | None:
    return None if value is not None and 0 < value < 1e9 else "A sum above 0, for example 100."
