"""One running "container": a process group whose output is read line by line and whose end is told once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from sandbox.containers.output import LineSplitter
from sandbox.context import SandboxContext
from sandbox.core.walls import Walls

# Four pipes full of Linux.
_READ_BYTES = 256 * 1024
# When all processes of the group have ended, their pipe closes. If it is still open after this long, a process
# outside of the group holds it, and nobody waits for that one.
_DRAIN_SECONDS = 5.0
# Lines that were read may still wait for a slow metric regex: a job's end waits at most this long for it.
_HANDLING_SECONDS = 60.0


class Spawned(Protocol):
    """What is needed of a managed process (see ``sandbox/core/processes.py``)."""

    pid: int
    stdout: IO[Any] | None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the process and all that it started; its status (negative: the signal), None in time."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM to the whole group."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to the whole group."""
        ...


@dataclass(frozen=True)
class Command:
    """What to run: arguments, environment, folder, and what of this machine it may see.

    ``warm``: the usual environment of such programs, if it needs torch (see ``Processes.spawn``).
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    walls: Walls
    warm: Mapping[str, str] | None = None


def spawn(ctx: SandboxContext, kind: str, name: str, command: Command) -> Spawned:
    """Start a command as a child of the sandbox whose output is one stream; raises ``StartFailed``."""
    return ctx.processes.spawn(
        kind,
        name,
        command.argv,
        command.env,
        command.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        walls=command.walls,
        warm=command.warm,
    )


class ContainerProcess:
    """Watches one process. ``on_lines`` gets its output, ``on_exit`` its status, once, after all output."""

    def __init__(
        self, process: Spawned, on_lines: Callable[[list[str]], None], on_exit: Callable[[int], None], name: str
    ) -> None:
        self.process = process
        self._on_lines = on_lines
        self._on_exit = on_exit
        self._handling = False
        self._reader = threading.Thread(target=self._read, name=f"output {name}", daemon=True)
        self._waiter = threading.Thread(target=self._wait, name=f"wait {name}", daemon=True)
        self._reader.start()
        self._waiter.start()

    def terminate(self) -> None:
        """Ask the group to end (SIGTERM)."""
        self.process.terminate()

    def kill(self) -> None:
        """End the group (SIGKILL)."""
        self.process.kill()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until ``on_exit`` has been called; False when the time is over."""
        self._waiter.join(timeout)
        return not self._waiter.is_alive()

    def _read(self) -> None:
        splitter = LineSplitter()
        stdout = self.process.stdout
        if stdout is None:
            return
        while True:
            try:
                chunk = os.read(stdout.fileno(), _READ_BYTES)
            except (OSError, ValueError):
                chunk = b""
            lines = splitter.feed(chunk) if chunk else splitter.close()
            if lines:
                self._handling = True
                self._on_lines(lines)
                self._handling = False
            if not chunk:
                return

    def _wait(self) -> None:
        status = self.process.wait()
        deadline = time.monotonic() + _HANDLING_SECONDS
        self._reader.join(_DRAIN_SECONDS)
        while self._reader.is_alive() and self._handling and time.monotonic() < deadline:
            self._reader.join(_DRAIN_SECONDS)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()
        self._on_exit(1 if status is None else status)
