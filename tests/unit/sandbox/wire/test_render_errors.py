"""Errors have the status, the members and the fault of their models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from sandbox.wire.answer_check import VARIABLE
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import service_model
from sandbox.wire.render_errors import render_error


@pytest.fixture
def deviations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the deviations of a test go that makes some."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "deviations"))
    return tmp_path / "deviations"


def read(answer: RestResponse, parser: str, shape: Any = None) -> dict[str, Any]:
    headers: Any = HeadersDict(answer.headers)
    sent = {"status_code": answer.status, "headers": headers, "body": answer.body}
    return dict(create_parser(parser).parse(sent, shape))


@pytest.mark.parametrize(
    ("code", "protocol", "service", "status"),
    [
        ("NoSuchEntity", "query", "iam", 404),
        ("ResourceNotFoundException", "rest-json", "lambda", 404),
        ("TooManyRequestsException", "rest-json", "lambda", 429),
        ("InternalServiceError", "query", "cloudwatch", 500),
        ("ResourceNotFound", "json", "sagemaker", 400),
        ("NoSuchKey", "s3", "s3", 404),
        ("NeverHeardOfIt", "query", "iam", 400),
    ],
)
def test_the_status_is_the_models(code: str, protocol: str, service: str, status: int) -> None:
    assert render_error(AwsError(code, "m"), protocol, "R", "", (service,)).status == status


def test_a_status_that_is_given_stays_where_the_model_has_no_such_error() -> None:
    assert render_error(AwsError("NotImplemented", "m", 501), "query", "R", "", ("iam",)).status == 501


def test_the_fault_of_a_query_error_is_the_models() -> None:
    sender = read(render_error(AwsError("NoSuchEntity", "m"), "query", "R", "", ("iam",)), "query")
    assert sender["Error"] == {"Type": "Sender", "Code": "NoSuchEntity", "Message": "m"}
    assert sender["ResponseMetadata"]["RequestId"] == "R"
    receiver = read(render_error(AwsError("InternalServiceError", "m"), "query", "R", "", ("cloudwatch",)), "query")
    assert receiver["Error"]["Type"] == "Receiver"


def test_members_of_a_modelled_error_have_their_names_types_and_places() -> None:
    error = AwsError("TooManyRequestsException", "m", retryAfterSeconds="3", Reason="CallerRateLimitExceeded")
    answer = render_error(error, "rest-json", "R", "", ("lambda",))
    assert answer.headers["Retry-After"] == "3"
    assert json.loads(bytes(answer.body)) == {"message": "m", "Reason": "CallerRateLimitExceeded"}  # type: ignore[arg-type]
    shape = service_model("lambda").shape_for("TooManyRequestsException")
    parsed = read(answer, "rest-json", shape)
    assert parsed == {"retryAfterSeconds": "3", "message": "m", "Reason": "CallerRateLimitExceeded"}


def test_clients_of_cloudwatch_find_the_code_of_the_query_protocol() -> None:
    answer = render_error(AwsError("InvalidParameterValue", "m"), "cbor", "R", "", ("cloudwatch",))
    parsed = read(answer, "smithy-rpc-v2-cbor")
    assert parsed["Error"] == {
        "Code": "InvalidParameterValue",
        "Message": "m",
        "QueryErrorCode": "InvalidParameterValue",
        "Type": "Sender",
    }


def test_no_model_is_read_for_a_stranger() -> None:
    service_model.cache_clear()
    render_error(AwsError("NoSuchEntity", "m"), "query", "R", "/")
    assert service_model.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AwsError("NoSuchEntity", "m", 400), "error NoSuchEntityException: the status is 400, in the model 404"),
        (AwsError("NoSuchEntity", "m", Nonsense="x"), ".Nonsense is not in NoSuchEntityException"),
    ],
)
def test_an_error_that_is_not_as_its_model_is_a_deviation(error: AwsError, words: str, deviations: Path) -> None:
    answer = render_error(error, "query", "R", "", ("iam",))
    assert answer.status == 500
    assert b"<Code>AnswerNotInModel</Code>" in bytes(answer.body)  # type: ignore[arg-type]
    assert words in deviations.read_text()


@pytest.mark.parametrize("protocol", ["query", "ec2", "s3", "json", "cbor"])
def test_an_error_that_shows_what_no_xml_can_hold_is_read(protocol: str) -> None:
    answer = render_error(AwsError("Odd", "not \0 or \uffff", Given="\x1f"), protocol, "r", "/a\x01")
    parser = {"cbor": "smithy-rpc-v2-cbor", "s3": "rest-xml"}.get(protocol, protocol)
    assert read(answer, parser)["Error"]["Code"] == "Odd"
