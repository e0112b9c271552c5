"""CloudWatch Logs: order, pages, patterns, limits."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.core.state import StateDir
from sandbox.logs import limits as logs_limits
from sandbox.logs.patterns import compile_pattern
from sandbox.logs.service import LogsService
from sandbox.logs.store import Logs
from sandbox.wire.errors import AwsError, disk_full
from sandbox.wire.messages import Caller
from tests.helpers.calls import ask

CALLER = Caller("arn", "1", "K")
GROUP, STREAM = "/aws/sagemaker/TrainingJobs", "job/algo-1-1"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    state = StateDir(tmp_path / "state")
    made = Logs(state)
    yield made
    made.close()
    state.close()


@pytest.fixture
def service(logs: Logs) -> LogsService:
    made = LogsService()
    made.start(SimpleNamespace(part=lambda kind: logs))  # type: ignore[arg-type]
    return made


def call(service: LogsService, operation: str, **params: Any) -> dict[str, Any]:
    return ask(service, operation, params, CALLER)


def get(service: LogsService, **params: Any) -> dict[str, Any]:
    return call(service, "GetLogEvents", logGroupName=GROUP, logStreamName=STREAM, **params)


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def put(logs: Logs, *lines: str, at: int = 1000, stream: str = STREAM) -> None:
    logs.put(GROUP, stream, [(at + index, line) for index, line in enumerate(lines)])


def test_following_a_log_misses_nothing_and_repeats_nothing(logs: Logs, service: LogsService) -> None:
    put(logs, "a", "b", "c")
    first = get(service, startFromHead=True, limit=2)
    assert messages(first) == ["a", "b"]
    second = get(service, nextToken=first["nextForwardToken"])
    assert messages(second) == ["c"]
    end = get(service, nextToken=second["nextForwardToken"])
    assert messages(end) == []
    assert end["nextForwardToken"] == second["nextForwardToken"]
    put(logs, "d", at=5000)
    assert messages(get(service, nextToken=end["nextForwardToken"])) == ["d"]


def test_following_from_an_empty_log(logs: Logs, service: LogsService) -> None:
    logs.create_group(GROUP)
    logs.create_stream(GROUP, STREAM)
    token = get(service, startFromHead=True)["nextForwardToken"]
    assert get(service, nextToken=token)["nextForwardToken"] == token
    put(logs, "a")
    assert messages(get(service, nextToken=token)) == ["a"]


def test_the_newest_lines_come_first_when_asked_without_head(logs: Logs, service: LogsService) -> None:
    put(logs, *[str(number) for number in range(10)])
    page = get(service, limit=3)
    assert messages(page) == ["7", "8", "9"]
    before = get(service, nextToken=page["nextBackwardToken"], limit=3)
    assert messages(before) == ["4", "5", "6"]
    start = get(service, nextToken=before["nextBackwardToken"])
    assert messages(start) == ["0", "1", "2", "3"]
    assert messages(get(service, nextToken=start["nextBackwardToken"])) == []


def test_time_windows(logs: Logs, service: LogsService) -> None:
    put(logs, "a", "b", "c", "d", at=1000)
    assert messages(get(service, startTime=1001, endTime=1003)) == ["b", "c"]
    answer = call(service, "FilterLogEvents", logGroupName=GROUP, startTime=1001, endTime=1002)
    assert messages(answer) == ["b", "c"]


def test_a_page_is_at_most_a_megabyte(logs: Logs, service: LogsService) -> None:
    put(logs, *["x" * 100_000] * 25)
    pages, token = [], None
    while True:
        page = get(service, startFromHead=True, **({"nextToken": token} if token else {}))
        if not page["events"]:
            break
        assert sum(len(text) for text in messages(page)) <= 1024 * 1024
        pages.append(len(page["events"]))
        token = page["nextForwardToken"]
    assert sum(pages) == 25


def test_filtering_over_streams_by_time_and_page(logs: Logs, service: LogsService) -> None:
    for index in range(300):
        logs.put(GROUP, f"s{index % 3}", [(index // 2, f"line {index}")])
    token, got = None, []
    while True:
        more = {"nextToken": token} if token else {}
        page = call(service, "FilterLogEvents", logGroupName=GROUP, limit=7, **more)
        got += page["events"]
        token = page.get("nextToken")
        if not token:
            break
    assert len({event["eventId"] for event in got}) == 300
    assert [event["timestamp"] for event in got] == sorted(event["timestamp"] for event in got)
    named = call(service, "FilterLogEvents", logGroupName=GROUP, logStreamNames=["s1"], filterPattern="line")
    assert {event["logStreamName"] for event in named["events"]} == {"s1"}
    prefixed = call(service, "FilterLogEvents", logGroupName=GROUP, logStreamNamePrefix="s2", filterPattern='"line 2"')
    assert messages(prefixed)[0] == "line 2"


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("", "anything", True),
        ("epoch", "epoch=1", True),
        ("Epoch", "epoch=1", False),
        ("epoch loss", "epoch=1 train_loss=2", True),
        ("epoch missing", "epoch=1", False),
        ('"valid loss"', "a valid loss b", True),
        ('"valid loss"', "valid  loss", False),
        ("?ERROR ?WARN", "WARN x", True),
        ("?ERROR ?WARN", "INFO x", False),
        ("ERROR -Exiting", "ERROR Exiting", False),
        ("ERROR -Exiting", "ERROR x", True),
        (r"%loss=\d+\.\d+%", "loss=0.25", True),
        (r"%loss=\d+\.\d+%", "loss=none", False),
        (r'"say \"hi\""', 'say "hi"', True),
    ],
)
def test_patterns(pattern: str, line: str, expected: bool) -> None:
    assert compile_pattern(pattern)(line) is expected


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", "%(%"])
def test_patterns_that_are_not_offered_say_so(pattern: str) -> None:
    with pytest.raises(AwsError, match="InvalidParameterException"):
        compile_pattern(pattern)


def test_a_pattern_that_takes_too_long_is_refused() -> None:
    matches = compile_pattern("%(a|aa)+$%")
    with pytest.raises(AwsError, match="takes too long"):
        matches("a" * 3000 + "!")


def test_describing_groups_and_streams(logs: Logs, service: LogsService) -> None:
    for name in ("b", "a", "c"):
        put(logs, "x", stream=name, at={"a": 3000, "b": 1000, "c": 2000}[name])
    logs.create_group("/aws/sagemaker/Endpoints/e")
    groups = call(service, "DescribeLogGroups", logGroupNamePrefix="/aws/sagemaker/T")["logGroups"]
    assert [group["logGroupName"] for group in groups] == [GROUP]
    assert groups[0]["storedBytes"] > 0
    assert groups[0]["arn"] == f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}:*"
    streams = call(service, "DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["a", "b", "c"]
    newest = call(service, "DescribeLogStreams", logGroupName=GROUP, orderBy="LastEventTime", descending=True, limit=2)
    assert [stream["logStreamName"] for stream in newest["logStreams"]] == ["a", "c"]
    rest = call(
        service,
        "DescribeLogStreams",
        logGroupName=GROUP,
        orderBy="LastEventTime",
        descending=True,
        nextToken=newest["nextToken"],
    )
    assert [stream["logStreamName"] for stream in rest["logStreams"]] == ["b"]


def test_putting_by_the_api(service: LogsService) -> None:
    call(service, "CreateLogGroup", logGroupName="g")
    call(service, "CreateLogStream", logGroupName="g", logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 1, "message": "a"}, {"timestamp": now, "message": "b"}]
    call(service, "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)
    with pytest.raises(AwsError, match="chronological"):
        call(service, "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events[::-1])
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        call(service, "PutLogEvents", logGroupName="g", logStreamName="none", logEvents=events)
    with pytest.raises(AwsError, match="ResourceAlreadyExistsException"):
        call(service, "CreateLogGroup", logGroupName="g")
    call(service, "DeleteLogStream", logGroupName="g", logStreamName="s")
    call(service, "DeleteLogGroup", logGroupName="g")
    with pytest.raises(AwsError, match="log group does not exist"):
        call(service, "FilterLogEvents", logGroupName="g")


def test_retention(logs: Logs, service: LogsService) -> None:
    now = int(time.time() * 1000)
    logs.put(GROUP, STREAM, [(now - 2 * 86_400_000, "old"), (now, "new")])
    call(service, "PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
    assert call(service, "DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 1
    logs.put(GROUP, STREAM, [(now, "newer")])
    assert messages(get(service, startFromHead=True)) == ["new", "newer"]
    with pytest.raises(AwsError, match="retentionInDays"):
        call(service, "PutRetentionPolicy", logGroupName=GROUP, retentionInDays=2)


def test_a_huge_log_keeps_its_ends_and_says_what_is_missing(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("HEAD_BYTES", 20_000), ("TAIL_BYTES", 50_000), ("SLACK_BYTES", 10_000)):
        monkeypatch.setattr(logs_limits, name, value)
    total = 20_000
    for start in range(0, total, 500):
        logs.put(GROUP, STREAM, [(number, f"line {number:06d}") for number in range(start, start + 500)])
    lines: list[str] = []
    token = None
    while True:
        page = get(service, startFromHead=True, **({"nextToken": token} if token else {}))
        if not page["events"]:
            break
        lines += messages(page)
        token = page["nextForwardToken"]
    markers = [line for line in lines if line.startswith("[sandbox: ")]
    kept = [int(line.split()[1]) for line in lines if line.startswith("line ")]
    assert len(markers) == 1
    dropped = int(markers[0].split()[1])
    assert dropped + len(kept) == total
    assert kept[0] == 0
    assert kept[-1] == total - 1
    assert kept == sorted(kept)
    assert len(kept) * 38 < 90_000
    gap = lines.index(markers[0])
    assert kept[gap] - kept[gap - 1] - 1 == dropped


def test_all_logs_together_are_bounded(logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_limits, "TOTAL_BYTES", 3_000_000)
    for number in range(5):
        logs.put(GROUP, f"s{number}", [(number, "x" * 999)] * 1000)
    logs._limits.soon()
    logs.put(GROUP, "s5", [(9, "new")])
    group = call(service, "DescribeLogGroups")["logGroups"][0]
    assert group["storedBytes"] <= 3_000_000
    oldest = call(service, "GetLogEvents", logGroupName=GROUP, logStreamName="s0")
    assert messages(oldest) == ["[sandbox: this log's 1000 lines were dropped: all logs together keep 2 MB]"]
    newest = call(service, "FilterLogEvents", logGroupName=GROUP, logStreamNames=["s4"], limit=5)
    assert len(newest["events"]) == 5


def test_one_endless_line_is_cut(logs: Logs, service: LogsService) -> None:
    put(logs, "x" * 1_000_000)
    (line,) = messages(get(service))
    assert len(line) < 300_000
    assert line.endswith("characters cut]")


def test_a_full_disk_is_told_in_the_log_when_there_is_room_again(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(logs, "before")
    with monkeypatch.context() as patched:

        def full(*args: object) -> None:
            raise disk_full("/state")

        patched.setattr(logs, "append", full)
        put(logs, "lost 1", "lost 2")
        put(logs, "lost 3")
    put(logs, "after", at=9000)
    assert messages(get(service)) == ["before", "[sandbox: 3 lines are missing here: the disk was full]", "after"]


def test_fast_enough_for_a_chatty_job(logs: Logs) -> None:
    """200,000 lines: far below the time in which the loop would keep a machine busy."""
    started = time.process_time()
    for start in range(0, 200_000, 5000):
        logs.put(GROUP, STREAM, [(start + index, "x" * 90) for index in range(5000)])
    assert time.process_time() - started < 12


@pytest.mark.parametrize("size", [100, 1000, 5000])
def test_a_line_takes_hardly_more_on_the_disk_than_it_has(logs: Logs, size: int) -> None:
    written = 0
    for start in range(0, 20_000_000 // size, 200):
        logs.put(GROUP, STREAM, [(start + index, "x" * size) for index in range(200)])
        written += 200 * size
    logs.db.fold()
    # A line has a number, two times and a place in the index of times besides.
    assert logs.db.disk_bytes() < written * 1.15 + written / size * 60


def test_the_databases_own_log_does_not_grow_under_steady_writing(logs: Logs) -> None:
    most = 0
    for start in range(0, 40_000, 1000):
        logs.put(GROUP, STREAM, [(start + index, "x" * 1000) for index in range(1000)])
        most = max(most, logs.db.log_bytes())
    assert most < 24_000_000


def test_what_is_deleted_is_given_back(logs: Logs, service: LogsService) -> None:
    for name in ("one", "two"):
        logs.put(GROUP, name, [(index, "x" * 1000) for index in range(8000)])
    logs.put("/other", "kept", [(1, "kept")])
    call(service, "DeleteLogStream", logGroupName=GROUP, logStreamName="one")
    assert logs.db.disk_bytes() < 10_000_000
    call(service, "DeleteLogGroup", logGroupName=GROUP)
    assert logs.db.disk_bytes() < 500_000
    assert logs.db.query("PRAGMA freelist_count")[0][0] == 0
    assert messages(call(service, "FilterLogEvents", logGroupName="/other")) == ["kept"]


def test_a_deletion_that_was_cut_off_is_finished_at_the_next_start(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    logs = Logs(state)
    put(logs, *["x" * 1000] * 50)
    (row,) = logs.db.query("SELECT id FROM log_streams")
    logs.db.execute("INSERT INTO log_doomed VALUES (?)", (row["id"],))
    logs.db.execute("DELETE FROM log_streams")
    logs.close()
    again = Logs(state)
    assert not again.db.query("SELECT 1 FROM log_events")
    assert not again.db.query("SELECT 1 FROM log_doomed")
    put(again, "new")
    assert again.stream(GROUP, STREAM)["id"] != row["id"]
    again.close()
    state.close()


def test_on_a_small_disk_the_logs_leave_room_to_others(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = 60_000_000
    monkeypatch.setattr(logs._state, "free_bytes", lambda: disk - logs.db.disk_bytes())
    # However fast this machine writes.
    monkeypatch.setattr(logs_limits, "CROWDED_CHECK_SECONDS", 0.0)
    most = 0
    for start in range(0, 70_000, 1000):
        logs.put(GROUP, STREAM, [(start + index, f"{start + index:06d} " + "x" * 1000) for index in range(1000)])
        most = max(most, logs.db.disk_bytes())
    assert most < disk / 3
    lines: list[str] = []
    answer = call(service, "FilterLogEvents", logGroupName=GROUP, filterPattern='"[sandbox:"')
    (marker,) = messages(answer)
    assert "were dropped here to spare the disk" in marker
    lines = messages(get(service, limit=1))
    assert lines[0].startswith("069999 ")


def test_many_logs_on_a_small_disk_lose_the_oldest(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = 40_000_000
    monkeypatch.setattr(logs._state, "free_bytes", lambda: disk - logs.db.disk_bytes())
    monkeypatch.setattr(logs_limits, "CROWDED_CHECK_SECONDS", 0.0)
    for number in range(10):
        logs.put(GROUP, f"s{number}", [(number, "x" * 1000)] * 3000)
    assert logs.db.disk_bytes() < disk / 2
    oldest = call(service, "GetLogEvents", logGroupName=GROUP, logStreamName="s0")
    assert "lines were dropped: all logs together keep" in messages(oldest)[0]


def test_lines_are_counted_in_bytes(logs: Logs) -> None:
    put(logs, "ü" * 1000)
    assert logs.stream(GROUP, STREAM)["bytes"] == 2026


OLD_SCHEMA = """
CREATE TABLE log_groups (name TEXT PRIMARY KEY, created INTEGER NOT NULL, retention INTEGER);
CREATE TABLE log_streams (id INTEGER PRIMARY KEY, grp TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
    first INTEGER, last INTEGER, ingested INTEGER, next INTEGER NOT NULL DEFAULT 1, bytes INTEGER NOT NULL DEFAULT 0,
    head_end INTEGER, dropped_lines INTEGER NOT NULL DEFAULT 0, dropped_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (grp, name));
