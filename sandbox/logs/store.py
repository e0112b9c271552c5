"""CloudWatch Logs kept in sqlite: groups, streams and events, bounded in size (see ``limits``).

The logs have a database file of their own, so that a chatty job never makes the other records slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from sandbox.core.state import StateDir, utc_ms
from sandbox.logs.limits import OVERHEAD, Limits
from sandbox.logs.schema import STREAM_BITS, key, open_logs
from sandbox.wire.errors import AwsError, disk_full, is_disk_full

# CloudWatch's limit of old; what is longer is cut, and says so.
MAX_EVENT_BYTES = 256 * 1024
# Rows a query, of some 100 bytes as a rule.
BATCH = 2000
# What the logs leave free, so that there is room to say that lines are missing.
RESERVE_BYTES = 4 * 1024 * 1024
_LAST = (1 << STREAM_BITS) - 1


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
        self.db = open_logs(state.path)
        self._limits = Limits(state, self.db)
        self._lost: dict[tuple[str, str], int] = {}
        self._limits.remove([row["stream"] for row in self.db.query("SELECT stream FROM log_doomed")])

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
        """Remove a group with all its streams, also on a full disk, and give their room back."""
        self.group(name)
        self._delete(self.db.query("SELECT id FROM log_streams WHERE grp=?", (name,)), name)

    def delete_stream(self, group: str, name: str) -> None:
        """Remove a stream with all its events, as ``delete_group``."""
        self._delete([self.stream(group, name)])

    def _delete(self, streams: Sequence[Any], group: str | None = None) -> None:
        self._state.spend_reserve()
        doomed = [row["id"] for row in streams]
        with self.db.transaction():
            for stream in doomed:
                self.db.execute("INSERT OR IGNORE INTO log_doomed VALUES (?)", (stream,))
                self.db.execute("DELETE FROM log_streams WHERE id=?", (stream,))
            if group is not None:
                self.db.execute("DELETE FROM log_groups WHERE name=?", (group,))
                self.db.execute("DELETE FROM log_tags WHERE grp=?", (group,))
        self._limits.remove(doomed)

    def set_retention(self, group: str, days: int | None) -> None:
        """Keep events for ``days`` days; None: for ever."""
        self.group(group)
        self.db.execute("UPDATE log_groups SET retention=? WHERE name=?", (days, group))
        self._limits.soon()

    def put(self, group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
        """Append lines ``(milliseconds, text)``; group and stream are made when they are missing.

        For the sandbox's own services: when the disk is full the lines are counted, and a line says later how many
        are missing.
        """
        batch = list(lines)
        if not batch:
            return
        lost = self._lost.get((group, stream), 0)
        if lost:
            batch.insert(0, (batch[0][0], f"[sandbox: {lost} lines are missing here: the disk was full]"))
        if not self._try(group, stream, batch, RESERVE_BYTES):
            self._lost[group, stream] = self._lost.get((group, stream), 0) + len(batch) - bool(lost)
            return
        self._lost.pop((group, stream), None)
        for other in list(self._lost):
            # Nobody may ever write there again.
            self._tell_lost(*other, RESERVE_BYTES)

    def finish(self, group: str, stream: str) -> int:
        """Nothing more comes: say in the reserve's room what is missing at the end.

        Returns how many lines are missing without a word, because the disk had no room even for that.
        """
        self._tell_lost(group, stream, 0)
        return self._lost.get((group, stream), 0)

    def _tell_lost(self, group: str, stream: str, reserve: int) -> None:
        if lost := self._lost.get((group, stream), 0):
            line = (utc_ms(), f"[sandbox: {lost} lines are missing here: the disk was full]")
            if self._try(group, stream, [line], reserve):
                self._lost.pop((group, stream), None)

    def _try(self, group: str, stream: str, batch: list[tuple[int, str]], reserve: int) -> bool:
        try:
            self.create_group(group, exist_ok=True)
            self.create_stream(group, stream, exist_ok=True)
            self.append(group, stream, batch, reserve)
        except Exception as exc:
            if not is_disk_full(exc) and getattr(exc, "code", "") != "InsufficientStorage":
                raise
            return False
        return True

    def append(self, group: str, stream: str, lines: Sequence[tuple[int, str]], reserve: int = RESERVE_BYTES) -> None:
        """Append lines to a stream that exists; all are kept or none. ``reserve``: bytes to leave on the disk."""
        if not lines:
            return
        now = utc_ms()
        if self._state.free_bytes() < reserve:
            raise disk_full(str(self._state.path))
        with self.db.transaction():
            row = self.stream(group, stream)
            seq, size = row["next"], 0
            rows = []
            for at, text in lines:
                if len(text) > MAX_EVENT_BYTES:
                    text = f"{text[:MAX_EVENT_BYTES]} [sandbox: {len(text) - MAX_EVENT_BYTES} characters cut]"
                size += (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))) + OVERHEAD
                rows.append((key(row["id"], seq), int(at), now, text))
                seq += 1
            self.db.executemany("INSERT INTO log_events VALUES (?,?,?,?)", rows)
            self.db.execute(
                "UPDATE log_streams SET next=?, bytes=bytes+?, ingested=?, first=min(coalesce(first,?),?),"
                " last=max(coalesce(last,?),?) WHERE id=?",
                (seq, size, now, rows[0][1], rows[0][1], rows[-1][1], rows[-1][1], row["id"]),
            )
        self._limits.keep(row["id"], self._limits.room())

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
            "SELECT * FROM log_events WHERE id>? AND id<? AND at>=? AND at<?"
            f" ORDER BY id {'DESC' if tail else 'ASC'} LIMIT ?",
            (key(stream, min(after, _LAST)), key(stream, min(before or _LAST, _LAST)), start, end, limit),
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
                f"SELECT * FROM log_events WHERE id >> {STREAM_BITS}=? AND at>=? AND at<? AND (at>? OR id>?)"
                " ORDER BY at, id LIMIT ?",
                (stream, at, end, at, key(stream, seq), BATCH),
            )
            for row in rows:
                yield _event(row)
            if len(rows) < BATCH:
                return
            at, seq = rows[-1]["at"], _event(rows[-1]).seq


def _event(row: Any) -> Event:
    stream = row["id"] >> STREAM_BITS
    return Event(stream, row["id"] - key(stream, 0), row["at"], row["ingested"], row["message"])
