"""What Application Auto Scaling keeps: targets, policies, scheduled actions and activities."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from sandbox.core.state import Database

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS scaling_records (kind TEXT NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL,
        record TEXT NOT NULL, PRIMARY KEY (kind, target, name))""",
    """CREATE TABLE IF NOT EXISTS scaling_activities (id TEXT PRIMARY KEY, target TEXT NOT NULL, at REAL NOT NULL,
        record TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS scaling_activities_at ON scaling_activities (target, at)",
)
# AWS keeps activities for six weeks.
KEEP_SECONDS = 42 * 86_400.0
TARGET, POLICY, ACTION = "target", "policy", "action"

Record = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """What names a scalable target in every request."""

    namespace: str
    resource: str
    dimension: str

    @classmethod
    def of(cls, members: Record) -> Key:
        """The target that a request or a record names."""
        return cls(members["ServiceNamespace"], members["ResourceId"], members["ScalableDimension"])

    def members(self) -> dict[str, str]:
        """As the members of a record."""
        return {
            "ServiceNamespace": self.namespace,
            "ResourceId": self.resource,
            "ScalableDimension": self.dimension,
        }

    def __str__(self) -> str:
        return f"{self.namespace}|{self.resource}|{self.dimension}"

    def words(self) -> str:
        """As AWS's messages name it."""
        return (
            f"service namespace: {self.namespace}, resource ID: {self.resource}, scalable dimension: {self.dimension}"
        )


class Book:
    """All records. Times in them are epoch seconds."""

    def __init__(self, db: Database) -> None:
        self._db = db
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute("DELETE FROM scaling_activities WHERE at < ?", (time.time() - KEEP_SECONDS,))

    def get(self, kind: str, key: Key, name: str = "") -> Record | None:
        """One record; targets have no name."""
        row = self._db.one(
            "SELECT record FROM scaling_records WHERE kind=? AND target=? AND name=?", (kind, str(key), name)
        )
        return json.loads(row["record"]) if row else None

    def put(self, kind: str, key: Key, record: Record, name: str = "") -> None:
        """Keep a record."""
        row = (kind, str(key), name, json.dumps(record))
        self._db.execute("INSERT OR REPLACE INTO scaling_records VALUES (?,?,?,?)", row)

    def change(self, kind: str, key: Key, changes: Record, name: str = "") -> None:
        """Set members of a record; nothing happens when it has been deleted meanwhile."""
        with self._db.transaction():
            record = self.get(kind, key, name)
            if record is not None:
                self.put(kind, key, record | changes, name)

    def delete(self, kind: str, key: Key, name: str = "") -> None:
        """Remove one record."""
        self._db.execute("DELETE FROM scaling_records WHERE kind=? AND target=? AND name=?", (kind, str(key), name))

    def all(self, kind: str, key: Key | None = None) -> list[Record]:
        """The records of a kind (of one target), by target and name."""
        rows = self._db.query(
            "SELECT record FROM scaling_records WHERE kind=:kind AND (:key IS NULL OR target=:key)"
            " ORDER BY target, name",
            {"kind": kind, "key": None if key is None else str(key)},
        )
        return [json.loads(row["record"]) for row in rows]

    def tell(self, key: Key, record: Record) -> str:
        """Note an activity that begins now; its id."""
        identity, now = str(uuid.uuid4()), time.time()
        record = {"ActivityId": identity, **key.members(), "StartTime": now, **record}
        self._db.execute(
            "INSERT INTO scaling_activities VALUES (?,?,?,?)", (identity, str(key), now, json.dumps(record))
        )
        return identity

    def end(self, identity: str, status: str, message: str) -> None:
        """How an activity ended."""
        row = self._db.one("SELECT record FROM scaling_activities WHERE id=?", (identity,))
        if row is not None:
            record = json.loads(row["record"]) | {"StatusCode": status, "StatusMessage": message}
            record["EndTime"] = time.time()
            self._db.execute("UPDATE scaling_activities SET record=? WHERE id=?", (json.dumps(record), identity))

    def under_way(self) -> list[Record]:
        """The activities that have not ended, the oldest first."""
        rows = self._db.query("SELECT record FROM scaling_activities ORDER BY at")
        found = [json.loads(row["record"]) for row in rows]
        return [record for record in found if record["StatusCode"] == "InProgress"]

    def activities(self, namespace: str) -> list[Record]:
        """All activities of a namespace, the newest first."""
        rows = self._db.query("SELECT record FROM scaling_activities ORDER BY at DESC, rowid DESC")
        found = [json.loads(row["record"]) for row in rows]
        return [record for record in found if record["ServiceNamespace"] == namespace]
