"""The S3 side of an upload: what is under the prefix already, and where and how requests must go.

Regions, redirects, addressing style and credentials are botocore's business: one listing is made with it, and the
request it really sent tells the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.utils import parse_timestamp

from workers.aws.session import boto_session, client_config
from workers.deadlines import bound
from workers.errors.rules import is_local
from workers.types import Backend

_REGION = re.compile(rb"Credential=[^/]+/\d{8}/([a-z0-9-]+)/s3/")


@dataclass(frozen=True)
class RemoteObject:
    """An object of the listing."""

    size: int
    etag: str


@dataclass(frozen=True)
class Destination:
    """Where PutObject goes: ``path`` ends with a slash and is followed by the quoted key."""

    secure: bool
    host: str
    path: str
    region: str
    ca_bundle: str | None
    credentials: Any

    @property
    def url(self) -> str:
        """The bucket's address, for messages."""
        return f"{'https' if self.secure else 'http'}://{self.host}{self.path}"


class Remote:
    """One bucket, seen by the child process of an upload. Blocking."""

    def __init__(self, backend: Backend, bucket: str) -> None:
        self._session = boto_session(backend)
        # Reading the dates, which nobody looks at, would take most of the time of a listing.
        factory = self._session._session.get_component("response_parser_factory")
        factory.set_parser_defaults(timestamp_parser=_keep_text)
        made = self._session.client("s3", config=client_config(backend, "s3"))
        self.client = bound(made, "s3")
        if is_local(self.client.meta.endpoint_url):
            _forget_proxies()
        self.bucket, self.backend = bucket, backend
        self._url = ""
        self._region = self.client.meta.region_name
        self.client.meta.events.register("before-send.s3.ListObjectsV2", self._note)

    def listing(self, prefix: str, keep_on: Callable[[int], bool]) -> dict[str, RemoteObject]:
        """By key, what is under ``prefix``. ``keep_on(objects so far)`` is asked per page; False ends early."""
        found: dict[str, RemoteObject] = {}
        paginator = self.client.get_paginator("list_objects_v2")
        for page in paginator.paginate(Bucket=self.bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                found[item["Key"]] = RemoteObject(item["Size"], item.get("ETag", "").strip('"'))
            if not keep_on(len(found)):
                break
        return found

    def destination(self) -> Destination:
        """Where objects are sent, as the last listing went. Call ``listing`` first."""
        address = urlsplit(self._url)
        return Destination(
            secure=address.scheme == "https",
            host=address.netloc,
            path=address.path.rstrip("/") + "/",
            region=self._region,
            ca_bundle=self._session._session.get_config_variable("ca_bundle"),
            credentials=self._session.get_credentials(),
        )

    def _note(self, request: Any, **_: object) -> None:
        self._url = request.url
        # The region that was signed for is the bucket's, also after a redirect: Credential=KEY/DATE/REGION/s3/…
        signed = request.headers.get("Authorization", b"")
        found = _REGION.search(signed if isinstance(signed, bytes) else signed.encode())
        if found:
            self._region = found[1].decode()


def _keep_text(value: Any) -> Any:
    return value if isinstance(value, str) else parse_timestamp(value)


def _forget_proxies() -> None:
    """An address of this computer is reached directly, whatever the environment says of proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
