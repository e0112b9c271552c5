"""The body of a request: plain, or in aws-chunked form, verified block by block while it is read.

The chunked forms follow AWS's "Signature calculations for the Authorization header: transferring payload in
multiple chunks" and its variant with trailing headers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Protocol

from sandbox.auth.signatures import EMPTY_SHA256, Verified
from sandbox.wire.errors import AwsError

# Read in blocks of this size; the others are far above what SDKs send, and bound what one request may hold.
BLOCK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 16 * 1024
MAX_CHUNK_BYTES = 1 << 30
MAX_TRAILERS = 32

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING = frozenset({STREAMING_UNSIGNED, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER})


class Stream(Protocol):
    """What the HTTP server gives: the raw body, limited to its length."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; fewer only at the end."""
        ...

    def readline(self, size: int, /) -> bytes:
        """One line with its end, at most ``size`` bytes."""
        ...


def _truncated() -> AwsError:
    return AwsError("IncompleteBody", "The request body ended before the number of bytes that it announced.")


class PlainPayload:
    """A body that is sent as it is. ``expected`` is its signed SHA-256 in hexadecimal, or None (unsigned)."""

    def __init__(self, stream: Stream, length: int | None, expected: str | None) -> None:
        self.length = length
        self.trailers: dict[str, str] = {}
        self.sha256: str | None = expected
        self._stream = stream
        self._expected = expected

    def blocks(self) -> Iterator[bytes]:
        """Yield the body; at its end raises XAmzContentSHA256Mismatch when it is not what was signed."""
        digest = hashlib.sha256() if self._expected is not None else None
        left = self.length
        while left is None or left > 0:
            block = self._stream.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
            if not block:
                if left is None:
                    break
                raise _truncated()
            if left is not None:
                left -= len(block)
            if digest is not None:
                digest.update(block)
                if left == 0:
                    self._check(digest.hexdigest())
                    digest = None
            yield block
        if digest is not None:
            self._check(digest.hexdigest())

    def _check(self, actual: str) -> None:
        if not hmac.compare_digest(actual.encode(), (self._expected or "").encode()):
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=self._expected,
                S3ComputedContentSHA256=actual,
            )


class ChunkedPayload:
    """A body in aws-chunked form. ``trailers`` is filled when the last block was read."""

    def __init__(self, stream: Stream, decoded_length: int | None, mode: str, verified: Verified) -> None:
        self.length = decoded_length
        self.trailers: dict[str, str] = {}
        self.sha256: str | None = None
        self._stream = stream
        self._signed = mode != STREAMING_UNSIGNED
        self._has_trailer = mode != STREAMING_SIGNED
        self._verified = verified
        self._previous = verified.scope.signature

    def blocks(self) -> Iterator[bytes]:
        """Yield the decoded chunks, each after its signature was checked."""
        total = 0
        while True:
            size, given = self._chunk_head()
            data = self._exactly(size)
            if self._signed:
                self._check_chunk(data, given)
            if size == 0:
                break
            self._line_end()
            total += size
            if self.length is not None and total > self.length:
                raise AwsError("IncompleteBody", "The body is longer than x-amz-decoded-content-length.")
            yield data
        if self.length is not None and total != self.length:
            raise _truncated()
        self._read_trailers()

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise _truncated()
        return line.strip()

    def _chunk_head(self) -> tuple[int, str]:
        text = self._line().decode("latin-1")
        size, _, extension = text.partition(";")
        try:
            number = int(size, 16)
        except ValueError as exc:
            raise AwsError("InvalidRequest", "The body is not in aws-chunked form.") from exc
        if not 0 <= number <= MAX_CHUNK_BYTES:
            raise AwsError("InvalidRequest", "A chunk of the body is larger than 1 GiB.")
        return number, extension.removeprefix("chunk-signature=").strip()

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            block = self._stream.read(min(size, BLOCK_BYTES))
            if not block:
                raise _truncated()
            size -= len(block)
            parts.append(block)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _line_end(self) -> None:
        if self._exactly(2) != b"\r\n":
            raise AwsError("InvalidRequest", "The body is not in aws-chunked form.")

    def _check_chunk(self, data: bytes, given: str) -> None:
        self._check("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY_SHA256}\n{hashlib.sha256(data).hexdigest()}", given)

    def _check(self, kind: str, hashes: str, given: str) -> None:
        scope = self._verified.scope
        text = f"{kind}\n{scope.amz_date}\n{scope.text}\n{self._previous}\n{hashes}"
        expected = hmac.digest(self._verified.signing_key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise AwsError("SignatureDoesNotMatch", "A chunk of the body does not match its signature.", 403)
        self._previous = expected

    def _read_trailers(self) -> None:
        signed, given = [], ""
        for _ in range(MAX_TRAILERS):
            raw = self._stream.readline(MAX_LINE_BYTES).strip()
            if not raw:
                break
            name, _, value = raw.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                given = value
            else:
                self.trailers[name] = value
                signed.append(f"{name}:{value}\n")
        if self._signed and self._has_trailer:
            digest = hashlib.sha256("".join(signed).encode()).hexdigest()
            self._check("AWS4-HMAC-SHA256-TRAILER", digest, given)
