"""The edge of a panel at a side of the page: drag it, or move it by arrow keys, to make the panel wider.

``Edge(holder, ctx.settings, "side.data", 464)`` gives ``holder`` its width, also at another text size, and keeps what
the operator made of it. A double click, or Home, puts the width back.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QEnterEvent, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import theme
from console.widgets.base import on_theme
from console.widgets.frames.panes import SETTING, STEP, Memory

# Pixels that can be caught with the mouse.
GRIP = 7
# Pixels: the shortest form that can be used, and half of a wide screen.
_LEAST, _MOST = 240, 900
# What the page beside the panel keeps in any case.
_PAGE = 660


class Edge(QWidget):
    """``at_left``: it is the left edge of a panel at the right; else the right edge of one at the left."""

    is_handle = True

    def __init__(
        self,
        holder: QWidget,
        memory: Memory,
        name: str,
        width: int,
        *,
        at_left: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._holder, self._memory, self._name, self._given, self._at_left = holder, memory, name, width, at_left
        self._grabbed: tuple[float, int] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Width of the panel")
        self.setToolTip("Drag to make the panel wider; double click to put it back")
        self._owner: QWidget | None = None
        on_theme(self, self.place)
        holder.installEventFilter(self)
        self._follow_owner()

    def place(self) -> None:
        """Give the panel its width at the text size in force."""
        kept = self._memory.value(SETTING, {}).get(self._name)
        good = isinstance(kept, list) and len(kept) == 1 and isinstance(kept[0], int) and _LEAST <= kept[0] <= _MOST
        wanted = kept[0] if good and kept else self._given
        # The panel's own room is what was wanted, the grip comes on top.
        self._holder.setFixedWidth(min(theme().pixels(wanted) + GRIP - 1, self._most()))
        self.update()

    def set_width(self, pixels: int) -> None:
        """Make the panel this wide, within reason, and remember it."""
        least = round(min(self._given, _LEAST + 40))
        pixels = max(theme().pixels(least), min(self._most(), pixels))
        kept = dict(self._memory.value(SETTING, {}))
        kept[self._name] = [round((pixels - GRIP + 1) / theme().scale)]
        self._memory.set(SETTING, kept)
        self._holder.setFixedWidth(pixels)

    def reset(self) -> None:
        """Give the panel the width that the program chose."""
        kept = dict(self._memory.value(SETTING, {}))
        kept.pop(self._name, None)
        self._memory.set(SETTING, kept)
        self.place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What is beside the page gives way when the window becomes smaller, and gets its width back later."""
        if event.type() == QEvent.Type.ParentChange and watched is self._holder:
            self._follow_owner()
        elif event.type() == QEvent.Type.Resize and watched is self._owner:
            self.place()
        return False

    def _follow_owner(self) -> None:
        owner = self._holder.parentWidget()
        if owner is not self._owner:
            if self._owner is not None:
                self._owner.removeEventFilter(self)
            self._owner = owner
            if owner is not None:
                owner.installEventFilter(self)
        self.place()

    def _most(self) -> int:
        owner = self._holder.parentWidget()
        if owner is None or owner.width() <= _PAGE + _LEAST:
            return theme().pixels(_MOST)
        return max(theme().pixels(self._given) + GRIP - 1, owner.width() - _PAGE)

    def sizeHint(self) -> QSize:
        """A hairline with room to catch it."""
        return QSize(GRIP, 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The hairline at the outer side; strong with the keyboard or the pointer on it."""
        strong = self.hasFocus() or self.underMouse() or self._grabbed is not None
        thick = 2 if strong else 1
        x = 0 if self._at_left else self.width() - thick
        color = theme().color("accentFill" if strong else "line")
        QPainter(self).fillRect(QRectF(x, 0, thick, self.height()), color)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Catch it."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = (event.globalPosition().x(), self._holder.width())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag it."""
        if self._grabbed is not None:
            start, width = self._grabbed
            moved = round(event.globalPosition().x() - start)
            self.set_width(width - moved if self._at_left else width + moved)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let it go."""
        self._grabbed = None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Put it back."""
        self.reset()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right move the edge, Home puts it back."""
        step = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(Qt.Key(event.key()))
        if step is not None:
            self.set_width(self._holder.width() + (-step if self._at_left else step))
        elif event.key() == Qt.Key.Key_Home:
            self.reset()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The pointer is on it."""
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer is on it no more."""
        super().leaveEvent(event)
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show it no more."""
        super().focusOutEvent(event)
        self.update()
