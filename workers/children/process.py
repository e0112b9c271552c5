"""A child process of the window's, as a process: started, written to, heard by threads, and ended.

A child is a module run as ``python -m MODULE`` that uses ``workers.children.child``. Secrets travel only in frames:
never in argv and never in the environment.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers import paths
from workers.children.protocol import Decoder, Frame, OtherVersion, encode
from workers.files import private

log = logging.getLogger(__name__)

# Time to save what it has, on a slow disk, too.
STOP_GRACE_SECONDS = 10.0
# What a child printed last is shown when it dies.
TAIL_LINES = 60
READ_BYTES = 64 * 2**10
# Enough for the threads of a dead child to come to the end of its output.
LAST_WORDS_SECONDS = 2.0
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class End:
    """How a child ended, and its last words."""

    returncode: int
    last_words: str


class ChildProcess:
    """One process. ``on_frame`` and ``on_end`` are called in a thread of their own; ``on_end`` once, in the end.

    Its current folder is private and none of the operator's, and is not looked in for modules: so paths in ``spec``
    must be absolute. ``environ``: its whole environment; None: the program's. Blocking; raises ``OSError`` when it
    cannot be started.
    """

    def __init__(
        self,
        module: str,
        spec: Mapping[str, object],
        on_frame: Callable[[Frame | OtherVersion], None],
        on_end: Callable[[End], None],
        *,
        nice: int = 5,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.module = module
        self._on_frame, self._on_end = on_frame, on_end
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._write_lock = threading.Lock()
        self._stopping = False
        # Its own group: Ctrl+C in the terminal is for the window, which then tells its children.
        group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=_folder(),
            env=_with_package(os.environ if environ is None else environ),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            **group,
        )
        _lower_priority(self._process.pid, nice)
        errors = threading.Thread(target=self._read_errors, name=f"{module} stderr", daemon=True)
        errors.start()
        threading.Thread(target=self._read_frames, args=(errors,), name=f"{module} stdout", daemon=True).start()
        # It may die at once: the reading thread tells its exit code and last words.
        self.write(Frame("spec", spec))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    def write(self, frame: Frame) -> None:
        """Send a frame; nothing happens when it has ended or was told to."""
        assert self._process.stdin is not None
        left = memoryview(encode(frame))
        with self._write_lock:
            try:
                while left:
                    left = left[self._process.stdin.write(left) or 0 :]
            except (OSError, ValueError):
                return

    def stop(self, grace: float | None = None) -> None:
        """Close its input, wait ``grace`` seconds (None: ``STOP_GRACE_SECONDS``), then kill it. Blocking."""
        assert self._process.stdin is not None
        self._stopping = True
        grace = STOP_GRACE_SECONDS if grace is None else grace
        # Somebody may be stuck in writing to a child that does not read.
        if self._write_lock.acquire(timeout=grace):
            try:
                self._process.stdin.close()
            except OSError:
                pass
            finally:
                self._write_lock.release()
        else:
            grace = 0.0
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read_frames(self, errors: threading.Thread) -> None:
        assert self._process.stdout is not None
        decoder = Decoder()
        while data := self._process.stdout.read(READ_BYTES):
            self._tell(decoder.feed(data))
        self._tell(decoder.rest())
        returncode = self._process.wait()
        errors.join(LAST_WORDS_SECONDS)
        last_words = "".join(list(self._tail))
        if returncode and not self._stopping:
            log.warning("%s ended with exit code %d: %s", self.module, returncode, last_words.strip())
        self._on_end(End(returncode, last_words))

    def _tell(self, found: list[Frame | OtherVersion | str]) -> None:
        for item in found:
            if isinstance(item, str):
                self._tail.append(item)
                continue
            if isinstance(item, Frame) and item.kind == "error" and item.value.get("traceback"):
                log.warning("%s: %s", self.module, item.value["traceback"])
            self._on_frame(item)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with open(self._process.stderr.fileno(), encoding="utf-8", errors="replace", closefd=False) as lines:
            while line := lines.readline(READ_BYTES):
                self._tail.append(line)


def _folder() -> Path:
    """Where no file of the operator's is taken for a module or for settings of a library."""
    folder = paths.user_data()
    try:
        private.make_folder(folder)
    except OSError:
        return PACKAGE_ROOT
    return folder


def _with_package(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with which a child finds this very program, also one that was not installed."""
    places = [str(PACKAGE_ROOT), *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**environ, "PYTHONPATH": os.pathsep.join(str(Path(place).absolute()) for place in places)}


def _lower_priority(pid: int, nice: int) -> None:
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, nice)
        except (PermissionError, ProcessLookupError):
            return
