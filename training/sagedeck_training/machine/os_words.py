"""The system's errors in our own words: its own come in the operator's language and are wrapped in numbers.

The same file lies in ``workers``, ``sandbox`` and ``training``, which do not import each other.
"""

from __future__ import annotations

import errno
import os
import socket

_WORDS = {
    "EACCES": "Permission denied",
    "EADDRINUSE": "Address already in use",
    "EADDRNOTAVAIL": "Cannot assign requested address",
    "EAGAIN": "Resource temporarily unavailable",
    "EBADF": "Bad file descriptor",
    "EBUSY": "Device or resource busy",
    "ECONNABORTED": "Software caused connection abort",
    "ECONNREFUSED": "Connection refused",
    "ECONNRESET": "Connection reset by peer",
    "EDQUOT": "Disk quota exceeded",
    "EEXIST": "File exists",
    "EFBIG": "File too large",
    "EHOSTUNREACH": "No route to host",
    "EINVAL": "Invalid argument",
    "EIO": "Input/output error",
    "EISDIR": "Is a directory",
    "ELOOP": "Too many levels of symbolic links",
    "EMFILE": "Too many open files",
    "EMLINK": "Too many links",
    "ENAMETOOLONG": "File name too long",
    "ENETUNREACH": "Network is unreachable",
    "ENFILE": "Too many open files in system",
    "ENOBUFS": "No buffer space available",
    "ENODEV": "No such device",
    "ENOENT": "No such file or directory",
    "ENOEXEC": "Exec format error",
    "ENOMEM": "Cannot allocate memory",
    "ENOSPC": "No space left on device",
    "ENOTCONN": "Socket is not connected",
    "ENOTDIR": "Not a directory",
    "ENOTEMPTY": "Directory not empty",
    "ENOTSUP": "Operation not supported",
    "ENXIO": "No such device or address",
    "EPERM": "Operation not permitted",
    "EPIPE": "Broken pipe",
    "EROFS": "Read-only file system",
    "ESTALE": "Stale file handle",
    "ETIMEDOUT": "Connection timed out",
    "ETXTBSY": "Text file busy",
    "EXDEV": "Invalid cross-device link",
}


class NotAFile(OSError):
    """A path that leads to a device, a pipe or something else that must not be read like a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(errno.EINVAL, "It is not a regular file", os.fspath(path))


def os_words(error: OSError) -> str:
    """Why the system refused, without number and file name: ``Permission denied``."""
    if isinstance(error, NotAFile):
        return str(error.strerror)
    if isinstance(error, socket.gaierror):
        return "The name of the host cannot be resolved"
    if error.errno is None:
        # Raised by Python code, in its own English words.
        return str(error) or ("Timed out" if isinstance(error, TimeoutError) else type(error).__name__)
    name = errno.errorcode.get(error.errno, str(error.errno))
    return _WORDS.get(name, f"The system reports the error {name}")


def plain_words(error: BaseException) -> str:
    """``os_sentence`` of the system's errors, and the own words of all others."""
    return os_sentence(error) if isinstance(error, OSError) else str(error)


def os_sentence(error: OSError) -> str:
    """``os_words`` and the file: ``Permission denied: /there``."""
    return f"{os_words(error)}: {error.filename}" if error.filename else os_words(error)
