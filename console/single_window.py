"""One window takes the links: a program that is started with one hands it to the window that is open already.

Both meet at a socket in the user's runtime folder, which nobody else may enter; on Linux the kernel also says who is
at the other end. Nothing goes over a network. Where the system has no such sockets, each start opens a window.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import socket
import stat
import struct
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import platformdirs

from console.links import MOST_LETTERS, Link, NoLink

log = logging.getLogger(__name__)

# Who is at the other end is on this computer: it answers at once, or hangs.
ANSWER_SECONDS = 3.0
_TAKEN = b"ok\n"
# What the name of a socket may have at most: 104 bytes on a Mac, 108 on Linux, with the end.
_MOST_BYTES = 100


def socket_path(settings: Path) -> Path | None:
    """Where the window with these settings listens; None where it cannot be private, or not at all."""
    if not hasattr(socket, "AF_UNIX") or not hasattr(os, "getuid"):
        return None
    name = f"window-{hashlib.sha256(os.fsencode(settings.absolute())).hexdigest()[:12]}.sock"
    with warnings.catch_warnings():
        # That there is no runtime folder is no news for who opened a window.
        warnings.simplefilter("ignore")
        own = Path(platformdirs.user_runtime_dir("sagedeck"))
    for folder in (own, Path(tempfile.gettempdir(), f"sagedeck-{os.getuid()}")):
        path = folder / name
        if len(os.fsencode(path)) <= _MOST_BYTES and _private(folder):
            return path
    return None


def hand_over(link: str, settings: Path) -> bool:
    """Give the link to the window that is open; False when there is none, and one is to be opened. Blocking."""
    path = socket_path(settings)
    if path is None:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
            end.settimeout(ANSWER_SECONDS)
            end.connect(str(path))
            if not _mine(end):
                return False
            end.sendall(link.encode() + b"\n")
            return end.recv(len(_TAKEN)) == _TAKEN
    except OSError:
        return False


class Listener:
    """Takes links in a thread of its own; ``take`` is called there with each that is one."""

    def __init__(self, settings: Path, take: Callable[[str], object]) -> None:
        self._settings, self._take = settings, take
        self._path: Path | None = None
        self._socket: socket.socket | None = None

    def start(self) -> bool:
        """Listen; False when another window does already, or none can. Blocking, for a moment."""
        self._path = socket_path(self._settings)
        if self._path is None:
            return False
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if not _bound(made, self._path):
                made.close()
                return False
            self._path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            made.listen(4)
        except OSError as error:
            log.info("links are not taken from other programs: %s", error)
            made.close()
            return False
        self._socket = made
        threading.Thread(target=self._serve, args=(made,), name="links", daemon=True).start()
        return True

    def stop(self) -> None:
        """Listen no more, and take the socket away."""
        made, self._socket = self._socket, None
        if made is not None and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            with contextlib.suppress(OSError):
                # Wakes who waits in accept.
                made.shutdown(socket.SHUT_RDWR)
            made.close()

    def _serve(self, made: socket.socket) -> None:
        while self._socket is made:
            try:
                end, _ = made.accept()
            except OSError:
                return
            with end:
                try:
                    self._answer(end)
                except (OSError, UnicodeDecodeError) as error:
                    log.info("a link was not taken: %s", error)

    def _answer(self, end: socket.socket) -> None:
        end.settimeout(ANSWER_SECONDS)
        if not _mine(end):
            return
        data = b""
        while b"\n" not in data and len(data) <= MOST_LETTERS:
            piece = end.recv(MOST_LETTERS)
            if not piece:
                return
            data += piece
        try:
            link = Link.read(data.partition(b"\n")[0].decode())
        except NoLink as error:
            log.info("a link was not taken: %s", error)
            return
        self._take(str(link))
        end.sendall(_TAKEN)


def _bound(made: socket.socket, path: Path) -> bool:
    """Take the place; one that a window left behind when it was killed is free, one where somebody answers is not."""
    try:
        made.bind(str(path))
        return True
    except OSError:
        pass
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(ANSWER_SECONDS)
        try:
            other.connect(str(path))
            return False
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
    made.bind(str(path))
    return True


def _private(folder: Path) -> bool:
    """Make the folder for the user alone; False when it is somebody else's, or open to others."""
    try:
        folder.mkdir(stat.S_IRWXU, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _mine(end: socket.socket) -> bool:
    """Whether the same user is at the other end, where the system says it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())
