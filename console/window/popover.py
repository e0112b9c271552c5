"""A raised box over the content, with a shadow: the activity panel and the toasts."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.look.theme import RADIUS_DIALOG, theme
from console.widgets.base import on_theme

# Pixels: how far the shadow reaches, and how much lower it lies.
SHADOW = 14
DEPTH = 4


class Popover(QWidget):
    """A child of the window. Its layout is ``self.column``; ``SHADOW`` px around it belong to the shadow."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(SHADOW, SHADOW, SHADOW, SHADOW)
        self.column.setSpacing(0)
        on_theme(self)

    def place(self, x: int, y: int, width: int, height: int) -> None:
        """Put the box (without its shadow) there, in the parent's coordinates."""
        self.setGeometry(x - SHADOW, y - SHADOW, width + 2 * SHADOW, height + 2 * SHADOW)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A soft shadow, then the box with its hairline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(SHADOW, SHADOW, -SHADOW, -SHADOW)
        painter.setPen(Qt.PenStyle.NoPen)
        strength = 0.05 if theme().dark else 0.007
        for spread in range(SHADOW - DEPTH, 0, -1):
            painter.setBrush(theme().color("shade", strength))
            ring = box.adjusted(-spread, -spread + DEPTH, spread, spread + DEPTH)
            painter.drawRoundedRect(ring, RADIUS_DIALOG + spread, RADIUS_DIALOG + spread)
        painter.setBrush(theme().color("raised"))
        painter.setPen(QPen(theme().color("line2" if theme().dark else "line"), 1))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_DIALOG, RADIUS_DIALOG)
