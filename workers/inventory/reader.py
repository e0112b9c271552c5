"""Reading one kind of resource: what its reader says, and how a row is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from workers.inventory.asking import Asking
from workers.inventory.rates import Rates
from workers.inventory.types import KINDS, Kind, Place, Resource

Listed = Callable[[Asking, Rates], Awaitable[list[Resource]]]
Detail = Callable[[Asking, Rates, Resource], Awaitable[dict[str, Any]]]


def never(row: Resource) -> bool:
    """No row of this kind needs to be asked about by itself."""
    return False


def not_kept(row: Resource) -> float:
    """The details of a row are read whenever its kind is."""
    return 0.0


@dataclass(frozen=True)
class Reader:
    """How one kind is read.

    ``listed`` reads the whole list, the proof of what exists. ``detail`` gives fields of ``Resource`` that the list has
    not, for the rows that ``wants`` names in every reading, and for others when somebody asks. ``keep``: seconds for
    which they hold while the row's ``version`` fact stays the same.
    """

    kind: Kind
    listed: Listed
    wants: Callable[[Resource], bool] = never
    detail: Detail | None = None
    keep: Callable[[Resource], float] = not_kept


def made(kind: Kind, identity: str, name: str, state: str = "", **fields: Any) -> Resource:
    """A row of this kind, which its tab opens by its name (an instance: by its id)."""
    tab = KINDS[kind].tab
    target = identity if kind == "instance" else name
    return Resource(kind, identity, name, state, **{"place": Place(tab, target if tab else ""), **fields})
