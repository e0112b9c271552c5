"""CloudWatch Logs kept in sqlite: groups, streams and events, bounded in size.

A stream keeps its first and its last lines; what is dropped between them is replaced by one line that says so.
The logs have a database file of their own, so that a chatty job never makes the other records slow.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from sandbox.errors import AwsError, disk_full, is_disk_full
from sandbox.state import Database, StateDir, utc_ms

HEAD_BYTES = 4 * 1024 * 1024
TAIL_BYTES = 28 * 1024 * 1024
# Looking for the place to cut reads the whole tail, so it must be worth it.
SLACK_BYTES = 16 * 1024 * 1024
MAX_EVENT_BYTES = 256 * 1024
OVERHEAD = 26
BATCH = 2000
RETENTION_CHECK_SECONDS = 600.0
TOTAL_BYTES = 1024 * 1024 * 1024
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS log_groups (name TEXT PRIMARY KEY, created INTEGER NOT NULL, retention INTEGER)",
    """CREATE TABLE IF NOT EXISTS log_streams (id INTEGER PRIMARY KEY, grp TEXT NOT NULL, name TEXT NOT NULL,
        created INTEGER NOT NULL, first INTEGER, last INTEGER, ingested INTEGER, next INTEGER NOT NULL DEFAULT 1,
        bytes INTEGER NOT NULL DEFAULT 0, head_end INTEGER, dropped_lines INTEGER NOT NULL DEFAULT 0,
        dropped_bytes INTEGER NOT NULL DEFAULT 0, UNIQUE (grp, name))""",
    """CREATE TABLE IF NOT EXISTS log_events (stream INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
        ingested INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS log_events_at ON log_events (stream, at)",
)


@dataclass(frozen=True)
class Event:
    """One line; ``at`` and ``ingested`` in milliseconds since the epoch."""

    stream_id: int
    seq: int
    at: int
    ingested: int
    message: str


def no_such(kind: str) -> AwsError:
    """The answer for a group or stream that is not there."""
    return AwsError("ResourceNotFoundException", f"The specified log {kind} does not exist.")


