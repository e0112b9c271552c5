"""Following log streams: nothing lost, nothing doubled, several streams merged."""

from __future__ import annotations

import asyncio
import time

import pytest
from moto import mock_aws

from workers.aws.logs import Logs
from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput
from workers.types import Backend

# CloudWatch drops events older than 14 days.
EPOCH_MS = int(time.time() * 1000) - 60_000
GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with mock_aws():
        session = AwsSession(Backend("aws", "test", "us-east-1", access_key_id="a", secret_access_key="b"))
        yield session
        session.close()


def put(session, stream, lines):
    client = session.client("logs")
    for name, arguments in (
        ("create_log_group", {"logGroupName": GROUP}),
        ("create_log_stream", {"logGroupName": GROUP, "logStreamName": stream}),
    ):
        try:
            getattr(client, name)(**arguments)
        except client.exceptions.ResourceAlreadyExistsException:
            pass
    client.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[{"timestamp": EPOCH_MS + at, "message": text} for at, text in lines],
    )


def test_a_log_that_is_not_there_yet_is_empty(session):
    events, token = asyncio.run(Logs(session).read(GROUP, "job/"))
    assert events == ()
    put(session, "job/algo-1", [(0, "first")])
    events, _ = asyncio.run(Logs(session).read(GROUP, "job/", token))
    assert [event.message for event in events] == ["first"]


def test_following_gives_each_line_once(session):
    logs = Logs(session)
    put(session, "job/algo-1", [(at, f"line {at}") for at in range(5)])

    async def follow():
        seen, token = [], None
        for step in range(4):
            events, token = await logs.read(GROUP, "job/", token, limit=2)
            seen += [event.message for event in events]
            if step == 1:
                # Two events of the same millisecond, and one that arrives late with an older time.
                put(session, "job/algo-1", [(7, "same"), (7, "same")])
        while True:
            events, token = await logs.read(GROUP, "job/", token)
            if not events:
                return seen
            seen += [event.message for event in events]

    assert asyncio.run(follow()) == [f"line {at}" for at in range(5)] + ["same", "same"]


def test_streams_are_merged_by_time_and_others_left_out(session):
    put(session, "job/algo-1", [(0, "a0"), (20, "a20")])
    put(session, "job/algo-2", [(10, "b10"), (30, "b30\n")])
    put(session, "job-2/algo-1", [(5, "another job")])
    events = asyncio.run(Logs(session).read_all(GROUP, "job/"))
    assert [(event.message, event.stream) for event in events] == [
        ("a0", "job/algo-1"),
        ("b10", "job/algo-2"),
        ("a20", "job/algo-1"),
        ("b30", "job/algo-2"),
    ]


def test_reading_from_the_end_goes_on_from_there(session):
    put(session, "job/algo-1", [(at, f"line {at}") for at in range(10)])
    logs = Logs(session)

    async def body():
        last, token = await logs.read(GROUP, "job/", limit=3, from_end=True)
        put(session, "job/algo-1", [(50, "new")])
        new, _ = await logs.read(GROUP, "job/", token)
        return [event.message for event in last], [event.message for event in new]

    assert asyncio.run(body()) == (["line 7", "line 8", "line 9"], ["new"])


class EmptyPages:
    """A service that answers two empty pages with new tokens before a full one, as AWS may."""

    def __init__(self):
        self.pages = [([], "t1"), ([], "t2"), ([{"timestamp": 1, "message": "late"}], "t3"), ([], "t3")]

    async def paginate(self, *_, **__):
        yield {"logStreamName": "job/algo-1"}

    async def call(self, *_, **__):
        events, token = self.pages.pop(0)
        return {"events": events, "nextForwardToken": token}


def test_an_empty_page_is_not_the_end():
    events = asyncio.run(Logs(EmptyPages()).read_all(GROUP, "job/"))
    assert [event.message for event in events] == ["late"]


def test_a_broken_position_is_refused(session):
    with pytest.raises(InvalidInput):
        asyncio.run(Logs(session).read(GROUP, "job/", "nonsense"))
