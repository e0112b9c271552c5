"""Square pictures in columns, decoded as they come into sight: ``ThumbnailGrid()``; ``set_items([Thumb(path, name)])``.

Thousands of pictures cost nothing until they are scrolled to. Arrow keys move, Return or a double click activates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from console.theme import RADIUS, theme
from console.widgets.base import (
    antialias,
    draw_icon,
    draw_text,
    fill_rounded,
    focus_ring,
    on_theme,
    rounded_path,
    stroke_rounded,
)
from console.widgets.thumbs import thumbnails

_GAP = 8


@dataclass(frozen=True)
class Thumb:
    """One picture: its path (or the name its bytes have in the thumbnail loader) and what to call it."""

    source: Path | str
    name: str = ""


def paint_picture(painter: QPainter, spot: QRectF, source: Path | str, radius: float = RADIUS) -> None:
    """A square picture with rounded corners; a quiet box while it is decoded, a broken-file icon when it cannot be."""
    side = round(spot.width())
    ratio = painter.device().devicePixelRatioF()
    pixmap = thumbnails().get(source, side, ratio)
    colors = theme()
    if pixmap is None:
        fill_rounded(painter, spot, radius, colors.color("track"))
        if thumbnails().failed(source, side, ratio):
            size = min(24, side // 2)
            center = spot.center()
            draw_icon(painter, center.x() - size / 2, center.y() - size / 2, size, "warn", colors.color("text3"))
        return
    painter.save()
    painter.setClipPath(rounded_path(spot, radius))
    painter.drawPixmap(spot, pixmap, QRectF(pixmap.rect()))
    painter.restore()


class ThumbnailGrid(QAbstractScrollArea):
    """Signals: ``currentChanged(int)``, ``activated(int)``: positions in the items."""

    currentChanged = Signal(int)
    activated = Signal(int)

    def __init__(self, *, columns: int = 4, name: str = "Pictures", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._items: tuple[Thumb, ...] = ()
        self._current = -1
        self._placeholder = ""
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        thumbnails().ready.connect(self._picture_ready)
        on_theme(self, self._restyle)

    def set_items(self, items: Sequence[Thumb]) -> None:
        """Show other pictures from the top; the same ones keep scroll and current picture."""
        made = tuple(items)
        if made == self._items:
            return
        self._items = made
        self._current = -1
        self.verticalScrollBar().setValue(0)
        self._place_bar()
        self.viewport().update()

    def set_placeholder(self, text: str) -> None:
        """What to say without pictures."""
        self._placeholder = text
        self.viewport().update()

    @property
    def current(self) -> int:
        """Position of the current picture, -1 for none."""
        return self._current

    def set_current(self, at: int) -> None:
        """Make a picture the current one and bring it into sight."""
        if at != self._current and -1 <= at < len(self._items):
            self._current = at
            if at >= 0:
                self.setAccessibleDescription(self._items[at].name)
                self._reveal(at)
            self.currentChanged.emit(at)
        self.viewport().update()

    def first_visible(self) -> tuple[int, int]:
        """First and last position in sight (for "1 to 16 of 63"); (0, -1) without pictures."""
        if not self._items:
            return 0, -1
        step = self._side() + _GAP
        first = int(self.verticalScrollBar().value() // step) * self._columns
        rows = -(-self.viewport().height() // step)
        return first, min(len(self._items), first + rows * self._columns) - 1

    def _restyle(self) -> None:
        self._place_bar()
        self.viewport().update()

    def _picture_ready(self, source: str) -> None:
        if self.isVisible() and any(str(item.source) == source for item in self._in_sight()):
            self.viewport().update()

    def _in_sight(self) -> tuple[Thumb, ...]:
        first, last = self.first_visible()
        return self._items[first : last + 1]

    def _side(self) -> int:
        return max(16, (self.viewport().width() - (self._columns - 1) * _GAP) // self._columns)

    def _rect(self, at: int) -> QRect:
        step = self._side() + _GAP
        y = (at // self._columns) * step - self.verticalScrollBar().value()
        return QRect((at % self._columns) * step, y, self._side(), self._side())

    def _place_bar(self) -> None:
        step = self._side() + _GAP
        rows = -(-len(self._items) // self._columns)
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(1, step // 3))
        bar.setRange(0, max(0, rows * step - _GAP - self.viewport().height()))

    def _reveal(self, at: int) -> None:
        rect = self._rect(at)
        bar = self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(bar.value() + rect.top())
        elif rect.bottom() > self.viewport().height():
            bar.setValue(bar.value() + rect.bottom() - self.viewport().height() + 1)

    def sizeHint(self) -> QSize:
        """Three rows of pictures of about 80 px."""
        side = theme().pixels(80)
        return QSize(self._columns * (side + _GAP), 3 * (side + _GAP))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Pictures take the new width."""
        super().resizeEvent(event)
        self._place_bar()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The pictures in sight."""
        painter = QPainter(self.viewport())
        antialias(painter)
        if not self._items:
            area = QRectF(self.viewport().rect())
            ink = theme().color("text3")
            draw_text(painter, area, self._placeholder, "small", ink, Qt.AlignmentFlag.AlignHCenter)
            return
        first, last = self.first_visible()
        for at in range(first, last + 1):
            spot = QRectF(self._rect(at))
            paint_picture(painter, spot, self._items[at].source)
            if at == self._current:
                if self.hasFocus():
                    focus_ring(painter, spot, RADIUS)
                else:
                    stroke_rounded(painter, spot, RADIUS, theme().color("accent"), 2)

    def _at(self, point: QPointF) -> int:
        for at in range(self.first_visible()[0], self.first_visible()[1] + 1):
            if self._rect(at).contains(point.toPoint()):
                return at
        return -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Make the picture under the pointer the current one."""
        at = self._at(event.position())
        if at >= 0:
            self.set_current(at)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Activate the picture under the pointer."""
        at = self._at(event.position())
        if at >= 0:
            self.activated.emit(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, Home, End and Return."""
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns,
            Qt.Key.Key_Down: self._columns,
            Qt.Key.Key_Home: -len(self._items),
            Qt.Key.Key_End: len(self._items),
        }
        if event.key() in steps and self._items:
            moving = self._current >= 0 or event.key() == Qt.Key.Key_End
            wanted = max(self._current, 0) + steps[Qt.Key(event.key())] if moving else 0
            self.set_current(max(0, min(len(self._items) - 1, wanted)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current >= 0:
            self.activated.emit(self._current)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the focus is."""
        super().focusInEvent(event)
        if self._current < 0 and self._items and event.reason() != Qt.FocusReason.MouseFocusReason:
            self.set_current(0)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        """The name of the picture under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._items[at].name if at >= 0 else "", self)
            return True
        return super().viewportEvent(event)
