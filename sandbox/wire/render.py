"""Answers on the wire, in every protocol in use, written from botocore's model of the operation.

A service hands over the members of the operation's output as a plain dict; names on the wire, wrappers, lists, times,
headers and the status come from the model, so a new service needs no serializer of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape
from botocore.parsers import ResponseParserError, create_parser

from sandbox.wire import answer_check, cbor
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import operation_model
from sandbox.wire.render_plain import plain
from sandbox.wire.render_xml import Dialect, encode, members_of, number, timestamp

XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
# AWS writes EC2's and S3's times with milliseconds, those of the query services without.
_DIALECTS = {"query": Dialect(), "ec2": Dialect("item", True), "rest-xml": Dialect(milliseconds=True)}

Write = Callable[[dict[str, Any], str], RestResponse]


def render(
    service: str, operation: str, protocol: str, result: dict[str, Any] | None, request_id: str, root: str = ""
) -> RestResponse:
    """The answer of ``operation`` with the members ``result``.

    ``service`` is botocore's name (``ec2``, ``cloudwatch``, …). ``protocol`` is the one that the request speaks:
    ``query``, ``ec2`` (lists of ``<item>``), ``json``, ``cbor``, ``rest-json`` or ``rest-xml``.

    ``result`` has the names of the model's output members (``{"Reservations": [{"Instances": […]}]}``), not those on
    the wire; lists are lists, maps are dicts, times are aware ``datetime`` or epoch seconds, blobs are ``bytes``.
    A member that is None is left out, and so is one that the model does not know. Where a REST operation's payload is
    a blob, its member may also be a ``FileBody`` or an iterable of blocks, which are handed through untouched.
    ``root``: the root element of a rest-xml body, ``xmlns`` and all, where the model does not tell it (S3).

    Raises botocore's OperationNotFoundError or UnknownServiceError for what the models do not have; in the test mode
    of ``answer_check`` also AnswerNotInModel.
    """
    given, write = result or {}, _writer(service, operation, protocol, root)
    if not answer_check.wanted():
        return write(given, request_id)
    model = operation_model(service, operation)
    answer_check.check_members(model, given)
    answer = write(given, request_id)
    answer_check.check_answer(model, protocol, given, answer)
    return answer


def read_members(service: str, operation: str, protocol: str, body: bytes) -> dict[str, object]:
    """The members that a client finds in a body, if it is the answer of ``operation``.

    Raises ValueError for what cannot be read.
    """
    parser: Any = create_parser(protocol)
    try:
        parsed = parser.parse(
            {"status_code": 200, "headers": {}, "body": body}, operation_model(service, operation).output_shape
        )
    except ResponseParserError as exc:
        raise ValueError(str(exc)) from exc
    return {name: value for name, value in parsed.items() if name != "ResponseMetadata"}


@cache
def _writer(service: str, operation: str, protocol: str, root: str) -> Write:
    model = operation_model(service, operation)
    if protocol in ("query", "ec2"):
        return _query(model, protocol)
    if protocol in ("rest-json", "rest-xml"):
        return _rest(model, protocol, root)
    return _cbor(model) if protocol == "cbor" else _json(model)


def _json(model: OperationModel) -> Write:
    version = model.service_model.metadata.get("jsonVersion", "1.1")
    headers = {"Content-Type": f"application/x-amz-json-{version}"}
    if model.output_shape is None:
        return lambda result, request_id: RestResponse(200, {**headers, "x-amzn-RequestId": request_id})
    convert = plain(model.output_shape, False)

    def write(result: Mapping[str, object], request_id: str) -> RestResponse:
        return RestResponse(200, {**headers, "x-amzn-RequestId": request_id}, _dump(convert(result)))

    return write


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _cbor(model: OperationModel) -> Write:
    convert = plain(model.output_shape, True) if model.output_shape is not None else lambda value: {}
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}

    def write(result: Mapping[str, object], request_id: str) -> RestResponse:
        return RestResponse(200, {**headers, "x-amzn-RequestId": request_id}, cbor.dumps(convert(result)))

    return write


def _query(model: OperationModel, protocol: str) -> Write:
    shape, name = model.output_shape, model.name
    append = members_of(shape, _DIALECTS[protocol]) if shape is not None else None
    namespace = model.metadata.get("xmlNamespace", "")
    start = f'{XML_HEAD}<{name}Response xmlns="{namespace}">'
    wrapper = shape.serialization.get("resultWrapper", "") if shape is not None else ""

    def write(result: Mapping[str, object], request_id: str) -> RestResponse:
        out = [start]
        if protocol == "ec2":
            out.append(f"<requestId>{request_id}</requestId>")
        if append is not None:
            out.append(f"<{wrapper}>" if wrapper else "")
            append(result, out)
            out.append(f"</{wrapper}>" if wrapper else "")
        if protocol == "query":
            out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(f"</{name}Response>")
        return RestResponse(200, {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}, encode(out))

    return write


def _rest(model: OperationModel, protocol: str, root: str) -> Write:
    shape, usual = model.output_shape, int(model.http.get("responseCode", 200))
    if shape is None:
        return lambda result, request_id: RestResponse(usual)
    payload = shape.serialization.get("payload")
    headers_of = _headers(shape)
    status_member = next(
        (name for name, of in shape.members.items() if of.serialization.get("location") == "statusCode"), ""
    )
    body_of, content_type = _rest_body(model, shape, protocol, root)

    def write(result: dict[str, Any], request_id: str) -> RestResponse:
        headers: dict[str, str] = {}
        for name, value in result.items():
            if value is not None and (add := headers_of.get(name)) is not None:
                add(value, headers)
        answer = RestResponse(int(result.get(status_member, usual)), headers)
        if body_of is not None:
            given = result.get(payload, None if payload else result) if payload else result
            if given is not None:
                answer.body = body_of(given)
                if content_type:
                    headers.setdefault("Content-Type", content_type)
        return answer

    return write


def _rest_body(
    model: OperationModel, shape: StructureShape, protocol: str, root: str
) -> tuple[Callable[[Any], Any] | None, str]:
    """How the body is written and its content type; None where the answer has no body."""
    payload = shape.serialization.get("payload")
    body: Shape = shape.members[payload] if payload else shape
    if not isinstance(body, StructureShape):
        return (lambda value: value.encode() if isinstance(value, str) else value), ""
    if not payload and all(of.serialization.get("location") for of in body.members.values()) and body.members:
        return None, ""
    if protocol == "rest-json":
        convert = plain(body, False)
        return (lambda value: _dump(convert(value))), "application/json"
    append = members_of(body, _DIALECTS[protocol])
    namespace = model.metadata.get("xmlNamespace")
    own = body.serialization.get("name") or (payload or body.name)
    start = root or (f'{own} xmlns="{namespace}"' if namespace else own)
    head, end = f"{XML_HEAD}<{start}>", f"</{start.partition(' ')[0]}>"

    def write(value: Mapping[str, object]) -> bytes:
        out = [head]
        append(value, out)
        out.append(end)
        return encode(out)

    return write, "application/xml"


def _headers(shape: StructureShape) -> dict[str, Callable[[Any, dict[str, str]], None]]:
    """How each member that travels in headers is added to them."""
    out: dict[str, Callable[[Any, dict[str, str]], None]] = {}
    for member, of in shape.members.items():
        where, name = of.serialization.get("location"), of.serialization.get("name", member)
        if where == "headers":
            out[member] = _add_prefixed(of.serialization.get("name", ""))
        elif where == "header":
            out[member] = _add(name, header_text(of))
    return out


def _add(name: str, text: Callable[[Any], str]) -> Callable[[Any, dict[str, str]], None]:
    def add(value: object, headers: dict[str, str]) -> None:
        headers[name] = text(value)

    return add


def _add_prefixed(prefix: str) -> Callable[[Any, dict[str, str]], None]:
    def add(value: dict[str, str], headers: dict[str, str]) -> None:
        headers.update((prefix + name, item) for name, item in value.items())

    return add


def header_text(shape: Shape) -> Callable[[Any], str]:
    """How a member is written in a header (Smithy, httpHeader)."""
    kind = shape.type_name
    if kind == "timestamp":
        return timestamp(shape, "rfc822")
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "list":
        return ",".join
    if kind in ("integer", "long", "float", "double"):
        return number
    if shape.serialization.get("jsonvalue"):
        return lambda value: base64.b64encode(_dump(value)).decode()
    return str
