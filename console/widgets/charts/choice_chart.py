"""What charts have in common whose things can be chosen: one chosen key, a placeholder, and a focus ring."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.widgets.base import on_theme
from console.widgets.charts.zooming import Zooming


class ChoiceChart(Zooming):
    """Signals: ``chosen(str key)`` when the operator chooses something."""

    chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self._placeholder = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        on_theme(self)

    @property
    def chart_title(self) -> str:
        """Its name."""
        return self.accessibleName()

    def set_chosen(self, key: str) -> None:
        """Mark one thing as chosen."""
        if key != self._key:
            self._key = key
            self.update()

    def set_placeholder(self, text: str) -> None:
        """What to say while there is nothing."""
        self._placeholder = text
        self.update()

    def choose(self, key: str) -> None:
        """Mark it as chosen and tell so."""
        self.set_chosen(key)
        self.chosen.emit(key)

    def choose_next(self, keys: Sequence[str], step: int, first: int) -> None:
        """Choose the neighbour of what is chosen, or ``keys[first]`` when nothing is."""
        at = keys.index(self._key) + step if self._key in keys else first % len(keys)
        self.choose(keys[max(0, min(len(keys) - 1, at))])

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.update()
