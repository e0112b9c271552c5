"""Times as this program keeps them: boto3 gives some in the machine's own zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime


def utc_of(answer: Mapping[str, object], key: str) -> datetime | None:
    """The time under ``key`` in UTC, or ``None`` when the answer has none."""
    value = answer.get(key)
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def utc(value: datetime) -> datetime:
    """The same moment in UTC."""
    return value.astimezone(UTC)
