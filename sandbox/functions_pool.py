"""The warm processes of all functions: who may start one, who waits, who is refused."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from sandbox.errors import AwsError
from sandbox.functions_environment import Answer, Environment

ACCOUNT_CONCURRENCY = 1000
IDLE_SECONDS = 600.0
_SWEEP_SECONDS = 15.0
# More real processes than this at once would only slow each other down; further calls wait for one.
MACHINE_CONCURRENCY = 32

Make = Callable[[], Environment]


class Pool:
    """Environments by key (function, version, revision). Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, ...], list[Environment]] = defaultdict(list)
        self._busy: dict[str, int] = defaultdict(int)
        self._places = threading.BoundedSemaphore(MACHINE_CONCURRENCY)
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="idle functions", daemon=True)
        self._sweeper.start()

    def concurrency(self, name: str) -> int:
        """Calls of the function that are under way."""
        with self._lock:
            return self._busy[name]

    @contextmanager
    def slot(self, name: str, reserved: int | None, reserved_by_others: int) -> Any:
        """Count one call of a function. Raises ``AwsError`` TooManyRequestsException with AWS's Reason."""
        limit = ACCOUNT_CONCURRENCY - reserved_by_others if reserved is None else reserved
        reason = (
            "ConcurrentInvocationLimitExceeded"
            if reserved is None
            else "ReservedFunctionConcurrentInvocationLimitExceeded"
        )
        with self._lock:
            if self._busy[name] >= limit:
                raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
            self._busy[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[name] -= 1

    def call(self, key: tuple[str, ...], make: Make, run: Callable[[Environment], Answer]) -> Answer:
        """Run one call in a warm environment of ``key``, or in a new one. Waits for a place on this machine."""
        with self._places:
            with self._lock:
                idle = self._idle[key]
                environment = idle.pop() if idle else None
            environment = environment or make()
            try:
                answer = run(environment)
            except BaseException:
                environment.close()
                raise
            if not answer.reusable or self._closed.is_set():
                environment.close()
            else:
                with self._lock:
                    self._idle[key].append(environment)
            return answer

    def discard(self, name: str, keep: tuple[str, ...] | None = None) -> None:
        """End the idle environments of a function, but for those of the key ``keep``."""
        with self._lock:
            doomed = [key for key in self._idle if key[0] == name and key != keep]
            environments = [one for key in doomed for one in self._idle.pop(key)]
        for environment in environments:
            environment.close()

    def close(self) -> None:
        """End all environments that are idle; those at work end with their call."""
        self._closed.set()
        with self._lock:
            environments = [one for idle in self._idle.values() for one in idle]
            self._idle.clear()
        for environment in environments:
            environment.close()

    def _sweep(self) -> None:
        while not self._closed.wait(_SWEEP_SECONDS):
            oldest = time.monotonic() - IDLE_SECONDS
            with self._lock:
                old = [(key, one) for key, idle in self._idle.items() for one in idle if one.last_used < oldest]
                for key, environment in old:
                    self._idle[key].remove(environment)
            for _, environment in old:
                environment.close()
