"""Pictures in columns of square cells, decoded as they come into sight: ``ThumbnailGrid().set_items([Thumb(path)])``.

Thousands of pictures cost nothing until they are scrolled to. Arrow keys move, Return or a double click activates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, QSizeF, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import focus_ring, stroke_rounded
from console.widgets.pictures.cell_grid import CellGrid
from console.widgets.pictures.painting import paint_picture

# Pixels: below, a picture is a spot.
_SMALLEST = 16


@dataclass(frozen=True)
class Thumb:
    """One picture: its path (or the name its bytes have in the thumbnail loader) and what to call it."""

    source: Path | str
    name: str = ""


class ThumbnailGrid(CellGrid):
    """Signals: ``currentChanged(int)``, ``activated(int)``: positions in the items."""

    currentChanged = Signal(int)
    activated = Signal(int)
    deselects = False

    def __init__(self, *, columns: int = 4, name: str = "Pictures", parent: QWidget | None = None) -> None:
        self._columns = columns
        self._items: tuple[Thumb, ...] = ()
        self._current = -1
        super().__init__(name, parent)

    def set_items(self, items: Sequence[Thumb]) -> None:
        """Show other pictures from the top; the same ones keep scroll and current picture."""
        made = tuple(items)
        if made == self._items:
            return
        self._items = made
        self._current = -1
        self.verticalScrollBar().setValue(0)
        self.lay_out()

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
                self.reveal(at)
            self.currentChanged.emit(at)
        self.viewport().update()

    def first_visible(self) -> tuple[int, int]:
        """First and last position in sight (for "1 to 16 of 63"); (0, -1) without pictures."""
        seen = self.in_sight()
        return (seen[0], seen[-1]) if seen else (0, -1)

    # What the grid asks

    def cell_count(self) -> int:
        """How many pictures there are."""
        return len(self._items)

    def column_count(self) -> int:
        """The number of columns it was made with."""
        return self._columns

    def cell_size(self) -> QSizeF:
        """Squares that fill the width."""
        room = self.viewport().width() - (self._columns - 1) * self.column_gap
        side = max(_SMALLEST, room // self._columns)
        return QSizeF(side, side)

    def position(self) -> int:
        """Position of the current picture, -1 for none."""
        return self._current

    def choose(self, at: int) -> None:
        """Make it the current one."""
        self.set_current(at)

    def activate(self, at: int) -> None:
        """Tell the owner."""
        self.activated.emit(at)

    def cell_name(self, at: int) -> str:
        """What the picture is called."""
        return self._items[at].name

    def paint_cell(self, painter: QPainter, at: int, rect: QRectF, *, chosen: bool, focused: bool) -> None:
        """The picture, outlined when it is the current one."""
        paint_picture(painter, rect, self._items[at].source)
        if focused:
            focus_ring(painter, rect, RADIUS)
        elif chosen:
            stroke_rounded(painter, rect, RADIUS, theme().color("accent"), 2)

    def sizeHint(self) -> QSize:
        """Three rows of pictures of about 80 px."""
        side = theme().pixels(80)
        return QSize(self._columns * (side + self.column_gap), 3 * (side + self.row_gap))
