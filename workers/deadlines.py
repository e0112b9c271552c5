"""An end for every request and every call, however its answer comes: late, in drops, or cut off.

botocore's read timeout starts anew with each byte that arrives, and its retries multiply it: an answer that trickles
held a call for minutes. Here a watchdog closes the socket of a request whose time is up, all attempts of a call
together have one deadline, and an answer shorter than it said is an error instead of an empty result.

What is large has more time, by the slowest line that is still worth waiting for.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import socket
import threading
import time
import weakref
from functools import cache
from typing import Any

# One request from its first byte to the last byte of its answer.
ATTEMPT_SECONDS = 25.0
# All attempts of one call, with the pauses between them.
CALL_SECONDS = 50.0
# InvokeEndpoint may compute for 60 s, a function for 15 minutes: AWS's own limits.
SLOW_SECONDS = {
    ("sagemaker-runtime", "InvokeEndpoint"): (70.0, 75.0),
    ("lambda", "Invoke"): (905.0, 910.0),
}
SLOWEST_BYTES_PER_SECOND = 16 * 1024
# A stream that does not say how long it is.
UNKNOWN_STREAM_SECONDS = 900.0

log = logging.getLogger(__name__)
_local = threading.local()


class CallTimeout(Exception):
    """The attempts of a call have used up their time. ``kwargs`` as botocore's errors have them."""

    def __init__(self, url: str) -> None:
        self.kwargs = {"endpoint_url": url}
        super().__init__(f"no complete answer in time from {url}")


class Watch:
    """Closes the socket of one request when its time is up. ``end`` says whether it did."""

    def __init__(self, seconds: float, stream: Any = None) -> None:
        self._lock = threading.Lock()
        self._socket: Any = None
        self._over = self._fired = False
        # A body that nobody reads any more must not be kept alive, and its connection may serve somebody else.
        self._stream = weakref.ref(stream) if stream is not None else None
        _DOG.watch(time.monotonic() + seconds, self)

    @property
    def socket(self) -> Any:
        """The socket that the request used last."""
        return self._socket

    def see(self, used: Any) -> None:
        """The request goes over this socket now."""
        with self._lock:
            self._socket = used
            if self._fired:
                _shut(used)

    def end(self) -> bool:
        """The request is over; true when it was cut off."""
        with self._lock:
            self._over, self._socket = True, None
            return self._fired

    def fire(self) -> None:
        """The time is up."""
        with self._lock:
            if self._stream is not None:
                body = self._stream()
                self._over = self._over or body is None or body.closed
            if not self._over:
                self._fired = True
                _shut(self._socket)


class _Dog:
    """One thread for all watches; it starts with the first and sleeps until the next is due."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, at: float, watch: Watch) -> None:
        with self._changed:
            heapq.heappush(self._due, (at, next(self._numbers), watch))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="deadlines", daemon=True)
                self._thread.start()
            elif self._due[0][2] is watch or self._due[0][0] <= time.monotonic():
                # The second: it has slept over what was due.
                self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                watch = heapq.heappop(self._due)[2]
            try:
                watch.fire()
            except Exception:
                # One request keeps its connection; all others depend on this thread.
                log.exception("a request that was over its time could not be cut off")
            del watch


_DOG = _Dog()


def bound(client: Any, service: str) -> Any:
    """Give every call of a boto3 client a deadline; returns the client. Blocking (imports botocore).

    botocore has no public place for the socket of a request, so its HTTP session gets other connection classes.
    """
    session = client._endpoint.http_session
    plain = session.send
    # Proxies' managers are made later, and take them from here.
    session._pool_classes_by_scheme = session._manager.pool_classes_by_scheme = _pools()
    client.meta.events.register("before-call", lambda model, **_: _begin(service, model.name))
    session.send = lambda request: _send(plain, request)
    return client


def _begin(service: str, operation: str) -> None:
    attempt, call = SLOW_SECONDS.get((service, operation), (ATTEMPT_SECONDS, CALL_SECONDS))
    _local.attempt, _local.call_ends = attempt, time.monotonic() + call


def _send(plain: Any, request: Any) -> Any:
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

    # The body of an upload takes its time, in each attempt.
    sending = _length(request.headers) / SLOWEST_BYTES_PER_SECOND
    remaining = _local.call_ends + 2 * sending - time.monotonic()
    if remaining <= 0:
        raise CallTimeout(request.url)
    watch = _local.watch = Watch(min(_local.attempt, remaining) + sending)
    used = None
    try:
        response = plain(request)
        used = watch.socket
    except Exception as error:
        if watch.end():
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        raise
    finally:
        _local.watch = None
    if watch.end():
        raise ReadTimeoutError(endpoint_url=request.url, error="cut off")
    if request.stream_output:
        _guard_stream(response, used)
    elif request.method != "HEAD" and len(response.content) < _length(response.headers):
        raise ConnectionClosedError(endpoint_url=request.url)
    return response


def _guard_stream(response: Any, used: Any) -> None:
    length = _length(response.headers)
    seconds = UNKNOWN_STREAM_SECONDS
    if "Content-Length" in response.headers:
        seconds = _local.attempt + length / SLOWEST_BYTES_PER_SECOND
    Watch(seconds, response.raw).see(used)


def _length(headers: Any) -> int:
    try:
        return int(headers.get("Content-Length") or 0)
    except ValueError:
        return 0


def _shut(used: Any) -> None:
    # A socket in TLS keeps its state for the thread that reads it; only the connection below is closed.
    used = getattr(used, "socket", used)
    if used is None:
        return
    try:
        socket.socket.shutdown(used, socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        return


def _show(used: Any) -> None:
    watch = getattr(_local, "watch", None)
    if watch is not None and used is not None:
        watch.see(used)


@cache
def _pools() -> dict[str, Any]:
    from botocore import awsrequest

    class Shown:
        """Shows the request's watch which socket it uses."""

        def _new_conn(self) -> Any:
            made = super()._new_conn()  # type: ignore[misc]
            _show(made)
            return made

        def connect(self) -> None:
            super().connect()  # type: ignore[misc]
            _show(self.sock)  # type: ignore[attr-defined]

        def request(self, *args: Any, **kwargs: Any) -> Any:
            _show(self.sock)  # type: ignore[attr-defined]
            return super().request(*args, **kwargs)  # type: ignore[misc]

        def getresponse(self) -> Any:
            _show(self.sock)  # type: ignore[attr-defined]
            return super().getresponse()  # type: ignore[misc]

    class Plain(Shown, awsrequest.AWSHTTPConnection):  # type: ignore[misc]
        pass

    class Secure(Shown, awsrequest.AWSHTTPSConnection):  # type: ignore[misc]
        pass

    class PlainPool(awsrequest.AWSHTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(awsrequest.AWSHTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
