"""Reading files that an operator pointed at: only regular ones, and never more than was allowed."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from workers.files.os_words import NotAFile


def is_regular(path: Path | str) -> bool:
    """Whether a path leads, over links too, to a regular file; False for what is not there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def read_regular(path: Path | str, most: int) -> bytes:
    """The bytes of a regular file. A pipe does not block and a device is not read.

    Raises ``NotAFile``, or ``OSError`` when it cannot be read or has more than ``most`` bytes (``EFBIG``).
    """
    # Without O_NONBLOCK the opening of a pipe waits for somebody who writes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise NotAFile(path)
        data = file.read(most + 1) if info.st_size <= most else b""
        if info.st_size > most or len(data) > most:
            raise OSError(errno.EFBIG, "File too large", os.fspath(path))
        return data
