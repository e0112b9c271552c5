"""Logs Insights: what a query answers, how it is refused, and that its answer stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.core.state import StateDir
from sandbox.logs.insights.language import parse
from sandbox.logs.service import LogsService
from sandbox.logs.store import Logs
from sandbox.wire.errors import AwsError
from tests.helpers.calls import ask
from tests.helpers.waiting import wait_for

# 2026-01-02 03:04:00 UTC, in milliseconds.
BEGIN = 1_767_323_040_000
LINES = (
    (0, "a", "START job 1"),
    (1_000, "a", '{"level": "ERROR", "status": 500, "took": {"ms": 12.5}}'),
    (61_000, "b", "an ERROR in a line"),
    (62_000, "b", '{"level": "INFO", "status": 200, "took": {"ms": 7.5}}'),
    (130_000, "a", '{"level": "INFO", "status": 404}'),
)


class Account:
    """A store of logs with a few lines, and the service over it."""

    def __init__(self, state: StateDir) -> None:
        self.logs = Logs(state)
        self.service = LogsService()
        self.service.start(SimpleNamespace(part=lambda kind: self.logs))  # type: ignore[arg-type]

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return ask(self.service, operation, params)

    def start(self, text: str, **more: Any) -> str:
        span = {"startTime": BEGIN // 1000, "endTime": BEGIN // 1000 + 600}
        names = {} if "logGroupNames" in more or "logGroupIdentifiers" in more else {"logGroupName": "group"}
        return str(self.call("StartQuery", queryString=text, **{**span, **names, **more})["queryId"])

    def finished(self, identifier: str) -> dict[str, Any]:
        wait_for(lambda: self.call("GetQueryResults", queryId=identifier)["status"] not in ("Running", "Scheduled"))
        return self.call("GetQueryResults", queryId=identifier)

    def rows(self, text: str, **more: Any) -> list[dict[str, str]]:
        answer = self.finished(self.start(text, **more))
        assert answer["status"] == "Complete"
        return [{item["field"]: item["value"] for item in row} for row in answer["results"]]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    state = StateDir(tmp_path / "state")
    account = Account(state)
    for at, stream, text in LINES:
        account.logs.put("group", stream, [(BEGIN + at, text)])
    account.logs.put("other", "s", [(BEGIN + 5_000, "elsewhere")])
    yield account
    account.service.stop()
    account.logs.close()
    state.close()


def test_a_query_without_an_order_shows_the_last_events_first(account: Account) -> None:
    rows = account.rows("fields @timestamp, @message | limit 2")
    assert [row["@message"] for row in rows] == [LINES[4][2], LINES[3][2]]
    assert rows[0]["@timestamp"] == "2026-01-02 03:06:10.000"
    assert set(rows[0]) == {"@timestamp", "@message", "@ptr"} and len({row["@ptr"] for row in rows}) == 2
    assert account.rows("filter @message = 'none'") == []


FILTERS = [
    ("@message like /(?i)error/", [1, 2]),
    ("@message like 'ERROR'", [1, 2]),
    ("@message not like /ERROR|INFO/", [0]),
    ("@message =~ /^START/", [0]),
    ("status = 500", [1]),
    ("status != 200", [1, 4]),
    ("status >= 404 and status < 500", [4]),
    ('level = "INFO" and not status = 404', [3]),
    ("took.ms > 10 or @logStream = 'b'", [1, 2, 3]),
    ("(took.ms > 10 or @logStream = 'b') and level = 'INFO'", [3]),
    ("status in [200, 404]", [3, 4]),
    ("status not in [200, 404] and ispresent(status)", [1]),
    ("@log = '123456789012:group' and @timestamp < '2026-01-02 03:04:01.000'", [0]),
]


@pytest.mark.parametrize(("condition", "wanted"), FILTERS)
def test_a_filter_keeps_what_its_condition_says(account: Account, condition: str, wanted: list[int]) -> None:
    rows = account.rows(f"filter {condition} | fields @message # why\n| sort @timestamp asc")
    assert [row["@message"] for row in rows] == [LINES[place][2] for place in wanted]


def test_figures_by_time_and_by_field(account: Account) -> None:
    rows = account.rows("stats count(*) as lines, avg(took.ms) by bin(1m) | sort bin(1m)")
    assert rows == [
        {"bin(1m)": "2026-01-02 03:04:00.000", "lines": "2", "avg(took.ms)": "12.5"},
        {"bin(1m)": "2026-01-02 03:05:00.000", "lines": "2", "avg(took.ms)": "7.5"},
        {"bin(1m)": "2026-01-02 03:06:00.000", "lines": "1"},
    ]
    rows = account.rows(
        "filter ispresent(level) | stats count(), min(status), max(status) by level | sort count(*) desc"
    )
    assert rows == [
        {"level": "INFO", "count(*)": "2", "min(status)": "200", "max(status)": "404"},
        {"level": "ERROR", "count(*)": "1", "min(status)": "500", "max(status)": "500"},
    ]
    assert account.rows("stats sum(status), count_distinct(level)") == [
        {"sum(status)": "1104", "count_distinct(level)": "2"}
    ]
    assert account.rows("filter level = 'none' | stats count(*)") == [{"count(*)": "0"}]


def test_order_limit_display_and_names(account: Account) -> None:
    rows = account.rows("fields status as code, @message | sort status desc, @timestamp | limit 3 | display code")
    assert [row["code"] for row in rows] == ["500", "404", "200"] and set(rows[0]) == {"code", "@ptr"}
    # What has no value comes last, in either order.
    assert "status" not in account.rows("fields status | sort status asc")[-1]


def test_several_groups_the_time_and_pages(account: Account) -> None:
    assert len(account.rows("fields @log", logGroupNames=["group", "other"])) == 6
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:other"
    assert account.rows("fields @log", logGroupIdentifiers=[arn])[0]["@log"] == "123456789012:other"
    assert len(account.rows("fields @message", startTime=BEGIN // 1000 + 60, endTime=BEGIN // 1000 + 62)) == 2
    assert len(account.rows("fields @message", startTime=BEGIN, endTime=BEGIN + 1_000)) == 2
    identifier = account.start("fields @message", limit=3)
    assert len(account.finished(identifier)["results"]) == 3
    first = account.call("GetQueryResults", queryId=identifier, maxItems=2)
    rest = account.call("GetQueryResults", queryId=identifier, nextToken=first["nextToken"])
    assert first["results"] + rest["results"] == account.finished(identifier)["results"]
    assert first["statistics"]["recordsScanned"] == 5.0


REFUSED = [
    *("", "nonsense", "fields", "fields @message |", "filter", "filter status ==", "filter (status = 1", "limit 0"),
    *("limit 10001", "parse @message '*' as a", "dedup status", "stats median(status)", "stats count(*) by bin(0m)"),
    *("fields concat(a, b)", "filter @message like /(/", "SOURCE 'group' | fields a", "sort", "stats", "fields a ; b"),
    *("stats count(*) | stats count(*)", "filter " + "(" * 50 + "a = 1" + ")" * 50, "filter status = other", "tail 5"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_of_the_language_is_refused_with_its_place(account: Account, text: str) -> None:
    with pytest.raises(AwsError) as caught:
        account.start(text)
    if text:
        assert caught.value.code == "MalformedQueryException"
        location = caught.value.extra["queryCompileError"]["location"]  # type: ignore[index]
        assert 0 <= location["startCharOffset"] <= location["endCharOffset"] <= len(text)


def test_refusals_of_what_is_around_a_query(account: Account) -> None:
    for code, more in (
        ("ResourceNotFoundException", {"logGroupNames": ["absent"]}),
        ("InvalidParameterException", {"logGroupNames": ["group"], "logGroupName": "group"}),
        ("InvalidParameterException", {"startTime": 2, "endTime": 1}),
        ("InvalidParameterException", {"queryLanguage": "SQL"}),
        ("InvalidParameterException", {"logGroupIdentifiers": ["arn:aws:logs:eu-west-1:123456789012:log-group:group"]}),
    ):
        with pytest.raises(AwsError, match=code):
            account.start("fields a", **more)
    for operation in ("GetQueryResults", "StopQuery"):
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            account.call(operation, queryId="0" * 8)


def test_an_expression_that_takes_for_ever_fails_the_query(account: Account) -> None:
    account.logs.put("group", "slow", [(BEGIN, "a" * 200 + "!")])
    assert account.finished(account.start("filter @message like /(a|aa)+$/"))["status"] == "Failed"


def test_answers_outlive_the_sandbox_and_queries_that_ran_have_failed(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    account = Account(state)
    account.logs.put("group", "s", [(BEGIN, "line")])
    identifier = account.start("fields @message")
    before = account.finished(identifier)
    with pytest.raises(AwsError, match="is in state Complete"):
        account.call("StopQuery", queryId=identifier)
    account.logs.db.execute(
        "INSERT INTO log_queries SELECT 'running', grp, text, 'Running', created, results, statistics, took"
        " FROM log_queries"
    )
    account.logs.close()
    account = Account(state)
    assert account.call("GetQueryResults", queryId=identifier) == before
    listed = account.call("DescribeQueries", logGroupName="group")["queries"]
    assert {query["queryId"]: query["status"] for query in listed} == {identifier: "Complete", "running": "Failed"}
    assert account.call("DescribeQueries", status="Failed", maxResults=1)["queries"][0]["queryId"] == "running"
    account.logs.close()
    state.close()


def test_commands_are_words_in_any_case() -> None:
    assert len(parse("FIELDS a | Filter b = 'c' AND NOT d Like /e/ | SORT a DESC")) == 3
