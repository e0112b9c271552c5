from __future__ import annotations

import json
import os
import stat
import sys

import pytest

from console.journal import Journal, Writer, without_secrets, write_whole


@pytest.fixture
def writer():
    made = Writer()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
        ("--secret-access-key wJalrXUtnFEMI", "wJalrXUtnFEMI"),
        ('"SessionToken": "FwoGZXIvYXdzEBY"', "FwoGZXIvYXdzEBY"),
        ("GET /b/k?X-Amz-Signature=abcdef0123&X-Amz-Date=2", "abcdef0123"),
        ("X-Amz-Security-Token=IQoJb3JpZ2luX2Vj", "IQoJb3JpZ2luX2Vj"),
    ],
)
def test_secrets_are_replaced(text, gone):
    assert gone not in without_secrets(text)


def test_ordinary_command_lines_stay_as_they_are():
    line = "aws sagemaker delete-endpoint --endpoint-name dogs --region us-east-1"
    assert without_secrets(line) == line


def test_records_come_back_without_secrets(tmp_path, writer):
    journal = Journal(tmp_path / "deep" / "activity.jsonl", writer)
    journal.append({"title": "Delete", "cli": "aws_secret_access_key=abc123"})
    assert writer.flush()
    [record] = Journal(journal.path, writer).load()
    assert record == {"title": "Delete", "cli": "aws_secret_access_key=[hidden]"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_can_read_the_files(tmp_path, writer):
    journal = Journal(tmp_path / "activity.jsonl", writer)
    journal.append({"a": 1})
    write_whole(tmp_path / "settings.json", "{}")
    assert writer.flush()
    for name in ("activity.jsonl", "settings.json"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600


def test_broken_lines_are_skipped_and_the_last_records_kept(tmp_path, writer):
    path = tmp_path / "activity.jsonl"
    lines = [json.dumps({"n": number}) for number in range(8)]
    path.write_text("\n".join([*lines[:7], "{broken", "[1]", lines[7]]) + "\n")
    assert [record["n"] for record in Journal(path, writer, keep=4).load()] == [6, 7]


def test_the_file_does_not_grow_for_ever(tmp_path, writer):
    journal = Journal(tmp_path / "activity.jsonl", writer, keep=10)
    for number in range(55):
        journal.append({"n": number})
    assert writer.flush()
    assert len(journal.path.read_text().splitlines()) <= 20
    assert journal.load()[-1] == {"n": 54}


def test_a_folder_that_cannot_be_made_is_logged_not_raised(tmp_path, writer, caplog):
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "activity.jsonl", writer)
    journal.append({"n": 1})
    assert writer.flush()
    assert "could not be written" in caplog.text
    writer.do(lambda: (tmp_path / "later").write_text("alive"))
    assert writer.flush() and (tmp_path / "later").exists()


def test_write_whole_leaves_nothing_behind_when_it_fails(tmp_path):
    target = tmp_path / "settings.json"
    target.mkdir()
    with pytest.raises(OSError):
        write_whole(target, "{}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


ODD_TEXTS = ["a\u2028b\u2029c\x85d\x1ce", os.fsdecode(b"\xff\xfe.jpg"), "ä 🐕", "line\nline\r\n"]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_whatever_a_text_holds_it_comes_back(tmp_path, writer, text):
    journal = Journal(tmp_path / "activity.jsonl", writer, keep=2)
    for _ in range(6):
        journal.append({"title": text})
    assert writer.flush()
    assert Journal(journal.path, writer).load()[-2:] == [{"title": text}] * 2
    write_whole(tmp_path / "settings.json", json.dumps({"x": text}, ensure_ascii=False))
    assert json.loads((tmp_path / "settings.json").read_text("utf-8")) == {"x": text}


def test_a_record_of_an_earlier_version_that_holds_ends_of_lines_is_read(tmp_path, writer):
    path = tmp_path / "activity.jsonl"
    path.write_text(json.dumps({"title": ODD_TEXTS[0]}, ensure_ascii=False) + "\n", "utf-8")
    assert Journal(path, writer).load() == [{"title": ODD_TEXTS[0]}]


def test_a_record_that_a_crash_cut_off_takes_no_other_along(tmp_path, writer):
    path = tmp_path / "activity.jsonl"
    path.write_text('{"n": 1}\n{"n": 2')
    Journal(path, writer).append({"n": 3})
    assert writer.flush()
    assert Journal(path, writer).load() == [{"n": 1}, {"n": 3}]


def test_a_job_that_goes_wrong_leaves_the_others_written(tmp_path, writer, caplog):
    writer.do(lambda: int("no number"))
    writer.do(lambda: (tmp_path / "later").write_text("alive"))
    assert writer.flush() and (tmp_path / "later").exists()
    assert "no number" in caplog.text
