"""Regular expressions that somebody else wrote: a search in them ends in time, whatever they are.

``re`` cannot be interrupted and holds the interpreter while it searches; one expression such as ``(a|aa)+$`` would
stop the whole sandbox. The ``regex`` package understands the same expressions, takes a time limit and lets the
other threads run.
"""

from __future__ import annotations

import re
import time

import regex

# A search in one line takes microseconds; longer than this is a regex that backtracks.
SEARCH_SECONDS = 0.5
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-=:,;/%@!<>'\"")
_REPEATS = frozenset("*+?{")
# An escape, a set of characters, a count, or any other character: what an expression is made of, roughly.
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)
# ``regex`` writes a counted repetition out while it compiles, so that ``a{1000000000}`` takes all memory.
_MOST_CHARACTERS = 100_000


class SlowExpression(Exception):
    """A search took longer than it may."""


class InvalidExpression(ValueError):
    """A text that is no regular expression; says why."""


class BoundedRegex:
    """A compiled expression. ``budget``: seconds for all searches together; without it each has ``SEARCH_SECONDS``."""

    def __init__(self, text: str, budget: float | None = None) -> None:
        if written_out(text) > _MOST_CHARACTERS:
            raise InvalidExpression(f"it repeats something more than {_MOST_CHARACTERS:,} times")
        try:
            self._compiled = regex.compile(text)
        except (regex.error, RecursionError, OverflowError) as error:
            raise InvalidExpression(str(error)) from error
        self.text = text
        self._needs = required_text(text)
        self._left = budget

    def search(self, line: str) -> str | None:
        """The first group of the first match, the whole match if there are no groups, or None.

        Raises ``SlowExpression`` when it takes too long.
        """
        # Most lines of a log are of no interest, and this is told in a tenth of the time.
        if self._needs not in line:
            return None
        began = time.perf_counter()
        seconds = SEARCH_SECONDS if self._left is None else min(SEARCH_SECONDS, max(0.001, self._left))
        try:
            match = self._compiled.search(line, timeout=seconds, concurrent=True)
        except TimeoutError as error:
            raise SlowExpression(f"The expression took longer than {seconds:g} s on one line.") from error
        if self._left is not None:
            self._left -= time.perf_counter() - began
            if self._left <= 0:
                raise SlowExpression("The expression took too long on all lines together.")
        if match is None:
            return None
        return str(match.group(1) or "") if self._compiled.groups else str(match.group(0))


def written_out(expression: str) -> int:
    """How many characters the expression has at least when its counts (``a{3}``) are written out; rather too many."""
    sizes = [0]
    last = 0
    for piece in _PIECE.finditer(expression):
        text = piece[0]
        if piece[1] is not None:
            sizes[-1] += last * max(0, int(piece[1]) - 1)
            last *= max(1, int(piece[1]))
        elif text == "(":
            sizes.append(0)
            last = 0
        elif text == ")" and len(sizes) > 1:
            last = sizes.pop()
            sizes[-1] += last
        else:
            last = 1
            sizes[-1] += 1
    return sum(sizes)


def required_text(expression: str) -> str:
    """A text without which the expression cannot match; empty when that is not plain to see."""
    if "|" in expression or "(?" in expression:
        return ""
    text = ""
    for character in expression.removeprefix("^"):
        if character not in _PLAIN:
            return text[:-1] if character in _REPEATS else text
        text += character
    return text
