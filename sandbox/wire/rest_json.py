"""Routes of a REST-JSON service, taken from botocore's own model of it.

Which operation a method and a path mean and where each member travels (path, query, header, body) come from the model,
so a service here is only its operations.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.session import Session

from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import RestRequest

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


class RestJson:
    """One service's model, for example ``RestJson("lambda")``; read when first used."""

    def __init__(self, service: str) -> None:
        self.service = service

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], dict[str, str], OperationModel]]:
        model: ServiceModel = Session().get_service_model(self.service)
        routes = []
        for name in model.operation_names:
            operation = model.operation_model(name)
            path, _, fixed = operation.http["requestUri"].partition("?")
            pattern = re.compile(_pattern(path.rstrip("/")) + "/?")
            routes.append((operation.http["method"], pattern, dict(parse_qsl(fixed)), operation))
        # The most exact route first: one with a fixed query or fewer labels must win.
        return sorted(routes, key=lambda route: (not route[2], len(_LABEL.findall(route[3].http["requestUri"]))))

    def parse(self, request: RestRequest) -> tuple[str, dict[str, Any]]:
        """The operation and its parameters. Raises ``AwsError`` for an unknown route or a body that is no JSON."""
        for method, pattern, fixed, operation in self._routes:
            found = pattern.fullmatch(request.raw_path.partition("?")[0])
            if found and method == request.method and all(request.query.get(k) == v for k, v in fixed.items()):
                _refuse_unknown(self.service, operation, fixed, request)
                return operation.name, _parameters(operation, found, request)
        raise AwsError("UnknownOperationException", f"{request.method} {request.path} is no operation.", 404)


def _refuse_unknown(service: str, operation: OperationModel, fixed: dict[str, str], request: RestRequest) -> None:
    """A query name that the model does not know may mean another operation, or less than all of this one."""
    if not request.query:
        return
    members = operation.input_shape.members if operation.input_shape else {}
    known = {of.serialization.get("name", name) for name, of in members.items()}
    unknown = [name for name in request.query if name not in known | fixed.keys() and name[:2].lower() != "x-"]
    if unknown:
        raise not_implemented(service, f"{operation.name} with {', '.join(unknown)[:200]}")


def _pattern(path: str) -> str:
    parts, at = [], 0
    for label in _LABEL.finditer(path):
        parts.append(re.escape(path[at : label.start()]))
        parts.append(f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})")
        at = label.end()
    return "".join([*parts, re.escape(path[at:])])


def _parameters(operation: OperationModel, found: re.Match[str], request: RestRequest) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    parameters: dict[str, Any] = {}
    if payload is not None:
        parameters[payload] = request.body()
    elif request.method in ("POST", "PUT", "PATCH"):
        parameters.update(_body(shape, request))
    for member, of in shape.members.items():
        where, name = of.serialization.get("location"), of.serialization.get("name", member)
        text: str | None = None
        if where == "uri":
            text = unquote(found[name])
        elif where == "querystring":
            if of.type_name == "list":
                pairs = parse_qsl(request.raw_query, keep_blank_values=True)
                parameters[member] = [value for key, value in pairs if key == name]
                continue
            text = request.query.get(name)
        elif where == "header":
            text = request.headers.get(name.lower())
        if text is not None:
            parameters[member] = _scalar(of, text)
    return parameters


def _body(shape: StructureShape, request: RestRequest) -> dict[str, Any]:
    text = request.body()
    try:
        body = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise AwsError("InvalidRequestContentException", "Could not parse request body into json.") from None
    if not isinstance(body, dict):
        raise AwsError("InvalidRequestContentException", "The request body must be a JSON object.")
    members = {of.serialization.get("name", name): (name, of) for name, of in shape.members.items()}
    unknown = [*(key for key in body if key not in members)]
    for key, (_, of) in members.items():
        unknown += _unknown(of, body.get(key), key)
    if unknown:
        # Left out in silence, a member would be promised and not kept.
        known = ", ".join(sorted(members))
        said = f"Unknown parameter in input: {', '.join(unknown)[:200]}; must be one of: {known}"
        raise AwsError("ValidationException", said, 400, Type="User")
    return {members[key][0]: _decode(members[key][1], value) for key, value in body.items() if key in members}


def _unknown(shape: Shape, value: Any, path: str) -> list[str]:
    """Paths of what the model does not know inside of ``value``."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        found = [f"{path}.{key}" for key in value if key not in shape.members]
        for key, of in shape.members.items():
            found += _unknown(of, value.get(key), f"{path}.{key}")
        return found
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [name for at, one in enumerate(value) for name in _unknown(shape.member, one, f"{path}[{at}]")]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return [name for key, one in value.items() for name in _unknown(shape.value, one, f"{path}.{key}")]
    return []


def _decode(shape: Shape, value: Any) -> Any:
    if shape.type_name == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise AwsError("InvalidRequestContentException", f"{shape.name} is not valid base64.") from None
    return _walk(shape, value, _decode)


def _walk(shape: Shape, value: Any, each: Callable[[Shape, Any], Any]) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {k: each(shape.members[k], v) for k, v in value.items() if k in shape.members and v is not None}
    if isinstance(shape, ListShape) and isinstance(value, list | tuple):
        return [each(shape.member, one) for one in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: each(shape.value, one) for key, one in value.items()}
    return value


def _scalar(shape: Shape, text: str) -> Any:
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name == "boolean":
            return text.lower() == "true"
    except ValueError:
        raise AwsError("ValidationException", f"{text!r} is not a value for {shape.name}.") from None
    return text
