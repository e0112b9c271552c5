"""A request, read: the one operation that it asks for and that operation's members, in whatever protocol it speaks.

The dispatcher reads each request once, here (S3 in ``sandbox/s3/requests/call.py``). Access control and the service
get the same ``Call``, so neither can take it for another one. A member that the operation does not have is refused: it
could name another resource to the one than to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel

from sandbox.wire.call import Call
from sandbox.wire.document import from_document, parse_document
from sandbox.wire.errors import AwsError
from sandbox.wire.form import from_form, pairs_of
from sandbox.wire.messages import Caller, RestRequest
from sandbox.wire.models import service_model
from sandbox.wire.protocols import operation_of, target_of
from sandbox.wire.rest import parse_rest
from sandbox.wire.validation import validated

# Where the service in a signature and botocore's name for it differ.
_NAMES = {
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
    "email": "ses",
    "states": "stepfunctions",
    "elasticfilesystem": "efs",
    "elasticmapreduce": "emr",
}
# Two services sign alike, and are told apart by the version of their API: in the form, or in the path.
_LOAD_BALANCING, _SECOND_LOAD_BALANCING = "elasticloadbalancing", b"Version=2015-12-01"
_SEARCH, _SECOND_SEARCH = "es", "/2021-01-01/"
_SMITHY = {"cbor": "smithy-rpc-v2-cbor"}
# The code with which AWS names what breaks a constraint, by protocol; services may have their own.
_INVALID = {"query": "ValidationError", "ec2": "InvalidParameterValue"}


def model_name(request: RestRequest) -> str:
    """botocore's name for the service that a request is for, by its signature."""
    signed = request.service
    if signed == _LOAD_BALANCING:
        return "elbv2" if _SECOND_LOAD_BALANCING in request.body() else "elb"
    if signed == _SEARCH:
        return "opensearch" if request.raw_path.startswith(_SECOND_SEARCH) else _SEARCH
    return _NAMES.get(signed, signed)


def read_call(request: RestRequest, service: str, protocol: str, caller: Caller) -> Call:
    """The call that a request makes. ``service``: botocore's name of it.

    Raises ``AwsError`` for a request that cannot be read, for an operation that the service does not have and for a
    member that the operation does not have. What the members hold is checked by ``check``.
    """
    try:
        model = service_model(service)
    except UnknownServiceError:
        return Call(service, operation_of(request, protocol), {}, caller, protocol, request)
    try:
        operation, members = _read(request, model, protocol)
    except RecursionError as exc:
        raise _too_deep() from exc
    return Call(
        service=service,
        operation=operation.name,
        members=members,
        caller=caller,
        protocol=protocol,
        http=request,
        model=operation,
    )


def check(call: Call, code: str = "", limits: bool = True, **extra: Any) -> Call:
    """The call with its members checked against the model's types and (unless a service has its own words) limits.

    Raises ``AwsError`` ``code`` (default: the protocol's own) with all that is wrong; ``extra`` are its members.
    """
    if call.model is None or call.protocol == "rest-xml":
        # Bodies of XML are read by moto alone, and nobody but the operator has such an operation.
        return call
    if call.protocol == "ec2":
        # EC2 names wrong values one by one, in words of its own for each.
        _check_given(call.model, call.members, "The request must contain the parameter {}")
        return call
    if not limits:
        _check_given(call.model, call.members, "The parameter {} is required.")
    code = code or _INVALID.get(call.protocol, "ValidationException")
    try:
        members = validated(call.model, call.members, code, limits)
    except AwsError as error:
        raise AwsError(error.code, error.message, error.status, **extra) from None
    except RecursionError as exc:
        raise _too_deep() from exc
    return replace(call, members=members)


def _too_deep() -> AwsError:
    return AwsError("SerializationException", "A document of the request is nested too deeply.")


def _check_given(operation: OperationModel, members: Mapping[str, object], words: str) -> None:
    required = operation.input_shape.required_members if operation.input_shape is not None else []
    if missing := [name for name in required if members.get(name) is None]:
        raise AwsError("MissingParameter", words.format(missing[0]))


def _read(request: RestRequest, model: ServiceModel, protocol: str) -> tuple[OperationModel, dict[str, Any]]:
    spoken = model.metadata.get("protocols") or [model.metadata["protocol"]]
    if _SMITHY.get(protocol, protocol) not in spoken:
        raise AwsError("InvalidRequest", f"{model.service_name} does not speak the protocol of this request.")
    if protocol in ("rest-json", "rest-xml"):
        return parse_rest(model.service_name, request, protocol == "rest-json")
    name, target = operation_of(request, protocol), target_of(request, protocol)
    if name not in model.operation_names or target not in ("", model.metadata.get("targetPrefix", "")):
        # The same name in another service may be another operation.
        code, status = ("InvalidAction", 400) if protocol in _INVALID else ("UnknownOperationException", 404)
        raise AwsError(code, f"{model.service_name} has no operation {name[:200]}.", status)
    operation = model.operation_model(name)
    if protocol in ("query", "ec2"):
        pairs = pairs_of(request.raw_query or "") + pairs_of(request.body().decode("utf-8", "replace"))
        return operation, from_form(operation, pairs, protocol == "ec2")
    unreadable = AwsError("SerializationException", "The body of the request cannot be read.")
    document = parse_document(request.body(), protocol == "cbor", unreadable)
    shape = operation.input_shape
    if shape is None:
        # An operation without members is called with an empty structure; more would be read by nobody.
        if document:
            raise AwsError("ValidationException", f"{operation.name} has no members.")
        return operation, {}
    return operation, from_document(shape, document, operation.name)
