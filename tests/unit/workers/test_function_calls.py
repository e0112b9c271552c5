"""Calls read back from a function's log, and the narrow policy for a role that may too much."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from workers.function_calls import calls_of, refused_in_a_row
from workers.function_figures import _every_hour
from workers.function_policy import narrowing
from workers.function_types import Function

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
