"""Calls read back from a function's log, and the narrow policy for a role that may too much."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.functions.calls import CallLog, calls_of, refused_in_a_row
from workers.functions.figures import Figures, _every_hour
from workers.functions.role import narrowing
from workers.functions.types import Function

DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/ask-role/ask is not authorized to perform: sagemaker:InvokeEndpoint "
    "on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint/{} because no identity-based policy allows the "
    "sagemaker:InvokeEndpoint action"
)


def lines(request: str, at: int, *said: str) -> list[dict[str, Any]]:
    texts = [
        f"START RequestId: {request} Version: $LATEST",
        *said,
        f"END RequestId: {request}",
        f"REPORT RequestId: {request}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB",
    ]
    return [{"timestamp": at * 1000, "message": text} for text in texts]


def handler_line(status: int, **more: Any) -> str:
    return json.dumps({"status": status, "ms": 3.0, "requestId": "r"} | more)


def refused(endpoint: str = "dogs") -> str:
    message = DENIED.format(endpoint)
    return handler_line(502, cause={"code": "AccessDeniedException", "message": message, "requestId": "inner"})


def test_calls_are_read_with_their_end() -> None:
    events = lines("a", 10, handler_line(200)) + lines("b", 20, handler_line(415, reason="No picture."))
    events += lines("c", 30, refused()) + lines("d", 40, "plain words of some other handler")
    ok, bad, denied, other = calls_of(events)
    assert (ok.request_id, ok.status, ok.ok, ok.duration_ms) == ("a", 200, True, 12.5)
    assert ok.at == datetime.fromtimestamp(10, UTC)
    assert (bad.ok, bad.cause) == (False, "No picture.")
    assert denied.denial is not None and denied.denial.resource.endswith("endpoint/dogs")
    assert (denied.cause, denied.denied_request_id) == ("AccessDeniedException", "inner")
    assert other.ok and other.status is None


def test_half_a_call_is_left_out() -> None:
    events = lines("a", 10)[1:] + lines("b", 20)[:2] + lines("c", 30)
    assert [call.request_id for call in calls_of(events)] == ["c"]


def test_only_the_newest_refusals_of_one_thing_count() -> None:
    calls = [
        *calls_of(lines("old", 1, refused())),
        *calls_of(lines("fine", 2, handler_line(200))),
        *calls_of(lines("other", 3, refused("cats"))),
        *calls_of(lines("one", 4, refused())),
        *calls_of(lines("two", 5, refused())),
    ]
    assert [call.request_id for call in refused_in_a_row(reversed(calls))] == ["two", "one"]
    assert refused_in_a_row(calls_of(lines("fine", 2, handler_line(200)))) == []


def test_hours_without_calls_are_zeros() -> None:
    now = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
    at = [datetime(2026, 1, 2, 12, tzinfo=UTC), datetime(2026, 1, 2, 10, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]
    hours = _every_hour(now, at, [3.0, 2.0, 9.0])
    assert (len(hours), hours[-1], hours[-3], sum(hours)) == (24, 3.0, 2.0, 5.0)


def test_a_role_is_narrowed_to_what_its_function_needs() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:ask"
    role = "arn:aws:iam::123456789012:role/ask-role"
    function = Function("ask", arn, "python3.12", 128, 3, role, None, endpoint_name="dogs")
    wild = {"Statement": [{"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}]}
    full = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    plan = narrowing(function, "pictures/in/,more/x/", {"wild": wild}, {"AmazonSageMakerFullAccess": full})
    allowed = {
        (action, statement["Resource"])
        for statement in plan.document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    log = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/ask:*"
    assert allowed == {
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        ("sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs"),
        ("s3:GetObject", "arn:aws:s3:::pictures/in/*"),
    }
    assert (plan.detach, plan.remove) == ((full,), ("wild",))
    assert full in plan.cli and "delete-role-policy" in plan.cli


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("[ERROR] ValueError: no such thing\nTraceback (most recent call last):", "ValueError"),
        ("RequestId: a Error: Task timed out after 3.00 seconds", "Task timed out after 3.00 seconds"),
        ("2026-01-31T12:00:00.000Z a Task timed out after 3.00 seconds", "Task timed out after 3.00 seconds"),
        ("RequestId: a Error: Runtime exited with error: exit status 3\nRuntime.ExitError",
         "Runtime exited with error: exit status 3"),
    ],
)  # fmt: skip
def test_a_call_of_any_handler_that_failed_is_not_called_fine(line: str, cause: str) -> None:
    (call,) = calls_of(lines("a", 10, line))
    assert (call.ok, call.cause) == (False, cause)


class LogGroup(FakeSession):
    """A function's log group: streams of events by name."""

    def __init__(self) -> None:
        super().__init__(describe_log_streams=self._streams, get_log_events=self._get, filter_log_events=self._filter)
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.page = 10_000

    def _streams(self, **_: Any) -> dict[str, Any]:
        if not self.streams:
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
        return {"logStreams": [{"logStreamName": name} for name in reversed(self.streams)]}

    def _get(self, logStreamName: str, **_: Any) -> dict[str, Any]:
        return {"events": self.streams[logStreamName]}

    def _filter(self, startTime: int, nextToken: str = "0", **_: Any) -> dict[str, Any]:
        found = [
            event | {"logStreamName": name}
            for name, events in self.streams.items()
            for event in events
            if event["timestamp"] >= startTime
        ]
        found.sort(key=lambda event: event["timestamp"])
        end = int(nextToken) + self.page
        page = {"events": found[int(nextToken) : end]}
        return page | ({"nextToken": str(end)} if end < len(found) else {})


