"""The child's end: the spec or the requests it is given, the wish to stop, what it tells.

``serve`` is for a child that does one piece of work, ``serve_requests`` for one that stays and answers. Both own the
process: what anything else prints goes to standard error, nothing else reads standard input, and a child whose window
is gone ends within ``ORPHAN_SECONDS``, whatever it does.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from workers.children.protocol import Decoder, Frame, Kind, OtherVersion, encode
from workers.errors.tree import LocalProblem, translate
from workers.errors.wire import to_wire

# An eye sees no more, and each report costs the window a turn of its loop.
REPORTS_PER_SECOND = 10
# Longer than a living window waits before it kills a child (``workers.children.process``).
ORPHAN_SECONDS = 15.0
EXIT_ORPHANED = 70
_TRACEBACK_CHARACTERS = 8000

Values = Mapping[str, Any]


class Channel:
    """Both directions, taken from standard input and output so that nothing else comes between."""

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, kind: Kind, value: Values, number: int = 0) -> None:
        """Send one frame. A window that is gone is no error: the end of the input tells."""
        left = memoryview(encode(Frame(kind, value, number)))
        with self._lock:
            try:
                while left:
                    left = left[os.write(self._out, left) :]
            except BrokenPipeError:
                return

    def fail(self, error: Exception, doing: str, number: int = 0) -> None:
        """Send an error, with its traceback for the log."""
        trace = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
        self.send("error", {"error": to_wire(translate(error, doing)), "traceback": trace}, number)

    def frames(self) -> Iterator[Frame]:
        """What comes in, until it ends. Raises ``LocalProblem`` for a window of another version."""
        decoder = Decoder()
        while data := os.read(self._in, 64 * 2**10):
            for item in decoder.feed(data):
                if isinstance(item, OtherVersion):
                    raise LocalProblem(
                        "SageDeck was updated while it ran",
                        "Its window and its helpers are of different versions. Nothing was done.",
                        "Close the window and start it again.",
                        code="OtherVersion",
                    )
                if isinstance(item, Frame):
                    yield item


class ChildRun:
    """One run of a child: ``spec``, ``stop`` (set when the window wants it to end or is gone) and what it reports."""

    def __init__(self, spec: Values, channel: Channel) -> None:
        self.spec = spec
        self.stop = threading.Event()
        self._channel = channel
        self._next = 0.0
        self._lock = threading.Lock()
        self._listener: Callable[[str], None] | None = None
        self._unheard: list[str] = []

    def progress(self, value: Values) -> None:
        """Tell how far it is."""
        self._channel.send("progress", value)

    def due(self) -> bool:
        """True at most ``REPORTS_PER_SECOND`` times a second: the moment to tell progress."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 1 / REPORTS_PER_SECOND
        return True

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call ``listener``, in another thread, with each command, also those that have come already."""
        with self._lock:
            self._listener, unheard = listener, self._unheard
            for command in unheard:
                listener(command)

    def end(self) -> None:
        """The window wants it to end, or is gone: ``stop`` is set, and the listener hears ``stop``."""
        self.stop.set()
        self.hear("stop")

    def hear(self, command: str) -> None:
        """A command has come."""
        with self._lock:
            if self._listener is None:
                self._unheard.append(command)
            else:
                self._listener(command)


def serve(work: Callable[[ChildRun], Values | None], doing: str) -> NoReturn:
    """Run ``work`` with the spec; what it returns is the result, what it raises the error. Ends the process.

    ``doing`` completes "Could not …". Work that was stopped returns None.
    """
    channel = Channel()
    frames = channel.frames()
    try:
        spec = next(frames, None)
        if spec is not None:
            run = ChildRun(spec.value, channel)
            _in_background(lambda: _listen(frames, run.hear), run.end)
            result = work(run)
            if result is not None:
                channel.send("result", result)
    except Exception as error:
        channel.fail(error, doing)
    _end()


def serve_requests(
    warm_up: Callable[[Values], Callable[[Values], Values]], starting: str, doing: Callable[[Values], str]
) -> NoReturn:
    """Make ready with ``warm_up(spec)``, then answer one request after the other with what it returned.

    ``starting`` and ``doing(request)`` complete "Could not …". Ends the process with its input.
    """
    channel = Channel()
    frames = channel.frames()
    waiting: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    try:
        spec = next(frames, None)
        if spec is None:
            _end()
        _in_background(lambda: _sort(frames, waiting), lambda: waiting.put(None))
        answer = warm_up(spec.value)
        channel.send("ready", {})
    except Exception as error:
        channel.fail(error, starting)
        _end(1)
    while (request := waiting.get()) is not None:
        try:
            channel.send("result", answer(request.value), request.id)
        except Exception as error:
            channel.fail(error, doing(request.value), request.id)
    _end()


def _listen(frames: Iterator[Frame], hear: Callable[[str], None]) -> None:
    for frame in frames:
        if frame.kind == "command":
            hear(str(frame.value.get("do", "")))


def _sort(frames: Iterator[Frame], waiting: queue.SimpleQueue[Frame | None]) -> None:
    for frame in frames:
        if frame.kind == "request":
            waiting.put(frame)


def _in_background(read: Callable[[], None], at_end: Callable[[], None]) -> None:
    """Read the input; at its end tell so, and some seconds later end the process if it is still there."""

    def body() -> None:
        try:
            read()
        finally:
            at_end()
            time.sleep(ORPHAN_SECONDS)
            os._exit(EXIT_ORPHANED)

    threading.Thread(target=body, name="input", daemon=True).start()


def _end(status: int = 0) -> NoReturn:
    # Interpreter shutdown would wait for threads of libraries.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
