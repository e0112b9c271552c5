"""What an upload finds in a folder: the files to send, what is left out, and what cannot be sent."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workers.files.folder_rules import is_ignored
from workers.files.os_words import os_words

# Levels of folders: no dataset has them, a mount that contains itself does.
DEEPEST = 64


@dataclass(frozen=True)
class LocalFile:
    """A regular file; ``name`` is its path below the folder with slashes.

    ``ctime_ns``: when anything of it changed last, which nobody can set back (on Windows when it was made).
    """

    path: str
    name: str
    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int = 0

    @property
    def state(self) -> tuple[int, int, int, int]:
        """What an edit changes, also one that keeps the size and restores the time."""
        return self.size, self.mtime_ns, self.ctime_ns, self.inode

    def same_state(self, other: LocalFile) -> bool:
        """True when nothing suggests that the content differs."""
        return self.state == other.state


@dataclass
class Scan:
    """``ignored`` is left out without a loss: hidden and system files, links to nothing or in a circle.

    ``problems`` are (printable name, reason); ``blind`` are folders below which nothing could be seen.
    """

    files: list[LocalFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)

    def may_hold(self, name: str) -> bool:
        """Whether a file of this name may exist although it is not in ``files``: left out, or not to be seen."""
        parts = name.split("/")
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
        return bool(above.intersection(self.blind) or above.intersection(self.ignored))


def printable(name: str) -> str:
    """A file name for a message: bytes that are not UTF-8 as ``\\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def scan(folder: Path, keep_on: Callable[[int], bool] = lambda found: True) -> Scan:
    """List the files below ``folder``, by name. ``keep_on(files so far)`` is asked per folder; False ends early.

    Links are followed, but never into a folder that the link itself lies in: what that holds is sent as it is. Hidden
    files, system files and broken links are left out; names that are not UTF-8, devices and unreadable folders are
    problems. Raises ``OSError`` when ``folder`` itself cannot be read.
    """
    result = Scan()
    top = folder.stat()
    os.scandir(folder).close()
    _walk(os.fspath(folder), "", ((top.st_dev, top.st_ino),), result, keep_on)
    return result


def mark(folder: Path) -> str:
    """What changes whenever a file below ``folder`` comes, goes, is renamed or written. Raises ``OSError``."""
    digest = hashlib.sha256()
    for file in scan(folder).files:
        digest.update(f"{file.name}\0{file.state}\n".encode())
    return digest.hexdigest()


def _walk(
    folder: str, below: str, ancestors: tuple[tuple[int, int], ...], result: Scan, keep_on: Callable[[int], bool]
) -> bool:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as exc:
        result.problems.append((below, f"The folder cannot be read: {os_words(exc)}"))
        result.blind.append(below)
        return True
    for entry in entries:
        name = f"{below}/{entry.name}" if below else entry.name
        if is_ignored(entry.name):
            result.ignored.append(name)
            continue
        reason = _unusable_name(entry.name)
        if reason:
            result.problems.append((printable(name), reason))
            continue
        try:
            info = entry.stat()
        except OSError as exc:
            if entry.is_symlink() and exc.errno in (errno.ELOOP, errno.ENOENT, errno.ENOTDIR):
                result.ignored.append(name)
            else:
                result.problems.append((name, f"{os_words(exc)}"))
            continue
        if stat.S_ISREG(info.st_mode):
            result.files.append(
                LocalFile(entry.path, name, info.st_size, info.st_mtime_ns, info.st_ino, info.st_ctime_ns)
            )
        elif stat.S_ISDIR(info.st_mode):
            if not _descend(entry, name, info, ancestors, result, keep_on):
                return False
        else:
            result.problems.append((name, "It is neither a file nor a folder"))
    return keep_on(len(result.files))


def _descend(
    entry: os.DirEntry[str],
    name: str,
    info: os.stat_result,
    ancestors: tuple[tuple[int, int], ...],
    result: Scan,
    keep_on: Callable[[int], bool],
) -> bool:
    # A DirEntry's stat has no inode on Windows; os.stat has.
    identity = (info.st_dev, info.st_ino) if info.st_ino else _identity(entry.path)
    if identity in ancestors:
        result.ignored.append(name)
        return True
    if len(ancestors) >= DEEPEST:
        result.problems.append((name, f"The folder lies more than {DEEPEST} levels deep"))
        result.blind.append(name)
        return True
    return _walk(entry.path, name, (*ancestors, identity), result, keep_on)


def _identity(path: str) -> tuple[int, int]:
    info = Path(path).stat()
    return info.st_dev, info.st_ino


def _unusable_name(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "The name is not valid UTF-8; rename the file"
    return ""
