"""Traffic as calls a minute: drawn, from a CSV file, or from what CloudWatch measured."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workers.errors.tree import InvalidInput, LocalProblem
from workers.files.os_words import os_words
from workers.files.regular_file import read_regular
from workers.scaling.types import Points

# A week, after which days repeat themselves.
MOST_MINUTES = 7 * 1440
# A week of minutes with a long line each.
MOST_BYTES = 4_000_000
_MINUTE = 60.0


@dataclass(frozen=True)
class Curve:
    """Calls of each minute. ``begin``: POSIX seconds of the first one; None: of no particular day."""

    calls: tuple[float, ...]
    begin: float | None = None


def steady(minutes: int, calls: float = 0.0) -> Curve:
    """The same in every minute."""
    return Curve((calls,) * minutes)


def from_points(points: Points) -> Curve | None:
    """What CloudWatch measured, from the first minute with calls to the last; ``None`` without any.

    A minute between them that has no point had no calls.
    """
    if not points:
        return None
    begin = _minute(points[0][0].timestamp())
    return Curve(_filled([(_minute(at.timestamp()) - begin, number) for at, number in points]), begin * _MINUTE)


def read_csv(path: Path) -> Curve:
    """The curve in a file, see ``parse_csv``. Blocking. Raises ``SageDeckError``."""
    try:
        raw = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise LocalProblem(
            f"{path.name} cannot be read",
            f"{os_words(error)}.",
            "Choose a text file with one line for each minute.",
            code=type(error).__name__,
        ) from error
    try:
        return parse_csv(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise InvalidInput(
            f"{path.name} is no curve",
            f"{error}",
            "One line for each minute: its calls, or a time (or the number of the minute) and its calls.",
            code="NoCurve",
        ) from error


def parse_csv(text: str) -> Curve:
    """Calls a minute, one line each; or in two columns a time, ISO 8601 or the number of the minute, and its calls.

    A line of names may come first; columns are parted by comma, semicolon or tab. Calls of the same minute add up, and
    a minute that is left out has none. Raises ``ValueError`` with the line that is none.
    """
    first = text.partition("\n")[0]
    parting = next((sign for sign in ("\t", ";", ",") if sign in first), ",")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=parting) if any(cell.strip() for cell in row)]
    if rows and _number(rows[0][-1]) is None:
        rows = rows[1:]
    if not rows:
        raise ValueError("It has no line with a number.")
    if len(rows[0]) == 1:
        return _checked(Curve(tuple(_calls(row, at) for at, row in enumerate(rows, 1))))
    times = [_time(row, at) for at, row in enumerate(rows, 1)]
    begin = min(minute for minute, _ in times)
    if max(minute for minute, _ in times) - begin >= MOST_MINUTES:
        raise ValueError(f"It is longer than {MOST_MINUTES // 1440} days.")
    dated = times[0][1]
    calls = [
        (minute - begin, _calls(row, at)) for (minute, _), (at, row) in zip(times, enumerate(rows, 1), strict=True)
    ]
    return _checked(Curve(_filled(calls), begin * _MINUTE if dated else None))


def resized(curve: Sequence[float], minutes: int) -> tuple[float, ...]:
    """The same shape over so many minutes."""
    if not curve or minutes < 1:
        return (0.0,) * max(0, minutes)
    return tuple(curve[min(len(curve) - 1, at * len(curve) // minutes)] for at in range(minutes))


def _checked(curve: Curve) -> Curve:
    if len(curve.calls) > MOST_MINUTES:
        raise ValueError(f"It is longer than {MOST_MINUTES // 1440} days.")
    return curve


def _filled(calls: Sequence[tuple[int, float]]) -> tuple[float, ...]:
    found = [0.0] * (max(minute for minute, _ in calls) + 1)
    for minute, number in calls:
        found[minute] += number
    return tuple(found)


def _calls(row: Sequence[str], line: int) -> float:
    number = _number(row[-1])
    if number is None or number < 0:
        raise ValueError(f"Line {line}: {row[-1].strip()!r:.40} is no number of calls.")
    return number


def _time(row: Sequence[str], line: int) -> tuple[int, bool]:
    """(the minute, whether it is one of a particular day)."""
    text = row[0].strip()
    number = _number(text)
    if number is not None and number >= 0:
        # Beyond a million minutes it is seconds since 1970.
        return (_minute(number), True) if number > 1e6 else (int(number), False)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"Line {line}: {text!r:.40} is neither a time nor the number of a minute.") from None
    return _minute((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()), True


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _minute(seconds: float) -> int:
    return math.floor(seconds / _MINUTE)
