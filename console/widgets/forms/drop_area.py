"""A dashed area that takes files and folders: dropped, or chosen with its button.

::

    area = DropArea("folder", "Choose or drop a folder", "with train, valid and test inside", button="Choose folder…")
    area.dropped.connect(self.check)          # list[Path]
    area.chooseRequested.connect(self.choose) # button, click, Return or Space
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import RADIUS_PANEL, theme
from console.widgets.base import ElidedLabel, antialias, fill_rounded, focus_ring, on_theme
from console.widgets.forms.buttons import Button
from console.widgets.forms.drops import local_paths
from console.widgets.forms.lines import IconLabel


class DropArea(QWidget):
    """Signals: ``dropped(object list[Path])``, ``chooseRequested()``.

    ``accepts(paths)`` may refuse a drop while it hovers. ``tail`` is a layout at the right end for more widgets.
    """

    dropped = Signal(object)
    chooseRequested = Signal()

    def __init__(
        self,
        icon: str,
        title: str,
        detail: str = "",
        *,
        button: str = "",
        inline: bool = False,
        accepts: Callable[[list[Path]], bool] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._accepts = accepts
        self._over = False
        self._glyph = IconLabel(icon, "accent", 24)
        self._title = ElidedLabel(title, "strong" if inline else "section", middle=True, least=12)
        self._detail = ElidedLabel(detail, "body" if inline else "small", "text2")
        words: QHBoxLayout | QVBoxLayout = QHBoxLayout() if inline else QVBoxLayout()
        words.setSpacing(6 if inline else 1)
        words.addWidget(self._title)
        words.addWidget(self._detail, 1 if inline else 0)
        self.tail = QHBoxLayout()
        self.tail.setSpacing(8)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 14, 16, 14)
        line.setSpacing(16)
        line.addWidget(self._glyph)
        line.addLayout(words, 1)
        line.addLayout(self.tail)
        if button:
            self.tail.addWidget(Button(button, on=self.chooseRequested.emit))
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{title} {detail}".strip())
        on_theme(self)

    def set_text(self, title: str, detail: str = "", icon: str | None = None) -> None:
        """Say something else, for example which folder was chosen."""
        self._title.setText(title)
        self._detail.setText(detail)
        if icon is not None:
            self._glyph.set_icon(icon)
        self.setAccessibleName(f"{title} {detail}".strip())

    def sizeHint(self) -> QSize:
        """Two lines of text and room around."""
        return QSize(super().sizeHint().width(), max(super().sizeHint().height(), theme().pixels(60)))

    def _usable(self, data: QMimeData) -> list[Path]:
        paths = local_paths(data)
        return paths if paths and (self._accepts is None or self._accepts(paths)) else []

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Light up for what can be taken."""
        if self._usable(event.mimeData()):
            event.acceptProposedAction()
            self._set_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The drop went elsewhere."""
        self._set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the files and folders."""
        self._set_over(False)
        paths = self._usable(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def _set_over(self, over: bool) -> None:
        self._over = over
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click anywhere chooses, like the button."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chooseRequested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return and Space choose."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chooseRequested.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A sunken panel with a dashed border; tinted while something hovers over it."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        area = QRectF(self.rect())
        fill_rounded(painter, area, RADIUS_PANEL, colors.color("accentTint" if self._over else "sunken"))
        if self.hasFocus():
            focus_ring(painter, area, RADIUS_PANEL)
            return
        pen = QPen(colors.color("accentFill" if self._over else "field"), 2 if self._over else 1.5)
        pen.setDashPattern([4, 2.5])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), RADIUS_PANEL, RADIUS_PANEL)
