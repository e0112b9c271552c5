"""Every coroutine that the window starts, held strongly until it ends, its errors never lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

ErrorHandler = Callable[[BaseException], None]


class TaskRegistry:
    """Starts coroutines on the running loop and keeps them until they end.

    ``report(label, error)`` gets every error that a task's own ``on_error`` did not take.
    """

    def __init__(self, report: Callable[[str, BaseException], None]) -> None:
        self._report = report
        self._tasks: set[asyncio.Task[Any]] = set()
        self._by_key: dict[str, asyncio.Task[Any]] = {}
        self._scopes: dict[asyncio.Task[Any], str] = {}
        self._left: set[asyncio.Task[Any]] = set()
        self.closed = False

    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        label: str,
        key: str | None = None,
        scope: str = "backend",
        on_error: ErrorHandler | None = None,
    ) -> asyncio.Task[Any]:
        """Run ``coro`` as a task. ``label`` completes "… failed" in a report.

        A task with the same ``key`` that still runs is cancelled first. Tasks of the scope ``backend`` end when
        another account is chosen; give ``scope="window"`` to what does not need the account. ``on_error`` takes the
        error instead of the common report; an error raised by it is reported. After ``close`` the task is cancelled
        before it begins.
        """
        if key is not None:
            self.cancel(key)
        task = asyncio.get_running_loop().create_task(coro, name=label)
        if self.closed:
            task.cancel()
        self._tasks.add(task)
        self._scopes[task] = scope
        if key is not None:
            self._by_key[key] = task
        task.add_done_callback(lambda done: self._ended(done, label, key, on_error))
        return task

    def cancel(self, key: str) -> bool:
        """Cancel the task started with ``key``; False when none runs."""
        task = self._by_key.pop(key, None)
        return task.cancel() if task is not None else False

    def cancel_scope(self, scope: str) -> int:
        """Cancel the tasks of ``scope``, but not the one that calls this; returns how many."""
        doomed = [task for task, of in self._scopes.items() if of == scope]
        if not doomed:
            return 0
        mine = asyncio.current_task()
        doomed = [task for task in doomed if task is not mine]
        # A task that has just ended cannot be cancelled any more, but its result is out of date as well.
        self._left.update(doomed)
        return sum(task.cancel() for task in doomed)

    def running(self, key: str) -> bool:
        """True while the task started with ``key`` runs."""
        task = self._by_key.get(key)
        return task is not None and not task.done()

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self, timeout: float = 10.0) -> list[str]:
        """Cancel everything and wait for it, at most ``timeout`` seconds; returns the labels of what did not end.

        The task that calls this is left alone.
        """
        self.closed = True
        mine = {task for task in self._tasks if task is not asyncio.current_task()}
        for task in mine:
            task.cancel()
        if not mine:
            return []
        _, pending = await asyncio.wait(mine, timeout=timeout)
        return sorted(task.get_name() for task in pending)

    def _ended(self, task: asyncio.Task[Any], label: str, key: str | None, on_error: ErrorHandler | None) -> None:
        self._tasks.discard(task)
        self._scopes.pop(task, None)
        late = task in self._left
        self._left.discard(task)
        if key is not None and self._by_key.get(key) is task:
            del self._by_key[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if late:
            log.info("%s failed after its account was left: %s", label, error)
            return
        if on_error is not None:
            try:
                on_error(error)
                return
            except Exception as second:
                log.exception("the error handler of %r failed", label)
                error = second
        self._report(label, error)
