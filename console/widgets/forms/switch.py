"""A switch with a word beside it: ``Switch("Spot instances")``; ``toggled(bool)`` as of every QAbstractButton."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from console.look.theme import theme
from console.widgets.base import antialias, control_height, draw_text, on_theme, text_width

# Pixels.
_GAP = 8


class Switch(QAbstractButton):
    """On or off, with Space or a click. ``label_first`` puts the word left of the switch."""

    def __init__(
        self, text: str = "", checked: bool = False, *, label_first: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(checked)
        self.setAccessibleName(text)
        self._label_first = label_first
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def _track(self) -> QRectF:
        width, height = theme().pixels(32), theme().pixels(18)
        x = self.width() - width - 2 if self._label_first else 2
        return QRectF(x, (self.height() - height) / 2, width, height)

    def sizeHint(self) -> QSize:
        """Switch, gap and word."""
        word = round(text_width(self.text())) + _GAP if self.text() else 0
        return QSize(theme().pixels(32) + 4 + word, control_height(True))

    def paintEvent(self, event: QPaintEvent) -> None:
        """A filled track with the knob right when on; an outlined one with the knob left when off."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        track = self._track()
        on = self.isChecked()
        radius = track.height() / 2
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("accentFill" if self.isEnabled() else "line2"))
            painter.drawRoundedRect(track, radius, radius)
        else:
            painter.setPen(QPen(colors.color("field" if self.isEnabled() else "line2"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        knob = radius - (3 if on else 3.5)
        x = track.right() - radius if on else track.left() + radius
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("onFill" if on else "field"))
        painter.drawEllipse(QPointF(x, track.center().y()), knob, knob)
        if self.hasFocus():
            painter.setPen(QPen(colors.color("accentFill"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(track.adjusted(-1, -1, 1, 1), radius + 1, radius + 1)
        if self.text():
            ink = "text" if self.isEnabled() else "disabled"
            x = 0 if self._label_first else track.right() + _GAP
            rect = QRectF(x, 0, self.width() - track.width() - _GAP, self.height())
            draw_text(painter, rect, self.text(), "body", colors.color(ink))
