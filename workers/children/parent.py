"""Heavy work in a child process that reports in batches.

A child is a module run as ``python -m MODULE``. It reads one JSON object (the spec) from the first line
of its standard input and prints one JSON object a line. Secrets travel only in that first line: never
in argv and never in the environment. Further lines are commands to it (``pause``, ``cancel``, …). Closing
the child's standard input asks it to stop.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

STOP_GRACE_SECONDS = 10.0
TAIL_LINES = 60
# ``python -m`` puts the current folder on the path: that must be ours, not where the window was started.
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class ChildFailed(RuntimeError):
    """The child ended with an exit code other than 0; ``stderr`` holds its last lines."""

    def __init__(self, module: str, returncode: int, stderr: str) -> None:
        self.module, self.returncode, self.stderr = module, returncode, stderr
        super().__init__(f"{module} ended with exit code {returncode}: {stderr.strip()[-600:]}")


class Child:
    """A running child: iterate over ``messages()``, ``send`` it commands, and ``stop`` it in the end.

    The current folder of the child is the program's, so paths in ``spec`` must be absolute. ``environ``: its whole
    environment; None: the program's.
    """

    def __init__(
        self, module: str, spec: dict[str, Any], *, nice: int = 5, environ: dict[str, str] | None = None
    ) -> None:
        self.module = module
        self._environ = environ
        self._spec, self._nice = spec, nice
        self._process: subprocess.Popen[str] | None = None
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._tail: list[str] = []
        self._ended = False
        self._write_lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and hand it the spec. Raises ``OSError`` when it cannot be started."""
        loop = asyncio.get_running_loop()
        spawning = asyncio.ensure_future(asyncio.to_thread(self._spawn))
        try:
            self._process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(self._discard)
            raise
        errors = threading.Thread(target=self._read_errors, name=f"{self.module} stderr", daemon=True)
        errors.start()
        threading.Thread(
            target=self._read_output, args=(loop, errors), name=f"{self.module} stdout", daemon=True
        ).start()

    async def messages(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield what the child prints until it ends. Raises ``ChildFailed`` when it ends with an error."""
        while not self._ended:
            item = await self._queue.get()
            if item is None:
                self._ended = True
                break
            yield item
        assert self._process is not None
        if self._process.returncode:
            raise ChildFailed(self.module, self._process.returncode, "".join(self._tail))

    def send(self, command: str) -> None:
        """Write one line to the child; nothing happens when it has ended."""
        if self._process is None or self._process.stdin is None:
            return
        with self._write_lock:
            try:
                self._process.stdin.write(command + "\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                # It has ended or was told to: its last words come through messages().
                return

    async def stop(self) -> None:
        """Close the child's input, wait ``STOP_GRACE_SECONDS``, then kill it. Nothing happens when it has ended."""
        if self._process is not None and self._process.poll() is None:
            await asyncio.shield(asyncio.to_thread(self._stop))

    def _discard(self, spawning: asyncio.Future[subprocess.Popen[str]]) -> None:
        """Whoever wanted the child is gone before it was there: end it."""
        if not spawning.cancelled() and spawning.exception() is None:
            self._process = spawning.result()
            threading.Thread(target=self._stop, name=f"{self.module} stop", daemon=True).start()

    def _spawn(self) -> subprocess.Popen[str]:
        # Its own group: Ctrl+C in the terminal is for the window, which then tells its children.
        group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=PACKAGE_ROOT,
            env=self._environ,
            **group,
        )
        assert process.stdin is not None
        _lower_priority(process.pid, self._nice)
        try:
            process.stdin.write(json.dumps(self._spec) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            # It died at once; the reader reports its exit code and last words.
            pass
        return process

    def _read_output(self, loop: asyncio.AbstractEventLoop, errors: threading.Thread) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            try:
                item = json.loads(line)
            except ValueError:
                item = None
            if isinstance(item, dict):
                self._post(loop, item)
            else:
                self._keep(line)
        self._process.wait()
        errors.join(2)
        self._post(loop, None)

    def _read_errors(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        for line in self._process.stderr:
            self._keep(line)

    def _keep(self, line: str) -> None:
        self._tail.append(line)
        del self._tail[:-TAIL_LINES]

    def _post(self, loop: asyncio.AbstractEventLoop, item: dict[str, Any] | None) -> None:
        try:
            loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:
            # The loop is closed: whoever listened is gone, and the child ends with its input.
            return

    def _stop(self) -> None:
        process = self._process
        assert process is not None and process.stdin is not None
        with self._write_lock:
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            process.wait(STOP_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def run_child(module: str, spec: dict[str, Any], *, nice: int = 5) -> AsyncGenerator[dict[str, Any], None]:
    """Start ``python -m module``, hand it ``spec`` and yield what it prints, one dict a line.

    Leaving the loop early (break, cancellation) closes the child's standard input, waits
    ``STOP_GRACE_SECONDS`` and then kills it. Raises ``ChildFailed`` when it ends with an error.
    """
    child = Child(module, spec, nice=nice)
    await child.start()
    try:
        async for message in child.messages():
            yield message
    finally:
        await child.stop()


def _lower_priority(pid: int, nice: int) -> None:
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, nice)
        except (PermissionError, ProcessLookupError):
            return
