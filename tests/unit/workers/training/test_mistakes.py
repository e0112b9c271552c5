"""What a report says of the pictures behind a cell of its confusion matrix, however it was written."""

from __future__ import annotations

import pytest

from workers.training.mistakes import mistaken, place_of
from workers.types import JobReport

MISTAKES = [["test/a/1.jpg", 0, 1], ["test/a/2.jpg", 0, 1], ["test/b/3.jpg", 1, 0]]


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ({"mistakes": MISTAKES}, ("test/a/1.jpg", "test/a/2.jpg")),
        ({"mistakes": [*MISTAKES, ["half"], 5, [7, 0, 1], None]}, ("test/a/1.jpg", "test/a/2.jpg")),
        ({"mistakes": []}, None),
        ({"mistakes": "test"}, None),
        ({"mistakes": None}, None),
        ({}, None),
    ],
)
def test_pictures_are_named_or_not(extra: dict[str, object], found: tuple[str, ...] | None) -> None:
    assert mistaken(JobReport(("a", "b"), (), None, (), (), (), extra), 0, 1) == found


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://dogs/set", ("dogs", "set/test/a.jpg")),
        ("s3://dogs/set/", ("dogs", "set/test/a.jpg")),
        ("s3://dogs", ("dogs", "test/a.jpg")),
        ("", None),
        ("file:///x", None),
    ],
)
def test_where_they_lie(uri: str, place: tuple[str, str] | None) -> None:
    assert place_of(uri, "test/a.jpg") == place
