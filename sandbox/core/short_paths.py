"""Short names for the temporary folders of children.

The name of a Unix socket has some 104 bytes, and programs make theirs below TMPDIR: a DataLoader's workers hand their
tensors over through one. A job's folder lies below the state folder and carries the job's name, which is far too deep,
so a child gets a link in the system's temporary folder instead. What it writes is still in its own folder: on the same
disk, as private as the state, and gone with the job.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
from pathlib import Path

from sandbox.core.state import StateDir

_SETTING = "short_paths"
_NAME = re.compile(r"sagedeck-[0-9a-f]{12}")
# Of a socket's name this leaves some 60 bytes to whoever makes one below the link.
_MOST_BYTES = 30


class ShortPaths:
    """Links to folders, in one folder (0700) of this sandbox; what a killed one left is removed at the next start."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._root: Path | None = None
        _remove(state.setting(_SETTING) or "")

    def link(self, folder: str) -> str:
        """A short name for ``folder``, which must exist; ``folder`` itself where no link can be made."""
        try:
            with self._lock:
                if self._root is None or not self._root.is_dir():
                    self._root = self._make_root()
                short = self._root / f"{next(self._numbers):04x}"
            short.symlink_to(folder, target_is_directory=True)
        except OSError:
            # Windows lets few people make links, and has no such sockets; elsewhere a deep folder is better than none.
            return folder
        return str(short)

    def forget(self, short: str) -> None:
        """Remove a link; the folder stays. Anything else than a link of ours is left alone."""
        path = Path(short)
        if self._root is not None and path.parent == self._root:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all links."""
        with self._lock:
            if self._root is not None:
                _remove(str(self._root))

    def _make_root(self) -> Path:
        error: OSError = FileNotFoundError("there is no temporary folder")
        for place in _places():
            root = Path(place) / f"sagedeck-{secrets.token_hex(6)}"
            # Written down first: so it is found again, however this process ends.
            self._state.set_setting(_SETTING, str(root))
            try:
                root.mkdir(mode=0o700)
            except OSError as exc:
                error = exc
                continue
            return root
        raise error


def _places() -> list[str]:
    """Temporary folders, those that are short enough first."""
    usual = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108
    return sorted(dict.fromkeys(usual), key=lambda place: len(os.fsencode(place)) > _MOST_BYTES)


def _remove(root: str) -> None:
    path = Path(root)
    try:
        found = path.lstat()
    except OSError:
        return
    ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if stat.S_ISDIR(found.st_mode) and ours and _NAME.fullmatch(path.name):
        shutil.rmtree(path, ignore_errors=True)
