"""What the logs may take: each stream its first and last lines, all together a share of the disk.

Whatever is dropped is replaced by one line that says so.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from sandbox.core.state import Database, StateDir, utc_ms
from sandbox.logs.schema import MOST_LOG_BYTES, STREAM_BITS, key
from sandbox.wire.errors import is_disk_full

# Of a stream its beginning (settings, versions) and its end (the error) are read; the middle goes first.
HEAD_BYTES = 4 * 1024 * 1024
TAIL_BYTES = 28 * 1024 * 1024
# Looking for the place to cut reads the whole tail, so it must be worth it.
SLACK_BYTES = 16 * 1024 * 1024
TOTAL_BYTES = 1024 * 1024 * 1024
# On a small disk the logs leave three quarters of the room to everything else.
DISK_SHARE = 4
LEAST_BYTES = 1024 * 1024
OVERHEAD = 26
CHECK_SECONDS = 600.0
CROWDED_CHECK_SECONDS = 1.0
DELETED_AT_ONCE = 4000
# The size in bytes: length() alone counts characters.
_SIZE = f"length(CAST(message AS BLOB)) + {OVERHEAD}"


@dataclass(frozen=True)
class Room:
    """Bytes: what all logs may take, and of one stream the head, the tail, the slack between two cuts, and the
    database's own log.
    """

    total: int
    head: int
    tail: int
    slack: int
    journal: int


class Limits:
    """Keeps the logs of one database within their room."""

    def __init__(self, state: StateDir, db: Database) -> None:
        self._state = state
        self._db = db
        self._next_check = 0.0
        self._next_crowded = 0.0

    def room(self) -> Room:
        """What there is on this disk now; a full share on any but a small one."""
        disk = (self._state.free_bytes() + self._db.disk_bytes()) // DISK_SHARE
        total = max(LEAST_BYTES, min(TOTAL_BYTES, disk))
        part = min(1.0, total / (HEAD_BYTES + TAIL_BYTES + SLACK_BYTES + MOST_LOG_BYTES))
        return Room(total, *(int(size * part) for size in (HEAD_BYTES, TAIL_BYTES, SLACK_BYTES, MOST_LOG_BYTES)))

    def soon(self) -> None:
        """Look for lines that are too old at the next chance."""
        self._next_check = 0.0

    def keep(self, stream: int, room: Room) -> None:
        """After lines were added to ``stream``: cut it, and empty others, where they are too large or too old.

        On a full disk that must wait; the lines are kept all the same.
        """
        try:
            self._keep(stream, room)
        except sqlite3.OperationalError as exc:
            if not is_disk_full(exc):
                raise

    def _keep(self, stream: int, room: Room) -> None:
        row = self._db.one("SELECT bytes FROM log_streams WHERE id=?", (stream,))
        if row is not None and row["bytes"] > room.head + room.tail + room.slack:
            with self._db.transaction():
                self._cut(stream, room)
        self._db.fold(room.journal)
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_SECONDS
            self._empty_oldest(TOTAL_BYTES)
            self._expire()
        elif now >= self._next_crowded and self._db.disk_bytes() > room.total + room.journal:
            self._next_crowded = now + CROWDED_CHECK_SECONDS
            if self._state.free_bytes() > self._db.disk_bytes():
                # Other programs filled the disk, and there is still room: no reason to drop what is kept.
                return
            self._empty_oldest(room.total)
            self._db.give_back()

    def remove(self, streams: list[int]) -> None:
        """Remove the lines of deleted streams in steps that need little room, and give theirs back."""
        crowded = self._state.free_bytes() < MOST_LOG_BYTES
        most, at_once = (0, DELETED_AT_ONCE // 20) if crowded else (MOST_LOG_BYTES // 4, DELETED_AT_ONCE)
        for stream in streams:
            while self._db.execute(
                "DELETE FROM log_events WHERE id IN (SELECT id FROM log_events WHERE id>=? AND id<? LIMIT ?)",
                (key(stream, 0), key(stream + 1, 0), at_once),
            ).rowcount:
                self._db.fold(most)
            self._db.execute("DELETE FROM log_doomed WHERE stream=?", (stream,))
        if streams:
            self._db.give_back()

    def _cut(self, stream: int, room: Room) -> None:
        """Drop lines between the head and the tail, and say so in one line."""
        row = self._db.query("SELECT * FROM log_streams WHERE id=?", (stream,))[0]
        head_end = row["head_end"]
        if head_end is None:
            head_end = self._seq_at(stream, room.head, "ASC")
        tail_start = self._seq_at(stream, room.tail, "DESC")
        if tail_start <= head_end + 2:
            return
        first = head_end + (1 if row["head_end"] is not None else 0)
        gone = self._db.query(
            f"SELECT count(*) AS lines, sum({_SIZE}) AS size FROM log_events WHERE id>? AND id<?",
            (key(stream, first), key(stream, tail_start)),
        )[0]
        if not gone["lines"]:
            return
        lines, size = row["dropped_lines"] + gone["lines"], row["dropped_bytes"] + gone["size"]
        marker = (
            f"[sandbox: {lines} lines ({size / 1e6:.1f} MB) were dropped here to spare the disk; "
            f"a log stream keeps its first {room.head / 2**20:.3g} MB and its last {room.tail / 2**20:.3g} MB]"
        )
        at = self._db.query("SELECT at FROM log_events WHERE id=?", (key(stream, head_end),))[0]["at"]
        self._db.execute("DELETE FROM log_events WHERE id>? AND id<?", (key(stream, head_end), key(stream, tail_start)))
        self._db.execute("INSERT INTO log_events VALUES (?,?,?,?)", (key(stream, head_end + 1), at, utc_ms(), marker))
        self._db.execute(
            "UPDATE log_streams SET head_end=?, dropped_lines=?, dropped_bytes=?, bytes=bytes-? WHERE id=?",
            (head_end, lines, size, gone["size"], stream),
        )

    def _seq_at(self, stream: int, size: int, order: str) -> int:
        """The sequence number at which ``size`` bytes are passed, from the first (ASC) or last (DESC) line on."""
        last = key(stream, 0)
        for row in self._db.execute(
            f"SELECT id, {_SIZE} AS size FROM log_events WHERE id>=? AND id<? ORDER BY id {order}",
            (key(stream, 0), key(stream + 1, 0)),
        ):
            last = row["id"]
            size -= row["size"]
            if size <= 0:
                break
        return int(last - key(stream, 0))

    def _expire(self) -> None:
        gone = 0
        for row in self._db.query(
            "SELECT id, retention FROM log_streams JOIN log_groups ON log_groups.name=grp WHERE retention IS NOT NULL"
        ):
            limit = utc_ms() - row["retention"] * 86_400_000
            gone += self._db.execute(
                f"DELETE FROM log_events WHERE id >> {STREAM_BITS}=? AND at<?", (row["id"], limit)
            ).rowcount
        if gone:
            self._db.give_back()

    def _empty_oldest(self, total: int) -> None:
        """Empty the streams that have been silent for longest while all logs together are too large."""
        rows = self._db.query("SELECT * FROM log_streams WHERE bytes > 0 ORDER BY last")
        size = sum(row["bytes"] for row in rows)
        for row in rows[:-1]:
            if size <= total:
                return
            size -= row["bytes"]
            self._empty(row, f"all logs together keep {total >> 20} MB")

    def _empty(self, row: Any, why: str) -> None:
        span = (key(row["id"], 0), key(row["id"] + 1, 0))
        lines = self._db.query("SELECT count(*) AS n FROM log_events WHERE id>=? AND id<?", span)[0]["n"]
        text = f"[sandbox: this log's {lines} lines were dropped: {why}]"
        with self._db.transaction():
            self._db.execute("DELETE FROM log_events WHERE id>=? AND id<?", span)
            self._db.execute(
                "INSERT INTO log_events VALUES (?,?,?,?)", (key(row["id"], row["next"]), row["last"], utc_ms(), text)
            )
            self._db.execute(
                "UPDATE log_streams SET bytes=0, next=next+1, head_end=NULL, dropped_lines=0, dropped_bytes=0"
                " WHERE id=?",
                (row["id"],),
            )
