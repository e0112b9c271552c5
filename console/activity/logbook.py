"""The program's own log: kept in memory for the activity panel, and in a file that turns over."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from console.journal import without_secrets
from workers.files import private

# Lines in memory, which the panel shows; the files, of 4 MB together, are for whoever reports a fault.
KEEP_LINES = 2000
FILE_BYTES = 1_000_000
FILES_KEPT = 3
LOGGERS = ("console", "workers", "asyncio", "qt")
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True)
class LogLine:
    """One line of the log; ``number`` counts from 1."""

    number: int
    at: datetime
    level: int
    text: str


class _NoSecrets(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class _PrivateFile(logging.handlers.RotatingFileHandler):
    def _open(self) -> Any:
        return private.open_text(Path(self.baseFilename), self.mode)


class Logbook(logging.Handler):
    """Collects what SageDeck's modules log. Safe to call from any thread.

    ``install`` attaches it and, with a path, a file beside it that is written by a thread of its own.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(_NoSecrets("%(message)s"))
        self._lines: deque[LogLine] = deque(maxlen=KEEP_LINES)
        self._count = 0
        self._listener: logging.handlers.QueueListener | None = None
        self._handlers: list[logging.Handler] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        text = self.format(record)
        self._count += 1
        self._lines.append(LogLine(self._count, datetime.fromtimestamp(record.created), record.levelno, text))

    def since(self, number: int) -> list[LogLine]:
        """The kept lines after the line ``number``."""
        self.acquire()
        try:
            return [line for line in self._lines if line.number > number]
        finally:
            self.release()

    def install(self, file: Path | None = None) -> None:
        """Start to collect. A file that cannot be written is told in the log, and done without."""
        self._handlers = [self]
        if file is not None:
            try:
                private.make_folder(file.parent)
                target = _PrivateFile(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)
            except OSError as error:
                logging.getLogger(__name__).warning("no log file: %s", error)
            else:
                target.setFormatter(_NoSecrets(FORMAT))
                lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
                self._listener = logging.handlers.QueueListener(lines, target)
                self._listener.start()
                self._handlers.append(logging.handlers.QueueHandler(lines))
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.setLevel(logging.INFO)
            for handler in self._handlers:
                logger.addHandler(handler)

    def uninstall(self) -> None:
        """Stop collecting; what was collected is in the file afterwards."""
        for name in LOGGERS:
            for handler in self._handlers:
                logging.getLogger(name).removeHandler(handler)
        if self._listener is not None:
            self._listener.stop()
            for handler in self._listener.handlers:
                handler.close()
            self._listener = None
