"""Deploy code: SageDeck's handler, or a zip of one's own, which is checked before it is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.models.format import bytes_text, count
from console.widgets.base import label
from console.widgets.forms.drop_area import DropArea
from console.widgets.forms.fields import LineEdit
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.dialog import FormDialog
from console.widgets.frames.file_dialog import ask_for_file
from workers.errors.tree import SageDeckError
from workers.functions.code import HANDLER, OwnCode, read_code

OURS, OWN = "ours", "own"
_KEY = "endpoints:read-code"


class DeployCodeDialog(FormDialog):
    """Ask with ``ask()``, then read ``code`` (``None``: SageDeck's handler) and ``handler()``."""

    def __init__(self, ctx: AppContext, function: str, handler: str, parent: QWidget | None = None) -> None:
        self.ctx = ctx
        self._read: OwnCode | None = None
        self._before = handler
        form = Form()
        self.source = Segmented([(OURS, "SageDeck's handler"), (OWN, "A zip of your own")], OURS, name="Code")
        form.add_widget(self.source)
        self.area = DropArea("file", "Choose or drop a zip or a .py file", "at most 50 MB", button="Choose…")
        self._said = HintLine()
        form.add_widget(self.area)
        self._handler_row = form.add(
            "handler", "Handler", LineEdit(HANDLER, "module.function", chars=24), check=self._check_handler
        )
        self._ours = label(
            "It checks each picture before it asks the endpoint, and answers bad input with a 4xx and a reason.",
            "small", "text2", wrap=True,
        )  # fmt: skip
        form.add_widget(self._ours)
        super().__init__(
            f"Deploy code to {function}", form, ok="Deploy code", icon="upload",
            text="Replaces the code that answers now. Published versions and aliases keep theirs.",
            width=480, extra_check=lambda: self.source.current == OURS or self._read is not None, parent=parent,
        )  # fmt: skip
        self.foot.addWidget(self._said)
        self.area.dropped.connect(self._use_first)
        self.area.chooseRequested.connect(self._choose)
        self.source.changed.connect(self._show_source)
        self._show_source()

    def _use_first(self, paths: list[Path]) -> None:
        self.use_file(paths[0])

    @property
    def code(self) -> OwnCode | None:
        """The operator's code; None for SageDeck's."""
        return self._read if self.source.current == OWN else None

    def handler(self) -> str:
        """The handler that shall be called."""
        return str(self.form.value("handler")) if self.code is not None else HANDLER

    @property
    def said(self) -> str:
        """What is said of the file chosen."""
        return self._said.text

    def use_file(self, path: Path) -> None:
        """Read and check this file."""
        self.source.set_current(OWN)
        self._read = None
        self._said.say(f"Reading {path.name}…", "wait")
        self.area.set_text(path.name, "choose or drop another one")
        self._show_source()
        self.ctx.tasks.start(self._check(path), label=f"Read {path.name}", key=_KEY)

    async def _check(self, path: Path) -> None:
        try:
            self._read = await asyncio.to_thread(read_code, path)
        except SageDeckError as error:
            self._said.say(f"{error.title}. {error.message}", "err")
        else:
            found = self._read
            self._said.say(f"{found.name}: {count(found.files, 'file')}, {bytes_text(len(found.data))}", "ok")
            wanted = self._before if not found.handler_problem(self._before) else next(iter(found.handlers), "")
            self.form.set_values({"handler": wanted or self._before})
        self._show_source()

    def _check_handler(self, handler: str) -> str | None:
        if self._read is None or self.source.current == OURS:
            return None
        return self._read.handler_problem(handler) or None

    def _show_source(self) -> None:
        own = self.source.current == OWN
        self.area.setVisible(own)
        self._said.setVisible(own and bool(self._said.text))
        self._handler_row.setVisible(own and self._read is not None)
        self._ours.setVisible(not own)
        self.form.check()
        self.update_ok()

    def _choose(self) -> None:
        ask_for_file(self, "Code of the function", self.use_file, "Code (*.zip *.py)")
