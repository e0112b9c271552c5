"""The sandbox's end of the connections to its inference processes.

A process calls in when its model is loaded and shows its one-time token; the connection then carries as many
requests at a time as the process said it answers together, until either side ends.
"""

from __future__ import annotations

import itertools
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from sandbox.programs.wire import WireClosed, receive, send

# An inference process sends its token as soon as it has connected; a stranger may send nothing.
_HANDSHAKE_SECONDS = 5.0
# What a process may ask for: each request is held in memory, up to 6 MB.
_MOST_AT_ONCE = 64


class HostTimeout(Exception):
    """No answer in time. ``hung`` is True when the process itself had the request all the time."""

    def __init__(self, hung: bool) -> None:
        super().__init__("hung" if hung else "busy")
        self.hung = hung


class HostDied(Exception):
    """The process ended before it answered. ``asked`` is False when it was gone before it got the request."""

    def __init__(self, text: str, *, asked: bool) -> None:
        super().__init__(text)
        self.asked = asked


class HostFull(Exception):
    """No room in the queue of the container."""


class _Waiting:
    """A request on its way: when it was sent, and its answer once ``done`` is set (None: the process is gone)."""

    def __init__(self) -> None:
        self.sent = time.monotonic()
        self.done = threading.Event()
        self.answer: tuple[dict[str, Any], bytes] | None = None


class HostLink:
    """One connection to a loaded model. ``ask`` may be called from any thread; requests queue up.

    ``at_once`` of them are with the process at a time, which may answer them together.
    """

    def __init__(self, connection: socket.socket, at_once: int = 1) -> None:
        self._connection = connection
        self._room = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._last_answer = 0.0
        self._closed = ""
        self._connection.settimeout(None)
        threading.Thread(target=self._listen, name="answers", daemon=True).start()

    def ask(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, dict[str, str], bytes, float]:
        """Send a request; returns status, headers, body and the seconds that the model took.

        ``timeout`` seconds are for waiting and answering together. Raises ``HostTimeout`` or ``HostDied``;
        after a hung request the connection is useless.
        """
        deadline = time.monotonic() + timeout
        if not self._room.acquire(timeout=timeout):
            raise HostTimeout(hung=False)
        try:
            return self._ask(headers, body, deadline)
        finally:
            self._room.release()

    def _ask(self, headers: dict[str, str], body: bytes, deadline: float) -> tuple[int, dict[str, str], bytes, float]:
        mine = _Waiting()
        with self._lock:
            if self._closed:
                raise HostDied(self._closed, asked=False)
            number = next(self._numbers)
            self._waiting[number] = mine
        try:
            with self._send_lock:
                if self._gone():
                    raise HostDied("the connection was closed", asked=False)
                _limit_sending(self._connection, max(0.001, deadline - time.monotonic()))
                send(self._connection, {"id": number, "headers": headers}, body)
            in_time = mine.done.wait(max(0.001, deadline - time.monotonic()))
        except BlockingIOError:
            in_time = False
        except (WireClosed, OSError) as error:
            raise HostDied(str(error), asked=True) from error
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if not in_time:
            # A process that answered others meanwhile does not hang: this one has waited for them.
            hung = self._last_answer < mine.sent
            if hung:
                self.close()
            raise HostTimeout(hung=hung)
        if mine.answer is None:
            raise HostDied(self._closed, asked=True)
        header, answer = mine.answer
        return header["status"], header["headers"], answer, header["seconds"]

    def _listen(self) -> None:
        """Hand out the answers until the process closes the connection."""
        told = "the connection was closed"
        while True:
            try:
                header, body = receive(self._connection)
            except (WireClosed, OSError, ValueError) as error:
                told = str(error) or told
                break
            with self._lock:
                self._last_answer = time.monotonic()
                waiting = self._waiting.get(header["id"])
            if waiting is not None:
                waiting.answer = (header, body)
                waiting.done.set()
        with self._lock:
            self._closed = told
            left = list(self._waiting.values())
        for waiting in left:
            waiting.done.set()

    def _gone(self) -> bool:
        """True when the process has closed its end, which the listening thread may not have heard of yet."""
        if not hasattr(socket, "MSG_DONTWAIT"):
            return False
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Close the connection; the process ends when it has answered."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()


def _limit_sending(connection: socket.socket, seconds: float) -> None:
    """How long a send may block. The socket's own time limit would count for the thread that listens, too."""
    if sys.platform == "win32":
        limit = struct.pack("L", max(1, int(seconds * 1000)))
    else:
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


class HostListener:
    """Where inference processes call in: a loopback port and the tokens that are expected there."""

    def __init__(self) -> None:
        self._expected: dict[str, Callable[[HostLink], None]] = {}
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._run, name="inference listener", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        host, port = self._socket.getsockname()[:2]
        return f"{host}:{port}"

    def expect(self, connected: Callable[[HostLink], None]) -> str:
        """A new token; ``connected`` gets the link once, when a process shows it."""
        token = secrets.token_hex(24)
        with self._lock:
            self._expected[token] = connected
        return token

    def forget(self, token: str) -> None:
        """The process with this token will not come."""
        with self._lock:
            self._expected.pop(token, None)

    def close(self) -> None:
        """End the listener; links that exist stay open."""
        # Closing alone does not wake a thread that is in accept().
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            # A stranger that connects and says nothing must not keep others waiting.
            threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(_HANDSHAKE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            header, _body = receive(connection)
        except (OSError, WireClosed, ValueError):
            connection.close()
            return
        with self._lock:
            connected = self._expected.pop(str(header.get("token")), None)
        if connected is None:
            connection.close()
            return
        at_once = header.get("at_once", 1)
        connected(HostLink(connection, min(max(1, at_once), _MOST_AT_ONCE) if isinstance(at_once, int) else 1))
