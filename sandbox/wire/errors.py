"""Errors in AWS's words; ``render_errors`` writes them."""

from __future__ import annotations

import errno
import sqlite3

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class AwsError(Exception):
    """An answer that is an error: AWS's ``code``, a message for a person, the HTTP ``status``.

    Without a status it is answered with the one of the service's model, or with 400. ``extra`` holds further members
    of the modelled exception (for example ``OriginalMessage`` of ModelError); ``headers`` are sent with the answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int | None = None,
        *,
        headers: dict[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message
        self.status, self.status_is_given = status or 400, status is not None
        self.headers = headers or {}
        self.extra = extra


def not_implemented(service: str, operation: str) -> AwsError:
    """The answer for an operation that the sandbox does not have."""
    return AwsError("NotImplemented", f"The sandbox does not offer {service}:{operation}.", 501)


def disk_full(folder: str) -> AwsError:
    """The answer when the disk under the state folder has no room; 507 is not retried by the SDKs."""
    return AwsError(
        "InsufficientStorage",
        f"The disk that holds the sandbox's state ({folder}) is full. Nothing of this request was kept. "
        "Free some space and try again.",
        507,
    )


def is_disk_full(error: BaseException) -> bool:
    """True when ``error`` says that the disk or the quota is used up (file system or sqlite)."""
    if isinstance(error, sqlite3.OperationalError):
        return "disk is full" in str(error)
    return isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS
