"""Shows a list as high as whole rows are, so that no row is cut at its lower end."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget


class WholeRows(QWidget):
    """Holds ``inner`` at its top; ``row()`` is the height of a row and ``gap`` the pixels between two."""

    def __init__(self, inner: QWidget, row: Callable[[], float], gap: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inner, self._row, self._gap = inner, row, gap
        inner.setParent(self)
        self.setSizePolicy(inner.sizePolicy())

    def sizeHint(self) -> QSize:
        """That of what it holds."""
        return self._inner.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """That of what it holds."""
        return self._inner.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another number of rows fits."""
        super().resizeEvent(event)
        # The rows of a grid are as high as its width says.
        self._inner.setGeometry(0, 0, self.width(), self.height())
        step = self._row() + self._gap
        rows = int((self.height() + self._gap) // step)
        if rows:
            self._inner.setGeometry(0, 0, self.width(), round(rows * step) - self._gap)
