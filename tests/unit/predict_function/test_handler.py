from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import HealthCheck, example, given, settings

from tests.helpers.events import GOOD, PICTURE, Context, bad_events


def aws_error(code: str, message: str = "no", **more: Any) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"RequestId": "r-9"}, **more}, "X"
    )


def test_a_picture_is_answered_with_the_endpoints_answer(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer = function.handler(GOOD | {"top_k": 2}, Context())
    assert answer["statusCode"] == 200
    body = json.loads(answer["body"])
    assert body["labels"] == ["Akita", "Pug"] and body["logits"] == [3, 2, 1]
    assert function.runtime.calls == [
        {"EndpointName": "dogs", "ContentType": "image/jpeg", "Accept": "application/json", "Body": PICTURE}
    ]
    line = json.loads(capsys.readouterr().out)
    assert (line["status"], line["width"], line["requestId"]) == (200, 40, "request-1")


def test_what_the_model_cannot_use_is_the_callers_to_mend(function: Any) -> None:
    sentence = "The picture cannot be used: it is cut off."
    said = {"OriginalStatusCode": 400, "OriginalMessage": f"{sentence}\nTraceback"}
    function.runtime.failures = [aws_error("ModelError", "client error", **said)]
    answer = function.handler(GOOD, Context())
    assert (answer["statusCode"], json.loads(answer["body"])) == (400, {"error": sentence})


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (aws_error("AccessDeniedException", "not authorized"), 502, "AccessDeniedException"),
        (aws_error("ModelError", "500 from primary", OriginalStatusCode=500), 502, "ModelError"),
        (aws_error("ModelError", "timed out", OriginalStatusCode=504), 504, "ModelError"),
        (aws_error("ValidationError", "Endpoint dogs not found"), 502, "ValidationError"),
        (ReadTimeoutError(endpoint_url="x"), 504, "Timeout"),
    ],
)
def test_failures_of_the_endpoint_keep_their_cause(function: Any, failure: Exception, status: int, code: str) -> None:
    function.runtime.failures = [failure]
    answer = function.handler(GOOD, Context())
    assert answer["statusCode"] == status
    assert json.loads(answer["body"])["cause"]["code"] == code
    assert len(function.runtime.calls) == 1


def test_throttling_is_retried_within_the_time_left(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(function.time, "sleep", pauses.append)
    function.runtime.failures = [aws_error("ThrottlingException")] * 3
    assert function.handler(GOOD, Context())["statusCode"] == 200
    assert len(pauses) == 3 and pauses[0] <= 0.1 and max(pauses) <= 2


def test_throttling_gives_up_when_time_is_short(function: Any) -> None:
    function.runtime.failures = [aws_error("ThrottlingException")]
    assert function.handler(GOOD, Context(remaining_ms=520))["statusCode"] == 503
    assert len(function.runtime.calls) == 1


class Bucket:
    def __init__(self, body: bytes | Exception, length: int | None = None) -> None:
        self.body, self.length = body, length

    def get_object(self, **_: str) -> dict[str, Any]:
        if isinstance(self.body, Exception):
            raise self.body
        return {"ContentLength": len(self.body) if self.length is None else self.length, "Body": io.BytesIO(self.body)}


@pytest.mark.parametrize(
    ("bucket", "status", "calls"),
    [
        (Bucket(PICTURE), 200, 1),
        (Bucket(b"only text"), 415, 0),
        (Bucket(b"", length=900_000_000), 413, 0),
        (Bucket(aws_error("NoSuchKey")), 404, 0),
        (Bucket(aws_error("AccessDenied")), 502, 0),
        (Bucket(aws_error("AccessDenied", "… is not authorized to perform: s3:ListBucket on resource: …")), 404, 0),
    ],
)
def test_pictures_in_s3(
    function: Any, monkeypatch: pytest.MonkeyPatch, bucket: Bucket, status: int, calls: int
) -> None:
    monkeypatch.setenv("ALLOWED_S3", "pictures/in/")
    monkeypatch.setattr(function, "s3", bucket)
    assert function.handler({"bucket": "pictures", "key": "in/text.jpg"}, Context())["statusCode"] == status
    assert len(function.runtime.calls) == calls


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(event={"image": "A" * 7_000_000})
@given(event=bad_events)
def test_no_bad_event_reaches_the_endpoint(function: Any, event: Any) -> None:
    function.runtime.calls.clear()
    answer = function.handler(event, Context())
    assert 400 <= answer["statusCode"] < 500, answer
    assert json.loads(answer["body"])["error"]
    assert function.runtime.calls == []
