"""One picture of many, as large as the page: ``Viewer(page)`` lies over a page and is driven by ``console.viewing``.

Left and Right go to the pictures around it, Home and End to the first and the last; Escape, Space or the button closes
it, and the keyboard is where it was before. While it is open, Tab stays in it.

Signals: ``moved(int)``: the position that is wanted; ``closed()``; ``cancelled()``: the picture need not be fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QHideEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.cards import Card, class_title, error_of, verdict
from console.models.format import bytes_text, milliseconds
from console.models.viewing import ViewItem, facts, model_words, spoken
from console.widgets.base import ElidedLabel, below, label, on_theme
from console.widgets.forms.buttons import IconButton
from console.widgets.forms.focus import give
from console.widgets.frames.scroll_area import ScrollArea
from console.widgets.pictures.reading import Reading
from console.widgets.pictures.viewer_parts import AnswerRows, Asked, Canvas, Fetching, ModelPicture, letter_of

# Pixels: five classes with their bars.
SIDE_WIDTH = 320
Action = tuple[str, str, Callable[[], object]]


class Viewer(QWidget):
    """Shows what it is told; see the module's text."""

    moved = Signal(int)
    closed = Signal()
    cancelled = Signal()

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        self._page = page
        self._before: QWidget | None = None
        self._item: ViewItem | None = None
        self._at, self._count = -1, 0
        self._actions: Sequence[Action] = ()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture viewer")
        self._build()
        page.installEventFilter(self)
        on_theme(self, self._dress)
        self._dress()
        self.hide()

    def _build(self) -> None:
        self.name = ElidedLabel("", "section", "text")
        self.number = label("", "body", "text2")
        self.previous = IconButton("left", "Picture before (Left)", on=lambda: self.go(self._at - 1))
        self.next = IconButton("right", "Next picture (Right)", on=lambda: self.go(self._at + 1))
        self.menu_button = IconButton("dots", "What can be done with the picture", on=self._open_menu)
        self.close_button = IconButton("close", "Close (Escape)", on=self.close_viewer)
        head = QHBoxLayout()
        head.setContentsMargins(24, 12, 16, 12)
        head.setSpacing(8)
        head.addWidget(self.name, 1)
        for part in (self.number, self.previous, self.next, self.menu_button, self.close_button):
            head.addWidget(part)
        self.canvas = Canvas()
        self.fetching = Fetching(self.cancelled.emit, self.canvas)
        self.fetching.hide()
        self._side = ScrollArea("About the picture")
        self._side.setWidget(self._about())
        line = QFrame()
        line.setProperty("panel", "vline")
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.canvas, 1)
        middle.addWidget(line)
        middle.addWidget(self._side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(middle, 1)

    def _about(self) -> QWidget:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(8)
        self.facts = label("", "small", "text2", wrap=True, copy=True)
        self.place = label("", "small", "text3", wrap=True, copy=True)
        self.class_words = label("", "strong", "text", wrap=True)
        self.verdict = label("", "small", "text2", wrap=True)
        self.asked = Asked()
        self.rows = AnswerRows()
        self._model_head = label("What the model sees", "section")
        self.model = ModelPicture()
        self.model_words = label("", "small", "text2", wrap=True)
        about: tuple[QWidget, ...] = (
            self.class_words, self.verdict, self.rows, self.asked, self.facts, self.place,
            self._model_head, self.model, self.model_words,
        )  # fmt: skip
        for part in about:
            if part is self._model_head:
                column.addSpacing(8)
            column.addWidget(part)
        column.addStretch(1)
        return inner

    def _dress(self) -> None:
        self._side.setFixedWidth(theme().pixels(SIDE_WIDTH))
        self.update()

    # What its owner tells it

    @property
    def position(self) -> int:
        """Position of the picture shown."""
        return self._at

    @property
    def item(self) -> ViewItem | None:
        """The picture shown."""
        return self._item

    def set_actions(self, actions: Sequence[Action]) -> None:
        """``(text, icon, call)`` of what the menu offers for the picture shown."""
        self._actions = actions
        self.menu_button.setVisible(bool(actions))

    def open_viewer(self) -> None:
        """Lie over the page and take the keyboard."""
        if self.isHidden():
            self._before = self.window().focusWidget()
        self.setGeometry(self._page.rect())
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_viewer(self) -> None:
        """Go away; the keyboard goes back to where it was."""
        if self.isHidden():
            return
        self.hide()
        if self._before is not None and self._before.isVisible():
            give(self._before)
        self._before = None

    def show_item(self, item: ViewItem, at: int, count: int) -> None:
        """Tell what is known of a picture before it is read."""
        self._at, self._count = at, count
        self.canvas.show_waiting()
        self.fetching.hide()
        self.model.show_image(QImage())
        self._tell(item)
        self.facts.setText(facts("", 0, 0, item.size))
        self.number.setText(f"{at + 1:,} of {count:,}")
        self.previous.allow(at > 0, "It is the first")
        self.next.allow(at < count - 1, "It is the last")
        self.setAccessibleDescription(spoken(item, at, count))

    def update_item(self, item: ViewItem) -> None:
        """The same picture, about which more is known now."""
        if item != self._item:
            self._tell(item)

    def _tell(self, item: ViewItem) -> None:
        self._item = item
        self.name.setText(item.name)
        self.place.setText(item.place.replace("/", "/\u200b"))
        self.place.setVisible(bool(item.place))
        self.class_words.setText(class_title(item.class_name) if item.class_name else "")
        self.class_words.setVisible(bool(item.class_name))
        self._tell_answers(item.answers, item.asked)
        self.model.setVisible(bool(item.input_size))
        for part in (self._model_head, self.model_words):
            part.setVisible(bool(item.network))
        self.model_words.setText(model_words(item.input_size, item.network))

    def _tell_answers(self, card: Card | None, asked: Sequence[str]) -> None:
        answers = card.answers if card is not None else ()
        lines = []
        for at, (name, answer) in enumerate(zip(asked, answers, strict=False)):
            time = milliseconds(answer.latency_ms) if answer is not None and answer.latency_ms is not None else ""
            words = "not answered yet" if answer is None else answer.error or time
            lines.append((letter_of(at, len(answers)), name, words))
        self.asked.show_lines(tuple(lines))
        self.asked.setVisible(bool(lines))
        self.rows.setVisible(bool(answers))
        words = verdict(card)[1] if card is not None and answers else ""
        if card is not None and answers:
            self.rows.show_card(card)
            self.rows.setAccessibleDescription(error_of(card))
        self.verdict.setText(words[:1].upper() + words[1:])
        self.verdict.setVisible(bool(words))

    def show_fetching(self, done: int, total: int) -> None:
        """So many bytes of it are here."""
        self.fetching.words.setText(f"{bytes_text(done)} of {bytes_text(total)}" if total else "Fetching the picture…")
        self.fetching.bar.set_fraction(done / total if total and done else None)
        self._place_fetching()
        self.fetching.show()

    def show_reading(self, found: Reading, size: int | None) -> None:
        """The picture as it was read, or why it was not."""
        self.fetching.hide()
        self.facts.setText(facts(found.kind, found.width, found.height, size))
        if found.problem:
            self.canvas.show_sentence(found.problem)
        else:
            self.canvas.show_image(found.image, QSize(found.width, found.height))

    def show_trouble(self, sentence: str) -> None:
        """Why there is no picture."""
        self.fetching.hide()
        self.canvas.show_sentence(sentence)
        self.model.show_image(QImage(), "warn")

    def show_model(self, image: QImage, seen: QRectF | None, trouble: str = "") -> None:
        """The network's input and where in the picture it is, or why a model cannot use the picture."""
        self.model.show_image(image, "warn" if trouble else "")
        self.canvas.show_seen(seen)
        if trouble:
            self.model_words.setText(trouble)

    # Going on

    def go(self, at: int) -> None:
        """Ask for another picture."""
        if 0 <= at < self._count and at != self._at:
            self.moved.emit(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, Home, End; Escape and Space close."""
        moves = {
            Qt.Key.Key_Left: self._at - 1,
            Qt.Key.Key_Up: self._at - 1,
            Qt.Key.Key_PageUp: self._at - 1,
            Qt.Key.Key_Right: self._at + 1,
            Qt.Key.Key_Down: self._at + 1,
            Qt.Key.Key_PageDown: self._at + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: self._count - 1,
        }
        if event.key() in moves:
            self.go(moves[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Space):
            self.close_viewer()
        else:
            super().keyPressEvent(event)
            # What lies below must not act on keys that were meant for the viewer.
            event.accept()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes round inside the viewer."""
        ring: list[QWidget] = [self]
        ring += [
            widget
            for widget in below(self, QWidget)
            if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        now = self.window().focusWidget()
        at = ring.index(now) if now in ring else 0
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        ring[(at + (1 if forward else -1)) % len(ring)].setFocus(reason)
        return True

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be done with the picture."""
        if self._actions:
            self._menu().popup(event.globalPos())

    def _open_menu(self) -> None:
        self._menu().popup(self.menu_button.menu_position())

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, icon, call in self._actions:
            menu.addAction(theme().icon(icon), text, call)
        return menu

    # Place

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """As large as the page, whatever becomes of that."""
        if event.type() == QEvent.Type.Resize and watched is self._page and not self.isHidden():
            self.setGeometry(self._page.rect())
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is being fetched stays in the middle."""
        super().resizeEvent(event)
        self._place_fetching()

    def _place_fetching(self) -> None:
        size = self.fetching.sizeHint().expandedTo(QSize(theme().pixels(240), 0))
        area = self.canvas.rect()
        self.fetching.setGeometry(
            (area.width() - size.width()) // 2, (area.height() - size.height()) // 2, size.width(), size.height()
        )

    def hideEvent(self, event: QHideEvent) -> None:
        """Another page is shown, or it was closed: either way it ends."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.setVisible(False)
            self.closed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Nothing of the page shines through."""
        QPainter(self).fillRect(self.rect(), theme().color("bg"))
