"""What goes between the window's process and a child of it: frames, one JSON object a line.

A frame is ``\\x1e{"v": 1, "kind": …, "id": …, "value": {…}}\\n`` (RFC 7464: JSON never has the mark in it, so a frame
is found behind whatever a library printed on the same line). To the child: one ``spec`` first, then ``command`` or
``request``; its input's end asks it to stop. From the child: ``ready``, ``progress``, and for each spec or request one
``result`` or ``error``. ``id`` tells requests apart; 0 is the spec's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

VERSION = 1
Kind = Literal["spec", "command", "request", "ready", "progress", "result", "error"]
# Far more than the report on a folder of 100,000 pictures.
MOST_FRAME_BYTES = 256 * 2**20
# Text outside of frames is kept, in pieces of this size, to be shown if the child dies.
RUBBISH_BYTES = 64 * 2**10

_MARK = b"\x1e"
_KINDS = frozenset(get_args(Kind))


@dataclass(frozen=True)
class Frame:
    """One message. ``value`` holds JSON types only, and may hold secrets."""

    kind: Kind
    value: Mapping[str, Any] = field(repr=False)
    id: int = 0


@dataclass(frozen=True)
class OtherVersion:
    """A frame of another version of SageDeck: it was updated while it ran."""

    version: int


def encode(frame: Frame) -> bytes:
    """The frame as it is sent."""
    message = {"v": VERSION, "kind": frame.kind, "id": frame.id, "value": frame.value}
    return _MARK + json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Decoder:
    """Finds frames in what comes in, in whatever pieces it comes; everything else comes out as text."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0
        self._marked = False

    def feed(self, data: bytes) -> list[Frame | OtherVersion | str]:
        """What is complete after ``data``: frames, and the text between them."""
        self._buffer += data
        self._marked = self._marked or _MARK in data
        found: list[Frame | OtherVersion | str] = []
        while (end := self._buffer.find(b"\n", self._looked)) >= 0:
            found += _line(bytes(self._buffer[: end + 1]))
            del self._buffer[: end + 1]
            self._looked, self._marked = 0, _MARK in self._buffer
        self._looked = len(self._buffer)
        if len(self._buffer) > (MOST_FRAME_BYTES if self._marked else RUBBISH_BYTES):
            found += self.rest()
        return found

    def rest(self) -> list[Frame | OtherVersion | str]:
        """What is left at the end: a frame that was cut off is text."""
        left, self._looked, self._marked = bytes(self._buffer), 0, False
        self._buffer.clear()
        return [_text(left)] if left else []


def _line(line: bytes) -> list[Frame | OtherVersion | str]:
    head, *pieces = line.split(_MARK)
    found: list[Frame | OtherVersion | str] = [_text(head)] if head.strip() else []
    for piece in pieces:
        found.append(_frame(piece) or _text(piece))
    return found


def _frame(piece: bytes) -> Frame | OtherVersion | None:
    try:
        message = json.loads(piece)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or type(message.get("v")) is not int:
        return None
    if message["v"] != VERSION:
        return OtherVersion(message["v"])
    kind, value, number = message.get("kind"), message.get("value"), message.get("id")
    # A list is no key of a set.
    if not isinstance(kind, str) or kind not in _KINDS or not isinstance(value, dict) or type(number) is not int:
        return None
    return Frame(cast("Kind", kind), value, number)


def _text(data: bytes) -> str:
    return data[-RUBBISH_BYTES:].decode("utf-8", "replace")
