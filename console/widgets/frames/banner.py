"""A banner that says what, why, and one fix::

    Banner("err", "Your session has ended", "ExpiredToken, since 14:20:31", fix=("Sign in again", sign_in, "key"),
           details=error.technical_text)

Tones: ``err``, ``warn``, ``info``. ``Banner.of_error(error, fix)`` shows an error of the workers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import antialias, draw_icon, fill_rounded, label, on_theme
from console.widgets.forms.buttons import Button, IconButton

BannerTone = Literal["err", "warn", "info"]
Fix = tuple[str, Callable[[], object]] | tuple[str, Callable[[], object], str]

_TINT = {"err": "errTint", "warn": "warnTint", "info": "accentTint"}
_TOKEN = {"err": "err", "warn": "warn", "info": "accent"}
_ICON = {"err": "err", "warn": "warn", "info": "info"}


class Banner(QFrame):
    """A tinted strip. ``closable`` adds a cross; ``closed`` tells that it was used (the banner hides itself)."""

    closed = Signal()

    def __init__(
        self,
        tone: BannerTone = "info",
        title: str = "",
        sentence: str = "",
        *,
        icon: str = "",
        fix: Fix | None = None,
        primary_fix: bool | None = None,
        details: str = "",
        closable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._tone: BannerTone = tone
        self._icon = icon
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._title = label("", "strong", wrap=True, copy=True)
        self._sentence = label("", "small", "text2", wrap=True, copy=True)
        self._details_button = Button("Details", "ghost", small=True, on=self._toggle_details)
        self._fix: Button | None = None
        self._close = IconButton("close", "Dismiss", on=self._dismiss)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._title)
        words.addWidget(self._sentence)
        self._row.addLayout(words, 1)
        self._row.addWidget(self._details_button)
        self._row.addWidget(self._close)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setFont(theme().font("mono"))
        self._details.setFixedHeight(theme().pixels(120))
        self._details.setAccessibleName("Details")
        self._details.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(16 + theme().pixels(16) + 10, 9, 10, 9)
        column.addLayout(self._row)
        column.addWidget(self._details)
        # Only now: without a parent it would be a window of its own for a moment, and take the keyboard.
        self._close.setVisible(closable)
        self.set_content(tone, title, sentence, icon=icon, fix=fix, primary_fix=primary_fix, details=details)
        on_theme(self)

    @classmethod
    def of_error(cls, error: Exception, fix: Fix | None = None, parent: QWidget | None = None) -> Banner:
        """A banner for an error with ``title``, ``message``, ``hint``, ``code`` and ``request_id`` (any may lack)."""
        title, sentence, details = error_words(error)
        return cls("err", title, sentence, fix=fix, details=details, parent=parent)

    def set_content(
        self,
        tone: BannerTone,
        title: str,
        sentence: str = "",
        *,
        icon: str = "",
        fix: Fix | None = None,
        primary_fix: bool | None = None,
        details: str = "",
    ) -> None:
        """Say something else; the fix is ``(text, callable)`` or ``(text, callable, icon)``.

        The fix is a primary button for errors unless ``primary_fix`` says otherwise.
        """
        self._tone = tone
        self._icon = icon or _ICON[tone]
        self._title.setText(title)
        self._sentence.setText(sentence)
        self._sentence.setVisible(bool(sentence))
        self._details.setPlainText(details)
        self._details_button.setVisible(bool(details))
        self._details.hide()
        self.setAccessibleName(f"{title}. {sentence}")
        if self._fix is not None:
            self._row.removeWidget(self._fix)
            self._fix.deleteLater()
            self._fix = None
        if fix is not None:
            primary = tone == "err" if primary_fix is None else primary_fix
            glyph = fix[2] if len(fix) == 3 else ""
            self._fix = Button(fix[0], "primary" if primary else "normal", glyph, small=True, on=fix[1])
            self._row.insertWidget(2, self._fix)
        self.update()

    def _toggle_details(self) -> None:
        self._details.setVisible(self._details.isHidden())
        self._details_button.setText("Details" if self._details.isHidden() else "Hide details")

    def _dismiss(self) -> None:
        self.hide()
        self.closed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The tint and the icon beside the title."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        fill_rounded(painter, QRectF(self.rect()), RADIUS, colors.color(_TINT[self._tone]))
        size = colors.pixels(16)
        y = self._title.y() + (colors.metrics("strong").height() - size) / 2
        draw_icon(painter, 16, y, size, self._icon, colors.color(_TOKEN[self._tone]))


def error_words(error: BaseException) -> tuple[str, str, str]:
    """Title, sentence and details of an error of the workers, or of any exception."""
    title = str(getattr(error, "title", "") or type(error).__name__)
    message = str(getattr(error, "message", "") or error)
    hint = str(getattr(error, "hint", "") or "")
    code = str(getattr(error, "code", "") or "")
    request = str(getattr(error, "request_id", "") or "")
    details = "\n".join(part for part in (code and f"Code: {code}", request and f"Request: {request}") if part)
    return title, " ".join(part for part in (message, hint) if part), details
