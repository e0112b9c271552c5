"""The database of the logs: its tables, and how one of an older version is taken over."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sandbox.core.state import Database

# A page this large wastes little on lines of a few thousand bytes.
PAGE_BYTES = 16 * 1024
MOST_LOG_BYTES = 16 * 1024 * 1024
VERSION = 2
# A row's key is its stream's number and its own: rows that are read together lie together, in plain leaf pages. (In a
# table WITHOUT ROWID every line of over 1,000 bytes took a page of its own, five times its size and more.)
STREAM_BITS = 40
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS log_groups (name TEXT PRIMARY KEY, created INTEGER NOT NULL, retention INTEGER)",
    """CREATE TABLE IF NOT EXISTS log_streams (id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL,
        name TEXT NOT NULL, created INTEGER NOT NULL, first INTEGER, last INTEGER, ingested INTEGER,
        next INTEGER NOT NULL DEFAULT 1, bytes INTEGER NOT NULL DEFAULT 0, head_end INTEGER,
        dropped_lines INTEGER NOT NULL DEFAULT 0, dropped_bytes INTEGER NOT NULL DEFAULT 0, UNIQUE (grp, name))""",
    """CREATE TABLE IF NOT EXISTS log_events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ingested INTEGER NOT NULL,
        message TEXT NOT NULL)""",
    f"CREATE INDEX IF NOT EXISTS log_events_at ON log_events (id >> {STREAM_BITS}, at)",
    """CREATE TABLE IF NOT EXISTS log_tags (grp TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (grp, key)) WITHOUT ROWID""",
    # Streams that are deleted and whose lines are still being removed.
    "CREATE TABLE IF NOT EXISTS log_doomed (stream INTEGER PRIMARY KEY)",
)
_STREAM_COLUMNS = "id, grp, name, created, first, last, ingested, next, bytes, head_end, dropped_lines, dropped_bytes"


def key(stream: int, seq: int) -> int:
    """The row of a stream's line ``seq``."""
    return (stream << STREAM_BITS) + seq


def open_logs(folder: Path) -> Database:
    """The logs of a state folder; a file of version 1 is rewritten first (at a full disk: ``OperationalError``)."""
    path = folder / "logs.db"
    fresh = folder / "logs.db.new"
    for name in (fresh.name, f"{fresh.name}-wal", f"{fresh.name}-shm"):
        (folder / name).unlink(missing_ok=True)
    if path.exists() and _version(path) < VERSION:
        _take_over(path, fresh)
    database = _open(path)
    database.execute(f"PRAGMA user_version={VERSION}")
    return database


def _open(path: Path) -> Database:
    database = Database(path, page_bytes=PAGE_BYTES, gives_back=True, most_log_bytes=MOST_LOG_BYTES)
    for statement in SCHEMA:
        database.execute(statement)
    return database


def _version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _take_over(path: Path, fresh: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        old = connection.execute("SELECT count(*) FROM sqlite_master WHERE name='log_events'").fetchone()[0]
    database = _open(fresh)
    if old:
        database.execute("ATTACH DATABASE ? AS old", (str(path),))
        with database.transaction():
            database.execute("INSERT INTO log_groups SELECT name, created, retention FROM old.log_groups")
            database.execute(
                f"INSERT INTO log_streams ({_STREAM_COLUMNS}) SELECT {_STREAM_COLUMNS} FROM old.log_streams"
            )
            database.execute(
                f"INSERT INTO log_events SELECT (stream << {STREAM_BITS}) + seq, at, ingested, message"
                " FROM old.log_events ORDER BY stream, seq"
            )
        database.execute("DETACH DATABASE old")
    database.execute(f"PRAGMA user_version={VERSION}")
    database.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    fresh.replace(path)
