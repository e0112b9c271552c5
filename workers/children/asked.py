"""A child process that stays and answers requests (``serve_requests``), seen from the window: one future a request."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any

from workers.children.parent import error_of, updated_meanwhile
from workers.children.process import ChildProcess, End
from workers.children.protocol import Frame, OtherVersion
from workers.errors.tree import SageDeckError

# It has nothing to save: what does not end by itself within these is killed.
STOP_SECONDS = 3.0
# One that is still making ready has nothing to finish.
WARM_UP_STOP_SECONDS = 0.2


class AskedChild:
    """One child process and the answers that are still awaited from it.

    ``death`` makes the error for what is awaited when the process ends. ``ready`` is its first answer. Starting blocks
    for a moment and raises ``OSError`` when the process cannot be started.
    """

    def __init__(
        self,
        module: str,
        spec: Mapping[str, object],
        death: Callable[[End], SageDeckError],
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.ready: Future[None] = Future()
        self._waiting: dict[int, Future[Mapping[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._end: End | None = None
        self._death = death
        self._process = ChildProcess(module, spec, self._hear, self._ended, environ=environ)

    @property
    def alive(self) -> bool:
        """False once the process has ended: its answers will not come any more."""
        return self._end is None and self._process.running

    def send(self, request: Mapping[str, object]) -> Future[Mapping[str, Any]]:
        """Ask for something; the future gets its result or its error."""
        future: Future[Mapping[str, Any]] = Future()
        number = next(self._ids)
        with self._lock:
            if self._end is not None:
                future.set_exception(self._death(self._end))
                return future
            self._waiting[number] = future
        self._process.write(Frame("request", request, number))
        return future

    def stop(self) -> None:
        """Close its input, which ends it; kill it when it does not. Blocking."""
        self._process.stop(STOP_SECONDS if self.ready.done() else WARM_UP_STOP_SECONDS)

    def _hear(self, frame: Frame | OtherVersion) -> None:
        if isinstance(frame, OtherVersion):
            self._fail(updated_meanwhile())
        elif frame.kind == "ready":
            self._settle(self.ready, None, None)
        elif frame.id == 0 and frame.kind == "error":
            self._settle(self.ready, None, error_of(frame))
        else:
            with self._lock:
                future = self._waiting.pop(frame.id, None)
            if future is not None:
                self._settle(future, frame.value, error_of(frame) if frame.kind == "error" else None)

    def _ended(self, end: End) -> None:
        with self._lock:
            self._end = end
        self._fail(self._death(end))

    def _fail(self, error: SageDeckError) -> None:
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        self._settle(self.ready, None, error)
        for future in waiting:
            self._settle(future, None, error)

    @staticmethod
    def _settle(future: Future[Any], result: object, error: Exception | None) -> None:
        try:
            future.set_exception(error) if error else future.set_result(result)
        except InvalidStateError:
            # It has been answered already, or the caller was cancelled.
            return
