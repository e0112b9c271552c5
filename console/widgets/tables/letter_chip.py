"""A letter on a small square of a series' colour: which of several targets something is about.

``LetterChip("A")`` stands beside figures, ``letter_icon("A")`` in a field. A is series 1, B series 2, C series 3.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.icons import RATIOS
from console.look.theme import theme
from console.widgets.base import antialias, draw_text, fill_rounded, on_theme

# Pixels.
SIZE = 16
_RADIUS = 4
_TONES = {"A": "series1", "B": "series2", "C": "series3"}


def series_of(letter: str) -> str:
    """The colour token of an endpoint's letter."""
    return _TONES.get(letter, "series5")


def paint_letter(painter: QPainter, rect: QRectF, letter: str) -> None:
    """Paint the square with its letter into ``rect``."""
    fill_rounded(painter, rect, _RADIUS, theme().color(series_of(letter)))
    draw_text(painter, rect, letter, "strong", theme().color("bg"), Qt.AlignmentFlag.AlignHCenter)


def letter_icon(letter: str) -> QIcon:
    """The same as an icon, in the colours of the scheme in force."""
    icon = QIcon()
    side = theme().pixels(SIZE)
    for ratio in RATIOS:
        pixmap = QPixmap(round(side * ratio), round(side * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        antialias(painter)
        paint_letter(painter, QRectF(0, 0, side, side), letter)
        painter.end()
        icon.addPixmap(pixmap)
    return icon


class LetterChip(QWidget):
    """The square as a widget."""

    def __init__(self, letter: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._letter = letter
        self.setAccessibleName(f"Target {letter}")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """A square."""
        side = theme().pixels(SIZE)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Colour and letter."""
        painter = QPainter(self)
        antialias(painter)
        paint_letter(painter, QRectF(self.rect()), self._letter)
