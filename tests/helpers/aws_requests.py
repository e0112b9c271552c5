"""Requests as botocore writes them, without a network: for tests over every operation of a service's model."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.model import OperationModel, Shape

from sandbox.wire.messages import BytesPayload, RestRequest

ENDPOINT = "http://127.0.0.1:4"


@cache
def client(service: str) -> Any:
    """A client that sends nothing (see ``written``)."""
    config = Config(s3={"addressing_style": "path"}, inject_host_prefix=False, parameter_validation=False)
    return botocore.session.Session().create_client(
        service,
        "us-east-1",
        endpoint_url=ENDPOINT,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=config,
    )


def operations(service: str) -> list[str]:
    """The names of all operations."""
    return list(client(service).meta.service_model.operation_names)


def model(service: str, operation: str) -> OperationModel:
    """One operation's model."""
    return client(service).meta.service_model.operation_model(operation)


def sample(shape: Shape, given: dict[str, Any], everything: bool = False, depth: int = 0) -> Any:
    """A value for ``shape``: its required members, or all of them. ``given``: values by member name."""
    if shape.type_name == "structure":
        names = shape.members if everything and depth < 3 else shape.required_members
        return {
            name: given[name]
            if depth == 0 and name in given
            else sample(shape.members[name], given, everything, depth + 1)
            for name in names
        }
    if shape.type_name == "list":
        return [sample(shape.member, given, everything, depth + 1)]
    if shape.type_name == "map":
        return {"k": sample(shape.value, given, everything, depth + 1)}
    if shape.type_name == "string":
        return (getattr(shape, "enum", None) or ["text"])[0]
    simple: dict[str, Any] = {
        "integer": 1,
        "long": 1,
        "boolean": True,
        "float": 1.0,
        "double": 1.0,
        "blob": b"data",
        "timestamp": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return simple[shape.type_name]


def parameters(service: str, operation: str, given: dict[str, Any], everything: bool = False) -> dict[str, Any]:
    """Parameters for an operation."""
    shape = model(service, operation).input_shape
    made = {} if shape is None else sample(shape, given, everything)
    return dict(made)


def written(service: str, operation: str, params: dict[str, Any]) -> RestRequest:
    """The request that botocore would send."""
    made = client(service)
    seen: list[Any] = []

    def stop(request: Any, **_: Any) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, {}, None)

    made.meta.events.register_first("before-send", stop, unique_id="stop")
    try:
        # The public methods take a copy; here botocore adds its tokens to ``params``, and callers compare with them.
        made._make_api_call(operation, params)
    except Exception:
        # The empty answer cannot always be read; the request is what counts.
        if not seen:
            raise
    finally:
        made.meta.events.unregister("before-send", unique_id="stop")
    return as_sandbox(seen[-1], service)


def as_sandbox(prepared: Any, service: str) -> RestRequest:
    """botocore's prepared request as the sandbox's dispatcher hands it on."""
    url = urlsplit(prepared.url)
    headers = {
        name.lower(): value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return RestRequest(
        method=prepared.method,
        path=unquote(url.path),
        raw_path=url.path,
        raw_query=url.query,
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers=headers | {"host": url.netloc},
        service=service,
        region="us-east-1",
        payload=BytesPayload(body.encode() if isinstance(body, str) else bytes(body)),
        request_id="r",
    )
