"""What a tab says of itself before it is built: stated once, as ``TAB`` in the package of the tab."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.tabs.base import Tab


@dataclass(frozen=True)
class TabSpec:
    """How a tab looks in the navigation, and where its class is (``module:Class``).

    ``id`` is what ``ctx.navigate``, the settings and the tour call it; tabs stand in the order of ``order``, and
    Ctrl+1 opens the first.
    """

    id: str
    title: str
    icon: str
    order: int
    target: str

    def load(self) -> type[Tab]:
        """Import the tab's class."""
        module, name = self.target.split(":")
        loaded: type[Tab] = getattr(import_module(module), name)
        return loaded
