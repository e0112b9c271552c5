"""What a tab says of itself before it is built: stated once, as ``TAB`` in the package of the tab."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.tabs.base import Tab


@dataclass(frozen=True)
class TabSpec:
    """How a tab looks in the navigation, and where its class is (``module:Class``).

    ``id`` is what ``ctx.navigate``, the settings and the tour call it; tabs stand in the order of ``order``, and
    Ctrl+1 opens the first. ``works_alone``: its page is of use without an account. ``changes``: its commands that can
    be put back after a restart, as ``module:Class``.
    """

    id: str
    title: str
    icon: str
    order: int
    target: str
    works_alone: bool = False
    changes: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The name of the module that the tab's class is in."""
        return self.target.partition(":")[0]

    @property
    def loaded(self) -> bool:
        """True when the tab's class was imported already."""
        module, name = self.target.split(":")
        return hasattr(sys.modules.get(module), name)

    def load(self) -> type[Tab]:
        """Import the tab's class."""
        module, name = self.target.split(":")
        loaded: type[Tab] = getattr(import_module(module), name)
        return loaded
