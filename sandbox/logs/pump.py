"""Carries what jobs and endpoints print into CloudWatch Logs, in batches and without slowing them down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

# How long a line may wait for others; a person watching a log does not notice it.
FLUSH_SECONDS = 0.1
# From this many waiting characters on, the printing process waits for the store.
MAX_WAITING = 8 * 1024 * 1024


class LogStore(Protocol):
    """What is needed of CloudWatch Logs."""

    def put(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        """Append (epoch milliseconds, message) events; makes group and stream when they are new."""
        ...

    def finish(self, group: str, stream: str) -> int:
        """Nothing more comes; returns how many lines are missing at the end without a word in the log."""
        ...


class LogStreams(Protocol):
    """Where jobs and endpoints get the streams that they write to."""

    def stream(self, group: str, stream: str) -> LogStream:
        """A stream to write to."""
        ...


class LogStream:
    """One stream being written. ``write`` may be called from any thread. A ``muted`` one keeps nothing."""

    def __init__(self, pump: LogPump, group: str, stream: str, *, muted: bool = False) -> None:
        self.group, self.stream = group, stream
        self._muted = muted
        self._pump = pump
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._waiting: list[tuple[int, str]] = []
        self._size = 0

    def write(self, lines: Sequence[str]) -> None:
        """Append lines with the present time."""
        if self._muted:
            return
        now = int(time.time() * 1000)
        with self._lock:
            first = not self._waiting
            self._waiting += [(now, line) for line in lines]
            self._size += sum(map(len, lines))
            full = self._size > MAX_WAITING
        if full:
            self.flush()
        elif first:
            self._pump.wake(self)

    def flush(self) -> None:
        """Hand all waiting lines to the store now."""
        # Two threads that flush the same stream must not swap its lines.
        with self._flushing:
            with self._lock:
                events, self._waiting, self._size = self._waiting, [], 0
            if events:
                self._pump.store.put(self.group, self.stream, events)

    def finish(self) -> int:
        """Flush; nothing more will come. Returns how many lines are missing at the end without a word in the log."""
        if self._muted:
            return 0
        self.flush()
        return self._pump.store.finish(self.group, self.stream)


class LogPump:
    """One thread that flushes all streams with waiting lines ten times a second."""

    def __init__(self, store: LogStore, on_error: Callable[[Exception], None]) -> None:
        self.store = store
        self._on_error = on_error
        self._dirty: set[LogStream] = set()
        self._condition = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sagemaker-logs", daemon=True)
        self._thread.start()

    def stream(self, group: str, stream: str, *, muted: bool = False) -> LogStream:
        """A stream to write to."""
        return LogStream(self, group, stream, muted=muted)

    def wake(self, stream: LogStream) -> None:
        """Have ``stream`` flushed soon."""
        with self._condition:
            self._dirty.add(stream)
            self._condition.notify()

    def close(self) -> None:
        """Flush everything and end the thread."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._dirty and not self._closed:
                    self._condition.wait()
                closing = self._closed
            if not closing:
                time.sleep(FLUSH_SECONDS)
            with self._condition:
                streams, self._dirty = self._dirty, set()
            for stream in streams:
                try:
                    stream.flush()
                except Exception as error:  # A full disk must not end the log of all other jobs
                    self._on_error(error)
            if closing:
                return
