"""``SageDeckError`` as JSON and back: how a child process hands an error to the window's process."""

from __future__ import annotations

from typing import Any

from workers.errors import tree as errors
from workers.errors.tree import Fix, SageDeckError

_FIELDS = ("title", "message", "hint", "code", "request_id", "details")
_DENIAL = ("action", "resource", "principal")


def to_wire(error: SageDeckError) -> dict[str, object]:
    """The error as a dict of JSON types; ``from_wire`` makes the same error of it."""
    wire: dict[str, object] = {"kind": type(error).__name__, **{name: getattr(error, name) for name in _FIELDS}}
    wire.update({name: getattr(error, name) for name in _DENIAL if hasattr(error, name)})
    wire["retried"] = error.retried
    if error.fix is not None:
        wire["fix"] = {"label": error.fix.label, "action": error.fix.action, "data": dict(error.fix.data)}
    return wire


def from_wire(wire: dict[str, Any]) -> SageDeckError:
    """The error that ``to_wire`` was given; an unknown kind becomes a plain ``SageDeckError``."""
    kind = getattr(errors, str(wire.get("kind", "")), SageDeckError)
    if not (isinstance(kind, type) and issubclass(kind, SageDeckError)):
        kind = SageDeckError
    fix = Fix(**wire["fix"]) if wire.get("fix") else None
    error = kind(**{name: str(wire.get(name, "")) for name in _FIELDS}, fix=fix)
    error.retried = bool(wire.get("retried"))
    for name in _DENIAL:
        if name in wire:
            setattr(error, name, wire[name])
    return error
