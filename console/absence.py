"""Why no account is in force, in the words and with the ways out that every part of the window shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.errors.tree import Fix, SageDeckError

Cure = tuple[str, Callable[[], object]]
FixHandler = Callable[[SageDeckError], Callable[[], object] | None]
_CHOOSE = SageDeckError("", "", fix=Fix("Choose an account…", "choose_backend"))


@dataclass(frozen=True)
class Absence:
    """``waiting``: one is being connected to. ``cures`` are buttons, the best first, at most two of which are shown.

    ``as_of``: the rows in sight are those of the same account, read then; None: there are none of it.
    """

    title: str
    text: str
    waiting: bool = False
    cures: tuple[Cure, ...] = ()
    as_of: datetime | None = None


def not_connected(
    name: str,
    text: str,
    error: SageDeckError | None,
    retry: Callable[[], object],
    handler: FixHandler | None,
    as_of: datetime | None,
) -> Absence:
    """Why ``name`` could not be connected to (``error``) or is not (``text``); the error's own way out comes first."""
    # The strip at the top of the window says the rest.
    words = f"{error.title}." if error is not None else f"{text}."
    again: Cure = ("Connect again", retry)

    def way_out(wanted: SageDeckError) -> list[Cure]:
        run = handler(wanted) if handler is not None else None
        return [(wanted.fix.label, run)] if wanted.fix is not None and run is not None else []

    own = way_out(error) if error is not None and error.fix is not None and error.fix.action != "retry" else []
    chooses = bool(own) and error is not None and error.fix is not None and error.fix.action == "choose_backend"
    cures = [*own, again] if chooses else [*(own or [again]), *way_out(_CHOOSE)]
    return Absence(f"Not connected to {name}", words, cures=tuple(cures), as_of=as_of)
