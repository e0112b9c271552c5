"""HTTP/1.1 messages as they come over a socket: heads and bodies (RFC 9112)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.auth.payload import Stream
from sandbox.core.numbers import whole
from sandbox.wire.errors import AwsError

# Far above what SDKs send; they bound what one connection can make this process hold.
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
MAX_CHUNK_LINE = 8 * 1024
MAX_CHUNK_DIGITS = 15
MAX_TRAILERS = 100
# A head comes in one piece; a body slower than any program sends only keeps others out.
HEAD_SECONDS = 60.0
PATIENCE_SECONDS = 2.0
LEAST_BYTES_A_SECOND = 10_000
WAIT_ALL = getattr(socket, "MSG_WAITALL", 0)
# A small read is answered by what is in the buffer; a large one waits in the kernel for the rest.
RECEIVE_BYTES = 128 * 1024
LARGE_READ = 16 * 1024


class BadRequest(AwsError):
    """A request that cannot be understood; the connection is closed after the answer."""

    def __init__(self, message: str, status: int = 400, code: str = "BadRequest") -> None:
        super().__init__(code, message, status)


class Disconnected(Exception):
    """The client is gone."""


class Silent(Disconnected):
    """The client was silent for too long."""


@dataclass(frozen=True)
class Head:
    """The first lines of a request. Header names are lower case; repeated ones are joined by commas."""

    method: str
    target: str
    headers: dict[str, str]
    keep_alive: bool
    length: int | None


class Reader:
    """Buffered reading from a socket whose receive timeout is set in the kernel."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()

    def _fill(self) -> None:
        self._buffer += self._received(RECEIVE_BYTES)

    def head(self) -> Head:
        """The head of the next request. Raises ``Disconnected`` at an orderly end, ``BadRequest``."""
        searched, began = 0, 0.0
        while True:
            end = self._buffer.find(b"\r\n\r\n", max(0, searched - 3))
            searched = end if end >= 0 else len(self._buffer)
            if searched > MAX_HEAD_BYTES:
                raise BadRequest("The headers are larger than 64 KiB.", 431, "RequestHeaderSectionTooLarge")
            if end >= 0:
                break
            if self._buffer and not began:
                began = time.monotonic()
            if began and time.monotonic() - began > HEAD_SECONDS:
                # A byte now and then would keep the connection for ever.
                raise slow_request()
            self._fill()
        text = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        return parse_head(text.lstrip("\r\n"))

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, at least one."""
        if self._buffer:
            block = bytes(self._buffer[:size])
            del self._buffer[:size]
            if len(block) == size or size < LARGE_READ:
                return block
            return block + self._received(size - len(block), WAIT_ALL)
        return self._received(size, WAIT_ALL)

    def _received(self, size: int, flags: int = 0) -> bytes:
        try:
            block = self._socket.recv(size, flags)
        except (BlockingIOError, TimeoutError) as exc:
            raise Silent from exc
        except (OSError, ValueError) as exc:
            raise Disconnected from exc
        if not block:
            raise Disconnected
        return block

    def line(self, limit: int) -> bytes:
        """One line with its end, at most ``limit`` bytes."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                break
            searched = len(self._buffer)
            if searched > limit:
                break
            self._fill()
        if not 0 <= end < limit:
            raise BadRequest("A line of the body is too long.")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line


def slow_request() -> BadRequest:
    """The answer to a client that does not send the rest of its request."""
    return BadRequest(
        "Your socket connection to the server was not read from or written to within the timeout period.",
        code="RequestTimeout",
    )


