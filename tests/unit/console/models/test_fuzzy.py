"""What is found by a few letters, and in which order."""

from __future__ import annotations

import random
import string

import pytest

from console.models.fuzzy import Finder

TEXTS = [
    ("Refresh what is shown", "Window"),
    ("Training", "Tab"),
    ("dogs-tuning-1409", "Tuning job, InProgress"),
    ("dog-classifier", "Endpoint, InService"),
    ("Deploy…", "Endpoints"),
    ("Settings", "Window"),
    ("old-dog-trainer", "EC2 instance"),
    ("Colours: Dark", "Setting"),
    ("Straße 7", "Bucket"),
]


def found(typed: str) -> list[str]:
    return [TEXTS[at][0] for at in Finder(TEXTS).find(typed)]


@pytest.mark.parametrize(
    "typed, first",
    [
        ("ref", "Refresh what is shown"),
        ("dog", "dog-classifier"),
        ("trainer", "old-dog-trainer"),
        ("dt1", "dogs-tuning-1409"),
        ("dplo", "Deploy…"),
        ("dark", "Colours: Dark"),
        ("endpoint dog", "dog-classifier"),
        ("STRASSE", "Straße 7"),
        ("rwis", "Refresh what is shown"),
        ("tuning job", "dogs-tuning-1409"),
    ],
)
def test_the_best_is_first(typed: str, first: str) -> None:
    assert found(typed)[0] == first


@pytest.mark.parametrize("typed", ["zz", "dog zz", "[", "(.*", "\\", "a" * 500])
def test_what_fits_nothing_finds_nothing(typed: str) -> None:
    assert found(typed) == []


def test_nothing_typed_leaves_the_order() -> None:
    assert found("  ") == [title for title, _ in TEXTS]
    assert Finder(TEXTS).find("", most=2) == [0, 1]


def test_narrowing_letter_by_letter_finds_what_looking_anew_finds() -> None:
    chance = random.Random(7)
    texts = [("".join(chance.choices(string.ascii_lowercase[:6] + "- ", k=12)), "kind") for _ in range(300)]
    for _ in range(40):
        typed = "".join(chance.choices(string.ascii_lowercase[:6] + " ", k=5))
        growing = Finder(texts)
        for end in range(1, len(typed) + 1):
            step = growing.find(typed[:end])
        assert step == Finder(texts).find(typed)
        assert growing.find(typed[:2]) == Finder(texts).find(typed[:2])


def test_how_something_fits_decides_before_how_long_it_is() -> None:
    kinds = [
        ("cat", ""), ("cat shop of the town", ""), ("the cat of the town", ""), ("cool apple tree in town", ""),
        ("location of the town", ""), ("zzz of the whole town", "cat"), ("cabinet", ""),
        ("c of the town a of the town t", ""),
    ]  # fmt: skip
    anyhow = list(range(len(kinds)))
    random.Random(3).shuffle(anyhow)
    shuffled = [kinds[at] for at in anyhow]
    assert [shuffled[at] for at in Finder(shuffled).find("cat")] == kinds
    # Two words count together; what was used lately stands first among those that fit as well.
    assert Finder([("dog of mine", "cat"), ("cat dog", ""), ("dog", "cat")]).find("cat dog") == [1, 2, 0]
    assert Finder([("dogs-long-name", ""), ("dogs", ""), ("dogs-3", "")], first=1).find("dogs") == [0, 1, 2]
    assert Finder([("dogs-long-name", ""), ("dogs", ""), ("dogs-3", "")]).find("dogs") == [1, 2, 0]
    # A word may stand later than where its letters are found first.
    assert Finder([("concat cat", ""), ("concatenate", "")]).find("cat") == [0, 1]


def test_a_pasted_text_that_is_long_is_looked_for_by_its_beginning() -> None:
    assert Finder([("a" * 50, "")]).find("a" * 40 + "b") == [0]
