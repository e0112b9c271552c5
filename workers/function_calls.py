"""The last calls of a function, read from its log: when, how it ended, how long it took, and what was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workers.errors import NotFound
from workers.grants import Denial, parse_denial
from workers.session import AwsSession

MOST_STREAMS = 4
LINES_A_STREAM = 400
_BEGIN = re.compile(r"START RequestId: (\S+)")
_END = re.compile(r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms")


@dataclass(frozen=True)
class FunctionCall:
    """One call. ``status`` and ``cause`` are what SageDeck's handler logs; other handlers leave them empty."""

    at: datetime
    request_id: str
    duration_ms: float | None = None
    status: int | None = None
    cause: str = ""
    denial: Denial | None = None
    denied_request_id: str = ""

    @property
    def ok(self) -> bool:
        """True when the call was answered, as far as its log tells."""
        return self.denial is None and (self.status is None or self.status < 400) and not self.cause


@dataclass
class _Open:
    at: datetime
    found: dict[str, Any] = field(default_factory=dict)


def refused_call(denial: Denial) -> FunctionCall:
    """A call that was refused just now, for functions whose log cannot be read."""
    return FunctionCall(datetime.now(UTC), "", denial=denial)


async def recent_calls(session: AwsSession, function: str, most: int = 100) -> tuple[FunctionCall, ...]:
    """The newest ``most`` calls, newest first; none when the function was never called. Raises ``SageDeckError``."""
    group = f"/aws/lambda/{function}"
    try:
        answer = await session.call(
            "logs", "describe_log_streams", f"read the log of {function}",
            logGroupName=group, orderBy="LastEventTime", descending=True, limit=MOST_STREAMS,
        )  # fmt: skip
        calls: list[FunctionCall] = []
        for stream in answer["logStreams"]:
            page = await session.call(
                "logs", "get_log_events", f"read the log of {function}",
                logGroupName=group, logStreamName=stream["logStreamName"], limit=LINES_A_STREAM,
            )  # fmt: skip
            calls += calls_of(page["events"])
    except NotFound:
        return ()
    return tuple(sorted(calls, key=lambda call: call.at, reverse=True)[:most])


def calls_of(events: Iterable[Mapping[str, Any]]) -> list[FunctionCall]:
    """The calls of one log stream, oldest first; a call whose first line is missing is left out."""
    calls: list[FunctionCall] = []
    current: tuple[str, _Open] | None = None
    for event in events:
        text = str(event["message"])
        begin, end = _BEGIN.match(text), _END.match(text)
        if begin:
            current = (begin[1], _Open(datetime.fromtimestamp(event["timestamp"] / 1000, UTC)))
        elif current is not None and end and end[1] == current[0]:
            opened = current[1]
            calls.append(FunctionCall(opened.at, current[0], duration_ms=float(end[2]), **opened.found))
            current = None
        elif current is not None:
            current[1].found |= _read(text)
    return calls


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if denial := parse_denial(text):
        found["denial"] = denial
    try:
        line = json.loads(text)
    except ValueError:
        return found
    if isinstance(line, dict) and isinstance(line.get("status"), int):
        found["status"] = line["status"]
        cause = line.get("cause")
        if isinstance(cause, dict):
            found["cause"] = str(cause.get("code", ""))
            found["denied_request_id"] = str(cause.get("requestId", ""))
        elif "reason" in line:
            found["cause"] = str(line["reason"])
    return found


def refused_in_a_row(calls: Iterable[FunctionCall]) -> list[FunctionCall]:
    """The newest calls that were refused for the same thing, up to the last one that was not; newest first."""
    refused: list[FunctionCall] = []
    for call in calls:
        if call.denial is None or (refused and call.denial != refused[0].denial):
            break
        refused.append(call)
    return refused
