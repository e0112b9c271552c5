"""HTTP requests as API Gateway, function URLs and load balancers hand them to the function."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.helpers.events import Context
from tests.helpers.pictures import encoded

PICTURE = encoded("JPEG")
TEXT = base64.b64encode(PICTURE).decode()
JSON = {"content-type": "application/json"}


def rest(body: Any, encoded: bool = False, headers: Any = None, query: Any = None) -> dict[str, Any]:
    """Payload format 1.0, as in AWS's documentation."""
    return {
        "resource": "/predict", "path": "/predict", "httpMethod": "POST", "headers": headers,
        "multiValueHeaders": None, "queryStringParameters": query, "multiValueQueryStringParameters": None,
        "pathParameters": None, "stageVariables": None, "requestContext": {"stage": "prod", "httpMethod": "POST"},
        "body": body, "isBase64Encoded": encoded,
    }  # fmt: skip


def http(body: Any, encoded: bool = False, headers: Any = None, query: Any = None) -> dict[str, Any]:
    """Payload format 2.0: an HTTP API or a function URL."""
    event = {
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "", "headers": headers or {},
        "requestContext": {"http": {"method": "POST", "path": "/"}}, "isBase64Encoded": encoded,
    }  # fmt: skip
    return event | ({"queryStringParameters": query} if query else {}) | ({} if body is None else {"body": body})


def balancer(body: Any, encoded: bool = False, headers: Any = None, query: Any = None) -> dict[str, Any]:
    """A load balancer with multi-value headers."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "POST", "path": "/", "body": body,
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": query or {}, "isBase64Encoded": encoded,
    }  # fmt: skip


SHAPES = pytest.mark.parametrize("shape", [rest, http, balancer])


@SHAPES
@pytest.mark.parametrize(
    ("body", "is_encoded", "headers"),
    [
        (json.dumps({"image": TEXT}), False, JSON),
        (base64.b64encode(json.dumps({"image": TEXT}).encode()).decode(), True, JSON),
        (json.dumps({"image": TEXT}), False, None),
        (TEXT, True, {"Content-Type": "image/jpeg"}),
        (TEXT, True, {"Content-Type": "application/octet-stream"}),
    ],
)
def test_a_picture_comes_through(function: Any, shape: Any, body: str, is_encoded: bool, headers: Any) -> None:
    answer = function.handler(shape(body, is_encoded, headers, {"top_k": "2"}), Context())
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False), answer
    assert answer["headers"]["Content-Type"] == "application/json"
    assert json.loads(answer["body"])["labels"] == ["Akita", "Pug"]
    assert function.runtime.calls[0]["Body"] == PICTURE


@SHAPES
@pytest.mark.parametrize(
    ("body", "is_encoded", "headers", "query", "status", "reason"),
    [
        (None, False, None, None, 400, "has no body"),
        ("", False, None, None, 400, "has no body"),
        ("no json", False, JSON, None, 400, "neither a JPEG or PNG picture nor JSON"),
        ("[" * 100_000, False, JSON, None, 400, "neither a JPEG or PNG picture nor JSON"),
        ("[1]", False, JSON, None, 400, "must be a JSON object"),
        ('{"picture": 1}', False, JSON, None, 400, "Unknown field: picture"),
        ("a", True, None, None, 400, "not valid base64"),
        ("\ud800", False, None, None, 400, "not valid base64"),
        (base64.b64encode(b"GIF89a").decode(), True, {"content-type": "image/gif"}, None, 415, "neither a JPEG nor"),
        ("\ufffd\ufffdJFIF", False, {"Content-Type": "image/jpeg"}, None, 415, "binary media types hold image/jpeg"),
        ("--x", False, {"content-type": "multipart/form-data; boundary=x"}, None, 415, "A form cannot be read"),
        (TEXT, True, None, {"top_k": "0"}, 400, "top_k must be"),
        (TEXT, True, None, {"top_k": "9" * 5000}, 400, "top_k must be"),
        (TEXT, True, None, {"top_k": "²"}, 400, "top_k must be"),
        ("A" * 20_000_000, True, None, None, 413, "too large"),
        (base64.b64encode(PICTURE[:100]).decode(), True, None, None, 400, "damaged or cut off"),
    ],
)
def test_what_is_wrong_is_told_in_http(
    function: Any, shape: Any, body: Any, is_encoded: bool, headers: Any, query: Any, status: int, reason: str
) -> None:
    answer = function.handler(shape(body, is_encoded, headers, query), Context())
    assert answer["statusCode"] == status
    assert reason in json.loads(answer["body"])["error"]
    assert not function.runtime.calls


def test_what_the_json_says_wins_over_the_query(function: Any) -> None:
    body = json.dumps({"image": TEXT, "top_k": 1})
    answer = function.handler(http(body, query={"top_k": "3"}), Context())
    assert json.loads(answer["body"])["labels"] == ["Akita"]


@pytest.mark.parametrize("event", [{"image": TEXT, "requestContext": {}}, {"image": TEXT, "httpMethod": "POST"}])
def test_what_is_no_gateways_event_is_a_direct_call(function: Any, event: dict[str, Any]) -> None:
    answer = function.handler(event, Context())
    assert (answer["statusCode"], "isBase64Encoded" in answer) == (400, False)
    assert "Unknown field" in json.loads(answer["body"])["error"]
