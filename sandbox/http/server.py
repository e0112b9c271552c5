"""The HTTP server: one thread a connection, keep-alive, bound to 127.0.0.1 only.

It is our own because a small object costs little more than its HTTP: with a general WSGI server the parsing and
the thread changes took longer than storing it, and WSGI cannot tell ``x-amz-meta-a_b`` from ``x-amz-meta-a-b``.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.client import responses

from sandbox.core.diagnostics import tell_exception
from sandbox.core.os_words import os_words
from sandbox.http.http1 import BadRequest, Body, Disconnected, Head, RawRequest, Reader
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import FileBody, RestResponse
from sandbox.wire.render_errors import render_error
from sandbox.wire.render_xml import http_date

HOST = "127.0.0.1"
# Connections not yet accepted: an upload opens 32 at once, a load test hundreds.
BACKLOG = 256
# More than SDKs open together; each has a thread. They keep idle connections for about a minute themselves.
MAX_CONNECTIONS = 600
IDLE_SECONDS = 75
STOP_SECONDS = 3.0
LINGER_SECONDS = 0.2
LINGER_READS = 16
FILE_BLOCK = 1024 * 1024
JOINED_BYTES = 64 * 1024
NO_BODY = frozenset({204, 304})
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
Answer = Callable[[RawRequest], RestResponse]


class PortTaken(Exception):
    """The port that was asked for is used by another program."""


@dataclass
class _Connection:
    """What one connection does; ``since``: when it began to wait for a request. ``body``: what is being received."""

    busy: bool = False
    since: float = field(default_factory=time.monotonic)
    body: Body | None = None


class HttpServer:
    """A server on a loopback port; ``port`` 0 takes a free one. It listens at once and answers in ``serve``."""

    def __init__(self, port: int, answer: Answer) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, _Connection] = {}
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._listener = _listen(port)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The endpoint URL."""
        return f"http://{HOST}:{self.port}"

    def serve(self) -> None:
        """Serve until ``stop`` has let the requests in progress end."""
        try:
            self._accept()
        finally:
            if self._stopping.is_set():
                self._stopped.wait(STOP_SECONDS + 2)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as exc:
                if self._stopping.is_set():
                    return
                if exc.errno not in (errno.ECONNABORTED, errno.EINTR, errno.EMFILE, errno.ENFILE):
                    raise
                self._make_room(1)
                time.sleep(0.05)
                continue
            if not self._make_room(MAX_CONNECTIONS):
                # Without waiting for the client: everybody else waits here, too.
                _refuse(connection, AwsError("SlowDown", "Please reduce your request rate.", 503), linger=False)
                connection.close()
                continue
            with self._lock:
                self._connections[connection] = _Connection()
            threading.Thread(target=self._run, args=(connection,), name="connection", daemon=True).start()

    def _make_room(self, most: int) -> bool:
        """Have fewer than ``most`` connections: whoever sends nothing must not keep others out. False: all work.

        First goes who was silent between two requests for longest, then who does not send the rest of a body.
        """
        now = time.monotonic()
        with self._lock:
            if len(self._connections) < most:
                return True
            idle = [(state.since, key) for key, state in self._connections.items() if not state.busy]
            slow = [
                (state.since, key)
                for key, state in self._connections.items()
                if state.body and state.body.too_slow(now)
            ]
            if not (idle or slow):
                return False
            _, victim = min(idle or slow, key=lambda pair: pair[0])
            del self._connections[victim]
            # Under the lock: otherwise its thread could close it, and another connection could get its number.
            _shut(victim)
            return True

    def stop(self) -> None:
        """Stop serving: idle connections are closed at once, requests in progress get some seconds."""
        self._stopping.set()
        _close(self._listener)
        try:
            self._end_connections()
        finally:
            self._stopped.set()

    def _end_connections(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            with self._lock:
                for connection, state in self._connections.items():
                    if not state.busy or time.monotonic() > deadline:
                        _shut(connection)
                if not self._connections or time.monotonic() > deadline + 0.5:
                    return
            time.sleep(0.02)

    def _run(self, connection: socket.socket) -> None:
        try:
            _set_up(connection)
            reader = Reader(connection)
            while not self._stopping.is_set() and self._one(connection, reader):
                continue
        except (Disconnected, ConnectionError, TimeoutError, BlockingIOError):
            # The client went away; there is nobody to tell.
            pass
        except Exception as exc:
            tell_exception(exc)
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def _one(self, connection: socket.socket, reader: Reader) -> bool:
        """Answer one request; False closes the connection."""
        try:
            head = reader.head()
        except BadRequest as exc:
            _refuse(connection, exc)
            return False
        with self._lock:
            state = self._connections.get(connection)
            if state is None:
                return False
            state.busy = True
        try:
            return self._exchange(connection, reader, head, state)
        finally:
            state.busy, state.body, state.since = False, None, time.monotonic()

    def _exchange(self, connection: socket.socket, reader: Reader, head: Head, state: _Connection) -> bool:
        ask = None
        if head.headers.get("expect", "").lower() == "100-continue":

            def ask() -> None:
                connection.sendall(CONTINUE)

        body = state.body = Body(reader, head.length, ask)
        response = self._answer(RawRequest(head.method, head.target, head.headers, body, head.length))
        try:
            keep = body.drain() and head.keep_alive
        except BadRequest:
            # The answer was sent, but the body was not read to its end: where the next request begins is unknown.
            keep = False
        state.body = None
        return _send(connection, response, head.method == "HEAD", keep) and keep


def _listen(port: int) -> socket.socket:
    if port and _taken(port):
        raise PortTaken(f"Port {port} of {HOST} is used by another program.")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        if exc.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortTaken(f"Port {port} of {HOST} cannot be used: {os_words(exc)}.") from exc
        raise
    return listener


def _taken(port: int) -> bool:
    """Whether somebody answers there: on some systems SO_REUSEADDR would let two servers share a port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _set_up(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        # Timeouts in the kernel keep the socket blocking, so that one call receives a whole body.
        timeout = struct.pack("ll", IDLE_SECONDS, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
    else:
        connection.settimeout(IDLE_SECONDS)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        return


def _close(listener: socket.socket) -> None:
    _shut(listener)
    listener.close()


def _refuse(connection: socket.socket, error: AwsError, linger: bool = True) -> None:
    """Answer a request that could not be read, in the form that every client of AWS understands."""
    answer = render_error(error, "s3", secrets.token_hex(8).upper())
    answer.headers["x-amzn-ErrorType"] = error.code
    try:
        _send(connection, answer, False, False)
        if not linger:
            return
        # Closing while the client still sends would make its system throw the answer away.
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(LINGER_SECONDS)
        for _ in range(LINGER_READS):
            if not connection.recv(FILE_BLOCK):
                return
    except OSError:
        return


def _send(connection: socket.socket, response: RestResponse, head: bool, keep: bool) -> bool:
    """Write an answer; False when it could not be completed and the connection must be closed."""
    status, body = response.status, response.body
    lines = [f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}"]
    has_length = False
    for name, value in response.headers.items():
        lines.append(f"{name}: {_clean(value)}")
        has_length = has_length or name.lower() == "content-length"
    lines.append(f"Date: {http_date(time.time())}")
    lines.append("Server: SageDeckSandbox")
    bodiless = head or status in NO_BODY
    chunked = False
    if not has_length and status not in NO_BODY:
        if isinstance(body, bytes | FileBody):
            lines.append(f"Content-Length: {len(body) if isinstance(body, bytes) else body.length}")
        else:
            chunked = True
            lines.append("Transfer-Encoding: chunked")
    if not keep:
        lines.append("Connection: close")
    raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    try:
        if bodiless:
            connection.sendall(raw)
        elif isinstance(body, bytes):
            if len(body) <= JOINED_BYTES:
                connection.sendall(raw + body)
            else:
                connection.sendall(raw)
                connection.sendall(body)
        elif isinstance(body, FileBody):
            return _send_file(connection, raw, body)
        else:
            connection.sendall(raw)
            _send_blocks(connection, body, chunked)
    finally:
        if isinstance(body, FileBody):
            body.file.close()
    return True


def _send_file(connection: socket.socket, raw: bytes, body: FileBody) -> bool:
    if body.length <= FILE_BLOCK:
        body.file.seek(body.offset)
        data = body.file.read(body.length)
        connection.sendall(raw + data)
        return len(data) == body.length
    connection.sendall(raw)
    offset, left = body.offset, body.length
    if sys.platform == "linux":
        while left > 0:
            sent = os.sendfile(connection.fileno(), body.file.fileno(), offset, left)
            if sent == 0:
                return False
            offset, left = offset + sent, left - sent
        return True
    body.file.seek(offset)
    while left > 0 and (block := body.file.read(min(left, FILE_BLOCK))):
        connection.sendall(block)
        left -= len(block)
    return left == 0


def _send_blocks(connection: socket.socket, blocks: Iterable[bytes], chunked: bool) -> None:
    for block in blocks:
        if block:
            connection.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
    if chunked:
        connection.sendall(b"0\r\n\r\n")


def _clean(value: str) -> str:
    return value if value.isprintable() else value.replace("\r", " ").replace("\n", " ")
