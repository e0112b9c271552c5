"""Small files of the window: settings and history. Written by one thread, so that a slow disk stops nothing."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.files import private
from workers.files.hiding import hidden_text

log = logging.getLogger(__name__)

# The name that the window's parts know it by.
without_secrets = hidden_text


class Writer:
    """One daemon thread that runs small file jobs in order. ``flush`` waits for those given so far."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def do(self, job: Callable[[], None]) -> None:
        """Run ``job`` in the thread; an error is logged, and the jobs after it are run. May be called anywhere."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="files", daemon=True)
                self._thread.start()
        self._jobs.put(job)

    def flush(self, timeout: float = 3.0) -> bool:
        """Wait until everything given so far is on disk; False when that took longer than ``timeout`` seconds."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._jobs.put(done.set)
        return done.wait(timeout)

    def close(self) -> None:
        """Write what is left and end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(3)
            self._thread = None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except OSError as error:
                log.warning("a file could not be written: %s", error)
            except Exception:
                # One job's fault must not leave settings and the activity log unwritten from then on.
                log.exception("a file could not be written")


def write_whole(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, readable by its owner alone. OSError if it cannot."""
    private.make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        # What is no letter (a file's name may have such bytes) is written as JSON and Python escape it.
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8", errors="replace").split("\n") if line]


class Journal:
    """A JSON-lines file that keeps its last ``keep`` records."""

    def __init__(self, path: Path, writer: Writer, *, keep: int = 500) -> None:
        self.path, self.keep = path, keep
        self._writer = writer
        self._lines = 0

    def load(self) -> list[dict[str, Any]]:
        """The last ``keep`` records, oldest first; lines that are not JSON objects are skipped. Blocking."""
        try:
            lines = _lines(self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("the history %s could not be read: %s", self.path, error)
            return []
        self._lines = len(lines)
        records = []
        for line in lines[-self.keep :]:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                records.append(record)
        return records

    def append(self, record: dict[str, Any]) -> None:
        """Add one record; secrets in its texts are replaced. Returns at once."""
        clean = {key: without_secrets(value) if isinstance(value, str) else value for key, value in record.items()}
        # In ASCII: what ends a line for some, and what is no letter (a file's name may have such bytes), is escaped.
        line = json.dumps(clean)
        self._writer.do(lambda: self._append(line))

    def clear(self) -> None:
        """Forget every record. Returns at once."""
        self._writer.do(self._clear)

    def _append(self, line: str) -> None:
        private.make_folder(self.path.parent)
        with private.open_end(self.path) as file:
            file.write(line + "\n")
        self._lines += 1
        if self._lines > 2 * self.keep:
            kept = _lines(self.path)[-self.keep :]
            write_whole(self.path, "\n".join(kept) + "\n")
            self._lines = len(kept)

    def _clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._lines = 0
