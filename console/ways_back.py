"""Ways back, written down: what puts a change back is kept with its entry of the activity panel, over restarts.

``written`` makes plain JSON of it and ``command_of`` the command again. Which changes there are, the tabs say
(``TabSpec.changes``): nothing else in a file is ever imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, get_type_hints

from console.commands import Command, PutBack, PutBackAll, Reversible
from workers.children import typed

# What an older program wrote in another way is not guessed at.
VERSION = 1


def written(back: Command) -> dict[str, Any] | None:
    """What is needed to make ``back`` again, in JSON's types; None for what only this window can do."""
    if isinstance(back, PutBackAll):
        parts = [written(part) for part in back.backs]
        known = [part for part in parts if part is not None]
        return all_ways_back(back.of, back.icon, known) if len(known) == len(parts) else None
    if not isinstance(back, PutBack):
        return None
    return way_back(type(back.done).__name__, back.done.kept(), back.done.before, back.done.thing)


def way_back(change: str, made: Mapping[str, Any], before: Any, thing: str = "") -> dict[str, Any]:
    """The way back of the change of this name, made of ``made``, where ``before`` was."""
    return {
        "version": VERSION, "change": change, "made": typed.plain(made), "before": typed.plain(before), "thing": thing,
    }  # fmt: skip


def all_ways_back(title: str, icon: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several ways back as one, of the command with this title."""
    return {"version": VERSION, "title": title, "icon": icon, "parts": list(parts)}


def command_of(record: Mapping[str, Any], changes: Iterable[str]) -> Command:
    """The command that ``record`` tells of; ``changes`` are the known ones, as ``module:Class``.

    Raises ``ValueError`` for what is no record of a known change.
    """
    if record.get("version") != VERSION:
        raise ValueError(f"it was written in another way ({record.get('version')!r:.40})")
    if "parts" in record:
        known = tuple(changes)
        backs = [
            command_of(part, known) for part in typed.read_as(tuple[dict[str, Any], ...], record["parts"], "parts")
        ]
        title, icon = (typed.read_as(str, record.get(name), name) for name in ("title", "icon"))
        return PutBackAll(title, icon, [back for back in backs if isinstance(back, PutBack)])
    done = _change(typed.read_as(str, record.get("change"), "change"), changes)
    given = typed.read_as(dict[str, Any], record.get("made"), "made")
    hints = get_type_hints(done.__init__)
    try:
        command = done(**{name: typed.read_as(hints[name], value, name) for name, value in given.items()})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{done.__name__} is made of other things: {error}") from error
    command.before = typed.read_as(done.value_is, record.get("before"), "before")
    command.knows_before = True
    command.thing = typed.read_as(str, record.get("thing", ""), "thing")
    back = command.undo(None)
    if back is None:
        raise ValueError("there is nothing to put back")
    return back


def _change(name: str, changes: Iterable[str]) -> type[Reversible]:
    target = next((known for known in changes if known.partition(":")[2] == name), None)
    if target is None:
        raise ValueError(f"no change is called {name:.40}")
    module, _, called = target.partition(":")
    found: type[Reversible] = getattr(import_module(module), called)
    return found
