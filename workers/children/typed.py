"""Frozen dataclasses from frames, checked: what one process assembled is what the other one gets, or it is refused."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def write(value: Any) -> dict[str, Any]:
    """A dataclass as JSON types, for ``read``."""
    return {name: plain(item) for name, item in dataclasses.asdict(value).items()}


def plain(value: object) -> Any:
    """Any value that ``read_as`` can read again, as JSON types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return write(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def read(kind: type[T], value: object) -> T:
    """``kind`` (a dataclass) from what ``write`` made of it and JSON carried.

    Raises ``ValueError`` naming the member that is missing, unknown or of another type.
    """
    made: T = _read(kind, value, kind.__name__)
    return made


def read_as(kind: Any, value: object, where: str) -> Any:
    """A value of any kind that fields may have, from what ``plain`` made of it; ``where`` is what errors call it.

    Raises ``ValueError`` as ``read`` does.
    """
    return _read(kind, value, where)


def _read(kind: Any, value: object, where: str) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (other,) = (argument for argument in arguments if argument is not type(None))
        return _read(other, value, where)
    if origin is Literal:
        return _checked(value in arguments and isinstance(value, str), value, where)
    if origin in (tuple, Sequence) and isinstance(value, (list, tuple)):
        kinds = arguments if origin is tuple and arguments[1:] != (...,) else arguments[:1] * len(value)
        _checked(len(kinds) == len(value), value, where)
        items = zip(kinds, value, strict=True)
        return tuple(_read(kind, item, f"{where}[{at}]") for at, (kind, item) in enumerate(items))
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {_read(str, key, where): _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is Path:
        return Path(_checked(type(value) is str, value, where))
    if kind is datetime:
        return datetime.fromisoformat(_checked(type(value) is str, value, where))
    if kind is float:
        return float(_checked(type(value) in (int, float), value, where))
    return _checked(isinstance(kind, type) and type(value) is kind, value, where)


def _dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} cannot be {value!r}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if wrong := sorted(required - value.keys()) or sorted(value.keys() - fields.keys()):
        raise ValueError(f"{where}: {wrong[0]} is {'missing' if wrong[0] in required else 'unknown'}")
    hints = _hints(kind)
    return kind(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in value.items()})


@functools.cache
def _hints(kind: object) -> dict[str, object]:
    return get_type_hints(kind)


def _checked(fits: bool, value: object, where: str) -> Any:
    if not fits:
        raise ValueError(f"{where} cannot be {value!r:.80}")
    return value
