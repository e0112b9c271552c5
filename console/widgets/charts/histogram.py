"""Thin bars, one for each class: ``set_bars(names, counts, marked)``.

Grey, the chosen one accent, marked ones warn. Arrow keys and clicks choose; it zooms as every chart does (``zooming``).
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from console.look.theme import theme
from console.widgets.base import antialias, focus_ring, on_theme
from console.widgets.charts.saving import csv_of
from console.widgets.charts.zooming import Zooming

# Bars in sight at least.
_FEWEST = 5
_WIDEST = 24.0


class Histogram(Zooming):
    """Signal: ``chosen(int)``, the bar that was clicked or come to by the keyboard."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: Sequence[str] = ()
        self._counts: Sequence[float] = ()
        self._marked: frozenset[int] = frozenset()
        self._current = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Pictures in each class")
        on_theme(self)

    def set_bars(self, names: Sequence[str], counts: Sequence[float], marked: Sequence[int] = ()) -> None:
        """Show one bar for each name; ``marked`` are the positions worth a look."""
        self._names = names
        self._counts = counts
        self._marked = frozenset(marked)
        self._current = min(self._current, len(counts) - 1)
        self.settle_axis()
        self._dress_all()
        self.update()

    def set_current(self, index: int) -> None:
        """Show the bar of ``index`` as chosen (-1: none), without a signal; it comes into sight."""
        self._current = index
        if 0 <= index < len(self._names):
            self.setAccessibleDescription(f"{self._names[index]}: {self._counts[index]:,.0f}")
            self._bring(index)
        self.update()

    def sizeHint(self) -> QSize:
        """Two rows high."""
        return QSize(theme().pixels(240), theme().pixels(40))

    @property
    def chart_title(self) -> str:
        """What it shows."""
        return self.accessibleName()

    def csv(self) -> str:
        """All classes, whatever part is in sight."""
        return csv_of(["class", "pictures"], zip(self._names, self._counts, strict=True))

    def plot_area(self) -> QRectF:
        """All of it."""
        return QRectF(self.rect())

    def settle_axis(self) -> None:
        """A place for each bar."""
        self.take_whole(0.0, float(max(1, len(self._counts))), float(_FEWEST))

    def _bring(self, index: int) -> None:
        if self.shown_part is None:
            return
        low, high = self.shown_part
        if index < low:
            self.zoom_to(index, index + high - low)
        elif index + 1 > high:
            self.zoom_to(index + 1 - (high - low), index + 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The bars in sight from a common foot."""
        painter = QPainter(self)
        colors = theme()
        if self._counts:
            low, high = self.shown_part or (0.0, float(len(self._counts)))
            step = self.width() / (high - low)
            top = max(*self._counts, 1)
            gap = 1.0 if step >= 3 else 0.0
            for at in range(max(0, int(low)), min(len(self._counts), int(high) + 1)):
                tone = "accentFill" if at == self._current else "series3" if at in self._marked else "line2"
                height = max(1.0, self._counts[at] / top * (self.height() - 4))
                wide = max(1.0, min(step - gap, _WIDEST))
                painter.fillRect(QRectF((at - low) * step, self.height() - height, wide, height), colors.color(tone))
        self.paint_band(painter)
        if self.hasFocus():
            antialias(painter)
            focus_ring(painter, QRectF(self.rect()), 4)

    def _at(self, x: float) -> int:
        if not self._counts:
            return -1
        return max(0, min(len(self._counts) - 1, int(self._value_at(x))))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or tell name and count of the bar under the pointer."""
        if self.drag_on(event):
            return
        at = self._at(event.position().x())
        if at >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), f"{self._names[at]}: {self._counts[at]:,.0f}", self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was not dragged was meant for the bar under the pointer."""
        clicked = event.button() == Qt.MouseButton.LeftButton and not self.dragged(event)
        super().mouseReleaseEvent(event)
        if clicked:
            self._choose(self._at(event.position().x()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right choose the neighbours; for the zoom see ``zooming``."""
        if self.zoom_key(event, self._current + 0.5 if self._current >= 0 else None):
            return
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        elif self._counts:
            self._choose(max(0, min(len(self._counts) - 1, self._current + step)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.update()

    def _choose(self, at: int) -> None:
        if at >= 0 and at != self._current:
            self.set_current(at)
            self.chosen.emit(at)
