"""The right column: what is idle, what is unsafe, what happened; each section is a ``Part`` named in ``PARTS``."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import PAGE_PADDING, theme
from console.tabs.overview.events.part import EventsPart
from console.tabs.overview.idle import IdlePart
from console.tabs.overview.part import Part
from console.tabs.overview.security.part import SecurityPart
from console.widgets.base import on_theme
from console.widgets.frames.scroll_area import ScrollArea

# In the order of the screen, from the top.
PARTS: list[type[Part]] = [IdlePart, SecurityPart, EventsPart]


class Side(QWidget):
    """The sections under each other, scrolling together. ``build`` adds them one by one."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts: list[Part] = []
        self._ctx = ctx
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, PAGE_PADDING, 0)
        self._column.setSpacing(16)
        self._column.addStretch(1)
        scroll = ScrollArea("Idle, security, events")
        scroll.setWidget(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(PAGE_PADDING, 22, 0, 8)
        column.addWidget(scroll, 1)
        on_theme(self)

    def build(self) -> Iterator[None]:
        """One section at each step."""
        for kind in PARTS:
            part = kind(self._ctx)
            part.set_first(not self.parts)
            self.parts.append(part)
            self._column.insertWidget(self._column.count() - 1, part)
            yield

    def part(self, kind: type[Part]) -> Part:
        """The section of this class."""
        return next(part for part in self.parts if isinstance(part, kind))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The sunken ground."""
        QPainter(self).fillRect(self.rect(), theme().color("sunken"))
