"""What a list shows instead of rows: ``EmptyState("endpoints", "No endpoints yet", "Deploy a trained model …")``.

Two pictures: empty (round tinted icon, next action as primary button) and ``plain=True`` for "nothing matches".
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from console.look import icons
from console.look.theme import theme
from console.widgets.base import antialias, label, on_theme
from console.widgets.forms.buttons import Button, ButtonKind

Action = tuple[str, Callable[[], object]]


class _Disc(QWidget):
    def __init__(self, icon: str, plain: bool) -> None:
        super().__init__()
        self.icon = icon
        self.plain = plain
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        side = theme().pixels(32 if self.plain else 48)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        antialias(painter)
        rect = QRectF(self.rect())
        size = theme().pixels(24)
        if not self.plain:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accentTint"))
            painter.drawEllipse(rect)
        spot = QRectF(rect.center().x() - size / 2, rect.center().y() - size / 2, size, size)
        icons.paint(painter, spot, self.icon, theme().color("text3" if self.plain else "accent"))


class EmptyState(QWidget):
    """Icon, title, one sentence and at most two buttons, centred."""

    def __init__(
        self,
        icon: str,
        title: str,
        sentence: str = "",
        primary: Action | None = None,
        secondary: Action | None = None,
        *,
        plain: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._plain = plain
        self._disc = _Disc(icon, plain)
        self._title = label(title, "section")
        self._sentence = label(sentence, "body", "text2", wrap=True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 24, 16, 24)
        column.setSpacing(4)
        column.addStretch(1)
        column.addWidget(self._disc, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addWidget(self._title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._sentence)
        column.addSpacing(8)
        column.addLayout(self._buttons)
        column.addStretch(1)
        self.set_content(icon, title, sentence, primary, secondary)

    def set_content(
        self,
        icon: str,
        title: str,
        sentence: str = "",
        primary: Action | None = None,
        secondary: Action | None = None,
    ) -> None:
        """Show something else; an action is ``(text, callable)``."""
        self._disc.icon = icon
        self._disc.update()
        self._title.setText(title)
        self._sentence.setText(sentence)
        self._sentence.setVisible(bool(sentence))
        self.setAccessibleName(f"{title}. {sentence}")
        while self._buttons.count():
            item = self._buttons.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons.addStretch(1)
        first: ButtonKind = "normal" if self._plain else "primary"
        for action, kind in ((primary, first), (secondary, "normal")):
            if action is not None:
                self._buttons.addWidget(Button(action[0], kind, small=self._plain, on=action[1]))
        self._buttons.addStretch(1)

    @property
    def title(self) -> QLabel:
        """The title's label."""
        return self._title
