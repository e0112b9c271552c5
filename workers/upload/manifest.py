"""What earlier uploads knew, kept in the user's cache folder: hashes of local files and what was sent where.

Losing it costs time (files are hashed again to be compared), never correctness: nothing is skipped unless the
service's listing agrees.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workers import paths
from workers.files import private
from workers.types import PendingUpload
from workers.upload.scan import LocalFile

logger = logging.getLogger(__name__)

# A file that was written this shortly before it was read may change again without a newer timestamp.
SETTLED_NS = 2_000_000_000
KEEP_SECONDS = 180 * 86_400
VERSION = 3
# Windows has no time of change that an edit could not keep: there every file is read to be compared.
STATE_TELLS = os.name == "posix"

_TABLES = """
CREATE TABLE IF NOT EXISTS hashes (
    folder TEXT, name TEXT, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
    etag TEXT, sha256 TEXT, seen REAL,
    PRIMARY KEY (folder, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (
    target TEXT, key TEXT, etag TEXT, sha256 TEXT, folder TEXT, seen REAL, PRIMARY KEY (target, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    target TEXT, folder TEXT, bucket TEXT, prefix TEXT, started REAL, files_total INTEGER,
    PRIMARY KEY (target, folder, prefix)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (
    target TEXT, folder TEXT, bucket TEXT, prefix TEXT, seen REAL,
    PRIMARY KEY (target, folder, prefix)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Hashes:
    """The SHA-256 (hex) of a file's content and the ETag that S3 gives it; ``etag`` is empty when not computed."""

    sha256: str
    etag: str = ""


@dataclass(frozen=True)
class Sent:
    """What the service answered when the object was sent, what was sent, and from which folder."""

    etag: str
    sha256: str
    folder: str = ""


def default_path() -> Path:
    """The manifest's place in the user's cache folder."""
    return paths.user_cache() / f"uploads-{VERSION}.sqlite"


class Manifest:
    """One open manifest. Use it in one thread at a time; ``target`` names an account and bucket."""

    def __init__(self, path: Path) -> None:
        try:
            private.make_folder(path.parent)
            private.touch(path)
            self._db = _open(path)
            private.tighten((path,))
        except (OSError, sqlite3.OperationalError) as exc:
            logger.warning("%s cannot be used (%s); nothing will be remembered", path, exc)
            self._db = _open(":memory:")
        except sqlite3.DatabaseError as exc:
            logger.warning("%s is damaged (%s); starting a new one", path, exc)
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            private.touch(path)
            self._db = _open(path)

    def hashes(self, folder: Path, files: Iterable[LocalFile]) -> dict[str, Hashes]:
        """By name, the hashes of those ``files`` that look unchanged since they were read."""
        rows = self._db.execute(
            "SELECT name, size, mtime_ns, ctime_ns, inode, etag, sha256 FROM hashes WHERE folder = ?", (str(folder),)
        )
        known = {row[0]: row[1:] for row in rows}
        found = {}
        for file in files:
            row = known.get(file.name)
            if row is not None and row[:4] == file.state and STATE_TELLS:
                found[file.name] = Hashes(sha256=row[5], etag=row[4])
        return found

    def sent(self, target: str, prefix: str) -> dict[str, Sent]:
        """By key, what was sent to ``target`` under ``prefix``."""
        rows = self._db.execute(
            "SELECT key, etag, sha256, folder FROM sent WHERE target = ? AND substr(key, 1, ?) = ?",
            (target, len(prefix), prefix),
        )
        return {key: Sent(etag, sha256, folder) for key, etag, sha256, folder in rows}

    def remember_hashes(self, folder: Path, rows: Iterable[tuple[LocalFile, Hashes]], read_at_ns: int) -> None:
        """Keep hashes of files read at ``read_at_ns`` (nanoseconds since 1970); unsettled files are left out."""
        now = time.time()
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (str(folder), file.name, *file.state, hashes.etag, hashes.sha256, now)
                    for file, hashes in rows
                    if max(file.mtime_ns, file.ctime_ns) < read_at_ns - SETTLED_NS
                ],
            )

    def remember_sent(self, target: str, rows: Iterable[tuple[str, Sent]]) -> None:
        """Keep what was sent."""
        now = time.time()
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?)",
                [(target, key, sent.etag, sent.sha256, sent.folder, now) for key, sent in rows],
            )

    def begin(self, target: str, folder: Path, bucket: str, prefix: str, files_total: int) -> None:
        """Note that an upload runs: it is pending until ``finish``."""
        row = (target, str(folder), bucket, prefix, time.time(), files_total)
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?)", row)
            self._db.execute(
                "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)", (target, str(folder), bucket, prefix, row[4])
            )

    def finish(self, target: str, folder: Path, prefix: str) -> None:
        """The upload came to its end; forget what nobody asked for in half a year."""
        limit = (time.time() - KEEP_SECONDS,)
        with self._db:
            self._db.execute(
                "DELETE FROM uploads WHERE target = ? AND folder = ? AND prefix = ?", (target, str(folder), prefix)
            )
            self._db.execute("DELETE FROM hashes WHERE seen < ?", limit)
            self._db.execute("DELETE FROM sent WHERE seen < ?", limit)
            self._db.execute("DELETE FROM places WHERE seen < ?", limit)

    def pending(self, account: str) -> list[PendingUpload]:
        """Uploads of ``account`` that have not come to their end and whose folder still exists, newest first."""
        rows = self._db.execute(
            "SELECT folder, bucket, prefix, started, files_total FROM uploads "
            "WHERE substr(target, 1, ?) = ? ORDER BY started DESC",
            (len(account) + 1, account + "/"),
        )
        found = [
            PendingUpload(Path(folder), bucket, prefix, datetime.fromtimestamp(started, UTC), files_total)
            for folder, bucket, prefix, started, files_total in rows
        ]
        return [upload for upload in found if upload.folder.is_dir()]

    def places(self, account: str, folder: Path) -> list[tuple[str, str]]:
        """``(bucket, prefix)`` of where ``folder`` was sent in ``account``, newest first."""
        rows = self._db.execute(
            "SELECT bucket, prefix FROM places WHERE folder = ? AND substr(target, 1, ?) = ? ORDER BY seen DESC",
            (str(folder), len(account) + 1, account + "/"),
        )
        return [(bucket, prefix) for bucket, prefix in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _open(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_TABLES)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
