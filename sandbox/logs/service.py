"""CloudWatch Logs: its operations over ``logs.store``."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID, arn
from sandbox.core.numbers import whole
from sandbox.core.state import utc_ms
from sandbox.logs.insights.queries import Insights
from sandbox.logs.live_tail import LiveTails
from sandbox.logs.names import group_name
from sandbox.logs.patterns import compile_pattern
from sandbox.logs.received import received
from sandbox.logs.store import Event, Logs
from sandbox.logs.tags import LogTags
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, RestResponse

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import (
        CreateLogGroupRequestTypeDef,
        CreateLogStreamRequestTypeDef,
        DeleteLogGroupRequestTypeDef,
        DeleteLogStreamRequestTypeDef,
        DeleteRetentionPolicyRequestTypeDef,
        DescribeLogGroupsRequestTypeDef,
        DescribeLogStreamsRequestTypeDef,
        FilterLogEventsRequestTypeDef,
        GetLogEventsRequestTypeDef,
        ListLogGroupsRequestTypeDef,
        PutLogEventsRequestTypeDef,
        PutRetentionPolicyRequestTypeDef,
    )


STREAM_NAME = re.compile(r"[^:*]{1,512}")
RETENTIONS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
# CloudWatch Logs API Reference, GetLogEvents and FilterLogEvents: 10,000 events or 1 MB a page. A page of a
# filter that finds nothing ends after so many lines, so that one request does not read the whole disk.
MAX_PAGE_EVENTS = 10_000
MAX_PAGE_BYTES = 1024 * 1024
MAX_SCANNED = 200_000
SEQUENCE_TOKEN = "49600000000000000000000000000000000000000000000000000000"  # noqa: S105
LIVE_TAIL = "StartLiveTail"
Params = dict[str, Any]


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _limit(params: Mapping[str, object], default: int, largest: int) -> int:
    value = params.get("limit") or default
    if not isinstance(value, int) or not 1 <= value <= largest:
        raise _invalid(f"limit must be between 1 and {largest}.")
    return value


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _decode(token: str, like: Any) -> Any:
    """What ``_encode`` was given, if it was a value like this one."""
    try:
        value = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, RecursionError) as exc:
        raise _invalid("The specified nextToken is invalid.") from exc
    if _kinds(value) != _kinds(like):
        raise _invalid("The specified nextToken is invalid.")
    return value


def _kinds(value: object) -> object:
    return [type(item) for item in value] if isinstance(value, list | tuple) else type(value)


class LogsService(Service):
    """The CloudWatch Logs of the sandbox."""

    name = "logs"
    invalid = "InvalidParameterException"
    undone = {
        "CreateLogGroup": {
            "kmsKeyId": (),
            "logGroupClass": ("STANDARD",),
            "deletionProtectionEnabled": (False,),
        },
        "DescribeLogGroups": {"accountIdentifiers": ([], [ACCOUNT_ID]), "logGroupClass": ("STANDARD",)},
        "FilterLogEvents": {"startFromHead": (True,)},
        "ListLogGroups": {
            "accountIdentifiers": ([], [ACCOUNT_ID]),
            "logGroupClass": ("STANDARD",),
            "dataSources": ([],),
            "fieldIndexNames": ([],),
            "logGroupTags": ([],),
        },
        "PutLogEvents": {"entity": ()},
    }

    def start(self, ctx: SandboxContext) -> None:
        """Register the operations."""
        self._logs: Logs = ctx.part(Logs)
        self._tags = LogTags(self._logs)
        self.operations = {
            "CreateLogGroup": self._create_group,
            "DeleteLogGroup": self._delete_group,
            "DescribeLogGroups": self._describe_groups,
            "ListLogGroups": self._list_groups,
            "CreateLogStream": self._create_stream,
            "DeleteLogStream": self._delete_stream,
            "DescribeLogStreams": self._describe_streams,
            "PutLogEvents": self._put,
            "GetLogEvents": self._get,
            "FilterLogEvents": self._filter,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": self._delete_retention,
            # None of these can be made here; of a group there is, that is the answer.
            "DescribeMetricFilters": lambda given, _: {"metricFilters": self._none_of(given)},
            "DescribeSubscriptionFilters": lambda given, _: {"subscriptionFilters": self._none_of(given)},
            **self._tags.operations,
        }
        self._insights = Insights(self._logs)
        self.operations |= self._insights.operations
        self._tails = LiveTails(self._logs)

    def stop(self) -> None:
        """End the queries that run and the sessions that listen."""
        self._tails.close()
        self._insights.close()

    def served(self) -> Collection[str]:
        """The operations, and the one whose answer goes on."""
        return {*self.operations, LIVE_TAIL}

    def handle(self, call: Call, refusals: Refusals) -> RestResponse | None:
        """StartLiveTail answers as long as somebody listens."""
        return self._tails.start(call) if call.operation == LIVE_TAIL else None

    def check(self, call: Call) -> Call:
        """The call with its members checked."""
        if "*" in str(call.members.get("logGroupIdentifier", "")):
            # The one pattern of which Logs does not show what broke it.
            raise _invalid(
                "1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: Member must "
                r"satisfy regular expression pattern: [\w#+=/:,.@-]*"
            )
        return super().check(call)

    def _none_of(self, params: Mapping[str, object]) -> list[object]:
        if group := group_name(params):
            self._logs.group(group)
        return []

    def _group_name(self, params: Mapping[str, object]) -> str:
        name = group_name(params)
        if not name:
            raise _invalid("logGroupName must have 1 to 512 characters.")
        return name

    def _stream_name(self, params: Mapping[str, object]) -> str:
        name = params.get("logStreamName")
        if not isinstance(name, str) or not STREAM_NAME.fullmatch(name):
            raise _invalid("logStreamName must have 1 to 512 characters, without ':' and '*'.")
        return name

    def _create_group(self, params: CreateLogGroupRequestTypeDef, caller: Caller) -> Params:
        group, tags = self._group_name(params), params.get("tags") or {}
        self._tags.check(tags)
        self._logs.create_group(group)
        self._tags.add(group, tags)
        return {}

    def _delete_group(self, params: DeleteLogGroupRequestTypeDef, caller: Caller) -> Params:
        self._logs.delete_group(self._group_name(params))
        return {}

    def _create_stream(self, params: CreateLogStreamRequestTypeDef, caller: Caller) -> Params:
        self._logs.create_stream(self._group_name(params), self._stream_name(params))
        return {}

    def _delete_stream(self, params: DeleteLogStreamRequestTypeDef, caller: Caller) -> Params:
        self._logs.delete_stream(self._group_name(params), self._stream_name(params))
        return {}

    def _put_retention(self, params: PutRetentionPolicyRequestTypeDef, caller: Caller) -> Params:
        days = params.get("retentionInDays")
        if days not in RETENTIONS:
            raise _invalid(f"retentionInDays must be one of {sorted(RETENTIONS)}.")
        self._logs.set_retention(self._group_name(params), days)
        return {}

    def _delete_retention(self, params: DeleteRetentionPolicyRequestTypeDef, caller: Caller) -> Params:
        self._logs.set_retention(self._group_name(params), None)
        return {}

    def _describe_groups(self, params: DescribeLogGroupsRequestTypeDef, caller: Caller) -> Params:
        limit = _limit(params, 50, 50)
        if params.get("logGroupIdentifiers"):
            raise _invalid("The sandbox lists log groups by logGroupNamePrefix or logGroupNamePattern only.")
        prefix, pattern = params.get("logGroupNamePrefix") or "", params.get("logGroupNamePattern") or ""
        after = _decode(params["nextToken"], "") if params.get("nextToken") else ""
        rows = self._logs.db.query(
            "SELECT g.*, (SELECT coalesce(sum(bytes),0) FROM log_streams WHERE grp=g.name) AS bytes"
            " FROM log_groups g WHERE name > ? ORDER BY name",
            (after,),
        )
        found = [row for row in rows if row["name"].startswith(prefix) and pattern in row["name"]]
        groups = []
        for row in found[:limit]:
            group = {
                "logGroupName": row["name"],
                "creationTime": row["created"],
                "metricFilterCount": 0,
                "arn": arn("logs", f"log-group:{row['name']}:*"),
                "logGroupArn": arn("logs", f"log-group:{row['name']}"),
                "storedBytes": row["bytes"],
                "logGroupClass": "STANDARD",
            }
            if row["retention"] is not None:
                group["retentionInDays"] = row["retention"]
            groups.append(group)
        answer: Params = {"logGroups": groups}
        if len(found) > limit:
            answer["nextToken"] = _encode(found[limit - 1]["name"])
        return answer

    def _list_groups(self, params: ListLogGroupsRequestTypeDef, caller: Caller) -> Params:
        asked: DescribeLogGroupsRequestTypeDef = {"limit": min(params.get("limit") or 50, 50)}
        if "logGroupNamePattern" in params:
            asked["logGroupNamePattern"] = params["logGroupNamePattern"]
        if "nextToken" in params:
            asked["nextToken"] = params["nextToken"]
        page = self._describe_groups(asked, caller)
        names = ("logGroupName", "logGroupArn", "logGroupClass")
        answer: Params = {"logGroups": [{name: group[name] for name in names} for group in page["logGroups"]]}
        if "nextToken" in page:
            answer["nextToken"] = page["nextToken"]
        return answer

    def _describe_streams(self, params: DescribeLogStreamsRequestTypeDef, caller: Caller) -> Params:
        group = self._group_name(params)
        self._logs.group(group)
        limit, prefix = _limit(params, 50, 50), params.get("logStreamNamePrefix") or ""
        by_time = params.get("orderBy") == "LastEventTime"
        if by_time and prefix:
            raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        rows = self._logs.db.query("SELECT * FROM log_streams WHERE grp=? ORDER BY name", (group,))
        rows = [row for row in rows if row["name"].startswith(prefix)]
        if by_time:
            rows.sort(key=lambda row: (row["last"] or 0, row["name"]))
        if params.get("descending"):
            rows.reverse()
        offset = _decode(params["nextToken"], 0) if params.get("nextToken") else 0
        streams = []
        for row in rows[offset : offset + limit]:
            stream = {
                "logStreamName": row["name"],
                "creationTime": row["created"],
                "arn": arn("logs", f"log-group:{group}:log-stream:{row['name']}"),
                "storedBytes": 0,
            }
            if row["last"] is not None:
                stream["firstEventTimestamp"] = row["first"]
                stream["lastEventTimestamp"] = row["last"]
                stream["lastIngestionTime"] = row["ingested"]
                stream["uploadSequenceToken"] = SEQUENCE_TOKEN
            streams.append(stream)
        answer: Params = {"logStreams": streams}
        if offset + limit < len(rows):
            answer["nextToken"] = _encode(offset + limit)
        return answer

    def _put(self, params: PutLogEventsRequestTypeDef, caller: Caller) -> Params:
        group, stream = self._group_name(params), self._stream_name(params)
        self._logs.stream(group, stream)
        sorted_out = received(params["logEvents"], utc_ms(), self._logs.group(group)["retention"])
        self._logs.append(group, stream, sorted_out.lines)
        answer: Params = {"nextSequenceToken": SEQUENCE_TOKEN}
        if sorted_out.rejected:
            answer["rejectedLogEventsInfo"] = dict(sorted_out.rejected)
        return answer

    def _get(self, params: GetLogEventsRequestTypeDef, caller: Caller) -> Params:
        row = self._logs.stream(self._group_name(params), self._stream_name(params))
        limit = _limit(params, MAX_PAGE_EVENTS, MAX_PAGE_EVENTS)
        start, end = params.get("startTime") or 0, params.get("endTime")
        token = params.get("nextToken") or ""
        after, before, tail = 0, 0, not params.get("startFromHead")
        if token:
            kind, _, number = token.partition("/")
            place = whole(number.lstrip("0") or "0") if number else None
            if kind not in ("f", "b") or place is None:
                raise _invalid("The specified nextToken is invalid.")
            tail = kind == "b"
            after, before = (0, place) if tail else (place, 0)
        if token.startswith("b/") and before == 0:
            events: list[Event] = []
        else:
            events = self._logs.read(
                row["id"],
                after=after,
                before=before,
                start=start,
                end=(1 << 62) if end is None else end,
                limit=limit,
                tail=tail,
            )
        events = _fit(events, tail)
        first = events[0].seq if events else (before or after + 1)
        last = events[-1].seq if events else _end_of_nothing(token, after, before, row["next"])
        return {
            "events": [{"timestamp": e.at, "message": e.message, "ingestionTime": e.ingested} for e in events],
            "nextForwardToken": f"f/{last:056d}",
            "nextBackwardToken": f"b/{first:056d}",
        }

    def _filter(self, params: FilterLogEventsRequestTypeDef, caller: Caller) -> Params:
        group = self._group_name(params)
        self._logs.group(group)
        limit = _limit(params, MAX_PAGE_EVENTS, MAX_PAGE_EVENTS)
        matches = compile_pattern(params.get("filterPattern") or "")
        names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
        if names and prefix:
            raise _invalid("logStreamNames and logStreamNamePrefix exclude each other.")
        rows = self._logs.db.query("SELECT id, name FROM log_streams WHERE grp=? ORDER BY id", (group,))
        if names:
            for name in names:
                self._logs.stream(group, name)
        chosen = {
            row["id"]: row["name"]
            for row in rows
            if (not names or row["name"] in names) and (not prefix or row["name"].startswith(prefix))
        }
        start, end = params.get("startTime") or 0, params.get("endTime")
        after = (0, 0, 0)
        if params.get("nextToken"):
            after = tuple(_decode(params["nextToken"], after))
        found: list[Event] = []
        size, more = 0, False
        events = self._logs.scan(list(chosen), start, (1 << 62) if end is None else end + 1, after)
        for scanned, event in enumerate(events):
            if len(found) >= limit or size > MAX_PAGE_BYTES or scanned >= MAX_SCANNED:
                more = True
                break
            after = (event.at, event.stream_id, event.seq)
            if matches(event.message):
                size += len(event.message) + 26
                found.append(event)
        answer: Params = {
            "events": [
                {
                    "logStreamName": chosen[event.stream_id],
                    "timestamp": event.at,
                    "message": event.message,
                    "ingestionTime": event.ingested,
                    "eventId": f"{event.at:020d}{event.stream_id:016d}{event.seq:020d}",
                }
                for event in found
            ],
            "searchedLogStreams": [],
        }
        if more:
            answer["nextToken"] = _encode(after)
        return answer


def _end_of_nothing(token: str, after: int, before: int, following: int) -> int:
    """Where a follower goes on after an empty page, so that no later line is missed."""
    if token.startswith("f/"):
        return after
    return max(before - 1, 0) if token else following - 1


def _fit(events: list[Event], tail: bool) -> list[Event]:
    """As many events as fit into one page of 1 MiB, from the end (``tail``) or from the start."""
    size, kept = 0, 0
    for event in reversed(events) if tail else events:
        size += len(event.message) + 26
        if size > MAX_PAGE_BYTES and kept:
            break
        kept += 1
    return events[len(events) - kept :] if tail else events[:kept]
