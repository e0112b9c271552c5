"""One running instance: a process group that lives until it is shut down, and the commands that run in it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from sandbox.containers.python import HOST_PROGRAMS, JobPython
from sandbox.context import SandboxContext
from sandbox.core.os_words import os_words
from sandbox.core.processes import Managed, StartFailed
from sandbox.ec2.disk import Disk, Public

KIND = "ec2"
# Four times what a pipe holds on Linux, so that one reading empties it.
_BLOCK = 256 * 1024
# Children of a killed command may live on in other sessions and hold its output open: we wait this long for them.
_DRAIN_SECONDS = 3.0
# Twice what a stop leaves the programs (fleet): a process that hangs in the kernel even then is given up.
_SHUTDOWN_SECONDS = 20.0

Sink = Callable[[bytes], None]


@dataclass(eq=False)
class Command:
    """One command in an instance. ``ended`` is called once, with its exit code (negative: the signal)."""

    id: str
    sinks: tuple[Sink, Sink]
    ended: Callable[[int], None]
    pid: int = 0
    code: int | None = None
    killed: bool = False
    outputs: list[int] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)


class Machine:
    """``boot`` starts it. ``on_power`` gets what the instance asks for, ``on_exit`` is told once when all is gone."""

    def __init__(
        self, ctx: SandboxContext, instance_id: str, disk: Disk, on_power: Callable[[dict[str, Any]], None]
    ) -> None:
        self.id, self.disk = instance_id, disk
        self.gone = threading.Event()
        self._ctx = ctx
        self._on_power = on_power
        self._commands: dict[str, Command] = {}
        self._lock = threading.Lock()
        self._process: Managed | None = None
        self._control: socket.socket | None = None
        # Somebody wants it to go down: it does not fall by itself.
        self.asked_down = False
        # Set as soon as the instance shuts down: what ends from then on did not end by itself.
        self.going_down = threading.Event()

    def boot(self, env: Mapping[str, str], on_exit: Callable[[], None]) -> None:
        """Start the first process. Raises ``StartFailed`` or OSError."""
        if not hasattr(os, "mkfifo"):
            raise StartFailed("This system has no named pipes, which instances need.")
        self.disk.power.unlink(missing_ok=True)
        os.mkfifo(self.disk.power, 0o600)
        own, other = socket.socketpair()
        program = str(HOST_PROGRAMS / "instance.py")
        argv = [sys.executable, "-I", "-S", program, str(other.fileno()), str(self.disk.power)]
        env = {**env, "SAGEDECK_POWER": str(self.disk.power)}
        try:
            self._process = self._ctx.processes.spawn(
                KIND,
                self.id,
                argv,
                env,
                self.disk.root,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(other.fileno(),),
                walls=JobPython(self.disk.base / "python").walls(own=[self.disk.base]),
                on_exit=lambda managed: self._ended(on_exit),
            )
        except (StartFailed, OSError):
            own.close()
            raise
        finally:
            other.close()
        self._control = own
        threading.Thread(target=self._listen, name=f"instance {self.id}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id of the instance's first process; 0 when it is not running."""
        return self._process.pid if self._process is not None and self._process.running else 0

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        sinks: tuple[Sink, Sink],
        ended: Callable[[int], None],
    ) -> Command:
        """Start a command; its standard output and error go to ``sinks``. Never raises: ``ended`` tells (127).

        As for the SSM agent, it has ended when it and all who hold its output have.
        """
        command = Command(secrets.token_hex(8), sinks, ended)
        paths = [self.disk.base / f"out-{command.id}-{name}" for name in ("stdout", "stderr")]
        try:
            for path in paths:
                os.mkfifo(path, 0o600)
                command.outputs.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            with self._lock:
                self._commands[command.id] = command
            order = {"do": "start", "id": command.id, "argv": list(argv), "env": dict(env), "cwd": str(cwd)}
            self._tell({**order, "stdout": str(paths[0]), "stderr": str(paths[1])})
        except OSError as exc:
            self._failed(command, os_words(exc))
        return command

    def kill(self, command: Command) -> None:
        """SIGKILL for a command and everything below it."""
        command.killed = True
        if not command.pid or (command.code is not None and command.gone.is_set()):
            return
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(command.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        with contextlib.suppress(OSError):
            os.killpg(command.pid, signal.SIGKILL)

    def shut_down(self, grace: float = _SHUTDOWN_SECONDS) -> None:
        """SIGTERM for everything, after ``grace`` seconds SIGKILL; returns when all is gone."""
        self.asked_down = True
        self.going_down.set()
        if self._process is not None:
            if grace > 0:
                self._process.stop(grace)
            else:
                self._process.kill()
            self.gone.wait(_SHUTDOWN_SECONDS)

    def tree(self) -> Iterator[psutil.Process]:
        """All processes of the instance that run now."""
        if not self.pid:
            return
        try:
            first = psutil.Process(self.pid)
            yield first
            yield from first.children(recursive=True)
        except psutil.Error:
            return

    def busy(self) -> bool:
        """True while anything beside the first process runs."""
        return sum(1 for _ in self.tree()) > 1

    def _tell(self, message: Mapping[str, object]) -> None:
        if self._control is None:
            raise OSError(0, "the instance is not running")
        with self._lock:
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def _listen(self) -> None:
        assert self._control is not None
        heard = b""
        while True:
            try:
                block = self._control.recv(_BLOCK)
            except OSError:
                return
            if not block:
                return
            *lines, heard = (heard + block).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))

    def _hear(self, message: dict[str, Any]) -> None:
        if message["said"] == "power":
            self._on_power(message["order"])
            return
        with self._lock:
            command = self._commands.get(message["id"])
        if command is None:
            return
        if message["said"] == "failed":
            self._failed(command, message["error"])
        elif message["said"] == "started":
            command.pid = message["pid"]
            if command.killed:
                self.kill(command)
            self._read(command)
        else:
            command.code = message["code"]
            threading.Thread(target=self._finish, args=(command,), name=f"end of {command.id}", daemon=True).start()

    def _read(self, command: Command) -> None:
        self._remove_fifos(command)
        for output, sink in zip(command.outputs, command.sinks, strict=True):
            reader = threading.Thread(
                target=_copy, args=(output, sink, self.disk.public()), name=f"output {command.id}", daemon=True
            )
            command.readers.append(reader)
            reader.start()

    def _finish(self, command: Command) -> None:
        """Called once, when all output has ended, also that of programs that a kill of the command left."""
        while any(reader.is_alive() for reader in command.readers):
            if command.killed or self.going_down.is_set():
                for reader in command.readers:
                    reader.join(_DRAIN_SECONDS)
                break
            for reader in command.readers:
                reader.join(0.2)
        self._close(command)

    def _failed(self, command: Command, reason: str) -> None:
        command.sinks[1](f"{reason}\n".encode())
        command.code = 127
        for output in command.outputs:
            os.close(output)
        self._close(command)

    def _close(self, command: Command) -> None:
        self._remove_fifos(command)
        with self._lock:
            self._commands.pop(command.id, None)
            if command.gone.is_set():
                return
            command.gone.set()
        command.ended(command.code if command.code is not None else -int(signal.SIGKILL))

    def _remove_fifos(self, command: Command) -> None:
        for name in ("stdout", "stderr"):
            (self.disk.base / f"out-{command.id}-{name}").unlink(missing_ok=True)

    def _ended(self, on_exit: Callable[[], None]) -> None:
        """The whole group is gone; commands that nobody can tell about any more have been killed with it."""
        self.going_down.set()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
        with self._lock:
            left = list(self._commands.values())
        for command in left:
            if command.code is None:
                command.code = -int(signal.SIGKILL)
                self._finish(command)
        self.gone.set()
        on_exit()


def _copy(output: int, sink: Sink, public: Public) -> None:
    os.set_blocking(output, True)
    with contextlib.closing(os.fdopen(output, "rb", buffering=0)) as pipe:
        while True:
            try:
                block = pipe.read(_BLOCK)
            except OSError:
                break
            if not block:
                break
            if shown := public.feed(block):
                sink(shown)
    if rest := public.close():
        sink(rest)
