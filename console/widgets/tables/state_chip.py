"""A state as icon and word, tinted only when it is worth a look: ``StateChip("InService")``.

``paint_state`` draws the same chip for table cells. The icon's left edge is at the given x whether the chip is tinted
or not, so that states line up under each other.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import ICON_CHIP, theme
from console.models.states import State, state_of
from console.widgets.base import antialias, draw_icon, draw_text, fill_rounded, on_theme, text_width

# Pixels.
OUTSET = 6.0
_GAP = 5.0


def chip_width(state: State) -> float:
    """Width of icon and word, without the tint's margin on the left."""
    return theme().pixels(ICON_CHIP) + _GAP + text_width(state.word, "label") + OUTSET + 2


def paint_state(painter: QPainter, rect: QRectF, state: State) -> None:
    """Paint a state at the left edge of ``rect``; a tint reaches ``OUTSET`` pixels further left."""
    colors = theme()
    size = colors.pixels(ICON_CHIP)
    word = text_width(state.word, "label")
    if state.tint:
        height = min(rect.height(), colors.metrics("small").height() + 5)
        chip = QRectF(rect.left() - OUTSET, 0, size + _GAP + word + 2 * OUTSET + 2, height)
        chip.moveTop(rect.center().y() - height / 2)
        fill_rounded(painter, chip, height / 2, colors.color(state.tint))
    icon = QRectF(rect.left(), round(rect.center().y() - size / 2), size, size)
    draw_icon(painter, icon.left(), icon.top(), size, state.icon_name, colors.color(state.token))
    rect = QRectF(icon.right() + _GAP, rect.top(), rect.right() - icon.right() - _GAP, rect.height())
    draw_text(painter, rect, state.word, "label" if state.tint else "small", colors.color(state.text_token))


class StateChip(QWidget):
    """A state that stands alone, for example beside a title."""

    def __init__(self, state: State | str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state_of(state)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self._state.word)
        on_theme(self, self._resized)

    @property
    def state(self) -> State:
        """The state shown."""
        return self._state

    def set_state(self, state: State | str) -> None:
        """Show another state: a word as AWS writes it, or a State."""
        state = state_of(state)
        if state != self._state:
            self._state = state
            self.setAccessibleName(state.word)
            self._resized()

    def _resized(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """The chip with its tint."""
        height = theme().metrics("small").height() + 8
        return QSize(round(chip_width(self._state) + OUTSET + 1) if self._state.word else 0, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Icon and word, tinted or not."""
        if not self._state.word:
            return
        painter = QPainter(self)
        antialias(painter)
        rect = QRectF(self.rect())
        rect.setLeft(rect.left() + OUTSET)
        paint_state(painter, rect, self._state)
