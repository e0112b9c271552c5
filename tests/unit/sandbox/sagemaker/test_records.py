"""SageMaker's records: lists over thousands of them, filters, tags."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.state import Database
from sandbox.sagemaker.records import Records, Tags
from sandbox.wire.errors import AwsError

NOW = 1_700_000_000.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "test.db")
    yield database
    database.close()


def fill(records: Records, count: int) -> None:
    with records._db.transaction():
        for number in range(count):
            # Many share a moment, so that the order must not depend on time alone.
            created = NOW + number // 7
            status = "Failed" if number % 3 == 0 else "Completed"
            name = f"job-{number:05d}"
            records.add(
                name, {"Name": name, "Status": status}, status=status, created=created, parent="p" * (number % 2)
            )


def pages(records: Records, **request: Any) -> list[str]:
    names: list[str] = []
    while True:
        found, token = records.page(request, lambda record: record)
        names += [record["Name"] for record in found]
        if token is None:
            return names
        request["NextToken"] = token


def test_paging_over_thousands_is_complete_and_fast(db: Database) -> None:
    records = Records(db, "training-job")
    fill(records, 5000)
    started = time.thread_time()
    names = pages(records, MaxResults=100)
    assert names == [f"job-{number:05d}" for number in range(5000)]
    assert pages(records, MaxResults=100, SortOrder="Descending") == names[::-1]
    assert pages(records, MaxResults=97, SortBy="Name", SortOrder="Descending") == names[::-1]
    assert sorted(pages(records, MaxResults=100, SortBy="Status")) == names
    assert time.thread_time() - started < 30


def test_rows_that_come_and_go_shift_no_page(db: Database) -> None:
    records = Records(db, "training-job")
    fill(records, 30)
    first, token = records.page({"MaxResults": 10}, lambda record: record)
    records.delete("job-00003")
    records.add("earlier", {"Name": "earlier"}, created=NOW - 10)
    second, _token = records.page({"MaxResults": 10, "NextToken": token}, lambda record: record)
    assert [record["Name"] for record in first + second] == [f"job-{number:05d}" for number in range(20)]


def test_filters(db: Database) -> None:
    records = Records(db, "training-job")
    fill(records, 21)
    assert pages(records, StatusEquals="Failed") == [f"job-{number:05d}" for number in range(0, 21, 3)]
    assert pages(records, NameContains="B-0001") == [f"job-{number:05d}" for number in range(10, 20)]
    assert pages(records, NameContains="%") == []
    assert len(pages(records, CreationTimeAfter=NOW, CreationTimeBefore=NOW + 2)) == 7
    assert len(pages(records, LastModifiedTimeAfter=NOW + 1.5)) == 7
    found, _token = records.page({"MaxResults": 100}, lambda record: record, parent="p")
    assert len(found) == 10


def test_a_token_belongs_to_its_request(db: Database) -> None:
    records = Records(db, "training-job")
    fill(records, 30)
    _found, token = records.page({"MaxResults": 10}, lambda record: record)
    for request in ({"MaxResults": 10, "NextToken": token, "StatusEquals": "Failed"}, {"NextToken": "e30="}):
        with pytest.raises(AwsError, match="NextToken is not valid"):
            records.page(request, lambda record: record)


def test_names_are_taken_once_and_kinds_are_apart(db: Database) -> None:
    jobs, models = Records(db, "training-job"), Records(db, "model")
    assert jobs.add("a", {"v": 1}, created=NOW)
    assert not jobs.add("a", {"v": 2}, created=NOW)
    assert models.add("a", {"v": 3}, created=NOW)
    assert jobs.get("a") == {"v": 1}
    assert models.delete("a")
    assert not models.delete("a")
    assert jobs.get("a") == {"v": 1}


def test_tags_are_limited_and_go_with_their_resource(db: Database) -> None:
    jobs, tags = Records(db, "training-job"), Tags(db)
    jobs.add("a", {}, created=NOW)
    arn = jobs.arn("a")
    tags.add_tags({"ResourceArn": arn, "Tags": [{"Key": str(n), "Value": ""} for n in range(50)]})
    with pytest.raises(AwsError, match="more than 50 tags"):
        tags.add_tags({"ResourceArn": arn, "Tags": [{"Key": "one more", "Value": ""}]})
    assert len(tags.of(arn)) == 50
    jobs.delete("a")
    assert tags.of(arn) == []
    with pytest.raises(AwsError, match="Could not find the resource"):
        tags.list_tags({"ResourceArn": arn})


def test_reserved_and_repeated_tag_keys_are_refused(db: Database) -> None:
    jobs, tags = Records(db, "training-job"), Tags(db)
    jobs.add("a", {}, created=NOW)
    for keys, words in ((["aws:x"], "reserved"), (["AWS:x"], "reserved"), (["x", "x"], "more than once")):
        with pytest.raises(AwsError, match=words):
            tags.add_tags({"ResourceArn": jobs.arn("a"), "Tags": [{"Key": key, "Value": ""} for key in keys]})
    with pytest.raises(AwsError, match="reserved"):
        tags.delete_tags({"ResourceArn": jobs.arn("a"), "TagKeys": ["aws:x"]})
    assert tags.of(jobs.arn("a")) == []


def test_tags_come_in_pages(db: Database) -> None:
    jobs, tags = Records(db, "training-job"), Tags(db)
    jobs.add("a", {}, created=NOW)
    jobs.add("b", {}, created=NOW)
    arn = jobs.arn("a")
    tags.add(arn, [{"Key": f"k{n:02d}", "Value": ""} for n in range(50)])
    assert "NextToken" not in tags.list_tags({"ResourceArn": arn})
    first = tags.list_tags({"ResourceArn": arn, "MaxResults": 30})
    second = tags.list_tags({"ResourceArn": arn, "MaxResults": 30, "NextToken": first["NextToken"]})
    assert [tag["Key"] for tag in first["Tags"] + second["Tags"]] == [f"k{n:02d}" for n in range(50)]
    assert "NextToken" not in second
    with pytest.raises(AwsError, match="NextToken is not valid"):
        tags.list_tags({"ResourceArn": jobs.arn("b"), "NextToken": first["NextToken"]})
