"""``Filters`` of Describe operations: names and values, with ``*`` and ``?``, over what the answer would say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sandbox.wire.errors import AwsError

Values = Callable[[Any], Iterable[Any]]


def chosen(
    rows: Iterable[Any], filters: Sequence[Mapping[str, Any]] | None, known: Mapping[str, Values], tags: Values
) -> list[Any]:
    """The rows that all filters let pass. ``tags`` gives a row's tags; a name not in ``known`` is refused."""
    tests = []
    for condition in filters or ():
        name, values = str(condition.get("Name", "")), [str(value) for value in condition.get("Values") or ()]
        tests.append((_reader(name, known, tags), [_pattern(value) for value in values]))
    return [row for row in rows if all(_passes(read(row), patterns) for read, patterns in tests)]


def _reader(name: str, known: Mapping[str, Values], tags: Values) -> Values:
    if name.startswith("tag:"):
        return lambda row: [tag["Value"] for tag in tags(row) if tag["Key"] == name[4:]]
    if name == "tag-key":
        return lambda row: [tag["Key"] for tag in tags(row)]
    if name == "tag-value":
        return lambda row: [tag["Value"] for tag in tags(row)]
    if name not in known:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return known[name]


def _passes(found: Iterable[object], patterns: Sequence[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(text) for text in map(_text, found) for pattern in patterns)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


@cache
def _pattern(value: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in value), re.DOTALL)


def by_path(row: object, name: str) -> list[object]:
    """What ``memory-info.size-in-mib`` names in an answer whose member is MemoryInfo.SizeInMiB."""
    found = [row]
    for part in name.split("."):
        wanted = part.replace("-", "")
        found = [
            inner
            for node in found
            if isinstance(node, dict)
            for key, value in node.items()
            if key.lower() in (wanted, wanted + "s")
            for inner in (value if isinstance(value, list) else [value])
        ]
    return found
