"""When a scheduled action runs: ``at(…)``, ``rate(…)`` and ``cron(…)`` as Application Auto Scaling reads them.

Source: Application Auto Scaling User Guide, "Schedule recurring scaling actions using cron expressions". A test holds
this and the sandbox's schedules together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Name, lowest, highest, names of the values (Sunday is day 1 of the week).
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)
_SPECIAL = re.compile(r"[LW#]", re.IGNORECASE)
# An expression that names no day within this time names none.
_LOOK_AHEAD_DAYS = 366 * 9


class Unreckoned(ValueError):
    """AWS knows the expression, this program does not: its runs cannot be told beforehand."""


def next_runs(
    expression: str, zone: str, after: datetime, number: int = 3, begun: datetime | None = None, factor: float = 1.0
) -> tuple[datetime, ...]:
    """The next runs later than ``after``, in UTC, at most ``number``; none when it never runs again.

    ``begun``: when a rate began to count; without it a rate has no times. ``factor``: how many seconds of a rate pass
    in one second (``Backend.time_factor``). Raises ``ValueError`` with what is wrong, and
    ``Unreckoned`` for L, W and #.
    """
    try:
        tz = ZoneInfo(zone) if zone else UTC
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{zone} is no time zone that is known here.") from None
    if found := AT.fullmatch(expression):
        try:
            at = datetime.fromisoformat(found[1]).replace(tzinfo=tz)
        except ValueError:
            raise ValueError(f"{found[1]} is no date and time.") from None
        return (at.astimezone(UTC),) if at.timestamp() > after.timestamp() else ()
    if found := RATE.fullmatch(expression):
        if begun is None:
            return ()
        period = int(found[1]) * _LENGTHS[found[2]] / factor
        first = max(0, (after - begun) // period) + 1
        return tuple(begun + period * (first + turn) for turn in range(number))
    if found := CRON.fullmatch(expression):
        return tuple(islice(_cron(found.groups(), after.astimezone(tz)), number))
    raise ValueError("It must be at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(six fields).")


def _cron(fields: tuple[str, ...], after: datetime) -> Iterator[datetime]:
    if _SPECIAL.search(fields[2]) or re.search(r"L$|\dL|#", fields[4], re.IGNORECASE):
        raise Unreckoned("AWS reads L, W and # of cron; their times are not reckoned here.")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError("One of day of the month and day of the week must be ?, and only one.")
    sets = [_values(text, *field) for text, field in zip(fields, _FIELDS, strict=True)]
    minutes, hours = sorted(sets[0]), sorted(sets[1])
    day = after.date()
    for _ in range(_LOOK_AHEAD_DAYS):
        if _is_named(day, sets):
            for hour in hours:
                for minute in minutes:
                    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=after.tzinfo)
                    # Not by the clock on the wall: it shows some times twice.
                    if moment.timestamp() > after.timestamp():
                        yield moment.astimezone(UTC)
        if day == date.max:
            return
        day += timedelta(days=1)


def _is_named(day: date, sets: list[set[int]]) -> bool:
    _, _, days, months, weekdays, years = sets
    return day.year in years and day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays


def _values(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        body, slash, step = part.partition("/")
        if body in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = body.partition("-")
            first = _number(start, name, names)
            last = _number(end, name, names) if dash else high if slash else first
        if not low <= first <= last <= high or (slash and (not step.isdecimal() or not int(step))):
            raise ValueError(f"{part} is no {name}: {low} to {high}.")
        found.update(range(first, last + 1, int(step) if slash else 1))
    return found


def _number(text: str, name: str, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text or 'Nothing'} is no {name}.")
    return int(text)
