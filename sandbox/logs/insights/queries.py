"""Logs Insights: its operations. A query runs in a thread; its answer is kept for a week, as on AWS."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.core.account import ACCOUNT_ID
from sandbox.core.diagnostics import tell_exception
from sandbox.core.numbers import whole
from sandbox.core.state import utc_ms
from sandbox.logs.insights.language import MOST_ROWS, Command, parse
from sandbox.logs.insights.running import POINTER, Counted, Row, discovered, moment, run
from sandbox.logs.names import group_names
from sandbox.logs.store import Logs
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import (
        DescribeQueriesRequestTypeDef,
        GetQueryResultsRequestTypeDef,
        StartQueryRequestTypeDef,
        StopQueryRequestTypeDef,
    )

# CloudWatch Logs quotas: groups of one query, queries at once, how long a query runs and its answer is kept.
MOST_GROUPS = 50
MOST_AT_ONCE = 30
LONGEST_SECONDS = 60 * 60.0
KEPT_SECONDS = 7 * 86_400.0
# A query looks at its end after each event.
_END_SECONDS = 5.0
# A time beyond this is in milliseconds (the year 5138 otherwise); AWS takes both.
_MILLISECONDS_FROM = 100_000_000_000
_SCHEMA = """CREATE TABLE IF NOT EXISTS log_queries (id TEXT PRIMARY KEY, grp TEXT NOT NULL, text TEXT NOT NULL,
    status TEXT NOT NULL, created INTEGER NOT NULL, results TEXT NOT NULL, statistics TEXT NOT NULL,
    took INTEGER NOT NULL)"""
_RUNNING = ("Scheduled", "Running")


class _Stopped(Exception):
    """Somebody ended the query."""


class _TooLong(Exception):
    """It ran for longer than a query may."""


class Insights:
    """The queries of one state folder."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        logs.db.execute(_SCHEMA)
        logs.db.execute("DELETE FROM log_queries WHERE created < ?", (utc_ms() - KEPT_SECONDS * 1000,))
        logs.db.execute("UPDATE log_queries SET status='Failed' WHERE status IN (?,?)", _RUNNING)
        self._lock = threading.Lock()
        self._ends: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self.operations: dict[str, Operation] = {
            "StartQuery": self._start,
            "GetQueryResults": self._results,
            "StopQuery": self._stop,
            "DescribeQueries": self._describe,
        }

    def close(self) -> None:
        """End what runs; the database is closed soon."""
        with self._lock:
            running = list(self._threads.items())
        for identifier, thread in running:
            if (over := self._ends.get(identifier)) is not None:
                over.set()
            thread.join(_END_SECONDS)

    def _start(self, given: StartQueryRequestTypeDef, caller: Caller) -> dict[str, object]:
        if given.get("queryLanguage", "CWLI") != "CWLI":
            raise AwsError("InvalidParameterException", "The sandbox knows the query language CWLI alone.")
        commands = parse(given["queryString"])
        names = group_names(given)
        if not 1 <= len(names) <= MOST_GROUPS:
            raise AwsError("InvalidParameterException", f"A query needs 1 to {MOST_GROUPS} log groups.")
        for name in names:
            self._logs.group(name)
        start, end = _milliseconds(given["startTime"]), _milliseconds(given["endTime"])
        if start > end:
            raise AwsError("InvalidParameterException", "The start time of a query must not be after its end time.")
        identifier, over = secrets.token_hex(16), threading.Event()
        identifier = "-".join((identifier[:8], identifier[8:12], identifier[12:16], identifier[16:20], identifier[20:]))
        with self._lock:
            if len(self._ends) >= MOST_AT_ONCE:
                raise AwsError("LimitExceededException", f"At most {MOST_AT_ONCE} queries run at once.")
            self._ends[identifier] = over
        self._logs.db.execute(
            "INSERT INTO log_queries VALUES (?,?,?,'Running',?,'[]','{}',0)",
            (identifier, names[0], given["queryString"], utc_ms()),
        )
        limit = given.get("limit") or MOST_ROWS
        work = (identifier, commands, names, (start, end), limit, over)
        thread = threading.Thread(target=self._run, args=work, name=f"query {identifier}", daemon=True)
        with self._lock:
            self._threads[identifier] = thread
        thread.start()
        return {"queryId": identifier}

    def _run(
        self,
        identifier: str,
        commands: list[Command],
        names: list[str],
        span: tuple[int, int],
        limit: int,
        over: threading.Event,
    ) -> None:
        began, counted, results = time.monotonic(), Counted(), []
        try:
            results = run(commands, self._rows(names, span, counted, over), limit, counted)
            status = "Complete"
        except _Stopped:
            status = "Cancelled"
        except _TooLong:
            status = "Timeout"
        except AwsError:
            status = "Failed"
        except Exception as error:
            tell_exception(error)
            status = "Failed"
        statistics = {
            "recordsMatched": float(counted.matched),
            "recordsScanned": float(counted.scanned),
            "bytesScanned": float(counted.size),
            "logGroupsScanned": float(len(names)),
        }
        took = int((time.monotonic() - began) * 1000)
        self._logs.db.execute(
            "UPDATE log_queries SET status=?, results=?, statistics=?, took=? WHERE id=?",
            (status, json.dumps(results), json.dumps(statistics), took, identifier),
        )
        with self._lock:
            self._threads.pop(identifier, None)
            self._ends.pop(identifier, None)

    def _rows(self, names: list[str], span: tuple[int, int], counted: Counted, over: threading.Event) -> Iterator[Row]:
        """The events of the groups in this time, the oldest first, as fields."""
        streams: dict[int, tuple[str, str]] = {}
        for name in names:
            rows = self._logs.db.query("SELECT id, name FROM log_streams WHERE grp=?", (name,))
            streams |= {row["id"]: (name, row["name"]) for row in rows}
        latest = time.monotonic() + LONGEST_SECONDS
        for event in self._logs.scan(list(streams), span[0], span[1] + 1, (0, 0, 0)):
            if over.is_set():
                raise _Stopped
            if time.monotonic() > latest:
                raise _TooLong
            counted.scanned += 1
            counted.size += len(event.message)
            group, stream = streams[event.stream_id]
            yield {
                **discovered(event.message),
                "@timestamp": moment(event.at),
                "@ingestionTime": moment(event.ingested),
                "@message": event.message,
                "@logStream": stream,
                "@log": f"{ACCOUNT_ID}:{group}",
                POINTER: f"{event.stream_id:x}.{event.seq:x}",
            }

    def _query(self, identifier: str) -> Any:
        row = self._logs.db.one("SELECT * FROM log_queries WHERE id=?", (identifier,))
        if row is None:
            raise AwsError("ResourceNotFoundException", f"Query {identifier} does not exist.")
        return row

    def _results(self, given: GetQueryResultsRequestTypeDef, caller: Caller) -> dict[str, object]:
        row = self._query(given["queryId"])
        results, start = json.loads(row["results"]), _place(given.get("nextToken"))
        until = start + (given.get("maxItems") or MOST_ROWS)
        more = {"nextToken": str(until)} if until < len(results) else {}
        statistics = json.loads(row["statistics"])
        return {
            "queryLanguage": "CWLI",
            "results": results[start:until],
            "statistics": statistics | ({"resultCount": float(len(results))} if statistics else {}),
            "status": row["status"],
            **more,
        }

    def _stop(self, given: StopQueryRequestTypeDef, caller: Caller) -> dict[str, object]:
        row = self._query(given["queryId"])
        with self._lock:
            over = self._ends.get(given["queryId"])
        if over is None:
            raise AwsError("InvalidParameterException", f"Query {given['queryId']} is in state {row['status']}.")
        over.set()
        return {"success": True}

    def _describe(self, given: DescribeQueriesRequestTypeDef, caller: Caller) -> dict[str, object]:
        if given.get("queryLanguage", "CWLI") != "CWLI":
            return {"queries": []}
        wanted = {"grp": given.get("logGroupName"), "status": given.get("status")}
        rows = self._logs.db.query(
            "SELECT * FROM log_queries WHERE (:grp IS NULL OR grp=:grp) AND (:status IS NULL OR status=:status)"
            " ORDER BY created DESC, id",
            wanted,
        )
        start = _place(given.get("nextToken"))
        until = start + (given.get("maxResults") or len(rows))
        queries = [
            {
                "queryLanguage": "CWLI",
                "queryId": row["id"],
                "queryString": row["text"],
                "status": row["status"],
                "createTime": row["created"],
                "logGroupName": row["grp"],
                "queryDuration": row["took"],
            }
            for row in rows[start:until]
        ]
        return {"queries": queries} | ({"nextToken": str(until)} if until < len(rows) else {})


def _milliseconds(value: int) -> int:
    return value if value >= _MILLISECONDS_FROM else value * 1000


def _place(token: str | None) -> int:
    place = whole(token) if token else 0
    if place is None:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return place
