"""Following CloudWatch log streams without losing or doubling a line.

``FilterLogEvents`` by time misses events that arrive late and doubles those of the last millisecond, so each
stream is read with ``GetLogEvents`` and its forward token, which AWS guarantees to be gapless for one stream
(CloudWatch Logs API reference, GetLogEvents). A position over several streams is one opaque text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, NotFound
from workers.types import LogEvent

TRAINING_GROUP = "/aws/sagemaker/TrainingJobs"
ENDPOINT_GROUP = "/aws/sagemaker/Endpoints/{name}"
# GetLogEvents would give 10,000 events or 1 MB; a page is read and converted while a window paints.
PAGE_EVENTS = 1_000
_CONCURRENT_STREAMS = 4
_EMPTY_PAGES = 10


class Logs:
    """Reads log groups page by page, several streams merged by time."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def read(
        self,
        group: str,
        prefix: str = "",
        token: str | None = None,
        *,
        limit: int = PAGE_EVENTS,
        from_end: bool = False,
    ) -> tuple[tuple[LogEvent, ...], str]:
        """One page of the streams of ``group`` that begin with ``prefix``, oldest line first, and where to go on.

        Without ``token`` it begins at the first event, or with ``from_end`` at the last ``limit`` of each stream.
        Give the returned token to the next call; no events means that there are none yet. A group or stream that
        does not exist yet gives no events. Lines of one page are in time order over all streams.
        Raises ``SageDeckError``.
        """
        positions = _unpack(token)
        gate = asyncio.Semaphore(_CONCURRENT_STREAMS)

        async def page(stream: str) -> tuple[str, list[LogEvent], str | None]:
            async with gate:
                return await self._page(group, stream, positions.get(stream), limit, from_end)

        pages = await asyncio.gather(*(page(stream) for stream in await self._streams(group, prefix)))
        events = [event for _, found, _ in pages for event in found]
        events.sort(key=lambda event: event.at)
        following = {**positions, **{stream: position for stream, _, position in pages if position}}
        return tuple(events), json.dumps(following)

    async def read_all(self, group: str, prefix: str = "") -> tuple[LogEvent, ...]:
        """Every event there is now, oldest first. Raises ``SageDeckError``."""
        everything: list[LogEvent] = []
        token: str | None = None
        while True:
            events, token = await self.read(group, prefix, token)
            if not events:
                return tuple(sorted(everything, key=lambda event: event.at))
            everything.extend(events)

    async def _streams(self, group: str, prefix: str) -> list[str]:
        parameters = {"logGroupName": group, **({"logStreamNamePrefix": prefix} if prefix else {})}
        try:
            return [
                stream["logStreamName"]
                async for stream in self._session.paginate(
                    "logs", "describe_log_streams", "logStreams", doing="read the log", **parameters
                )
            ]
        except NotFound:
            return []

    async def _page(
        self, group: str, stream: str, position: str | None, limit: int, from_end: bool
    ) -> tuple[str, list[LogEvent], str | None]:
        items: list[dict[str, Any]] = []
        for _ in range(_EMPTY_PAGES):
            start: dict[str, object] = (
                {"nextToken": position, "startFromHead": True} if position else {"startFromHead": not from_end}
            )
            try:
                answer = await self._session.call(
                    "logs",
                    "get_log_events",
                    doing="read the log",
                    logGroupName=group,
                    logStreamName=stream,
                    limit=limit,
                    **start,
                )
            except NotFound:
                break
            items = answer.get("events") or []
            before, position = position, answer.get("nextForwardToken") or position
            # An empty page is the end only when its token is the one that was sent.
            if items or position == before:
                break
        return stream, [_event(item, stream) for item in items], position


def _event(item: Mapping[str, Any], stream: str) -> LogEvent:
    at = datetime.fromtimestamp(item["timestamp"] / 1000, UTC)
    return LogEvent(at=at, message=item["message"].rstrip("\n"), stream=stream)


def _unpack(token: str | None) -> Mapping[str, str]:
    if not token:
        return {}
    try:
        positions = json.loads(token)
    except ValueError:
        positions = None
    if not isinstance(positions, dict):
        raise InvalidInput("Could not read the log", "The position in the log is not valid; start from its beginning.")
    return positions
