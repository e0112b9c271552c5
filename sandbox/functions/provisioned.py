"""Provisioned concurrency: environments that are started before they are asked for and stay.

Each configuration (a version or an alias of a function) has a thread of its own while environments are missing: at
first, and when one has ended. READY means that all of them are loaded and wait.
Source: Lambda Developer Guide, "Configuring provisioned concurrency for a function".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.core.diagnostics import tell_exception
from sandbox.functions.environment import Answer, Environment
from sandbox.functions.pool import MACHINE_CONCURRENCY, MAX_AGE_SECONDS
from sandbox.functions.store import Config
from sandbox.wire.errors import AwsError

_MORE_THAN_HERE = (
    f"The sandbox keeps at most {MACHINE_CONCURRENCY} warm processes on this machine. Ask for fewer environments."
)
# A failed start is tried again only when the configuration is put again.
IN_PROGRESS, READY, FAILED = "IN_PROGRESS", "READY", "FAILED"

Start = Callable[[Config], Environment]


@dataclass
class Standing:
    """The environments of one configuration. ``version``: what they run."""

    config: Config
    wanted: int
    status: str = IN_PROGRESS
    reason: str = ""
    idle: list[Environment] = field(default_factory=list)
    busy: int = 0
    starting: bool = False
    closed: bool = False

    @property
    def there(self) -> int:
        """Environments that are loaded."""
        return len(self.idle) + self.busy


class Provisioned:
    """The environments of all configurations, by function and qualifier. Thread-safe.

    ``start`` makes an environment, ``written`` gets what its code printed while it was loaded.
    """

    def __init__(self, start: Start, written: Callable[[Config, Environment, list[str]], None]) -> None:
        self._start, self._written = start, written
        self._lock = threading.Lock()
        self._standing: dict[tuple[str, str], Standing] = {}
        self._closed = False

    def put(self, name: str, qualifier: str, config: Config, wanted: int) -> None:
        """Have ``wanted`` environments of a version stand under ``qualifier``; returns before they do.

        Those of the same revision that stand already stay.
        """
        doomed: list[Environment] = []
        with self._lock:
            old = self._standing.pop((name, qualifier), None)
            standing = Standing(config, wanted)
            if old is not None:
                old.closed = True
                same = old.config["RevisionId"] == config["RevisionId"]
                kept = old.idle[:wanted] if same else []
                doomed = old.idle[len(kept) :]
                standing.idle, old.idle = kept, []
            self._standing[name, qualifier] = standing
            others = sum(other.wanted for other in self._standing.values() if other is not standing)
            if others + wanted > MACHINE_CONCURRENCY:
                standing.status, standing.reason = FAILED, _MORE_THAN_HERE
        for environment in doomed:
            environment.close()
        self._fill(standing)

    def drop(self, name: str, qualifier: str | None = None) -> None:
        """End the environments of one configuration, or of all of a function."""
        with self._lock:
            keys = [key for key in self._standing if key[0] == name and qualifier in (None, key[1])]
            gone = [self._standing.pop(key) for key in keys]
            doomed = [environment for standing in gone for environment in _emptied(standing)]
        for environment in doomed:
            environment.close()

    def state(self, name: str, qualifier: str) -> dict[str, Any]:
        """The members of GetProvisionedConcurrencyConfig that change by themselves."""
        with self._lock:
            standing = self._standing[name, qualifier]
            there = min(standing.there, standing.wanted)
            found: dict[str, Any] = {
                "RequestedProvisionedConcurrentExecutions": standing.wanted,
                "AvailableProvisionedConcurrentExecutions": there,
                "AllocatedProvisionedConcurrentExecutions": there,
                "Status": standing.status,
            }
            return found | ({"StatusReason": standing.reason} if standing.reason else {})

    def call(
        self, name: str, qualifier: str, version: str, run: Callable[[Environment], Answer]
    ) -> tuple[Answer | None, bool]:
        """Run one call in an environment that stands free: (its answer, True).

        (None, True): all are at work, the call spills over. (None, False): there is no such configuration, or it is
        not ready.
        """
        with self._lock:
            standing = self._standing.get((name, qualifier))
            if standing is None or standing.config["Version"] != version or not standing.there:
                return None, False
            environment = standing.idle.pop() if standing.idle else None
            if environment is None:
                return None, True
            standing.busy += 1
        reusable = False
        try:
            answer = run(environment)
            reusable = answer.reusable and time.monotonic() - environment.started <= MAX_AGE_SECONDS
        except AwsError:
            # Refused before it ran.
            reusable = True
            raise
        finally:
            self._returned(standing, environment, reusable)
        return answer, True

    def use(self, name: str, qualifier: str) -> float:
        """Which part of a configuration's environments is at work, 0 to 1."""
        with self._lock:
            standing = self._standing.get((name, qualifier))
            return standing.busy / standing.wanted if standing is not None else 0.0

    def busy(self) -> bool:
        """True while environments are being started."""
        with self._lock:
            return any(standing.starting for standing in self._standing.values())

    def close(self) -> None:
        """End all environments that are idle; those at work end with their call."""
        with self._lock:
            self._closed = True
            doomed = [environment for standing in self._standing.values() for environment in _emptied(standing)]
        for environment in doomed:
            environment.close()

    def _returned(self, standing: Standing, environment: Environment, reusable: bool) -> None:
        with self._lock:
            standing.busy -= 1
            kept = reusable and not standing.closed and standing.there < standing.wanted
            if kept:
                standing.idle.append(environment)
        if not kept:
            environment.close()
            self._fill(standing)

    def _fill(self, standing: Standing) -> None:
        with self._lock:
            if standing.closed or standing.starting or standing.status == FAILED:
                return
            standing.starting = True
        name = f"provisioned {standing.config['FunctionName']}"
        threading.Thread(target=self._work, args=(standing,), name=name, daemon=True).start()

    def _work(self, standing: Standing) -> None:
        while True:
            with self._lock:
                if standing.closed or standing.there >= standing.wanted:
                    standing.starting = False
                    if not standing.closed:
                        standing.status = READY
                    return
            problem = self._one_more(standing)
            if problem:
                with self._lock:
                    standing.status, standing.reason, standing.starting = FAILED, problem, False
                return

    def _one_more(self, standing: Standing) -> str:
        """Start one environment; why that failed, or nothing."""
        try:
            environment = self._start(standing.config)
        except AwsError as error:
            return error.message
        except Exception as error:
            tell_exception(error)
            return f"{type(error).__name__}: {error}"
        lines: list[str] = []
        failed = environment.load("", lines)
        self._written(standing.config, environment, lines)
        if failed is not None:
            environment.close()
            return f"FUNCTION_ERROR_INIT_FAILURE: {failed}"
        with self._lock:
            kept = not standing.closed and not self._closed
            if kept:
                standing.idle.append(environment)
        if not kept:
            environment.close()
        return ""


def _emptied(standing: Standing) -> list[Environment]:
    """Take its idle environments out of the pool; the caller ends them."""
    standing.closed = True
    idle, standing.idle = standing.idle, []
    return idle
