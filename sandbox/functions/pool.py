"""The warm processes of all functions: who may start one, who waits, who is refused."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sandbox.functions.environment import Answer, Environment
from sandbox.wire.errors import AwsError

# AWS keeps idle environments for some minutes, and does not say how many.
IDLE_SECONDS = 600.0
_SWEEP_SECONDS = 15.0
# More real processes than this at once would only slow each other down; further calls wait for one.
MACHINE_CONCURRENCY = 32
# Older ones are ended and started anew, as on AWS, so that their keys never expire under them.
MAX_AGE_SECONDS = 2 * 3600.0

Make = Callable[[], Environment]


class Pool:
    """Environments by key (function, version, revision). Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, ...], list[Environment]] = defaultdict(list)
        self._busy: dict[str, int] = defaultdict(int)
        self._unreserved = 0
        self._places = threading.BoundedSemaphore(MACHINE_CONCURRENCY)
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="idle functions", daemon=True)
        self._sweeper.start()

    def concurrency(self, name: str) -> int:
        """Calls of the function that are under way."""
        with self._lock:
            return self._busy[name]

    def busy(self) -> bool:
        """True while any call is under way."""
        with self._lock:
            return any(self._busy.values())

    @contextmanager
    def slot(self, name: str, reserved: int | None, unreserved: int, provisioned: bool = False) -> Iterator[None]:
        """Count one call of a function. Raises ``AwsError`` TooManyRequestsException with AWS's Reason.

        ``unreserved``: what all functions without a reservation share; a ``provisioned`` environment is not of it.
        """
        shared = reserved is None and not provisioned
        with self._lock:
            if shared and self._unreserved >= unreserved:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            if reserved is not None and self._busy[name] >= reserved:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            self._busy[name] += 1
            self._unreserved += shared
        try:
            yield
        finally:
            with self._lock:
                self._busy[name] -= 1
                self._unreserved -= shared

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
            old = time.monotonic() - environment.started > MAX_AGE_SECONDS
            if not answer.reusable or old or self._closed.is_set():
                environment.close()
            else:
                self._keep(key, environment)
            return answer

    def _keep(self, key: tuple[str, ...], environment: Environment) -> None:
        """Keep it warm; the one that was idle longest goes when there are too many."""
        extra: Environment | None = None
        with self._lock:
            self._idle[key].append(environment)
            idle = [
                (waiting.last_used, n, known) for known, idle in self._idle.items() for n, waiting in enumerate(idle)
            ]
            if len(idle) > MACHINE_CONCURRENCY:
                _, number, known = min(idle)
                extra = self._idle[known].pop(number)
        if extra is not None:
            extra.close()

    def discard(self, name: str, keep: tuple[str, ...] | None = None) -> None:
        """End the idle environments of a function, but for those of the key ``keep``."""
        with self._lock:
            doomed = [key for key in self._idle if key[0] == name and key != keep]
            environments = [environment for key in doomed for environment in self._idle.pop(key)]
        for environment in environments:
            environment.close()

    def close(self) -> None:
        """End all environments that are idle; those at work end with their call."""
        self._closed.set()
        with self._lock:
            environments = [environment for idle in self._idle.values() for environment in idle]
            self._idle.clear()
        for environment in environments:
            environment.close()

    def _sweep(self) -> None:
        while not self._closed.wait(_SWEEP_SECONDS):
            oldest = time.monotonic() - IDLE_SECONDS
            with self._lock:
                old = [
                    (key, environment)
                    for key, idle in self._idle.items()
                    for environment in idle
                    if environment.last_used < oldest
                ]
                for key, environment in old:
                    self._idle[key].remove(environment)
            for _, environment in old:
                environment.close()


def _throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
