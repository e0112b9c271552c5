"""Which rows the lines of a log take: one each, or as many as a line needs where long lines go on below.

A row ends behind a blank where there is one, so that words stay whole; one that is longer than a row is cut.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

# Characters: a time and one word. Narrower, a line would break after each letter.
NARROWEST = 16


class LogRows:
    """Counts rows of the lines kept, in memory of eight bytes a line; finding a row is a search by halves."""

    def __init__(self) -> None:
        self._columns = 0
        self._ends = array("q")
        self._gone = 0
        # The rows of one very long line are asked for one after the other.
        self._cut: tuple[str, int, list[int]] = ("", 0, [0])

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def columns(self) -> int:
        """Characters in a row; 0: a line is one row, however long it is."""
        return self._columns

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self._ends[-1] - self._gone if self._ends else 0

    def reset(self, texts: Iterable[str], columns: int) -> None:
        """Count all lines anew for rows of ``columns`` characters (0: do not wrap)."""
        self._columns = max(NARROWEST, columns) if columns else 0
        self._ends, self._gone = array("q"), 0
        self.add(texts)

    def add(self, texts: Iterable[str]) -> None:
        """Lines came at the end."""
        end = self._ends[-1] if self._ends else self._gone
        for text in texts:
            end += self.rows_of(text)
            self._ends.append(end)

    def drop(self, lines: int) -> int:
        """The first ``lines`` went; returns how many rows that were."""
        if not lines:
            return 0
        before = self._gone
        self._gone = self._ends[lines - 1]
        del self._ends[:lines]
        return self._gone - before

    def width_of(self, text: str) -> int:
        """Characters of ``text`` in a row: others than ASCII may be twice as wide."""
        return self._columns if text.isascii() else max(1, self._columns // 2)

    def rows_of(self, text: str) -> int:
        """Rows that a line takes."""
        if not self._columns or len(text) <= self._columns // 2:
            return 1
        return len(_begins(text, self.width_of(text)))

    def part(self, text: str, part: int) -> tuple[int, int]:
        """Where a line's row begins and ends in its text."""
        if not self._columns:
            return 0, len(text)
        width = self.width_of(text)
        if self._cut[0] is not text or self._cut[1] != width:
            self._cut = (text, width, _begins(text, width))
        begins = self._cut[2]
        return begins[part], begins[part + 1] if part + 1 < len(begins) else len(text)

    def first_row(self, line: int) -> int:
        """The row in which a line begins; lines are counted from the first that is kept."""
        return (self._ends[line - 1] if line else self._gone) - self._gone

    def at(self, row: int) -> tuple[int, int]:
        """Line and part of it in a row; the last one for rows beyond the end."""
        line = min(bisect_right(self._ends, row + self._gone), len(self._ends) - 1)
        return line, max(0, row - self.first_row(line))


def _begins(text: str, width: int) -> list[int]:
    """Where the rows of a line begin. The blank that ends a row may stand beyond its width: it is not seen."""
    begins, at, end = [0], 0, len(text)
    while end - at > width:
        blank = text.rfind(" ", at, at + width + 1)
        # Blanks that a line begins with are no words to end a row behind.
        word_ends = blank > at and not text[at:blank].isspace()
        at = blank + 1 if word_ends else at + width
        if at < end:
            begins.append(at)
    return begins
