"""What the event history adds: deleted endpoints with their price, earlier runs, and what it cannot tell."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.audit.trail import TrailEvent, TrailPage, event_of, machines_in
from workers.errors.tree import AccessDenied
from workers.inventory.costs import HOUR, Spending, between
from workers.inventory.past import lives, with_past
from workers.inventory.past_reading import PastReader
from workers.inventory.rates import Rates
from workers.inventory.types import Resource, Span
from workers.prices.table import PriceTable

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RATES = Rates(PriceTable.load(), "us-east-1")
LARGE, XLARGE = 0.115, 0.23
VARIANT = {"variantName": "A", "instanceType": "ml.m5.large", "initialInstanceCount": 2}


def event(hours_ago, name, target="", kind="", parameters=None, error=""):
    resources = ((f"AWS::SageMaker{kind}" if kind else "", target),) if target else ()
    at = NOW - hours_ago * HOUR
    return TrailEvent(f"{name}-{hours_ago}", at, name, "sagemaker", "ann", resources, error,
                      machines=machines_in(name, parameters))  # fmt: skip


def config(hours_ago, name="c", count=2, instance_type="ml.m5.large"):
    variant = {**VARIANT, "initialInstanceCount": count, "instanceType": instance_type}
    parameters = {"endpointConfigName": name, "productionVariants": [variant]}
    return event(hours_ago, "CreateEndpointConfig", parameters=parameters)


def endpoint(hours_ago, call="CreateEndpoint", name="dogs", config="c"):
    return event(hours_ago, call, name, ":Endpoint", {"endpointName": name, "endpointConfigName": config})


def spans(items):
    return [(item.name, item.gone, [(span.start, span.end, span.dollars_per_hour) for span in item.spans])
            for item in items]  # fmt: skip


def test_an_endpoint_that_was_deleted_has_its_price():
    found = lives([config(9), endpoint(8), endpoint(3, "DeleteEndpoint")], RATES)
    assert spans(found) == [("dogs", True, [(NOW - 8 * HOUR, NOW - 3 * HOUR, pytest.approx(2 * LARGE))])]


def test_an_update_changes_the_price_from_then_on():
    events = [
        config(9), config(9, "bigger", 1, "ml.m5.xlarge"), endpoint(8), endpoint(6, "UpdateEndpoint", config="bigger"),
        event(5, "UpdateEndpointWeightsAndCapacities", "dogs", ":Endpoint",
              {"endpointName": "dogs",
               "desiredWeightsAndCapacities": [{"variantName": "A", "desiredInstanceCount": 3}]}),
        endpoint(4, "DeleteEndpoint"),
    ]  # fmt: skip
    ((_, _, found),) = spans(lives(events, RATES))
    assert [rate for _, _, rate in found] == [
        pytest.approx(2 * LARGE),
        pytest.approx(XLARGE),
        pytest.approx(3 * XLARGE),
    ]


def test_a_configuration_that_nobody_saw_made_has_no_price():
    ((_, _, found),) = spans(lives([endpoint(8), endpoint(3, "DeleteEndpoint")], RATES))
    assert found == [(NOW - 8 * HOUR, NOW - 3 * HOUR, None)]


def test_a_refused_call_did_nothing():
    assert lives([event(8, "CreateEndpoint", "dogs", ":Endpoint", error="ResourceLimitExceeded")], RATES) == []


def test_earlier_runs_of_an_instance_have_its_present_price():
    events = [
        event(20, "StartInstances", "i-1", ":Instance"),
        event(18, "StopInstances", "i-1", ":Instance"),
        event(5, "StartInstances", "i-1", ":Instance"),
    ]
    row = Resource("instance", "i-1", "trainer", "running", spans=(Span(NOW - 5 * HOUR, None, 0.5),))
    known = [Spending("instance", "trainer", row.spans)]
    merged = with_past([row], known, lives(events, RATES), NOW)
    assert between(merged, NOW - 30 * HOUR, NOW) == pytest.approx(7 * 0.5)
    assert {item.name for item in merged} == {"trainer"}


def test_what_was_seen_to_go_is_not_counted_twice():
    past = lives([config(9), endpoint(8)], RATES)
    seen = [Spending("endpoint", "dogs", (Span(NOW - 8 * HOUR, NOW - HOUR, 2 * LARGE),), gone=True)]
    assert between(with_past([], seen, past, NOW), NOW - 30 * HOUR, NOW) == pytest.approx(7 * 2 * LARGE)


def test_one_that_is_there_has_its_earlier_prices():
    past = lives([config(9), config(9, "one", 1), endpoint(8), endpoint(2, "UpdateEndpoint", config="one")], RATES)
    row = Resource("endpoint", "arn", "dogs", "InService", spans=(Span(NOW - 8 * HOUR, None, LARGE),))
    merged = with_past([row], [Spending("endpoint", "dogs", row.spans)], past, NOW)
    assert between(merged, NOW - 30 * HOUR, NOW) == pytest.approx(6 * 2 * LARGE + 2 * LARGE)


def test_only_what_machines_are_asked_for_is_taken_from_a_call():
    secret = {
        "endpointConfigName": "c",
        "productionVariants": [{**VARIANT, "secret": "hunter2"}],
        "password": "hunter2",
    }
    item = {"EventId": "1", "EventName": "CreateEndpointConfig", "EventTime": NOW,
            "CloudTrailEvent": json.dumps({"requestParameters": secret})}  # fmt: skip
    found = event_of(item)
    assert "hunter2" not in repr(found) and ("0.instanceType", "ml.m5.large") in found.machines
    assert machines_in("CreateFunction", {"instanceType": "x"}) == ()
    assert machines_in("RunInstances", None) == machines_in("RunInstances", [1]) == ()


class FakeTrail:
    def __init__(self, events, size=2, error=None):
        self.events, self.size, self.error, self.pages = events, size, error, 0

    async def page(self, resource="", token=None, since=None):
        if self.error:
            raise self.error
        self.pages += 1
        at = int(token or 0)
        newest = sorted(self.events, key=lambda each: each.at, reverse=True)
        more = str(at + self.size) if at + self.size < len(newest) else None
        return TrailPage(tuple(newest[at : at + self.size]), more)


def test_it_is_read_bit_by_bit_and_says_how_far():
    trail = FakeTrail([endpoint(hours, name=f"e{hours}") for hours in range(1, 21)])
    clock = [0.0]
    reader = PastReader(trail, RATES, lambda: clock[0])

    async def body():
        assert "is read back to 28 Nov 04:00 UTC so far" in await reader.read(NOW - 90 * HOUR)
        assert trail.pages == 4
        while await reader.read(NOW - 90 * HOUR):
            pass
        assert len(reader.spendings()) == 20
        trail.events.append(endpoint(0, name="new"))
        before = trail.pages
        assert await reader.read(NOW - 90 * HOUR) == "" and trail.pages == before
        clock[0] = 31.0
        assert await reader.read(NOW - 90 * HOUR) == ""
        assert trail.pages - before == 1 and len(reader.spendings()) == 21

    asyncio.run(body())


def test_who_may_not_read_it_is_told():
    reader = PastReader(FakeTrail([], error=AccessDenied("You may not read the event history", "No.")), RATES)
    assert "you may not read the event history" in asyncio.run(reader.read(NOW))
    assert "not in it" in asyncio.run(PastReader(None, RATES).read(NOW))


calls = st.lists(
    st.tuples(
        st.sampled_from(["CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["c", "unknown"]),
    ),
    max_size=20,
)


@given(calls)
def test_whatever_happened_times_of_one_thing_do_not_overlap(made):
    events = [config(100)]
    events += [endpoint(50 - at, call, name, of) for at, (call, name, of) in enumerate(made)]
    for name in ("a", "b"):
        found = sorted(
            (span.start, span.end or NOW) for item in lives(events, RATES) if item.name == name for span in item.spans
        )
        assert all(before[1] <= after[0] for before, after in pairwise(found))
