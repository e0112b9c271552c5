"""Sends files of an upload, pass by pass, and keeps account of what became of each."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from workers.errors.tree import translate
from workers.upload.large import send_large
from workers.upload.manifest import Hashes, Manifest, Sent
from workers.upload.plan import PART_SIZE, content_type
from workers.upload.progress import Meter
from workers.upload.remote import Remote
from workers.upload.scan import LocalFile
from workers.upload.small import Cancelled, NotVerified, Sender
from workers.upload.wishes import Wishes

# A file that somebody writes to settles at once or not at all.
READ_TRIES = 3
SETTLE_SECONDS = 0.05
# Files sent twice at most after a power cut; each saving is a transaction of some milliseconds.
REMEMBER_EVERY = 500
# So many failures one after the other are not the fault of single files.
HOPELESS = 20
FATAL_CODES = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InsufficientStorage",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "QuotaExceeded",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)


class HopelessError(Exception):
    """There is no use in going on; ``cause`` is the failure that says why."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(frozen=True)
class Kept:
    """Where it is remembered what was sent of a folder to a target."""

    manifest: Manifest
    target: str
    folder: Path


class Delivery:
    """Files on their way to ``remote`` under ``prefix``; what arrived is kept in the manifest as it goes on.

    ``sent`` and ``failed`` are by file name; they and ``bytes_sent`` are filled from several threads.
    """

    def __init__(self, remote: Remote, prefix: str, kept: Kept, meter: Meter, wishes: Wishes) -> None:
        self._remote, self._prefix = remote, prefix
        self._manifest, self._target, self._folder = kept.manifest, kept.target, kept.folder
        self._meter, self._wishes = meter, wishes
        self._lock = threading.Lock()
        self.sent: dict[str, tuple[LocalFile, Sent]] = {}
        self.failed: dict[str, tuple[LocalFile, Exception]] = {}
        self.bytes_sent = 0
        self._in_a_row = 0
        self._fatal: Exception | None = None
        self._unsaved: list[tuple[str, Sent]] = []
        self._unsaved_hashes: list[tuple[LocalFile, Hashes]] = []
        # Every file is read later than this; what was written just before it is not trusted.
        self._began_at_ns = time.time_ns()

    def run(self, sender: Sender, files: Iterable[LocalFile]) -> None:
        """One pass over ``files``, until all are sent or given up, or the upload is cancelled.

        Raises ``HopelessError`` when what went wrong concerns all files.
        """
        for file in files:
            if not self._wishes.wait(self._meter) or self._fatal:
                break
            try:
                self._send(sender, file)
            except Cancelled:
                break
            except (OSError, ClientError, BotoCoreError) as exc:
                self._give_up(file, exc)
            self._save(REMEMBER_EVERY)
        if self._fatal:
            sender.cancel()
        sender.wait()
        self._save(1)
        if self._fatal:
            raise HopelessError(self._fatal)

    def second_chance(self) -> None:
        """Forget the failures, for another pass: files that exist are tried again, deleted ones are no failure."""
        self.failed.clear()
        self._in_a_row = 0

    def reasons(self) -> list[tuple[str, str]]:
        """``(file name, why it was not sent)`` of every failure."""
        return [(name, _reason(error)) for name, (_, error) in self.failed.items()]

    def _send(self, sender: Sender, file: LocalFile) -> None:
        key, kind = self._prefix + file.name, content_type(file.name)
        if file.size > PART_SIZE:
            etag, sha256 = send_large(
                self._remote.client,
                file,
                bucket=self._remote.bucket,
                key=key,
                content_type=kind,
                on_bytes=self._meter.moved,
                stopping=self._is_cancelled,
            )
            self._arrived(file, Sent(etag, sha256, str(self._folder)))
            return
        data, read = _read_settled(file)

        def done(etag: str, sha256: str, error: Exception | None) -> None:
            if error is None:
                self._meter.moved(read.size)
                self._arrived(read, Sent(etag, sha256, str(self._folder)))
            elif not isinstance(error, Cancelled):
                self._give_up(read, error)

        sender.put(key, data, kind, done)

    def _arrived(self, file: LocalFile, sent: Sent) -> None:
        with self._lock:
            self._in_a_row = 0
            self.sent[file.name] = (file, sent)
            self.bytes_sent += file.size
            self._unsaved.append((self._prefix + file.name, sent))
            self._unsaved_hashes.append((file, Hashes(sent.sha256)))
        self._meter.ended()

    def _give_up(self, file: LocalFile, error: Exception) -> None:
        with self._lock:
            self.failed[file.name] = (file, error)
            local = isinstance(error, OSError)
            self._in_a_row += 0 if local else 1
            if not local and (_is_fatal(error) or self._in_a_row >= HOPELESS):
                self._fatal = self._fatal or error
        self._meter.ended()

    def _save(self, at_least: int) -> None:
        with self._lock:
            if len(self._unsaved) < at_least:
                return
            sent, self._unsaved = self._unsaved, []
            hashes, self._unsaved_hashes = self._unsaved_hashes, []
        remember(lambda: self._manifest.remember_sent(self._target, sent))
        remember(lambda: self._manifest.remember_hashes(self._folder, hashes, self._began_at_ns))

    def _is_cancelled(self) -> bool:
        return self._wishes.cancelled


def remember(write: Callable[[], None]) -> None:
    """Write to the manifest; when it cannot be written (disk full, locked), only a comparison later takes longer."""
    try:
        write()
    except sqlite3.Error:
        return


def _read_settled(file: LocalFile) -> tuple[bytes, LocalFile]:
    """The file's content, and its state at that moment; read again while somebody writes to it."""
    for _ in range(READ_TRIES):
        with open(file.path, "rb") as stream:  # noqa: PTH123 - 8,000 Path objects are not free
            before = os.fstat(stream.fileno())
            data = stream.read()
            after = os.fstat(stream.fileno())
        if _times(before) == _times(after) and len(data) == after.st_size:
            break
        time.sleep(SETTLE_SECONDS)
    # What is sent is what was read; the look afterwards tells whether the file is still like this.
    return data, LocalFile(file.path, file.name, len(data), before.st_mtime_ns, before.st_ino, before.st_ctime_ns)


def _times(info: os.stat_result) -> tuple[int, int]:
    return info.st_mtime_ns, info.st_ctime_ns


def _is_fatal(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in FATAL_CODES
    return not isinstance(error, NotVerified)


def _reason(error: Exception) -> str:
    if isinstance(error, NotVerified):
        return "What arrived is not what was sent; it was sent twice"
    if isinstance(error, FileNotFoundError):
        return "The file was gone before it could be sent"
    told = translate(error, "send the file", service="s3")
    return told.message
