"""Lines of icon and words: ``HintLine`` below a field, ``CheckLine`` for one finding, ``Legend`` of colours.

``CheckLine("warn", "4 files are not pictures", "they will be skipped", action=("Show", self.show_files))``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from console.look.theme import theme
from console.widgets.base import (
    ElidedLabel,
    antialias,
    control_height,
    draw_icon,
    draw_text,
    label,
    on_theme,
    set_tone,
    text_width,
)
from console.widgets.forms.buttons import Button

LineTone = Literal["ok", "warn", "err", "info", "run", "wait", "neutral"]
LineAction = tuple[str, Callable[[], object]]

_ICON = {"ok": "ok", "warn": "warn", "err": "err", "info": "info", "run": "run", "wait": "wait", "neutral": ""}
_INK = {"ok": "ok", "warn": "warn", "err": "err", "info": "text3", "run": "accent", "wait": "text3", "neutral": "text3"}


class IconLabel(QWidget):
    """An icon alone, in a token's colour; it takes no focus and has no name of its own."""

    def __init__(self, icon: str, tone: str = "text2", size: int = 16, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._tone = tone
        self._size = size
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def set_icon(self, icon: str, tone: str | None = None) -> None:
        """Show another icon, optionally in another colour."""
        self._icon = icon
        self._tone = tone or self._tone
        self.setVisible(bool(icon))
        self.update()

    def sizeHint(self) -> QSize:
        """A square of the icon's size."""
        side = theme().pixels(self._size)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The icon."""
        if self._icon:
            draw_icon(QPainter(self), 0, 0, theme().pixels(self._size), self._icon, theme().color(self._tone))


class HintLine(QWidget):
    """Small words with an icon below a field, and at most one link."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._glyph = IconLabel("", "text3", 14)
        self._words = label("", "small", "text3", wrap=True)
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(6)
        self._line.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        self._line.addWidget(self._words, 1)
        self._link: Button | None = None
        self.hide()

    @property
    def text(self) -> str:
        """The words shown."""
        return self._words.text()

    def say(self, text: str, tone: LineTone = "neutral", *, icon: str = "", action: LineAction | None = None) -> None:
        """Show words, or nothing for an empty text."""
        self._words.setText(text)
        ink = _INK[tone]
        set_tone(self._words, ink)
        self._glyph.set_icon(icon or _ICON[tone], ink)
        if self._link is not None:
            self._line.removeWidget(self._link)
            # It is gone at the next turn of the loop; the new one stands in its place at once.
            self._link.hide()
            self._link.deleteLater()
            self._link = None
        if action is not None:
            self._link = Button(action[0], "link", small=True, on=action[1])
            self._link.setFixedHeight(self._words.sizeHint().height() + 4)
            self._line.addWidget(self._link, 0, Qt.AlignmentFlag.AlignTop)
        self.setVisible(bool(text))


class CheckLine(QWidget):
    """Icon, strong title, quiet detail, and a link at the right end; ``level``: as high with a link as without."""

    def __init__(
        self,
        tone: LineTone,
        title: str,
        detail: str = "",
        *,
        action: LineAction | None = None,
        small: bool = False,
        level: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._glyph = IconLabel(_ICON[tone], _INK[tone])
        self._title = ElidedLabel(title, "small" if small else "name", "text2" if small else "text")
        self._detail = ElidedLabel(detail, "small" if small else "body", "text2")
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 2, 0, 2)
        self._line.setSpacing(8)
        for part in (self._glyph, self._title, self._detail):
            self._line.addWidget(part)
        self._line.setStretchFactor(self._detail, 1)
        if action is not None:
            self._line.addWidget(Button(action[0], "link", small=True, on=action[1]))
        self._level = level
        self._dress()
        on_theme(self, self._dress)
        self._say()

    def _dress(self) -> None:
        """Lines with and without a link are to stand at the same distance."""
        self._line.setContentsMargins(0, 0 if self._level else 2, 0, 0 if self._level else 2)
        if self._level:
            self.setFixedHeight(control_height(small=True))

    def set_content(self, tone: LineTone, title: str, detail: str = "") -> None:
        """Say something else; the link stays."""
        self._glyph.set_icon(_ICON[tone], _INK[tone])
        self._title.setText(title)
        self._detail.setText(detail)
        self._say()

    def _say(self) -> None:
        self.setAccessibleName(f"{self._title.text()} {self._detail.text()}".strip())


class Legend(QWidget):
    """Coloured dots with their words in one line: ``set_entries([("32", "series1"), ("64", "series2")])``."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[tuple[str, str], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def set_entries(self, entries: Sequence[tuple[str, str]]) -> None:
        """Show these words with these colour tokens."""
        self._entries = tuple(entries)
        self.setAccessibleName("Colours: " + ", ".join(words for words, _ in entries) if entries else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Dot, gap and words of each."""
        width = sum(text_width(words, "small") + 24 for words, _ in self._entries)
        return QSize(round(width), theme().metrics("small").height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The dots and words."""
        painter = QPainter(self)
        antialias(painter)
        x = 4.0
        for words, token in self._entries:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color(token))
            painter.drawEllipse(QPointF(x + 4, self.height() / 2), 4, 4)
            width = text_width(words, "small")
            rect = QRectF(x + 13, 0, width + 1, self.height())
            draw_text(painter, rect, words, "small", theme().color("text2"))
            x += width + 24
