"""A section of the Overview's right column: a head, a hairline above it, and a body that a subclass fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.frames.banner import Banner, Fix

if TYPE_CHECKING:
    from workers.inventory.types import Inventory


class Part(QWidget):
    """``title`` stands in the head, ``note`` is a quiet word beside it, ``tail`` a layout at the head's right end.

    ``body`` is the layout to fill. ``active`` is true while the tab is in sight. Words about the body as a whole
    (it is being read, there is nothing) are said by ``say``, what went wrong by ``set_error``.
    """

    title: ClassVar[str] = ""

    @property
    def findings(self) -> int:
        """How many things of it want a look: a narrow window's button shows the sum of all sections."""
        return 0

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.active = False
        self.note = label("", "body", "text3", wrap=True)
        self.tail = QHBoxLayout()
        self.tail.setSpacing(8)
        self._rule = QFrame()
        self._rule.setProperty("panel", "line")
        self._said = label("", "small", "text2", wrap=True)
        self._said.hide()
        self._banner = Banner("err")
        self._banner.hide()
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(label(self.title, "section"))
        head.addWidget(self.note, 1)
        head.addLayout(self.tail)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self._rule)
        column.addLayout(head)
        column.addWidget(self._banner)
        column.addWidget(self._said)
        column.addLayout(self.body)
        self.setAccessibleName(self.title)

    def set_first(self, first: bool) -> None:
        """The first section has no hairline above it."""
        self._rule.setVisible(not first)

    def add_link(self, text: str, on: Callable[[], object]) -> Button:
        """A link at the right end of the head."""
        link = Button(text, "link", on=on)
        self.tail.addWidget(link)
        return link

    # What is said about the body

    def say(self, text: str) -> None:
        """One quiet sentence above the body; "" takes it away."""
        self._said.setText(text)
        self._said.setVisible(bool(text))

    def set_loading(self, text: str) -> None:
        """It is being read; nothing is known of its errors yet."""
        self._banner.hide()
        self.say(text)

    def set_error(self, error: BaseException, fix: Fix | None = None) -> None:
        """Say what went wrong, above what is known from before."""
        from console.widgets.frames.banner import error_words

        title, sentence, details = error_words(error)
        self._banner.set_content("err", title, sentence, details=details, fix=fix, primary_fix=False)
        self._banner.show()
        self.say("")

    def clear_error(self) -> None:
        """It was read well."""
        self._banner.hide()

    # What a section overrides

    def refresh(self) -> None:
        """Read again: an account is in force and the tab is in sight. Keeps what is shown until the answer is there."""

    def show_inventory(self, found: Inventory) -> None:
        """The inventory was just read."""

    def resource_changed(self, kind: str, name: str) -> None:
        """A command changed something of the account."""

    def forget(self) -> None:
        """The account was left: nothing of it may stay in sight."""

    def set_active(self, on: bool) -> None:
        """The tab came into sight, or went out of it."""
        self.active = on
