"""What travels between the server and the services: a request, an answer, and who asks."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO, Protocol

from sandbox.wire.errors import AwsError

# A body that is read into memory; objects of S3 are not, they are streamed to the disk.
MAX_BODY_BYTES = 80 * 1024 * 1024


@dataclass(frozen=True)
class SessionFacts:
    """What a session was made with: its session policies (JSON texts), its tags, when (epoch seconds)."""

    issued: float = 0.0
    policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Who signed the request. ``role_arn`` is set for a role's session; ``arn`` is what STS reports.

    ``session`` is None for long-lived keys.
    """

    arn: str
    account: str
    access_key_id: str
    role_arn: str | None = None
    user_id: str = ""
    session: SessionFacts | None = field(default=None, compare=False)


class Payload(Protocol):
    """The body of a request, decoded and verified while it is read (see ``sandbox/auth/payload.py``)."""

    length: int | None
    trailers: dict[str, str]

    def blocks(self) -> Iterable[bytes]:
        """Yield the body; raises ``AwsError`` when it does not match its signature or length."""
        ...


@dataclass
class RestRequest:
    """One HTTP request whose signature is right. Header names are lower case; ``path`` is decoded."""

    method: str
    path: str
    raw_path: str
    raw_query: str
    query: dict[str, str]
    headers: Mapping[str, str]
    service: str
    region: str
    payload: Payload
    request_id: str
    _body: bytes | None = field(default=None, repr=False)

    def body(self, limit: int = MAX_BODY_BYTES) -> bytes:
        """The whole body. More than ``limit`` bytes: RequestEntityTooLarge (413)."""
        if self._body is None:
            parts, size = [], 0
            too_large = AwsError("RequestEntityTooLarge", f"The body is larger than {limit} bytes.", 413)
            if self.payload.length is not None and self.payload.length > limit:
                raise too_large
            for block in self.payload.blocks():
                size += len(block)
                if size > limit:
                    raise too_large
                parts.append(block)
            self._body = b"".join(parts)
        return self._body


@dataclass
class FileBody:
    """``length`` bytes of an open file from ``offset`` on; the server closes it."""

    file: BinaryIO
    offset: int
    length: int


@dataclass
class RestResponse:
    """An answer. ``body`` is bytes, a ``FileBody``, or an iterable of blocks (sent chunked)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | FileBody | Iterable[bytes] = b""


def as_datetime(value: object) -> datetime | None:
    """A timestamp member as an aware ``datetime``: epoch seconds, ISO 8601 text or a ``datetime``."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        text = str(value)
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as exc:
        raise AwsError("InvalidParameterValue", f"{value!r} is not a timestamp.") from exc
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class BytesPayload:
    """A body that is already in memory (in-process calls and tests)."""

    def __init__(self, data: bytes = b"") -> None:
        self.length: int | None = len(data)
        self.trailers: dict[str, str] = {}
        self._data = io.BytesIO(data)

    def blocks(self) -> Iterable[bytes]:
        """Yield the body in one block."""
        data = self._data.read()
        return (data,) if data else ()
