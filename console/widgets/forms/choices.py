"""One of a few ways, each with a quiet line below: ``Choices([("head", "Head only"), ("tune", "Fine-tune")], "head")``.

``set_note("head", "about 3 min, $0.02")`` says more about one of them. Arrow keys choose.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QRadioButton, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import theme
from console.widgets.base import label, on_theme

# Pixels: the button's circle and the gap to its words.
_INDENT = 24


class Choices(QWidget):
    """``value()`` is the key chosen. Signal: ``edited()``."""

    edited = Signal()

    def __init__(self, items: Sequence[tuple[str, str]], current: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QRadioButton] = {}
        self._notes: dict[str, QLabel] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for key, words in items:
            button, note = QRadioButton(words), label("", "small", "text3", wrap=True)
            self._buttons[key], self._notes[key] = button, note
            self._group.addButton(button)
            column.addWidget(button)
            column.addWidget(note)
            note.hide()
        self._buttons[current].setChecked(True)
        self.setFocusProxy(self._buttons[current])
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._group.buttonToggled.connect(self._toggled)
        self._dress()
        on_theme(self, self._dress)

    def value(self) -> str:
        """The key of what is chosen."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def set_value(self, key: str) -> None:
        """Choose by key."""
        self._buttons[key].setChecked(True)

    def set_note(self, key: str, text: str) -> None:
        """Say something below a way, or nothing for an empty text."""
        note = self._notes[key]
        note.setText(text)
        note.setVisible(bool(text))
        self._buttons[key].setAccessibleDescription(text)

    def note(self, key: str) -> str:
        """What stands below a way."""
        return self._notes[key].text()

    def _toggled(self, button: QRadioButton, on: bool) -> None:
        if on:
            self.setFocusProxy(button)
            self.edited.emit()

    def _dress(self) -> None:
        for note in self._notes.values():
            note.setContentsMargins(theme().pixels(_INDENT), 0, 0, theme().pixels(2))
