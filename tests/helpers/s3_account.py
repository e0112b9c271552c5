"""The S3 service over a store, without a server: a full and an empty bucket, asked as botocore would."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.parsers import create_parser

from sandbox.auth.credentials import Credentials
from sandbox.core.state import StateDir
from sandbox.s3.inside import S3
from sandbox.s3.service import S3Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import BytesPayload, FileBody, RestRequest, RestResponse
from tests.helpers.aws_requests import model, written


class Account:
    """Buckets "bucket" (with the object "key", tags and an unfinished upload) and "empty"."""

    def __init__(self, state: StateDir) -> None:
        self.s3 = S3(state)
        self.service = S3Service()
        self.service.start(cast(Any, SimpleNamespace(part=lambda kind: self.s3)))
        self.caller = Credentials(state).operator.caller
        for name in ("bucket", "empty"):
            self.s3.store.create_bucket(name)
        self.s3.put_bytes("bucket", "key", b"precious")
        self.s3.store.set_setting("bucket", "tagging", "<Tagging><TagSet></TagSet></Tagging>")
        self.upload = self.s3.multipart.create("bucket", "key", "text/plain", {}, None, "COMPOSITE").id

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that S3 keeps."""
        tables = self.s3.store.db.query("SELECT name FROM sqlite_master WHERE type='table' AND name LIKE 's3_%'")
        return {
            row["name"]: [tuple(stored) for stored in self.s3.store.db.query(f"SELECT * FROM {row['name']}")]
            for row in tables
        }

    def ask(self, request: RestRequest) -> RestResponse:
        """The answer to one request. Raises AwsError."""
        return self.service.handle(self.service.read(request, "s3", self.caller), {})

    def call(self, operation: str, region: str = "us-east-1", **params: Any) -> dict[str, Any]:
        """The members of the answer to what botocore sends for ``params``, signed for ``region``."""
        answer = self.ask(replace(written("s3", operation, params), region=region))
        if isinstance(answer.body, FileBody):
            answer.body.file.close()
        parser: Any = create_parser("rest-xml")
        body = answer.body if isinstance(answer.body, bytes) else b""
        given = {"status_code": answer.status, "headers": answer.headers, "body": body}
        read: dict[str, Any] = parser.parse(given, model("s3", operation).output_shape)
        read.pop("ResponseMetadata", None)
        return read

    def refusal(self, operation: str, region: str = "us-east-1", **params: Any) -> AwsError:
        """How a call is refused, which then has changed nothing."""
        before = self.content()
        with pytest.raises(AwsError) as caught:
            self.call(operation, region, **params)
        assert self.content() == before
        return caught.value


def plain(method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> RestRequest:
    """A request written by hand."""
    request = written("s3", "ListBuckets", {})
    path, _, query = target.partition("?")
    fields = {name: value for name, _, value in (piece.partition("=") for piece in query.split("&") if piece)}
    return replace(
        request,
        method=method,
        path=path,
        raw_path=path,
        raw_query=query,
        query=fields,
        headers={"host": "127.0.0.1:4", **(headers or {})},
        payload=BytesPayload(body),
    )
