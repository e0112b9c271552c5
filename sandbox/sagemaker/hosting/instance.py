"""One instance of an endpoint: an inference process that is started, watched and started again."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox.containers.failure import last_traceback
from sandbox.containers.output import Tail
from sandbox.containers.process import Command, ContainerProcess, Spawned
from sandbox.core.os_words import plain_words
from sandbox.core.processes import StartFailed
from sandbox.logs.pump import LogStreams
from sandbox.sagemaker.hosting.link import HostDied, HostFull, HostLink, HostListener, HostTimeout

# A process that dies at once must not be started all the time; the last wait goes on.
_RESTART_SECONDS = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
# A process that served this long has earned a fresh start of the waiting times.
_HEALTHY_SECONDS = 60.0
_STOP_SECONDS = 3.0
# A busy machine takes its time to end a process, also one that was killed.
_KILL_SECONDS = 30.0
_REASON_LINES = 4

State = Literal["starting", "ready", "dead", "closed"]


@dataclass(frozen=True)
class InstanceTools:
    """What an instance needs. ``command`` makes the command for (listener address, token); ``tmp`` is its /tmp."""

    listener: HostListener
    logs: LogStreams
    log_group: str
    variant: str
    command: Callable[[str, str], Command]
    spawn: Callable[[str, Command], Spawned]
    changed: Callable[[], None]
    public: Callable[[str], str]
    queue: int
    tmp: Path
    stamp: str = ""


class Instance:
    """An inference process under one instance id; ``state`` says whether it can answer."""

    def __init__(self, tools: InstanceTools) -> None:
        self.id = f"i-{secrets.token_hex(8)[:17]}"
        self.stream = f"{tools.variant}/{self.id}{tools.stamp}"
        self.state: State = "starting"
        self.failed_to_load = False
        self._tools = tools
        self._log = tools.logs.stream(tools.log_group, self.stream)
        self._lock = threading.RLock()
        self._tail = Tail()
        self._link: HostLink | None = None
        self._process: ContainerProcess | None = None
        self._token = ""
        self._restarts = 0
        self._was_ready = False
        self._ready_since = 0.0
        self._timer: threading.Timer | None = None
        self.waiting = 0
        self._start()

    def ask(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, dict[str, str], bytes, float]:
        """Answer a request (see ``HostLink.ask``). A process that hangs is killed and started again.

        Raises ``HostFull`` when as many requests wait as the container lets wait.
        """
        link = self._link
        if link is None:
            raise HostDied("not ready", asked=False)
        with self._lock:
            if self.waiting > self._tools.queue:
                raise HostFull
            self.waiting += 1
        try:
            return link.ask(headers, body, timeout)
        except HostTimeout as error:
            if error.hung:
                self._log.write([f"The model did not answer within {timeout:.0f} s; its process is started again."])
                self._kill(link)
            raise
        except HostDied:
            self._kill(link)
            raise
        finally:
            with self._lock:
                self.waiting -= 1

    @property
    def pid(self) -> int:
        """The number of its process; 0 while there is none."""
        process = self._process
        return process.process.pid if process is not None and self.state == "ready" else 0

    def reason(self) -> str:
        """Why the process is not there: what its last traceback ends with, or the last lines of its log."""
        lines = self._tail.lines()
        # The traceback is in the log; the reason is for people who do not know the code.
        return last_traceback(lines).partition("\n")[0] or "\n".join(lines[-_REASON_LINES:])

    def close(self) -> None:
        """End the process and do not start it again; returns when it is gone."""
        with self._lock:
            self.state = "closed"
            if self._timer is not None:
                self._timer.cancel()
            link, process = self._link, self._process
        self._tools.listener.forget(self._token)
        if link is not None:
            link.close()
        if process is not None:
            process.terminate()
            if not process.join(_STOP_SECONDS):
                process.kill()
                process.join(_KILL_SECONDS)
        shutil.rmtree(self._tools.tmp, ignore_errors=True)
        self._log.finish()

    def _start(self) -> None:
        with self._lock:
            if self.state == "closed":
                return
            self.state = "starting"
            self._token = self._tools.listener.expect(self._connected)
            command = self._tools.command(self._tools.listener.address, self._token)
            try:
                process = self._tools.spawn(self.stream, command)
            except (OSError, StartFailed) as error:
                self._tail.extend([f"The process could not be started: {plain_words(error)}"])
                self.state, self.failed_to_load = "dead", True
                self._tools.listener.forget(self._token)
                return
            self._process = ContainerProcess(process, self._take, self._exited, self.stream)

    def _connected(self, link: HostLink) -> None:
        with self._lock:
            if self.state == "closed":
                link.close()
                return
            self._link, self.state, self._ready_since = link, "ready", time.monotonic()
            self._was_ready, self.failed_to_load = True, False
        self._tools.changed()

    def _take(self, lines: list[str]) -> None:
        lines = [self._tools.public(line) for line in lines]
        self._tail.extend(lines)
        self._log.write(lines)

    def _exited(self, status: int) -> None:
        with self._lock:
            if self.state == "closed":
                return
            self._link, self.state = None, "dead"
            self._tools.listener.forget(self._token)
            self.failed_to_load = True
            # If it never answered, the model may not load at all: whoever started it decides.
            if self._was_ready:
                self._restart_later(status)
        self._tools.changed()

    def _restart_later(self, status: int) -> None:
        if time.monotonic() - self._ready_since > _HEALTHY_SECONDS:
            self._restarts = 0
        delay = _RESTART_SECONDS[min(self._restarts, len(_RESTART_SECONDS) - 1)]
        self._restarts += 1
        self._take([f"The inference process ended (status {status}); it is started again in {delay:g} s."])
        self._timer = threading.Timer(delay, self._start)
        self._timer.daemon = True
        self._timer.start()

    def _kill(self, link: HostLink) -> None:
        """Kill the process behind ``link``; one that was started since then has nothing to do with it."""
        with self._lock:
            if self._link is not link:
                return
            process = self._process
            self._link = None
            if self.state == "ready":
                self.state = "dead"
        if process is not None:
            process.kill()
