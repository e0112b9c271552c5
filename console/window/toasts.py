"""Toasts: the newest messages, over the list at the bottom right, gone by themselves unless they are errors.

What stays longer than it takes to read is one line with its button, so that it covers next to nothing; under the
pointer, unless that is on its button, and while the keyboard is in it, it is whole again.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent, QCursor, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QVBoxLayout, QWidget

from console.look.theme import theme
from console.notify import Notice, Notifier
from console.widgets.base import ElidedLabel, below
from console.widgets.forms.buttons import Button, IconButton
from console.window.activity_rows import Glyph, WrapLabel
from console.window.popover import SHADOW, Popover

# Pixels: three lines for most messages.
WIDTH = 380
# More would hide the page; older ones are in the activity panel.
SHOWN = 2
# Pixels.
GAP = 10
_MARGINS, _BRIEF_MARGINS = (14, 10, 8, 10), (14, 4, 8, 4)
# A toast with progress need not be more exact.
FOLLOW_MS = 250
SECONDS = {"info": 4, "success": 4, "warn": 10, "error": 0}
# After so long it was read, and is one line.
READ_MS = {"info": 8_000, "success": 8_000, "warn": 8_000, "error": 20_000}
# With a button it has to be read, thought about and reached.
ACTION_SECONDS = 60
# What only tells goes when the operator turns to something else.
PASSING = ("info", "success")
# What takes back what was done a moment ago.
TAKING_BACK = ("Undo", "Restore")
LOOK = {"info": ("info", "accent"), "success": ("ok", "ok"), "warn": ("warn", "warn"), "error": ("err", "err")}


class Toast(Popover):
    """One message with its action and a cross; waits while the pointer is on it or the keyboard in it."""

    def __init__(self, notice: Notice, gone: Callable[[Toast], object], parent: QWidget) -> None:
        super().__init__(parent)
        self.notice = notice
        self._gone = gone
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._run_out)
        self._since = QElapsedTimer()
        self.brief = False
        icon, token = LOOK[notice.level]
        self._row = row = QHBoxLayout()
        row.setContentsMargins(*_MARGINS)
        row.setSpacing(10)
        self._glyph = Glyph(icon, token)
        row.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        self._words = words = QVBoxLayout()
        words.setSpacing(2)
        words.setContentsMargins(0, 0, 0, 2)
        self._title = WrapLabel("", "strong")
        self._text = WrapLabel(notice.text, "small", "text2", copy=True)
        words.addWidget(self._title)
        words.addWidget(self._text)
        self._text.setVisible(bool(notice.text))
        self._line = ElidedLabel("", "strong")
        self._line.hide()
        words.addWidget(self._line)
        self.action_button = Button("", "link", small=True, on=self._act)
        words.addWidget(self.action_button, 0, Qt.AlignmentFlag.AlignLeft)
        row.addLayout(words, 1)
        row.addWidget(IconButton("close", "Dismiss", on=self.dismiss), 0, Qt.AlignmentFlag.AlignTop)
        self.column.addLayout(row)
        self.say()

    def say(self) -> None:
        """Show the notice's count and action, and begin its time again."""
        notice = self.notice
        times = f" ({notice.count} times)" if notice.count > 1 else ""
        self._title.setText(notice.title + times)
        self._line.setText(notice.title + times)
        self._since.start()
        self._make_brief(False)
        self.setAccessibleName(f"{notice.level}: {notice.title}. {notice.text}")
        self.action_button.setVisible(notice.action is not None)
        if notice.action is not None:
            self.action_button.setText(notice.action[0])
            self.action_button.setAccessibleName(notice.action[0])
        seconds = SECONDS[notice.level]
        if seconds and notice.action is not None:
            seconds = ACTION_SECONDS
        if seconds:
            self._timer.start(seconds * 1000)

    def settle(self) -> bool:
        """Be one line once it was read, and whole while it is looked at; True when that has changed."""
        if self.brief and self._is_aimed_at():
            # Growing would move what is about to be pressed away from under the pointer.
            return False
        wanted = not self._is_looked_at() and self._since.hasExpired(READ_MS[self.notice.level])
        if wanted == self.brief:
            return False
        self._make_brief(wanted)
        if not wanted:
            self._since.start()
        return True

    def _make_brief(self, on: bool) -> None:
        if on == self.brief:
            return
        self.brief = on
        self._row.setContentsMargins(*(_BRIEF_MARGINS if on else _MARGINS))
        self._row.setAlignment(self._glyph, Qt.AlignmentFlag.AlignVCenter if on else Qt.AlignmentFlag.AlignTop)
        self._line.setVisible(on)
        self._title.setVisible(not on)
        self._text.setVisible(not on and bool(self.notice.text))
        if on:
            self._words.removeWidget(self.action_button)
            self._row.insertWidget(self._row.count() - 1, self.action_button)
        else:
            self._row.removeWidget(self.action_button)
            self._words.addWidget(self.action_button, 0, Qt.AlignmentFlag.AlignLeft)

    def height_for(self, width: int) -> int:
        """Height of the box for a width of the box, both without the shadow."""
        # One line has no other height for another width.
        wraps = self.column.hasHeightForWidth()
        return (
            self.column.heightForWidth(width + 2 * SHADOW) if wraps else self.column.sizeHint().height()
        ) - 2 * SHADOW

    @property
    def is_passing(self) -> bool:
        """True for what only told something, and offers nothing."""
        return self.notice.level in PASSING and self.notice.action is None

    def dismiss(self) -> None:
        """Take it away."""
        self._timer.stop()
        self._gone(self)

    def leaveEvent(self, event: QEvent) -> None:
        """Count again."""
        self.say()
        super().leaveEvent(event)

    def _is_looked_at(self) -> bool:
        # Where the pointer is, is looked up: that a message came or went under one at rest is told by no event.
        pointed = self.rect().contains(self.mapFromGlobal(QCursor.pos()))
        focus = QApplication.focusWidget()
        return self.isVisible() and (pointed or (focus is not None and self.isAncestorOf(focus)))

    def _is_aimed_at(self) -> bool:
        at = QCursor.pos()
        return any(
            button.rect().contains(button.mapFromGlobal(at)) for button in below(self, QAbstractButton, in_sight=True)
        )

    def _run_out(self) -> None:
        if self._is_looked_at():
            self.say()
        else:
            self.dismiss()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape dismisses the toast that has the keyboard."""
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def _act(self) -> None:
        action = self.notice.action
        self.dismiss()
        if action is not None:
            action[1]()


class Toasts:
    """Shows a notifier's messages in a window, upwards from the point that ``corner()`` gives (right, bottom)."""

    def __init__(self, notify: Notifier, parent: QWidget, corner: Callable[[], tuple[int, int]]) -> None:
        self._parent = parent
        self._corner = corner
        self.shown: list[Toast] = []
        # A button may come into sight under a message that is there already.
        self._follow = QTimer(parent, interval=FOLLOW_MS)
        self._follow.timeout.connect(self._follow_page)
        notify.listen(self.show)

    def show(self, notice: Notice) -> None:
        """Show a message, or count it on the toast that shows it already."""
        for toast in list(self.shown):
            if toast.notice is notice:
                if notice.withdrawn:
                    self._remove(toast)
                else:
                    toast.say()
                return
        if notice.withdrawn:
            return
        toast = Toast(notice, self._remove, self._parent)
        self.shown.append(toast)
        while len(self.shown) > SHOWN:
            self._remove(next((old for old in self.shown[:-1] if old.is_passing), self.shown[0]))
        # Placed first, so that it is never under a pointer that is elsewhere.
        self.place()
        toast.show()
        self._follow.start()
        if QApplication.platformName() != "offscreen":
            QAccessible.updateAccessibility(QAccessibleEvent(toast, QAccessible.Event.Alert))

    def place(self) -> None:
        """Stack the toasts in their corner."""
        if not self.shown:
            return
        right, bottom = self._corner()
        width = min(theme().pixels(WIDTH), max(240, self._parent.width() - 32))
        bottom = self._clear_of_buttons(
            right - width, right, bottom, sum(toast.height_for(width) + GAP for toast in self.shown)
        )
        for toast in reversed(self.shown):
            height = toast.height_for(width)
            bottom -= height
            toast.place(max(16, right - width), bottom, width, height)
            toast.raise_()
            bottom -= GAP

    def _follow_page(self) -> None:
        for toast in self.shown:
            toast.settle()
        if self.shown:
            self.place()
        else:
            self._follow.stop()

    def _clear_of_buttons(self, left: int, right: int, bottom: int, height: int) -> int:
        """Where the stack ends so that what is to be pressed next stays free: above the buttons in its way."""
        given = bottom
        for top in sorted(self._buttons_between(left, right), key=lambda area: -area.bottom()):
            if bottom - height < top.bottom() + GAP and bottom + GAP > top.top():
                bottom = top.top() - GAP
        # In a window too low for both, the message is read first.
        return bottom if bottom - height > 0 else given

    def _buttons_between(self, left: int, right: int) -> list[QRect]:
        found = []
        for button in below(self._parent, Button, in_sight=True):
            if button.is_main and button.isVisible() and button.window() is self._parent.window():
                place = QRect(button.mapTo(self._parent, QPoint(0, 0)), button.size())
                if place.right() >= left and place.left() <= right:
                    found.append(place)
        return found

    @property
    def offering(self) -> list[Toast]:
        """Those with a button, the newest first."""
        return [toast for toast in reversed(self.shown) if toast.notice.action is not None]

    @property
    def taking_back(self) -> Toast | None:
        """The newest that takes back what was done."""
        return next((toast for toast in self.offering if toast.action_button.text() in TAKING_BACK), None)

    def clear_passing(self) -> None:
        """Take those away that only told something, and offer nothing."""
        for toast in [toast for toast in self.shown if toast.is_passing]:
            self._remove(toast)

    def clear(self) -> None:
        """Take all away."""
        for toast in list(self.shown):
            self._remove(toast)

    def _remove(self, toast: Toast) -> None:
        if toast in self.shown:
            self.shown.remove(toast)
            toast.hide()
            toast.deleteLater()
            self.place()
