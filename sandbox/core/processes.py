"""Child processes of the sandbox (jobs, endpoint hosts), none of which may outlive it.

Each child runs under a small keeper (``sandbox/core/keeper.py``) that kills it and everything it started when it ends,
when it is told to, or when the sandbox dies, however it dies. Before a child starts it is recorded with a mark that
all its descendants carry in their environment; what a killed sandbox and a killed keeper together left behind is
found by that mark at the next start.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from sandbox.core.os_words import plain_words
from sandbox.core.short_paths import ShortPaths
from sandbox.core.state import StateDir
from sandbox.core.walls import TMP, Enclosure, Walls
from sandbox.core.warm import MARK, WarmPython

# A keeper starts in well under a second; a busy machine takes longer.
START_SECONDS = 30.0
SCHEMA = """CREATE TABLE IF NOT EXISTS processes (mark TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
    started REAL NOT NULL, keeper INTEGER, pid INTEGER)"""
Output = int | IO[Any] | None
_KEEPER = Path(__file__).with_name("keeper.py")


class StartFailed(Exception):
    """The child could not be started; the text says why."""


class Keeper(Protocol):
    """What is needed of a keeper's process."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def wait(self) -> int:
        """Wait for its end."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Managed:
    """A running (or ended) child. ``returncode`` is negative for a signal, as in ``subprocess``."""

    def __init__(self, kind: str, name: str, mark: str, keeper: Keeper, reports: IO[bytes]) -> None:
        self.kind, self.name, self.mark = kind, name, mark
        self.pid = 0
        self.returncode: int | None = None
        self.stdout = keeper.stdout
        self.stderr = keeper.stderr
        self._keeper = keeper
        self._reports = reports
        self._command_lock = threading.Lock()
        self._ended = threading.Event()

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.returncode if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, of the child and of everything it started; None after ``timeout`` seconds."""
        return self.returncode if self._ended.wait(timeout) else None

    @property
    def running(self) -> bool:
        """True until the child and everything it started is gone."""
        return not self._ended.is_set()

    def terminate(self) -> None:
        """Ask the child's process group to end (SIGTERM)."""
        self._command(b"T")

    def kill(self) -> None:
        """Kill the child and everything it started (SIGKILL)."""
        self._command(b"K")

    def stop(self, grace: float) -> int | None:
        """SIGTERM, then after ``grace`` seconds SIGKILL; returns the exit code."""
        self.terminate()
        if self.wait(grace) is None and self.running:
            self.kill()
            self.wait(START_SECONDS)
        return self.returncode

    def _command(self, command: bytes) -> None:
        with self._command_lock:
            if self._keeper.stdin is not None and self.running:
                try:
                    self._keeper.stdin.write(command)
                    self._keeper.stdin.flush()
                except (BrokenPipeError, ValueError):
                    # The keeper is gone; whoever waits for it cleans up.
                    return


