"""Fields of forms: ``LineEdit``, ``IntField``, ``NumberField`` and ``ComboBox``, all with ``value`` and ``edited``.

Each field knows ``value()``, ``set_value(…)`` and the signal ``edited()``; put it into a ``FormRow`` of
:mod:`console.widgets.forms.form` for a label, a hint and validation. The mouse wheel never changes a field without
focus.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QPainter, QPaintEvent, QPalette, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from console.look.style import restyle
from console.look.theme import theme
from console.models.format import typed_number
from console.widgets.base import control_height, draw_text, on_theme, text_width

# Pixels: the sheet's paddings, which Qt's hint leaves out.
_COMBO_PADDING = 12
# "64.0" is a whole number as well; "1.000" may be one or a thousand, so it is neither.
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0{1,2})?")
# More do not fit AWS's integers of 64 bits.
_MOST_DIGITS = 18

# By Tab, by the label's key, or by the program, as the first field of a dialog.
GIVEN = (
    Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason,
    Qt.FocusReason.OtherFocusReason,
)  # fmt: skip

Remark = tuple[str, Literal["neutral", "warn", "err"]]


def set_invalid(field: QWidget, invalid: bool) -> None:
    """Give a field the error border, or take it away."""
    if bool(field.property("invalid")) != invalid:
        field.setProperty("invalid", invalid)
        restyle(field)


class LineEdit(QLineEdit):
    """One line of text; ``suffix`` is a quiet unit at its right end, ``chars`` its preferred width in characters."""

    edited = Signal()

    def __init__(
        self,
        text: str = "",
        placeholder: str = "",
        *,
        suffix: str = "",
        chars: int = 12,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._suffix = suffix
        self._chars = chars
        self.setPlaceholderText(placeholder)
        self.textChanged.connect(lambda _: self.edited.emit())
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setTextMargins(0, 0, round(text_width(self._suffix, "small")) + 8 if self._suffix else 0, 0)
        self.updateGeometry()

    def value(self) -> str:
        """The text without spaces around it."""
        return self.text().strip()

    def set_value(self, value: str) -> None:
        """Put another text in; one that is too long shows how it begins, unless somebody is writing there."""
        self.setText(value)
        if not self.hasFocus():
            self.setCursorPosition(0)

    def sizeHint(self) -> QSize:
        """Wide enough for ``chars`` characters."""
        return QSize(round(text_width("0" * self._chars)) + 28, control_height())

    def minimumSizeHint(self) -> QSize:
        """Never narrower than a few characters."""
        return QSize(round(text_width("0" * min(4, self._chars))) + 24, control_height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The style's line edit, and the unit."""
        super().paintEvent(event)
        if self._suffix:
            rect = QRectF(self.rect()).adjusted(0, 0, -10, 0)
            ink = theme().color("text3")
            draw_text(QPainter(self), rect, self._suffix, "small", ink, Qt.AlignmentFlag.AlignRight)


class _Replaced:
    """Put before a field: what is typed replaces what is in it, however the keyboard came there, but for a click."""

    _reached = False

    def focusInEvent(self: Any, event: QFocusEvent) -> None:
        """Choose all of it; of a window that comes back only what had not been reached before."""
        super().focusInEvent(event)  # type: ignore[misc]
        first, self._reached = not self._reached, True
        if event.reason() in GIVEN or (first and event.reason() == Qt.FocusReason.ActiveWindowFocusReason):
            self.selectAll()


class NumberField(_Replaced, LineEdit):
    """A decimal number, typed freely (``1e-3`` too); ``value()`` is ``None`` while the text is no number."""

    def __init__(self, value: float, *, suffix: str = "", chars: int = 8, parent: QWidget | None = None) -> None:
        super().__init__(f"{value:g}", suffix=suffix, chars=chars, parent=parent)

    def value(self) -> float | None:  # type: ignore[override]
        """The number, or ``None``."""
        return typed_number(self.text())

    def set_value(self, value: float) -> None:  # type: ignore[override]
        """Put another number in."""
        self.setText(f"{value:g}")


