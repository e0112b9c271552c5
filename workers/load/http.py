"""HTTP/1.1 for many small requests to one server: connections that are kept, one request at a time on each.

A general client takes three times the processor for a request, and what the sender takes the tested server does not
have where both are on one computer. TLS and a proxy's CONNECT are Python's own.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

# A round trip takes 0.3 s at worst; three lost packets take seven.
CONNECT_SECONDS = 10.0
# Servers close what is idle; a request on its way to such a connection would look like a failure of the endpoint.
KEPT_SECONDS = 4.0
_MOST_HEAD, _MOST_BODY = 64 * 2**10, 32 * 2**20
_NO_BODY = (204, 304)


class Broken(ConnectionError):
    """The connection was lost, or what came over it is no HTTP."""


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Reader:
    """Makes answers of bytes, in whatever pieces they come. ``keeps``: another request may follow."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[int, dict[str, str]] | None = None
        self._chunks = bytearray()
        self.keeps = True

    def feed(self, data: bytes, *, connect: bool = False) -> Answer | None:
        """The answer, once all of it is there. ``connect``: of a CONNECT, which has no body. Raises ``Broken``."""
        self._buffer += data
        while self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MOST_HEAD:
                    raise Broken("the answer's head has no end")
                return None
            status, headers = self._head_of(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if status >= 200:
                self._head = (status, headers)
        status, headers = self._head
        body = b"" if connect or status in _NO_BODY else self._body(headers)
        return None if body is None else self._whole(status, headers, body)

    def end(self) -> Answer | None:
        """The server has closed the connection: the answer, where that is its end. Raises ``Broken``."""
        self.keeps = False
        if self._head is None:
            if self._buffer:
                raise Broken("the connection was closed within an answer")
            return None
        status, headers = self._head
        if "content-length" in headers or "transfer-encoding" in headers:
            raise Broken("the connection was closed within an answer")
        body = bytes(self._buffer)
        self._buffer.clear()
        return self._whole(status, headers, body)

    def _whole(self, status: int, headers: dict[str, str], body: bytes) -> Answer:
        self._head = None
        if headers.get("connection", "").lower() == "close":
            self.keeps = False
        return Answer(status, headers, body)

    def _head_of(self, head: bytes) -> tuple[int, dict[str, str]]:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise Broken(f"this is no HTTP: {first[:60]!r}")
        if version == "HTTP/1.0":
            self.keeps = False
        return int(rest[:3]), {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }

    def _body(self, headers: dict[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunked()
        length = headers.get("content-length")
        if length is None:
            # Until the connection is closed.
            if len(self._buffer) > _MOST_BODY:
                raise Broken("the answer is too long")
            return None
        if not length.isdigit() or int(length) > _MOST_BODY:
            raise Broken(f"the answer's length is {length[:20]!r}")
        size = int(length)
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    def _chunked(self) -> bytes | None:
        while (end := self._buffer.find(b"\r\n")) >= 0:
            words = bytes(self._buffer[:end]).split(b";")[0].strip()
            try:
                size = int(words, 16)
            except ValueError:
                raise Broken(f"this is no length of a chunk: {words[:20]!r}") from None
            if not 0 <= size <= _MOST_BODY - len(self._chunks):
                raise Broken("the answer is too long")
            if size == 0:
                return self._after_chunks(end)
            if len(self._buffer) < end + 2 + size + 2:
                return None
            self._chunks += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + 2 + size + 2]
        if len(self._buffer) > _MOST_HEAD:
            raise Broken("a chunk has no length")
        return None

    def _after_chunks(self, end: int) -> bytes | None:
        """Behind the last chunk there may be headers, and then an empty line."""
        if self._buffer[end : end + 4] != b"\r\n\r\n":
            last = self._buffer.find(b"\r\n\r\n", end)
            if last < 0:
                return None
            end = last
        del self._buffer[: end + 4]
        body = bytes(self._chunks)
        self._chunks.clear()
        return body


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._waiting: asyncio.Future[Answer] | None = None
        self._connect = False
        self._lost = False
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """True while another request may be sent."""
        return self._reader.keeps and not self._lost

    def ask(self, request: bytes, *, connect: bool = False) -> asyncio.Future[Answer]:
        """Send a request; the future is its answer, or raises ``Broken``."""
        assert self.transport is not None
        self._connect = connect
        self._waiting = asyncio.get_running_loop().create_future()
        if self._lost:
            self._waiting.set_exception(Broken("the connection was closed"))
        else:
            self.transport.write(request)
        return self._waiting

    def close(self) -> None:
        """Drop it at once."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._tell(lambda: self._reader.feed(data, connect=self._connect))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._tell(self._reader.end)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Broken(str(exc) if exc else "the server closed the connection"))

    def _tell(self, read: Callable[[], Answer | None]) -> None:
        waiting = self._waiting
        try:
            answer = read()
        except Broken as error:
            self._lost = True
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
            self.close()
            return
        if answer is not None and waiting is not None and not waiting.done():
            waiting.set_result(answer)


class Http:
    """Requests to the server of ``url``. ``proxy``: the address of one to go through, by CONNECT."""

    def __init__(self, url: str, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._server, self._tls = urlsplit(url), tls
        self._proxy = urlsplit(proxy) if proxy else None
        self._idle: list[_Connection] = []

    @property
    def host(self) -> str:
        """What the header Host says."""
        return host_of(self._server)

    async def ask(self, request: bytes) -> Answer:
        """Send ``request``, head and body. Raises ``OSError``, of which ``Broken`` is one."""
        connection = self._kept() or await self._connected()
        answer = None
        try:
            answer = await connection.ask(request)
        finally:
            if answer is None or not connection.usable:
                connection.close()
            else:
                connection.idle_since = asyncio.get_running_loop().time()
                self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - KEPT_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def _connected(self) -> _Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await (self._through(self._proxy) if self._proxy is not None else self._direct())
        except TimeoutError:
            raise Broken(f"no connection within {CONNECT_SECONDS:.0f} s") from None

    async def _direct(self) -> _Connection:
        secure = self._server.scheme == "https"
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection,
            self._server.hostname or "",
            port_of(self._server),
            ssl=self._tls if secure else None,
            happy_eyeballs_delay=0.25,
        )
        return connection

    async def _through(self, proxy: SplitResult) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            _Connection, proxy.hostname or "", port_of(proxy), ssl=self._tls if proxy.scheme == "https" else None
        )
        try:
            answer = await connection.ask(connect_request(self._server, proxy), connect=True)
            if answer.status >= 300:
                raise Broken(f"the proxy {proxy.hostname} answered {answer.status}")
            if self._server.scheme == "https":
                assert connection.transport is not None
                connection.transport = await loop.start_tls(
                    connection.transport, connection, self._tls, server_hostname=self._server.hostname
                )
        except BaseException:
            connection.close()
            raise
        return connection


def connect_request(server: SplitResult, proxy: SplitResult) -> bytes:
    """The CONNECT to a proxy, with its user's name and password where its address has them."""
    name = server.hostname or ""
    place = f"{f'[{name}]' if ':' in name else name}:{port_of(server)}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


def host_of(parts: SplitResult) -> str:
    """Name and, unless it is the usual one, port."""
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if port_of(parts) == _usual(parts.scheme) else f"{name}:{parts.port}"


def port_of(parts: SplitResult) -> int:
    """The port of an address."""
    return parts.port or _usual(parts.scheme)


def _usual(scheme: str) -> int:
    return 443 if scheme == "https" else 80
