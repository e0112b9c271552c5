"""Writing a file that somebody asked for, whole or not at all: a full disk leaves what was there before."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes | str) -> None:
    """Put ``data`` (text as UTF-8) into ``path``, in one step. Blocking.

    Raises ``OSError`` (``ValueError`` for a name that no file can have): then nothing is there that was not before.
    """
    body = data.encode() if isinstance(data, str) else data
    making = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}")
    try:
        # Readable as any other file that the operator makes: it is theirs, and no secret is in it.
        with making.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        making.replace(path)
    except BaseException:
        with contextlib.suppress(OSError, ValueError):
            making.unlink()
        raise
