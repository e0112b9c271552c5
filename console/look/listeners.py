"""Listeners of something that lives longer than they do: called while they live, forgotten when they are gone.

A signal's connection would crash here: Python's garbage collector empties an object before Qt destroys it, and until
then Qt would still call its slot. These are weak references, which are empty by then.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import QObject


class Listeners:
    """Bound methods of Qt objects, told in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[weakref.ref[QObject], str]] = []
        self._purge_at = 256

    def __len__(self) -> int:
        """How many are alive."""
        self._purge()
        return len(self._entries)

    def add(self, slot: Callable[..., Any]) -> None:
        """Call ``slot``, a bound method of a QObject, for as long as that lives."""
        owner = getattr(slot, "__self__", None)
        if not isinstance(owner, QObject):
            raise TypeError(f"{slot!r} is no bound method of a Qt object")
        if len(self._entries) >= self._purge_at:
            self._purge()
            self._purge_at = max(256, 2 * len(self._entries))
        self._entries.append((weakref.ref(owner), slot.__name__))

    def tell(self, *args: object) -> None:
        """Call everybody who is alive, but for those whom another one's call has ended meanwhile."""
        for ref, name in tuple(self._entries):
            owner = ref()
            if owner is not None and shiboken6.isValid(owner):
                getattr(owner, name)(*args)
        self._purge()

    def _purge(self) -> None:
        alive = []
        for entry in self._entries:
            owner = entry[0]()
            if owner is not None and shiboken6.isValid(owner):
                alive.append(entry)
        self._entries = alive
