"""Fields of search ranges: ``RangeField(0.0001, 0.1)`` from–to, ``ToggleRow([(16, "16"), …])`` some of a few.

Both have ``value()``, ``set_value(…)`` and ``edited()`` as the fields of :mod:`console.widgets.forms.fields` have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QDynamicPropertyChangeEvent, QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import (
    antialias,
    control_height,
    draw_text,
    fill_rounded,
    focus_ring,
    label,
    on_theme,
    stroke_rounded,
    text_width,
)
from console.widgets.forms.fields import NumberField, set_invalid


class RangeField(QWidget):
    """Two numbers with "to" between them; ``value()`` is ``(low, high)``, each ``None`` while it is no number."""

    edited = Signal()

    def __init__(self, low: float, high: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.low = NumberField(low)
        self.high = NumberField(high)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.low, 1)
        row.addWidget(label("to", "small", "text2"))
        row.addWidget(self.high, 1)
        for field, name in ((self.low, "Lowest"), (self.high, "Highest")):
            field.setAccessibleName(name)
            field.edited.connect(self.edited)
        self.setFocusProxy(self.low)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def value(self) -> tuple[float | None, float | None]:
        """Both ends."""
        return self.low.value(), self.high.value()

    def set_value(self, ends: tuple[float, float]) -> None:
        """Put other ends in."""
        self.low.set_value(ends[0])
        self.high.set_value(ends[1])

    def event(self, event: QEvent) -> bool:
        """The error border belongs to both fields."""
        if isinstance(event, QDynamicPropertyChangeEvent) and event.propertyName() == b"invalid":
            for field in (self.low, self.high):
                set_invalid(field, bool(self.property("invalid")))
        return super().event(event)


class Toggle(QAbstractButton):
    """A small choice that is on or off: tinted with an accent border when on."""

    def __init__(self, text: str, checked: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setChecked(checked)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """The text with a little room, as high as a small control."""
        return QSize(round(text_width(self.text(), "strong")) + 16, control_height(True))

    def minimumSizeHint(self) -> QSize:
        """The text is never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frame, ground and text."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        rect = QRectF(self.rect())
        on = self.isChecked()
        if on or self.underMouse():
            fill_rounded(painter, rect, RADIUS, colors.color("accentTint" if on else "hover"))
        border = "accentFill" if on else "line2"
        if bool(self.property("invalid")):
            border = "err"
        stroke_rounded(painter, rect, RADIUS, colors.color(border))
        ink = "disabled" if not self.isEnabled() else "accent" if on else "text2"
        role = "strong" if on else "small"
        draw_text(painter, rect, self.text(), role, colors.color(ink), Qt.AlignmentFlag.AlignHCenter)
        if self.hasFocus():
            focus_ring(painter, rect, RADIUS)


class ToggleRow(QWidget):
    """Toggles beside each other; ``value()`` is the tuple of the keys that are on, in the order offered."""

    edited = Signal()

    def __init__(
        self, items: Sequence[tuple[Any, str]], chosen: Iterable[Any] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        on = set(chosen)
        self.toggles = {key: Toggle(text, key in on) for key, text in items}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for toggle in self.toggles.values():
            toggle.toggled.connect(lambda _: self.edited.emit())
            row.addWidget(toggle, 1)
        first = next(iter(self.toggles.values()), None)
        if first is not None:
            self.setFocusProxy(first)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def value(self) -> tuple[Any, ...]:
        """The keys that are on."""
        return tuple(key for key, toggle in self.toggles.items() if toggle.isChecked())

    def set_value(self, keys: Iterable[Any]) -> None:
        """Switch these on and all others off; ``edited`` follows once if that changed something."""
        before, wanted = self.value(), set(keys)
        for key, toggle in self.toggles.items():
            blocked = toggle.blockSignals(True)
            toggle.setChecked(key in wanted)
            toggle.blockSignals(blocked)
            toggle.update()
        if self.value() != before:
            self.edited.emit()

    def event(self, event: QEvent) -> bool:
        """The error border belongs to every toggle."""
        if isinstance(event, QDynamicPropertyChangeEvent) and event.propertyName() == b"invalid":
            for toggle in self.toggles.values():
                set_invalid(toggle, bool(self.property("invalid")))
        return super().event(event)
