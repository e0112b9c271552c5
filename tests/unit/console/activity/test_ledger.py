"""The activity log: what was begun is kept whatever happens then, without secrets, and old lines make room."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.activity.ledger import Ledger, deeds
from console.journal import Writer
from workers.aws.recording import SentCall

ACCOUNT = "123456789012 aws"
CALL = SentCall("sagemaker", "DeleteEndpoint", {"EndpointName": "dogs"}, "us-east-1", "req-1", "", "2026-01-31")


@pytest.fixture
def writer() -> Iterator[Writer]:
    made = Writer()
    yield made
    made.close()


def begin(ledger: Ledger, title: str = "Delete dogs", cli: str = "aws sagemaker delete-endpoint"):  # type: ignore[no-untyped-def]
    return ledger.begin(
        ACCOUNT, title, icon="trash", actor="arn:aws:iam::123456789012:user/ann", region="us-east-1", cli=cli
    )


def test_a_deed_comes_back_with_its_calls_and_its_end(tmp_path: Path, writer: Writer) -> None:
    ledger = Ledger(tmp_path, writer)
    noted = begin(ledger)
    noted.sent(CALL)
    noted.ended("done", "also 1 alarm")
    begin(ledger, "Stop dogs-1")
    assert ledger.flush()
    newest, first = sorted(deeds(Ledger(tmp_path, writer).load(ACCOUNT)), key=lambda deed: deed.title, reverse=True)
    assert (first.title, first.state, first.text, first.calls) == ("Delete dogs", "done", "also 1 alarm", [CALL])
    assert first.request_ids == ["req-1"] and "req-1" in first.words and '"dogs"' in first.words
    assert first.actor.endswith("user/ann") and first.account == "123456789012"
    # Begun in this run, and not ended yet.
    assert newest.state == "running"
    assert Ledger(tmp_path, writer).load("999999999999 aws") == []


def test_what_has_no_end_of_an_earlier_run_is_not_known(tmp_path: Path, writer: Writer) -> None:
    ledger = Ledger(tmp_path, writer)
    begin(ledger).sent(CALL)
    assert ledger.flush()
    path = ledger.path(ACCOUNT)
    path.write_text(path.read_text().replace('"run": "', '"run": "earlier-'))
    [deed] = deeds(ledger.load(ACCOUNT))
    assert deed.state == "unknown" and deed.calls == [CALL]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_crash_cut_off_costs_nothing_but_itself(tmp_path: Path, writer: Writer, cut: int) -> None:
    ledger = Ledger(tmp_path, writer)
    begin(ledger, "first")
    begin(ledger, "second")
    assert ledger.flush()
    path = ledger.path(ACCOUNT)
    path.write_bytes(path.read_bytes()[:-cut])
    begin(ledger, "third")
    assert ledger.flush()
    titles = {deed.title for deed in deeds(ledger.load(ACCOUNT))}
    assert titles == ({"first", "second", "third"} if cut == 1 else {"first", "third"})


@pytest.mark.parametrize("text", ["a\u2028b\u2029c\x85d", os.fsdecode(b"\xff\xfe.jpg"), "ä 🐕"], ids=ascii)
def test_whatever_a_text_holds_it_comes_back(tmp_path: Path, writer: Writer, text: str) -> None:
    ledger = Ledger(tmp_path, writer)
    begin(ledger, text).ended("failed", text)
    begin(ledger, "after it")
    assert ledger.flush()
    found = {deed.title: deed.text for deed in deeds(ledger.load(ACCOUNT))}
    assert found == {text: text, "after it": ""}


def test_what_was_done_is_told_the_newest_first_whatever_the_order_of_the_lines() -> None:
    begun = [
        {"what": "begun", "id": name, "at": f"2026-01-0{day}T00:00:00+00:00", "title": name}
        for name, day in (("b", 2), ("c", 3), ("a", 1))
    ]
    ends = [{"what": "ended", "id": "b", "at": begun[0]["at"], "state": state} for state in ("done", "exploded", None)]
    found = deeds([*begun, *ends, {"what": "ended", "id": "z", "at": begun[0]["at"], "state": "done"}])
    assert [(deed.title, deed.state) for deed in found] == [("c", "unknown"), ("b", "done"), ("a", "unknown")]
    silent = SentCall("s3", "ListBuckets", {}, "us-east-1", "", "timed out", "")
    found[0].calls += [silent, CALL]
    assert found[0].request_ids == ["req-1"]


def test_old_lines_make_room_and_the_newest_stay(tmp_path: Path, writer: Writer) -> None:
    ledger = Ledger(tmp_path, writer, most_bytes=4000, keep=2)
    for number in range(60):
        begin(ledger, f"deed {number}")
    assert ledger.flush()
    files = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert len(files) == 3 and all(path.stat().st_size <= 4000 for path in files)
    kept = [deed.title for deed in deeds(ledger.load(ACCOUNT))]
    assert set(kept) == {f"deed {number}" for number in range(60 - len(kept), 60)} and len(kept) > 20
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_secrets_do_not_reach_the_disk(tmp_path: Path, writer: Writer) -> None:
    ledger = Ledger(tmp_path, writer)
    noted = begin(ledger, cli="aws lambda x --password hunter2")
    noted.sent(SentCall("lambda", "X", {"Environment": {"Variables": {"DB_PASSWORD": "hunter2"}}}))
    noted.ended("failed", "SessionToken=hunter2 was refused")
    assert ledger.flush()
    assert "hunter2" not in ledger.path(ACCOUNT).read_text()


@pytest.mark.parametrize(
    "line", ['{"what": "call"}', '{"what": "begun", "id": "x", "at": 3}', "[1]", "{", '{"what": "ended", "id": []}']
)
def test_what_nobody_understands_is_left_out(tmp_path: Path, writer: Writer, line: str) -> None:
    ledger = Ledger(tmp_path, writer)
    begin(ledger)
    assert ledger.flush()
    with ledger.path(ACCOUNT).open("a") as file:
        file.write(line + "\n")
    assert [deed.title for deed in deeds(ledger.load(ACCOUNT))] == ["Delete dogs"]
