"""What the endpoints answered about the chosen picture, word by word, when somebody wants to see it."""

from __future__ import annotations

import json

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.cards import LETTERS, Card
from console.widgets.base import on_theme
from console.widgets.forms.buttons import Button

# Of an answer that may list thousands of classes; the copy has them all.
_LINES = 400
# Pixels: an ordinary answer, uncut.
_HEIGHT = 180


class RawPart(QWidget):
    """Folded away until somebody asks for it. ``buttons`` is for the head of its section."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self._unfolded = False
        self.buttons = QWidget()
        row = QHBoxLayout(self.buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.copy_button = Button("Copy", "link", small=True, on=self._copy)
        self.fold_button = Button("Show", "link", small=True, on=self._fold)
        row.addWidget(self.copy_button)
        row.addWidget(self.fold_button)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("kind", "code")
        self.text.setFixedHeight(theme().pixels(_HEIGHT))
        self.text.setAccessibleName("Raw answer")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        self._dress()
        on_theme(self, self._dress)

    def show_card(self, card: Card | None) -> bool:
        """Show the answers about a card; False when there is none."""
        self._card = card
        said = _said(card)
        if said != self.text.toPlainText():
            self.text.setPlainText(said)
        self._place()
        return bool(said)

    def unfold(self) -> None:
        """Show the text from now on."""
        self._unfolded = True
        self._place()

    def _fold(self) -> None:
        self._unfolded = not self._unfolded
        self._place()

    def _place(self) -> None:
        self.setVisible(self._unfolded)
        self.fold_button.setText("Hide" if self._unfolded else "Show")
        self.fold_button.setAccessibleName(f"{self.fold_button.text()} the raw answer")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def _dress(self) -> None:
        self.text.setFont(theme().font("mono"))


def _said(card: Card | None) -> str:
    answers = card.answers if card is not None else ()
    texts = []
    for letter, answer in zip(LETTERS, answers, strict=False):
        if answer is not None:
            words = "\n\n".join(part for part in (answer.error, _pretty(answer.raw)) if part)
            texts.append(f"{letter}: {words}" if len(answers) > 1 else words)
    return "\n\n".join(texts)


def _pretty(raw: str) -> str:
    try:
        lines = json.dumps(json.loads(raw), indent=1, ensure_ascii=False).splitlines()
    except ValueError:
        lines = raw.splitlines()
    return "\n".join(lines[:_LINES])