class Logs:
    """All log groups of one state folder."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self.db = Database(state.path / "logs.db")
        for statement in SCHEMA:
            self.db.execute(statement)
        self._lost: dict[tuple[str, str], int] = {}
        self._next_retention = 0.0

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def group(self, name: str) -> Any:
        """The row of a group, or ResourceNotFoundException."""
        row = self.db.one("SELECT * FROM log_groups WHERE name=?", (name,))
        if row is None:
            raise no_such("group")
        return row

    def stream(self, group: str, name: str) -> Any:
        """The row of a stream, or ResourceNotFoundException."""
        row = self.db.one("SELECT * FROM log_streams WHERE grp=? AND name=?", (group, name))
        if row is None:
            self.group(group)
            raise no_such("stream")
        return row

    def create_group(self, name: str, exist_ok: bool = False) -> None:
        """Make a group."""
        cursor = self.db.execute("INSERT OR IGNORE INTO log_groups VALUES (?,?,NULL)", (name, utc_ms()))
        if cursor.rowcount == 0 and not exist_ok:
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")

    def create_stream(self, group: str, name: str, exist_ok: bool = False) -> None:
        """Make a stream."""
        self.group(group)
        cursor = self.db.execute(
            "INSERT OR IGNORE INTO log_streams (grp, name, created) VALUES (?,?,?)", (group, name, utc_ms())
        )
        if cursor.rowcount == 0 and not exist_ok:
            raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")

    def delete_group(self, name: str) -> None:
        """Remove a group with all its streams."""
        self.group(name)
        with self.db.transaction():
            self.db.execute("DELETE FROM log_events WHERE stream IN (SELECT id FROM log_streams WHERE grp=?)", (name,))
            self.db.execute("DELETE FROM log_streams WHERE grp=?", (name,))
            self.db.execute("DELETE FROM log_groups WHERE name=?", (name,))

    def delete_stream(self, group: str, name: str) -> None:
        """Remove a stream with all its events."""
        row = self.stream(group, name)
        with self.db.transaction():
            self.db.execute("DELETE FROM log_events WHERE stream=?", (row["id"],))
            self.db.execute("DELETE FROM log_streams WHERE id=?", (row["id"],))

    def set_retention(self, group: str, days: int | None) -> None:
        """Keep events for ``days`` days; None: for ever."""
        self.group(group)
        self.db.execute("UPDATE log_groups SET retention=? WHERE name=?", (days, group))
        self._next_retention = 0.0

    def put(self, group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
        """Append lines ``(milliseconds, text)``; group and stream are made when they are missing.

        For the sandbox's own services: when the disk is full the lines are counted, and a line says later how many
        are missing.
        """
        batch = list(lines)
        if not batch:
            return
        lost = self._lost.get((group, stream), 0)
        try:
            if lost:
                batch.insert(0, (batch[0][0], f"[sandbox: {lost} lines are missing here: the disk was full]"))
            self.create_group(group, exist_ok=True)
            self.create_stream(group, stream, exist_ok=True)
            self.append(group, stream, batch)
        except Exception as exc:
            if not is_disk_full(exc) and getattr(exc, "code", "") != "InsufficientStorage":
                raise
            self._lost[group, stream] = self._lost.get((group, stream), 0) + len(batch) - bool(lost)
            return
        if lost:
            self._lost.pop((group, stream), None)

    def append(self, group: str, stream: str, lines: Sequence[tuple[int, str]]) -> None:
        """Append lines to a stream that exists; all are kept or none."""
        if not lines:
            return
        now = utc_ms()
        if self._state.free_bytes() < 4 * 1024 * 1024:
            raise disk_full(str(self._state.path))
        with self.db.transaction():
            row = self.stream(group, stream)
            seq, size = row["next"], 0
            rows = []
            for at, text in lines:
                if len(text) > MAX_EVENT_BYTES:
                    text = f"{text[:MAX_EVENT_BYTES]} [sandbox: {len(text) - MAX_EVENT_BYTES} characters cut]"
                size += len(text) + OVERHEAD
                rows.append((row["id"], seq, int(at), now, text))
                seq += 1
            self.db.executemany("INSERT INTO log_events VALUES (?,?,?,?,?)", rows)
            self.db.execute(
                "UPDATE log_streams SET next=?, bytes=bytes+?, ingested=?, first=min(coalesce(first,?),?),"
                " last=max(coalesce(last,?),?) WHERE id=?",
                (seq, size, now, rows[0][2], rows[0][2], rows[-1][2], rows[-1][2], row["id"]),
            )
            if row["bytes"] + size > HEAD_BYTES + TAIL_BYTES + SLACK_BYTES:
                self._trim(row["id"])
        self._expire()

    def _trim(self, stream: int) -> None:
        """Drop lines between the head and the tail, and say so in one line."""
        row = self.db.query("SELECT * FROM log_streams WHERE id=?", (stream,))[0]
        head_end = row["head_end"]
        if head_end is None:
            head_end = self._seq_at(stream, HEAD_BYTES, "ASC")
        tail_start = self._seq_at(stream, TAIL_BYTES, "DESC")
        if tail_start <= head_end + 2:
            return
        gone = self.db.query(
            "SELECT count(*) AS lines, sum(length(message) + ?) AS size, min(at) AS at FROM log_events"
            " WHERE stream=? AND seq>? AND seq<?",
            (OVERHEAD, stream, head_end + (1 if row["head_end"] is not None else 0), tail_start),
        )[0]
        if not gone["lines"]:
            return
        lines, size = row["dropped_lines"] + gone["lines"], row["dropped_bytes"] + gone["size"]
        marker = (
            f"[sandbox: {lines} lines ({size / 1e6:.1f} MB) were dropped here to spare the disk; "
            f"a log stream keeps its first {HEAD_BYTES // 2**20} MB and its last {TAIL_BYTES // 2**20} MB]"
        )
        at = self.db.query("SELECT at FROM log_events WHERE stream=? AND seq=?", (stream, head_end))[0]["at"]
        self.db.execute("DELETE FROM log_events WHERE stream=? AND seq>? AND seq<?", (stream, head_end, tail_start))
        self.db.execute("INSERT INTO log_events VALUES (?,?,?,?,?)", (stream, head_end + 1, at, utc_ms(), marker))
        self.db.execute(
            "UPDATE log_streams SET head_end=?, dropped_lines=?, dropped_bytes=?, bytes=bytes-? WHERE id=?",
            (head_end, lines, size, gone["size"], stream),
        )

    def _seq_at(self, stream: int, size: int, order: str) -> int:
        """The sequence number at which ``size`` bytes are passed, from the first (ASC) or last (DESC) line on."""
        last = 0
        for row in self.db.execute(
            f"SELECT seq, length(message) AS size FROM log_events WHERE stream=? ORDER BY seq {order}", (stream,)
        ):
            last = row["seq"]
            size -= row["size"] + OVERHEAD
            if size <= 0:
                break
        return int(last)

    def _expire(self) -> None:
        if time.monotonic() < self._next_retention:
            return
        self._next_retention = time.monotonic() + RETENTION_CHECK_SECONDS
        self._limit_total()
        for group in self.db.query("SELECT name, retention FROM log_groups WHERE retention IS NOT NULL"):
            limit = utc_ms() - group["retention"] * 86_400_000
            self.db.execute(
                "DELETE FROM log_events WHERE at < ? AND stream IN (SELECT id FROM log_streams WHERE grp=?)",
                (limit, group["name"]),
            )

    def _limit_total(self) -> None:
        """Empty the streams that have been silent for longest while all logs together are too large."""
        rows = self.db.query("SELECT * FROM log_streams WHERE bytes > 0 ORDER BY last")
        total = sum(row["bytes"] for row in rows)
        for row in rows[:-1]:
            if total <= TOTAL_BYTES:
                return
            total -= row["bytes"]
            lines = self.db.query("SELECT count(*) AS n FROM log_events WHERE stream=?", (row["id"],))[0]["n"]
            text = f"[sandbox: this log's {lines} lines were dropped: all logs together keep {TOTAL_BYTES >> 20} MB]"
            with self.db.transaction():
                self.db.execute("DELETE FROM log_events WHERE stream=?", (row["id"],))
                self.db.execute(
                    "INSERT INTO log_events VALUES (?,?,?,?,?)", (row["id"], row["next"], row["last"], utc_ms(), text)
                )
                self.db.execute(
                    "UPDATE log_streams SET bytes=0, next=next+1, head_end=NULL, dropped_lines=0, dropped_bytes=0"
                    " WHERE id=?",
                    (row["id"],),
                )

    def read(
        self,
        stream: int,
        *,
        after: int = 0,
        before: int = 0,
        start: int = 0,
        end: int = 1 << 62,
        limit: int,
        tail: bool,
    ) -> list[Event]:
        """Events of one stream in the order in which they came.

        ``after``/``before`` are sequence numbers (exclusive, 0: none), ``start``/``end`` times (end exclusive).
        ``tail`` takes the last ``limit`` of them instead of the first.
        """
        rows = self.db.query(
            "SELECT * FROM log_events WHERE stream=? AND seq>? AND seq<? AND at>=? AND at<?"
            f" ORDER BY seq {'DESC' if tail else 'ASC'} LIMIT ?",
            (stream, after, before or 1 << 62, start, end, limit),
        )
        events = [_event(row) for row in rows]
        return events[::-1] if tail else events

    def scan(self, streams: Sequence[int], start: int, end: int, after: tuple[int, int, int]) -> Iterator[Event]:
        """Events of several streams by time, after the position ``(at, stream, seq)``."""
        sources = [self._scan_one(stream, start, end, after) for stream in streams]
        return iter(merge(*sources, key=lambda event: (event.at, event.stream_id, event.seq)))

    def _scan_one(self, stream: int, start: int, end: int, after: tuple[int, int, int]) -> Iterator[Event]:
        at, seq = start, 0
        if after > (start, 0, 0):
            at = after[0]
            if stream == after[1]:
                seq = after[2]
            elif stream < after[1]:
                at += 1
        while True:
            rows = self.db.query(
                "SELECT * FROM log_events WHERE stream=? AND at>=? AND at<? AND (at>? OR seq>?)"
                " ORDER BY at, seq LIMIT ?",
                (stream, at, end, at, seq, BATCH),
            )
            for row in rows:
                yield _event(row)
            if len(rows) < BATCH:
                return
            at, seq = rows[-1]["at"], rows[-1]["seq"]


def _event(row: Any) -> Event:
    return Event(row["stream"], row["seq"], row["at"], row["ingested"], row["message"])
