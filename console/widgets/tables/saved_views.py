"""Saved views of one table: filter, sorting and columns under a name, kept for the next run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from console.widgets.frames.panes import Memory
from console.widgets.tables.columns import Choice

SETTING = "views"
# As many as a menu shows at once, and as long as one line of it.
MOST_VIEWS, MOST_LETTERS = 20, 40


@dataclass(frozen=True)
class SavedView:
    """``sort`` is a column's key ("" for none); ``narrowing`` is what the page's own switches say, in plain JSON."""

    filter: str = ""
    sort: str = ""
    descending: bool = False
    columns: Choice = field(default_factory=Choice)
    narrowing: dict[str, Any] = field(default_factory=dict)

    def as_setting(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "filter": self.filter, "sort": self.sort, "descending": self.descending,
            "columns": self.columns.as_setting(), "narrowing": self.narrowing,
        }  # fmt: skip

    @classmethod
    def from_setting(cls, kept: object) -> SavedView:
        """From what a file of settings holds; whatever is not understood is left out."""
        if not isinstance(kept, dict):
            return cls()
        words, sort, narrowing = kept.get("filter"), kept.get("sort"), kept.get("narrowing")
        return cls(
            words if isinstance(words, str) else "",
            sort if isinstance(sort, str) else "",
            kept.get("descending") is True,
            Choice.from_setting(kept.get("columns")),
            narrowing if isinstance(narrowing, dict) else {},
        )


class SavedViews:
    """The views of the table called ``name``."""

    def __init__(self, memory: Memory, name: str) -> None:
        self._memory, self._name = memory, name

    def all(self) -> dict[str, SavedView]:
        """By name, in the order in which they were saved."""
        kept = self._memory.value(SETTING, {}).get(self._name)
        return (
            {str(name): SavedView.from_setting(view) for name, view in kept.items()} if isinstance(kept, dict) else {}
        )

    def save(self, name: str, view: SavedView) -> None:
        """Keep a view under a name; one of that name is replaced."""
        self._keep({**self.all(), name: view})

    def remove(self, name: str) -> None:
        """Forget one."""
        self._keep({other: view for other, view in self.all().items() if other != name})

    def problem(self, name: str) -> str | None:
        """Why a new view cannot be called so; None when it can."""
        if not name.strip():
            return "Give it a name."
        if len(name.strip()) > MOST_LETTERS:
            return f"At most {MOST_LETTERS} characters."
        if name.strip() not in self.all() and len(self.all()) >= MOST_VIEWS:
            return f"There are {MOST_VIEWS} already: remove one first."
        return None

    def _keep(self, views: dict[str, SavedView]) -> None:
        every = self._memory.value(SETTING, {})
        self._memory.set(SETTING, {**every, self._name: {name: view.as_setting() for name, view in views.items()}})
