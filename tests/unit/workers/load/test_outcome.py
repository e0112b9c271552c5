"""What AWS's answers are called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workers.load.outcome import GOOD, Outcome, meaning, outcome_of, throttled


def answer(kind: str, status: int, body: Any = None, **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return outcome_of(kind, status, named, body if isinstance(body, bytes) else json.dumps(body or {}).encode())


def test_a_throttled_function_is_shown_with_its_reason() -> None:
    body = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
    found = answer("function", 429, body, x_amzn_errortype="TooManyRequestsException")
    assert found == Outcome(
        "TooManyRequestsException: ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded."
    )
    assert throttled(found.code) and "more calls at a time than are reserved" in meaning(found.code)


@pytest.mark.parametrize(
    "kind, status, body, header, code, fatal",
    [
        ("endpoint", 400, {"message": None}, "ThrottlingException", "ThrottlingException", ""),
        ("endpoint", 424, {"OriginalStatusCode": 503, "message": "full"}, "ModelError", "ModelError 503", ""),
        ("endpoint", 503, {"message": "x"}, "ServiceUnavailable", "ServiceUnavailable", ""),
        ("endpoint", 400, {"message": "Endpoint e of account 1 not found."}, "ValidationError", "ValidationError",
         "gone"),
        ("endpoint", 400, {"message": "Endpoint e is not in service"}, "ValidationError", "ValidationError", ""),
        ("function", 404, {"message": "Function not found: arn"}, "ResourceNotFoundException:http://x",
         "ResourceNotFoundException", "gone"),
        ("function", 403, {"message": "no"}, "AccessDeniedException", "AccessDeniedException", "refused"),
        ("endpoint", 403, {"__type": "com.amazon#ExpiredTokenException"}, "", "ExpiredTokenException", "refused"),
        ("endpoint", 502, b"<html>bad gateway</html>", "", "HTTP 502", ""),
        ("endpoint", 302, b"", "", "HTTP 302", ""),
    ],
)  # fmt: skip
def test_errors_keep_awss_code(kind: str, status: int, body: Any, header: str, code: str, fatal: str) -> None:
    found = answer(kind, status, body, **({"x_amzn_errortype": header} if header else {}))
    assert (found.code, found.fatal) == (code, fatal)


def test_a_function_that_runs_may_still_fail() -> None:
    raised = answer("function", 200, {"errorType": "KeyError", "errorMessage": "'x'"}, x_amz_function_error="Unhandled")
    assert raised == Outcome("FunctionError: KeyError", "'x'")
    cause = {"code": "ModelError", "message": "it broke"}
    told = answer("function", 200, {"statusCode": 502, "body": json.dumps({"error": "no", "cause": cause})})
    assert told == Outcome("Function answered 502 (ModelError)", "it broke")
    assert (
        answer("function", 200, {"statusCode": 400, "body": json.dumps({"error": "no picture"})}).message
        == "no picture"
    )
    assert answer("function", 200, {"statusCode": 200, "body": "{}"}) == GOOD
    # Somebody else's function answers what it likes.
    for body in (b"", b"null", b"[1]", b'"text"', b"\xff", b'{"statusCode": "200"}'):
        assert answer("function", 200, body) == GOOD


def test_an_endpoints_answer_is_not_looked_into() -> None:
    assert answer("endpoint", 200, b'{"statusCode": 500}') == GOOD
