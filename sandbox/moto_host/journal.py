"""The journal of control-plane requests that changed something in moto, from which its memory is rebuilt.

moto keeps everything in memory. Each request that may change something is written here before moto sees it,
with the time and the seed of the random numbers that it will draw; at the next start the requests are replayed
in order, and every id and date comes out as before. A request that moto refuses is taken out again; one whose end
was never seen (the process was killed) is marked, and replaying it tells. What no longer matters is taken out at the
start (``moto_compaction``), in one transaction.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.core.state import StateDir
from sandbox.moto_host.compaction import Compaction

SCHEMA = """CREATE TABLE IF NOT EXISTS moto_journal (id INTEGER PRIMARY KEY, at REAL NOT NULL, seed BLOB NOT NULL,
    service TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL,
    headers TEXT NOT NULL, body BLOB NOT NULL)"""
# Rows of earlier versions, which did not have the column, are confirmed.
CONFIRMED = "ALTER TABLE moto_journal ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 1"
_COLUMNS = "at, seed, service, region, key_id, method, target, headers, body, confirmed"
KEPT_HEADERS = frozenset({"content-type", "x-amz-target", "x-amz-client-context", "x-amz-source-arn"})
READING = (
    "BatchDescribe",
    "BatchGet",
    "Check",
    "Describe",
    "Estimate",
    "Filter",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Search",
    "Simulate",
    "Test",
    "Validate",
)


@dataclass(frozen=True)
class MotoRequest:
    """A request as moto needs it: no signature, but whose key signed it."""

    service: str
    region: str
    key_id: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Entry:
    """A journalled request, the moment it ran at (epoch seconds) and the seed of its random numbers."""

    id: int
    at: float
    seed: bytes
    request: MotoRequest
    confirmed: bool = False


def changes_something(method: str, operation: str) -> bool:
    """False for requests that only read: by the operation's name, or for REST by the method."""
    if operation:
        return not operation.startswith(READING)
    return method not in ("GET", "HEAD", "OPTIONS")


class Journal:
    """The journal of one state folder."""

    def __init__(self, state: StateDir) -> None:
        self._db = state.db
        self._db.execute(SCHEMA)
        if "confirmed" not in {row["name"] for row in self._db.query("PRAGMA table_info(moto_journal)")}:
            self._db.execute(CONFIRMED)

    def add(self, request: MotoRequest) -> Entry:
        """Write a request that is about to run."""
        entry = Entry(0, time.time(), secrets.token_bytes(32), request)
        headers = {name: value for name, value in request.headers.items() if name in KEPT_HEADERS}
        cursor = self._db.execute(
            f"INSERT INTO moto_journal ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,0)",
            (
                entry.at,
                entry.seed,
                request.service,
                request.region,
                request.key_id,
                request.method,
                request.target,
                json.dumps(headers),
                request.body,
            ),
        )
        return Entry(int(cursor.lastrowid or 0), entry.at, entry.seed, request)

    def confirm(self, entry: Entry) -> None:
        """Note that a request was carried out."""
        self._db.execute("UPDATE moto_journal SET confirmed=1 WHERE id=?", (entry.id,))

    def remove(self, entry: Entry) -> None:
        """Take out a request that was refused."""
        self._db.execute("DELETE FROM moto_journal WHERE id=?", (entry.id,))

    def entries(self) -> Iterator[Entry]:
        """All entries, oldest first."""
        last = 0
        while rows := self._db.query("SELECT * FROM moto_journal WHERE id>? ORDER BY id LIMIT 200", (last,)):
            for row in rows:
                request = MotoRequest(
                    service=row["service"],
                    region=row["region"],
                    key_id=row["key_id"],
                    method=row["method"],
                    target=row["target"],
                    headers=json.loads(row["headers"]),
                    body=row["body"],
                )
                yield Entry(row["id"], row["at"], row["seed"], request, bool(row["confirmed"]))
            last = rows[-1]["id"]

    def compact(self) -> int:
        """Take out what no longer matters; returns how many entries that were. All of it happens, or nothing."""
        compaction = Compaction()
        asked = (
            "SELECT id, target, body FROM moto_journal WHERE service='iam' AND confirmed AND id>? ORDER BY id LIMIT 500"
        )
        last = 0
        while rows := self._db.query(asked, (last,)):
            for row in rows:
                compaction.read(row["id"], row["target"], row["body"])
            last = rows[-1]["id"]
        plan = compaction.plan
        content = f"SELECT {_COLUMNS} FROM moto_journal WHERE id=?"
        with self._db.transaction():
            for first, source in plan.replaced.items():
                self._db.execute(f"UPDATE moto_journal SET ({_COLUMNS}) = ({content}) WHERE id=?", (source, first))
            gone = [*plan.deleted, *plan.replaced.values()]
            self._db.executemany("DELETE FROM moto_journal WHERE id=?", [(number,) for number in gone])
        return len(gone)
