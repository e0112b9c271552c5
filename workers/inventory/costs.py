"""What it comes to: the four figures and the curve, from what is known of when something cost how much. Pure.

AWS bills in UTC; days and months are UTC's. An unknown price is never 0: what is left out is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from workers.inventory.kinds import COST_GROUPS, KINDS, CostGroup, Kind
from workers.inventory.rates import spent
from workers.inventory.types import CostEvent, CostFigures, CostHistory, CostPoint, Inventory, Resource, Span

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Kinds whose cost is known from now on only: nobody tells since when they are as they are.
_SINCE_UNKNOWN: frozenset[Kind] = frozenset({"address", "log-group", "bucket"})
_JOBS: frozenset[Kind] = frozenset({"training-job", "processing-job", "transform-job"})
# They bill from their creation on; nothing of them runs.
_STORED: frozenset[Kind] = frozenset({"bucket", "volume", "address", "log-group", "alarm"})


@dataclass(frozen=True)
class Spending:
    """What one thing cost when; it may not exist any more."""

    kind: Kind
    name: str
    spans: tuple[Span, ...]
    state: str = ""
    gone: bool = False
    # The tuning job that a trial belongs to.
    tuning: str = ""

    @property
    def group(self) -> CostGroup:
        """Which part of the chart it belongs to."""
        return KINDS[self.kind].group


def month_start(now: datetime) -> datetime:
    """The first of the month, midnight."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_end(now: datetime) -> datetime:
    """The first of the next month, midnight."""
    return month_start(month_start(now) + 32 * DAY)


def spendings(resources: Iterable[Resource], seen: Mapping[tuple[Kind, str], datetime]) -> list[Spending]:
    """What is known of these resources; what has no known beginning counts since it was first ``seen``."""
    found = []
    for row in resources:
        spans = row.spans
        if not spans and row.bills and row.kind in _SINCE_UNKNOWN and row.key in seen:
            spans = (Span(seen[row.key], None, row.dollars_per_hour),)
        if spans:
            tuning = row.facts.get("tuning", "").rpartition("/")[2]
            found.append(Spending(row.kind, row.name, spans, row.state, tuning=tuning))
    return found


def between(items: Iterable[Spending], start: datetime, end: datetime) -> float:
    """Dollars from start to end of what has a price."""
    total = 0.0
    for item in items:
        for span in item.spans:
            if span.dollars_per_hour:
                total += spent((replace(span, end=min(span.end or end, end)),), end, start) or 0.0
    return total


def figures(inventory: Inventory, items: Sequence[Spending], now: datetime, missing: Iterable[str] = ()) -> CostFigures:
    """The four figures as of now."""
    rate = inventory.dollars_per_hour
    told = (*missing, *_left_out(inventory, items))
    if rate is None:
        return CostFigures(now, None, None, None, None, missing=told)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = between(items, month_start(now), now)
    hours = (month_end(now) - now) / HOUR
    idle = sum(row.dollars_per_hour or 0.0 for row in inventory.resources if row.idle)
    return CostFigures(
        as_of=now,
        now=rate,
        today=between(items, day, now),
        month=month,
        month_end=month + rate * hours,
        yesterday=between(items, day - DAY, now - DAY),
        without_idle=month + (rate - idle) * hours if idle else None,
        billing=len(inventory.billing),
        missing=told,
    )


def _left_out(inventory: Inventory, items: Sequence[Spending]) -> list[str]:
    told = []
    unread = [KINDS[read.kind].many.lower() for read in inventory.unread if read.as_of is None]
    if unread:
        told.append(f"Not in it, because they could not be read: {', '.join(unread)}.")
    unpriced: dict[Kind, int] = {}
    for row in inventory.resources:
        if row.bills is None:
            unpriced[row.kind] = unpriced.get(row.kind, 0) + 1
    storage = unpriced.pop("bucket", 0)
    if unpriced:
        words = ", ".join(
            f"{number:,} {KINDS[kind].one.lower() if number == 1 else KINDS[kind].many.lower()}"
            for kind, number in unpriced.items()
        )
        told.append(f"Not in it, because the price is not known: {words}.")
    if storage:
        told.append("What buckets hold is not in it.")
    if any(span.dollars_per_hour is None for item in items if item.gone for span in item.spans):
        told.append("Some of what was deleted has no known price.")
    if any(row.kind in _SINCE_UNKNOWN and row.bills for row in inventory.resources):
        told.append("Elastic addresses, logs and buckets count since SageDeck saw them: AWS does not tell their past.")
    return told


