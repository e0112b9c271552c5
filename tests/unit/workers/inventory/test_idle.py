"""The rules of idleness: pure, at their limits, and by properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.inventory.idle import ago, judge, low_days
from workers.inventory.rules import DEFAULT_RULES, RETENTIONS, value_problem
from workers.inventory.types import Resource
from workers.inventory.usage import HOUR, Use

NOW = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
TOP = NOW.replace(minute=0)
MB = 1024 * 1024


def row(kind, state="", created=NOW - timedelta(days=40), rate=0.23, **facts):
    return Resource(kind, "id-1", "x", state, created=created, dollars_per_hour=rate, facts=facts)


def found(resource, use=None, rules=DEFAULT_RULES, now=NOW):
    uses = {resource.key: use} if use is not None else {}
    return judge([resource], uses, rules, now)


def endpoint(**fields):
    return row("endpoint", "InService", **fields)


def instance(**fields):
    return row("instance", "running", **fields)


@pytest.mark.parametrize(
    "hours_ago, reason",
    [(1, None), (23, None), (26, "no request for 25 hours"), (19 * 24, None)],
)
def test_an_endpoint_by_its_last_request(hours_ago, reason):
    calls = ((TOP - hours_ago * HOUR, 3.0),)
    got = found(endpoint(), Use(calls=calls))
    if hours_ago == 19 * 24:
        # Older than what was searched cannot be in the answer; it is taken as it is told.
        assert got[0].reason == "no request for 18 days"
    else:
        assert [finding.reason for finding in got] == ([reason] if reason else [])


def test_an_endpoint_that_was_never_called():
    (finding,) = found(endpoint(created=NOW - timedelta(days=3)), Use(calls=()))
    assert finding.reason == "no request since it was made, 3 days ago"
    (finding,) = found(endpoint(), Use(calls=()))
    assert finding.reason == "no request for 14 days or more"
    assert (finding.action, finding.per_month) == ("park", pytest.approx(0.23 * 730))
    assert found(endpoint(created=NOW - 5 * HOUR), Use(calls=())) == []


def test_what_was_not_asked_is_not_judged():
    assert found(endpoint()) == []
    assert found(instance()) == []


@pytest.mark.parametrize("state", ["Creating", "Updating", "Failed", "Deleting"])
def test_an_endpoint_in_another_state_is_left_alone(state):
    assert found(row("endpoint", state), Use(calls=())) == []


def days(values, per_day):
    """An hour of each of the last days: (percent or None) for as many days, and bytes a day."""
    cpu = tuple((TOP - timedelta(days=back), value) for back, value in enumerate(values, 1) if value is not None)
    network = tuple((at, float(per_day)) for at, _ in cpu)
    return cpu, network


@pytest.mark.parametrize(
    "percents, per_day, low",
    [
        ([10.0] * 4 + [50.0] * 10, 5 * MB, 4),
        ([10.0] * 3 + [50.0] * 11, 5 * MB, 3),
        ([10.1] * 14, 1, 0),
        ([1.0] * 14, 5 * MB + 1, 0),
        ([None] * 10 + [1.0] * 3, 1, 3),
    ],
)
def test_trusted_advisors_rule(percents, per_day, low):
    cpu, network = days(percents, per_day)
    assert len(low_days(cpu, network, NOW)) == low
    got = found(instance(), Use(cpu=cpu, network=network, cpu_now=()))
    assert bool(got) == (low >= 4)
    if got:
        assert (got[0].rule, got[0].action) == ("instance-low-use", "stop")


def steps(values, now=NOW):
    return tuple((now - timedelta(minutes=5 * (len(values) - at)), value) for at, value in enumerate(values))


@pytest.mark.parametrize(
    "values, quiet",
    [
        ([1.0] * 12, True),
        ([1.0] * 11 + [5.0], False),
        ([1.0] * 9, False),
        ([4.9] * 10, True),
        ([], False),
    ],
)
def test_a_quiet_hour(values, quiet):
    got = found(instance(), Use(cpu=(), network=(), cpu_now=steps(values)))
    assert bool(got) == quiet


def test_a_new_instance_is_not_idle_yet():
    new = instance(created=NOW - timedelta(minutes=59))
    assert found(new, Use(cpu=(), network=(), cpu_now=steps([1.0] * 12))) == []


@pytest.mark.parametrize(
    "spoke, since, hours",
    [(None, NOW - 13 * HOUR, True), (None, NOW - 11 * HOUR, False), (NOW - 2 * HOUR, NOW - 40 * HOUR, False),
     (NOW - 20 * HOUR, NOW - 40 * HOUR, True)],
)  # fmt: skip
def test_a_notebook(spoke, since, hours):
    notebook = row("notebook", "InService", since=since.isoformat(), disk_rate="0.001")
    got = found(notebook, Use(spoke=spoke))
    assert bool(got) == hours
    if got:
        # Its volume goes on costing.
        assert got[0].per_month == pytest.approx((0.23 - 0.001) * 730)


@pytest.mark.parametrize(
    "resource, action",
    [
        (row("volume", "available"), "delete"),
        (row("volume", "available", created=NOW), None),
        (row("volume", "in-use", attached_to="i-1"), None),
        (row("volume", "creating"), None),
        (row("address", "unattached"), "release"),
        (row("address", "attached", attached_to="eni-1"), None),
        (row("parked-endpoint", "parked"), "delete"),
        (row("parked-endpoint", "resuming"), None),
        (row("parked-endpoint", "parked", created=NOW), None),
        (row("log-group", retention=""), "set_retention"),
        (row("log-group", retention="30"), None),
        (row("model"), None),
    ],
)
def test_the_other_kinds(resource, action):
    assert [finding.action for finding in found(resource)] == ([action] if action else [])


def test_one_finding_for_each_and_the_dearest_first():
    cheap, dear = row("volume", "available", rate=0.01), row("address", "unattached", rate=0.5)
    dear = replace(dear, id="other")
    cpu, network = days([1.0] * 14, 1)
    use = Use(cpu=cpu, network=network, cpu_now=steps([1.0] * 12))
    quiet = replace(instance(rate=0.2), id="third")
    got = judge([cheap, dear, quiet], {quiet.key: use}, DEFAULT_RULES, NOW)
    assert [finding.resource.kind for finding in got] == ["address", "instance", "volume"]


def test_a_rule_that_is_off_finds_nothing():
    rules = [replace(rule, on=False) for rule in DEFAULT_RULES]
    assert found(row("volume", "available"), rules=rules) == []


def test_an_unknown_price_saves_nobody_knows_what():
    (finding,) = found(row("volume", "available", rate=None))
    assert finding.per_month is None


def test_every_finding_tells_what_it_does_and_how_on_the_command_line():
    for rule in DEFAULT_RULES:
        assert value_problem(rule, rule.value) is None
        assert "{" not in rule.sentence
    named = replace(row("log-group"), name="/a b; rm")
    (finding,) = found(named)
    assert "'/a b; rm'" in finding.cli and "30 days" in finding.does


@pytest.mark.parametrize("value, problem", [(30, False), (31, True), (0, True), (4000, True)])
def test_a_retention_is_one_that_aws_takes(value, problem):
    rule = next(rule for rule in DEFAULT_RULES if rule.action == "set_retention")
    assert bool(value_problem(rule, value)) == problem
    assert value in RETENTIONS or problem


hours_back = st.lists(st.integers(0, 14 * 24 - 1), max_size=20, unique=True)


@given(hours_back, st.integers(1, 14 * 24), st.integers(1, 14 * 24))
def test_a_longer_threshold_finds_less(calls, first, other):
    use = Use(calls=tuple(sorted((TOP - at * HOUR, 1.0) for at in calls)))
    rule = DEFAULT_RULES[0]
    short, long = sorted((first, other))
    found_long = found(endpoint(), use, [replace(rule, value=long)])
    assert not found_long or found(endpoint(), use, [replace(rule, value=short)])


@given(hours_back, st.integers(1, 14 * 24))
def test_what_was_called_within_the_threshold_is_never_idle(calls, hours):
    use = Use(calls=tuple(sorted((TOP - at * HOUR, 1.0) for at in calls)))
    idle = found(endpoint(), use, [replace(DEFAULT_RULES[0], value=hours)])
    if any(NOW - (TOP - at * HOUR) < hours * HOUR for at in calls):
        assert not idle


@given(st.lists(st.floats(0, 100), max_size=14), st.lists(st.floats(0, 20 * MB), max_size=14))
def test_more_load_never_makes_idle(percents, moved):
    cpu = tuple((TOP - timedelta(days=back), value) for back, value in enumerate(percents, 1))
    network = tuple((TOP - timedelta(days=back), value) for back, value in enumerate(moved, 1))
    busier = tuple((at, min(100.0, value * 1.5 + 1)) for at, value in cpu)
    assert set(low_days(busier, network, NOW)) <= set(low_days(cpu, network, NOW))
    louder = tuple((at, value * 2 + MB) for at, value in network)
    assert set(low_days(cpu, louder, NOW)) <= set(low_days(cpu, network, NOW))


@pytest.mark.parametrize(
    "span, words",
    [(timedelta(days=19), "19 days"), (timedelta(hours=30), "30 hours"), (timedelta(hours=1), "1 hour"),
     (timedelta(seconds=20), "a moment"), (timedelta(days=2), "2 days")],
)  # fmt: skip
def test_times_in_words(span, words):
    assert ago(span) == words