def parse_head(text: str) -> Head:
    """Read the request line and the headers. Raises ``BadRequest`` for what two readers could understand apart."""
    lines = text.split("\r\n")
    pieces = lines[0].split(" ")
    if len(pieces) != 3 or not pieces[0].isalpha() or pieces[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest("The request line is not HTTP/1.1.")
    method, target, version = pieces
    if not target.startswith("/"):
        scheme, found, rest = target.partition("://")
        if not found or scheme not in ("http", "https"):
            raise BadRequest("The request target must be a path.")
        target = "/" + rest.partition("/")[2]
    if len(lines) > MAX_HEADERS:
        raise BadRequest("There are too many headers.", 431, "RequestHeaderSectionTooLarge")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\r" in value or "\n" in value or "\0" in value:
            raise BadRequest("A header cannot be read.")
        name, value = name.lower(), value.strip(" \t")
        if name in headers:
            if name in ("content-length", "host", "authorization"):
                raise BadRequest(f"The header {name} is given twice.")
            value = f"{headers[name]},{value}"
        headers[name] = value
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection if version == "HTTP/1.1" else "keep-alive" in connection
    return Head(method, target, headers, keep_alive, _length(headers))


def _length(headers: dict[str, str]) -> int | None:
    """The length of the body; None when it is chunked."""
    encoding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if encoding is not None:
        if encoding.lower() != "chunked" or length is not None:
            raise BadRequest("The body's length is not clear.")
        return None
    if length is None:
        return 0
    if not length.isascii() or not length.isdigit():
        raise BadRequest("Content-Length is not a number.")
    number = whole(length)
    if number is None:
        raise BadRequest("Content-Length is more than any body can have.", 413, "EntityTooLarge")
    return number


class Body:
    """The body of one request; ``read`` and ``readline`` end with it."""

    def __init__(self, reader: Reader, length: int | None, on_first_read: Callable[[], None] | None) -> None:
        self._reader = reader
        self._chunked = length is None
        self._left = length or 0
        self._started = False
        self._ended = length == 0
        self._on_first_read = on_first_read
        self._broken = False
        self._received = 0
        self._began = time.monotonic()

    def too_slow(self, now: float) -> bool:
        """Whether the client has not sent the rest for some time, or sends it at a pace that no program has."""
        seconds = now - self._began
        return not self._ended and seconds > PATIENCE_SECONDS and self._received / seconds < LEAST_BYTES_A_SECOND

    def _begin(self) -> None:
        if self._on_first_read is not None:
            hook, self._on_first_read = self._on_first_read, None
            hook()

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        return self._guarded(lambda: self._read(size))

    def _guarded(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except Silent as exc:
            self._broken = True
            raise slow_request() from exc
        except (BadRequest, Disconnected):
            self._broken = True
            raise

    def _read(self, size: int) -> bytes:
        self._begin()
        if self._chunked and self._left == 0 and not self._ended:
            self._next_chunk()
        if self._ended or size <= 0:
            return b""
        block = self._reader.read(min(size, self._left))
        self._advance(len(block))
        return block

    def readline(self, size: int, /) -> bytes:
        """One line of the body with its end, at most ``size`` bytes."""
        return self._guarded(lambda: self._readline(size))

    def _readline(self, size: int) -> bytes:
        self._begin()
        if not self._chunked:
            if self._ended:
                return b""
            line = self._reader.line(min(size, self._left))
            self._advance(len(line))
            return line
        line = b""
        while not line.endswith(b"\n") and len(line) < size:
            byte = self._read(1)
            if not byte:
                break
            line += byte
        return line

    def _advance(self, size: int) -> None:
        self._left -= size
        self._received += size
        if self._left < 0:
            raise BadRequest("The body is longer than announced.")
        if self._left == 0:
            if self._chunked:
                if self._reader.line(MAX_CHUNK_LINE).strip(b"\r\n"):
                    raise BadRequest("A chunk is longer than announced.")
            else:
                self._ended = True

    def _next_chunk(self) -> None:
        line = self._reader.line(MAX_CHUNK_LINE).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError as exc:
            raise BadRequest("The body is not in chunked form.") from exc
        if not line.isalnum() or len(line) > MAX_CHUNK_DIGITS:
            raise BadRequest("The body is not in chunked form.")
        self._left = size
        if size == 0:
            self._ended = True
            for _ in range(MAX_TRAILERS):
                if not self._reader.line(MAX_CHUNK_LINE).strip():
                    return
            raise BadRequest("The body has too many trailing headers.")

    def drain(self) -> bool:
        """Read the rest of an unread body; False when the next request cannot be found behind it.

        That is so when the client still waits for leave to send it, and when it could not be read.
        """
        if self._broken:
            return False
        if self._on_first_read is not None and not self._ended:
            return False
        while self.read(RECEIVE_BYTES):
            continue
        return True


@dataclass(frozen=True)
class RawRequest:
    """What the HTTP server read: header names in lower case, the target as it was sent, the unread body."""

    method: str
    target: str
    headers: Mapping[str, str]
    stream: Stream
    length: int | None