def history(items: Sequence[Spending], start: datetime, end: datetime, missing: Iterable[str] = ()) -> CostHistory:
    """Dollars an hour as steps from start to end, and what began and ended in between."""
    changes: dict[datetime, dict[CostGroup, float]] = {start: {}}
    for item in items:
        for span in item.spans:
            begin, over = max(span.start, start), min(span.end or end, end)
            if not span.dollars_per_hour or begin >= over:
                continue
            for at, sign in ((begin, 1), (over, -1)):
                step = changes.setdefault(at, {})
                step[item.group] = step.get(item.group, 0.0) + sign * span.dollars_per_hour
    points, sums = [], dict.fromkeys(COST_GROUPS, 0.0)
    for at in sorted(changes):
        for group, dollars in changes[at].items():
            # Rounding errors such as those of 0.1 + 0.2 - 0.3 count as zero.
            sums[group] = max(0.0, round(sums[group] + dollars, 9))
        if at < end:
            points.append(CostPoint(at, dict(sums)))
    return CostHistory(start, end, tuple(points), events(items, start, end), tuple(missing))


def events(items: Iterable[Spending], start: datetime, end: datetime) -> tuple[CostEvent, ...]:
    """What began or ended between start and end, oldest first; the trials of a tuning job are one event."""
    items = list(items)
    found = _tunings([item for item in items if item.tuning], start, end)
    for item in items:
        # Another size or price: it goes on, and neither stopped nor started.
        before = {span.end: span for span in item.spans if span.end is not None and span.dollars_per_hour != 0}
        begins = {span.start for span in item.spans if span.dollars_per_hour != 0}
        for span in () if item.tuning else item.spans:
            dollars = span.dollars_per_hour
            if start <= span.start <= end and dollars != 0:
                words = f"{item.name} {'created' if item.kind in _STORED else 'started'}"
                if item.kind in _JOBS:
                    words = f"{item.name}, {item.state.lower()}" if item.state in ("Failed", "Stopped") else item.name
                elif (last := before.get(span.start)) is not None:
                    words, known = f"{item.name} changed", None not in (dollars, last.dollars_per_hour)
                    dollars = (dollars or 0.0) - (last.dollars_per_hour or 0.0) if known else None
                found.append(CostEvent(span.start, words, item.kind, item.name, dollars))
            ended = span.end is not None and start <= span.end <= end and span.end not in begins
            if span.end and ended and item.kind not in _JOBS and span.dollars_per_hour != 0:
                words = f"{item.name} {'deleted' if item.gone else 'stopped'}"
                less = None if span.dollars_per_hour is None else -span.dollars_per_hour
                found.append(CostEvent(span.end, words, item.kind, item.name, less))
    return tuple(sorted(found, key=lambda event: event.at))


def _tunings(trials: Sequence[Spending], start: datetime, end: datetime) -> list[CostEvent]:
    """One event for each tuning job, when its first trial began: with the most trials that ran at a time."""
    found = []
    for name in dict.fromkeys(trial.tuning for trial in trials):
        spans = [span for trial in trials if trial.tuning == name for span in trial.spans]
        first = min(span.start for span in spans)
        steps = sorted([(span.start, 1) for span in spans] + [(span.end, -1) for span in spans if span.end])
        at_once = max(accumulate(step for _, step in steps))
        if start <= first <= end:
            rate = None if any(span.dollars_per_hour is None for span in spans) else spans[0].dollars_per_hour
            words = f"{name}, {at_once} at a time"
            dollars = None if rate is None else rate * at_once
            found.append(CostEvent(first, words, "tuning-job", name, dollars))
    return found


class Ledger:
    """What was seen while connected and no list tells any more: what was deleted, and earlier prices."""

    def __init__(self) -> None:
        self._last: dict[tuple[Kind, str], Resource] = {}
        self._seen: dict[tuple[Kind, str], datetime] = {}
        self._gone: list[Spending] = []
        self._before: dict[tuple[Kind, str], tuple[Span, ...]] = {}

    def see(self, inventory: Inventory, now: datetime) -> None:
        """Note what has gone or changed its price since the last look."""
        rows = {row.key: row for row in inventory.resources}
        for key, old in self._last.items():
            row = rows.get(key)
            if row is None:
                spans = (*self._before.pop(key, ()), *old.spans)
                ended = tuple(replace(span, end=span.end or now) for span in spans)
                if ended:
                    self._gone.append(Spending(old.kind, old.name, ended, old.state, gone=True))
            elif _rate(old) is not None and _rate(row) is not None and _rate(old) != _rate(row):
                self._before[key] = tuple(replace(span, end=span.end or now) for span in self.spans(old))
        self._last = rows
        self._seen = {key: self._seen.get(key, now) for key in rows}

    def spans(self, row: Resource) -> tuple[Span, ...]:
        """When it cost how much, with what was seen before its present price."""
        before = self._before.get(row.key)
        if not before or not row.spans:
            return row.spans
        since = before[-1].end
        return (*before, *(replace(span, start=max(span.start, since or span.start)) for span in row.spans))

    def spendings(self, inventory: Inventory) -> list[Spending]:
        """What is there and what has gone."""
        rows = (replace(row, spans=self.spans(row)) if row.key in self._before else row for row in inventory.resources)
        return [*spendings(rows, self._seen), *self._gone]


def _rate(row: Resource) -> float | None:
    """The price of what goes on now; ``None`` where nothing does, or it is not known."""
    return next((span.dollars_per_hour for span in row.spans if span.end is None), None)
