"""Whole numbers that a client wrote: Python's ``int`` takes too much (``²``, ``1_0``) and fails on 5,000 digits."""

from __future__ import annotations

# More than any size, offset or count that a service knows, and within 64 bits.
MAX_DIGITS = 18


def whole(text: str) -> int | None:
    """The number that ``text`` is: 1 to 18 ASCII digits; None for anything else."""
    if 0 < len(text) <= MAX_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    return None
