"""How lines of a log are measured and painted: the type of a log view, apart from its scrolling and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from console.look.theme import theme
from console.models.log import LogLine

# Pixels.
PAD_X = 12
PAD_Y = 8

Place = tuple[int, int]


@dataclass(frozen=True)
class Marks:
    """What is marked in the lines: the selection, the text searched for, the current match, the live last line."""

    span: tuple[Place, Place] | None = None
    needle: str = ""
    match: int | None = None
    live: int | None = None


@dataclass(frozen=True)
class Row:
    """What stands in one row: a line, or a part of it where long lines go on below."""

    number: int
    line: LogLine
    begin: int
    end: int


class LogType:
    """The monospace font's measures; made again after a theme change."""

    def __init__(self) -> None:
        self.font: QFont = theme().font("mono")
        self.metrics = QFontMetricsF(self.font)
        tight = round(self.metrics.ascent() + self.metrics.descent()) - 2
        self.line_height = max(round(self.font.pixelSize() * 1.28), tight)
        self.advance = self.metrics.horizontalAdvance("0")
        self.clock_width = self.metrics.horizontalAdvance("00:00:00 ")

    def width(self, text: str, end: int) -> float:
        """Width of the first ``end`` characters."""
        return end * self.advance if text.isascii() else self.metrics.horizontalAdvance(text[:end])

    def character_at(self, text: str, x: float) -> int:
        """The gap between characters nearest to ``x``."""
        low, high = 0, len(text)
        while low < high:
            middle = (low + high) // 2
            if self.width(text, middle + 1) - self.advance / 2 < x:
                low = middle + 1
            else:
                high = middle
        return low

    def paint(self, painter: QPainter, rows: Sequence[Row], scrolled: int, width: int, marks: Marks) -> None:
        """Paint ``rows``, scrolled sideways by ``scrolled`` pixels."""
        colors = theme()
        painter.setFont(self.font)
        inks = {tone: colors.color(tone or "text2") for tone in ("", "warn", "err", "text3", "accent")}
        left = PAD_X - scrolled
        clock = ""
        for at, row in enumerate(rows):
            line, number = row.line, row.number
            top = PAD_Y + at * self.line_height
            baseline = top + (self.line_height + self.metrics.ascent() - self.metrics.descent()) / 2
            x = left + self.clock_width
            whole = row.end - row.begin >= len(line.text)
            if not whole:
                painter.save()
                painter.setClipRect(
                    QRectF(x, top, self.width(line.text[row.begin : row.end], row.end - row.begin), self.line_height),
                    Qt.ClipOperation.IntersectClip,
                )
            self._paint_marks(painter, number, line.text, QPointF(x - self.width(line.text, row.begin), top), marks)
            if not whole:
                painter.restore()
            if line.clock != clock and not row.begin:
                clock = line.clock
                painter.setPen(inks["text3"])
                painter.drawText(QPointF(left, baseline), clock)
            painter.setPen(inks[line.tone or ("accent" if number == marks.live else "")])
            begin, shown = self._in_sight(line.text[row.begin : row.end], scrolled, width)
            painter.drawText(QPointF(x + begin * self.advance, baseline), shown)

    def _in_sight(self, text: str, scrolled: int, width: int) -> tuple[int, str]:
        """The part of a very long line that can be seen: shaping all of it would cost more than all other lines."""
        columns = int(width / max(1.0, self.advance))
        if len(text) <= 2 * columns or not text.isascii():
            return 0, text
        begin = max(0, int((scrolled - self.clock_width) / self.advance) - 2)
        return begin, text[begin : begin + columns + 8]

    def _paint_marks(self, painter: QPainter, number: int, text: str, place: QPointF, marks: Marks) -> None:
        """``place``: the upper left corner of the line's first character."""
        colors = theme()
        if marks.needle:
            color = colors.color("accentTint" if number == marks.match else "warnTint")
            lowered = text.casefold()
            at = lowered.find(marks.needle)
            while at >= 0 and len(lowered) == len(text):
                self._mark(painter, text, (at, at + len(marks.needle)), place, color)
                at = lowered.find(marks.needle, at + len(marks.needle))
        if marks.span is not None and marks.span[0][0] <= number <= marks.span[1][0]:
            first, last = marks.span
            begin = first[1] if number == first[0] else 0
            end = last[1] if number == last[0] else len(text)
            self._mark(painter, text, (begin, max(end, begin)), place, colors.color("accentFill", 0.25))

    def _mark(self, painter: QPainter, text: str, span: tuple[int, int], place: QPointF, color: QColor) -> None:
        left = self.width(text, span[0])
        width = self.width(text, span[1]) - left
        painter.fillRect(QRectF(place.x() + left, place.y(), max(3.0, width), self.line_height), color)
