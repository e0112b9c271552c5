"""The window writes and reads numbers and dates the same way, whatever language the system speaks."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from console.models.format import day_month, typed_number, typed_numbers

CONSOLE = Path(__file__).parents[3] / "console"
# What strftime takes from the language that Qt has told the C library.
NAMES = re.compile(r"[:\"' ]%-?[abABcxXp]\b|%-?[dHMSYmj]\s*%-?[abABcxXp]\b|:n\}")


def test_no_name_or_number_is_taken_from_the_systems_language() -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in CONSOLE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if NAMES.search(line)
    ]
    assert found == []
    assert NAMES.search('f"{local.day} {local:%b}"') and NAMES.search('f"{at:%d %b}"') and NAMES.search('f"{n:n}"')


def test_months_are_english() -> None:
    today = date(2026, 5, 1)
    assert day_month(date(2026, 3, 5), today) == "5 Mar"
    assert day_month(date(2023, 12, 31), today) == "31 Dec 2023"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.001", 0.001), ("0,001", 0.001), ("1e-3", 0.001), (" 1,5 ", 1.5), ("-2", -2), ("1204", 1204),
        ("1,204", None), ("1,204,000", None), ("1.204,5", None), ("inf", None), ("nan", None), ("", None), ("x", None),
    ],
)  # fmt: skip
def test_a_number_is_read_with_point_or_comma_and_never_guessed(text: str, number: float | None) -> None:
    assert typed_number(text) == number


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.001, 0.01", [0.001, 0.01]),
        ("0.001,0.01", [0.001, 0.01]),
        ("0,001, 0,01", [0.001, 0.01]),
        ("0,001; 0,01", [0.001, 0.01]),
        ("0,001 0,01", [0.001, 0.01]),
        ("1,5; 2", [1.5, 2]),
        ("1, 5", [1, 5]),
        ("16,", [16]),
        ("", []),
    ],
)
def test_a_list_of_numbers_with_either_comma(text: str, numbers: list[float]) -> None:
    assert typed_numbers(text) == numbers


@pytest.mark.parametrize(("text", "words"), [("1,5", "one or two"), ("0,1,0,2", "one or two"), ("x, 1", "please")])
def test_a_list_that_may_mean_two_things_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        typed_numbers(text)
