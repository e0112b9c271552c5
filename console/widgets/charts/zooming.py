"""Zooming and panning by hand, for every chart with a horizontal axis of numbers.

The wheel zooms while the chart has the keyboard, or with Ctrl anywhere: else the page scrolls. Dragging shows the part
dragged over, with Shift (or the middle button) it moves what is in sight; a double click shows all again. Keys: + and
-, Shift+Left and Shift+Right, 0 for all of it. The menu says and does the same, and saves the chart.
"""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QWidget

from console.look.theme import theme
from console.models.zoom import STEP, View
from console.widgets.charts.saving import add_saving
from console.widgets.forms.buttons import IconButton

# A hand that shakes by less than this clicks.
_DRAG = 6
_NOTCH = 120
_PAN = 0.25


class Zooming(QWidget):
    """What a chart gets by it. ``viewChanged(part or None)``: another part is shown, by hand; ``show_part`` follows."""

    viewChanged = Signal(object)

    # What a left drag does is the chart's own business where it draws.
    drags = True

    @property
    def zooms(self) -> bool:
        """False where there is no horizontal axis of numbers; such a chart is saved all the same."""
        return True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = View((0.0, 1.0))
        self._pressed: QPointF | None = None
        self._moved: QPointF | None = None
        self._pans = False
        self._all = IconButton("refresh", "Show all of it (0)", size=14, on=self.show_all, parent=self)
        self._all.hide()

    # What a chart says

    @abstractmethod
    def plot_area(self) -> QRectF:
        """Where the axis lies, in the widget."""

    @abstractmethod
    def csv(self) -> str:
        """What is shown as a table."""

    @property
    @abstractmethod
    def chart_title(self) -> str:
        """What a file of it is called."""

    # What is shown

    @property
    def zoomed(self) -> bool:
        """True while a part is shown."""
        return self._view.part is not None

    @property
    def shown_part(self) -> tuple[float, float] | None:
        """The part that is shown, None for all of it."""
        return self._view.part

    def settle_axis(self) -> None:
        """Take the axis as it is now, also before it is painted: what is done by hand is meant for that one."""

    def take_whole(self, low: float, high: float, least: float) -> tuple[float, float]:
        """The axis goes from ``low`` to ``high``; returns what of it is to be painted."""
        if (low, high) != self._view.whole or least != self._view.least:
            self._view = self._view.with_whole((low, high), least)
        return self._view.shown

    def show_part(self, part: tuple[float, float] | None) -> None:
        """Show this part, as another chart on the same axis does; nobody is told."""
        self._view = View(self._view.whole, part, self._view.least)
        self._dress_all()
        self.update()

    def show_all(self) -> None:
        """End the zoom."""
        self._take(View(self._view.whole, None, self._view.least))

    def zoom(self, factor: float, around: float | None = None) -> None:
        """``factor`` times as close, around a value of the axis."""
        self.settle_axis()
        self._take(self._view.zoomed(factor, around))

    def pan(self, share: float) -> None:
        """Move by a share of what is in sight."""
        self._take(self._view.panned(share))

    def zoom_to(self, low: float, high: float) -> None:
        """Show from ``low`` to ``high`` of the axis."""
        self.settle_axis()
        self._take(self._view.to(low, high))

    def _take(self, view: View) -> None:
        if view == self._view:
            return
        self._view = view
        self._dress_all()
        self.viewChanged.emit(view.part)
        self.update()

    def _dress_all(self) -> None:
        self._all.setVisible(self.zoomed)
        plot = self.plot_area()
        self._all.move(round(plot.right() - self._all.width() - 2), round(plot.top() + 2))

    def _value_at(self, x: float) -> float:
        plot, (low, high) = self.plot_area(), self._view.shown
        return low + (x - plot.left()) / max(1.0, plot.width()) * (high - low)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the button in its corner."""
        super().resizeEvent(event)
        if self.zoomed:
            self._dress_all()

    # By hand

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer; sideways, pan. Without the keyboard and without Ctrl the page scrolls."""
        if not self.zooms:
            event.ignore()
            return
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if not (control or self.hasFocus()):
            event.ignore()
            return
        turned = event.angleDelta()
        if turned.y():
            self.zoom(STEP ** (turned.y() / _NOTCH), self._value_at(event.position().x()))
        elif turned.x():
            self.pan(-turned.x() / _NOTCH * _PAN)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A drag may begin."""
        middle = event.button() == Qt.MouseButton.MiddleButton
        left = event.button() == Qt.MouseButton.LeftButton and self.drags
        if self.zooms and (middle or left) and self.plot_area().adjusted(-4, -4, 4, 4).contains(event.position()):
            self._pressed = self._moved = event.position()
            self._pans = middle or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.setFocus(Qt.FocusReason.MouseFocusReason)
        else:
            super().mousePressEvent(event)

    def drag_on(self, event: QMouseEvent) -> bool:
        """What a move of the pointer means while dragging; False when nothing is dragged."""
        if self._pressed is None or self._moved is None:
            return False
        if self._pans:
            width = max(1.0, self.plot_area().width())
            self.pan((self._moved.x() - event.position().x()) / width)
        self._moved = event.position()
        self.update()
        return True

    def dragged(self, event: QMouseEvent) -> bool:
        """Whether letting go now ends a drag, and no click."""
        pressed = self._pressed
        return pressed is not None and (self._pans or abs(event.position().x() - pressed.x()) >= _DRAG)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Show what was dragged over."""
        dragged = self.dragged(event)
        pressed, self._pressed, self._moved = self._pressed, None, None
        if pressed is None:
            super().mouseReleaseEvent(event)
        elif dragged and not self._pans:
            self.zoom_to(self._value_at(pressed.x()), self._value_at(event.position().x()))
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """All of it again."""
        if self.drags and event.button() == Qt.MouseButton.LeftButton:
            self.show_all()
        else:
            super().mouseDoubleClickEvent(event)

    def zoom_key(self, event: QKeyEvent, around: float | None = None) -> bool:
        """What a key means for the zoom; False when it means nothing."""
        if not self.zooms:
            return False
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(STEP * STEP, around)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom(1 / (STEP * STEP), around)
        elif key == Qt.Key.Key_0 or (key == Qt.Key.Key_Escape and self.zoomed):
            self.show_all()
        elif shift and key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self.zoomed:
            self.pan(_PAN if key == Qt.Key.Key_Right else -_PAN)
        else:
            return False
        return True

    def paint_band(self, painter: QPainter) -> None:
        """What is being dragged over."""
        if self._pressed is None or self._moved is None or self._pans:
            return
        plot = self.plot_area()
        left, right = sorted((self._pressed.x(), self._moved.x()))
        if right - left >= _DRAG:
            left, right = max(left, plot.left()), min(right, plot.right())
            painter.fillRect(QRectF(left, plot.top(), right - left, plot.height()), theme().color("accentFill", 0.14))

    # The menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be done with the chart, by right click or the Menu key."""
        self.open_menu(event).popup(event.globalPos())

    def open_menu(self, event: object = None) -> QMenu:
        """The menu, to be opened."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.zooms:
            self._add_zoom(menu)
        add_saving(menu, self, self.chart_title, self.csv)
        return menu

    def _add_zoom(self, menu: QMenu) -> None:
        closer = menu.addAction("Zoom in (+)")
        closer.triggered.connect(lambda: self.zoom(STEP * STEP))
        farther = menu.addAction("Zoom out (-)")
        farther.triggered.connect(lambda: self.zoom(1 / (STEP * STEP)))
        whole = menu.addAction(theme().icon("refresh"), "Show all of it (0)")
        whole.triggered.connect(self.show_all)
        for action in (farther, whole):
            action.setEnabled(self.zoomed)
        menu.addSeparator()
