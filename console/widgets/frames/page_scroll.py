"""A page whose parts scroll together, with the scroll bar in the page's own padding instead of beside the parts."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.widgets.frames.scroll_area import ScrollArea

# Pixels of a scroll bar and what is free beside it.
GUTTER = 16


class PageScroll(ScrollArea):
    """``PageScroll(table, details)``: give it ``GUTTER`` pixels more than its parts at the right."""

    def __init__(self, *parts: QWidget, name: str = "Page", parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setSpacing(12)
        for part in parts:
            self._column.addWidget(part)
        self._column.addStretch(1)
        self.setWidget(page)
        self.verticalScrollBar().rangeChanged.connect(self._keep_width)
        self._keep_width(0, 0)

    def _keep_width(self, _least: int, most: int) -> None:
        """The parts keep their width whether there is a bar or not."""
        bar = self.verticalScrollBar().sizeHint().width() if most > 0 else 0
        self._column.setContentsMargins(0, 0, max(0, GUTTER - bar), 8)
