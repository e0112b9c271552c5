"""Carrying out a query of Logs Insights over events, without holding more of them than are shown."""

from __future__ import annotations

import functools
import heapq
import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.core.bounded_regex import SlowExpression
from sandbox.logs.insights.language import (
    MOST_ROWS,
    Aggregate,
    All,
    AnyOf,
    Command,
    Condition,
    Fields,
    Filter,
    Group,
    Limit,
    Not,
    Sort,
    Stats,
    Test,
    malformed,
)

Row = dict[str, str]
# What a query shows that names no fields.
USUAL = ("@timestamp", "@message")
POINTER = "@ptr"


@dataclass
class Counted:
    """What a query looked at, while it runs."""

    scanned: int = 0
    size: int = 0
    matched: int = 0
    groups: set[str] = field(default_factory=set)


def moment(milliseconds: float) -> str:
    """A time as Logs Insights shows it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def run(commands: Sequence[Command], rows: Iterable[Row], limit: int, counted: Counted) -> list[list[dict[str, str]]]:
    """The rows that the query answers, each as fields and values. ``rows``: the events, the oldest first.

    Raises MalformedQueryException for an expression that takes too long.
    """
    try:
        return _run(commands, rows, limit, counted)
    except SlowExpression as exc:
        raise malformed("A regular expression takes too long on these events; make it simpler.", 0, 0) from exc


def _run(commands: Sequence[Command], rows: Iterable[Row], limit: int, counted: Counted) -> list[list[dict[str, str]]]:
    shown: list[str] = []
    ordered = aggregated = False
    for place, command in enumerate(commands):
        rest = commands[place + 1 :]
        if isinstance(command, Fields):
            rows = _named(rows, command)
            shown = ([] if command.alone else shown) + [column.name for column in command.columns]
        elif isinstance(command, Filter):
            rows = filter(functools.partial(holds, command.condition), rows)
        elif isinstance(command, Sort):
            rows, ordered = iter(_sorted(rows, command, _following_limit(rest, limit))), True
        elif isinstance(command, Limit):
            rows = itertools.islice(rows, command.count) if ordered else _latest(rows, command.count)
            ordered = True
        else:
            rows = iter(_figures(_counted(rows, counted), command))
            shown, ordered, aggregated = _names_of(command), True, True
    if not aggregated:
        rows = _counted(rows, counted)
    final = list(itertools.islice(rows, limit)) if ordered else _latest(rows, limit)
    names = list(dict.fromkeys(shown or USUAL)) + ([] if aggregated else [POINTER])
    return [[{"field": name, "value": row[name]} for name in names if name in row] for row in final]


def _counted(rows: Iterable[Row], counted: Counted) -> Iterator[Row]:
    for row in rows:
        counted.matched += 1
        yield row


def _following_limit(rest: Sequence[Command], limit: int) -> int:
    # A filter or stats behind the order needs all rows.
    if rest and isinstance(rest[0], Limit):
        return rest[0].count
    return limit if all(isinstance(command, Fields | Limit) for command in rest) else MOST_ROWS


def _latest(rows: Iterable[Row], count: int) -> list[Row]:
    """The last events come first, unless the query says otherwise."""
    return list(deque(rows, maxlen=count))[::-1]


def _named(rows: Iterable[Row], command: Fields) -> Iterator[Row]:
    renamed = [(column.field, column.name) for column in command.columns if column.field != column.name]
    if not renamed:
        return iter(rows)
    return ({**row, **{name: row[of] for of, name in renamed if of in row}} for row in rows)


def _sorted(rows: Iterable[Row], command: Sort, count: int) -> list[Row]:
    def compare(left: Row, right: Row) -> int:
        for name, largest_first in command.keys:
            first, second = left.get(name), right.get(name)
            if first == second:
                continue
            if first is None or second is None:
                # What has no value comes last, whichever way.
                return 1 if first is None else -1
            smaller = _before(first, second)
            return -1 if smaller != largest_first else 1
        return 0

    return heapq.nsmallest(count, rows, key=functools.cmp_to_key(compare))


def _before(left: str, right: str) -> bool:
    numbers = _number(left), _number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] < numbers[1]
    return left < right


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def holds(condition: Condition, row: Mapping[str, str]) -> bool:
    """Whether a row is as the condition says; a field that it does not have fits no comparison."""
    if isinstance(condition, Not):
        return not holds(condition.inner, row)
    if isinstance(condition, All):
        return all(holds(part, row) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(holds(part, row) for part in condition.parts)
    value = row.get(condition.field)
    if value is None:
        return False
    return _TESTS[condition.sign](condition, value)


def _equal(value: str, other: str) -> bool:
    number, wanted = _number(value), _number(other)
    return value == other or (number is not None and number == wanted)


def _matches(test: Test, value: str) -> bool:
    return test.expression is not None and test.expression.search(value) is not None


_TESTS: dict[str, Callable[[Test, str], bool]] = {
    "=": lambda test, value: _equal(value, test.values[0]),
    "!=": lambda test, value: not _equal(value, test.values[0]),
    "<": lambda test, value: _before(value, test.values[0]),
    ">=": lambda test, value: not _before(value, test.values[0]),
    ">": lambda test, value: _before(test.values[0], value),
    "<=": lambda test, value: not _before(test.values[0], value),
    "in": lambda test, value: any(_equal(value, other) for other in test.values),
    "like": lambda test, value: test.values[0] in value,
    "matches": _matches,
    "ispresent": lambda test, value: True,
}


def _names_of(command: Stats) -> list[str]:
    return [*(group.name for group in command.groups), *(figure.name for figure in command.aggregates)]


class _Figure:
    """One aggregate of one group, while rows come."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._aggregate = aggregate
        self._count, self._total = 0, 0.0
        self._least: str | None = None
        self._most: str | None = None
        self._seen: set[str] = set()

    def add(self, row: Mapping[str, str]) -> None:
        value = "" if self._aggregate.field == "*" else row.get(self._aggregate.field)
        if value is None:
            return
        if self._aggregate.function in ("sum", "avg"):
            number = _number(value)
            if number is None:
                return
            self._total += number
        self._count += 1
        if self._aggregate.function == "count_distinct":
            self._seen.add(value)
        elif self._aggregate.function in ("min", "max"):
            self._least = value if self._least is None or _before(value, self._least) else self._least
            self._most = value if self._most is None or _before(self._most, value) else self._most

    def value(self) -> str | None:
        match self._aggregate.function:
            case "count":
                return str(self._count)
            case "count_distinct":
                return str(len(self._seen))
            case "sum":
                return f"{self._total:g}" if self._count else None
            case "avg":
                return f"{self._total / self._count:.4f}".rstrip("0").rstrip(".") if self._count else None
            case "min":
                return self._least
        return self._most


