"""Forms of the query and EC2 protocols (``A.member.1.B=x``) as members of an operation, read by AWS's model of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from sandbox.wire.document import blob
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import as_datetime
from sandbox.wire.models import known_members

# Deeper than any operation of AWS, and far from what Python's stack can bear.
MAX_DEPTH = 40
# The largest call of a query service (PutMetricData with 1,000 metrics) has about half of it.
MAX_FIELDS = 50_000
# One way to write each place in a list: 1 and 01 could be one place to us and two to moto.
_PLACE = re.compile(r"[1-9][0-9]{0,8}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_PROTOCOL = frozenset({"Action", "Version"})

Node = dict[str, Any]


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Names and values of a query or of a form. Raises MalformedQueryString beyond ``MAX_FIELDS``."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise AwsError("MalformedQueryString", f"The request has more than {MAX_FIELDS} parameters.") from exc


def from_form(operation: OperationModel, pairs: list[tuple[str, str]], ec2: bool) -> dict[str, object]:
    """The members that a form gives, in Python's types.

    Raises ``AwsError`` MalformedQueryString for a form that contradicts itself, InvalidParameterValue (EC2:
    UnknownParameter) for a parameter that the operation does not have.
    """
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        # A reader of the first and a reader of the last would see two different requests.
        raise AwsError("MalformedQueryString", "A parameter is given twice.")
    tree = nested([pair for pair in pairs if pair[0] not in _PROTOCOL])
    shape = operation.input_shape
    if shape is None:
        if tree:
            raise _unknown(operation.name, next(iter(tree)), ec2)
        return {}
    return _Form(operation.name, ec2).structure(shape, tree, "")


def nested(pairs: list[tuple[str, str]]) -> Node:
    """``A.member.1.B=x`` as ``{"A": {"member": {"1": {"B": "x"}}}}``."""
    root: Node = {}
    for name, value in pairs:
        node = root
        pieces = name.split(".")
        if len(pieces) > MAX_DEPTH:
            raise AwsError("MalformedQueryString", "A parameter's name is too deep.")
        for piece in pieces[:-1]:
            node = node.setdefault(piece, {})
            if not isinstance(node, dict):
                raise _contradiction(name)
        if pieces[-1] in node:
            raise _contradiction(name)
        node[pieces[-1]] = value
    return root


class _Form:
    """Reads one form; ``ec2`` writes lists and names in its own way."""

    def __init__(self, operation: str, ec2: bool) -> None:
        self._operation, self._ec2 = operation, ec2

    def structure(self, shape: StructureShape, node: object, path: str) -> dict[str, object]:
        names = _names(shape, self._ec2)
        members = {}
        for wire, value in self._node(node, path).items():
            if wire not in names:
                raise _unknown(self._operation, f"{path}{wire}", self._ec2)
            name, member = names[wire]
            if name in members:
                raise _contradiction(f"{path}{wire}")
            members[name] = self._value(member, value, f"{path}{wire}.")
        return members

    def _value(self, shape: Shape, node: object, path: str) -> object:
        if isinstance(shape, StructureShape):
            return self.structure(shape, node, path)
        if isinstance(shape, ListShape):
            items = self._items(shape, node, path, shape.member.serialization.get("name", "member"))
            return [self._value(shape.member, item, f"{path}{place}.") for place, item in items]
        if isinstance(shape, MapShape):
            return dict(self._entry(shape, *item) for item in self._items(shape, node, path, "entry"))
        if not isinstance(node, str):
            raise _contradiction(path.rstrip("."))
        return self._scalar(shape, node, path.rstrip("."))

    def _items(self, shape: Shape, node: object, path: str, wrapper: str) -> list[tuple[str, object]]:
        """The items of a list or map in order; an empty value is how an empty list is written."""
        if node == "":
            return []
        node = self._node(node, path)
        if not self._ec2 and not shape.serialization.get("flattened"):
            if set(node) != {wrapper}:
                raise _unknown(self._operation, path + next(iter(node)), self._ec2)
            node = self._node(node[wrapper], path)
        if strange := [place for place in node if not _PLACE.fullmatch(place)]:
            raise _unknown(self._operation, path + strange[0], self._ec2)
        return sorted(node.items(), key=lambda item: int(item[0]))

    def _entry(self, shape: MapShape, place: str, node: object) -> tuple[str, object]:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entry = self._node(node, place)
        if set(entry) != {key_name, value_name} or not isinstance(entry[key_name], str):
            raise _contradiction(place)
        return entry[key_name], self._value(shape.value, entry[value_name], f"{place}.")

    def _scalar(self, shape: Shape, text: str, path: str) -> object:
        if shape.type_name == "timestamp":
            return as_datetime(text)
        if shape.type_name == "blob":
            return blob(shape, text)
        try:
            return _TYPES.get(shape.type_name, str)(text)
        except ValueError:
            if self._ec2:
                words = f"Value ({text[:100]}) for parameter {path} is invalid."
                raise AwsError("InvalidParameterValue", words) from None
            raise AwsError("ValidationError", f"{path} must be a {shape.type_name}, not {text[:100]!r}.") from None

    def _node(self, node: object, path: str) -> Node:
        if not isinstance(node, dict):
            raise _contradiction(path.rstrip("."))
        return node


@cache
def _names(shape: StructureShape, ec2: bool) -> dict[str, tuple[str, Shape]]:
    """By their names in a form: the model's names and shapes."""
    return {_wire_name(name, member, ec2): (name, member) for name, member in shape.members.items()}


def _wire_name(name: str, member: Shape, ec2: bool) -> str:
    serialization = member.serialization
    wire = str(serialization.get("name", name))
    if ec2:
        return str(serialization.get("queryName") or wire[:1].upper() + wire[1:])
    if isinstance(member, ListShape) and serialization.get("flattened"):
        # Such a list goes by the name of its items.
        return str(member.member.serialization.get("name", wire))
    return wire


def _whole(text: str) -> int:
    # int() takes more than AWS: spaces, underlines, digits of other scripts.
    if not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


_TYPES: dict[str, Callable[[str], Any]] = {
    "integer": _whole,
    "long": _whole,
    "float": float,
    "double": float,
    "boolean": _boolean,
}


def _unknown(operation: str, name: str, ec2: bool) -> AwsError:
    if ec2:
        return AwsError("UnknownParameter", f"The parameter {name[:200]} is not recognized; {known_members()}")
    return AwsError("InvalidParameterValue", f"{operation} has no parameter {name[:200]}; {known_members()}.")


def _contradiction(name: str) -> AwsError:
    return AwsError("MalformedQueryString", f"The parameter {name[:200]} contradicts another one.")
