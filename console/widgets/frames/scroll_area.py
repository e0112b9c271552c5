"""A scrolling area for people without a mouse: it takes the keyboard only when there is something to scroll, says what
it holds, and shows its focus."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from console.look.theme import RADIUS
from console.widgets.base import antialias, focus_ring


def into_sight(part: QWidget) -> None:
    """Scroll the area that holds ``part`` so that it is seen as a whole, once the layout has made room for it."""
    QTimer.singleShot(0, part, lambda: _scroll_to(part))


def _scroll_to(part: QWidget) -> None:
    place = part.parentWidget()
    while place is not None and not isinstance(place, QScrollArea):
        place = place.parentWidget()
    if place is not None:
        place.ensureWidgetVisible(part, 0, 8)


class _Ring(QWidget):
    """Lies over the area, whose own painting is hidden by what scrolls in it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        antialias(painter)
        focus_ring(painter, QRectF(self.rect()), RADIUS)


class ScrollArea(QScrollArea):
    """Scrolls up and down; ``name`` says what for."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ring = _Ring(self)
        self.setAccessibleName(name)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().rangeChanged.connect(self._range_changed)

    def _range_changed(self, _least: int, most: int) -> None:
        wanted = Qt.FocusPolicy.TabFocus if most > 0 else Qt.FocusPolicy.NoFocus
        if not self.hasFocus():
            self.setFocusPolicy(wanted)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that the arrow keys scroll this."""
        super().focusInEvent(event)
        self._ring.setGeometry(self.rect())
        self._ring.raise_()
        self._ring.show()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The keyboard is elsewhere."""
        super().focusOutEvent(event)
        self._ring.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The ring goes along."""
        super().resizeEvent(event)
        self._ring.setGeometry(self.rect())
