"""The activity popover at the bottom right: Running, History and Log. Not modal; Ctrl+L opens and closes it."""

from __future__ import annotations

import logging

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QHideEvent, QKeyEvent, QShowEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLayout,
    QMenu,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from console.activity.logbook import KEEP_LINES, Logbook, LogLine
from console.activity.model import ActivityItem
from console.context import AppContext
from console.look.theme import theme
from console.widgets.base import below, label, on_theme
from console.widgets.forms import focus
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.scroll_area import ScrollArea
from console.widgets.tables.search_field import SearchField
from console.window.activity_rows import FinishedRow, RunningRow, cli_of
from console.window.popover import Popover
from workers.aws.as_commands import as_python

# Pixels: a title beside its two buttons, and five entries.
WIDTH = 448
HEIGHT = 392
# Entries below what still runs; "All" has the rest.
RECENT = 4
# Entries at a time: each is a widget that has to be built.
PAGE = 40
# Times go by the second; lines of the log come in bursts.
TICK_MS = 1000
LOG_MS = 250


class LogPage(QPlainTextEdit):
    """What SageDeck itself logged; follows the end until one scrolls away from it."""

    def __init__(self, logbook: Logbook) -> None:
        super().__init__()
        self._logbook = logbook
        self._last = 0
        self._filter = ""
        self.setReadOnly(True)
        self.setAccessibleName("Log")
        self.setMaximumBlockCount(KEEP_LINES)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._dress()
        self._timer = QTimer(self)
        self._timer.setInterval(LOG_MS)
        self._timer.timeout.connect(self.read)
        on_theme(self, self._dress)

    def read(self) -> None:
        """Append what is new."""
        lines = self._logbook.since(self._last)
        if not lines:
            return
        self._last = lines[-1].number
        lines = [line for line in lines if self._filter in line.text.casefold()]
        bar = self.verticalScrollBar()
        following = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        for line in lines:
            self._write(cursor, line)
        cursor.endEditBlock()
        if following:
            bar.setValue(bar.maximum())

    def set_filter(self, text: str) -> None:
        """Show only the lines that contain ``text``."""
        self._filter = text.strip().casefold()
        self._start_again()

    def showEvent(self, event: QShowEvent) -> None:
        """Read while visible."""
        super().showEvent(event)
        self.read()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest while hidden."""
        super().hideEvent(event)
        self._timer.stop()

    def _write(self, cursor: QTextCursor, line: LogLine) -> None:
        tone = "err" if line.level >= logging.ERROR else "warn" if line.level >= logging.WARNING else "text2"
        if not self.document().isEmpty():
            cursor.insertBlock()
        cursor.insertText(f"{line.at:%H:%M:%S} ", _format(theme().color("text3")))
        cursor.insertText(line.text, _format(theme().color(tone)))

    def _dress(self) -> None:
        self.setFont(theme().font("mono"))
        self._start_again()

    def _start_again(self) -> None:
        self.clear()
        self._last = 0
        if self.isVisible():
            self.read()


class ActivityPanel(Popover):
    """The popover. Signals: ``closed()`` by its chevron or Escape; ``logWanted()``: the whole activity log."""

    closed = Signal()
    logWanted = Signal()

    def __init__(self, ctx: AppContext, logbook: Logbook, parent: QWidget) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.setAccessibleName("Activity")
        self.segments = Segmented(
            [("running", "Running"), ("history", "History"), ("log", "Log")], name="Show", small=True
        )
        self.segments.changed.connect(self._show_page)
        self.clear_button = Button("Clear done", "ghost", small=True, on=self._clear)
        self.search = SearchField("Filter history", chars=30)
        self.search.searched.connect(self._filter)
        self._search_row = QWidget()
        search_row = QHBoxLayout(self._search_row)
        search_row.setContentsMargins(16, 10, 16, 0)
        search_row.addWidget(self.search)
        search_row.addStretch(1)
        search_row.addWidget(Button("Activity log…", "link", small=True, on=self.logWanted.emit))
        self._search_row.hide()
        self._shown = PAGE
        self._rows: dict[int, RunningRow] = {}

        head = QHBoxLayout()
        head.setContentsMargins(16, 8, 10, 8)
        head.setSpacing(12)
        head.addWidget(label("Activity", "section"))
        head.addWidget(self.segments)
        head.addStretch(1)
        head.addWidget(self.clear_button)
        head.addWidget(IconButton("down", "Close the activity panel", on=self.close_panel))
        self.column.addLayout(head)
        line = QFrame()
        line.setProperty("panel", "line")
        holder = QHBoxLayout()
        holder.setContentsMargins(1, 0, 1, 0)
        holder.addWidget(line)
        self.column.addLayout(holder)

        self.pages = QStackedWidget()
        self._running, running_page = _scrolling("Running tasks")
        self._history, history_page = _scrolling("History")
        self.log = LogPage(logbook)
        log_page = QWidget()
        around = QVBoxLayout(log_page)
        around.setContentsMargins(16, 8, 8, 12)
        around.addWidget(self.log)
        for page in (running_page, history_page, log_page):
            self.pages.addWidget(page)
        self.column.addWidget(self._search_row)
        self.column.addWidget(self.pages, 1)

        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        ctx.activity.added.connect(self._item_moved)
        ctx.activity.finished.connect(self._item_moved)
        ctx.activity.cleared.connect(self._rebuild)
        ctx.activity.changed.connect(self._item_changed)
        self.hide()

    def open_panel(self) -> None:
        """Show it with what is current, and take the keyboard."""
        self.show()
        self.raise_()
        self._rebuild()
        self.segments.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @staticmethod
    def wanted_size() -> QSize:
        """Its size where there is room, in pixels."""
        return QSize(theme().pixels(WIDTH), theme().pixels(HEIGHT))

    def close_panel(self) -> None:
        """Hide it."""
        self.hide()
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Count the time of what runs while visible."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest while hidden."""
        super().hideEvent(event)
        self._timer.stop()

    def _show_page(self, key: str) -> None:
        self.pages.setCurrentIndex(("running", "history", "log").index(key))
        self.clear_button.setVisible(key != "log")
        self._search_row.setVisible(key != "running")
        words = "Filter the log" if key == "log" else "Filter history"
        self.search.setPlaceholderText(words)
        self.search.setAccessibleName(words)
        self._rebuild()

    def _filter(self, text: str) -> None:
        self._shown = PAGE
        self.log.set_filter(text)
        self._rebuild()

    def _clear(self) -> None:
        self._shown = PAGE
        self.ctx.activity.clear_history()

    def _tick(self) -> None:
        for row in self._rows.values():
            row.tick()

    def _item_changed(self, item: ActivityItem) -> None:
        row = self._rows.get(item.number)
        if row is not None and self.isVisible():
            row.tick()

    def _item_moved(self, item: ActivityItem) -> None:
        self._rebuild()

    def _rebuild(self) -> None:
        count = len(self.ctx.activity.running)
        self.segments.set_text("running", f"Running {count}" if count else "Running")
        self.clear_button.allow(bool(self.ctx.activity.history), "Nothing is in it")
        if not self.isVisible():
            return
        # The keyboard's place, also while a dialog that was opened from a row has it.
        left = self.window().focusWidget()
        row, name = _row_of(left), _called(left) if isinstance(left, Button | IconButton) else ""
        self._fill_running()
        if self.segments.current == "history":
            self._fill_history()
        if row is not None:
            focus.give(self._again(row.item, name) or self.segments)

    def _again(self, item: ActivityItem, name: str) -> QWidget | None:
        """The button of this name in the row of ``item``, else the first that can be pressed there."""
        rows: list[RunningRow | FinishedRow] = [*below(self, RunningRow), *below(self, FinishedRow)]
        found: list[Button | IconButton] = []
        for row in rows:
            if row.item is item:
                found += [*below(row, Button), *below(row, IconButton)]
        # The other page may have a row of it, too.
        found = [button for button in found if focus.usable(button)]
        return next((button for button in found if _called(button) == name), next(iter(found), None))

    def _fill_running(self) -> None:
        model = self.ctx.activity
        _empty(self._running)
        self._rows = {}
        for item in model.running:
            row = self._rows[item.number] = RunningRow(item)
            _add(self._running, row)
        recent = model.history[:RECENT]
        if not model.running:
            self._running.addWidget(label("Nothing is running.", "body", "text2"))
        if recent:
            line = QFrame()
            line.setProperty("panel", "line")
            self._running.addSpacing(4)
            self._running.addWidget(line)
            self._running.addSpacing(8)
        for item in recent:
            _add(self._running, FinishedRow(item, self._copied, self._more))
        self._running.addStretch(1)

    def _fill_history(self) -> None:
        words = self.search.text().strip().casefold().split()
        every = self.ctx.activity.history
        history = [item for item in every if all(word in item.words for word in words)]
        _empty(self._history)
        if not every:
            self._history.addWidget(label("Nothing was done yet.", "body", "text2"))
        elif not history:
            self._history.addWidget(
                label(f"Nothing matches. {len(every):,} are hidden by the filter.", "body", "text2")
            )
            self._history.addWidget(Button("Clear filter", "link", on=self.search.clear))
        for item in history[: self._shown]:
            _add(self._history, FinishedRow(item, self._copied, self._more))
        older = len(history) - self._shown
        if older > 0:
            self._history.addWidget(Button(f"Show {min(PAGE, older)} older", "link", on=self._show_older))
        self._history.addStretch(1)

    def _show_older(self) -> None:
        self._shown += PAGE
        self._fill_history()

    def _more(self, item: ActivityItem, point: QPoint) -> None:
        """The menu of one row: what it sent, to take along."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        ids = ", ".join(call.request_id for call in item.calls if call.request_id)
        for words, text in (
            ("Copy as AWS CLI", cli_of(item)),
            ("Copy as Python", as_python(item.calls, item.profile or None)),
            ("Copy request ids", ids),
        ):
            action = menu.addAction(theme().icon("copy"), words)
            action.setEnabled(bool(text))
            action.triggered.connect(lambda _=False, text=text: QGuiApplication.clipboard().setText(text))
        menu.addSeparator()
        menu.addAction(theme().icon("history"), "Activity log…").triggered.connect(self.logWanted)
        menu.popup(point)

    def _copied(self, cli: str) -> None:
        self.ctx.notify.info("Copied the AWS CLI line", cli)


def _row_of(widget: QWidget | None) -> RunningRow | FinishedRow | None:
    while widget is not None and not isinstance(widget, RunningRow | FinishedRow):
        widget = widget.parentWidget()
    return widget


def _add(layout: QLayout, row: QWidget) -> None:
    """A layout would show it a little later: too late for the keyboard."""
    layout.addWidget(row)
    row.show()


def _called(button: Button | IconButton) -> str:
    return button.accessibleName() or button.text()


def _format(color: QColor) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setForeground(color)
    return made


class _Rows(QWidget):
    """As high as its rows are at the width it gets: the layout alone would claim their height at the narrowest."""

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)


def _scrolling(name: str) -> tuple[QVBoxLayout, ScrollArea]:
    area = ScrollArea(name)
    inner = _Rows()
    column = QVBoxLayout(inner)
    column.setContentsMargins(16, 5, 16, 4)
    column.setSpacing(0)
    area.setWidget(inner)
    return column, area


def _empty(layout: QLayout) -> None:
    while (entry := layout.takeAt(0)) is not None:
        widget = entry.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
