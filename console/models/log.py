"""The lines of a log: bounded in number and in characters, numbered for good, searched in slices.

A line's number never changes, also when older lines are dropped, so that selections and matches stay right.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

# The oldest lines go first. A night of a job that tells of every batch is kept.
MOST_LINES = 200_000
# Some 60 MB in memory, when lines are long.
MOST_CHARACTERS = 60_000_000
# A screen full. What prints an array on one line must not make the window measure it.
LONGEST_LINE = 4_000
# Dropping in large steps keeps the list's memory from being moved for each batch.
_DROP_STEP = 20_000

LogTone = Literal["", "warn", "err"]

_ERROR = re.compile(r"\b(?i:error|exception|traceback|fatal|critical)\b|\b[A-Z]\w*(Error|Exception)\b")
_WARNING = re.compile(r"\b(warn|warning|skipped|deprecated)\b", re.IGNORECASE)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@lru_cache(maxsize=4096)
def _tone(text: str) -> LogTone:
    if _ERROR.search(text):
        return "err"
    return "warn" if _WARNING.search(text) else ""


@lru_cache(maxsize=4096)
def _clock(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")


class LogLine(NamedTuple):
    """One line; ``at`` may be missing."""

    at: datetime | None
    text: str

    @property
    def tone(self) -> LogTone:
        """Whether the words speak of an error or a warning."""
        return _tone(self.text)

    @property
    def clock(self) -> str:
        """Local time of day, or an empty string."""
        return _clock(int(self.at.timestamp())) if self.at is not None else ""


def clean(text: str) -> str:
    """A line as it can be painted: without colour codes and control characters, tabs as spaces, bounded in length."""
    text = text.rstrip("\r\n")
    if "\r" in text:
        # A progress bar rewrites its line: what stays on the screen is what counts.
        text = text.rsplit("\r", 1)[-1]
    if len(text) > LONGEST_LINE:
        text = f"{text[:LONGEST_LINE]} … {len(text) - LONGEST_LINE:,} more characters"
    if "\t" in text:
        text = text.expandtabs(4)
    if not text.isprintable():
        text = _CONTROL.sub("", text)
    return text


class LogBuffer:
    """Lines ``first`` to ``end`` (exclusive); older ones were dropped."""

    def __init__(self, most_lines: int = MOST_LINES, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_lines = most_lines
        self._most_characters = most_characters
        self._lines: list[LogLine] = []
        self._characters = 0
        self.first = 0

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.first + len(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> LogLine:
        """The line with this number; IndexError when it was dropped or is not there yet."""
        if number < self.first:
            raise IndexError(number)
        return self._lines[number - self.first]

    def slice(self, begin: int, end: int) -> list[LogLine]:
        """Lines ``begin`` to ``end`` (exclusive), as far as they are kept."""
        return self._lines[max(0, begin - self.first) : max(0, end - self.first)]

    def extend(self, lines: Iterable[LogLine]) -> int:
        """Add lines (several at a line break); returns how many old ones were dropped."""
        for at, text in lines:
            parts = text.splitlines() if "\n" in text else (text,)
            for part in parts or ("",):
                kept = clean(part)
                self._lines.append(LogLine(at, kept))
                self._characters += len(kept)
        return self._drop()

    def _drop(self) -> int:
        count = 0
        if len(self._lines) > self._most_lines:
            count = len(self._lines) - self._most_lines + min(_DROP_STEP, self._most_lines // 10)
        characters = self._characters - sum(len(line.text) for line in self._lines[:count])
        while characters > self._most_characters and count < len(self._lines) - 1:
            characters -= len(self._lines[count].text)
            count += 1
        if count:
            del self._lines[:count]
            self.first += count
        self._characters = characters
        return count

    def clear(self) -> None:
        """Drop every line; numbers go on."""
        self.first = self.end
        self._lines = []
        self._characters = 0


class LogSearch:
    """Finds lines that contain a text (case is ignored), a slice of the buffer at a time."""

    def __init__(self, buffer: LogBuffer) -> None:
        self._buffer = buffer
        self._scanned = 0
        self.needle = ""
        self.matches: list[int] = []

    def start(self, text: str) -> None:
        """Search for another text from the beginning; an empty one finds nothing."""
        self.needle = text.casefold()
        self.matches = []
        self._scanned = self._buffer.first

    @property
    def done(self) -> bool:
        """True when every line was looked at."""
        return not self.needle or self._scanned >= self._buffer.end

    def step(self, lines: int = 10_000) -> bool:
        """Look at the next lines; true when there are more to look at."""
        if self.done:
            return False
        self._forget_dropped()
        begin = max(self._scanned, self._buffer.first)
        for number, line in enumerate(self._buffer.slice(begin, begin + lines), begin):
            if self.needle in line.text.casefold():
                self.matches.append(number)
        self._scanned = min(begin + lines, self._buffer.end)
        return not self.done

    def _forget_dropped(self) -> None:
        gone = bisect_left(self.matches, self._buffer.first)
        if gone:
            del self.matches[:gone]

    def next_from(self, number: int, *, backwards: bool = False) -> int | None:
        """The match after (or before) line ``number``, going round at the ends; ``None`` without matches."""
        self._forget_dropped()
        if not self.matches:
            return None
        if backwards:
            at = bisect_left(self.matches, number) - 1
        else:
            at = bisect_left(self.matches, number + 1) % len(self.matches)
        return self.matches[at]
