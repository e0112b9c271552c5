"""The HTTP server: cheroot's connections and parsing, our answers. It listens on 127.0.0.1 only."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from http.client import responses
from typing import Any

from cheroot import server as cheroot

from sandbox.dispatch import RawRequest
from sandbox.registry import FileBody, RestResponse

HOST = "127.0.0.1"
THREADS = 48
KEEP_ALIVE_CONNECTIONS = 400
TIMEOUT_SECONDS = 75
MAX_HEADER_BYTES = 64 * 1024
FILE_BLOCK = 256 * 1024
NO_BODY = frozenset({204, 304})


class PortTaken(Exception):
    """The port that was asked for is used by another program."""


class _Gateway(cheroot.Gateway):
    """Hands cheroot's requests to the dispatcher and writes its answers."""

    def respond(self) -> None:
        request = self.req
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.inheaders.items()
        }
        length = None if request.chunked_read else int(headers.get("content-length") or 0)
        target = request.uri.decode("latin-1")
        if not target.startswith("/"):
            target = "/" + target.partition("://")[2].partition("/")[2]
        method = request.method.decode("latin-1")
        response = request.server.answer(RawRequest(method, target, headers, request.rfile, length))
        self._send(response, method == "HEAD")

    def _send(self, response: RestResponse, head: bool) -> None:
        request = self.req
        self._drain()
        status = response.status
        request.status = f"{status} {responses.get(status, 'Unknown')}".encode()
        out = [(name.encode("latin-1"), _value(value)) for name, value in response.headers.items()]
        body = response.body
        if status not in NO_BODY and not any(name.lower() == b"content-length" for name, _ in out):
            if isinstance(body, bytes):
                out.append((b"Content-Length", str(len(body)).encode()))
            elif isinstance(body, FileBody):
                out.append((b"Content-Length", str(body.length).encode()))
        request.outheaders = out
        try:
            if isinstance(body, bytes) and not head and status not in NO_BODY:
                request.ensure_headers_sent()
                request.write(body)
            elif head or status in NO_BODY:
                request.ensure_headers_sent()
            elif isinstance(body, FileBody):
                request.ensure_headers_sent()
                self._send_file(body)
            else:
                request.ensure_headers_sent()
                for block in body:
                    request.write(block)
        finally:
            if isinstance(body, FileBody):
                body.file.close()

    def _send_file(self, body: FileBody) -> None:
        body.file.seek(body.offset)
        left = body.length
        while left > 0:
            block = body.file.read(min(left, FILE_BLOCK))
            if not block:
                # The announced length cannot be kept any more; the client must see a broken answer.
                self.req.close_connection = True
                return
            left -= len(block)
            self.req.write(block)

    def _drain(self) -> None:
        """Read what the service left of the body, block by block, so that the connection can go on."""
        request = self.req
        if request.chunked_read:
            while request.rfile.read(FILE_BLOCK):
                continue
            return
        while getattr(request.rfile, "remaining", 0) > 0 and request.rfile.read(FILE_BLOCK):
            continue


def _value(value: str) -> bytes:
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")


class _Connection(cheroot.HTTPConnection):
    rbufsize = 128 * 1024
    wbufsize = 128 * 1024


class HttpServer:
    """A server on a loopback port; ``port`` 0 takes a free one."""

    def __init__(self, port: int, answer: Callable[[RawRequest], RestResponse]) -> None:
        self._server: Any = cheroot.HTTPServer(
            (HOST, port), _Gateway, minthreads=THREADS, maxthreads=THREADS, server_name="SageDeckSandbox"
        )
        self._server.ConnectionClass = _Connection
        self._server.answer = answer
        self._server.nodelay = True
        self._server.timeout = TIMEOUT_SECONDS
        self._server.keep_alive_conn_limit = KEEP_ALIVE_CONNECTIONS
        self._server.max_request_header_size = MAX_HEADER_BYTES
        self._server.request_queue_size = 128
        self._server.shutdown_timeout = 3
        if port and _taken(port):
            raise PortTaken(f"Port {port} of {HOST} is used by another program.")
        try:
            self._server.prepare()
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE or "in use" in str(exc):
                raise PortTaken(f"Port {port} of {HOST} is used by another program.") from exc
            raise
        self.port: int = self._server.socket.getsockname()[1]

    @property
    def url(self) -> str:
        """The endpoint URL."""
        return f"http://{HOST}:{self.port}"

    def serve(self) -> None:
        """Serve until ``stop``."""
        self._server.serve()

    def stop(self) -> None:
        """Stop serving; requests in progress get some seconds."""
        self._server.stop()


def _taken(port: int) -> bool:
    """Whether somebody listens there already: SO_REUSEADDR alone would let two servers share it on some systems."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
