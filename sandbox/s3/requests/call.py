"""A request to S3, read: its operation, bucket, key, version, copy source and entries to delete, each once.

Values of headers and of the query stay texts here: S3 refuses wrong ones in words of its own, operation by operation.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from botocore.model import OperationModel

from sandbox.s3 import xml
from sandbox.s3.checksums import PREFIX, announced, check, check_md5, new_hash
from sandbox.s3.requests.copy_source import CopySource, parse_copy_source
from sandbox.s3.requests.deletions import Deletion, parse_deletions
from sandbox.s3.requests.routes import COPY_SOURCE, Route, route_of, split_path
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, Payload, RestRequest
from sandbox.wire.models import operation_model


@dataclass(frozen=True, kw_only=True)
class S3Call(Call):
    """One call of S3. ``bucket`` and ``key`` are empty where the operation has none, ``version`` is None for the
    newest one, ``source`` is what a copy reads, ``deletions`` are the entries of a DeleteObjects.
    """

    route: Route
    bucket: str
    key: str
    version: str | None = None
    source: CopySource | None = None
    deletions: tuple[Deletion, ...] = ()
    quiet: bool = False

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.http.method

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case; each is one that the operation understands."""
        return self.http.headers

    @property
    def query(self) -> dict[str, str]:
        """The query; each name is one that the operation understands."""
        return self.http.query

    @property
    def payload(self) -> Payload:
        """The body, to be streamed."""
        return self.http.payload

    def document(self) -> bytes:
        """The whole body, where it is a document, every digest that came with it verified.

        Raises RequestEntityTooLarge for more than an XML document of S3 has, BadDigest.
        """
        return _document(self.http, self.route)


def _document(request: RestRequest, route: Route) -> bytes:
    body = request.body(xml.MAX_BYTES)
    check_md5(request.headers, hashlib.md5(body, usedforsecurity=False))
    # The checksums of a CompleteMultipartUpload are those of the object.
    said = announced(request.headers) if route.name != "CompleteMultipartUpload" else None
    if said is not None:
        algorithm, expected = said
        expected = expected if expected is not None else request.payload.trailers.get(PREFIX + algorithm)
        running = new_hash(algorithm)
        running.update(body)
        if expected is not None:
            check(algorithm, expected, base64.b64encode(running.digest()).decode())
    return body


def read_s3(request: RestRequest, caller: Caller) -> S3Call:
    """The call that a request makes. Raises ``AwsError`` for one that S3, or the sandbox, would not take."""
    bucket, key = split_path(request.raw_path, request.headers.get("host", ""))
    route = route_of(request, bucket, key)
    if request.query.get("versionId") == "":
        # Access control and the operation could otherwise mean different versions.
        raise AwsError("InvalidArgument", "Version id cannot be the empty string", ArgumentName="versionId")
    model = operation_model("s3", route.name)
    source = parse_copy_source(request.headers[COPY_SOURCE]) if route.copies else None
    deletions, quiet = parse_deletions(_document(request, route)) if route.name == "DeleteObjects" else ((), False)
    return S3Call(
        service="s3",
        operation=route.name,
        members=_members(model, bucket, key, request),
        caller=caller,
        protocol="s3",
        http=request,
        model=model,
        route=route,
        bucket=bucket,
        key=key,
        version=request.query.get("versionId"),
        source=source,
        deletions=deletions,
        quiet=quiet,
    )


def _members(model: OperationModel, bucket: str, key: str, request: RestRequest) -> dict[str, object]:
    """The members in path, query and headers."""
    members: dict[str, object] = {"Bucket": bucket} if bucket else {}
    if key:
        members["Key"] = key
    in_headers, in_query = _names(model)
    members |= {in_headers[name]: value for name, value in request.headers.items() if name in in_headers}
    members |= {in_query[name]: value for name, value in request.query.items() if name in in_query}
    return members


@cache
def _names(model: OperationModel) -> tuple[dict[str, str], dict[str, str]]:
    """Members by their names in the headers and in the query."""
    in_headers, in_query = {}, {}
    shape = model.input_shape
    for member, of in shape.members.items() if shape is not None else ():
        where, name = of.serialization.get("location"), of.serialization.get("name", member)
        if where == "header":
            in_headers[name.lower()] = member
        elif where == "querystring":
            in_query[name] = member
    return in_headers, in_query
