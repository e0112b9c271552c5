"""CloudTrail: LookupEvents over the calls that were made here."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.audit.trail import KEPT_SECONDS, Trail
from sandbox.context import SandboxContext
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

# CloudTrail User Guide: "The rate of lookup requests is limited to two per second, per account, per Region."
LOOKUPS_PER_SECOND = 2.0
_PAGE = 50
_KEYS = frozenset(
    {"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"}
)


class Rate:
    """So many a second, and never more at once."""

    def __init__(self, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._now = per_second, now
        self._lock = threading.Lock()
        self._left, self._at = per_second, now()

    def take(self) -> bool:
        """Whether one more may be now."""
        with self._lock:
            now = self._now()
            self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class CloudTrailService(Service):
    """The event history; there are no trails, for nothing would write them."""

    name = "cloudtrail"

    def start(self, ctx: SandboxContext) -> None:
        """Register the operation."""
        self._trail = ctx.part(Trail)
        self._rate = Rate(LOOKUPS_PER_SECOND)
        self.operations = {"LookupEvents": self._lookup}

    def _lookup(self, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
        if not self._rate.take():
            raise AwsError("ThrottlingException", "Rate exceeded")
        attributes = given.get("LookupAttributes") or []
        if len(attributes) > 1 or any(attribute["AttributeKey"] not in _KEYS for attribute in attributes):
            raise AwsError("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
        if given.get("EventCategory"):
            # Insights events need a trail.
            return {"Events": []}
        now = time.time()
        start, end = _seconds(given.get("StartTime"), now - KEPT_SECONDS), _seconds(given.get("EndTime"), now)
        if start > end:
            raise AwsError("InvalidTimeRangeException", "StartTime must be before EndTime.")
        query = [attributes, given.get("StartTime") and start, given.get("EndTime") and end]
        before = _read_token(given["NextToken"], query) if given.get("NextToken") else 0
        size = int(given.get("MaxResults", _PAGE))
        rows = self._trail.find(attributes[0] if attributes else None, start, end, before, size + 1)
        page = rows[:size]
        more = {"NextToken": _write_token(page[-1]["number"], query)} if len(rows) > size else {}
        return {"Events": [_shown(row) for row in page], **more}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "EventId": row["id"],
        "EventName": row["name"],
        "ReadOnly": "false",
        "AccessKeyId": row["key_id"],
        "EventTime": datetime.fromtimestamp(row["at"], UTC),
        "EventSource": row["source"],
        "Username": row["username"],
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in row["resources"]],
        "CloudTrailEvent": row["event"],
    }


def _seconds(given: Any, otherwise: float) -> float:
    if given is None:
        return otherwise
    return float(given.timestamp()) if isinstance(given, datetime) else float(given)


def _write_token(number: int, query: object) -> str:
    return base64.b64encode(json.dumps([query, number], default=str).encode()).decode()


def _read_token(token: str, query: object) -> int:
    invalid = AwsError("InvalidNextTokenException", "The NextToken belongs to another request.")
    try:
        known, number = json.loads(base64.b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise invalid from error
    if known != json.loads(json.dumps(query, default=str)) or not isinstance(number, int):
        raise invalid
    return number
