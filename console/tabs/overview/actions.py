"""What can be done with the rows of the inventory, by kind, and what the page's head makes.

Each kind's module says it itself; this table names them (see the package's text).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.tabs.overview import notebooks, stopping
from console.widgets.tables.table import MenuEntry

if TYPE_CHECKING:
    from workers.inventory.types import Resource

Entries = Callable[[AppContext, "Sequence[Resource]"], Sequence[MenuEntry]]

ENTRIES: dict[str, Entries] = {
    "endpoint": stopping.park_entries,
    "notebook": notebooks.entries,
    "training-job": stopping.entries,
    "tuning-job": stopping.entries,
    "processing-job": stopping.entries,
    "transform-job": stopping.entries,
    "instance": stopping.entries,
}
MAKE: list[tuple[str, str, Callable[[AppContext, QWidget], object]]] = [
    ("New notebook instance…", "notebook", notebooks.make)
]


def entries_for(ctx: AppContext, resources: Sequence[Resource]) -> Sequence[MenuEntry]:
    """What the kind's own module offers for resources that are all of one kind."""
    kinds = {resource.kind for resource in resources}
    entries = ENTRIES.get(kinds.pop()) if len(kinds) == 1 else None
    return entries(ctx, resources) if entries is not None else ()
