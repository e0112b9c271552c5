"""The way of a folder in four words: folder, checked, uploaded, train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.widgets.base import label, set_tone
from console.widgets.forms.lines import IconLabel

StepState = Literal["done", "now", "run", "later", "warn", "err"]
Step = tuple[str, StepState]

_ICONS = {
    "done": ("ok", "ok"),
    "now": ("wait", "accent"),
    "run": ("run", "accent"),
    "later": ("wait", "text3"),
    "warn": ("warn", "warn"),
    "err": ("err", "err"),
}
_WORDS = {"done": "done", "now": "next", "run": "under way", "later": "later", "warn": "needs a look", "err": "failed"}


class Steps(QWidget):
    """Shows ``(words, state)`` of each step, each with an icon; ``steps`` are those shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps: tuple[Step, ...] = ()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self._parts: list[tuple[IconLabel, QWidget]] = []

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Show these steps."""
        if tuple(steps) == self.steps:
            return
        self.steps = tuple(steps)
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for at, (words, state) in enumerate(self.steps):
            if at:
                self._row.addSpacing(2)
                self._row.addWidget(IconLabel("right", "text3", 14))
                self._row.addSpacing(2)
            icon, tone = _ICONS[state]
            self._row.addWidget(IconLabel(icon, tone, 14))
            text = label(words, "label" if state in ("now", "run") else "small", "text2")
            set_tone(text, "text3" if state == "later" else "text" if state in ("now", "run") else "text2")
            self._row.addWidget(text)
        self._row.addStretch(1)
        self.setAccessibleName("Steps: " + ", ".join(f"{words} {_WORDS[state]}" for words, state in self.steps))
