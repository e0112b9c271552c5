"""The state folder: its layout, its version, its lock, and the sqlite database in it.

Everything that a sandbox acknowledged is in this folder before the answer goes out, so that the process
can be killed at any moment. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sandbox.core.os_words import os_words, plain_words
from sandbox.wire.errors import is_disk_full

STATE_VERSION = "1"
VERSION_TEXT = f"sagedeck-sandbox-state {STATE_VERSION}\n"
# Often enough that the log stays small, seldom enough to cost nothing.
CHECKPOINT_SECONDS = 2.0
# Given up when the disk is full, so that the sandbox can start and things in it can be deleted.
RESERVE_BYTES = 2 * 1024 * 1024
MAX_IDLE_LOG_BYTES = 32 * 1024 * 1024
MAX_LOG_BYTES = 64 * 1024 * 1024
GIVE_BACK_PAGES = 256
OUR_NAMES = frozenset({"version", "lock", "sandbox.db", "blobs", "jobs", "endpoints", "ready.json"})
# What a window holds while it starts the sandbox; it may be there before anything else is.
START_LOCK = "start.lock"


class StateError(Exception):
    """The state folder cannot be used; the text is for a person."""


class StateInUse(StateError):
    """Another sandbox holds the folder's lock."""


class _Reader:
    """A thread's own connection; it is closed when the thread ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class Database:
    """One sqlite file in WAL mode: one writer connection under a lock, one reader connection a thread.

    A commit survives the death of the process. Checkpoints run in a thread of their own, so that no request
    waits for the disk; only a log (the ``-wal`` file) of more than ``most_log_bytes`` is moved into the file at once,
    for under steady writing it would never end by itself. ``page_bytes`` and giving room back are fixed when the file
    is made.
    """

    def __init__(
        self, path: Path, *, page_bytes: int = 4096, gives_back: bool = False, most_log_bytes: int = MAX_LOG_BYTES
    ) -> None:
        self.path = path
        self._most_log_bytes = most_log_bytes
        self._lock = threading.RLock()
        self._local = threading.local()
        self._writer = self._connect()
        self._writer.execute(f"PRAGMA page_size={page_bytes}")
        if gives_back:
            self._writer.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._writer.execute("PRAGMA wal_autocheckpoint=0")
        self._writer.execute(f"PRAGMA journal_size_limit={MAX_IDLE_LOG_BYTES}")
        self._depth = 0
        self._owner: int | None = None
        self._closed = threading.Event()
        self._checkpointer = threading.Thread(target=self._checkpoint, name=f"checkpoint {path.name}", daemon=True)
        self._checkpointer.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=30)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=30000")
        return connection

    def execute(self, sql: str, args: Sequence[object] | Mapping[str, object] = ()) -> sqlite3.Cursor:
        """Run one writing statement; outside of ``transaction()`` it is committed on return."""
        with self._lock:
            return self._writer.execute(sql, args)

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for many rows in one transaction."""
        with self.transaction():
            self._writer.executemany(sql, rows)

    def query(self, sql: str, args: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        """All rows of a SELECT. Inside of ``transaction()`` it sees the transaction's own writes."""
        if self._owner == threading.get_ident():
            return self._writer.execute(sql, args).fetchall()
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = _Reader(self._connect())
        return reader.connection.execute(sql, args).fetchall()

    def one(self, sql: str, args: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row of a SELECT, or None."""
        rows = self.query(sql, args)
        return rows[0] if rows else None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are committed together, or none; may be nested (the outermost commits)."""
        with self._lock:
            if self._depth == 0:
                self._writer.execute("BEGIN IMMEDIATE")
                self._owner = threading.get_ident()
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._owner = None
                    # sqlite rolls back by itself on some errors (disk full).
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._owner = None
                try:
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise

    def _checkpoint(self) -> None:
        connection = self._connect()
        try:
            while not self._closed.wait(CHECKPOINT_SECONDS):
                try:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                    self.fold(self._most_log_bytes)
                except sqlite3.OperationalError as exc:
                    if not is_disk_full(exc):
                        raise
        finally:
            connection.close()

    def fold(self, most: int = 0) -> None:
        """Move the log into the file and empty it, if it has more than ``most`` bytes. Writers wait meanwhile."""
        if self.log_bytes() > most:
            with self._lock:
                if self._depth == 0 and not self._closed.is_set():
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def log_bytes(self) -> int:
        """The size of the log."""
        return _size(self.path.with_name(self.path.name + "-wal"))

    def disk_bytes(self) -> int:
        """What the file and its log take."""
        return _size(self.path) + self.log_bytes()

    def give_back(self) -> None:
        """Hand the room of deleted rows back to the disk, in steps between which others may write."""
        before = -1
        while (free := self._writer_value("PRAGMA freelist_count")) and free != before:
            before = free
            with self._lock:
                if self._depth:
                    return
                # This pragma frees one page a step. execute() makes one step, executescript() goes on to the end.
                self._writer.executescript(f"PRAGMA incremental_vacuum({GIVE_BACK_PAGES})")
            self.fold(self._most_log_bytes)
        self.fold()

    def _writer_value(self, sql: str) -> int:
        with self._lock:
            return int(self._writer.execute(sql).fetchone()[0])

    def close(self) -> None:
        """Close all connections; the last one moves the log into the file."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._checkpointer.join(10)
        with self._lock:
            self._writer.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class StateDir:
    """An open, locked state folder. ``notice`` says what was moved aside, if anything was."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.notice = ""
        self._folder_lock = _prepare(self.path)
        self.spend_reserve()
        problem = _problem(self.path)
        if problem:
            self._move_aside(problem)
        self._stamp()
        self.blobs = self.path / "blobs"
        self.jobs = self.path / "jobs"
        self.endpoints = self.path / "endpoints"
        for folder in (self.blobs, self.jobs, self.endpoints):
            folder.mkdir(exist_ok=True)
        try:
            self.db = self._open()
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError) and is_disk_full(exc):
                raise StateError(f"The disk that holds {self.path} is full.") from exc
            self._move_aside(f"its database cannot be read ({plain_words(exc)})")
            self._stamp()
            for folder in (self.blobs, self.jobs, self.endpoints):
                folder.mkdir(exist_ok=True)
            self.db = self._open()
        self.version = STATE_VERSION
        self._keep_reserve()

    def _open(self) -> Database:
        database = Database(self.path / "sandbox.db")
        try:
            database.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            database.query("SELECT count(*) FROM settings")
        except sqlite3.DatabaseError:
            database.close()
            raise
        return database

    def _stamp(self) -> None:
        """Write the version, in one step: a half-written one would make the next start move everything aside."""
        version = self.path / "version"
        if not version.exists():
            temporary = self.path / "version.new"
            temporary.write_text(VERSION_TEXT)
            temporary.replace(version)

    def spend_reserve(self) -> None:
        """On a full disk give up the reserve: then the sandbox can start, and things in it can be deleted.

        There is a new one at the next start, if there is room for it.
        """
        if self.free_bytes() < RESERVE_BYTES:
            (self.path / "reserve").unlink(missing_ok=True)

    def _keep_reserve(self) -> None:
        reserve = self.path / "reserve"
        if not reserve.exists() and self.free_bytes() > 32 * RESERVE_BYTES:
            reserve.write_bytes(bytes(RESERVE_BYTES))

    def _move_aside(self, problem: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        target = self.path.with_name(f"{self.path.name}.old-{stamp}")
        while target.exists():
            target = target.with_name(target.name + "-1")
        try:
            self.path.rename(target)
        except OSError as exc:
            raise StateError(
                f"The state folder {self.path} cannot be used ({problem}) and cannot be moved aside: "
                f"{os_words(exc)}. Nothing was changed. Move it away or choose another folder with --state."
            ) from exc
        self._folder_lock.release()
        self._folder_lock = _prepare(self.path)
        self.notice = (
            f"The state folder could not be used: {problem}. It was moved to {target}; nothing was deleted. "
            "The sandbox started empty."
        )

    def setting(self, name: str) -> str | None:
        """A value kept by ``set_setting``, or None."""
        row = self.db.one("SELECT value FROM settings WHERE name=?", (name,))
        return row["value"] if row else None

    def set_setting(self, name: str, value: str) -> None:
        """Keep one small value for the life of the state folder."""
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?,?)", (name, value))

    def free_bytes(self) -> int:
        """Bytes that this process may still write on the state folder's disk."""
        if not hasattr(os, "statvfs"):
            import shutil

            return shutil.disk_usage(self.path).free
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def close(self) -> None:
        """Close the database and give up the lock."""
        self.db.close()
        self._folder_lock.release()


def _prepare(path: Path) -> FileLock:
    """Make the folder (0700) and take its lock, which is free again when this process dies."""
    if path.exists() and not path.is_dir():
        raise StateError(f"{path} is not a folder. Choose another one with --state.")
    if path.is_dir():
        try:
            names = {entry.name for entry in path.iterdir()} - {START_LOCK}
        except OSError as exc:
            raise StateError(f"The state folder {path} cannot be read: {os_words(exc)}.") from exc
        if names and not names & OUR_NAMES:
            raise StateError(f"{path} holds other files and is not a state folder of a sandbox. Choose another one.")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        # A soft lock would stay behind when this process is killed: better no sandbox on such a disk.
        lock = FileLock(path / "lock", mode=0o600, thread_local=False, fallback_to_soft=False)
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise StateInUse(f"Another sandbox uses {path}.") from exc
    except OSError as exc:
        raise StateError(f"The state folder {path} cannot be written: {os_words(exc)}.") from exc
    return lock


def _problem(path: Path) -> str:
    """Why the folder's content cannot be used, or an empty string."""
    version = path / "version"
    others = {entry.name for entry in path.iterdir()} - {"lock", START_LOCK, "version.new", "reserve"}
    if not version.exists():
        return "it says no version" if others else ""
    try:
        text = version.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        return f"its version file cannot be read ({plain_words(exc)})"
    if text == VERSION_TEXT:
        return ""
    name, _, number = text.strip().partition(" ")
    if name != VERSION_TEXT.split(" ")[0] or not number.isdigit():
        return "its version file is damaged"
    age = "an older" if int(number) < int(STATE_VERSION) else "a newer"
    return f"it was written by {age} version ({number}, this one is {STATE_VERSION})"


def utc_ms() -> int:
    """Now, in milliseconds since the epoch."""
    return int(time.time() * 1000)
