"""Finding by a few letters: ``Finder(entries).find("dep end")`` gives the best first.

Every word of what is typed must be found: at the beginning of the title, of one of its words, as initials, inside, in
the words beside the title, or at least its letters in their order. While letters are added only what was found before
is looked through again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from heapq import nsmallest

# Nobody types more of a name by hand, and what is pasted is looked for as it is.
MOST_LETTERS = 40
_WORDS = re.compile(r"[^\W_]+")

# The lower the better; of letters that are scattered, those farther apart are worse by up to 1.
BEGINS, WORD, INITIALS, INSIDE, BESIDE, SCATTERED = 0.0, 1.0, 1.5, 2.0, 3.0, 4.0


class Finder:
    """Looks through ``(title, other words)`` pairs.

    Of those that fit as well, the ``first`` ones (used lately) stand before short ones, and those before long ones.
    """

    def __init__(self, texts: Sequence[tuple[str, str]], first: int = 0) -> None:
        self._first = first
        self._titles = [title.casefold() for title, _ in texts]
        self._beside = [beside.casefold() for _, beside in texts]
        self._last: tuple[str, list[int]] = ("", list(range(len(texts))))

    def find(self, typed: str, most: int = 60) -> list[int]:
        """Positions of the ``most`` best, the best first; of nothing typed the first ones in their order."""
        wanted = " ".join(typed.casefold().split())
        before, candidates = self._last
        if not wanted.startswith(before):
            candidates = range(len(self._titles))  # type: ignore[assignment]
        words = [word[:MOST_LETTERS] for word in wanted.split()]
        first = self._first
        scored = [(0.0, len(self._titles[at]) if words and at >= first else 0, at) for at in candidates]
        for word in words:
            scored = self._narrowed(scored, word)
        # In the order of the entries, so that the next letters find them so.
        self._last = (wanted, [at for _, _, at in scored])
        return [at for _, _, at in nsmallest(most, scored)]

    def _narrowed(self, scored: list[tuple[float, int, int]], word: str) -> list[tuple[float, int, int]]:
        titles, beside = self._titles, self._beside
        letters = re.compile("".join(f"[^{re.escape(letter)}]*({re.escape(letter)})" for letter in word))
        kept = []
        for score, length, at in scored:
            title = titles[at]
            place = title.find(word)
            if place == 0:
                kept.append((score + BEGINS, length, at))
            elif place > 0:
                while place > 0 and title[place - 1].isalnum():
                    place = title.find(word, place + 1)
                kept.append((score + (WORD if place > 0 else INSIDE), length, at))
            elif word in beside[at]:
                kept.append((score + BESIDE, length, at))
            elif (found := letters.match(title)) is not None:
                initials = "".join(part[0] for part in _WORDS.findall(title))
                near = INITIALS if initials.startswith(word) else SCATTERED + _spread(found, len(word))
                kept.append((score + near, length, at))
        return kept


def _spread(found: re.Match[str], letters: int) -> float:
    """0 for letters side by side, up to 1 for letters far apart."""
    return min(1.0, (found.end() - found.start(1) - letters) / 100)
