"""Panes with a handle between them that is dragged, moved by arrow keys, and remembered.

::

    panes = Panes(Qt.Orientation.Horizontal, ctx.settings, "training.job")
    panes.add(self.log, 3); panes.add(facts, 2)

Sizes are kept as shares under ``panes`` in the settings, so that they hold at every window and text size. A double
click on a handle, or Home, gives the sizes back that the program chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle, QWidget

from console.look.theme import theme

SETTING = "panes"
# Pixels: what can be caught with the mouse, and a step by key.
HANDLE = 13
STEP = 16
# Shares are kept in thousandths, which other screens can use.
_WHOLE = 1000


class Memory(Protocol):
    """What remembers: the window's settings."""

    def value(self, key: str, default: dict[str, Any]) -> dict[str, Any]:
        """What is kept under ``key``."""

    def set(self, key: str, value: dict[str, Any]) -> None:
        """Keep ``value``."""


class Handle(QSplitterHandle):
    """A hairline that takes the keyboard: arrows move it, Home puts it back."""

    is_handle = True

    def __init__(self, orientation: Qt.Orientation, parent: Panes) -> None:
        super().__init__(orientation, parent)
        self._panes = parent
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Size of the panes")
        self.setToolTip("Drag to change the sizes; double click to put them back")

    def sizeHint(self) -> QSize:
        """Wide enough to be caught."""
        return QSize(HANDLE, HANDLE)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move it."""
        sideways = self.orientation() == Qt.Orientation.Horizontal
        back, on = (Qt.Key.Key_Left, Qt.Key.Key_Right) if sideways else (Qt.Key.Key_Up, Qt.Key.Key_Down)
        if event.key() in (back, on):
            place = self.x() if sideways else self.y()
            self.moveSplitter(place + (STEP if event.key() == on else -STEP))
        elif event.key() == Qt.Key.Key_Home:
            self._panes.reset()
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Put the sizes back."""
        self._panes.reset()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show it no more."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A hairline in the middle; strong with the keyboard or the pointer on it."""
        painter = QPainter(self)
        strong = self.hasFocus() or self.underMouse()
        thick = 2 if strong else 1
        area = QRectF(self.rect())
        if self.orientation() == Qt.Orientation.Horizontal:
            line = QRectF(round(area.center().x() - thick / 2), 0, thick, area.height())
        else:
            line = QRectF(0, round(area.center().y() - thick / 2), area.width(), thick)
        painter.fillRect(line, theme().color("accentFill" if strong else "line"))


class Panes(QSplitter):
    """See the module's text; ``name`` is the panes' own in the settings."""

    def __init__(self, orientation: Qt.Orientation, memory: Memory, name: str, parent: QWidget | None = None) -> None:
        super().__init__(orientation, parent)
        self._memory, self._name = memory, name
        self._shares: list[int] = []
        self._placed = False
        self.setChildrenCollapsible(False)
        self.setHandleWidth(HANDLE)
        self.splitterMoved.connect(self._keep)

    def createHandle(self) -> QSplitterHandle:
        """A handle for the keyboard, too."""
        return Handle(self.orientation(), self)

    def add(self, pane: QWidget, share: int) -> None:
        """Add a pane at the end that has ``share`` parts of the whole at first."""
        self.addWidget(pane)
        self.setStretchFactor(self.count() - 1, share)
        self._shares.append(share)

    def reset(self) -> None:
        """Give the panes the sizes that the program chose."""
        kept = dict(self._memory.value(SETTING, {}))
        kept.pop(self._name, None)
        self._memory.set(SETTING, kept)
        self._place(self._shares)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the sizes of the last run."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            kept = self._memory.value(SETTING, {}).get(self._name)
            self._place(kept if kept is not None and _usable(kept, len(self._shares)) else self._shares)

    def _place(self, shares: Sequence[int]) -> None:
        whole = max(1, sum(shares))
        room = self.width() if self.orientation() == Qt.Orientation.Horizontal else self.height()
        self.setSizes([max(1, round(share * max(room, _WHOLE) / whole)) for share in shares])

    def _keep(self, *_: int) -> None:
        sizes = self.sizes()
        # Where a pane is hidden its share is not known.
        if 0 in sizes:
            return
        whole = sum(sizes)
        kept = dict(self._memory.value(SETTING, {}))
        kept[self._name] = [round(size * _WHOLE / whole) for size in sizes]
        self._memory.set(SETTING, kept)


def _usable(kept: object, number: int) -> bool:
    """False for what an edited or older file of settings may hold."""
    return isinstance(kept, list) and len(kept) == number and all(isinstance(size, int) and size > 0 for size in kept)
