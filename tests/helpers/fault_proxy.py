"""A proxy before a real sandbox that does something to the answer of the N-th request; the request itself is done.

Faults: ``lose`` (the connection ends before the answer), ``reset`` (likewise, by RST), ``delay`` (the answer never
comes), ``truncate`` (half of it comes), ``trickle`` (it comes byte by byte, for ever), ``refuse`` (the connection ends
before the request is done), ``fail`` (done, but answered with 500).
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

FAULTS = ("lose", "reset", "delay", "truncate", "trickle", "refuse", "fail")
TRICKLE_SECONDS = 0.02
_ANSWERED_HERE = ("connection", "transfer-encoding", "content-length")


class FaultProxy:
    """Serves on a port of its own until ``close``; use as a context manager."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._to = (address.hostname or "", address.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._woken = False
        self._fault, self._at, self._times = "", 0, 0
        self.seen: list[str] = []
        self.struck: list[str] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, name="fault proxy", daemon=True).start()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def arm(self, fault: str, at: int, times: int = 1) -> None:
        """Count requests from now on; do ``fault`` to the ``at``-th (from 0) and those after it, ``times`` in all."""
        with self._lock:
            self.seen, self.struck, self._woken = [], [], False
            self._fault, self._at, self._times = fault, at, times

    def reached(self, at: int) -> None:
        """Wait until the ``at``-th request is there, or ``wake`` is called. Blocking."""
        with self._lock:
            self._came.wait_for(lambda: len(self.seen) > at or self._woken)

    def wake(self) -> None:
        """End a ``reached``."""
        with self._lock:
            self._woken = True
            self._came.notify_all()

    def disarm(self) -> None:
        """Pass everything on."""
        self.arm("", 0, 0)

    def close(self) -> None:
        """Serve no more, and end what hangs."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, http.client.HTTPException):
            reader = connection.makefile("rb")
            while (line := reader.readline().strip()) and not self._over.is_set():
                headers = list(_headers(reader))
                values = {name.lower(): value for name, value in headers}
                if values.get("expect", "").lower() == "100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = (
                    _chunks(reader)
                    if "transfer-encoding" in values
                    else reader.read(int(values.get("content-length", "0")))
                )
                method, target, _ = line.decode("latin-1").split(" ", 2)
                fault = self._next(f"{method} {values.get('x-amz-target', target)}")
                if fault == "refuse":
                    return
                answer = self._forward(method, target, headers, body)
                if fault:
                    self._strike(fault, connection, answer)
                    return
                connection.sendall(answer)

    def _next(self, what: str) -> str:
        with self._lock:
            number = len(self.seen)
            self.seen.append(what)
            self._came.notify_all()
            if not self._fault or not self._at <= number < self._at + self._times:
                return ""
            self.struck.append(what)
            return self._fault

    def _forward(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
        upstream = http.client.HTTPConnection(*self._to, timeout=120)
        with contextlib.closing(upstream):
            upstream.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in ("connection", "transfer-encoding", "expect", "content-length"):
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            got = upstream.getresponse()
            data = got.read()
            length = got.getheader("Content-Length") if method == "HEAD" else str(len(data))
        lines = [f"HTTP/1.1 {got.status} {got.reason}", f"Content-Length: {length or 0}"]
        lines += [f"{name}: {value}" for name, value in got.getheaders() if name.lower() not in _ANSWERED_HERE]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data

    def _strike(self, fault: str, connection: socket.socket, answer: bytes) -> None:
        if fault == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "delay":
            self._until_it_hangs_up(connection)
        elif fault == "truncate":
            head = answer.index(b"\r\n\r\n") + 4
            connection.sendall(answer[: head + (len(answer) - head) // 2])
        elif fault == "fail":
            connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}")
        elif fault == "trickle":
            head = answer.index(b"\r\n\r\n") + 2
            for byte in answer[:head]:
                connection.sendall(bytes([byte]))
            connection.sendall(b"X-Never: ")
            while not self._over.wait(TRICKLE_SECONDS):
                connection.sendall(b"x")

    def _until_it_hangs_up(self, connection: socket.socket) -> None:
        connection.settimeout(0.1)
        while not self._over.is_set():
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue


def _headers(reader: object) -> Iterator[tuple[str, str]]:
    while line := reader.readline().strip():  # type: ignore[attr-defined]
        name, _, value = line.decode("latin-1").partition(":")
        yield name, value.strip()


def _chunks(reader: object) -> bytes:
    data = b""
    while size := int(reader.readline().split(b";")[0], 16):  # type: ignore[attr-defined]
        data += reader.read(size)  # type: ignore[attr-defined]
        reader.readline()  # type: ignore[attr-defined]
    while reader.readline().strip():  # type: ignore[attr-defined]
        continue
    return data
