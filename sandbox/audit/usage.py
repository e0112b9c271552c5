"""Which caller called which service last: GetAccessKeyLastUsed, RoleLastUsed and last-accessed data read it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.core.account import REGION
from sandbox.core.state import Database
from sandbox.wire.messages import Caller

_SCHEMA = """CREATE TABLE IF NOT EXISTS last_used (principal TEXT NOT NULL, key_id TEXT NOT NULL, service TEXT NOT NULL,
    action TEXT NOT NULL, region TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (principal, key_id, service, action))"""
# IAM User Guide, "Refine permissions using last accessed information": the tracking period.
KEPT_SECONDS = 400 * 86_400.0
# What was used in the last seconds before a kill is forgotten; a write for each call would cost more than the call.
_FLUSH_SECONDS = 5.0
# Operations whose permission has another name (Service Authorization Reference).
_ACTIONS = {
    "s3": {
        **dict.fromkeys(("ListObjects", "ListObjectsV2", "HeadBucket"), "ListBucket"),
        **dict.fromkeys(("CopyObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy"), "PutObject"),
        **dict.fromkeys(("CompleteMultipartUpload",), "PutObject"),
        "ListBuckets": "ListAllMyBuckets",
        "HeadObject": "GetObject",
        "DeleteObjects": "DeleteObject",
    },
    "lambda": {"Invoke": "InvokeFunction"},
}

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Use:
    """One action that a principal used: the service's prefix, the action's name, the region, when (epoch seconds)."""

    principal: str
    service: str
    action: str
    region: str
    at: float


class Usage:
    """The last use of each action by each user and role of the account."""

    def __init__(self, db: Database, now: Callable[[], float] = time.time) -> None:
        self._db, self._now = db, now
        self._lock = threading.Lock()
        self._new: dict[Key, tuple[str, float]] = {}
        self._flushed = now()
        db.execute(_SCHEMA)
        db.execute("DELETE FROM last_used WHERE at < ?", (now() - KEPT_SECONDS,))

    def called(self, caller: Caller, service: str, operation: str, region: str) -> None:
        """Note a call, whether it was allowed or not, as AWS does. ``service``: the prefix of its actions."""
        action = _ACTIONS.get(service, {}).get(operation, operation)
        key_id = caller.access_key_id if caller.session is None else ""
        self._note((caller.role_arn or caller.arn, key_id, service, action), region)

    def used(self, role_arn: str, action: str) -> None:
        """Note what a service did with a role (``s3:GetObject``)."""
        service, _, name = action.partition(":")
        self._note((role_arn, "", service, name), REGION)

    def _note(self, key: Key, region: str) -> None:
        now = self._now()
        with self._lock:
            self._new[key] = (region, now)
            due = now - self._flushed >= _FLUSH_SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what is new."""
        with self._lock:
            new, self._new, self._flushed = self._new, {}, self._now()
        if new:
            rows = [(*key, region, at) for key, (region, at) in new.items()]
            self._db.executemany("INSERT OR REPLACE INTO last_used VALUES (?,?,?,?,?,?)", rows)

    def of(self, principals: Sequence[str]) -> list[Use]:
        """All that these users and roles (ARNs) used, the latest use of each action by each, latest first."""
        self.flush()
        marks = ",".join("?" * len(principals))
        sql = f"SELECT * FROM last_used WHERE principal IN ({marks}) ORDER BY at DESC"
        return [_use(row) for row in self._db.query(sql, list(principals))]

    def of_key(self, access_key_id: str) -> Use | None:
        """The last use of an access key."""
        self.flush()
        row = self._db.one("SELECT * FROM last_used WHERE key_id=? ORDER BY at DESC LIMIT 1", (access_key_id,))
        return _use(row) if row is not None else None


def _use(row: object) -> Use:
    found: dict[str, object] = dict(row)  # type: ignore[call-overload]
    return Use(
        str(found["principal"]),
        str(found["service"]),
        str(found["action"]),
        str(found["region"]),
        float(str(found["at"])),
    )
