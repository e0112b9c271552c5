"""What the viewer is made of: the picture with the part that a model sees, that part alone, and the answers as bars."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import RADIUS, theme
from console.models.cards import LETTERS, Card, bars
from console.widgets.base import antialias, label, on_theme, stroke_rounded
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.widgets.pictures.painting import fitted, paint_fitted, paint_missing
from console.widgets.pictures.prediction_card import paint_rows
from console.widgets.tables.letter_chip import LetterChip

# Pixels.
_PADDING = 24
# A small picture is enlarged no more than this: one would only see its squares.
_LARGEST_SCALE = 6.0
# Pixels: what the model sees, some two thirds of its 224; and a line of a class.
_MODEL_SIDE = 144
_ROW = 21


class Canvas(QWidget):
    """The picture as large as it fits, or why there is none. ``seen`` is the square that a model sees, 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.seen: QRectF | None = None
        self.sentence = ""
        self.waiting = True
        self._shape = QSize()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(theme().pixels(160), theme().pixels(160))
        on_theme(self)

    def show_waiting(self) -> None:
        """Nothing is known of the picture yet."""
        self.image, self.seen, self.sentence, self.waiting = QImage(), None, "", True
        self.update()

    def show_image(self, image: QImage, shape: QSize) -> None:
        """Show a picture whose file has ``shape`` pixels."""
        self.image, self._shape, self.sentence, self.waiting = image, shape, "", False
        self.update()

    def show_sentence(self, sentence: str) -> None:
        """Say why there is no picture."""
        self.image, self.seen, self.sentence, self.waiting = QImage(), None, sentence, False
        self.update()

    def show_seen(self, seen: QRectF | None) -> None:
        """Frame the part that a model sees."""
        self.seen = seen
        self.update()

    def room(self) -> QSize:
        """Pixels of the screen that a picture can fill."""
        ratio = self.devicePixelRatioF()
        return QSize(round(self.width() * ratio), round(self.height() * ratio))

    def _place(self) -> QRectF:
        """Where the picture is: a small one is not blown up beyond recognition."""
        pad = theme().pixels(_PADDING)
        area = QRectF(self.rect()).adjusted(pad, pad, -pad, -pad)
        most = QSizeF(self._shape) * _LARGEST_SCALE
        if most.width() < area.width() and most.height() < area.height():
            place = QRectF(0, 0, most.width(), most.height())
            place.moveCenter(area.center())
            return place
        return area

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture on its ground."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        painter.fillRect(self.rect(), colors.color("sunken"))
        if not self.image.isNull():
            place = paint_fitted(painter, self._place(), self.image, 0)
            if self.seen is not None:
                self._paint_seen(painter, place, self.seen)
        elif self.sentence:
            self._paint_sentence(painter)

    def _paint_seen(self, painter: QPainter, place: QRectF, seen: QRectF) -> None:
        box = QRectF(
            place.left() + seen.left() * place.width(),
            place.top() + seen.top() * place.height(),
            seen.width() * place.width(),
            seen.height() * place.height(),
        )
        veil = theme().color("sunken", 0.55)
        for part in (
            QRectF(place.left(), place.top(), place.width(), box.top() - place.top()),
            QRectF(place.left(), box.bottom(), place.width(), place.bottom() - box.bottom()),
            QRectF(place.left(), box.top(), box.left() - place.left(), box.height()),
            QRectF(box.right(), box.top(), place.right() - box.right(), box.height()),
        ):
            painter.fillRect(part, veil)
        stroke_rounded(painter, box, 2, theme().color("accentFill"), 1.5)

    def _paint_sentence(self, painter: QPainter) -> None:
        size = theme().pixels(64)
        center = QRectF(self.rect()).center()
        spot = QRectF(center.x() - size / 2, center.y() - size, size, size)
        paint_missing(painter, spot, RADIUS, "warn")
        painter.setFont(theme().font("body"))
        painter.setPen(theme().color("text"))
        below = QRectF(_PADDING, spot.bottom() + 12, self.width() - 2 * _PADDING, self.height() - spot.bottom())
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(below, int(flags), self.sentence)


class Fetching(QWidget):
    """What is shown while a picture is brought here: how far it is, and a way to give up."""

    def __init__(self, cancel: Callable[[], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = label("", "small", "text2")
        self.bar = ProgressBar(None)
        self.cancel_button = Button("Cancel", small=True, on=cancel)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addWidget(self.words, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.bar)
        column.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignHCenter)


class ModelPicture(QWidget):
    """The network's input, pixel by pixel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.icon = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("What the model sees")
        on_theme(self, self.updateGeometry)

    def show_image(self, image: QImage, icon: str = "") -> None:
        """Show it, or an icon instead."""
        self.image, self.icon = image, icon
        self.update()

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(theme().pixels(_MODEL_SIDE), theme().pixels(_MODEL_SIDE))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture."""
        painter = QPainter(self)
        antialias(painter)
        if self.image.isNull():
            paint_missing(painter, QRectF(self.rect()), icon=self.icon)
        else:
            paint_fitted(painter, fitted(self.image.size(), QRectF(self.rect())), self.image)


class AnswerRows(QWidget):
    """The classes that the endpoints named, with bars."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Classes and percentages")
        on_theme(self, self.updateGeometry)

    def show_card(self, card: Card) -> None:
        """Show the answers of a card."""
        self._card = card
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A line for every class."""
        rows = len(bars(self._card)) if self._card is not None else 0
        return QSize(theme().pixels(200), rows * theme().pixels(_ROW))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The rows."""
        if self._card is not None:
            painter = QPainter(self)
            antialias(painter)
            paint_rows(painter, QRectF(self.rect()), self._card, bars(self._card))


class Asked(QWidget):
    """Whose colour is whose: letter and name of each endpoint, with its time or its error below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[tuple[str, str, str], ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)

    @property
    def lines(self) -> tuple[tuple[str, str, str], ...]:
        """Letter, name and words of every endpoint shown."""
        return self._lines

    def show_lines(self, lines: tuple[tuple[str, str, str], ...]) -> None:
        """Show ``(letter or "", name, words)``."""
        if lines == self._lines:
            return
        self._lines = lines
        while self._column.count():
            item = self._column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for letter, name, words in lines:
            self._column.addWidget(_Line(letter, name, words))


class _Line(QWidget):
    def __init__(self, letter: str, name: str, words: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        if letter:
            row.addWidget(LetterChip(letter), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(label(name, "small", "text", wrap=True))
        column.addWidget(label(words, "small", "text2", wrap=True, copy=True))
        row.addLayout(column, 1)


def letter_of(at: int, count: int) -> str:
    """The letter of an endpoint where there are two."""
    return LETTERS[at] if count > 1 else ""
