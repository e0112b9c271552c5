"""The last calls of a function, read from its log: when, how it ended, how long it took, and what was refused."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workers.access.grants import Denial, parse_denial
from workers.aws.session import AwsSession
from workers.errors.tree import NotFound

# Instances that wrote last; a call's lines are all in the log of one.
MOST_STREAMS = 4
# Some hundred calls of our code, which writes four lines each.
LINES_A_STREAM = 400
# Requests a look. What is older comes with the next one.
MOST_PAGES = 3
# A line may be listed some time after later ones; so much is read again.
LATE_MS = 60_000
# Lambda's longest timeout, and a minute.
LONGEST_CALL_MS = 16 * 60_000
_BEGIN = re.compile(r"START RequestId: (\S+)")
_END = re.compile(r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms")
# What Lambda's runtime writes when a handler raised, took too long, or ended its process.
_FAILURE = re.compile(
    r"\[ERROR\] ([\w.]+):"
    r"|(?:\S+Z )?(?:RequestId: )?\S+ (?:Error: )?(Task timed out after [\d.]+ seconds)"
    r"|RequestId: \S+ Error: (Runtime exited[^\n]*)"
)


@dataclass(frozen=True)
class FunctionCall:
    """One call. ``status`` is what SageDeck's handler logs; ``cause`` says why it was not answered, if known."""

    at: datetime
    request_id: str
    duration_ms: float | None = None
    status: int | None = None
    cause: str = ""
    denial: Denial | None = None
    denied_request_id: str = ""
    endpoint: str = ""

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


class CallLog:
    """The last calls of one function. The first read looks at its newest log streams, the later ones at what is new."""

    def __init__(self, session: AwsSession, function: str, most: int = 100) -> None:
        self._session, self._function, self._most = session, function, most
        self._group = f"/aws/lambda/{function}"
        self._calls: dict[str, FunctionCall] = {}
        self._since_ms: int | None = None
        self._lock = asyncio.Lock()

    async def read(self) -> tuple[FunctionCall, ...]:
        """The newest ``most`` calls, newest first; none when it was never called. Raises ``SageDeckError``."""
        async with self._lock:
            try:
                if self._since_ms is None or not await self._read_on(self._since_ms):
                    await self._read_newest()
            except NotFound:
                self._calls, self._since_ms = {}, None
            newest = sorted(self._calls.values(), key=lambda call: call.at, reverse=True)[: self._most]
            self._calls = {call.request_id: call for call in newest}
            return tuple(newest)

    async def _read_newest(self) -> None:
        doing = f"read the log of {self._function}"
        answer = await self._session.call(
            "logs", "describe_log_streams", doing,
            logGroupName=self._group, orderBy="LastEventTime", descending=True, limit=MOST_STREAMS,
        )  # fmt: skip
        streams: dict[str, list[Mapping[str, Any]]] = {}
        for stream in answer["logStreams"]:
            name = stream["logStreamName"]
            page = await self._session.call(
                "logs", "get_log_events", doing,
                logGroupName=self._group, logStreamName=name, limit=LINES_A_STREAM,
            )  # fmt: skip
            streams[name] = page["events"]
        self._take(streams)

    async def _read_on(self, since_ms: int) -> bool:
        """Take what came since; False when that is so much that the newest streams are the shorter way."""
        streams: dict[str, list[Mapping[str, Any]]] = {}
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = await self._session.call(
                "logs", "filter_log_events", f"read the log of {self._function}",
                logGroupName=self._group, startTime=since_ms, **token,
            )  # fmt: skip
            for event in page["events"]:
                streams.setdefault(event["logStreamName"], []).append(event)
            if not page.get("nextToken"):
                self._take(streams)
                return True
            token = {"nextToken": page["nextToken"]}
        return False

    def _take(self, streams: Mapping[str, list[Mapping[str, Any]]]) -> None:
        times = [event["timestamp"] for events in streams.values() for event in events]
        if not times:
            return
        running: list[int] = []
        for events in streams.values():
            calls, begun = _read_stream(events)
            self._calls |= {call.request_id: call for call in calls}
            running += [begun] if begun is not None else []
        newest = max(times)
        # Lines may come late; a call still under way is read from its first line again.
        since = min([newest - LATE_MS, *running])
        self._since_ms = max(since, newest - LONGEST_CALL_MS)


def calls_of(events: Iterable[Mapping[str, object]]) -> list[FunctionCall]:
    """The calls of one log stream, oldest first; a call whose first line is missing is left out."""
    return _read_stream(events)[0]


def _read_stream(events: Iterable[Mapping[str, Any]]) -> tuple[list[FunctionCall], int | None]:
    """The calls that have ended, and when the one that has not was begun (ms)."""
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
    return calls, int(current[1].at.timestamp() * 1000) if current is not None else None


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if denial := parse_denial(text):
        found["denial"] = denial
    if failure := _FAILURE.match(text):
        found["cause"] = next(part for part in failure.groups() if part)
    try:
        line = json.loads(text)
    except ValueError:
        return found
    if isinstance(line, dict) and isinstance(line.get("status"), int):
        found["status"] = line["status"]
        found["endpoint"] = str(line.get("endpoint", ""))
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