class IntField(_Replaced, QSpinBox):
    """A whole number with arrows. What is typed is never cut: too much becomes the most, and ``remark`` says so.

    ``remark`` is ``(words, tone)`` for the row below, empty words for nothing to say.
    """

    edited = Signal()

    def __init__(
        self, value: int, minimum: int = 1, maximum: int = 9999, *, suffix: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.remark: Remark = ("", "neutral")
        self.setRange(minimum, maximum)
        self.setValue(value)
        self.setSuffix(f" {suffix}" if suffix else "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(lambda _: self.edited.emit())
        self.lineEdit().textEdited.connect(self._typed)
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setFixedHeight(control_height())
        self.lineEdit().setTextMargins(7, 0, 0, 0)

    def value(self) -> int:
        """The number as it is typed, within the limits; the one before while the text is no whole number."""
        number = self._number(self.text())
        return super().value() if number is None else min(self.maximum(), max(self.minimum(), number))

    def set_value(self, value: int) -> None:
        """Put another number in; one outside the limits becomes the nearest, with a remark."""
        self.remark = self._limit_remark(value, f"{value:,}")
        before = super().value()
        self.setValue(value)
        if self.remark[0] and super().value() == before:
            self.edited.emit()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Anything may be typed; only a whole number within the limits is taken as it is."""
        number = self._number(text)
        fits = number is not None and self.minimum() <= number <= self.maximum()
        state = QValidator.State.Acceptable if fits else QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        """What becomes of a text that is not taken as it is, once the typing is over; the remark tells it."""
        number = self._number(text)
        typed = text.removesuffix(self.suffix()).strip()
        typed = typed if len(typed) <= _MOST_DIGITS else f"{typed[:_MOST_DIGITS]}…"
        if number is None:
            self.remark = (f"“{typed}” is no whole number: {super().value():,} again" if typed else "", "warn")
            return self.textFromValue(super().value()) + self.suffix()
        self.remark = self._limit_remark(number, typed)
        return self.textFromValue(min(self.maximum(), max(self.minimum(), number))) + self.suffix()

    def valueFromText(self, text: str) -> int:
        """The number of a text that was found good."""
        number = self._number(text)
        return super().value() if number is None else number

    def stepBy(self, steps: int) -> None:
        """The arrows never leave the limits."""
        said, self.remark = self.remark[0], ("", "neutral")
        super().stepBy(steps)
        if said:
            self.edited.emit()

    def _typed(self, text: str) -> None:
        number = self._number(text)
        if number is None:
            self.remark = (f"A whole number from {self.minimum():,} to {self.maximum():,}", "err")
        else:
            self.remark = self._limit_remark(number, "")
        # Of a number within the limits Qt has told already; before that, there was no remark to it.
        self.edited.emit()

    def _limit_remark(self, number: int, typed: str) -> Remark:
        became = f": {typed} became that" if typed else ""
        if number > self.maximum():
            return f"At most {self.maximum():,}{became}", "warn"
        if number < self.minimum():
            return f"At least {self.minimum():,}{became}", "warn"
        return "", "neutral"

    def _number(self, text: str) -> int | None:
        found = _WHOLE.fullmatch(text.removesuffix(self.suffix()).strip())
        # Beyond these digits it is too much, whatever it is.
        return int(found[1][:_MOST_DIGITS]) if found else None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling a page must not change a number in passing."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ComboBox(QComboBox):
    """A choice of ``(key, text)`` or ``(key, text, icon)``; ``value()`` is the key. Signal ``chosen(object key)``."""

    edited = Signal()
    chosen = Signal(object)

    def __init__(
        self,
        items: Sequence[tuple[Any, ...]] = (),
        current: Any = None,
        *,
        name: str = "",
        small: bool = False,
        placeholder: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icons: list[str] = []
        # Between what is kept whole and what is shortened first, where a text does not fit: " in ", for example.
        self.shorten_after = ""
        self.setProperty("small", small)
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setItemDelegate(QStyledItemDelegate(self))
        self.setMaxVisibleItems(16)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_items(items, current)
        self.currentIndexChanged.connect(self._changed)
        on_theme(self, self._dress)

    def set_items(self, items: Sequence[tuple[Any, ...]], current: Any = None) -> None:
        """Offer other items; the one chosen stays chosen if it is among them. No signal unless the choice changed."""
        wanted = current if current is not None else self.value()
        before = self.value()
        blocked = self.blockSignals(True)
        self.clear()
        self._icons = [item[2] if len(item) > 2 else "" for item in items]
        for item in items:
            self.addItem(item[1], item[0])
        keys = [item[0] for item in items]
        self.setCurrentIndex(keys.index(wanted) if wanted in keys else (0 if keys and not self._placed() else -1))
        self.blockSignals(blocked)
        self._dress()
        if self.value() != before and not blocked:
            self._changed()

    def _placed(self) -> bool:
        return bool(self.placeholderText())

    def _dress(self) -> None:
        for at, icon in enumerate(self._icons):
            if icon:
                self.setItemIcon(at, theme().icon(icon))

    def _changed(self, _index: int = 0) -> None:
        self.setToolTip(self.currentText() if len(self.currentText()) > 20 else "")
        self.edited.emit()
        self.chosen.emit(self.value())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The style's box, its text ended by an ellipsis where it does not fit."""
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        if self.currentIndex() < 0:
            option.currentText = self.placeholderText()
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        icon = 0 if option.currentIcon.isNull() else option.iconSize.width() + 4
        text, width = option.currentText, room.width() - 4 - icon
        option.currentText = self.fitting(option.fontMetrics, text, width)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def fitting(self, metrics: QFontMetrics, text: str, width: int) -> str:
        """``text`` in ``width`` pixels: what stands after ``shorten_after`` is shortened first, in its middle.

        Where another item begins with all that is left of its beginning, its end is shown instead: names of jobs
        differ in the time at their end.
        """
        short = self._shortened(metrics, text, width)
        begins, cut, _ = short.partition("…")
        others = {self.itemText(at) for at in range(self.count())} - {text}
        if short != text and cut and not self.shorten_after and any(other.startswith(begins) for other in others):
            return metrics.elidedText(text, Qt.TextElideMode.ElideLeft, width)
        return short

    def _shortened(self, metrics: QFontMetrics, text: str, width: int) -> str:
        head, between, tail = text.rpartition(self.shorten_after) if self.shorten_after else ("", "", text)
        room = width - metrics.horizontalAdvance(head + between)
        if between and room >= metrics.horizontalAdvance("m…m"):
            return head + between + metrics.elidedText(tail, Qt.TextElideMode.ElideMiddle, room)
        return metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width)

    def value(self) -> Any:
        """The key chosen, or ``None``."""
        return self.currentData()

    def set_value(self, key: Any) -> None:
        """Choose by key; an unknown key chooses nothing."""
        self.setCurrentIndex(self.findData(key))

    def sizeHint(self) -> QSize:
        """Wide enough for the longest item: the style leaves the sheet's paddings out."""
        wanted = super().sizeHint()
        return QSize(wanted.width() + theme().pixels(_COMBO_PADDING), wanted.height())

    def minimumSizeHint(self) -> QSize:
        """A long item must not widen a form: the closed box may show only its beginning."""
        wanted = self.sizeHint()
        return QSize(min(wanted.width(), round(text_width("0" * 8)) + 44), wanted.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling a page must not change a choice in passing."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