def read(log: CallLog) -> list[str]:
    return [call.request_id for call in asyncio.run(log.read())]


def test_later_reads_ask_only_for_what_is_new() -> None:
    session = LogGroup()
    log = CallLog(session, "ask", most=3)
    assert read(log) == []
    session.streams["one"] = lines("a", 1000) + lines("b", 2000)
    assert read(log) == ["b", "a"]
    session.streams["one"] += lines("c", 3000)
    session.streams["two"] = lines("d", 2990)
    assert read(log) == ["c", "d", "b"]
    assert read(log) == ["c", "d", "b"]
    asked = [made["startTime"] for made in session.made("filter_log_events")]
    assert asked == [1_940_000, 2_940_000], "a minute of what is known is read again, for lines that come late"
    assert len(session.made("describe_log_streams")) == 2


def test_a_call_under_way_is_read_once_it_has_ended() -> None:
    session = LogGroup()
    log = CallLog(session, "ask")
    session.streams["one"] = lines("a", 1000)
    slow = lines("slow", 2000)
    session.streams["two"] = slow[:1]
    session.streams["one"] += lines("b", 2300)
    assert read(log) == ["b", "a"]
    session.streams["two"] += [event | {"timestamp": 2_500_000} for event in slow[1:]]
    assert read(log) == ["b", "slow", "a"]


def test_after_a_flood_the_newest_streams_are_the_shorter_way() -> None:
    session = LogGroup()
    log = CallLog(session, "ask", most=2)
    session.streams["one"] = lines("a", 1000)
    read(log)
    session.page = 3
    session.streams["two"] = [event for at in range(8) for event in lines(f"n{at}", 1100 + at)]
    assert read(log) == ["n7", "n6"]


def test_a_deleted_functions_calls_are_forgotten() -> None:
    session = LogGroup()
    log = CallLog(session, "ask")
    session.streams["one"] = lines("a", 1000)
    assert read(log) == ["a"]

    def gone(**_: Any) -> Any:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")

    session.handlers |= {"filter_log_events": gone, "describe_log_streams": gone}
    assert read(log) == []


def test_figures_of_many_functions_take_one_call_and_are_kept_for_a_minute() -> None:
    now = datetime.now(UTC)

    def answer(MetricDataQueries: list[Any], **_: Any) -> dict[str, Any]:
        found = []
        for query in MetricDataQueries:
            metric, statistic = query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]
            mine = metric["Dimensions"][0]["Value"] == "f7"
            values = {("Invocations", "Sum"): [4.0, 2.0], ("Duration", "Sum"): [900.0, 100.0],
                      ("Duration", "p50"): [200.0, 50.0]}.get((metric["MetricName"], statistic), [])  # fmt: skip
            at = [now - timedelta(hours=3), now - timedelta(minutes=10)][: len(values)]
            found.append({"Id": query["Id"], "Timestamps": at if mine else [], "Values": values if mine else []})
        return {"MetricDataResults": found}

    session = FakeSession(get_metric_data=answer)
    figures, names = Figures(session), [f"f{at}" for at in range(20)]

    async def twice() -> dict[str, dict[str, Any]]:
        await figures.of(names)
        return await figures.of(names)

    found = asyncio.run(twice())
    assert len(session.made("get_metric_data")) == 1
    assert (found["f7"]["invocations"], found["f7"]["errors"], found["f7"]["duration_ms"]) == (6, 0, 50.0)
    assert (found["f7"]["last_hour"].calls, found["f7"]["last_hour"].billed_ms) == (2.0, 101.0)
    assert found["f3"]["invocations"] == 0 and found["f3"]["duration_ms"] is None
    asyncio.run(figures.of((), fresh=("f7",)))
    assert len(session.made("get_metric_data")[-1]["MetricDataQueries"]) == 4
