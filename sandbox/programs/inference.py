"""An endpoint's inference process: loads one model, then answers requests: those that wait together, if it can.

Runs as a plain script. It calls the sandbox (address and one-time token in its environment) and ends when
that connection ends, so it cannot outlive the sandbox.
"""

from __future__ import annotations

import collections
import importlib.util
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

# Of requests that wait, one thread takes so many at the most: more in one batch save nothing, and each waits for all.
MOST_TOGETHER = 4

# The user's code must not find the sandbox's modules by their short names.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]


def _sibling(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"_sandbox_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Load, say so, serve. Returns the exit status."""
    host, port = os.environ.pop("SANDBOX_HOST_ADDRESS").rsplit(":", 1)
    token = os.environ.pop("SANDBOX_HOST_TOKEN")
    code, model_dir = Path(os.environ["SAGEMAKER_SUBMIT_DIRECTORY"]), Path(os.environ["SM_MODEL_DIR"])
    wire, handlers_module = _sibling("wire"), _sibling("handlers")
    requirements = code / "requirements.txt"
    if requirements.is_file() and _sibling("requirements").main([str(requirements)]):
        return 1
    started = time.perf_counter()
    try:
        handlers = handlers_module.Handlers(code, os.environ.get("SAGEMAKER_PROGRAM", ""), model_dir)
    except Exception:
        traceback.print_exc()
        return 1
    print(f"Model loaded in {time.perf_counter() - started:.1f} s.", flush=True)
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Server(wire, connection, handlers, token).run()
    return 0


Request = tuple[dict[str, Any], bytes]


class Waiting:
    """Requests that wait. Of the threads that are free, the one that answered last gets the next request.

    A caller's requests one after the other are so answered by one thread, whose data is still in the processor's
    caches; the standard library's queues wake the thread that has waited longest.
    """

    def __init__(self) -> None:
        self._requests: collections.deque[Request] = collections.deque()
        self._free: list[threading.Event] = []
        self._ended = False
        self._lock = threading.Lock()

    def put(self, request: Request) -> None:
        """Add a request."""
        with self._lock:
            self._requests.append(request)
            if self._free:
                self._free.pop().set()

    def end(self) -> None:
        """No request comes any more: who waits gets None once those before are taken."""
        with self._lock:
            self._ended = True
            while self._free:
                self._free.pop().set()

    def get(self) -> Request | None:
        """The next request, for which it waits; None at the end."""
        while True:
            with self._lock:
                if self._requests:
                    return self._requests.popleft()
                if self._ended:
                    return None
                called = threading.Event()
                self._free.append(called)
            called.wait()

    def get_now(self) -> Request | None:
        """The next request if there is one."""
        with self._lock:
            return self._requests.popleft() if self._requests else None

    def count(self) -> int:
        """How many wait."""
        return len(self._requests)


class Server:
    """Takes requests from the connection until it ends, and answers them in as many threads as the handlers allow."""

    def __init__(self, wire: Any, connection: socket.socket, handlers: Any, token: str) -> None:
        self._wire, self._connection, self._handlers = wire, connection, handlers
        self._streams = handlers.streams
        self._waiting = Waiting()
        self._busy = 0
        self._lock = threading.Lock()
        at_once = max(1, self._streams * MOST_TOGETHER)
        wire.send(connection, {"token": token, "at_once": at_once})

    def run(self) -> None:
        """Serve; returns when the connection has ended."""
        for number in range(1, self._streams):
            threading.Thread(target=self._serve, name=f"stream {number}", daemon=True).start()
        threading.Thread(target=self._listen, name="requests", daemon=True).start()
        # Code that knows nothing of streams runs in the main thread, as in the container.
        self._serve()

    def _listen(self) -> None:
        while True:
            try:
                self._waiting.put(self._wire.receive(self._connection))
            except (self._wire.WireClosed, OSError):
                self._waiting.end()
                return

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            taken = [first]
            if self._streams:
                # The other streams get their share of what waits.
                share = -(-(self._waiting.count() + 1) // self._streams)
                while len(taken) < min(share, MOST_TOGETHER) and (more := self._waiting.get_now()) is not None:
                    taken.append(more)
            with self._lock:
                self._busy += 1
                alone = self._busy == 1 and len(taken) == 1
            self._answer(taken, alone)
            with self._lock:
                self._busy -= 1

    def _answer(self, taken: list[Request], alone: bool) -> None:
        requests = [(header["headers"], body) for header, body in taken]
        begun = time.perf_counter()
        answers = [self._handlers.answer(*requests[0])] if alone else self._handlers.answer_all(requests)
        took = time.perf_counter() - begun
        for (header, _body), (status, headers, answer) in zip(taken, answers, strict=True):
            reply = {"id": header["id"], "status": status, "headers": headers, "seconds": took}
            with self._lock:
                self._wire.send(self._connection, reply, answer)


if __name__ == "__main__":
    sys.exit(main())
