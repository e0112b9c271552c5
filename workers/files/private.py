"""Files of the program that nobody else on this computer may read: they name accounts, folders and what was done.

Where the system has no such permissions (Windows) the user's own folders are private already, and nothing happens.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

# For the owner alone.
FILE, FOLDER = 0o600, 0o700
# A folder with this name is the program's own; any other one may be shared on purpose.
OWN = "sagedeck"


def make_folder(path: Path) -> None:
    """Make ``path`` and the folders above it that are missing, for the user alone. Raises ``OSError``."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(FOLDER, exist_ok=True)
    if path.name == OWN:
        _tighten(path, FOLDER)


def open_text(path: Path, mode: str) -> IO[str]:
    """``path`` opened as UTF-8 text, made for the user alone; one that is there is tightened. Raises ``OSError``."""
    file = open(path, mode, encoding="utf-8", opener=_opener)  # noqa: SIM115 - Path.open has no opener
    _tighten(path, FILE)
    return file


def open_end(path: Path) -> IO[str]:
    """``path`` opened to add lines: one that a crash cut off ends there, and swallows none. Raises ``OSError``."""
    file = open_text(path, "a")
    try:
        if size := path.stat().st_size:
            with path.open("rb") as found:
                found.seek(size - 1)
                if found.read(1) != b"\n":
                    file.write("\n")
    except BaseException:
        file.close()
        raise
    return file


def touch(path: Path) -> None:
    """Make ``path`` if it is missing, for programs that open it by name; tighten it. Raises ``OSError``."""
    os.close(_opener(str(path), os.O_WRONLY | os.O_CREAT))
    _tighten(path, FILE)


def tighten(paths: Iterable[Path]) -> None:
    """Take everybody else's rights from files of earlier runs, and from what was put beside them under their name."""
    for path in paths:
        if path.parent.name == OWN:
            _tighten(path.parent, FOLDER)
        try:
            beside = [found for found in path.parent.glob(f"{_escaped(path.name)}*") if found.is_file()]
        except OSError:
            continue
        for found in beside:
            _tighten(found, FILE)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, FILE)


def _tighten(path: Path, wanted: int) -> None:
    if os.name != "posix":
        return
    try:
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(found.st_mode) & ~wanted:
            path.chmod(stat.S_IMODE(found.st_mode) & wanted)
    except OSError:
        # Somebody else's, or on a file system without permissions: it stays as it is, and is used all the same.
        return
