"""The warm launcher process, seen from the window: one child for one backend.

The SageMaker SDK takes seconds to import, so the child is started when a backend is chosen and answers the
first click in a fraction of a second.
"""

from __future__ import annotations

import asyncio
import threading

from workers.aws.chosen import child_environ
from workers.children.asked import AskedChild
from workers.children.process import End
from workers.children.typed import read, write
from workers.errors.tree import LocalProblem, Unreachable
from workers.launcher.request import Launched, LaunchRequest
from workers.types import Backend

MODULE = "workers.launcher.child"
# Importing the SDK takes 3 seconds, on a slow disk far more; a launch uploads the code.
START_SECONDS = 300.0
LAUNCH_SECONDS = 120.0


class Launcher:
    """Starts training jobs through the SDK in a child process, which is started again when it has died."""

    def __init__(self, backend: Backend, *, module: str = MODULE, launch_seconds: float = LAUNCH_SECONDS) -> None:
        self._backend, self._module, self._launch_seconds = backend, module, launch_seconds
        self._child: AskedChild | None = None
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

    def _living_child(self) -> AskedChild:
        with self._lock:
            if self._closed:
                raise Unreachable("Not connected", "The account was disconnected.", code="Disconnected")
            if self._child is None or not self._child.alive:
                self._child = _child(self._module, self._backend)
            return self._child


def _child(module: str, backend: Backend) -> AskedChild:
    return AskedChild(module, write(backend), _death, environ=child_environ(backend))


def _death(end: End) -> LocalProblem:
    return LocalProblem(
        "The launcher stopped",
        "The process with the SageMaker SDK ended before it answered.",
        "Look at the list of jobs, then try again: it starts anew.",
        code="LauncherDied",
        details=end.last_words[-2000:],
    )