class Processes:
    """All children of one sandbox."""

    def __init__(self, state: StateDir) -> None:
        self._db = state.db
        self._db.execute(SCHEMA)
        self._lock = threading.Lock()
        self._running: dict[str, Managed] = {}
        self._closing = False
        self._reap_leftovers()
        self._short = ShortPaths(state)
        self.enclosure = Enclosure(state.path)
        self._warm = WarmPython(_KEEPER)

    def spawn(
        self,
        kind: str,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str | Path,
        *,
        stdout: Output = subprocess.DEVNULL,
        stderr: Output = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        on_exit: Callable[[Managed], None] | None = None,
        walls: Walls | None = None,
        warm: Mapping[str, str] | None = None,
    ) -> Managed:
        """Start ``argv`` with exactly ``env`` in ``cwd``; standard input is empty.

        A TMPDIR in ``env`` must exist; the child gets a short name for it that ends with the child: /tmp, where it
        has one of its own. ``walls``: what it may see of this machine, as far as the system can keep it from the rest.

        ``warm``: it needs torch, and is forked from a process that has loaded it with this environment, if it can be.
        ``stdout``/``stderr`` as for ``subprocess.Popen`` (``PIPE`` gives ``managed.stdout``; ``STDOUT`` joins them).
        ``on_exit`` runs in a thread when everything is gone. Raises ``StartFailed``.
        """
        mark = secrets.token_hex(12)
        plan = self.enclosure.plan(walls, cwd)
        short = self._tmpdir(env, plan)
        if short:
            # Who has no other home than its temporary folder goes on having none.
            env = {name: short if value == env["TMPDIR"] else value for name, value in env.items()}
        env = {**env, MARK: mark}
        self._db.execute("INSERT INTO processes VALUES (?,?,?,?,NULL,NULL)", (mark, kind, name, time.time()))
        try:
            managed = self._start(
                kind=kind,
                name=name,
                mark=mark,
                plan=plan,
                argv=argv,
                env=env,
                cwd=cwd,
                stdout=stdout,
                stderr=stderr,
                pass_fds=pass_fds,
                warm=warm,
            )
        except (OSError, StartFailed) as exc:
            self._forget(mark)
            self._short.forget(short)
            raise StartFailed(f"{argv[0]} cannot be started: {plain_words(exc)}") from exc
        with self._lock:
            self._running[mark] = managed
            closing = self._closing
        if closing:
            managed.kill()
        threading.Thread(
            target=self._follow, args=(managed, short, on_exit), name=f"{kind} {name}", daemon=True
        ).start()
        return managed

    def tmp_name(self, folder: Path) -> str:
        """A short name for what children of theirs call /tmp; empty where each child has its own by that name.

        ``forget_tmp`` ends it.
        """
        return self._short.link(str(folder)) if self.enclosure.abilities().tmp else ""

    def forget_tmp(self, name: str) -> None:
        """End a name that ``tmp_name`` gave."""
        self._short.forget(name)

    def _tmpdir(self, env: Mapping[str, str], plan: Mapping[str, object]) -> str:
        if "TMPDIR" not in env:
            return ""
        return str(TMP) if "tmp" in plan else self._short.link(env["TMPDIR"])

    def _start(
        self,
        kind: str,
        name: str,
        mark: str,
        plan: Mapping[str, object],
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str | Path,
        stdout: Output,
        stderr: Output,
        pass_fds: Sequence[int],
        warm: Mapping[str, str] | None,
    ) -> Managed:
        if warm is not None and (stdout, stderr) == (subprocess.PIPE, subprocess.STDOUT) and not pass_fds:
            forked = self._warm.start(warm, plan, argv, env, cwd, mark)
            if forked is not None and (managed := self._begun(kind, name, mark, *forked)) is not None:
                return managed
        read_fd, write_fd = os.pipe()
        try:
            keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER), str(write_fd), json.dumps(plan), *argv],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                env=dict(env),
                cwd=cwd,
                pass_fds=(write_fd, *pass_fds),
                start_new_session=True,
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        managed = self._begun(kind, name, mark, keeper, os.fdopen(read_fd, "rb"))
        if managed is None:
            raise StartFailed("its keeper ended at once")
        return managed

    def _begun(self, kind: str, name: str, mark: str, keeper: Keeper, reports: IO[bytes]) -> Managed | None:
        """The child, once its keeper has told its number; None when the keeper has ended instead."""
        managed = Managed(kind, name, mark, keeper, reports)
        first = reports.readline().split()
        if len(first) != 2 or first[0] != b"pid":
            reports.close()
            keeper.kill()
            keeper.wait()
            return None
        managed.pid = int(first[1])
        self._db.execute("UPDATE processes SET keeper=?, pid=? WHERE mark=?", (keeper.pid, managed.pid, mark))
        return managed

    def _follow(self, managed: Managed, short: str, on_exit: Callable[[Managed], None] | None) -> None:
        code, told = -int(signal.SIGKILL), False
        for line in managed._reports:
            word, _, value = line.strip().partition(b" ")
            if word == b"exit":
                code, told = int(value), True
        managed._reports.close()
        managed._keeper.wait()
        if not told or sys.platform != "linux":
            # A keeper that was killed could not clean up; only Linux lets one adopt grandchildren.
            kill_marked({managed.mark})
        if managed._keeper.stdin is not None:
            with managed._command_lock:
                try:
                    managed._keeper.stdin.close()
                except BrokenPipeError:
                    pass
        self._forget(managed.mark)
        self._short.forget(short)
        managed.returncode = code
        managed._ended.set()
        with self._lock:
            self._running.pop(managed.mark, None)
        if on_exit is not None:
            on_exit(managed)

    def _forget(self, mark: str) -> None:
        self._db.execute("DELETE FROM processes WHERE mark=?", (mark,))

    def running(self, kind: str | None = None) -> list[Managed]:
        """The children that run now."""
        with self._lock:
            return [managed for managed in self._running.values() if kind in (None, managed.kind)]

    def stop_all(self, grace: float = 5.0) -> None:
        """End all children: SIGTERM, then SIGKILL; start no new ones."""
        with self._lock:
            self._closing = True
        children = self.running()
        for managed in children:
            managed.terminate()
        deadline = time.monotonic() + grace
        for managed in children:
            managed.wait(max(0.0, deadline - time.monotonic()))
        for managed in children:
            if managed.running:
                managed.kill()
        for managed in children:
            managed.wait(10)
        self._warm.close()
        self._short.close()

    def _reap_leftovers(self) -> None:
        marks = {row["mark"] for row in self._db.query("SELECT mark FROM processes")}
        if marks:
            kill_marked(marks)
            self._db.execute("DELETE FROM processes")


def kill_marked(marks: set[str], rounds: int = 100) -> int:
    """Kill every process of this user whose environment carries one of ``marks``; returns how many there were."""
    import psutil

    killed = 0
    for _ in range(rounds):
        found = []
        for process in psutil.process_iter(["pid"]):
            if process.pid == os.getpid():
                continue
            try:
                if process.environ().get(MARK) in marks and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        if not found:
            return killed
        killed += len(found)
        for process in found:
            try:
                process.kill()
            except psutil.Error:
                continue
        time.sleep(0.01)
    return killed
