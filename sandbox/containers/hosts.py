"""The hosts of one running job: their processes are started, asked to end, and killed when they do not."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from sandbox.containers.opt_ml import HostFolder
from sandbox.containers.output import Tail
from sandbox.containers.process import ContainerProcess, Spawned

# SageMaker API Reference, StopTrainingJob and StopProcessingJob: SIGTERM, and SIGKILL after 120 seconds.
STOP_GRACE_SECONDS = 120.0
# When one host has died, the others get this long to end by themselves, then the job has failed.
PEER_GRACE_SECONDS = 2.0

Outcome = Literal["done", "failed", "stopped", "timeout", "interrupted"]


class Log(Protocol):
    """Where a host's lines go (``sandbox/logs/pump.py``)."""

    def write(self, lines: list[str]) -> None:
        """Add lines."""
        ...

    def flush(self) -> None:
        """Wait until all lines are stored."""
        ...

    def finish(self) -> int:
        """Store the rest; how many lines could not be kept."""
        ...


@dataclass(frozen=True)
class _Event:
    kind: Literal["exit", "stop", "shutdown", "interrupt"]
    host: int = 0
    status: int = 0


class Host:
    """One host of a job: its folder, its log stream, its last lines."""

    def __init__(self, number: int, name: str, folder: HostFolder, log: Log) -> None:
        self.number, self.name, self.folder, self.log = number, name, folder, log
        self.tail = Tail()
        self.process: ContainerProcess | None = None
        self.status: int | None = None

    def keep(self, lines: list[str]) -> list[str]:
        """Keep and log what the host printed; returns the lines as they are shown."""
        shown = [self.folder.public(line) for line in lines]
        self.tail.extend(shown)
        self.log.write(shown)
        return shown

    def take(self, lines: list[str]) -> None:
        """``keep``, for whom the lines themselves do not matter."""
        self.keep(lines)


class Hosts:
    """All hosts of a job. ``stop`` and ``shut_down`` come from other threads than ``wait``."""

    def __init__(self, stop_grace: float = STOP_GRACE_SECONDS) -> None:
        self._grace = stop_grace
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self.all: list[Host] = []
        # The first one that ended badly.
        self.dead: Host | None = None

    @property
    def folders(self) -> list[HostFolder]:
        """The folders of all hosts, in order."""
        return [host.folder for host in self.all]

    def start(self, host: Host, process: Spawned, take: Callable[[list[str]], None], label: str) -> None:
        """Watch the process of ``host``; ``take`` gets what it prints."""
        host.process = ContainerProcess(
            process, take, lambda status: self._events.put(_Event("exit", host.number, status)), label
        )

    def pids(self) -> dict[str, int]:
        """The process of each host that was started, by the host's name."""
        return {host.name: host.process.process.pid for host in self.all if host.process is not None}

    def stop(self) -> None:
        """SIGTERM, the grace, SIGKILL."""
        self._events.put(_Event("stop"))

    def interrupt(self) -> None:
        """The instances are taken away: SIGTERM, the grace, SIGKILL."""
        self._events.put(_Event("interrupt"))

    def shut_down(self) -> None:
        """SIGKILL at once: the sandbox ends."""
        self._events.put(_Event("shutdown"))

    def wait(self, limit: float, stopping: Callable[[], object]) -> Outcome:
        """Wait for all hosts, at most ``limit`` seconds; ``stopping`` is called when they are over."""
        outcome: Outcome = "done"
        deadline: float | None = time.monotonic() + limit
        while any(host.status is None for host in self.all):
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                event = self._events.get(timeout=left)
            except queue.Empty:
                if outcome == "done":
                    outcome = "timeout"
                    stopping()
                    deadline = self._terminate()
                else:
                    self.kill()
                    deadline = None
                continue
            if event.kind == "shutdown":
                outcome = "stopped"
                self.kill()
                deadline = None
            elif event.kind in ("stop", "interrupt") and outcome == "done":
                outcome = "stopped" if event.kind == "stop" else "interrupted"
                deadline = self._terminate()
            elif event.kind == "exit":
                host = self.all[event.host]
                host.status = event.status
                if event.status != 0 and outcome == "done":
                    outcome = "failed"
                    self.dead = host
                    deadline = time.monotonic() + PEER_GRACE_SECONDS
        return outcome

    def kill(self) -> None:
        """End all processes now."""
        for host in self.all:
            if host.process is not None:
                host.process.kill()

    def flush(self) -> None:
        """Wait until what was printed is stored."""
        for host in self.all:
            host.log.flush()

    def finish_logs(self) -> str:
        """End the logs; a sentence about lines that could not be kept, or nothing."""
        if missing := sum(host.log.finish() for host in self.all):
            # The log store could not say so itself, and readers must not take the last line for the job's last.
            return f"The last {missing} lines of the log are missing: the sandbox's disk was full."
        return ""

    def _terminate(self) -> float:
        for host in self.all:
            if host.process is not None and host.status is None:
                host.process.terminate()
        return time.monotonic() + self._grace
