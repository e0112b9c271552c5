"""The test of a function: an event on the left, its answer and the end of its log beside each other below."""

from __future__ import annotations

import base64
import errno
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.format import milliseconds
from console.models.states import State
from console.widgets.base import ElidedLabel, label, on_theme
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.fields import ComboBox, IntField, LineEdit
from console.widgets.forms.form import Form
from console.widgets.frames.dialog import FormDialog
from console.widgets.frames.file_dialog import ask_for_file
from console.widgets.tables.state_chip import StateChip
from workers.errors.tree import SageDeckError, Throttled
from workers.files.os_words import os_words
from workers.files.regular_file import read_regular
from workers.functions.types import TestResult

SETTING = "function_events"
# Lambda takes 6 MB a request, and Base64 makes four bytes of three.
MOST_PICTURE_BYTES = 4_400_000
# A longer event would make the field slow to edit; it is shown in short and sent whole.
_LONGEST_SHOWN = 20_000
MOST_AT_ONCE = 10
_NEW = "Unsaved event"
_PICTURES = "Pictures (*.jpg *.jpeg *.png)"
_FIRST = '{"image": ""}'


class TestPanel(QWidget):
    """Signals: ``asked(str event, str qualifier)`` when "Test" was pressed, ``closed()``.

    Saved events are kept per function in the settings. ``results`` counts the calls that have ended.
    """

    __test__ = False

    asked = Signal(str, str)
    closed = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.function = ""
        self.results = 0
        self._picture = ""
        self._busy = False
        self._title = ElidedLabel("", "section", middle=True, least=8)
        self.events = ComboBox(name="Saved events", small=True)
        self.qualifiers = ComboBox(name="Version", small=True)
        self.picture_button = Button("Use this picture…", small=True, icon="image", on=self._choose_picture)
        self.save_button = Button("Save event…", "ghost", small=True, on=self._save)
        self.remove_button = IconButton("trash", "Delete this saved event", on=self._remove)
        self.test_button = Button("Test", "primary", "play", small=True, on=self._ask)
        self.at_once = IntField(1, 1, MOST_AT_ONCE, suffix="at once")
        self.at_once.setAccessibleName("Calls at once")
        self.at_once.setToolTip("So many calls are sent at the same time: what is reserved lets so many through.")
        self._close = IconButton("close", "Close the test", on=self.closed.emit)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 1)
        head.addStretch(0)
        head.addWidget(self.events)
        head.addWidget(self.remove_button)
        head.addWidget(self.qualifiers)
        head.addWidget(self._close)
        self.editor = _text_box("Event", read_only=False)
        self.answer = _text_box("Answer", read_only=True)
        self.log = _text_box("Log tail", read_only=True)
        self._chip = StateChip(State("", "neutral"))
        self._chip.hide()
        self._figures = ElidedLabel("", "small", "text2")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for part in (self.test_button, self.at_once, self.picture_button, self.save_button):
            buttons.addWidget(part)
        buttons.addStretch(1)
        buttons.addWidget(self._chip)
        buttons.addWidget(self._figures)
        below = QHBoxLayout()
        below.setSpacing(12)
        halves: tuple[tuple[str, QWidget], ...] = (("Answer", self.answer), ("Log tail", self.log))
        for title, box in halves:
            half = QVBoxLayout()
            half.setSpacing(4)
            half.addWidget(label(title, "head", "text3"))
            half.addWidget(box)
            below.addLayout(half, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.editor)
        column.addLayout(buttons)
        column.addLayout(below)
        self.events.chosen.connect(self._chosen)
        self.editor.textChanged.connect(self._update)
        self._dress()
        on_theme(self, self._dress)
        self.hide()

    def _dress(self) -> None:
        for box in (self.editor, self.answer, self.log):
            box.setFont(theme().font("mono"))
        self.editor.setFixedHeight(theme().pixels(84))
        self.answer.setFixedHeight(theme().pixels(150))
        self.log.setFixedHeight(theme().pixels(150))

    # What is tested

    def show_function(self, name: str, qualifiers: list[str]) -> None:
        """Test this function; ``qualifiers`` are its aliases and versions besides ``$LATEST``."""
        self.qualifiers.set_items([("", "$LATEST"), *((qualifier, qualifier) for qualifier in qualifiers)])
        if name != self.function:
            self.function = name
            self._title.setText(f"Test {name}")
            self._clear_result()
            saved = self._saved()
            self._list_events(next(iter(saved), None))
            self._set_event(next(iter(saved.values()), _FIRST))
        self.show()

    def set_busy(self, busy: bool) -> None:
        """While a call is under way there is no second one."""
        self._busy = busy
        self.test_button.setText("Testing…" if busy else "Test")
        self._update()

    def set_result(self, result: TestResult) -> None:
        """Show how a call went."""
        word = f"{result.status}" if result.status is not None else (result.function_error or "Answered")
        denied = "Denied" if result.denial else word
        self._chip.set_state(State(denied, "ok" if result.ok else "err"))
        self._chip.show()
        parts = [
            milliseconds(float(result.report.get("Duration", result.seconds * 1000))),
            f"billed {result.billed_ms} ms" if result.billed_ms is not None else "",
            f"{result.memory_mb} MB" if result.memory_mb is not None else "",
            "cold start" if result.cold else "warm",
        ]
        self.results += 1
        self._figures.setText(", ".join(part for part in parts if part))
        self.answer.setPlainText(pretty(result.payload))
        self.log.setPlainText(result.log)

    def set_results(self, outcomes: Sequence[TestResult | SageDeckError]) -> None:
        """Show how several calls went that were sent at once, a line each."""
        lines, answered, throttled = [], 0, 0
        for number, outcome in enumerate(outcomes, start=1):
            if isinstance(outcome, SageDeckError):
                throttled += isinstance(outcome, Throttled)
                lines.append(f"{number}  {outcome.title}. {outcome.message}")
            else:
                answered += outcome.ok
                status = outcome.status if outcome.status is not None else outcome.function_error or "answered"
                lines.append(f"{number}  {status} in {milliseconds(outcome.seconds * 1000)}")
        self._clear_result()
        self.results += 1
        word = f"{throttled} of {len(outcomes)} throttled" if throttled else f"{answered} of {len(outcomes)} answered"
        self._chip.set_state(State(word, "warn" if throttled else "ok" if answered == len(outcomes) else "err"))
        self._chip.show()
        self.answer.setPlainText("\n".join(lines))

    def set_error(self, title: str, words: str) -> None:
        """The call itself was refused, or never arrived."""
        self._clear_result()
        self.results += 1
        self._chip.set_state(State("Not called", "err"))
        self._chip.show()
        self.answer.setPlainText(f"{title}\n{words}")

    def use_picture(self, path: Path) -> str:
        """Make an event of a picture file; returns why not, or an empty text."""
        try:
            data = read_regular(path, MOST_PICTURE_BYTES)
        except OSError as error:
            if error.errno == errno.EFBIG:
                return f"{path.name} has {path.stat().st_size:,} bytes; an event may carry {MOST_PICTURE_BYTES:,}."
            return f"{path.name} cannot be read: {os_words(error)}."
        self._set_event(json.dumps({"image": base64.b64encode(data).decode(), "top_k": 5}))
        return ""

    def event_text(self) -> str:
        """The event as it will be sent."""
        return self._picture or self.editor.toPlainText()

    # Saved events

    def _saved(self) -> dict[str, str]:
        every: dict[str, Any] = self.ctx.settings.value(SETTING, {})
        mine = every.get(self.function, {})
        return {str(name): str(event) for name, event in mine.items()} if isinstance(mine, dict) else {}

    def _keep(self, events: dict[str, str]) -> None:
        every: dict[str, Any] = dict(self.ctx.settings.value(SETTING, {}))
        every[self.function] = events
        self.ctx.settings.set(SETTING, every)

    def _list_events(self, current: str | None) -> None:
        self.events.set_items([("", _NEW), *((name, name) for name in self._saved())], current or "")
        self.remove_button.setVisible(bool(self.events.value()))

    def _chosen(self, name: object) -> None:
        self.remove_button.setVisible(bool(name))
        event = self._saved().get(str(name))
        if event is not None:
            self._set_event(event)

    def _set_event(self, event: str) -> None:
        short = len(event) > _LONGEST_SHOWN
        self._picture = event if short else ""
        self.editor.setPlainText(f"{event[:200]}… ({len(event):,} characters)" if short else event)
        self.editor.setReadOnly(short)
        self._update()

    def _save(self) -> None:
        self.ctx.tasks.start(self._ask_name(), label="Save the event")

    async def _ask_name(self) -> None:
        saved = self._saved()
        form = Form()
        field = LineEdit(f"event-{len(saved) + 1}", chars=24)
        form.add("name", "Name", field, check=lambda name: None if name else "Give it a name.")
        dialog = FormDialog("Save this event", form, ok="Save", parent=self.window())
        if await dialog.ask():
            name = form.value("name")
            self._keep(saved | {name: self.event_text()})
            self._list_events(name)

    def _remove(self) -> None:
        name = self.events.value()
        self._keep({key: event for key, event in self._saved().items() if key != name})
        self._list_events(None)

    def _choose_picture(self) -> None:
        ask_for_file(self, "A picture for the event", self._take_picture, _PICTURES)

    def _take_picture(self, path: Path) -> None:
        problem = self.use_picture(path)
        if problem:
            self.ctx.notify.warn("This picture cannot be used", problem)

    def _clear_result(self) -> None:
        self._chip.hide()
        self._figures.setText("")
        self.answer.setPlainText("")
        self.log.clear()

    def _update(self) -> None:
        problem = ""
        if not self._picture:
            try:
                json.loads(self.editor.toPlainText())
            except ValueError as error:
                problem = f"Not JSON: {error}"
        self.test_button.hinder(problem or ("It is being called" if self._busy else ""))
        self.editor.setToolTip(problem)

    def _ask(self) -> None:
        self.asked.emit(self.event_text(), str(self.qualifiers.value() or ""))


def pretty(payload: str) -> str:
    """An answer's JSON indented, the ``body`` that is JSON itself opened; other text as it is."""
    try:
        value = json.loads(payload)
    except ValueError:
        return payload
    if isinstance(value, dict) and isinstance(value.get("body"), str):
        try:
            value["body"] = json.loads(value["body"])
        except ValueError:
            return json.dumps(value, indent=1, ensure_ascii=False)
    return json.dumps(value, indent=1, ensure_ascii=False)


def _text_box(name: str, *, read_only: bool) -> QPlainTextEdit:
    box = QPlainTextEdit()
    box.setReadOnly(read_only)
    box.setAccessibleName(name)
    box.setTabChangesFocus(True)
    box.setProperty("field", "true")
    return box
