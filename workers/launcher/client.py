"""The warm launcher process, seen from the window: one child for one backend.

The SageMaker SDK takes seconds to import, so the child is started when a backend is chosen and answers the
first click in a fraction of a second.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any

from workers.aws.chosen import child_environ
from workers.children.parent import error_of, updated_meanwhile
from workers.children.process import ChildProcess, End
from workers.children.protocol import Frame, OtherVersion
from workers.children.typed import read, write
from workers.errors.tree import LocalProblem, SageDeckError, Unreachable
from workers.launcher.request import Launched, LaunchRequest
from workers.types import Backend

MODULE = "workers.launcher.child"
# Importing the SDK takes 3 seconds, on a slow disk far more; a launch uploads the code.
START_SECONDS = 300.0
LAUNCH_SECONDS = 120.0
STOP_SECONDS = 3.0
# One that still imports the SDK has nothing to finish.
WARM_UP_STOP_SECONDS = 0.2


class Launcher:
    """Starts training jobs through the SDK in a child process, which is started again when it has died."""

    def __init__(self, backend: Backend, *, module: str = MODULE, launch_seconds: float = LAUNCH_SECONDS) -> None:
        self._backend, self._module, self._launch_seconds = backend, module, launch_seconds
        self._child: _Child | None = None
        self._lock = threading.Lock()
        self._closed = False

    async def prewarm(self) -> None:
        """Start the child if there is none and wait until it can launch. Raises ``SageDeckError``."""
        child = await asyncio.to_thread(self._living_child)
        ready = asyncio.wrap_future(child.ready)
        # If the child ends before it is ready and the caller was cancelled, there is nobody to give the error to.
        ready.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait_for(asyncio.shield(ready), START_SECONDS)
        except TimeoutError:
            await asyncio.to_thread(child.stop)
            raise LocalProblem(
                "The launcher did not start",
                f"The SageMaker SDK was not ready after {START_SECONDS:.0f} seconds.",
                "This computer may be very busy; try again.",
                code="LauncherTimeout",
            ) from None

    async def launch(self, request: LaunchRequest) -> Launched:
        """Create the job of one request.

        Cancelling does not take the request back: the job may still start. Raises ``SageDeckError``.
        """
        wire = request.to_wire()
        await self.prewarm()
        child = await asyncio.to_thread(self._living_child)
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(child.send(wire)), self._launch_seconds)
        except TimeoutError:
            await asyncio.to_thread(child.stop)
            raise Unreachable(
                "The launch took too long",
                f"No answer within {self._launch_seconds:.0f} seconds. The job may have started all the same.",
                "Look at the list of jobs before you try again.",
                code="LauncherTimeout",
            ) from None
        return read(Launched, answer)

    def close(self) -> None:
        """Stop the child; later launches raise ``Unreachable``. Blocks for at most a few seconds."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is not None:
            child.stop()

    def _living_child(self) -> _Child:
        with self._lock:
            if self._closed:
                raise Unreachable("Not connected", "The account was disconnected.", code="Disconnected")
            if self._child is None or not self._child.alive:
                self._child = _Child(self._module, self._backend)
            return self._child


class _Child:
    """One child process and the answers that are still awaited from it."""

    def __init__(self, module: str, backend: Backend) -> None:
        self.ready: Future[None] = Future()
        self._waiting: dict[int, Future[Mapping[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._end: End | None = None
        self._process = ChildProcess(module, write(backend), self._hear, self._ended, environ=child_environ(backend))

    @property
    def alive(self) -> bool:
        """False once the process has ended: its answers will not come any more."""
        return self._end is None and self._process.running

    def send(self, request: Mapping[str, object]) -> Future[Mapping[str, Any]]:
        """Ask for a launch; the future gets its result or its error."""
        future: Future[Mapping[str, Any]] = Future()
        number = next(self._ids)
        with self._lock:
            if self._end is not None:
                future.set_exception(_death(self._end))
                return future
            self._waiting[number] = future
        self._process.write(Frame("request", request, number))
        return future

    def stop(self) -> None:
        """Close its input, which ends it; kill it when it does not."""
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
        self._fail(_death(end))

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


def _death(end: End) -> LocalProblem:
    return LocalProblem(
        "The launcher stopped",
        "The process with the SageMaker SDK ended before it answered.",
        "Look at the list of jobs, then try again: it starts anew.",
        code="LauncherDied",
        details=end.last_words[-2000:],
    )
