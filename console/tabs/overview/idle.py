"""What bills for nothing: each finding with what it costs a month and the one button that ends it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.format import cost
from console.tabs.overview.commands import VERBS, Settle
from console.tabs.overview.part import Part
from console.tabs.overview.rows import ICONS
from console.widgets.base import ElidedLabel, label, on_theme
from console.widgets.forms.buttons import Button
from console.widgets.forms.focus import give
from console.widgets.forms.lines import IconLabel
from workers.inventory.types import KINDS, IdleFinding, IdleReport, IdleRule, Inventory, Kind

# More lines than these would push what is unsafe out of sight; the inventory has all.
MOST = 6
# From so many of one rule on they are one line with one button.
TOGETHER = 2
# A button that is wider than this is not worth room from the names of all lines.
_WIDEST = 92
_DANGEROUS = ("delete", "release")


class IdleLine(QWidget):
    """One finding, or several of one rule, with the saving and the button."""

    def __init__(self, findings: Sequence[IdleFinding], rule: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.findings = tuple(findings)
        first = self.findings[0]
        many = len(self.findings) > 1
        kind = KINDS[first.resource.kind]
        name = f"{len(self.findings):,} {kind.many.lower()}" if many else first.resource.name
        saves = [finding.per_month for finding in self.findings if finding.per_month is not None]
        money = cost(sum(saves), 0 if sum(saves) >= 10 else 2) if saves else "–"
        title = ElidedLabel(name, "strong", middle=True)
        why = ElidedLabel(first.reason if not many else "", "small", "text2")
        if many:
            why.setText(first.reason)
        self.setToolTip(f"{name}: {first.reason}\n{rule}".strip())
        kind_of_button = "dangerText" if first.action in _DANGEROUS else "normal"
        self.button = Button(f"{VERBS[first.action]}…", kind_of_button, small=True)  # type: ignore[arg-type]
        self.button.setAccessibleName(f"{VERBS[first.action]} {name}")
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(title)
        words.addWidget(why)
        figures = QVBoxLayout()
        figures.setSpacing(0)
        figures.addWidget(label(money, "strong"), 0, Qt.AlignmentFlag.AlignRight)
        figures.addWidget(label("a month" if saves else "", "small", "text2"), 0, Qt.AlignmentFlag.AlignRight)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(IconLabel(ICONS[first.resource.kind], "text3"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addLayout(figures)
        row.addWidget(self.button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{name}, {first.reason}, {money} a month")


class IdlePart(Part):
    """Signals: ``allWanted()``: show all of them in the inventory; ``rulesWanted()``: change the rules."""

    title = "Idle, still billing"
    allWanted = Signal()
    rulesWanted = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(ctx, parent)
        self.report: IdleReport | None = None
        self.lines: list[IdleLine] = []
        self._rules: dict[str, IdleRule] = {}
        self._shown: tuple[object, ...] = ()
        self._unread: frozenset[Kind] = frozenset()
        self._sum = label("", "section", "warn")
        self._of = label("a month", "small", "text2")
        for part in (self._sum, self._of):
            self.tail.addWidget(part)
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        self.body.addLayout(self._list)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        self.all_button = Button("", "link", small=True, on=self.allWanted.emit)
        self.rules_button = Button("Rules…", "link", small=True, on=self.rulesWanted.emit)
        foot.addWidget(self.all_button)
        foot.addStretch(1)
        foot.addWidget(self.rules_button)
        self.body.addLayout(foot)
        ctx.readOnlyChanged.connect(lambda _: self._update())
        on_theme(self, self._align)
        self.forget()

    @property
    def findings(self) -> int:
        """How many there are."""
        return len(self.report.findings) if self.report is not None else 0

    def forget(self) -> None:
        """Nothing is known."""
        self.report, self._shown = None, ()
        self._clear()
        self._sum.hide()
        self._of.hide()
        self.all_button.hide()
        self.clear_error()
        self.set_loading("Looking for what is idle…")

    def show_report(self, report: IdleReport, rules: Sequence[IdleRule]) -> None:
        """Show what these rules found."""
        self.clear_error()
        self._rules = {rule.id: rule for rule in rules}
        shown = (report, tuple(rules))
        self.report = report
        unknown = " ".join(report.unknown)
        if report.findings:
            self.say(unknown)
        else:
            self.say(unknown or self._nothing(rules))
        saved = report.per_month
        self._sum.setText(cost(saved, 0 if saved >= 10 else 2))
        for part in (self._sum, self._of):
            part.setVisible(bool(saved))
        if shown != self._shown:
            self._shown = shown
            self._fill(report)
        self._update()

    def show_inventory(self, found: Inventory) -> None:
        """Know what could not be read: nothing is said of that."""
        self._unread = frozenset(kind.kind for kind in found.unread)

    def _nothing(self, rules: Sequence[IdleRule]) -> str:
        kinds = {rule.kind for rule in rules if rule.on}
        if not kinds:
            return "No rule is on: nothing is looked for."
        if kinds <= self._unread:
            return "What is idle is not known: nothing that could be was read."
        return "Nothing is idle, of what could be read." if kinds & self._unread else "Nothing is idle."

    def _fill(self, report: IdleReport) -> None:
        groups = grouped(report.findings)
        had = next((line.findings[0].key for line in self.lines if line.button.hasFocus()), None)
        self._clear()
        for group in groups[:MOST]:
            rule = self._rules.get(group[0].rule)
            line = IdleLine(group, rule.sentence if rule is not None else "")
            line.button.clicked.connect(lambda _=False, line=line: self.settle(line.findings))
            self._list.addWidget(line)
            self.lines.append(line)
            if had == group[0].key:
                give(line.button)
        self._align()
        number = len(report.findings)
        shown = sum(len(line.findings) for line in self.lines)
        self.all_button.setText(f"All {number:,} in the inventory")
        self.all_button.setVisible(number > shown)

    def _align(self) -> None:
        """All buttons are as wide as the widest, so that the sums stand in one column."""
        wanted = [line.button.sizeHint().width() for line in self.lines]
        widest = max((width for width in wanted if width <= theme().pixels(_WIDEST)), default=0)
        for line, width in zip(self.lines, wanted, strict=True):
            line.button.setFixedWidth(max(width, widest))

    def _clear(self) -> None:
        for line in self.lines:
            self._list.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.lines = []

    def _update(self) -> None:
        for line in self.lines:
            line.button.hinder(self.ctx.hindrance)

    def settle(self, findings: Sequence[IdleFinding]) -> None:
        """Ask, then do what the findings offer."""
        self.ctx.start(Settle(findings, tuple(self._rules.values())))


def grouped(findings: Sequence[IdleFinding]) -> list[tuple[IdleFinding, ...]]:
    """The most expensive first; many of one rule with the same action that cost next to nothing are one."""
    by_rule: dict[tuple[str, str], list[IdleFinding]] = {}
    for finding in findings:
        by_rule.setdefault((finding.rule, finding.action), []).append(finding)
    groups: list[tuple[IdleFinding, ...]] = []
    for found in by_rule.values():
        together = len(found) >= TOGETHER and found[0].action == "set_retention"
        groups += [tuple(found)] if together else [(finding,) for finding in found]
    return sorted(groups, key=lambda group: -sum(finding.per_month or 0.0 for finding in group))
