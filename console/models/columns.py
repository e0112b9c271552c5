"""What a table column is: declared once, read by the model, the delegate and the column layout.

Example::

    Column("name", "Name", kind="name", icon="endpoints", priority=0)
    Column("status", "State", kind="state")
    Column("created", "Created", kind="number", format=lambda value, row: ago(value), priority=3)
    Column("curve", "Requests, 24 h", kind="spark", sortable=False, priority=4)

``key`` is looked up in a mapping row (``row[key]``) or as an attribute of an object row; ``value`` replaces the
look-up by a function of the row. What ``value`` has to be, by ``kind``:

========== ==================================================================================================
name       text, weight 500, never elided first; ``icon`` gives the kind icon, ``thumb`` a picture's path
text       anything; secondary colour
mono       text in the monospace font (identifiers, code)
number     anything; right-aligned, tabular figures
state      a word of AWS or a :class:`~console.models.states.State`
spark      a sequence of numbers, oldest first
bar        a sequence of ``(value, colour token)``: segments of one bar, scaled to the column's largest sum
two_tone   ``(strong, quiet)`` texts
check      nothing: a check box that shows and changes the row's selection
========== ==================================================================================================
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from console.models.states import State, state_of

CellKind = Literal["name", "text", "mono", "number", "state", "spark", "bar", "two_tone", "check"]

DASH = "–"

# Letters that have no accent to take off, as people look them up.
_LETTERS = str.maketrans({"ø": "o", "œ": "oe", "æ": "ae", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"})
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Column:
    """One column of a table (see the module's text for ``kind``).

    ``priority`` 0 never hides; of the others the highest number hides first when the table is narrow.
    ``format(value, row)`` makes the text; ``None`` values are shown as a dash without calling it.
    ``sort_key(row)`` orders rows (default: the value itself); rows whose sort value is ``None`` come last.
    ``icon`` is an icon name or a function of the row. ``tone(row)`` names a colour token or ``None``.
    ``stretch`` takes a share of the width left over; by default only a name column does.
    ``sample`` is a text as wide as the column should at least be; ``width`` the length of a ``bar`` in pixels;
    ``yields``: a long name is cut rather than that secondary columns hide, in a list that is read for them;
    ``ceiling`` the value at the top of a ``spark`` whose own values are lower (percent: 100).
    """

    key: str
    title: str
    kind: CellKind = "text"
    align: Literal["left", "right"] | None = None
    priority: int = 1
    format: Callable[[Any, Any], str] | None = None
    value: Callable[[Any], Any] | None = None
    sort_key: Callable[[Any], Any] | None = None
    icon: str | Callable[[Any], str] | None = None
    thumb: Callable[[Any], Path | None] | None = None
    tone: Callable[[Any], str | None] | None = None
    tooltip: Callable[[Any], str] | None = None
    strong: bool = False
    sortable: bool = True
    searchable: bool = True
    stretch: int | None = None
    sample: str = ""
    width: int = 0
    ceiling: float = 0.0
    descending_first: bool | None = None
    yields: bool = False

    @property
    def right(self) -> bool:
        """True when the column is right-aligned."""
        return self.align == "right" if self.align else self.kind == "number"

    @property
    def share(self) -> int:
        """Share of the width left over."""
        if self.stretch is not None:
            return self.stretch
        return 1 if self.kind == "name" else 0

    @property
    def starts_descending(self) -> bool:
        """True when the first click on the head sorts from large to small (numbers do)."""
        return self.kind == "number" if self.descending_first is None else self.descending_first

    def value_of(self, row: Any) -> Any:
        """The cell's value in ``row``."""
        if self.value is not None:
            return self.value(row)
        return field_of(row, self.key)

    def text_of(self, row: Any) -> str:
        """The cell's text: what is painted, copied and searched."""
        value = self.value_of(row)
        if value is None:
            return DASH
        if self.format is not None:
            return self.format(value, row)
        if self.kind == "state":
            return state_of(value).word
        if self.kind == "two_tone":
            return " ".join(str(part) for part in value if part)
        if self.kind == "bar":
            return f"{sum(part[0] for part in value):,.0f}"
        if self.kind == "spark":
            return f"{value[-1]:g}" if len(value) else DASH
        if self.kind == "check":
            return ""
        return plain_text(value)

    def state_of(self, row: Any) -> State | None:
        """The state of a ``state`` cell, with the formatted word; ``None`` for an empty cell."""
        value = self.value_of(row)
        if value is None or value == "":
            return None
        state = state_of(value)
        if self.format is None:
            return state
        return State(self.format(value, row), state.tone, state.icon)

    def icon_of(self, row: Any) -> str:
        """Name of the icon before the text, or an empty string."""
        if callable(self.icon):
            return self.icon(row)
        return self.icon or ""

    def sort_value(self, row: Any) -> Any:
        """What rows are ordered by; ``None`` sorts last in either direction."""
        value = self.sort_key(row) if self.sort_key is not None else self.value_of(row)
        if value is None:
            return None
        if isinstance(value, State):
            return value.word.casefold()
        if isinstance(value, str):
            return natural_key(value)
        if self.sort_key is None and self.kind == "bar":
            return sum(part[0] for part in value)
        return value


def field_of(row: Any, key: str) -> Any:
    """``row[key]`` of a mapping, else the attribute; a missing field is ``None``."""
    if isinstance(row, dict) or (not hasattr(row, "__dataclass_fields__") and isinstance(row, Mapping)):
        return row.get(key)
    return getattr(row, key, None)


def plain_text(value: Any) -> str:
    """A value without a format: integers with thousands separators, local times to the minute."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return str(value)


@lru_cache(maxsize=32_768)
def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key for people: without case and accents, digits by their number.

    ``Ärger`` stands between ``Arzt`` and ``Asche``, ``job-9`` before ``job-10``; names that differ in nothing else
    stand in the order of their characters.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    parts = _DIGITS.split("".join(letter for letter in plain if not unicodedata.combining(letter)))
    # A number is told by its length and then its digits: Python reads no more than 4,300 of them.
    key = [_number(part) if at % 2 else (1, 0, part) for at, part in enumerate(parts) if part]
    return (*key, (-1, 0, text))


def _number(digits: str) -> tuple[int, int, str]:
    bare = digits.lstrip("0")
    return 0, len(bare), bare
