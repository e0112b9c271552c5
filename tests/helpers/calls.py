"""Requests as the dispatcher reads them, and operations called as it calls them: without a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from sandbox.core.account import ACCOUNT_ID, OPERATOR_ARN
from sandbox.s3.requests.call import read_s3
from sandbox.service import Service
from sandbox.wire.call import Call
from sandbox.wire.messages import BytesPayload, Caller, RestRequest
from sandbox.wire.models import operation_model, service_model
from sandbox.wire.protocols import protocol_of
from sandbox.wire.reading import model_name, read_call


class Names:
    """Roles and profiles of an account where all roles lie below one path."""

    def role_arn(self, name: str) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:role/path/{name}"

    def profile_roles(self, profile: str) -> list[str]:
        return [self.role_arn(profile.rpartition("/")[2])]


NAMES = Names()
_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/R"
CALLER = Caller(f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/R/S", ACCOUNT_ID, "ASIAEXAMPLE", _ROLE)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def request_of(
    service: str, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> RestRequest:
    """A verified request; ``service`` is the one of the signature."""
    path, _, query = target.partition("?")
    given = {"host": "127.0.0.1:1", **(headers or {})}
    fields = dict(parse_qsl(query, keep_blank_values=True))
    return RestRequest(
        method=method,
        path=path,
        raw_path=path,
        raw_query=query,
        query=fields,
        headers=given,
        service=service,
        region="us-east-1",
        payload=BytesPayload(body),
        request_id="r",
    )


def read(request: RestRequest, caller: Caller = CALLER) -> Call:
    """The call that a request makes."""
    if request.service == "s3":
        return read_s3(request, caller)
    runtime = request.service == "sagemaker" and request.raw_path.startswith("/endpoints/")
    name = "sagemaker-runtime" if runtime else model_name(request)
    protocol = protocol_of(request.method, request.raw_path, request.raw_query, request.headers, request.service)
    return read_call(request, name, protocol, caller)


def target_header(service: str, operation: str) -> dict[str, str]:
    """The header that names an operation of a JSON service (botocore's name)."""
    return {"x-amz-target": f"{service_model(service).metadata.get('targetPrefix', 'None')}.{operation}"}


def ask(service: Service, operation: str, members: dict[str, Any], caller: Caller | None = None) -> dict[str, Any]:
    """The answer's members, after the check that the dispatcher makes of the request's."""
    operator = Caller(OPERATOR_ARN, ACCOUNT_ID, "AKIAEXAMPLE")
    model = service_model(service.name).operation_model(operation)
    http = request_of(service.signing_name or service.name, "POST", "/")
    call = service.check(Call(service.name, operation, members, caller or operator, "json", http, model))
    return service.operations[operation](call.members, call.caller) or {}


def spoken(service: str) -> str:
    """The protocol in which clients of a service write."""
    metadata = service_model(service).metadata
    protocols = metadata.get("protocols") or [metadata["protocol"]]
    return next(name for name in ("json", "query", "ec2", "rest-json", "rest-xml") if name in protocols)


def call_of(service: str, operation: str, **members: Any) -> Call:
    """A call as access control lets it through."""
    http = request_of(service, "POST", "/")
    return Call(service, operation, members, CALLER, spoken(service), http, operation_model(service, operation))
