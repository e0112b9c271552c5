"""Which columns of a table are shown, and how wide: without Qt, so that the rule can be tested by itself.

Names that people give (some forty characters, ``WHOLE_NAME``) are whole before any other column is there. Longer ones,
as programs make them, are whole as long as hiding secondary columns makes room; then they give way down to
``NAME_SHARE`` of the table, and only then hide the columns that a list is read for. A column that ``yields`` gives way
before anything hides. What the operator chose comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.models.columns import Column

# Columns of a higher priority number hide before a name is cut.
ESSENTIAL = 2
NAME_SHARE = 0.42
WHOLE_NAME = 310.0
MOST_GAP = 20.0
_LEAST, _MOST = 24, 2000


@dataclass(frozen=True)
class Choice:
    """What the operator chose of a table's columns: keys taken away, and widths in pixels at the normal text size."""

    hidden: frozenset[str] = frozenset()
    widths: Mapping[str, int] = field(default_factory=dict)

    def as_setting(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"hidden": sorted(self.hidden), "widths": dict(self.widths)}

    @classmethod
    def from_setting(cls, kept: object) -> Choice:
        """From what a file of settings holds; whatever is not understood counts as not chosen."""
        if not isinstance(kept, dict):
            return cls()
        hidden, widths = kept.get("hidden"), kept.get("widths")
        return cls(
            frozenset(key for key in hidden if isinstance(key, str)) if isinstance(hidden, list) else frozenset(),
            {
                str(key): width
                for key, width in (widths.items() if isinstance(widths, dict) else ())
                if isinstance(width, int) and not isinstance(width, bool) and _LEAST <= width <= _MOST
            },
        )


def plan(
    columns: Sequence[Column], natural: Sequence[float], room: float, choice: Choice = Choice(), scale: float = 1.0
) -> dict[int, float]:
    """Width of every column shown, by its position; together they never need more than ``room`` while one is left."""
    wanted = [
        choice.widths[column.key] * scale if column.key in choice.widths else width
        for column, width in zip(columns, natural, strict=True)
    ]
    shown = [at for at, column in enumerate(columns) if column.priority == 0 or column.key not in choice.hidden]
    cap = max(WHOLE_NAME * scale, NAME_SHARE * room)
    least = []
    for column, width in zip(columns, wanted, strict=True):
        most = WHOLE_NAME * scale if column.yields else cap if column.kind == "name" else width
        least.append(width if column.key in choice.widths else min(width, most))
    first = [least[at] if column.yields else wanted[at] for at, column in enumerate(columns)]
    _hide(columns, shown, first, room, over=ESSENTIAL)
    _hide(columns, shown, least, room, over=0)
    widths = {at: wanted[at] for at in shown}
    left = room - sum(widths.values())
    if left < 0:
        for at in shown:
            gives = min(-left, widths[at] - least[at])
            widths[at] -= gives
            left += gives
    growing = [at for at in shown if columns[at].kind != "check" and columns[at].key not in choice.widths]
    if left > 0:
        _share(columns, widths, left, growing)
    elif left < 0:
        widest = max(widths, key=lambda at: widths[at], default=None)
        if widest is not None:
            widths[widest] = max(80.0 * scale, widths[widest] + left)
    return widths


def _hide(columns: Sequence[Column], shown: list[int], wanted: Sequence[float], room: float, *, over: int) -> None:
    """Take columns of a priority over ``over`` out of ``shown``, the highest first, until the rest fits."""
    while sum(wanted[at] for at in shown) > room:
        candidates = [at for at in shown if columns[at].priority > over]
        if not candidates:
            return
        shown.remove(max(candidates, key=lambda at: (columns[at].priority, at)))


def _share(columns: Sequence[Column], widths: dict[int, float], left: float, growing: list[int]) -> None:
    """A gap for each column, and the rest to those that stretch."""
    gap = min(MOST_GAP, left / max(1, len(growing)))
    for at in growing:
        widths[at] += gap
    left -= gap * len(growing)
    shares = {at: columns[at].share for at in growing if columns[at].share}
    whole = sum(shares.values())
    for at, share in shares.items():
        widths[at] += left * share / whole
