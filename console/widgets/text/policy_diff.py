"""A policy with the lines that would be added: numbered, marked by a plus, a bar and a tint.

``PolicyDiff().set_lines(grant.diff)`` takes anything with ``number``, ``mark`` (``+`` or empty) and ``text``. Long
policies show the added lines and two lines around them; lines that do not fit are wrapped, never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import antialias, draw_text, fill_rounded, focus_ring, on_theme, rounded_path

CONTEXT = 2
# Pixels.
_PAD = 8
_BAR = 3.0


class Line(Protocol):
    """One line of a diff."""

    @property
    def number(self) -> int: ...
    @property
    def mark(self) -> str: ...
    @property
    def text(self) -> str: ...


class _Piece(NamedTuple):
    number: str
    mark: str
    text: str
    added: bool


class PolicyDiff(QWidget):
    """See the module's text. Takes the focus, so that Ctrl+C copies the policy's lines. ``ground`` is a token."""

    def __init__(self, parent: QWidget | None = None, *, ground: str = "sunken") -> None:
        super().__init__(parent)
        self._ground = ground
        self._lines: tuple[Line, ...] = ()
        self._pieces: list[_Piece] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        on_theme(self, self._lay_out)

    @property
    def added(self) -> int:
        """How many lines would be added."""
        return sum(line.mark == "+" for line in self._lines)

    def set_lines(self, lines: Sequence[Line], *, whole: bool = False) -> None:
        """Show these lines; ``whole``: all of them, else the added ones with their neighbours."""
        near = [at for at, line in enumerate(lines) if line.mark == "+"]
        shown = tuple(lines) if whole or not near else tuple(lines[max(0, near[0] - CONTEXT) : near[-1] + 1 + CONTEXT])
        self._lines = shown
        self.setAccessibleName(f"Policy, {self.added} lines added" if near else "Policy")
        self.setAccessibleDescription(self.text())
        self._lay_out()

    def text(self) -> str:
        """The lines shown, as a diff."""
        return "\n".join(f"{line.mark or ' '} {line.text}" for line in self._lines)

    def _line_height(self) -> int:
        return theme().metrics("mono").height() + 4

    def _columns(self) -> tuple[float, float, float]:
        """Right edge of the numbers, left edge of the marks and of the text."""
        unit = QFontMetricsF(theme().font("mono")).horizontalAdvance("0")
        digits = max((len(str(line.number)) for line in self._lines), default=1)
        numbers = _PAD + _BAR + max(2, digits) * unit + 4
        return numbers, numbers + 2 * unit, numbers + 4 * unit

    def _lay_out(self) -> None:
        unit = QFontMetricsF(theme().font("mono")).horizontalAdvance("0")
        room = max(24, int((self.width() - self._columns()[2] - _PAD) / unit))
        margin = min((_indent(line.text) for line in self._lines), default=0)
        self._pieces = []
        for line in self._lines:
            for at, text in enumerate(_wrapped(line.text[margin:], room)):
                number, mark = ("", "") if at else (str(line.number), line.mark)
                self._pieces.append(_Piece(number, mark, text, line.mark == "+"))
        self.setFixedHeight(len(self._pieces) * self._line_height() + 2 * _PAD)
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the lines."""
        return QSize(theme().pixels(320), len(self._pieces) * self._line_height() + 2 * _PAD)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap again."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._lay_out()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, tints, bars, numbers and words."""
        painter = QPainter(self)
        antialias(painter)
        colors, area = theme(), QRectF(self.rect())
        fill_rounded(painter, area, RADIUS, colors.color(self._ground))
        painter.save()
        painter.setClipPath(rounded_path(area, RADIUS))
        numbers, marks, words = self._columns()
        height = self._line_height()
        for at, piece in enumerate(self._pieces):
            row = QRectF(0, _PAD + at * height, area.width(), height)
            if piece.added:
                painter.fillRect(row, colors.color("addTint"))
                painter.fillRect(QRectF(0, row.top(), _BAR, height), colors.color("add"))
            ink = colors.color("add" if piece.added else "text2")
            place = QRectF(row)
            place.setRight(numbers)
            tone = ink if piece.added else colors.color("text3")
            draw_text(painter, place, piece.number, "mono", tone, Qt.AlignmentFlag.AlignRight)
            place = QRectF(marks, row.top(), words - marks, height)
            draw_text(painter, place, piece.mark, "mono", ink)
            place = QRectF(words, row.top(), area.width() - words - 2, height)
            draw_text(painter, place, piece.text, "mono", ink)
        painter.restore()
        if self.hasFocus():
            focus_ring(painter, area, RADIUS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies the lines."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        super().focusOutEvent(event)
        self.update()


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _wrapped(text: str, room: int) -> list[str]:
    """Pieces of at most ``room`` characters, broken after a space, colon or slash where there is one."""
    pieces: list[str] = []
    lead = " " * (_indent(text) + 2)
    while len(text) > room:
        begin = _indent(text) + 1
        cut = text.rfind(" ", begin, room) + 1
        if cut <= begin + room // 3:
            cut = max(text.rfind(mark, begin, room) for mark in ":/") + 1 or room
        pieces.append(text[:cut])
        text = lead + text[cut:].lstrip()
    return [*pieces, text]
