"""Everything that was changed in one account, as long as its log is kept: found, read in full, taken along."""

from __future__ import annotations

import asyncio
import json

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit

from console.activity.ledger import Deed, Ledger, deeds
from console.context import AppContext
from console.look.theme import theme
from console.models.columns import Column
from console.models.format import when
from console.models.states import State
from console.widgets.base import label, on_theme, screen_area
from console.widgets.forms.buttons import Button
from console.widgets.frames.dialog import WideDialog
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from workers.aws.as_commands import as_cli, as_python

# Pixels at the normal text size, and shares of the screen: list and details are read together.
_WIDTH = 980
_LIST_SHARE, _DETAIL_SHARE = 0.36, 0.24
_KEY = "activity log"
_STATES = {
    "done": State("Done", "ok"),
    "failed": State("Failed", "err"),
    "cancelled": State("Cancelled", "neutral", "off"),
    "running": State("Running", "run"),
    "unknown": State("No end noted", "warn"),
}


def person(arn: str) -> str:
    """Who it was, as the header says it: what follows the account in the ARN."""
    return arn.rsplit(":", 1)[-1]


COLUMNS = (
    Column("at", "When", format=lambda at, _: when(at), priority=0, descending_first=True),
    Column("title", "What", kind="name", icon=lambda deed: deed.icon, priority=0),
    Column("state", "Result", kind="state", value=lambda deed: _STATES[deed.state], priority=0),
    Column("text", "Said", priority=4, stretch=1, tooltip=lambda deed: deed.text),
    Column("actor", "Who", format=lambda arn, _: person(arn), tooltip=lambda deed: deed.actor, priority=2),
    Column("region", "Region", priority=3),
    Column("calls", "Calls", kind="number", value=lambda deed: len(deed.calls), priority=3),
)


class ActivityLogDialog(WideDialog):
    """The list, and below it all that is known of the row chosen."""

    def __init__(self, ctx: AppContext, ledger: Ledger, account: str, parent: object = None) -> None:
        super().__init__("Activity log", "", width=_WIDTH, parent=parent)  # type: ignore[arg-type]
        self._ctx, self._ledger, self._account = ctx, ledger, account
        self.search = SearchField("Filter: words, people, parameters, request ids", chars=36)
        self.table = ResourceTable(
            COLUMNS, key="id", name="Activity log", noun="changes", sort=("at", "desc"),
            also_searched=lambda deed: deed.words,
        )  # fmt: skip
        self.table.remember(ctx.settings, "activity.log")
        self.table.set_empty("history", "Nothing was changed yet", "What SageDeck changes in this account stands here.")
        self.detail = QPlainTextEdit()
        self.detail.setReadOnly(True)
        self.detail.setAccessibleName("Details")
        self.detail.setPlaceholderText("Choose a line: here are its calls, parameters and request ids.")
        self.cli_button = Button("Copy as AWS CLI", icon="terminal", on=self._copy_cli)
        self.python_button = Button("Copy as Python", icon="copy", on=self._copy_python)
        self.close_button = Button("Close", on=self.reject)
        self.note = label("", "small", "text2")
        head = QHBoxLayout()
        head.addWidget(self.search)
        head.addStretch(1)
        self.body.addLayout(head)
        self.body.addWidget(self.table)
        self.body.addWidget(self.detail)
        for part in (self.cli_button, self.python_button, self.note):
            self.buttons.addWidget(part)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.close_button)
        self.sentence.setText(
            "What this computer changed in the account, newest first, with what was sent. Secrets are not kept. What "
            "the launcher and uploads send in processes of their own has its command line, but no request ids."
        )
        self.sentence.show()
        self.table.search_by(self.search)
        self.table.selectionChanged.connect(self._show)
        self._size()
        on_theme(self, self._size)
        self._show()
        self.table.set_loading("Reading the log")
        ctx.tasks.start(self._read(), label="Reading the activity log", key=_KEY, on_error=self._failed)

    def _size(self) -> None:
        height = screen_area(self).height()
        self.table.setFixedHeight(round(height * _LIST_SHARE))
        self.detail.setFixedHeight(round(height * _DETAIL_SHARE))
        self.detail.setFont(theme().font("mono"))

    async def _read(self) -> None:
        self.table.set_rows(await asyncio.to_thread(_load, self._ledger, self._account))

    def _ended(self) -> None:
        self._ctx.tasks.cancel(_KEY)
        super()._ended()

    def _failed(self, error: BaseException) -> None:
        self.table.set_error(error)

    def _chosen(self) -> list[Deed]:
        return sorted(self.table.selected_rows(), key=lambda deed: deed.at)

    def _show(self) -> None:
        chosen = self._chosen()
        self.detail.setPlainText("\n\n".join(told(deed) for deed in chosen))
        unchosen = "" if chosen else "Choose what was done"
        self.cli_button.hinder(unchosen or ("" if self._cli() else "The AWS CLI has no such thing"))
        calls = any(deed.calls for deed in chosen)
        self.python_button.hinder(unchosen or ("" if calls else "It was sent by another process, call by call unknown"))
        self.note.setText("")

    def _cli(self) -> str:
        return "\n".join(
            filter(None, (as_cli(deed.calls, deed.profile or None) or deed.cli for deed in self._chosen()))
        )

    def _copy_cli(self) -> None:
        QGuiApplication.clipboard().setText(self._cli())
        self.note.setText("Copied")

    def _copy_python(self) -> None:
        chosen = self._chosen()
        calls = [call for deed in chosen for call in deed.calls]
        QGuiApplication.clipboard().setText(as_python(calls, chosen[0].profile or None if chosen else None))
        self.note.setText("Copied")


def _load(ledger: Ledger, account: str) -> list[Deed]:
    ledger.flush()
    return deeds(ledger.load(account))


def told(deed: Deed) -> str:
    """All that is known of it, as plain text."""
    ended = f", ended {deed.ended.astimezone():%H:%M:%S}" if deed.ended is not None else ""
    lines = [
        f"{deed.at.astimezone():%Y-%m-%d %H:%M:%S}{ended}  {deed.title}: {_STATES[deed.state].word.lower()}",
        f"{deed.actor} in {deed.account}, {deed.region}",
    ]
    lines += [deed.text] if deed.text else []
    if deed.state == "unknown":
        lines.append("The window ended while it was under way, or another window does it: look at the resource.")
    for call in deed.calls:
        answer = call.error or "accepted"
        request = f", request {call.request_id}" if call.request_id else ", without a request id"
        lines.append(f"\n{call.service} {call.operation}: {answer}{request}")
        lines.append(json.dumps(call.parameters, ensure_ascii=False, indent=2))
    if not deed.calls and deed.cli:
        lines.append(f"\n{deed.cli}")
    return "\n".join(lines)
