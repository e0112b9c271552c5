"""The warm launcher process, seen from the window: one child for one backend.

The SageMaker SDK takes seconds to import, so the child is started when a backend is chosen and answers the
first click in a fraction of a second. Keys travel only in the first line of its standard input.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future, InvalidStateError
from typing import Any

from workers.aws.chosen import child_environ
from workers.errors.tree import LocalProblem, Unreachable
from workers.errors.wire import from_wire
from workers.types import Backend

MODULE = "workers.launcher.child"
START_SECONDS = 300.0
LAUNCH_SECONDS = 120.0
STOP_SECONDS = 3.0
_LAST_WORDS = 40


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
        # Whoever waited may be gone when the child ends before it was ready: that is nobody's error then.
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

    async def launch(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one launch request (see ``workers.launcher.sdk``) and return ``{"job_name", "job_arn", "seconds"}``.

        Cancelling does not take the request back: the job may still start. Raises ``SageDeckError``.
        """
        await self.prewarm()
        child = await asyncio.to_thread(self._living_child)
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(child.send(request)), self._launch_seconds)
        except TimeoutError:
            await asyncio.to_thread(child.stop)
            raise Unreachable(
                "The launch took too long",
                f"No answer within {self._launch_seconds:.0f} seconds. The job may have started all the same.",
                "Look at the list of jobs before you try again.",
                code="LauncherTimeout",
            ) from None
        if "error" in answer:
            raise from_wire(answer["error"])
        return answer

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
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._ended = False
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=child_environ(backend),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._errors = threading.Thread(target=self._read_errors, name="launcher stderr", daemon=True)
        self._errors.start()
        threading.Thread(target=self._read_answers, name="launcher stdout", daemon=True).start()
        self._write(dataclasses.asdict(backend))

    @property
    def alive(self) -> bool:
        """False once the process has ended: its answers will not come any more."""
        return not self._ended and self._process.poll() is None

    def send(self, request: dict[str, Any]) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        number = next(self._ids)
        with self._lock:
            if self._ended:
                future.set_exception(self._death())
                return future
            self._waiting[number] = future
        self._write({"id": number, **request})
        return future

    def stop(self) -> None:
        """Close its input, which ends it; kill it when it does not."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(0.2 if not self.ready.done() else STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            # It is dead or being stopped; the reading thread fails what waits for an answer.
            return

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if "ready" in answer:
                self._settle(self.ready, None, from_wire(answer["error"]) if "error" in answer else None)
                continue
            with self._lock:
                future = self._waiting.pop(answer["id"], None)
            if future is not None:
                self._settle(future, answer, None)
        self._process.wait()
        self._errors.join(2)
        with self._lock:
            self._ended = True
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            self._settle(future, None, self._death())
        self._settle(self.ready, None, self._death())

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._last_words.append(line)

    def _death(self) -> LocalProblem:
        return LocalProblem(
            "The launcher stopped",
            "The process with the SageMaker SDK ended before it answered.",
            "Look at the list of jobs, then try again: it starts anew.",
            code="LauncherDied",
            details="".join(self._last_words)[-2000:],
        )

    @staticmethod
    def _settle(future: Future[Any], result: Any, error: Exception | None) -> None:
        try:
            future.set_exception(error) if error else future.set_result(result)
        except InvalidStateError:
            # Settled already, or nobody waits any more.
            return
