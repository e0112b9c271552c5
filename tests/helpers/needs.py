"""What a request needs of its caller's policies, asked as the dispatcher does."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from sandbox.iam.needs import needs_of
from tests.helpers.calls import NAMES, read, request_of, target_header

ACCOUNT = "123456789012"
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


def needs(
    service: str, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> list[tuple[str, str, dict[str, str]]]:
    found = needs_of(read(request_of(service, method, target, body, headers)), NAMES)
    assert found is not None, f"nobody decides about {service} {target}"
    return [(need.action, need.resource, dict(need.context)) for need in found]


def json_call(service: str, operation: str, **params: Any) -> list[tuple[str, str]]:
    headers = {**target_header(service, operation), "content-type": "application/x-amz-json-1.1"}
    return [need[:2] for need in needs(service, "POST", "/", json.dumps(params).encode(), headers)]


def query_call(service: str, operation: str, **params: str) -> list[tuple[str, str]]:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"Action": operation, **params}).encode()
    return [need[:2] for need in needs(service, "POST", "/", body, headers)]
