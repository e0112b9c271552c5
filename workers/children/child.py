"""The child's end of ``workers.children.parent``: the spec it is given, the request to stop, what it reports."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from workers.errors.tree import translate
from workers.errors.wire import to_wire

REPORTS_PER_SECOND = 10


class ChildRun:
    """One run of a child: ``spec``, ``stop`` (set when the parent closes our input or is gone) and ``report``."""

    def __init__(self, spec: dict[str, Any], out: IO[str]) -> None:
        self.spec = spec
        self.stop = threading.Event()
        self._out = out
        self._lock = threading.Lock()
        self._next = 0.0

    def report(self, message: dict[str, Any]) -> None:
        """Print one JSON line."""
        with self._lock:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def due(self) -> bool:
        """True at most ``REPORTS_PER_SECOND`` times a second: the moment for a progress line."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 1 / REPORTS_PER_SECOND
        return True


def serve(work: Callable[[ChildRun], None], doing: str) -> int:
    """Run ``work`` with the spec from standard input; its errors are reported as ``{"error": …}``.

    ``doing`` completes "Could not …". Whatever else prints to standard output goes to standard error.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    line = sys.stdin.readline()
    if not line:
        return 0
    child = ChildRun(json.loads(line), out)

    def wait_for_end() -> None:
        while sys.stdin.read(4096):
            pass
        child.stop.set()

    threading.Thread(target=wait_for_end, name="stop", daemon=True).start()
    try:
        work(child)
    except BrokenPipeError:
        return 0
    except Exception as error:
        child.report({"error": to_wire(translate(error, doing))})
    # Interpreter shutdown would wait for the reader thread's lock on standard input.
    sys.stderr.flush()
    os._exit(0)