def _figures(rows: Iterable[Row], command: Stats) -> list[Row]:
    groups: dict[tuple[str | None, ...], list[_Figure]] = {}
    if not command.groups:
        groups[()] = [_Figure(aggregate) for aggregate in command.aggregates]
    for row in rows:
        key = tuple(_group_value(group, row) for group in command.groups)
        figures = groups.get(key)
        if figures is None:
            figures = groups[key] = [_Figure(aggregate) for aggregate in command.aggregates]
        for figure in figures:
            figure.add(row)
    found = []
    for key, figures in groups.items():
        named = [
            *zip((group.name for group in command.groups), key, strict=True),
            *((figure._aggregate.name, figure.value()) for figure in figures),
        ]
        found.append({name: value for name, value in named if value is not None})
    return found


def _group_value(group: Group, row: Mapping[str, str]) -> str | None:
    value = row.get(group.field)
    if not group.seconds or value is None:
        return value
    at = datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
    return moment(math.floor(at / group.seconds) * group.seconds * 1000)


# CloudWatch Logs User Guide: fields that are found in one event at most.
_MOST_FIELDS = 200


def discovered(message: str) -> Row:
    """The fields of a message that is JSON, by their paths (``a.b.0``)."""
    text = message.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found: Row = {}
    _flatten(value, "", found)
    return found


def _flatten(value: Any, path: str, found: Row) -> None:
    if len(found) >= _MOST_FIELDS:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            _flatten(item, f"{path}.{name}" if path else str(name), found)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _flatten(item, f"{path}.{place}", found)
    elif value is not None:
        found[path] = str(value).lower() if isinstance(value, bool) else str(value)
