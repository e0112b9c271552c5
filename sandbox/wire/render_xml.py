"""XML of an answer, from the model of its shape: for the protocols query, ec2 and rest-xml.

Each shape is compiled once to functions that append text; what a large listing costs is then its keys alone.
The rules are those of the Smithy documents awsQuery, ec2Query and restXml, read as botocore's parsers read them.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

Append = Callable[[Any, list[str]], None]
Text = Callable[[Any], str]
_SPECIAL = re.compile(r'[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """``text`` as XML character data or as the value of an attribute."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0]) or f"&#{ord(match[0])};", text)


@dataclass(frozen=True)
class Dialect:
    """In what the protocols differ: the name of a list's items, and whether times carry milliseconds."""

    item: str = "member"
    milliseconds: bool = False


def iso(moment: datetime | float, milliseconds: bool) -> str:
    """A time (epoch seconds or aware ``datetime``) in ISO 8601, in UTC."""
    in_utc = moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    text = in_utc.isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.removesuffix("+00:00") + "Z"


def number(value: float) -> str:
    """A number as Smithy writes it in text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value)


def members_of(shape: StructureShape, dialect: Dialect) -> Append:
    """A function that appends the elements of a structure's members, without the structure's own element."""
    members = _Members(shape, dialect)

    def append(value: Mapping[str, object], out: list[str]) -> None:
        for name, item in value.items():
            if item is not None:
                members[name](item, out)

    return append


class _Members(dict[str, Append]):
    """How to append each member, compiled when it is first met (a shape may contain itself)."""

    def __init__(self, shape: StructureShape, dialect: Dialect) -> None:
        super().__init__()
        self._shape, self._dialect = shape, dialect

    def __missing__(self, name: str) -> Append:
        shape = self._shape.members.get(name)
        if shape is None or shape.serialization.get("location") or shape.serialization.get("xmlAttribute"):
            return _nothing
        made = element(shape, shape.serialization.get("name", name), self._dialect)
        self[name] = made
        return made


def _nothing(value: object, out: list[str]) -> None:
    """Members that are no part of the body, and what the model does not know."""


def encode(out: list[str]) -> bytes:
    """The parts of a document as bytes; what was never UTF-8 (an old key of S3) goes out as it came in."""
    return "".join(out).encode("utf-8", "surrogateescape")


def element(shape: Shape, name: str, dialect: Dialect) -> Append:
    """A function that appends a value of ``shape`` as the element ``name``."""
    if isinstance(shape, StructureShape):
        return _structure(shape, name, dialect)
    if isinstance(shape, ListShape):
        return _list(shape, name, dialect)
    if isinstance(shape, MapShape):
        return _map(shape, name, dialect)
    start, end, text = f"<{name}>", f"</{name}>", _text(shape, dialect)

    def append(value: object, out: list[str]) -> None:
        out.append(f"{start}{text(value)}{end}")

    return append


def _structure(shape: StructureShape, name: str, dialect: Dialect) -> Append:
    inner, start, end = members_of(shape, dialect), f"<{name}>", f"</{name}>"
    attributes = {
        member: of.serialization["name"] for member, of in shape.members.items() if of.serialization.get("xmlAttribute")
    }
    namespace = shape.serialization.get("xmlNamespace") or {}
    declared = f' xmlns:{namespace["prefix"]}="{namespace["uri"]}"' if "prefix" in namespace else ""

    def append(value: Mapping[str, object], out: list[str]) -> None:
        out.append(start)
        inner(value, out)
        out.append(end)

    def append_with_attributes(value: Mapping[str, object], out: list[str]) -> None:
        given = "".join(
            f' {attribute}="{escape(str(value[member]))}"'
            for member, attribute in attributes.items()
            if member in value
        )
        out.append(f"<{name}{declared}{given}>")
        inner(value, out)
        out.append(end)

    return append_with_attributes if attributes else append


def _list(shape: ListShape, name: str, dialect: Dialect) -> Append:
    item_name = shape.member.serialization.get("name")
    if shape.serialization.get("flattened"):
        each = element(shape.member, item_name or name, dialect)

        def append_flat(value: list[object], out: list[str]) -> None:
            for item in value:
                each(item, out)

        return append_flat
    item = _Later(lambda: element(shape.member, item_name or dialect.item, dialect))
    start, end = f"<{name}>", f"</{name}>"

    def append(value: list[object], out: list[str]) -> None:
        out.append(start)
        for entry in value:
            item(entry, out)
        out.append(end)

    return append


def _map(shape: MapShape, name: str, dialect: Dialect) -> Append:
    key = element(shape.key, shape.key.serialization.get("name") or "key", dialect)
    value_of = _Later(lambda: element(shape.value, shape.value.serialization.get("name") or "value", dialect))
    flat = shape.serialization.get("flattened")
    start, end = ("", "") if flat else (f"<{name}>", f"</{name}>")
    entry = name if flat else "entry"

    def append(value: Mapping[str, object], out: list[str]) -> None:
        out.append(start)
        for name_, item in value.items():
            out.append(f"<{entry}>")
            key(name_, out)
            value_of(item, out)
            out.append(f"</{entry}>")
        out.append(end)

    return append


class _Later:
    """A function that is compiled at its first call, since a shape may contain itself."""

    def __init__(self, make: Callable[[], Append]) -> None:
        self._make = make
        self._made: Append | None = None

    def __call__(self, value: object, out: list[str]) -> None:
        if self._made is None:
            self._made = self._make()
        self._made(value, out)


def _text(shape: Shape, dialect: Dialect) -> Text:
    """How a scalar is written."""
    kind = shape.type_name
    if kind == "timestamp":
        return timestamp(shape, "iso8601", dialect.milliseconds)
    if kind == "blob":
        return lambda value: base64.b64encode(value).decode()
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind in ("integer", "long", "float", "double"):
        return number
    return lambda value: escape(value if isinstance(value, str) else str(value))


def timestamp(shape: Shape, default: str, milliseconds: bool = False) -> Text:
    """How a time is written as text; ``default`` is the protocol's format where the shape names none."""
    form = shape.serialization.get("timestampFormat", default).lower()
    if form == "rfc822":
        return http_date
    if form == "unixtimestamp":
        return lambda value: number(seconds(value))
    return lambda value: iso(value, milliseconds)


def http_date(moment: datetime | float) -> str:
    """A time as an HTTP header has it."""
    return _http_date(int(seconds(moment)))


# Every answer has the second of now, and an object that is read often has the second of its change.
@lru_cache(maxsize=1024)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def seconds(moment: datetime | float) -> float:
    """A time as epoch seconds, to the millisecond; whole ones as ``int``."""
    exact = moment.timestamp() if isinstance(moment, datetime) else moment
    rounded = round(exact, 3)
    return int(rounded) if rounded == int(rounded) else rounded
