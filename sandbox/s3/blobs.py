"""Object bodies as files. A blob is written once under a random name and never changed.

Blobs that no object refers to any more are swept some time later, never at once: a reader may be about to
open one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.core.state import StateDir
from sandbox.s3.checksums import new_hash
from sandbox.wire.errors import disk_full, is_disk_full

# Longer than a reader takes from finding a blob's name to opening it; less when the disk is full.
GRACE_SECONDS = 60.0
HURRIED_GRACE_SECONDS = 3.0
SWEEP_SECONDS = 20.0
RESERVE_BYTES = 8 * 1024 * 1024
SCHEMA = "CREATE TABLE IF NOT EXISTS s3_garbage (blob TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID"


@dataclass(frozen=True)
class Blob:
    """A body that was written: its name, size, MD5 and, if asked for, checksum (base64)."""

    name: str
    size: int
    md5: bytes
    algorithm: str | None = None
    checksum: str | None = None

    @property
    def etag(self) -> str:
        """The MD5 in hexadecimal, without quotes."""
        return self.md5.hex()


class Blobs:
    """The blob files of one state folder."""

    def __init__(self, state: StateDir, tables: Iterable[str]) -> None:
        self._state = state
        self._root = str(state.blobs)
        self._db = state.db
        self._tables = tuple(tables)
        self._started = time.time()
        self._made: set[str] = set()
        self._stop = threading.Event()
        self._sweeper = threading.Thread(target=self._run, name="s3 sweeper", daemon=True)
        self._db.execute(SCHEMA)

    def start(self) -> None:
        """Start the sweeper."""
        self._sweeper.start()

    def stop(self) -> None:
        """End the sweeper."""
        self._stop.set()

    def path(self, name: str) -> Path:
        """The file of a blob."""
        return Path(self._name(name))

    def _name(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"

    def write(self, blocks: Iterable[bytes], algorithm: str | None = None, known_sha256: str | None = None) -> Blob:
        """Write a new blob from ``blocks``; on any error nothing of it is left.

        ``known_sha256``: the SHA-256 in hexadecimal, already verified by whoever yields the blocks.
        """
        name = secrets.token_hex(16)
        path = self._new_path(name)
        md5 = hashlib.md5(usedforsecurity=False)
        running = None
        if algorithm is not None and not (algorithm == "sha256" and known_sha256):
            running = new_hash(algorithm)
        size = 0
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            try:
                for block in blocks:
                    self._check_room(len(block))
                    _write_all(descriptor, block)
                    md5.update(block)
                    if running is not None:
                        running.update(block)
                    size += len(block)
            finally:
                os.close(descriptor)
        except BaseException as exc:
            Path(path).unlink(missing_ok=True)
            if is_disk_full(exc):
                raise disk_full(str(self._state.path)) from exc
            raise
        value = None
        if running is not None:
            value = base64.b64encode(running.digest()).decode()
        elif algorithm is not None:
            value = base64.b64encode(bytes.fromhex(known_sha256 or "")).decode()
        return Blob(name, size, md5.digest(), algorithm, value)

    def _new_path(self, name: str) -> str:
        folder = name[:2]
        if folder not in self._made:
            (self._state.blobs / folder).mkdir(exist_ok=True)
            self._made.add(folder)
        return self._name(name)

    def _check_room(self, size: int) -> None:
        # Some room is left so that the database can still record deletions.
        if self._state.free_bytes() >= size + RESERVE_BYTES:
            return
        self.sweep(HURRIED_GRACE_SECONDS)
        if self._state.free_bytes() < size + RESERVE_BYTES:
            raise disk_full(str(self._state.path))

    def join(self, names: list[str]) -> str:
        """A new blob with the content of others, one after the other (the kernel copies)."""
        name = secrets.token_hex(16)
        path = self._new_path(name)
        try:
            with Path(path).open("xb") as target:
                for part in names:
                    self._check_room(self.path(part).stat().st_size)
                    copy_into(self.path(part), target.fileno())
        except BaseException as exc:
            Path(path).unlink(missing_ok=True)
            if is_disk_full(exc):
                raise disk_full(str(self._state.path)) from exc
            raise
        return name

    def discard(self, names: Iterable[str]) -> None:
        """Mark blobs as no longer needed; call it in the transaction that drops the last reference."""
        now = time.time()
        for name in names:
            self._db.execute("INSERT OR REPLACE INTO s3_garbage VALUES (?,?)", (name, now))

    def drop_unrecorded(self, blob: Blob) -> None:
        """Remove a blob that never got a record."""
        self.path(blob.name).unlink(missing_ok=True)

    def sweep(self, grace: float = GRACE_SECONDS) -> int:
        """Unlink blobs that have been garbage for ``grace`` seconds; returns how many."""
        rows = self._db.query("SELECT blob FROM s3_garbage WHERE since <= ?", (time.time() - grace,))
        for row in rows:
            try:
                self.path(row["blob"]).unlink(missing_ok=True)
            except PermissionError:
                # Windows: somebody still reads it.
                continue
            self._db.execute("DELETE FROM s3_garbage WHERE blob=?", (row["blob"],))
        return len(rows)

    def sweep_orphans(self) -> int:
        """Remove files that a killed sandbox wrote without ever recording them; returns how many."""
        known: set[str] = set()
        for table in (*self._tables, "s3_garbage"):
            known.update(row["blob"] for row in self._db.query(f"SELECT blob FROM {table} WHERE blob IS NOT NULL"))
        removed = 0
        for path in self._state.blobs.glob("??/*"):
            if path.name not in known and path.stat().st_mtime < self._started - 1:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _run(self) -> None:
        self.sweep_orphans()
        while not self._stop.wait(SWEEP_SECONDS):
            try:
                self.sweep()
            except Exception as exc:
                if not is_disk_full(exc):
                    raise


def _write_all(fd: int, block: bytes) -> None:
    written = os.write(fd, block)
    while written < len(block):
        block = block[written:]
        written = os.write(fd, block)


def copy_into(source: Path, target_fd: int) -> None:
    """Append the file ``source`` to an open file, inside of the kernel where it can."""
    with source.open("rb") as file:
        if hasattr(os, "copy_file_range"):
            left = os.fstat(file.fileno()).st_size
            try:
                while left > 0:
                    done = os.copy_file_range(file.fileno(), target_fd, left)
                    if done == 0:
                        break
                    left -= done
            except OSError as exc:
                if is_disk_full(exc):
                    raise
            if left == 0:
                return
        while block := file.read(1024 * 1024):
            _write_all(target_fd, block)
