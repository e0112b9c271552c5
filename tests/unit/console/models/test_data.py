"""Rows of the Data tab: breeds, objects, the way down to a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.tabs.data.bucket import crumbs, parent_prefix
from console.tabs.data.rows import BreedRow, breed_columns, breed_rows, modified_text, object_rows, scarce, size_text
from workers.types import ClassCount, DatasetReport, Listing, S3Object

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def row(name: str, total: int) -> BreedRow:
    return BreedRow(name, name, {"train": total}, total, None)


def test_a_listing_becomes_folders_then_objects_by_their_own_names() -> None:
    listing = Listing(
        "dogs/train/",
        ("dogs/train/004.Akita/",),
        (S3Object("dogs/train/readme.txt", 3, NOW, "e"), S3Object("dogs/train/a b/../c.JPG", 9, NOW, "f")),
        None,
    )
    folder, text, picture = object_rows(listing)
    assert (folder.name, folder.is_folder, folder.is_picture) == ("004.Akita", True, False)
    assert (text.name, text.is_folder, text.is_picture) == ("readme.txt", False, False)
    assert picture.is_picture
    assert (size_text(folder.size, folder), size_text(246_000, text)) == ("–", "246 KB")


def test_breeds_keep_their_splits_as_segments() -> None:
    entry = ClassCount("Akita", "004.Akita", {"train": 8, "valid": 1, "test": 1}, Path("a.jpg"))
    report = DatasetReport(Path("d"), ("train", "valid", "test"), (entry,), 10, 99, 30, {}, ())
    (akita,) = breed_rows(report)
    name, bar, total = breed_columns()
    assert name.thumb is not None
    assert name.thumb(akita) == Path("a.jpg")
    assert bar.value_of(akita) == [(8, "series1"), (1, "series2"), (1, "series3")]
    assert total.text_of(akita) == "10"
    assert bar.tooltip is not None
    assert bar.tooltip(akita) == "train 8, valid 1, test 1"


def test_only_far_fewer_pictures_than_usual_are_marked() -> None:
    assert scarce([row("a", 50), row("b", 60), row("c", 12), row("d", 55)]) == [2]
    assert scarce([row("a", 50), row("b", 60)]) == []


def test_today_shows_the_time_and_other_days_the_day() -> None:
    assert modified_text(NOW, NOW) == f"{NOW.astimezone():%H:%M:%S}"
    assert ":" not in modified_text(NOW - timedelta(days=30), NOW)


@pytest.mark.parametrize(
    ("prefix", "above"), [("a/b/c/", "a/b/"), ("a/", ""), ("", ""), ("004.Akita 🐕/x y/", "004.Akita 🐕/")]
)
def test_the_folder_above(prefix: str, above: str) -> None:
    assert parent_prefix(prefix) == above


def test_the_way_from_the_bucket_down() -> None:
    assert crumbs("dogs-1", "dogs/train/") == [("dogs-1", ""), ("dogs", "dogs/"), ("train", "dogs/train/")]
    assert crumbs("dogs-1", "") == [("dogs-1", "")]
