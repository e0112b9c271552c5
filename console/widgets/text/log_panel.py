"""A log with its head: title, find field with the number of matches, and the switch between following and staying.

``panel = LogPanel("Log")``; feed ``panel.view`` (see :mod:`console.widgets.text.log_view`). Where a page has a head of
its own, ``LogPanel("Output", head=row)`` puts the controls at the end of that row, and shows no title.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.widgets.base import label
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.frames.panes import Memory
from console.widgets.tables.search_field import SearchField
from console.widgets.text.log_view import LogView

SETTING = "log"


class LogPanel(QWidget):
    """``view`` is the log; ``matches`` counts what ``find_field`` found."""

    def __init__(
        self,
        title: str = "Log",
        *,
        head: QHBoxLayout | None = None,
        most_lines: int = 200_000,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.view = LogView(most_lines=most_lines, name=title)
        self._title = label(title, "section") if head is None else None
        self.matches = label("", "small", "text3")
        self.find_field = SearchField("Find", chars=6)
        self._up = IconButton("up", "Previous match", on=lambda: self.view.search_next(backwards=True))
        self._down = IconButton("down", "Next match", on=self.view.search_next)
        self._follow = Button("Following", "ghost", "check", small=True)
        self._follow.setCheckable(False)
        self.wrap_button = IconButton("wrap", "Wrap long lines", on=self._turn_wrap)
        self.wrap_button.setCheckable(True)
        self._memory: Memory | None = None
        controls = QHBoxLayout()
        controls.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        if self._title is not None:
            controls.addWidget(self._title)
            controls.addStretch(1)
        (head if head is not None else column).addLayout(controls)
        for part in (self.matches, self._up, self._down, self.find_field, self.wrap_button, self._follow):
            controls.addWidget(part)
        column.addWidget(self.view, 1)
        self.find_field.searched.connect(self.view.search)
        self.find_field.installEventFilter(self)
        self._follow.clicked.connect(lambda: self.view.set_following(not self.view.following))
        self.view.followingChanged.connect(self._show_following)
        self.view.matchesChanged.connect(self._show_matches)
        self.view.findRequested.connect(self.find_field.setFocus)
        self._show_matches(0, 0)

    def remember(self, memory: Memory) -> None:
        """Wrap long lines as the operator chose for all logs, at first yes."""
        self._memory = memory
        self._show_wrap()

    def _turn_wrap(self) -> None:
        wrapped = not self.view.wrapped
        if self._memory is not None:
            self._memory.set(SETTING, {"wrap": wrapped})
        self.view.set_wrapped(wrapped)
        self._show_wrap()

    def _show_wrap(self) -> None:
        if self._memory is not None:
            self.view.set_wrapped(bool(self._memory.value(SETTING, {"wrap": True}).get("wrap", True)))
        self.wrap_button.setChecked(self.view.wrapped)
        self.wrap_button.setToolTip(
            "Long lines go on below" if self.view.wrapped else "Long lines run out to the right"
        )

    def showEvent(self, event: QShowEvent) -> None:
        """Another log may have been told to wrap meanwhile."""
        super().showEvent(event)
        self._show_wrap()

    def set_title(self, title: str) -> None:
        """Name the log, for example by its stream."""
        if self._title is not None:
            self._title.setText(title)
        self.view.setAccessibleName(title)

    def _show_following(self, following: bool) -> None:
        self._follow.setText("Following" if following else "Follow")
        self._follow.set_icon("check" if following else "down")

    def _show_matches(self, position: int, count: int) -> None:
        searching = bool(self.find_field.text())
        lines = "line" if count == 1 else "lines"
        self.matches.setText(f"{position} of {count:,}" if position else f"{count:,} {lines}")
        for part in (self.matches, self._up, self._down):
            part.setVisible(searching)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Return and Shift+Return in the find field go through the matches."""
        if (
            watched is self.find_field
            and isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        ):
            self.view.search_next(backwards=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        return super().eventFilter(watched, event)
