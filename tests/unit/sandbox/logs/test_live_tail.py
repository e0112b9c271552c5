"""StartLiveTail: what comes after the session began is told once, in the form that botocore reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import EventStreamJSONParser

from sandbox.core.state import StateDir
from sandbox.logs import live_tail
from sandbox.logs.service import LogsService
from sandbox.logs.store import Logs
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model
from tests.helpers.calls import CALLER, request_of


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    state = StateDir(tmp_path / "state")
    made = Logs(state)
    yield made
    made.close()
    state.close()


@pytest.fixture
def service(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> LogsService:
    monkeypatch.setattr(live_tail, "UPDATE_SECONDS", 0.01)
    made = LogsService()
    made.start(SimpleNamespace(part=lambda kind: logs))  # type: ignore[arg-type]
    return made


def tail(service: LogsService, **members: Any) -> Iterator[dict[str, Any]]:
    """The events of a session, as a client reads them."""
    model = operation_model("logs", "StartLiveTail")
    members.setdefault("logGroupIdentifiers", ["arn:aws:logs:us-east-1:123456789012:log-group:group"])
    call = Call("logs", "StartLiveTail", members, CALLER, "json", request_of("logs", "POST", "/"), model)
    answer = service.handle(call, {})
    assert answer is not None and answer.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    return _read(cast(Iterable[bytes], answer.body), model)


def _read(blocks: Iterable[bytes], model: Any) -> Iterator[dict[str, Any]]:
    buffer, parser = EventStreamBuffer(), EventStreamJSONParser()
    shape = model.output_shape.members["responseStream"]
    for block in blocks:
        buffer.add_data(block)
        for message in buffer:
            given = message.to_response_dict()
            if given["headers"][":event-type"] == "initial-response":
                yield {"initial-response": {}}
            else:
                yield parser.parse(given, shape)


def test_what_comes_is_told_once(logs: Logs, service: LogsService) -> None:
    logs.put("group", "old", [(1, "before")])
    events = tail(service, logEventFilterPattern="-hidden")
    assert next(events) == {"initial-response": {}}
    assert next(events)["sessionStart"]["logEventFilterPattern"] == "-hidden"
    logs.put("group", "old", [(2, "first"), (3, "hidden")])
    logs.put("group", "new", [(4, "second")])
    update = next(events)["sessionUpdate"]
    told = [(event["logStreamName"], event["message"], event["timestamp"]) for event in update["sessionResults"]]
    assert told == [("old", "first", 2), ("new", "second", 4)] and update["sessionMetadata"] == {"sampled": False}
    assert next(events)["sessionUpdate"]["sessionResults"] == []
    logs.put("group", "new", [(5, f"line {number}") for number in range(600)])
    update = next(events)["sessionUpdate"]
    assert len(update["sessionResults"]) == 500 and update["sessionMetadata"]["sampled"]
    service.stop()
    assert list(events) == []


def test_streams_are_chosen_by_name_or_beginning(logs: Logs, service: LogsService) -> None:
    logs.create_group("group")
    by_name, by_prefix = tail(service, logStreamNames=["a"]), tail(service, logStreamNamePrefixes=["b"])
    for events in (by_name, by_prefix):
        next(events), next(events)
    for stream in ("a", "ab", "ba"):
        logs.put("group", stream, [(1, stream)])
    told = [next(events)["sessionUpdate"]["sessionResults"] for events in (by_name, by_prefix)]
    assert [[event["message"] for event in results] for results in told] == [["a"], ["ba"]]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"logGroupIdentifiers": ["absent"]}, "ResourceNotFoundException"),
        ({"logGroupIdentifiers": ["group"] * 11}, "InvalidParameterException"),
        ({"logGroupIdentifiers": ["arn:aws:logs:eu-west-1:123456789012:log-group:group"]}, "InvalidParameterException"),
        ({"logStreamNames": ["a"], "logStreamNamePrefixes": ["b"]}, "InvalidParameterException: Only one of"),
        ({"logGroupIdentifiers": ["group", "other"], "logStreamNames": ["a"]}, "only be used with a single log group"),
        ({"logEventFilterPattern": "{ $.a = 1 }"}, "InvalidParameterException"),
    ],
)
def test_a_session_that_cannot_be_is_refused_before_it_begins(
    logs: Logs, service: LogsService, members: dict[str, Any], code: str
) -> None:
    logs.create_group("group")
    with pytest.raises(AwsError, match=code):
        tail(service, **members)
