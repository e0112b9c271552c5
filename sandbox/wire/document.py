"""Bodies of JSON and CBOR as members of an operation, read by AWS's own model of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.wire import cbor
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import as_datetime
from sandbox.wire.models import known_members

# How Smithy's JSON writes what JSON has no number for.
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


def parse_document(body: bytes, is_cbor: bool, unreadable: AwsError) -> dict[str, object]:
    """The body as it was sent; raises ``unreadable`` for what is no structure. An empty body has no members."""
    try:
        value = (cbor.loads(body) if is_cbor else _json(body)) if body else {}
    except (ValueError, RecursionError) as exc:
        raise unreadable from exc
    if not isinstance(value, dict):
        raise unreadable
    return value


def _json(body: bytes) -> object:
    value = json.loads(body, parse_constant=_no_number)
    if b"\\u" in body or b"\xed" in body:
        # Half of a character: nothing that is kept or answered could be written as UTF-8. UnicodeError is a ValueError.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def from_document(shape: Shape, value: object, operation: str, path: str = "") -> Any:
    """``value`` under the model's names, blobs as bytes and times as ``datetime``.

    What has a wrong type is left for ``validation`` to name. Raises ``AwsError`` for a member that the shape does not
    have, at any depth: whoever else reads it could take it for something.
    """
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = _members(shape)
        if unknown := [f"{path}{name}" for name in value if name not in names]:
            raise unknown_members(operation, unknown, names)
        return {
            names[name][0]: from_document(names[name][1], item, operation, f"{path}{name}.")
            for name, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [from_document(shape.member, item, operation, path) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: from_document(shape.value, item, operation, path) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return as_datetime(value)
    if shape.type_name == "blob" and isinstance(value, str):
        return blob(shape, value)
    if shape.type_name in ("float", "double") and value in _NOT_FINITE:
        return float(str(value))
    return value


def unknown_members(where: str, unknown: Iterable[str], known: Iterable[str]) -> AwsError:
    """The refusal of members that ``where`` (an operation, or a structure in it) does not have."""
    text = f"Unknown parameter in input: {', '.join(unknown)[:200]}; must be one of: {', '.join(sorted(known))}"
    return AwsError("ValidationException", f"{text} ({where}; {known_members()})")


def blob(shape: Shape, text: str) -> bytes:
    """The bytes of base64 text. Raises ``AwsError`` SerializationException."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise AwsError("SerializationException", f"{shape.name} is not valid base64.") from None


@cache
def _members(shape: StructureShape) -> dict[str, tuple[str, Shape]]:
    """By their names in a document: the model's names and shapes."""
    return {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
