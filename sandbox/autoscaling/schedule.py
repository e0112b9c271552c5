"""When a scheduled action runs: ``at(…)``, ``rate(…)`` and ``cron(…)``, as functions of the clock.

Source: Application Auto Scaling User Guide, "Schedule recurring scaling actions using cron expressions".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NO: tuple[str, ...] = ()
# minutes, hours, day of the month, month, day of the week (1 is Sunday), year
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
# A cron expression that names no day within this time names none.
_LOOK_AHEAD_DAYS = 366 * 9


def next_run(schedule: str, zone: str, after: float, begun: float, factor: float = 1.0) -> float | None:
    """The first moment later than ``after`` at which a schedule runs, in epoch seconds; None: never again.

    ``begun``: when its rate began; ``factor``: how many seconds of a rate pass in one. Raises ``ValueError`` for what
    is no schedule.
    """
    tz = ZoneInfo(zone) if zone else UTC
    if found := _AT.fullmatch(schedule):
        at = datetime.fromisoformat(found[1]).replace(tzinfo=tz).timestamp()
        return at if at > after else None
    if found := _RATE.fullmatch(schedule):
        period = int(found[1]) * _SECONDS[found[2]] / factor
        return begun + (max(0, int((after - begun) // period)) + 1) * period
    if found := _CRON.fullmatch(schedule):
        return _next_cron(found.groups(), datetime.fromtimestamp(after, tz))
    raise ValueError(schedule)


def _next_cron(fields: tuple[str, ...], after: datetime) -> float | None:
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError("One of day of the month and day of the week must be ?, and only one.")
    fields_of = zip(fields, _RANGES, (_NO, _NO, _NO, _MONTHS, _DAYS, _NO), strict=True)
    sets = [_values(field, low, high, names) for field, (low, high), names in fields_of]
    minutes, hours, days, months, weekdays, years = sets
    day = after.date()
    for _ in range(_LOOK_AHEAD_DAYS):
        weekday = day.isoweekday() % 7 + 1
        if day.year in years and day.month in months and day.day in days and weekday in weekdays:
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=after.tzinfo)
                    # Not by the clock on the wall: it shows some times twice.
                    if moment.timestamp() > after.timestamp():
                        return moment.timestamp()
        day += timedelta(days=1)
    return None


def _values(field: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        body, _, step = part.partition("/")
        if body in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = body.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else high if step else first
        if not (low <= first <= last <= high) or (step and not step.isdecimal()) or step == "0":
            raise ValueError(field)
        found.update(range(first, last + 1, int(step or 1)))
    return found


def _number(text: str, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not text.isdecimal():
        # L, W and # are AWS's too; the sandbox does not know them, and must not guess.
        raise ValueError(text)
    return int(text)
