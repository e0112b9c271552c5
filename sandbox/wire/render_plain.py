"""The plain values of an answer, from the model of its shape: what JSON and CBOR are written from."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.wire.render_xml import seconds, timestamp

Convert = Callable[[Any], Any]


def plain(shape: Shape, binary: bool) -> Convert:
    """A function that turns a value of ``shape`` into plain ones; ``binary``: CBOR has bytes and times of its own."""
    if isinstance(shape, StructureShape):
        return _same if getattr(shape, "is_document_type", False) else _structure(shape, binary)
    if isinstance(shape, ListShape):
        item = _Later(shape.member, binary)
        return lambda value: list(map(item.now(), value))
    if isinstance(shape, MapShape):
        item = _Later(shape.value, binary)
        return lambda value: dict(zip(value, map(item.now(), value.values()), strict=True))
    kind = shape.type_name
    if kind == "timestamp":
        return _moment if binary else _timestamp(shape)
    if kind == "blob" and not binary:
        return lambda value: base64.b64encode(value).decode()
    if kind in ("float", "double") and not binary:
        return _number
    return _same


def _structure(shape: StructureShape, binary: bool) -> Convert:
    members = _Members(shape, binary)

    def convert(value: Mapping[str, object]) -> dict[str, object]:
        out = {}
        for name, item in value.items():
            if item is not None and (member := members[name]) is not None:
                wire_name, of = member
                out[wire_name] = item if of is _same else of(item)
        return out

    return convert


class _Members(dict[str, tuple[str, Convert] | None]):
    """Name on the wire and conversion of each member, compiled when first met (a shape may contain itself).

    None for a member that is no part of the body, or that the model does not know.
    """

    def __init__(self, shape: StructureShape, binary: bool) -> None:
        super().__init__()
        self._shape, self._binary = shape, binary

    def __missing__(self, name: str) -> tuple[str, Convert] | None:
        shape = self._shape.members.get(name)
        if shape is None or shape.serialization.get("location"):
            return None
        # CBOR knows no other names than the model's own (Smithy, rpcv2Cbor).
        made = (name if self._binary else shape.serialization.get("name", name), plain(shape, self._binary))
        self[name] = made
        return made


class _Later:
    """A conversion that is compiled at its first call, since a shape may contain itself."""

    def __init__(self, shape: Shape, binary: bool) -> None:
        self._shape, self._binary = shape, binary
        self._made: Convert | None = None

    def now(self) -> Convert:
        """The conversion."""
        if self._made is None:
            self._made = plain(self._shape, self._binary)
        return self._made


def _same(value: object) -> object:
    return value


def _timestamp(shape: Shape) -> Convert:
    form = shape.serialization.get("timestampFormat", "unixtimestamp").lower()
    return seconds if form == "unixtimestamp" else timestamp(shape, form)


def _moment(value: datetime | float) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def _number(value: float) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
