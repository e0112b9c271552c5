"""Any number of prediction cards in columns, painted as they come into sight (see ``prediction_card``)."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QWidget

from console.look.theme import RADIUS_PANEL, theme
from console.models.cards import Card
from console.widgets.base import focus_ring
from console.widgets.pictures.cell_grid import CellGrid
from console.widgets.pictures.prediction_card import card_height, paint_card, spoken

# Pixels: a picture with five classes and their bars beside it.
_CARD_WIDTH = 390
# On wider screens cards grow, so that long class names are whole.
_MOST_COLUMNS = 3


class PredictionGrid(CellGrid):
    """Signals: ``currentChanged(str key)`` ("" for none), ``activated(str key)`` on Return, ``lookWanted(str key)`` on
    Space or a double click, ``menuRequested(key, QPoint)``, ``copyWanted(key)``, ``removeWanted(key)``."""

    currentChanged = Signal(str)
    activated = Signal(str)
    lookWanted = Signal(str)
    copyWanted = Signal(str)
    removeWanted = Signal(str)
    menuRequested = Signal(str, object)
    column_gap = 16

    def __init__(self, *, name: str = "Predictions", parent: QWidget | None = None) -> None:
        self._cards: list[Card] = []
        self._positions: dict[str, int] = {}
        self._current = ""
        super().__init__(name, parent)

    def set_cards(self, cards: Sequence[Card]) -> None:
        """Show these cards in this order; scroll and current card stay as far as they exist."""
        self._cards = list(cards)
        self._positions = {card.key: at for at, card in enumerate(self._cards)}
        if self._current and self.position_of(self._current) < 0:
            self.set_current("")
        self.lay_out()

    def update_card(self, card: Card) -> None:
        """Replace the card with the same key, or add it at the end."""
        at = self.position_of(card.key)
        if at < 0:
            self._positions[card.key] = len(self._cards)
            self._cards.append(card)
            self.lay_out()
        else:
            self._cards[at] = card
        self.repaint_soon()

    def cards(self) -> list[Card]:
        """All cards in the order shown."""
        return list(self._cards)

    def position_of(self, key: str) -> int:
        """Position of a card, -1 if there is none."""
        return self._positions.get(key, -1)

    @property
    def current(self) -> Card | None:
        """The card chosen."""
        at = self.position()
        return self._cards[at] if at >= 0 else None

    def set_current(self, key: str) -> None:
        """Choose a card ("" for none) and bring it into sight."""
        if key != self._current:
            self._current = key
            at = self.position_of(key)
            if at >= 0:
                self.reveal(at)
                self.setAccessibleDescription(spoken(self._cards[at]))
            self.currentChanged.emit(key)
        self.viewport().update()

    # What the grid asks

    def cell_count(self) -> int:
        """How many cards there are."""
        return len(self._cards)

    def column_count(self) -> int:
        """As many columns as a card's rows of bars leave room for."""
        return max(1, min(_MOST_COLUMNS, self.viewport().width() // theme().pixels(_CARD_WIDTH)))

    def cell_size(self) -> QSizeF:
        """A share of the width, and the height of five rows."""
        columns = self.column_count()
        return QSizeF((self.viewport().width() - (columns - 1) * self.column_gap) / columns, card_height())

    def position(self) -> int:
        """Position of the chosen card, -1 for none."""
        return self.position_of(self._current) if self._current else -1

    def choose(self, at: int) -> None:
        """Choose by position."""
        self.set_current(self._cards[at].key if at >= 0 else "")

    def activate(self, at: int) -> None:
        """Tell the owner."""
        self.activated.emit(self._cards[at].key)

    def look_at(self, at: int) -> None:
        """Tell the owner."""
        self.lookWanted.emit(self._cards[at].key)

    def cell_name(self, at: int) -> str:
        """The file's name."""
        return self._cards[at].name

    def paint_cell(self, painter: QPainter, at: int, rect: QRectF, *, chosen: bool, focused: bool) -> None:
        """The card, tinted when chosen."""
        paint_card(painter, rect, self._cards[at], selected=chosen)
        if focused:
            focus_ring(painter, rect, RADIUS_PANEL)

    def sizeHint(self) -> QSize:
        """Two columns, three rows."""
        return QSize(theme().pixels(800), 3 * (card_height() + self.row_gap))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies, Delete removes the chosen card."""
        if self._current and event.matches(QKeySequence.StandardKey.Copy):
            self.copyWanted.emit(self._current)
        elif self._current and event.matches(QKeySequence.StandardKey.Delete):
            self.removeWanted.emit(self._current)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask the owner for the menu of the card under the pointer, or by the keyboard that of the chosen one."""
        at, place = self._cell_at(QPointF(event.pos())), event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard or at < 0:
            at = self.position()
            place = self.viewport().mapToGlobal(self.cell_rect(at).center().toPoint()) if at >= 0 else place
        if at >= 0:
            self.choose(at)
            self.menuRequested.emit(self._cards[at].key, place)
