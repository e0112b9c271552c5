"""A one-line search or filter field with the magnifier: ``SearchField("Filter jobs")``.

``searched(str)`` follows typing after a short pause; Escape clears. Connect it to ``ResourceTable.set_filter`` and the
table's ``filterCleared`` to ``clear``.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from console.look.theme import theme
from console.widgets.base import draw_icon, on_theme, text_width

# After the last key: a long list is not filtered for each of them.
_PAUSE_MS = 120


class SearchField(QLineEdit):
    """Text that narrows a list. ``small`` makes it 28 px high."""

    searched = Signal(str)

    def __init__(
        self, placeholder: str = "Filter", *, small: bool = True, chars: int = 16, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._chars = chars
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setProperty("small", small)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setClearButtonEnabled(False)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._search)
        self.textChanged.connect(lambda text: self._timer.start() if text else self._search())
        self._last = ""
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setTextMargins(theme().pixels(16) + 4, 0, 0, 0)
        self.setFixedWidth(round(text_width("n" * self._chars, "small")) + theme().pixels(48))

    def _search(self) -> None:
        self._timer.stop()
        if self.text() != self._last:
            self._last = self.text()
            self.searched.emit(self._last)

    def search_now(self, text: str) -> None:
        """Show ``text`` and search for it at once."""
        self.setText(text)
        self._search()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape clears, Return searches without waiting."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._search()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line edit with the magnifier inside its left margin."""
        super().paintEvent(event)
        painter = QPainter(self)
        size = theme().pixels(14)
        draw_icon(painter, 10, (self.height() - size) / 2, size, "search", theme().color("text3"))
