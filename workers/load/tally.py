"""Counts what happened to each request: in all, and second by second."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram

from workers.load.outcome import Outcome
from workers.load.types import IN_TIME_SECONDS, ErrorCount, Latency, Second, Totals

# Microseconds up to a quarter of an hour, with three digits.
_LONGEST_US, _DIGITS = 900_000_000, 3
_SHARES = (0.5, 0.9, 0.99, 0.999)
# Answers come in so many kinds that not all can be told apart.
MOST_CODES = 40
OTHER = "Other"


@dataclass
class _Second:
    intended: int = 0
    sent: int = 0
    answered: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class _Times:
    """Times of one kind. hdrh walks over its buckets for a percentile, which takes milliseconds in which no request
    is sent; numpy looks them up in the same counts."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._sum += seconds
        self._histogram.record_value(min(_LONGEST_US, max(1, round(seconds * 1e6))))

    def percentiles(self) -> Latency:
        """All so far, in milliseconds."""
        count = self._histogram.get_total_count()
        if not count:
            return Latency()
        reached = np.ctypeslib.as_array(self._histogram.counts).cumsum()
        places = np.searchsorted(reached, [max(1.0, share * count) for share in _SHARES])
        values = (self._histogram.get_value_from_index(int(place)) for place in places)
        p50, p90, p99, p999 = (_ms(self._histogram.get_highest_equivalent_value(value)) for value in values)
        return Latency(p50, p90, p99, p999, _ms(self._histogram.get_max_value()), _ms(self._sum / count * 1e6))


class Tally:
    """All times are seconds after the begin of the test."""

    def __init__(self) -> None:
        self._intended = self._sent = self._in_time = self._not_sent = self._answered = self._unanswered = 0
        self._waiting = 0
        self._latency, self._service, self._late = _Times(), _Times(), _Times()
        self._errors: Counter[str] = Counter()
        self._messages: dict[str, str] = {}
        self._seconds: dict[int, _Second] = {}
        self._told = 0

    def intend(self, at: float) -> None:
        """A request's time has come."""
        self._intended += 1
        self._waiting += 1
        self._second(at).intended += 1

    def leave_out(self) -> None:
        """It was not sent: there was no room, or the test was stopped."""
        self._waiting -= 1
        self._not_sent += 1

    def send(self, intended: float, at: float) -> None:
        """It was sent ``at``."""
        self._waiting -= 1
        self._sent += 1
        late = max(0.0, at - intended)
        self._in_time += late <= IN_TIME_SECONDS
        self._late.add(late)
        self._second(at).sent += 1

    def answer(self, outcome: Outcome, intended: float, sent: float, at: float) -> None:
        """It was answered, or failed, ``at``. Failures have no latency: a refusal is quick."""
        second = self._second(at)
        if outcome.code:
            code = outcome.code if outcome.code in self._messages or len(self._messages) < MOST_CODES else OTHER
            self._messages.setdefault(code, outcome.message)
            self._errors[code] += 1
            second.errors[code] += 1
            second.failed += 1
            return
        self._answered += 1
        second.answered += 1
        second.latencies.append(at - intended)
        self._latency.add(at - intended)
        self._service.add(at - sent)

    def give_up(self) -> None:
        """It was under way when the test was stopped."""
        self._unanswered += 1

    @property
    def totals(self) -> Totals:
        """All so far."""
        failed = self._errors.total()
        return Totals(
            intended=self._intended,
            sent=self._sent,
            in_time=self._in_time,
            not_sent=self._not_sent,
            answered=self._answered,
            failed=failed,
            unanswered=self._unanswered,
            open=self._sent - self._answered - failed - self._unanswered,
            waiting=self._waiting,
            latency=self._latency.percentiles(),
            service=self._service.percentiles(),
            late=self._late.percentiles(),
            errors=self._counts(self._errors, words=True),
        )

    def ended(self, until: float) -> tuple[Second, ...]:
        """The seconds that have ended by ``until`` and are not told yet; empty seconds are told, too."""
        found = []
        while self._told + 1 <= until:
            found.append(self._told_second(self._told, self._seconds.pop(self._told, _Second())))
            self._told += 1
        return tuple(found)

    def _second(self, at: float) -> _Second:
        # An answer that comes a moment too late for its second is told with the next.
        number = max(int(at), self._told)
        if number not in self._seconds:
            self._seconds[number] = _Second()
        return self._seconds[number]

    def _told_second(self, at: int, second: _Second) -> Second:
        ordered = sorted(second.latencies)
        p50, p90, p99 = (_of(ordered, share) for share in (0.5, 0.9, 0.99))
        errors = self._counts(second.errors)
        return Second(at, second.intended, second.sent, second.answered, second.failed, p50, p90, p99, errors)

    def _counts(self, errors: Counter[str], *, words: bool = False) -> tuple[ErrorCount, ...]:
        return tuple(
            ErrorCount(code, count, self._messages[code] if words else "") for code, count in errors.most_common()
        )


def _ms(microseconds: float) -> float:
    return round(microseconds / 1000, 3)


def _of(ordered: list[float], share: float) -> float | None:
    """The value that so many do not exceed, in milliseconds."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 3)
