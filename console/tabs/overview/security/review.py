"""All findings, and all checks that could not be made: to filter, fix, export, and compare with a file of Prowler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakMethod

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.format import count
from console.tabs.overview.security import files
from console.tabs.overview.security.detail import FindingDetail
from console.tabs.overview.security.rows import SEVERITY_STATES, columns, searched, summary, unchecked_columns, verb
from console.widgets.base import screen_area
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.dialog import WideDialog
from console.widgets.frames.scroll_area import ScrollArea
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import MenuEntry, ResourceTable
from workers.security.prowler import ProwlerFile
from workers.security.types import SEVERITIES, Finding, Report

# Pixels: a finding's title beside its resource.
_WIDTH = 920
# What the list and the details take of the screen's height: head and buttons stay in sight at 700 pixels.
_LIST_SHARE, _DETAIL_SHARE = 0.36, 0.26
_ALL = ""


class ReviewDialog(WideDialog):
    """Signals: ``fixWanted(list of findings)``, ``narrowWanted(role)``, ``lookWanted()``."""

    fixWanted = Signal(object)
    narrowWanted = Signal(str)
    lookWanted = Signal()

    def __init__(self, ctx: AppContext, report: Report | None, parent: QWidget | None = None) -> None:
        super().__init__("Security findings", "Looking…", width=_WIDTH, parent=parent)
        self._ctx = ctx
        self._account = report
        self._file: ProwlerFile | None = None
        self._check = ""
        self._wanted: Finding | None = None
        self.search = SearchField("Filter findings", chars=14)
        severities = [(severity, SEVERITY_STATES[severity].word) for severity in SEVERITIES]
        self.severity = ComboBox([(_ALL, "All severities"), *severities], _ALL, name="Severity", small=True)
        self.views = Segmented([("found", "Found"), ("unchecked", "Not checked")], name="Shown", small=True)
        self.look_button = Button("Look again", "ghost", "refresh", small=True, on=self._look)
        self.table = ResourceTable(
            columns(), key="key", name="Findings", noun="findings", sort=("severity", "asc"), also_searched=searched
        )
        self.table.set_empty("shieldok", "Nothing was found", "By what could be checked; see what could not.")
        self.unchecked = ResourceTable(
            unchecked_columns(), key=lambda row: (row.check, row.why), name="Not checked", noun="checks", multi=False
        )
        self.unchecked.set_empty("shieldok", "Everything was checked", "")
        self.table.remember(ctx.settings, "overview.findings")
        self.unchecked.remember(ctx.settings, "overview.unchecked")
        self.detail = FindingDetail()
        self._below = ScrollArea("Details")
        self._below.setFrameShape(QFrame.Shape.NoFrame)
        self._below.setWidget(self.detail)
        self.file_button = Button("Open Prowler file…", "ghost", "folder", on=self._open_file)
        self.account_button = Button("Back to the account", "ghost", "left", on=self._show_account_again)
        self.export_button = Button("Export…", "ghost", "download", on=self._open_export)
        self.close_button = Button("Close", on=self.reject)
        self.fix_button = Button("How to", "primary", "shield", on=self._fix)
        self._lay_out()
        self._connect()
        self._show()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        for part in (self.search, self.severity, self.views):
            head.addWidget(part)
        head.addStretch(1)
        head.addWidget(self.look_button)
        self.body.addLayout(head)
        lists = QWidget()
        column = QVBoxLayout(lists)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(self.unchecked)
        self._lists = lists
        self.body.addWidget(lists)
        self.body.addWidget(self._below)
        for button in (self.file_button, self.account_button, self.export_button):
            self.buttons.addWidget(button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.close_button)
        self.buttons.addWidget(self.fix_button)
        self.close_button.setDefault(True)
        self._size()

    def _size(self) -> None:
        height = screen_area(self).height()
        self._lists.setFixedHeight(round(height * _LIST_SHARE))
        self._below.setFixedHeight(round(height * _DETAIL_SHARE))

    def _connect(self) -> None:
        self.table.search_by(self.search, clears=False)
        self.search.searched.connect(self.unchecked.set_filter)
        self.table.filterCleared.connect(self._cleared)
        self.table.selectionChanged.connect(self._selected)
        self.table.activated.connect(self._activated)
        # The list would keep the dialog for ever by a method of it.
        menu = WeakMethod(self._menu)
        self.table.set_actions(lambda rows: method(rows) if (method := menu()) is not None else ())
        self.unchecked.filterCleared.connect(self.search.clear)
        self.unchecked.selectionChanged.connect(self._selected)
        self.severity.chosen.connect(self._narrow)
        self.views.changed.connect(self._show_view)

    # What is shown

    @property
    def report(self) -> Report | None:
        """What is shown: a file's findings, or the account's."""
        return self._file.report if self._file is not None else self._account

    def show_only(self, check: str = "", finding: Finding | None = None, unchecked: bool = False) -> None:
        """Narrow the list to a check, choose a finding, or show what was not checked."""
        self._check, self._wanted = check, finding
        self._narrow()
        self.views.set_current("unchecked" if unchecked else "found")
        self._choose()

    def show_account(self, report: Report) -> None:
        """The account was looked at again."""
        self._account = report
        if self._file is None:
            self._show()

    def read_only_changed(self) -> None:
        """Changes are allowed now, or not any more."""
        self._selected()

    def end_look(self) -> None:
        """A look is over, whether it found something or failed."""
        self.look_button.hinder("")
        self.look_button.setText("Look again")

    def show_file(self, found: ProwlerFile) -> None:
        """Show what a file of Prowler holds; nothing of it can be fixed here."""
        self._file = found
        self._check, self._wanted = "", None
        self._cleared()
        self._show()

    def _show_account_again(self) -> None:
        self._file = None
        self._cleared()
        self._show()

    def _show(self) -> None:
        report = self.report
        file = self._file
        self.account_button.setVisible(file is not None)
        self.look_button.setVisible(file is None)
        self.views.setVisible(file is None)
        self.heading.setText("Security findings" if file is None else f"Findings in {file.name}")
        if report is None:
            self.table.set_loading("Looking for what is unsafe")
            return
        if file is None:
            self.sentence.setText(summary(report, report.at.astimezone()))
        else:
            others = f"{count(len(report.findings), 'finding')}; {file.others:,} others passed or are muted."
            self.sentence.setText(" ".join((others, *file.trouble)))
        self.views.set_text("found", f"Found {len(report.findings):,}")
        self.views.set_text("unchecked", f"Not checked {len(report.not_checked):,}")
        self.table.set_rows(list(report.findings))
        self.unchecked.set_rows(list(report.not_checked))
        self.export_button.hinder("")
        self._choose()
        self._show_view()

    def _choose(self) -> None:
        if self._wanted is not None:
            self.table.select_keys([self._wanted.key])
        if not self.table.selected_keys() and self.table.model.rowCount():
            self.table.select_keys([self.table.model.key_at(0)])
        self._selected()

    def _show_view(self, _key: str = "") -> None:
        found = self.views.current == "found" or self._file is not None
        self.table.setVisible(found)
        self.unchecked.setVisible(not found)
        self.severity.setVisible(found)
        if not found and not self.unchecked.selected_keys() and self.unchecked.model.rowCount():
            self.unchecked.select_keys([self.unchecked.model.key_at(0)])
        self._selected()

    def _narrow(self, _key: object = None) -> None:
        wanted, check = self.severity.value() or _ALL, self._check
        if not wanted and not check:
            self.table.set_predicate(None)
            return

        def shown(row: Finding) -> bool:
            return wanted in (_ALL, row.severity) and check in ("", row.check)

        self.table.set_predicate(shown)

    def _cleared(self) -> None:
        self._check = ""
        self.search.clear()
        self.severity.set_value(_ALL)
        self._narrow()

    # What can be done

    def chosen(self) -> list[Finding]:
        """The findings that are selected."""
        return list(self.table.selected_rows()) if not self.table.isHidden() else []

    def _selected(self, _: object = None) -> None:
        rows = self.chosen()
        alone = rows[0] if len(rows) == 1 else None
        fixable = [row for row in rows if row.change is not None]
        if alone is not None:
            self.detail.show_finding(alone)
        elif rows:
            self.detail.say(
                f"{count(len(rows), 'finding')} selected, {len(fixable):,} of them with a fix in one click."
            )
        else:
            self.detail.say(self._about_unchecked())
        offered = bool(fixable) or (alone is not None and alone.narrows)
        self.fix_button.setVisible(offered)
        self.fix_button.hinder(self._ctx.hindrance)
        if alone is not None:
            self.fix_button.setText(verb(alone))
        elif fixable:
            self.fix_button.setText(f"Fix {len(fixable):,}…")

    def _about_unchecked(self) -> str:
        row = self.unchecked.current_row() if not self.unchecked.isHidden() else None
        if row is None:
            return ""
        return f"{row.check}: {row.why}\n\nA check that could not be made is not passed."

    def _activated(self, row: Finding) -> None:
        if (row.change is not None or row.narrows) and not self._ctx.read_only:
            self._fix_these([row])

    def _fix(self) -> None:
        self._fix_these(self.chosen())

    def _fix_these(self, rows: Sequence[Finding]) -> None:
        if len(rows) == 1 and rows[0].change is None and rows[0].narrows:
            self.narrowWanted.emit(rows[0].resource.name)
        else:
            self.fixWanted.emit(list(rows))

    def _menu(self, rows: list[Any]) -> Sequence[MenuEntry]:
        if self._ctx.read_only or not self.fix_button.isVisibleTo(self):
            return ()
        return [(self.fix_button.text(), "shield", self._fix)]

    def _look(self) -> None:
        self.look_button.hinder("It is looking")
        self.look_button.setText("Looking…")
        self.lookWanted.emit()

    def _open_file(self) -> None:
        files.open_prowler(self._ctx, self, self.show_file)

    def _open_export(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(theme().icon("globe"), "As a page (HTML)…").triggered.connect(self.export_page)
        menu.addAction(theme().icon("file"), "As JSON, as Prowler writes it…").triggered.connect(self.export_json)
        menu.popup(self.export_button.mapToGlobal(self.export_button.rect().bottomLeft()))

    def export_page(self) -> None:
        """Write what is shown as one HTML page."""
        self._export(".html")

    def export_json(self) -> None:
        """Write what is shown as OCSF."""
        self._export(".ocsf.json")

    def _export(self, ending: str) -> None:
        report = self.report
        if report is not None:
            files.export(self._ctx, self, report, ending)
