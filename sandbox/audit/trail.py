"""The event history: calls that may have changed something, kept for 90 days, found by one attribute."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.audit.event import event_of, source_of, user_name
from sandbox.core.state import Database
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS audit_events (number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, "
    "source TEXT NOT NULL, name TEXT NOT NULL, username TEXT NOT NULL, key_id TEXT NOT NULL, event TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_events_at ON audit_events (at)",
    "CREATE TABLE IF NOT EXISTS audit_resources (number INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_resources_name ON audit_resources (name, number)",
    "CREATE INDEX IF NOT EXISTS audit_resources_number ON audit_resources (number)",
)
# CloudTrail keeps its event history for 90 days; the number bounds what a busy account takes of the disk.
KEPT_SECONDS = 90 * 86_400.0
MOST_EVENTS = 50_000
# How many may be over before the oldest are taken out.
_SLACK = 1_000
_COLUMNS = {
    "EventId": "id",
    "EventName": "name",
    "EventSource": "source",
    "Username": "username",
    "AccessKeyId": "key_id",
}
_BY_RESOURCE = {"ResourceName": "name", "ResourceType": "type"}


class Trail:
    """The events of one state folder, oldest out first."""

    def __init__(self, db: Database, now: Callable[[], float] = time.time, most: int = MOST_EVENTS) -> None:
        self._db, self._now, self._most = db, now, most
        self._lock = threading.Lock()
        for statement in _SCHEMA:
            db.execute(statement)
        self._since = 0
        self._trim()

    def add(self, call: Call, error: AwsError | None, resources: Sequence[tuple[str, str]]) -> None:
        """Keep one call and how it ended."""
        at, event_id = self._now(), str(uuid.uuid4())
        event = json.dumps(event_of(call, error, event_id, at, resources), separators=(",", ":"))
        row = (event_id, at, source_of(call), call.operation, user_name(call.caller), call.caller.access_key_id, event)
        with self._db.transaction():
            insert = "INSERT INTO audit_events (id, at, source, name, username, key_id, event) VALUES (?,?,?,?,?,?,?)"
            number = self._db.execute(insert, row).lastrowid
            named = [(number, kind, name) for kind, name in resources]
            self._db.executemany("INSERT INTO audit_resources VALUES (?,?,?)", named)
        with self._lock:
            self._since += 1
            due, self._since = self._since >= _SLACK, self._since % _SLACK
        if due:
            self._trim()

    def _trim(self) -> None:
        """Take out what is too old or too much."""
        with self._db.transaction():
            self._db.execute("DELETE FROM audit_events WHERE at < ?", (self._now() - KEPT_SECONDS,))
            oldest = "SELECT number FROM audit_events ORDER BY number DESC LIMIT 1 OFFSET ?"
            row = self._db.one(oldest, (self._most,))
            if row is not None:
                self._db.execute("DELETE FROM audit_events WHERE number <= ?", (row["number"],))
            self._db.execute("DELETE FROM audit_resources WHERE number NOT IN (SELECT number FROM audit_events)")

    def find(
        self, attribute: Mapping[str, str] | None, start: float, end: float, before: int, most: int
    ) -> list[dict[str, Any]]:
        """At most ``most`` events in a time, newest first, below the number ``before`` (0: from the newest).

        ``attribute`` has AttributeKey and AttributeValue of LookupEvents. Each row has its
        ``number`` for the next page.
        """
        sql, args = "SELECT * FROM audit_events WHERE at BETWEEN ? AND ?", [start, end]
        values: list[object] = [*args]
        if before:
            sql += " AND number < ?"
            values.append(before)
        key, wanted = (attribute or {}).get("AttributeKey", ""), (attribute or {}).get("AttributeValue", "")
        if key in _COLUMNS:
            sql += f" AND {_COLUMNS[key]} = ?"
            values.append(wanted)
        elif key in _BY_RESOURCE:
            sql += f" AND number IN (SELECT number FROM audit_resources WHERE {_BY_RESOURCE[key]} = ?)"
            values.append(wanted)
        elif key == "ReadOnly" and wanted == "true":
            # Only what may change something is kept.
            return []
        rows = self._db.query(f"{sql} ORDER BY number DESC LIMIT ?", [*values, most])
        return [dict(row) | {"resources": self._resources(row["number"])} for row in rows]

    def _resources(self, number: int) -> list[tuple[str, str]]:
        rows = self._db.query("SELECT type, name FROM audit_resources WHERE number=?", (number,))
        return [(row["type"], row["name"]) for row in rows]
