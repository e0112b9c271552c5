"""Buttons: one class, five looks, with the gap between icon and text that style sheets cannot give.

``Button("Launch", kind="primary", icon="play")``; kinds: ``normal``, ``primary``, ``danger`` (filled),
``dangerText`` (bordered, red words), ``ghost`` (no border), ``link``. ``IconButton("close", "Close")`` is a square
button with an accessible name and tool tip. A panel has at most one primary button.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QStyle, QStyleOptionButton, QToolButton, QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import antialias, control_height, draw_icon, fill_rounded, focus_ring, on_theme
from console.widgets.forms.reasons import Reasoned
from console.widgets.forms.second_click import SecondClickGuard

ButtonKind = Literal["normal", "primary", "danger", "dangerText", "ghost", "link"]

_QSS_KIND = {"normal": "", "ghost": "plain"}
_TEXT_TOKEN = {
    "normal": "text",
    "primary": "onFill",
    "danger": "onFill",
    "dangerText": "err",
    "ghost": "text2",
    "link": "accent",
}
# Pixels.
_GAP = 8
_MARGIN = {"link": 4, "ghost": 8}


class _PressedByReturn:
    """Put before a button class: Return presses what has the keyboard; in a dialog Qt would press the default one."""

    def keyPressEvent(self: Any, event: QKeyEvent) -> None:
        """Return, as Space does. Held down since before the button was there, it means nothing to it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.click()
        else:
            super().keyPressEvent(event)  # type: ignore[misc]


class Button(_PressedByReturn, Reasoned, SecondClickGuard, QPushButton):
    """A push button; ``icon`` names an icon painted before the text in the text's colour.

    ``clicked`` is the signal; ``on`` is connected to it without arguments.
    """

    def __init__(
        self,
        text: str,
        kind: ButtonKind = "normal",
        icon: str = "",
        *,
        small: bool = False,
        on: Callable[[], object] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._kind: ButtonKind = kind
        self._icon = icon
        self._small = small
        self.setProperty("kind", _QSS_KIND.get(kind, kind))
        self.setProperty("small", small)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if kind == "link":
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._on = on
        # What only means something where one looks, such as a zoom, is not looked for by name.
        self.in_palette = True
        # Who has the keyboard next when this button cannot have it any longer (see ``forms/focus.py``).
        self.heir: QWidget | None = None
        self.clicked.connect(self._run)
        on_theme(self, self.updateGeometry)

    def _run(self) -> None:
        if self._on is not None:
            self._on()

    def meaning(self) -> str:
        """Its words."""
        return self.text()

    def set_icon(self, name: str) -> None:
        """Show another icon ("" for none)."""
        if name != self._icon:
            self._icon = name
            self.updateGeometry()
            self.update()

    def set_kind(self, kind: ButtonKind) -> None:
        """Take another look."""
        if kind != self._kind:
            self._kind = kind
            self.setProperty("kind", _QSS_KIND.get(kind, kind))
            self.style().unpolish(self)
            self.style().polish(self)
            self.updateGeometry()

    def words(self) -> str:
        """Its text as it is read, without the marks of keys."""
        return self._plain()

    @property
    def icon_name(self) -> str:
        """The icon before its text, "" for none."""
        return self._icon

    @property
    def is_link(self) -> bool:
        """True for what stands in a line of text."""
        return self._kind == "link"

    @property
    def is_main(self) -> bool:
        """True for the button that a panel is about, which nothing may cover."""
        return self._kind in ("primary", "danger")

    @property
    def is_dangerous(self) -> bool:
        """True for what deletes or ends something: the keyboard comes to it only by hand (see ``focus``)."""
        return self._kind in ("danger", "dangerText")

    def _font_role(self) -> str:
        if self._kind in ("primary", "danger"):
            return "strong"
        if self._kind == "link":
            return "label" if self._small else "name"
        return "small" if self._small else "body"

    def _content_width(self) -> int:
        font = theme().font(self._font_role())
        if self._small:
            font.setPixelSize(theme().pixels(12))

        width = QFontMetrics(font).horizontalAdvance(self._plain()) if self.text() else 0
        if self._icon:
            width += self._icon_size() + (_GAP if self.text() else 0)
        return width

    def _plain(self) -> str:
        return self.text().replace("&&", "\0").replace("&", "").replace("\0", "&")

    def _icon_size(self) -> int:
        return theme().pixels(14 if self._small else 16)

    def sizeHint(self) -> QSize:
        """Text, icon and margins; the height of a control."""
        margin = _MARGIN.get(self._kind, 10 if self._small else 14)
        return QSize(self._content_width() + 2 * margin, control_height(self._small))

    def minimumSizeHint(self) -> QSize:
        """A button is never narrower than its text."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The style sheet's frame, then icon and text centred together."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter = QPainter(self)
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        ink = "disabled" if not self.isEnabled() else _TEXT_TOKEN[self._kind]
        if ink == "text2" and (self.underMouse() or self.isChecked()):
            ink = "text"
        color = theme().color(ink)
        font = theme().font(self._font_role())
        if self._small:
            font.setPixelSize(theme().pixels(12))
        if self._kind == "link" and self.underMouse() and self.isEnabled():
            font.setUnderline(True)
        content = self._content_width()
        x = (self.width() - content) / 2
        if self._icon:
            size = self._icon_size()
            shade = theme().color("text2") if ink == "text" else color
            draw_icon(painter, x, (self.height() - size) / 2, size, self._icon, shade)
            x += size + _GAP
        if self.text():
            painter.setFont(font)
            painter.setPen(color)
            flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextHideMnemonic
            painter.drawText(QRectF(x, 0, self.width() - x + 1, self.height()), int(flags), self.text())


class IconButton(_PressedByReturn, Reasoned, SecondClickGuard, QToolButton):
    """A square button that shows only an icon; ``name`` is its accessible name and tool tip.

    ``side`` is its size in pixels (default: a small control's height).
    """

    def __init__(
        self,
        icon: str,
        name: str,
        *,
        tone: str = "text2",
        size: int = 16,
        side: int | None = None,
        on: Callable[[], object] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._side = side
        self._icon = icon
        self._tone = tone
        self._size = size
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._on = on
        self.clicked.connect(self._run)
        self._dress()
        on_theme(self, self._dress)

    def _run(self) -> None:
        if self._on is not None:
            self._on()

    def meaning(self) -> str:
        """Its name and its icon."""
        return f"{self.accessibleName()} {self._icon}"

    def set_icon(self, name: str, tone: str | None = None) -> None:
        """Show another icon, optionally in another colour token."""
        self._icon = name
        self._tone = tone or self._tone
        self._dress()

    def _dress(self) -> None:
        side = control_height(True) if self._side is None else theme().pixels(self._side)
        self.setFixedSize(QSize(side, side))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The icon, on a quiet ground while hovered or checked."""
        painter = QPainter(self)
        antialias(painter)
        area = QRectF(self.rect())
        held = self.isDown() or self.isChecked()
        if self.isEnabled() and (held or self.underMouse()):
            fill_rounded(painter, area, RADIUS, theme().color("track" if held else "hover"))
        size = theme().pixels(self._size)
        x, y = (self.width() - size) / 2, (self.height() - size) / 2
        draw_icon(painter, x, y, size, self._icon, theme().color(self._tone if self.isEnabled() else "disabled"))
        if self.hasFocus():
            focus_ring(painter, area, RADIUS)

    def menu_position(self) -> QPoint:
        """Where a menu of this button opens, in screen coordinates."""
        return self.mapToGlobal(QPoint(0, self.height() + 4))
