"""What stands in a tab's side panel: a sunken, scrolling column of sections.

::

    panel = SidePanel("dog-classifier-multi")
    panel.title_row.addWidget(chip)                  # at the right end of the title
    panel.add(KeyValues(rows)); panel.section("If you delete it", right=link); panel.add(...)
    tab.set_side(panel, "Details")                   # becomes a button in narrow windows
"""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from console.look.theme import PAGE_PADDING, theme
from console.widgets.base import ElidedLabel, label, on_theme
from console.widgets.frames.scroll_area import ScrollArea


class SidePanel(QWidget):
    """Sections under each other. ``title_row`` and ``buttons`` are layouts to fill; ``foot`` stays below the scroll."""

    def __init__(self, title: str = "", *, ground: str = "sunken", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = ground
        self.title = ElidedLabel(title, "section", middle=True, least=8)
        self.title_row = QHBoxLayout()
        self.title_row.setSpacing(8)
        self.title_row.addWidget(self.title, 1)
        self.title_row.addStretch(0)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        self._inner = QWidget()
        self._column = QVBoxLayout(self._inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self._end = QWidget()
        self._column.addWidget(self._end, 1)
        scroll = ScrollArea(title or "Details")
        scroll.setWidget(self._inner)
        self.foot = QVBoxLayout()
        self.foot.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(PAGE_PADDING, 16, PAGE_PADDING, 16)
        column.setSpacing(12)
        column.addLayout(self.title_row)
        column.addLayout(self.buttons)
        column.addWidget(scroll, 1)
        column.addLayout(self.foot)
        on_theme(self)

    def set_title(self, title: str) -> None:
        """Name what the panel shows."""
        self.title.setText(title)

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Add a part at the end."""
        self._column.insertWidget(self._column.indexOf(self._end), widget, stretch)

    def section(self, title: str, right: QWidget | None = None, *, line: bool = True) -> QWidget:
        """Begin a section: a hairline, a title, and maybe something at the right end. Returns the head."""
        head = QWidget()
        column = QVBoxLayout(head)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(12)
        if line:
            rule = QFrame()
            rule.setProperty("panel", "line")
            column.addWidget(rule)
        row = QHBoxLayout()
        row.addWidget(label(title, "section"))
        row.addStretch(1)
        if right is not None:
            row.addWidget(right)
        column.addLayout(row)
        self.add(head)
        return head

    def clear(self) -> None:
        """Take every part away."""
        while self._column.count() > 1:
            item = self._column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The panel's ground."""
        QPainter(self).fillRect(self.rect(), theme().color(self._background))
