"""What is unsafe, in short: the worst checks with one button each; and the look that finds it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.context import READ_ONLY, AppContext
from console.models.format import count
from console.tabs.overview.part import Part
from console.tabs.overview.security.commands import Secure
from console.tabs.overview.security.review import ReviewDialog
from console.tabs.overview.security.role_dialog import RoleDialog
from console.tabs.overview.security.rows import AREAS_OF, SEVERITY_STATES, called_together, grouped, verb
from console.widgets.base import ElidedLabel, label
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import IconLabel
from workers.errors.tree import SageDeckError
from workers.inventory.types import Inventory
from workers.security.types import Finding, Report

if TYPE_CHECKING:
    from workers.services import Services

# More lines would push the events out of sight; "Review all" has the rest.
MOST = 4
# A look asks some requests of every bucket, function and model: it is not repeated at every refresh.
LOOK_SECONDS = 1800.0
# What was found longer ago is said with its time.
OLD_SECONDS = 300.0
_KEY, _USE_KEY = "overview:security", "overview:role use"


class FindingLine(QWidget):
    """The findings of one check: how bad, what, of which resource, and the button that ends it."""

    def __init__(self, findings: Sequence[Finding], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.findings = tuple(findings)
        first = self.findings[0]
        state = SEVERITY_STATES[first.severity]
        names = called_together(self.findings)
        self.button = Button(verb(first) if len(self.findings) == 1 else "Review…", "link", small=True)
        self.button.setAccessibleName(f"{self.button.text()} {first.title}, {names}")
        where = QHBoxLayout()
        where.setSpacing(6)
        where.addWidget(label(state.word, "label", state.text_token))
        where.addWidget(ElidedLabel(names, "small", "text2", middle=True), 1)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(ElidedLabel(first.title, "strong"))
        words.addLayout(where)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(IconLabel(state.icon_name, state.token), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(self.button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setToolTip(first.reason if len(self.findings) == 1 else "")
        self.setAccessibleName(f"{state.word}: {first.title}, {names}")


class SecurityPart(Part):
    """The worst checks; the lists of all of them are opened, and kept up to date, by it."""

    title = "Security"

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(ctx, parent)
        self.report: Report | None = None
        self.lines: list[FindingLine] = []
        self._looked = 0.0
        # The areas that are to be looked at: all of them while it is empty, none while it is None.
        self._wanted: set[str] | None = None
        # What was made since the last look at everything, and was looked at then.
        self._met: set[tuple[str, str]] = set()
        self._dialogs: list[ReviewDialog | RoleDialog] = []
        self.review_button = self.add_link("Review all", self._review_all)
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        self.body.addLayout(self._list)
        self.unchecked_button = Button("", "link", small=True, on=self._review_unchecked)
        self.body.addWidget(self.unchecked_button)
        ctx.readOnlyChanged.connect(lambda _: self._update())
        self.forget()

    @property
    def findings(self) -> int:
        """How many there are."""
        return len(self.report.findings) if self.report is not None else 0

    @property
    def looking(self) -> bool:
        """True while a look is under way."""
        return self.ctx.tasks.running(_KEY)

    def forget(self) -> None:
        """The account was left: its findings, and the dialogs that show them, go."""
        self.report, self._looked, self._wanted = None, 0.0, None
        self._met.clear()
        for dialog in self._dialogs:
            dialog.reject()
        self._dialogs = []
        self._clear()
        self.note.setText("")
        self.unchecked_button.hide()
        self.clear_error()
        self.set_loading("Looking for what is unsafe…")

    # Looking

    def refresh(self) -> None:
        """Look, if it was long ago or something has changed since."""
        if self.report is None or time.monotonic() - self._looked > LOOK_SECONDS:
            self.look()
        elif self._wanted:
            self.look(sorted(self._wanted))
        self._count()

    def look(self, areas: Sequence[str] = ()) -> None:
        """Look at everything, or at some areas; what is asked for meanwhile is looked at afterwards."""
        whole = not areas or self.report is None or self._wanted == set()
        self._wanted = set() if whole else (self._wanted or set()) | set(areas)
        if not self.looking:
            self.ctx.with_services(self._look, label="Look for what is unsafe", key=_KEY, on_error=self._failed)

    async def _look(self, services: Services) -> None:
        while self._wanted is not None:
            areas, self._wanted = sorted(self._wanted), None
            newer = await services.security.look(areas, self._progress)
            whole = not areas or self.report is None
            if whole:
                self._looked = time.monotonic()
                self._met.clear()
            self.show_report(newer if self.report is None or whole else self.report.renewed(newer, areas))
        self._end_look()

    def _progress(self, done: int, of: int) -> None:
        if self.report is None:
            self.say(f"Looking for what is unsafe: {done} of {of} areas…")

    def _failed(self, error: BaseException) -> None:
        self._wanted = None
        fix = self.ctx.notify.fix(error) if isinstance(error, SageDeckError) else None
        self.set_error(error, fix or ("Try again", self._look_again))
        self._end_look()

    def _end_look(self) -> None:
        for dialog in self._reviews():
            dialog.end_look()

    def _reviews(self) -> list[ReviewDialog]:
        """The lists that are open. Called, not connected: they come and go, and the section stays."""
        return [dialog for dialog in self._dialogs if isinstance(dialog, ReviewDialog)]

    def _look_again(self) -> None:
        self.set_loading("Looking for what is unsafe…")
        self.look()

    def resource_changed(self, kind: str, name: str) -> None:
        """Look again at what a command changed."""
        self._want(AREAS_OF.get(kind, ()))

    def show_inventory(self, found: Inventory) -> None:
        """Look again at the kinds of which something was made since the look, by whomever."""
        if self.report is None:
            return
        off, at = timedelta(seconds=found.clock_off), self.report.at
        later = [row for row in found.resources if row.created is not None and row.created - off > at]
        new = [row for row in later if row.kind in AREAS_OF and row.key not in self._met]
        self._met.update(row.key for row in new)
        self._want(sorted({area for row in new for area in AREAS_OF[row.kind]}))

    def _want(self, areas: Sequence[str]) -> None:
        if not areas or self.report is None:
            return
        if self.active:
            self.look(areas)
        else:
            self._wanted = (self._wanted or set()) | set(areas)

    # Showing

    def show_report(self, report: Report) -> None:
        """Show what a look found; lines that are as they were keep the keyboard."""
        self.report = report
        self.clear_error()
        number = len(report.findings)
        self._count()
        missing = len({entry.check for entry in report.not_checked})
        self.say("" if number else ("Nothing was found by what could be checked." if missing else "Nothing was found."))
        self.unchecked_button.setText(f"{count(missing, 'check')} could not be made for all")
        self.unchecked_button.setVisible(bool(missing))
        groups = grouped(report)[:MOST]
        if [line.findings for line in self.lines] != groups:
            self._fill(groups)
        self._update()
        for dialog in self._reviews():
            dialog.show_account(report)

    def _count(self) -> None:
        """How many there are, and when that was so, if it is a while ago."""
        report = self.report
        if report is None:
            return
        old = (datetime.now(UTC) - report.at).total_seconds() > OLD_SECONDS
        number = count(len(report.findings), "finding") if report.findings else ""
        whole, part = f"{report.at.astimezone():%H:%M}", ""
        if report.renewed_at is not None:
            part = f"{report.renewed_at.astimezone():%H:%M}"
        as_of = (f"as of {whole} to {part}" if part not in ("", whole) else f"as of {whole}") if old else ""
        self.note.setText(", ".join(words for words in (number, as_of) if words))
        told = f"Everything was looked at at {whole}; what has changed since, at {part}." if " to " in as_of else ""
        self.note.setToolTip(told)

    def _fill(self, groups: Sequence[tuple[Finding, ...]]) -> None:
        had = next((line.findings[0].check for line in self.lines if line.button.hasFocus()), None)
        self._clear()
        for group in groups:
            line = FindingLine(group)
            line.button.clicked.connect(lambda _=False, group=group: self.act(group))
            self._list.addWidget(line)
            self.lines.append(line)
            if had == group[0].check:
                line.button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _clear(self) -> None:
        for line in self.lines:
            self._list.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.lines = []

    def _update(self) -> None:
        """What changes the account is off while it may only be read; to look at it is not."""
        for line in self.lines:
            changes = len(line.findings) == 1 and (line.findings[0].change is not None or line.findings[0].narrows)
            line.button.hinder(READ_ONLY if changes and self.ctx.read_only else "")
        for dialog in self._reviews():
            dialog.read_only_changed()

    # What can be done

    def act(self, findings: Sequence[Finding]) -> None:
        """What the button of a line does: ask and fix, narrow a role, or show all that is known."""
        first = findings[0]
        if len(findings) > 1:
            self.review(check=first.check)
        elif first.change is not None:
            self.ctx.start(Secure([first.change]))
        elif first.narrows:
            self.narrow(first.resource.name)
        else:
            self.review(finding=first)

    def review(self, *, check: str = "", finding: Finding | None = None, unchecked: bool = False) -> ReviewDialog:
        """Open the list of all findings, narrowed to a check, at one of them, or at what was not checked."""
        dialog = ReviewDialog(self.ctx, self.report, parent=self.window())
        dialog.fixWanted.connect(self._fix)
        dialog.narrowWanted.connect(self.narrow)
        dialog.lookWanted.connect(self.look)
        dialog.show_only(check, finding, unchecked)
        self._open(dialog)
        return dialog

    def _review_all(self) -> None:
        self.review()

    def _review_unchecked(self) -> None:
        self.review(unchecked=True)

    def _fix(self, findings: Sequence[Finding]) -> None:
        changes = [finding.change for finding in findings if finding.change is not None]
        if changes:
            self.ctx.start(Secure(changes))

    def narrow(self, role: str) -> RoleDialog:
        """Show what a role may and used, and offer to give it just that."""
        dialog = RoleDialog(role, may_change=not self.ctx.read_only, parent=self.window())
        self.ctx.with_services(
            self._read_use, dialog, label="Read what the role used", key=_USE_KEY, on_error=dialog.show_error
        )
        self._open(dialog)
        return dialog

    async def _read_use(self, services: Services, dialog: RoleDialog) -> None:
        dialog.show_use(await services.security.role_use(dialog.role))

    def _open(self, dialog: ReviewDialog | RoleDialog) -> None:
        self._dialogs.append(dialog)
        self.ctx.tasks.start(self._ask(dialog), label=dialog.windowTitle(), scope="window")

    async def _ask(self, dialog: ReviewDialog | RoleDialog) -> None:
        try:
            agreed = await dialog.ask()
        finally:
            if dialog in self._dialogs:
                self._dialogs.remove(dialog)
            if isinstance(dialog, RoleDialog):
                self.ctx.tasks.cancel(_USE_KEY)
        if agreed and isinstance(dialog, RoleDialog) and dialog.use is not None and dialog.use.change is not None:
            self.ctx.start(Secure([dialog.use.change], agreed=True))
