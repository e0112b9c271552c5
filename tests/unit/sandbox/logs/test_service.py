"""CloudWatch Logs by its API: events that are left out, batches that are refused, tags, limits and filters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.core.state import StateDir
from sandbox.logs.service import LogsService
from sandbox.logs.store import Logs
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from tests.helpers.calls import ask

CALLER = Caller("arn", "1", "K")
GROUP, STREAM = "/aws/sagemaker/TrainingJobs", "job/algo-1-1"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    state = StateDir(tmp_path / "state")
    made = Logs(state)
    yield made
    made.close()
    state.close()


@pytest.fixture
def service(logs: Logs) -> LogsService:
    made = LogsService()
    made.start(SimpleNamespace(part=lambda kind: logs))  # type: ignore[arg-type]
    return made


def call(service: LogsService, operation: str, **params: Any) -> dict[str, Any]:
    return ask(service, operation, params, CALLER)


def messages(service: LogsService) -> list[str]:
    answer = call(service, "GetLogEvents", logGroupName=GROUP, logStreamName=STREAM)
    return [event["message"] for event in answer["events"]]


HOUR, DAY = 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("ages", "retention", "kept", "rejected"),
    [
        ([HOUR, 0], None, 2, {}),
        ([15 * DAY, HOUR, 0], None, 2, {"tooOldLogEventEndIndex": 1}),
        ([0, -3 * HOUR], None, 1, {"tooNewLogEventStartIndex": 1}),
        ([-999 * HOUR], None, 0, {"tooNewLogEventStartIndex": 0}),
        ([15 * DAY, 4 * DAY, 0], 3, 1, {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}),
    ],
)
def test_events_too_old_or_too_new_are_left_out_and_told(
    logs: Logs, service: LogsService, ages: list[int], retention: int | None, kept: int, rejected: dict[str, int]
) -> None:
    now = int(time.time() * 1000)
    logs.create_group(GROUP)
    logs.create_stream(GROUP, STREAM)
    logs.set_retention(GROUP, retention)
    events = [{"timestamp": now - age, "message": "m"} for age in ages]
    answer = call(service, "PutLogEvents", logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    assert answer.get("rejectedLogEventsInfo", {}) == rejected
    assert len(messages(service)) == kept


def test_a_batch_of_more_than_a_day_or_a_megabyte_is_refused(logs: Logs, service: LogsService) -> None:
    now = int(time.time() * 1000)
    logs.put(GROUP, STREAM, [(1000, "there")])
    for events, words in (
        ([{"timestamp": now - DAY - 5, "message": "a"}, {"timestamp": now, "message": "b"}], "more than 24 hours"),
        ([{"timestamp": now, "message": "é" * 300_000}] * 2, "Upload too large: 1200052 bytes exceeds"),
    ):
        with pytest.raises(AwsError, match=words):
            call(service, "PutLogEvents", logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    assert messages(service) == ["there"]


def test_tags_of_groups(service: LogsService) -> None:
    call(service, "CreateLogGroup", logGroupName="g", tags={"a": "1"})
    arn = call(service, "DescribeLogGroups")["logGroups"][0]["logGroupArn"]
    call(service, "TagResource", resourceArn=arn, tags={"b": "2"})
    call(service, "TagLogGroup", logGroupName="g", tags={"c": "3"})
    assert call(service, "ListTagsForResource", resourceArn=arn)["tags"] == {"a": "1", "b": "2", "c": "3"}
    call(service, "UntagResource", resourceArn=arn, tagKeys=["a"])
    call(service, "UntagLogGroup", logGroupName="g", tags=["c"])
    assert call(service, "ListTagsLogGroup", logGroupName="g")["tags"] == {"b": "2"}
    with pytest.raises(AwsError, match="TooManyTagsException"):
        call(service, "TagResource", resourceArn=arn, tags={f"k{number}": "" for number in range(50)})
    with pytest.raises(AwsError, match="reserved"):
        call(service, "CreateLogGroup", logGroupName="h", tags={"aws:x": "1"})
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        call(service, "ListTagsForResource", resourceArn=arn + "x")
    call(service, "DeleteLogGroup", logGroupName="g")
    call(service, "CreateLogGroup", logGroupName="g")
    assert call(service, "ListTagsForResource", resourceArn=arn)["tags"] == {}
    assert [group["logGroupName"] for group in call(service, "DescribeLogGroups")["logGroups"]] == ["g"]


@pytest.mark.parametrize(
    ("operation", "members", "words"),
    [
        ("DescribeLogGroups", {"limit": 51}, "1 validation error detected: Value '51' at 'limit' failed to satisfy"),
        ("DescribeLogStreams", {"logGroupName": "g", "orderBy": "x"}, "enum value set: [LogStreamName, LastEventTime]"),
        ("CreateLogGroup", {"logGroupName": "a" * 513}, f"Value '{'a' * 513}' at 'logGroupName' failed"),
        ("GetLogEvents", {"logGroupIdentifier": "arn:*", "logStreamName": "s"}, r"pattern: [\w#+=/:,.@-]*"),
    ],
)
def test_what_breaks_a_limit_is_named_in_the_words_of_logs(
    service: LogsService, operation: str, members: dict[str, Any], words: str
) -> None:
    with pytest.raises(AwsError) as refused:
        call(service, operation, **members)
    assert refused.value.code == "InvalidParameterException"
    assert words in refused.value.message


def test_filters_of_a_group_that_is_not_there(service: LogsService) -> None:
    for operation in ("DescribeSubscriptionFilters", "DescribeMetricFilters"):
        with pytest.raises(AwsError, match="The specified log group does not exist"):
            call(service, operation, logGroupName="none")
    call(service, "CreateLogGroup", logGroupName="g")
    assert call(service, "DescribeSubscriptionFilters", logGroupName="g") == {"subscriptionFilters": []}
