"""Cells of tables that are opened with a spreadsheet."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """A cell that a spreadsheet does not run."""
    return f"'{text}" if text.startswith(_FORMULA) else text
