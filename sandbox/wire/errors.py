"""Errors in AWS's words, and their form on the wire for each of AWS's protocols.

The forms follow the Smithy protocol documents (awsJson1_1, restJson1, restXml, awsQuery, ec2Query,
rpcv2Cbor); each is what botocore's parser of that protocol reads.
"""

from __future__ import annotations

import errno
import json
import sqlite3
from typing import Any
from xml.sax.saxutils import escape

from sandbox.wire import cbor

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class AwsError(Exception):
    """An answer that is an error: AWS's ``code``, a message for a person, the HTTP ``status``.

    ``extra`` holds further members of the modelled exception (for example ``OriginalMessage`` of
    ModelError); ``headers`` are sent with the answer.
    """

    def __init__(
        self, code: str, message: str, status: int = 400, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.headers = headers or {}
        self.extra = extra


def not_implemented(service: str, operation: str) -> AwsError:
    """The answer for an operation that the sandbox does not have."""
    return AwsError("NotImplemented", f"The sandbox does not offer {service}:{operation}.", 501)


def disk_full(folder: str) -> AwsError:
    """The answer when the disk under the state folder has no room; 507 is not retried by the SDKs."""
    return AwsError(
        "InsufficientStorage",
        f"The disk that holds the sandbox's state ({folder}) is full. Nothing of this request was kept. "
        "Free some space and try again.",
        507,
    )


def is_disk_full(error: BaseException) -> bool:
    """True when ``error`` says that the disk or the quota is used up (file system or sqlite)."""
    if isinstance(error, sqlite3.OperationalError):
        return "disk is full" in str(error)
    return isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS


def render_error(error: AwsError, protocol: str, request_id: str, resource: str = "") -> tuple[dict[str, str], bytes]:
    """Headers and body of ``error`` for ``protocol``.

    Protocols: ``json``, ``rest-json``, ``cbor``, ``s3``, ``rest-xml``, ``query``, ``ec2``.
    """
    headers = {"x-amzn-RequestId": request_id, **error.headers}
    if protocol in ("json", "rest-json"):
        headers["x-amzn-ErrorType"] = error.code
        headers["Content-Type"] = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
        body: dict[str, Any] = {"message": error.message, "Message": error.message, **error.extra}
        if protocol == "json":
            body["__type"] = error.code
        return headers, json.dumps(body, default=str).encode()
    if protocol == "cbor":
        headers["smithy-protocol"] = "rpc-v2-cbor"
        headers["Content-Type"] = "application/cbor"
        return headers, cbor.dumps({"__type": error.code, "message": error.message, **error.extra})
    headers["Content-Type"] = "application/xml" if protocol == "s3" else "text/xml"
    return headers, _xml(error, protocol, request_id, resource).encode()


def _xml(error: AwsError, protocol: str, request_id: str, resource: str) -> str:
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    inner += "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.extra.items())
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if protocol == "s3":
        where = f"<Resource>{escape(resource)}</Resource>" if resource else ""
        return f"{head}<Error>{inner}{where}<RequestId>{request_id}</RequestId></Error>"
    if protocol == "ec2":
        return f"{head}<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    kind = "Receiver" if error.status >= 500 else "Sender"
    return (
        f"{head}<ErrorResponse><Error><Type>{kind}</Type>{inner}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
