"""The events of one PutLogEvents: which of them are kept, and what is said of the others.

Source: CloudWatch Logs API Reference, PutLogEvents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sandbox.wire.errors import AwsError

# The limits of PutLogEvents; times in milliseconds, sizes in bytes.
DAY_MS = 86_400_000
MAX_AGE_MS = 14 * DAY_MS
MAX_AHEAD_MS = 2 * 3_600_000
MAX_EVENTS = 10_000
MAX_BATCH_BYTES = 1024 * 1024
EVENT_OVERHEAD = 26


@dataclass(frozen=True)
class Received:
    """The lines to keep, and the answer's ``rejectedLogEventsInfo`` (empty when all are kept)."""

    lines: list[tuple[int, str]]
    rejected: Mapping[str, int]


def received(events: Sequence[Mapping[str, object]], now: int, retention: int | None) -> Received:
    """Sort out a batch. ``now``: milliseconds since the epoch; ``retention``: days that the group keeps events.

    Raises InvalidParameterException for a batch that is out of order, too large or spans more than a day.
    """
    if not 1 <= len(events) <= MAX_EVENTS:
        raise _invalid(f"logEvents must hold 1 to {MAX_EVENTS} events.")
    lines = []
    for event in events:
        at, message = event.get("timestamp"), event.get("message")
        if not isinstance(at, int) or not message:
            raise _invalid("Each log event must have a timestamp and a message.")
        lines.append((at, str(message)))
    if any(left[0] > right[0] for left, right in pairwise(lines)):
        raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
    size = sum(len(message.encode("utf-8", "surrogatepass")) + EVENT_OVERHEAD for _, message in lines)
    if size > MAX_BATCH_BYTES:
        raise _invalid(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH_BYTES}")
    too_old = sum(at < now - MAX_AGE_MS for at, _ in lines)
    expired = sum(at < now - retention * DAY_MS for at, _ in lines) if retention else 0
    too_new = sum(at > now + MAX_AHEAD_MS for at, _ in lines)
    # Both ends are exclusive, the start is not: what is too old are the events before the index.
    rejected = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new:
        rejected["tooNewLogEventStartIndex"] = len(lines) - too_new
    kept = lines[max(too_old, expired) : len(lines) - too_new]
    if kept and kept[-1][0] - kept[0][0] > DAY_MS:
        raise _invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return Received(kept, rejected)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
