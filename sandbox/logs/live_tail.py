"""StartLiveTail: the events of some groups as they come, once a second, for as long as somebody listens."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.core.account import arn
from sandbox.logs.names import group_names
from sandbox.logs.patterns import compile_pattern
from sandbox.logs.store import Event, Logs
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.event_stream import CONTENT_TYPE, event, failure
from sandbox.wire.messages import RestResponse

# CloudWatch Logs API reference, StartLiveTail: groups, events of one update, how long a session lasts.
MOST_GROUPS = 10
MOST_EVENTS = 500
LONGEST_SECONDS = 3 * 3600.0
UPDATE_SECONDS = 1.0


class LiveTails:
    """The sessions of one store of logs."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._closed = threading.Event()

    def close(self) -> None:
        """End all sessions."""
        self._closed.set()

    def start(self, call: Call) -> RestResponse:
        """The answer that goes on. Raises ResourceNotFoundException and InvalidParameterException before it begins."""
        given = call.members
        names = group_names(given)
        if len(names) > MOST_GROUPS:
            raise AwsError("InvalidParameterException", f"A session has at most {MOST_GROUPS} log groups.")
        chosen, prefixes = given.get("logStreamNames"), given.get("logStreamNamePrefixes")
        if chosen and prefixes:
            text = "Only one of logStreamNames or logStreamNamePrefixes can be provided."
            raise AwsError("InvalidParameterException", text)
        if (chosen or prefixes) and len(names) != 1:
            text = "logStreamNames and logStreamNamePrefixes can only be used with a single log group."
            raise AwsError("InvalidParameterException", text)
        for name in names:
            self._logs.group(name)
        follower = _Follower(self._logs, names, given)
        return RestResponse(200, {"Content-Type": CONTENT_TYPE}, self._session(call, names, follower))

    def _session(self, call: Call, names: list[str], follower: _Follower) -> Iterator[bytes]:
        protocol, given = call.protocol, call.members
        yield event("initial-response", {}, protocol)
        started = {
            "requestId": call.http.request_id,
            "sessionId": secrets.token_hex(16),
            "logGroupIdentifiers": [arn("logs", f"log-group:{name}") for name in names],
            **{
                member: given[member]
                for member in ("logStreamNames", "logStreamNamePrefixes", "logEventFilterPattern")
                if given.get(member)
            },
        }
        yield event("sessionStart", started, protocol)
        until = time.monotonic() + LONGEST_SECONDS
        while not self._closed.wait(UPDATE_SECONDS):
            if time.monotonic() > until:
                yield failure("SessionTimeoutException", "The session has lasted for three hours.", protocol)
                return
            try:
                results, sampled = follower.news()
            except AwsError as error:
                yield failure("SessionStreamingException", error.message, protocol)
                return
            update = {"sessionMetadata": {"sampled": sampled}, "sessionResults": results}
            yield event("sessionUpdate", update, protocol)


class _Follower:
    """Knows up to where each stream was told; it begins at what comes next."""

    def __init__(self, logs: Logs, names: list[str], given: Mapping[str, Any]) -> None:
        self._logs, self._names = logs, names
        self._chosen = frozenset(given.get("logStreamNames") or ())
        self._prefixes = tuple(given.get("logStreamNamePrefixes") or ())
        self._matches = compile_pattern(given.get("logEventFilterPattern") or "")
        self._told: dict[int, int] = {row["id"]: row["next"] - 1 for _, row in self._streams()}

    def _streams(self) -> list[tuple[str, Any]]:
        found = []
        for name in self._names:
            for row in self._logs.db.query("SELECT id, name, next FROM log_streams WHERE grp=?", (name,)):
                wanted = not self._chosen or row["name"] in self._chosen
                if wanted and (not self._prefixes or row["name"].startswith(self._prefixes)):
                    found.append((name, row))
        return found

    def news(self) -> tuple[list[dict[str, object]], bool]:
        """The events that came since the last time, and whether some are left out because there were too many."""
        found: list[tuple[Event, str, str]] = []
        sampled = False
        for group, row in self._streams():
            after = self._told.get(row["id"], 0)
            if row["next"] - 1 <= after:
                continue
            events = self._logs.read(row["id"], after=after, limit=MOST_EVENTS, tail=False)
            self._told[row["id"]] = row["next"] - 1
            sampled = sampled or len(events) < row["next"] - 1 - after
            found += [(known, group, row["name"]) for known in events if self._matches(known.message)]
        found.sort(key=lambda item: item[0].at)
        results: list[dict[str, object]] = [
            {
                "logGroupIdentifier": arn("logs", f"log-group:{group}"),
                "logStreamName": stream,
                "message": known.message,
                "timestamp": known.at,
                "ingestionTime": known.ingested,
            }
            for known, group, stream in found[:MOST_EVENTS]
        ]
        return results, sampled or len(found) > MOST_EVENTS
