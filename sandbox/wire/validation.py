"""Checks requests against botocore's own model of a service, in the words in which AWS refuses them.

Shapes, limits and patterns come from the service model (service-2.json) that botocore ships. Members that the
model does not know are refused: AWS's JSON services ignore them, but here nothing that was asked for is left out
without a word.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from sandbox.wire.document import unknown_members
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model

# A refusal is read by people: so many problems, and so much of a wrong value, are enough. AWS shows names in full.
MAX_PROBLEMS = 10
MAX_SHOWN_VALUE = 1024


def validate(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """``request`` checked as ``validated`` does, for requests that the sandbox makes itself."""
    return validated(operation_model(service, operation), request)


def validated(
    operation: OperationModel, request: dict[str, Any], code: str = "ValidationException", limits: bool = True
) -> dict[str, object]:
    """Return ``request`` without members that are null. ``limits`` False: names and types alone are checked.

    Raises ``AwsError`` SerializationException for a value of a wrong type, ValidationException for a member that the
    model does not have, and ``code`` naming up to ten members that break a limit.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    problems: list[str] = []
    clean: dict[str, Any] = _check(shape, request, "", problems)
    if problems and limits:
        count = len(problems)
        text = "; ".join(problems[:MAX_PROBLEMS])
        plural = "s" if count > 1 else ""
        raise AwsError(code, f"{count} validation error{plural} detected: {text}")
    return clean


def _check(shape: Shape, value: Any, path: str, problems: list[str]) -> Any:
    if isinstance(shape, StructureShape):
        return _check_structure(shape, value, path, problems)
    if isinstance(shape, ListShape):
        _expect(isinstance(value, list), value, path, "a list")
        _check_size(shape, len(value), value, path, problems, "length")
        return [_check(shape.member, item, f"{path}.{n}.member", problems) for n, item in enumerate(value, start=1)]
    if isinstance(shape, MapShape):
        _expect(isinstance(value, dict), value, path, "a map")
        _check_size(shape, len(value), value, path, problems, "length")
        return {
            _check(shape.key, key, f"{path}.key", problems): _check(shape.value, item, f"{path}.{key}", problems)
            for key, item in value.items()
        }
    return _SCALARS.get(shape.type_name, _check_other)(shape, value, path, problems)


def _check_structure(shape: StructureShape, value: Any, path: str, problems: list[str]) -> dict[str, Any]:
    _expect(isinstance(value, dict), value, path, "a structure")
    if unknown := [str(name) for name in value if name not in shape.members]:
        raise unknown_members(path or "the request", unknown, shape.members)
    for name in shape.required_members:
        if value.get(name) is None:
            problems.append(_problem("null", _join(path, name), "Member must not be null"))
    return {
        name: _check(member, value[name], _join(path, name), problems)
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _check_string(shape: Shape, value: Any, path: str, problems: list[str]) -> Any:
    _expect(isinstance(value, str), value, path, "a string")
    _check_size(shape, len(value), value, path, problems, "length")
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        problems.append(_problem(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]"))
    pattern = shape.metadata.get("pattern")
    # A text that is too long is not searched, so that no search takes long.
    compiled = _pattern(pattern) if pattern and len(value) <= shape.metadata.get("max", math.inf) else None
    if compiled and not compiled.fullmatch(value):
        problems.append(_problem(value, path, f"Member must satisfy regular expression pattern: {pattern}"))
    return value


def _check_integer(shape: Shape, value: Any, path: str, problems: list[str]) -> object:
    _expect(isinstance(value, int) and not isinstance(value, bool), value, path, "an integer")
    _check_size(shape, value, value, path, problems, "value")
    return value


def _check_float(shape: Shape, value: Any, path: str, problems: list[str]) -> object:
    _expect(isinstance(value, int | float) and not isinstance(value, bool), value, path, "a number")
    if not math.isfinite(value):
        problems.append(_problem(value, path, "Member must be a finite number"))
    _check_size(shape, value, value, path, problems, "value")
    return value


def _check_boolean(shape: Shape, value: object, path: str, problems: list[str]) -> object:
    _expect(isinstance(value, bool), value, path, "a boolean")
    return value


def _check_other(shape: Shape, value: object, path: str, problems: list[str]) -> object:
    return value


_SCALARS: dict[str, Callable[[Shape, Any, str, list[str]], Any]] = {
    "string": _check_string,
    "integer": _check_integer,
    "long": _check_integer,
    "float": _check_float,
    "double": _check_float,
    "boolean": _check_boolean,
}


def _check_size(shape: Shape, size: float, value: object, path: str, problems: list[str], what: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        problems.append(_problem(value, path, f"Member must have {what} greater than or equal to {least}"))
    if most is not None and size > most:
        problems.append(_problem(value, path, f"Member must have {what} less than or equal to {most}"))


def _expect(right: bool, value: object, path: str, kind: str) -> None:
    if not right:
        raise AwsError("SerializationException", f"{path or 'The request'} must be {kind}, not {type(value).__name__}.")


def _problem(value: object, path: str, constraint: str) -> str:
    shown = str(value)
    if len(shown) > MAX_SHOWN_VALUE:
        shown = shown[:MAX_SHOWN_VALUE] + "..."
    quoted = shown if shown == "null" else f"'{shown}'"
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str] | None:
    """The model's pattern (Java's dialect) for Python; None when it has no counterpart here."""
    # Python's re has no Unicode classes. Inside a set \w covers letters and digits, \s covers separators.
    translated = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\d").replace(r"\p{Z}", r"\s")
    translated = translated.replace(r"\p{P}", r"\W").replace(r"\p{M}", r"\w").replace(r"\p{S}", r"\W")
    try:
        return re.compile(translated)
    except re.error:
        return None
