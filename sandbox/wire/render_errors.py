"""Errors on the wire: the form of each protocol, and what the service's model says of the error.

The forms follow the Smithy protocol documents (awsJson1_1, restJson1, restXml, awsQuery, ec2Query, rpcv2Cbor); each is
what botocore's parser of that protocol reads. The status, the members' names and types, and whose fault it is come from
the model where it has the error. Codes that every service may answer (AccessDenied) are in no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import StructureShape

from sandbox.wire import answer_check, cbor
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import service_model
from sandbox.wire.render import header_text
from sandbox.wire.render_plain import plain
from sandbox.wire.render_xml import Dialect, encode, escape, members_of

# What AWS answers for an error whose model names none.
_DEFAULT_STATUS = 400
# XML has no form for these, and an error that shows a wrong value must still be read.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render_error(
    error: AwsError, protocol: str, request_id: str, resource: str = "", services: tuple[str, ...] = ()
) -> RestResponse:
    """The answer that tells ``error`` in ``protocol``.

    Protocols: ``json``, ``rest-json``, ``cbor``, ``s3``, ``rest-xml``, ``query``, ``ec2``. ``services``: botocore's
    names of the services in whose models the error may be; none for a request that nobody has verified yet, so that
    no stranger makes us read models.
    """
    shape = _shape(error.code, services)
    about = shape.metadata.get("error", {}) if shape is not None else {}
    usual = int(about.get("httpStatusCode", _DEFAULT_STATUS))
    status = error.status if error.status_is_given else usual
    if shape is not None and answer_check.wanted():
        usual = usual if about.get("httpStatusCode") else status
        if deviation := answer_check.deviation_of(shape, error, usual, protocol):
            return render_error(deviation, protocol, request_id, resource)
    sender = bool(about.get("senderFault", status < 500))
    headers = {"x-amzn-RequestId": request_id, **error.headers, **_modelled_headers(shape, error.extra)}
    if protocol in ("json", "rest-json"):
        body = _plain_members(shape, error, False)
        headers["x-amzn-ErrorType"] = error.code
        headers["Content-Type"] = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
        if protocol == "json":
            body["__type"] = error.code
        content = json.dumps(body, default=str).encode()
    elif protocol == "cbor":
        headers |= {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
        content = cbor.dumps({"__type": error.code, **_plain_members(shape, error, True)})
    else:
        headers["Content-Type"] = "application/xml" if protocol == "s3" else "text/xml"
        content = _xml(error, shape, protocol, request_id, resource, sender)
    if protocol in ("json", "cbor") and any("awsQueryCompatible" in service_model(name).metadata for name in services):
        # Clients that knew the query protocol's codes look for them here (Smithy, awsQueryCompatible).
        headers["x-amzn-query-error"] = f"{error.code};{'Sender' if sender else 'Receiver'}"
    return RestResponse(status, headers, content)


@lru_cache(1024)
def _shape(code: str, services: tuple[str, ...]) -> StructureShape | None:
    for service in services:
        try:
            model: Any = service_model(service)
            found = model.shape_for_error_code(code)
        except UnknownServiceError:
            continue
        if isinstance(found, StructureShape):
            return found
    return None


def _plain_members(shape: StructureShape | None, error: AwsError, binary: bool) -> dict[str, object]:
    """Message and further members, named as the model does; in both of AWS's ways where it says nothing."""
    members = shape.members if shape is not None else {}
    names = [name for name in ("message", "Message") if name in members] or ["message", "Message"]
    modelled = {name: value for name, value in error.extra.items() if name in members}
    written = plain(shape, binary)(modelled) if shape is not None else {}
    others = {name: value for name, value in error.extra.items() if name not in members}
    return {**dict.fromkeys(names, error.message), **written, **others}


def _modelled_headers(shape: StructureShape | None, extra: Mapping[str, object]) -> dict[str, str]:
    located = shape.members.items() if shape is not None else ()
    return {
        of.serialization.get("name", name): header_text(of)(extra[name])
        for name, of in located
        if of.serialization.get("location") == "header" and extra.get(name) is not None
    }


def _xml(
    error: AwsError, shape: StructureShape | None, protocol: str, request_id: str, resource: str, sender: bool
) -> bytes:
    members = shape.members if shape is not None else {}
    inner = [f"<Code>{_shown(error.code)}</Code><Message>{_shown(error.message)}</Message>"]
    if shape is not None:
        members_of(shape, Dialect())({name: value for name, value in error.extra.items() if name in members}, inner)
    inner += [f"<{name}>{_shown(str(value))}</{name}>" for name, value in error.extra.items() if name not in members]
    text = "".join(inner)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if protocol == "s3":
        # An error that says itself what it is about (Key, BucketName) does not name the resource besides.
        where = f"<Resource>{_shown(resource)}</Resource>" if resource and not error.extra else ""
        return encode([head, f"<Error>{text}{where}<RequestId>{request_id}</RequestId></Error>"])
    if protocol == "ec2":
        errors = f"<Errors><Error>{text}</Error></Errors>"
        return encode([head, f"<Response>{errors}<RequestID>{request_id}</RequestID></Response>"])
    kind = "Sender" if sender else "Receiver"
    told = f"<Error><Type>{kind}</Type>{text}</Error><RequestId>{request_id}</RequestId>"
    return encode([head, f"<ErrorResponse>{told}</ErrorResponse>"])


def _shown(text: str) -> str:
    return escape(_UNWRITABLE.sub("\ufffd", text))