CREATE TABLE log_events (stream INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
    ingested INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID;
INSERT INTO log_groups VALUES ('/aws/sagemaker/TrainingJobs', 1, NULL);
INSERT INTO log_streams VALUES (7, '/aws/sagemaker/TrainingJobs', 'job/algo-1-1', 1, 5, 6, 9, 3, 54, NULL, 0, 0);
INSERT INTO log_events VALUES (7, 1, 5, 9, 'old 1'), (7, 2, 6, 9, 'old 2');
"""


def test_logs_of_an_older_version_are_taken_over(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    old = sqlite3.connect(state.path / "logs.db")
    old.executescript(OLD_SCHEMA)
    old.close()
    for line in ("new", "newer"):
        logs = Logs(state)
        put(logs, line, at=10)
        events = logs.read(logs.stream(GROUP, STREAM)["id"], limit=10, tail=False)
        logs.close()
    assert [(event.seq, event.message) for event in events] == [(1, "old 1"), (2, "old 2"), (3, "new"), (4, "newer")]
    state.close()


def test_a_log_whose_end_is_lost_says_so_in_the_room_kept_for_it(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(logs, "before")
    with monkeypatch.context() as patched:
        patched.setattr(logs._state, "free_bytes", lambda: 1_000_000)
        put(logs, "lost 1", "lost 2")
        assert messages(get(service)) == ["before"]
        assert logs.finish(GROUP, STREAM) == 0
        assert messages(get(service)) == ["before", "[sandbox: 2 lines are missing here: the disk was full]"]
        put(logs, "lost", stream="other")
    # There is room again, and somebody else writes.
    put(logs, "x", stream="third")
    answer = call(service, "GetLogEvents", logGroupName=GROUP, logStreamName="other")
    assert messages(answer) == ["[sandbox: 1 lines are missing here: the disk was full]"]


def test_without_any_room_the_number_of_missing_lines_is_told(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    put(logs, "before")

    def full(*args: object) -> None:
        raise disk_full("/state")

    monkeypatch.setattr(logs, "append", full)
    put(logs, "lost 1", "lost 2")
    assert logs.finish(GROUP, STREAM) == 2


def test_lines_are_kept_when_only_tidying_up_finds_no_room(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(logs._limits, "_keep", full)
    put(logs, "a", "b")
    assert logs.finish(GROUP, STREAM) == 0
    assert messages(get(service)) == ["a", "b"]


def test_logs_are_not_dropped_because_others_fill_the_disk(
    logs: Logs, service: LogsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_limits, "CROWDED_CHECK_SECONDS", 0.0)
    for number in range(3):
        logs.put(GROUP, f"s{number}", [(number, "x" * 1000)] * 3000)
    monkeypatch.setattr(logs._state, "free_bytes", lambda: 2 * logs.db.disk_bytes())
    logs.put(GROUP, "s3", [(9, "new")])
    oldest = call(service, "GetLogEvents", logGroupName=GROUP, logStreamName="s0")
    assert messages(oldest)[0] == "x" * 1000
