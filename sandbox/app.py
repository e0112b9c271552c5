"""One running sandbox: the state, the services and the server put together, and taken apart in order."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from sandbox.audit.recorder import Recorder
from sandbox.audit.trail import Trail
from sandbox.audit.usage import Usage
from sandbox.auth.credentials import Credentials
from sandbox.auth.signatures import Verifier
from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID, REGION
from sandbox.core.client_env import write_shim
from sandbox.core.diagnostics import tell
from sandbox.core.processes import Processes
from sandbox.core.settings import time_factor
from sandbox.core.state import StateDir
from sandbox.dispatch import Dispatcher
from sandbox.http.server import HttpServer, PortTaken
from sandbox.iam.enforcer import Iam
from sandbox.logs.store import Logs
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.store import Metrics
from sandbox.moto_host.bridge import MotoBridge
from sandbox.moto_host.calls import Calls
from sandbox.moto_host.gate import Gate
from sandbox.s3.inside import S3
from sandbox.services import all_services

# Often enough that `--idle-exit` is kept to the second.
IDLE_CHECK_SECONDS = 1.0


class Sandbox:
    """A sandbox over an open state folder. ``port`` 0: the port of last time if it is free, else any."""

    def __init__(self, state: StateDir, port: int, ready_file: Path | None, idle_exit: float | None) -> None:
        self._state = state
        self._ready_files = [state.path / "ready.json", *([ready_file] if ready_file else [])]
        self._idle_exit = idle_exit
        self._stopped = threading.Event()
        self.credentials = Credentials(state)
        self.processes = Processes(state)
        # Tried while the rest starts.
        threading.Thread(target=self.processes.enclosure.abilities, name="walls", daemon=True).start()
        self.s3 = S3(state)
        self.logs = Logs(state)
        self.metrics = Metrics(state)
        self._bridge = MotoBridge(state, self.credentials)
        self._services = all_services()
        self._usage, trail = Usage(state.db), Trail(state.db)
        iam = Iam(self._bridge, self.s3.store, self._usage)
        self._dispatcher = Dispatcher(
            Verifier(self.credentials), self._services, Gate(self._bridge), str(state.path), iam.authorize
        )
        self._dispatcher.on_call.append(Recorder(trail, self._usage, iam.resources).called)
        self._server = self._listen(port)
        calls = Calls(self._services, self._bridge, self.credentials, REGION)
        self.context = SandboxContext(
            state=state,
            credentials=self.credentials,
            processes=self.processes,
            endpoint_url=self._server.url,
            region=REGION,
            call=calls.call,
            access=iam,
            parts=(
                self.s3,
                self.logs,
                self.metrics,
                Alarms(state.db),
                iam,
                calls,
                self._dispatcher,
                self._bridge,
                self._usage,
                trail,
            ),
        )

    def _listen(self, port: int) -> HttpServer:
        last = self._state.setting("port")
        if not port and last:
            with contextlib.suppress(PortTaken):
                return HttpServer(int(last), self._dispatcher.answer)
        server = HttpServer(port, self._dispatcher.answer)
        self._state.set_setting("port", str(server.port))
        return server

    def ready(self) -> dict[str, Any]:
        """What the ready file says."""
        known = self.credentials.operator
        content = {
            "endpoint_url": self._server.url,
            "region": REGION,
            "account_id": ACCOUNT_ID,
            "access_key_id": known.caller.access_key_id,
            "secret_access_key": known.secret,
            "pid": os.getpid(),
            "state": str(self._state.path),
            # How many seconds of alarms' periods and of cooldowns pass in one second.
            "time_factor": time_factor(),
            # AddTags with INTERRUPT_TAG takes the instances of a spot job away.
            "interrupts_spot": True,
            # Empty where code in the sandbox cannot read the operator's files.
            "exposure": self.processes.enclosure.abilities().sentence(),
        }
        if self._state.notice:
            content["notice"] = self._state.notice
        return content

    def run(self) -> None:
        """Start everything, write the ready file, serve until ``stop``."""
        self.s3.start()
        for service in self._services:
            service.start(self.context)
        write_shim(self._state.path)
        self._bridge.start()
        if exposure := self.processes.enclosure.abilities().sentence():
            tell(exposure)
        if self._idle_exit is not None:
            threading.Thread(target=self._watch_idle, name="idle", daemon=True).start()
        # The socket listens since __init__, so whoever reads the ready file can connect.
        for path in self._ready_files:
            write_private(path, json.dumps(self.ready(), indent=1) + "\n")
        try:
            self._server.serve()
        finally:
            self._close()

    def stop(self) -> None:
        """Ask ``run`` to end; safe from any thread."""
        if not self._stopped.is_set():
            self._stopped.set()
            for path in self._ready_files:
                remove_ready(path)
            threading.Thread(target=self._server.stop, name="stop", daemon=True).start()

    def _close(self) -> None:
        for path in self._ready_files:
            remove_ready(path)
        self._bridge.stop()
        for service in reversed(self._services):
            service.stop()
        self.processes.stop_all()
        self.s3.stop()
        self.logs.close()
        self._usage.flush()
        self._state.close()

    def _watch_idle(self) -> None:
        assert self._idle_exit is not None
        while not self._stopped.wait(min(IDLE_CHECK_SECONDS, self._idle_exit / 2)):
            if any(service.busy() for service in self._services):
                self._dispatcher.touch()
            elif self._dispatcher.idle_seconds() >= self._idle_exit:
                self.stop()
                return


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step for whoever reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def remove_ready(path: Path) -> None:
    """Remove a ready file if it is this process's own."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path.read_text(encoding="utf-8")).get("pid") == os.getpid():
            path.unlink()
