"""Requests of REST services, read by AWS's own model.

Which operation a method and a path mean and where each member travels (path, query, header, body) come from the model,
so a service here is only its operations.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import OperationModel, Shape

from sandbox.wire.document import from_document, parse_document
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import RestRequest, as_datetime
from sandbox.wire.models import known_members, service_model

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")
_Route = tuple[str, re.Pattern[str], dict[str, str], OperationModel]


def parse_rest(service: str, request: RestRequest, is_json: bool = True) -> tuple[OperationModel, dict[str, object]]:
    """The operation of a request and its members; of an XML body (``is_json`` False) none.

    Raises ``AwsError``: UnknownOperationException for an unknown route, NotImplemented for a query name that the
    operation does not have, InvalidRequestContentException for a body that cannot be read.
    """
    path = request.raw_path.partition("?")[0]
    for method, pattern, fixed, operation in _routes(service):
        found = pattern.fullmatch(path) if method == request.method else None
        if found and all(request.query.get(k) == v for k, v in fixed.items()):
            _refuse_unknown(service, operation, fixed, request)
            return operation, _members(operation, found, request, is_json)
    raise AwsError("UnknownOperationException", f"{request.method} {request.path} is no operation.", 404)


@cache
def _routes(service: str) -> list[_Route]:
    model = service_model(service)
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, fixed = operation.http["requestUri"].partition("?")
        pattern = re.compile(_pattern(path.rstrip("/")) + "/?")
        routes.append((operation.http["method"], pattern, dict(parse_qsl(fixed)), operation))
    # The most exact route first: one with a fixed query or fewer labels must win.
    return sorted(routes, key=lambda route: (not route[2], len(_LABEL.findall(route[3].http["requestUri"]))))


def _refuse_unknown(service: str, operation: OperationModel, fixed: dict[str, str], request: RestRequest) -> None:
    """A query name that the model does not know may mean another operation, or less than all of this one."""
    if not request.query:
        return
    members = operation.input_shape.members if operation.input_shape else {}
    known = {of.serialization.get("name", name) for name, of in members.items()}
    unknown = [name for name in request.query if name not in known | fixed.keys() and name[:2].lower() != "x-"]
    if unknown:
        raise not_implemented(service, f"{operation.name} with {', '.join(unknown)[:200]} ({known_members()})")


def _pattern(path: str) -> str:
    parts, at = [], 0
    for label in _LABEL.finditer(path):
        parts.append(re.escape(path[at : label.start()]))
        parts.append(f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})")
        at = label.end()
    return "".join([*parts, re.escape(path[at:])])


def _members(operation: OperationModel, found: re.Match[str], request: RestRequest, is_json: bool) -> dict[str, object]:
    shape = operation.input_shape
    if shape is None:
        return {}
    members: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name in ("blob", "string"):
        if (body := request.body()) or payload in shape.required_members:
            members[payload] = body
    elif is_json and request.method in ("POST", "PUT", "PATCH"):
        unreadable = AwsError("InvalidRequestContentException", "Could not parse request body into json.")
        document = parse_document(request.body(), False, unreadable)
        if payload is not None:
            members[payload] = from_document(shape.members[payload], document, operation.name)
        else:
            members = _of_body(operation, document)
    for member, where, name, of in _located(operation):
        if where == "uri":
            members[member] = _scalar(of, unquote(found[name]))
        elif where == "headers":
            members[member] = {key[len(name) :]: text for key, text in request.headers.items() if key.startswith(name)}
        elif where == "header":
            if name in request.headers:
                members[member] = _scalar(of, request.headers[name])
        elif of.type_name == "list":
            pairs = parse_qsl(request.raw_query, keep_blank_values=True)
            if values := [value for key, value in pairs if key == name]:
                members[member] = values
        elif name in request.query:
            members[member] = _scalar(of, request.query[name])
    return members


def _of_body(operation: OperationModel, body: dict[str, Any]) -> dict[str, Any]:
    """The members of a body. Those that travel elsewhere are not looked for in it: they would be read twice."""
    shape = operation.input_shape
    if shape is None:
        return {}
    elsewhere = {member for member, *_ in _located(operation)}
    members: dict[str, Any] = from_document(shape, body, operation.name)
    if strange := sorted(elsewhere & members.keys()):
        raise AwsError("ValidationException", f"{operation.name} has no member {', '.join(strange)} in its body.")
    return members


@cache
def _located(operation: OperationModel) -> list[tuple[str, str, str, Shape]]:
    """What travels outside of the body: member, place, name there (of headers in lower case), shape."""
    shape = operation.input_shape
    found = []
    for member, of in shape.members.items() if shape is not None else ():
        where, name = of.serialization.get("location"), of.serialization.get("name", member)
        if where is not None:
            found.append((member, where, name.lower() if where.startswith("header") else name, of))
    return found


def _scalar(shape: Shape, text: str) -> object:
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name == "boolean":
            return text.lower() == "true"
        if shape.type_name == "timestamp":
            return as_datetime(text)
    except ValueError:
        raise AwsError("ValidationException", f"{text!r} is not a value for {shape.name}.") from None
    return text
