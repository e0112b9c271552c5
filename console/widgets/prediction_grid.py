"""Any number of prediction cards in columns, painted as they come into sight (see ``prediction_card``)."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from console.models.base_cards import Card
from console.theme import RADIUS_PANEL, theme
from console.widgets.base import antialias, focus_ring, on_theme
from console.widgets.prediction_card import card_height, paint_card, spoken
from console.widgets.thumbs import thumbnails

_ROW_GAP = 8
_COLUMN_GAP = 16
_REPAINT_MS = 60


class PredictionGrid(QAbstractScrollArea):
    """Signals: ``currentChanged(str key)`` ("" for none), ``activated(str key)``, ``menuRequested(key, QPoint)``."""

    currentChanged = Signal(str)
    activated = Signal(str)
    menuRequested = Signal(str, object)

    def __init__(self, *, name: str = "Predictions", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: list[Card] = []
        self._positions: dict[str, int] = {}
        self._current = ""
        self._keyboard = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REPAINT_MS)
        self._timer.timeout.connect(self.viewport().update)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        thumbnails().ready.connect(self._soon)
        on_theme(self, self._restyle)

    def set_cards(self, cards: Sequence[Card]) -> None:
        """Show these cards in this order; scroll and current card stay as far as they exist."""
        self._cards = list(cards)
        self._positions = {card.key: at for at, card in enumerate(self._cards)}
        if self._current and self.position_of(self._current) < 0:
            self.set_current("")
        self._place_bar()
        self.viewport().update()

    def update_card(self, card: Card) -> None:
        """Replace the card with the same key, or add it at the end."""
        at = self.position_of(card.key)
        if at < 0:
            self._positions[card.key] = len(self._cards)
            self._cards.append(card)
            self._place_bar()
        else:
            self._cards[at] = card
        self._soon()

    def cards(self) -> list[Card]:
        """All cards in the order shown."""
        return list(self._cards)

    def position_of(self, key: str) -> int:
        """Position of a card, -1 if there is none."""
        return self._positions.get(key, -1)

    @property
    def current(self) -> Card | None:
        """The card chosen."""
        at = self.position_of(self._current) if self._current else -1
        return self._cards[at] if at >= 0 else None

    def set_current(self, key: str) -> None:
        """Choose a card ("" for none) and bring it into sight."""
        if key != self._current:
            self._current = key
            at = self.position_of(key)
            if at >= 0:
                self._reveal(at)
                self.setAccessibleDescription(spoken(self._cards[at]))
            self.currentChanged.emit(key)
        self.viewport().update()

    def _soon(self, _source: str = "") -> None:
        if not self._timer.isActive() and self.isVisible():
            self._timer.start()

    def _restyle(self) -> None:
        self._place_bar()
        self.viewport().update()

    # Geometry

    def _columns(self) -> int:
        return max(1, min(3, self.viewport().width() // theme().pixels(390)))

    def _rect(self, at: int) -> QRectF:
        columns = self._columns()
        width = (self.viewport().width() - (columns - 1) * _COLUMN_GAP) / columns
        y = (at // columns) * (card_height() + _ROW_GAP) - self.verticalScrollBar().value()
        return QRectF(round((at % columns) * (width + _COLUMN_GAP)), y, int(width), card_height())

    def _in_sight(self) -> range:
        step = card_height() + _ROW_GAP
        first = self.verticalScrollBar().value() // step * self._columns()
        rows = self.viewport().height() // step + 2
        return range(first, min(len(self._cards), first + rows * self._columns()))

    def _place_bar(self) -> None:
        step = card_height() + _ROW_GAP
        rows = -(-len(self._cards) // self._columns())
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(step // 4)
        bar.setRange(0, max(0, rows * step - _ROW_GAP - self.viewport().height()))

    def _reveal(self, at: int) -> None:
        rect = self._rect(at)
        bar = self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(round(bar.value() + rect.top()))
        elif rect.bottom() > self.viewport().height():
            bar.setValue(round(bar.value() + rect.bottom() - self.viewport().height()))

    def sizeHint(self) -> QSize:
        """Two columns, three rows."""
        return QSize(theme().pixels(800), 3 * (card_height() + _ROW_GAP))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may hold other columns."""
        super().resizeEvent(event)
        self._place_bar()

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        """The cards in sight."""
        painter = QPainter(self.viewport())
        antialias(painter)
        for at in self._in_sight():
            card = self._cards[at]
            chosen = card.key == self._current
            paint_card(painter, self._rect(at), card, selected=chosen)
            if chosen and self._keyboard and self.hasFocus():
                focus_ring(painter, self._rect(at), RADIUS_PANEL)

    def _at(self, point: QPointF) -> int:
        return next((at for at in self._in_sight() if self._rect(at).contains(point)), -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the card under the pointer; beside the cards, none."""
        self._keyboard = False
        at = self._at(event.position())
        self.set_current(self._cards[at].key if at >= 0 else "")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Activate the card under the pointer."""
        at = self._at(event.position())
        if at >= 0:
            self.activated.emit(self._cards[at].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, Home, End, Return; Escape chooses none."""
        self._keyboard = True
        columns, last = self._columns(), len(self._cards) - 1
        at = self.position_of(self._current)
        moves = {
            Qt.Key.Key_Left: at - 1,
            Qt.Key.Key_Right: at + 1,
            Qt.Key.Key_Up: at - columns,
            Qt.Key.Key_Down: at + columns if at >= 0 else 0,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if event.key() in moves and self._cards:
            self.set_current(self._cards[max(0, min(last, moves[Qt.Key(event.key())]))].key)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at >= 0:
            self.activated.emit(self._current)
        elif event.key() == Qt.Key.Key_Escape and self._current:
            self.set_current("")
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask the owner for the card's menu."""
        at = self._at(QPointF(event.pos()))
        key = self._cards[at].key if at >= 0 else self._current
        if key:
            self.set_current(key)
            self.menuRequested.emit(key, event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """By Tab: choose the first card, so that the focus can be seen."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason) and self._cards:
            self._keyboard = True
            self.set_current(self._current or self._cards[0].key)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        """File name and error of the card under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._cards[at].name if at >= 0 else "", self)
            return True
        return super().viewportEvent(event)
