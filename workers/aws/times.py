"""Times as this program keeps them: boto3 gives some in the machine's own zone, and takes its time to read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def utc_of(answer: Mapping[str, object], key: str) -> datetime | None:
    """The time under ``key`` in UTC, or ``None`` when the answer has none."""
    value = answer.get(key)
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def utc(value: datetime) -> datetime:
    """The same moment in UTC."""
    return value.astimezone(UTC)


def moment(value: Any) -> datetime:
    """A time of an answer as botocore reads it, seconds of the epoch in UTC; the usual forms many times as fast.

    Raises what botocore raises for one that cannot be read.
    """
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and value[10:11] == "T":
            found = datetime.fromisoformat(value)
            if found.tzinfo is not None:
                return found
    except (ValueError, OverflowError, OSError):
        pass
    from botocore.utils import parse_timestamp

    return parse_timestamp(value)
