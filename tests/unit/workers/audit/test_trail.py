"""The event history: asked politely, page by page, and without what the calls said."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.audit import trail
from workers.audit.trail import BETWEEN_SECONDS, Trail, event_of, short_name
from workers.errors.tree import AccessDenied, Throttled

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECRET = "hunter2horse"


def event(**more: Any) -> dict[str, Any]:
    record = {
        "userIdentity": {"type": "IAMUser", "userName": "ann", "accessKeyId": "AKIAOLDOLDOLDOLD1234"},
        "requestParameters": {"environment": {"variables": {"DB_PASSWORD": SECRET}}},
        "responseElements": {"secretAccessKey": SECRET},
    }
    return {
        "EventId": "e-1",
        "EventName": "UpdateFunctionConfiguration20150331v2",
        "EventSource": "lambda.amazonaws.com",
        "EventTime": AT,
        "Username": "ann",
        "ReadOnly": "false",
        "AccessKeyId": "AKIAOLDOLDOLDOLD1234",
        "Resources": [
            {"ResourceType": "AWS::Lambda::Function", "ResourceName": "arn:aws:lambda:us-east-1:1:function:predict"},
            {"ResourceType": "AWS::IAM::AccessKey", "ResourceName": "AKIAOLDOLDOLDOLD1234"},
        ],
        "CloudTrailEvent": json.dumps(record | more.pop("record", {})),
        **more,
    }


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        monkeypatch.setattr(trail.time, "monotonic", lambda: self.now)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_an_event_says_who_did_what_to_what_and_nothing_secret() -> None:
    found = event_of(event())
    assert (found.name, found.service, found.who, found.target) == (
        "UpdateFunctionConfiguration20150331v2",
        "lambda",
        "ann",
        "predict",
    )
    assert found.at == AT
    assert found.changes
    assert SECRET not in repr(found)
    assert "AKIA" not in repr(found)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("arn:aws:lambda:us-east-1:1:function:predict", "predict"),
        ("arn:aws:sagemaker:us-east-1:1:endpoint/dogs", "dogs"),
        ("endpoint/dogs/variant/AllTraffic", "dogs"),
        ("function:predict:live", "predict"),
        ("/aws/lambda/predict", "/aws/lambda/predict"),
        ("dogs", "dogs"),
    ],
)
def test_names_as_people_know_them(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("record", "who"),
    [
        ({"userIdentity": {"type": "Root"}}, "root"),
        (
            {
                "userIdentity": {
                    "type": "AssumedRole",
                    "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "SageDeckTraining-dogs"}},
                }
            },
            "SageDeckTraining-dogs",
        ),
        ({"userIdentity": {"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"}}, "sagemaker.amazonaws.com"),
    ],
)
def test_who_it_was(record: dict[str, Any], who: str) -> None:
    assert event_of(event(record=record, Username=None)).who == who


def test_a_refusal_keeps_its_words_without_keys() -> None:
    words = f"User with key AKIAOLDOLDOLDOLD1234 is not authorized {'x' * 1000}"
    found = event_of(event(record={"errorCode": "AccessDenied", "errorMessage": words}))
    assert found.error == "AccessDenied"
    assert "[access key]" in found.message
    assert len(found.message) == 300


def test_an_error_that_repeats_what_the_call_was_told_keeps_its_code_alone() -> None:
    words = f"1 validation error detected: Value '{{DB_PASSWORD={SECRET}}}' at 'environment.variables' failed"
    found = event_of(event(record={"errorCode": "ValidationException", "errorMessage": words}))
    assert (found.error, found.message) == ("ValidationException", "")
    assert SECRET not in repr(found)


@pytest.mark.parametrize("text", [None, "", "no json", "[]", "null", '{"userIdentity": 7}'])
def test_a_damaged_record_is_an_event_all_the_same(text: str | None) -> None:
    found = event_of(event() | {"CloudTrailEvent": text})
    assert (found.name, found.who) == ("UpdateFunctionConfiguration20150331v2", "ann")


def test_of_a_resource_everything_and_of_all_only_changes() -> None:
    session = FakeSession(lookup_events=lambda **_: {"Events": [event()], "NextToken": "more"})
    reading = Trail(session)  # type: ignore[arg-type]
    page = asyncio.run(reading.page())
    assert page.token == "more"
    assert len(page.events) == 1
    asyncio.run(Trail(session).page("predict", "more"))  # type: ignore[arg-type]
    first, second = session.made("lookup_events")
    assert first["LookupAttributes"] == [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    assert second["LookupAttributes"] == [{"AttributeKey": "ResourceName", "AttributeValue": "predict"}]
    assert (second["NextToken"], second["MaxResults"]) == ("more", 50)


def test_further_pages_are_asked_with_what_the_first_one_was() -> None:
    tokens = iter(["more", "most", None])
    session = FakeSession(lookup_events=lambda **_: {"Events": [event()], "NextToken": next(tokens)})
    reading = Trail(session)  # type: ignore[arg-type]

    async def read() -> None:
        page = await reading.page(since=datetime.now(UTC) - timedelta(hours=1))
        while page.token is not None:
            page = await reading.page(token=page.token)

    asyncio.run(read())
    first, *others = session.made("lookup_events")
    assert [asked.get("NextToken") for asked in others] == ["more", "most"]
    assert {asked["StartTime"] for asked in others} == {first["StartTime"]}


def test_no_further_back_than_cloudtrail_keeps() -> None:
    session = FakeSession(lookup_events=lambda **_: {"Events": []})
    asyncio.run(Trail(session).page(since=AT - timedelta(days=400)))  # type: ignore[arg-type]
    start = session.made("lookup_events")[0]["StartTime"]
    assert datetime.now(UTC) - start < timedelta(days=90, minutes=1)


def test_two_a_second_also_when_many_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    times: list[float] = []

    def answer(**_: Any) -> dict[str, Any]:
        times.append(clock.now)
        return {"Events": []}

    async def ask() -> None:
        reading = Trail(FakeSession(lookup_events=answer), clock.wait)  # type: ignore[arg-type]
        await asyncio.gather(*(reading.page(str(number)) for number in range(5)))

    asyncio.run(ask())
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 5
    assert all(gap >= BETWEEN_SECONDS - 1e-6 for gap in gaps)


def test_when_aws_asks_to_slow_down_it_waits_longer_and_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    refusals = 2

    def answer(**_: Any) -> dict[str, Any]:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise Refused("ThrottlingException", "Rate exceeded")
        return {"Events": [event()]}

    page = asyncio.run(Trail(FakeSession(lookup_events=answer), clock.wait).page())  # type: ignore[arg-type]
    assert len(page.events) == 1
    assert [wait for wait in clock.waits if wait >= 2] == [2.0, 4.0]
    refusals = 99
    with pytest.raises(Throttled):
        asyncio.run(Trail(FakeSession(lookup_events=answer), clock.wait).page())  # type: ignore[arg-type]


def test_who_may_not_read_it_is_told() -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("AccessDeniedException", "User: ann is not authorized to perform: cloudtrail:LookupEvents", 400)

    with pytest.raises(AccessDenied):
        asyncio.run(Trail(FakeSession(lookup_events=refuse)).page())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "target"),
    [
        ({"resourceId": "endpoint/dogs/variant/AllTraffic", "policyName": "tracks"}, "dogs"),
        ({"ResourceId": "function:predict:live"}, "predict"),
        ({"alarmName": "too-slow"}, "too-slow"),
        ({"resourceId": 7, "password": SECRET}, ""),
        (None, ""),
    ],
)
def test_what_cloudtrail_names_no_resource_of_is_named_by_its_parameters(parameters: Any, target: str) -> None:
    """Application Auto Scaling's events have no resources."""
    found = event_of(
        event(EventName="PutScalingPolicy", EventSource="autoscaling.amazonaws.com", Resources=[],
              record={"requestParameters": parameters})
    )  # fmt: skip
    assert found.target == target and SECRET not in repr(found)
