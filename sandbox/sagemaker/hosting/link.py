"""The sandbox's end of the connections to its inference processes.

A process calls in when its model is loaded and shows its one-time token; the connection then carries one
request at a time until either side ends.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable

from sandbox.programs.wire import WireClosed, receive, send

# An inference process sends its token as soon as it has connected; a stranger may send nothing.
_HANDSHAKE_SECONDS = 5.0


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


class HostLink:
    """One connection to a loaded model. ``ask`` may be called from any thread; requests queue up."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def ask(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, dict[str, str], bytes, float]:
        """Send a request; returns status, headers, body and the seconds that the model took.

        ``timeout`` seconds are for waiting and answering together. Raises ``HostTimeout`` or ``HostDied``;
        after a hung request the connection is useless.
        """
        deadline = time.monotonic() + timeout
        if not self._lock.acquire(timeout=timeout):
            raise HostTimeout(hung=False)
        try:
            started = time.monotonic()
            left = max(0.001, deadline - started)
            if self._gone():
                raise HostDied("the connection was closed", asked=False)
            self._connection.settimeout(left)
            send(self._connection, {"headers": headers}, body)
            header, answer = receive(self._connection)
        except TimeoutError as error:
            self.close()
            raise HostTimeout(hung=True) from error
        except (WireClosed, OSError) as error:
            raise HostDied(str(error), asked=True) from error
        finally:
            self._lock.release()
        return header["status"], header["headers"], answer, header["seconds"]

    def _gone(self) -> bool:
        """True when the process has closed its end: between two requests it sends nothing."""
        try:
            self._connection.setblocking(False)
            return self._connection.recv(1, socket.MSG_PEEK) == b""
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
        connected(HostLink(connection))
