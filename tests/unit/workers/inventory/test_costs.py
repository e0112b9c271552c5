"""The four figures and the curve."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.inventory import denied
from workers.inventory.costs import DAY, HOUR, Ledger, Spending, between, figures, history, month_end, month_start
from workers.inventory.types import Inventory, KindRead, Resource, Span

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
READ = (KindRead("endpoint", 1, NOW),)


def endpoint(rate, since=NOW - 10 * DAY, **fields):
    fields = {"dollars_per_hour": rate, "spans": (Span(since, None, rate),), **fields}
    return Resource("endpoint", "e", "e", "InService", created=since, **fields)


def figures_of(*rows, kinds=READ):
    inventory = Inventory(rows, kinds, NOW)
    ledger = Ledger()
    return figures(inventory, ledger.spendings(inventory), NOW)


def test_the_four_figures():
    found = figures_of(endpoint(0.5))
    assert (found.now, found.today, found.month) == (0.5, pytest.approx(6), pytest.approx(120))
    assert found.yesterday == pytest.approx(6)
    assert found.month_end == pytest.approx(120 + 0.5 * 60)
    assert (found.billing, found.without_idle, found.missing) == (1, None, ())


def test_what_is_idle_is_told_apart():
    found = figures_of(endpoint(0.5, idle="no request for 19 days"))
    assert found.without_idle == pytest.approx(120)


def test_what_is_older_than_the_month_counts_from_its_first():
    assert figures_of(endpoint(1.0, since=NOW - 90 * DAY)).month == pytest.approx(27.5 * 24)


@pytest.mark.parametrize(
    "rows, kinds, words",
    [
        ((endpoint(None),), READ, "the price is not known: 1 endpoint"),
        ((), (*READ, denied("volume")), "could not be read: volumes"),
        ((Resource("bucket", "b", "b"),), READ, "What buckets hold"),
        ((Resource("address", "a", "a", dollars_per_hour=0.005),), READ, "since SageDeck saw them"),
    ],
)
def test_what_is_left_out_is_told(rows, kinds, words):
    assert any(words in sentence for sentence in figures_of(*rows, kinds=kinds).missing)


def test_nothing_read_is_nothing_known():
    found = figures_of(kinds=(denied("endpoint"),))
    assert (found.now, found.today, found.month, found.month_end) == (None, None, None, None)


def test_what_was_deleted_while_connected_still_counts():
    ledger = Ledger()
    ledger.see(Inventory((endpoint(0.5),), READ, NOW), NOW)
    gone = Inventory((), READ, NOW + HOUR)
    ledger.see(gone, NOW + HOUR)
    items = ledger.spendings(gone)
    assert between(items, NOW, NOW + 2 * HOUR) == pytest.approx(0.5)
    (event,) = history(items, NOW, NOW + 2 * HOUR).events
    assert (event.words, event.dollars) == ("e deleted", -0.5)


def test_another_price_does_not_change_the_past():
    ledger = Ledger()
    ledger.see(Inventory((endpoint(0.5),), READ, NOW), NOW)
    scaled = Inventory((endpoint(1.5),), READ, NOW)
    ledger.see(scaled, NOW + HOUR)
    assert between(ledger.spendings(scaled), NOW, NOW + 2 * HOUR) == pytest.approx(0.5 + 1.5)
    # And once more, back again.
    ledger.see(Inventory((endpoint(0.5),), READ, NOW), NOW + 2 * HOUR)
    back = Inventory((endpoint(0.5),), READ, NOW)
    assert between(ledger.spendings(back), NOW, NOW + 3 * HOUR) == pytest.approx(0.5 + 1.5 + 0.5)


def test_what_changes_its_price_neither_stops_nor_starts():
    until = NOW + 3 * HOUR
    grown = Spending("endpoint", "e", (Span(NOW, NOW + HOUR, 0.5), Span(NOW + HOUR, None, 1.5)))
    assert [(event.words, event.dollars) for event in history([grown], NOW, until).events] == [
        ("e started", 0.5), ("e changed", pytest.approx(1.0)),
    ]  # fmt: skip
    paused = Spending("instance", "i", (Span(NOW, NOW + HOUR, 0.5), Span(NOW + HOUR, None, 0.0)))
    assert [event.words for event in history([paused], NOW, until).events] == ["i started", "i stopped"]
    unpriced = Spending("bucket", "b", (Span(NOW, NOW + HOUR, None), Span(NOW + HOUR, None, 1.5)))
    assert [(event.words, event.dollars) for event in history([unpriced], NOW, until).events] == [
        ("b created", None), ("b changed", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kind, state, gone, words",
    [
        ("training-job", "Failed", False, ["x, failed"]), ("training-job", "Stopped", False, ["x, stopped"]),
        ("training-job", "Completed", False, ["x"]), ("endpoint", "", True, ["x started", "x deleted"]),
        ("endpoint", "", False, ["x started", "x stopped"]),
    ],
)  # fmt: skip
def test_what_began_and_ended_is_told_once(kind, state, gone, words):
    found = Spending(kind, "x", (Span(NOW, NOW + HOUR, 0.5),), state=state, gone=gone)
    assert [event.words for event in history([found], NOW, NOW + 2 * HOUR).events] == words
    free = Spending(kind, "x", (Span(NOW, NOW + HOUR, 0.0),), state=state, gone=gone)
    assert history([free], NOW, NOW + 2 * HOUR).events == ()


def test_trials_are_one_event():
    trials = [
        Spending("training-job", f"t{at}", (Span(NOW + at * HOUR, NOW + (at + 3) * HOUR, 0.4),), tuning="tune")
        for at in range(6)
    ]
    (event,) = history(trials, NOW, NOW + 9 * HOUR).events
    assert (event.words, event.dollars) == ("tune, 3 at a time", pytest.approx(1.2))


spans = st.builds(
    lambda start, hours, rate: Span(NOW + start * HOUR, None if hours is None else NOW + (start + hours) * HOUR, rate),
    st.floats(-50, 50),
    st.none() | st.floats(0, 50),
    st.none() | st.sampled_from([0.0, 0.115, 0.23, 3.06]),
)
items = st.lists(
    st.builds(
        lambda kind, found: Spending(kind, "x", tuple(found)),
        st.sampled_from(["endpoint", "instance", "training-job", "notebook"]),
        st.lists(spans, max_size=3),
    ),
    max_size=6,
)


@given(items, st.floats(-40, 40), st.floats(0.1, 40))
def test_the_curve_is_the_sum(found, begin, hours):
    start, end = NOW + begin * HOUR, NOW + (begin + hours) * HOUR
    curve = history(found, start, end)
    points = curve.points
    assert points[0].at == start
    assert all(start <= point.at < other.at < end for point, other in pairwise(points))
    assert all(dollars >= 0 for point in points for dollars in point.dollars.values())
    ends = [point.at for point in points[1:]] + [end]
    area = sum(
        sum(point.dollars.values()) * ((over - point.at) / HOUR) for point, over in zip(points, ends, strict=True)
    )
    assert area == pytest.approx(between(found, start, end), abs=1e-4)


@given(items, st.floats(-40, 40), st.floats(0, 20), st.floats(0, 20))
def test_two_halves_are_the_whole(found, begin, first, other):
    start = NOW + begin * HOUR
    middle, end = start + first * HOUR, start + (first + other) * HOUR
    whole = between(found, start, end)
    assert whole == pytest.approx(between(found, start, middle) + between(found, middle, end), abs=1e-6)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_a_month_has_its_days(now):
    days = (month_end(now) - month_start(now)) / timedelta(days=1)
    assert days in (28, 29, 30, 31) and month_start(now) <= now < month_end(now)
