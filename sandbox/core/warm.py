"""Jobs and endpoints that need torch, forked from one process that has it loaded (Linux): ``programs/warm.py``.

Loading torch takes every fresh interpreter one to three seconds of a processor. What is forked is as a fresh
interpreter would be but for one thing: the order of sets of texts (PYTHONHASHSEED) is the same in all of them. Whoever
needs what is decided when an interpreter or a library starts gets a fresh one; so does everybody where this fails, and
what a job's own shell or driver starts: it must be the child of who started it.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from sandbox.core.walls import PROGRAMS

PROGRAM = PROGRAMS / "warm.py"
MARK = "SAGEDECK_PROCESS"
# Loading torch takes a busy machine its time; then a job starts by itself.
_LOAD_SECONDS = 60.0
# Libraries and the interpreter read these once, when they are loaded.
_AT_START = (
    *("PYTHON", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_"),
    *("TORCH", "PYTORCH", "ATEN_", "DNNL_", "ONEDNN_", "CUDA", "NVIDIA", "NCCL_", "NPY_", "NUMPY", "SSL_"),
)
# These are given to the forked process itself.
_GIVEN_LATER = frozenset(["PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS"])
_ROOM_FOR_ARGUMENTS = 4096


class ForkedKeeper:
    """The keeper of a forked program: what ``processes.Managed`` needs of a ``subprocess.Popen``."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self.stderr: IO[bytes] | None = None
        # Its number is known to the process that forked it, which also collects it.
        self.pid = 0

    def wait(self) -> int:
        """Its reports have ended, so it has, too."""
        return 0

    def kill(self) -> None:
        """It ends when nobody can give it commands any more."""
        if self.stdin is not None:
            self.stdin.close()


class WarmPython:
    """The process that forks; started when it is wanted first. ``keeper`` is the path of ``keeper.py``."""

    def __init__(self, keeper: Path) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: frozenset[str] = frozenset()
        self._environment: dict[str, str] = {}
        self._unusable = sys.platform != "linux"

    def start(
        self,
        usual: Mapping[str, str],
        plan: Mapping[str, object],
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str | Path,
        mark: str,
    ) -> tuple[ForkedKeeper, IO[bytes]] | None:
        """Fork ``argv``, whose first word is this interpreter; its keeper and the keeper's reports.

        ``usual``: the environment of all such programs, without what is one's own. None: it needs a fresh interpreter.
        """
        with self._lock:
            if self._unusable or not self._running(usual) or not self._may(argv, env, cwd):
                return None
            order = {"plan": plan, "argv": list(argv), "env": dict(env), "cwd": str(cwd), "mark": mark}
            try:
                return self._fork(json.dumps(order).encode())
            except OSError:
                self._end()
                return None

    def close(self) -> None:
        """End the process; what it forked goes on."""
        process = self._process
        if process is not None:
            # Whoever waits for it to load torch need not wait any more.
            process.kill()
        with self._lock:
            self._unusable = True
            self._end()

    def _fork(self, order: bytes) -> tuple[ForkedKeeper, IO[bytes]]:
        assert self._control is not None
        commands, commands_in = os.pipe()
        output_out, output = os.pipe()
        reports_out, reports = os.pipe()
        ordered = os.memfd_create("order")
        theirs = (commands, output, reports, ordered)
        try:
            os.write(ordered, order)
            socket.send_fds(self._control, [b"F"], list(theirs))
        except OSError:
            for descriptor in (commands_in, output_out, reports_out):
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        keeper = ForkedKeeper(os.fdopen(commands_in, "wb"), os.fdopen(output_out, "rb"))
        return keeper, os.fdopen(reports_out, "rb")

    def _running(self, usual: Mapping[str, str]) -> bool:
        """Have the process, with torch loaded. The caller holds the lock."""
        if self._process is not None and self._process.poll() is None and self._control is not None:
            return True
        self._end()
        own, other = socket.socketpair()
        self._environment = _environment_of(usual)
        argv = [sys.executable, str(PROGRAM), str(other.fileno()), str(self._keeper), " " * _ROOM_FOR_ARGUMENTS]
        # The mark has the place, in the memory that /proc shows, of that of each process that is forked.
        places = {"HOME": "/nonexistent", MARK: secrets.token_hex(12)}
        try:
            self._process = subprocess.Popen(
                argv,
                env=self._environment | places,
                cwd="/",
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            own.close()
            self._unusable = True
            return False
        finally:
            other.close()
        own.settimeout(_LOAD_SECONDS)
        self._control = own
        try:
            with own.makefile("rb") as told:
                self._loaded = frozenset(json.loads(told.readline()))
        except (OSError, ValueError):
            # No torch, or threads with it: it will be so the next time, too.
            self._unusable = True
            self._end()
            return False
        return True

    def _may(self, argv: Sequence[str], env: Mapping[str, str], cwd: str | Path) -> bool:
        if _at_start(env) != _at_start(self._environment) or argv[0] != sys.executable:
            return False
        for place in [str(cwd), *env.get("PYTHONPATH", "").split(os.pathsep)]:
            try:
                names = {entry.name.partition(".")[0] for entry in os.scandir(place)} if place else set()
            except OSError:
                continue
            # A module that hides one that is loaded already, or one that an interpreter runs when it starts.
            if names & self._loaded or names & {"sitecustomize", "usercustomize"}:
                return False
        return True

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in env.items()
        if name.startswith(_AT_START) and name not in _GIVEN_LATER and name != "OPENBLAS_NUM_THREADS"
    }


def _environment_of(env: Mapping[str, str]) -> dict[str, str]:
    """What libraries read of an environment when they are loaded, and nothing else of it: no keys, no paths."""
    names = ("PATH", "TZ")
    kept = _at_start(env) | {name: env[name] for name in names if name in env}
    # OpenBLAS would start its threads at once; each process has its own number of them later.
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
