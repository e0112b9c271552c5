"""How money is written, everywhere: in the window, in messages and in what a script prints."""

from __future__ import annotations

from math import isfinite


def dollars(value: float, digits: int = 2) -> str:
    """``$0.47``, ``$1,204.00``; a dash for what is no number."""
    if not isfinite(value):
        return "–"
    return f"{'–' if value < 0 else ''}${abs(value):,.{digits}f}"
