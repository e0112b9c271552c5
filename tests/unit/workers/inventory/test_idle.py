"""The rules of idleness: pure, at their limits, and by properties."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import botocore.loaders
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
    (finding,) = found(endpoint(created=None), Use(calls=()))
    assert finding.reason == "no request for 14 days or more"


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


@pytest.mark.parametrize("minutes, idle", [(59, False), (60, True), (None, False)])
def test_a_new_instance_is_not_idle_yet(minutes, idle):
    new = instance(created=None if minutes is None else NOW - timedelta(minutes=minutes))
    assert bool(found(new, Use(cpu=(), network=(), cpu_now=steps([1.0] * 12)))) == idle


@pytest.mark.parametrize("state", ["stopped", "pending", "stopping"])
def test_an_instance_that_does_not_run_is_left_alone_whatever_it_was_measured_at(state):
    cpu, network = days([1.0] * 14, 1)
    assert found(row("instance", state), Use(cpu=cpu, network=network, cpu_now=steps([1.0] * 12))) == []


def test_how_long_an_instance_is_quiet_is_told_where_that_is_a_day_or_more():
    now = steps([1.0] * 11 + [3.7])
    (hour,) = found(instance(), Use(cpu=(), network=(), cpu_now=now))
    assert hour.reason == "CPU under 4 % in the last hour"
    busy_before = ((TOP - timedelta(days=5), 80.0), (TOP - timedelta(days=4), 1.0))
    (long,) = found(instance(), Use(cpu=busy_before, network=(), cpu_now=now))
    assert long.reason.startswith("CPU under 4 %, ") and long.reason.endswith(" days long")


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
        silent = f"its log is silent for {ago(NOW - spoke)}" if spoke else "open for 13 hours"
        assert (got[0].reason, got[0].since) == (silent, spoke or since)


@pytest.mark.parametrize("created, idle", [(NOW - 13 * HOUR, True), (NOW - HOUR, False), (None, False)])
def test_a_notebook_without_a_log_is_judged_by_when_it_was_made(created, idle):
    assert bool(found(row("notebook", "InService", created=created))) == idle
    assert found(row("notebook", "Stopped", created=created)) == []


@pytest.mark.parametrize(
    "resource, action",
    [
        (row("volume", "available"), "delete"),
        (row("volume", "available", created=NOW), None),
        (row("volume", "in-use", attached_to="i-1"), None),
        (row("volume", "creating"), None),
        (row("address", "unattached"), "release"),
        (row("address", "attached", attached_to="eni-1"), None),
        (row("address", "attached"), None),
        (row("address", "", attached_to="eni-1"), None),
        (row("volume", "available", attached_to="i-1"), None),
        (row("volume", "available", created=None), None),
        (row("parked-endpoint", "parked"), "delete"),
        (row("parked-endpoint", "resuming"), None),
        (row("parked-endpoint", "parked", created=NOW), None),
        (row("parked-endpoint", "parked", created=None), None),
        (row("parked-endpoint", "parked", created=NOW - timedelta(days=30)), "delete"),
        (row("parked-endpoint", "parked", created=NOW - timedelta(days=30) + timedelta(seconds=1)), None),
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


@pytest.mark.parametrize(
    "value, nearest", [(30, None), (1, None), (3653, None), (31, 30), (89, 90), (3652, 3653), (0, None), (4000, None)]
)
def test_a_retention_is_one_that_aws_takes(value, nearest):
    rule = next(rule for rule in DEFAULT_RULES if rule.action == "set_retention")
    problem = value_problem(rule, value)
    assert (problem is None) == (value in RETENTIONS)
    assert nearest is None or f"the nearest is {nearest}." in str(problem)


def test_retentions_are_those_of_aws_model_of_cloudwatch_logs():
    # The model itself says them in words only: "Possible values are: 1, 3, … and 3653."
    logs = botocore.loaders.Loader().load_service_model("logs", "service-2")
    said = re.sub(r"<[^>]+>", "", logs["shapes"]["Days"]["documentation"])
    assert (
        tuple(map(int, re.findall(r"\d+", said[said.index("Possible values are") :].partition(".")[0]))) == RETENTIONS
    )


def test_what_the_rules_are_as_long_as_nobody_changed_them():
    assert {rule.id: (rule.value, rule.least, rule.most, rule.on) for rule in DEFAULT_RULES} == {
        "endpoint-unused": (24, 1, 336, True), "instance-low-use": (4, 1, 14, True),
        "instance-quiet-hour": (5, 1, 50, True), "notebook-open": (12, 1, 336, True),
        "volume-unattached": (1, 0, 336, True), "address-unattached": (0, 0, 0, True),
        "parked-long": (30, 1, 365, True), "log-kept-forever": (30, 1, 3653, True),
    }  # fmt: skip
    metered = {rule.id for rule in DEFAULT_RULES if rule.needs_metrics}
    assert metered == {"endpoint-unused", "instance-low-use", "instance-quiet-hour"}


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
