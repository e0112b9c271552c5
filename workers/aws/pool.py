"""A bounded pool of daemon threads to await blocking calls in.

asyncio's own pool is shared with everybody and joined at exit: one hanging connection would keep the
program from ending. These threads are daemons, and every call they run has bounded timeouts.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


class PoolClosed(RuntimeError):
    """The pool was closed; the call was not made."""


class WorkerPool:
    """At most ``size`` daemon threads, started as they are needed."""

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._closed = False

    async def run(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        """Await ``function(*args, **kwargs)`` run in a thread of the pool.

        Cancelling drops the call when it has not begun; one that has begun runs on, and its result is dropped.
        Raises ``PoolClosed`` after ``close``.
        """
        return await asyncio.wrap_future(self.submit(lambda: function(*args, **kwargs)))

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queue ``call`` and return its future (for callers without an event loop). It sees the caller's context."""
        future: Future[T] = Future()
        context = contextvars.copy_context()
        with self._lock:
            if self._closed:
                raise PoolClosed(f"{self._name} is closed")
            self._calls.put((future, lambda: context.run(call)))
            if self._idle < self._calls.qsize() and self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        return future

    async def stream(self, make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """Yield what the blocking iterator ``make()`` gives, each step in a thread of the pool."""
        iterator = await self.run(make)
        while (item := await self.run(next, iterator, _END)) is not _END:
            yield item

    def close(self) -> None:
        """Drop what has not begun and let the threads end; returns at once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            while not self._calls.empty():
                waiting = self._calls.get_nowait()
                if waiting is not None:
                    waiting[0].cancel()
            for _ in range(self._threads):
                self._calls.put(None)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            item = self._calls.get()
            with self._lock:
                self._idle -= 1
            if item is None:
                return
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as exc:
                future.set_exception(exc)
            else:
                future.set_result(result)
            del item, future, call
