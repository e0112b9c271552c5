"""Expressions of others: they find what ``re`` finds, and no text makes them hang."""

from __future__ import annotations

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.core.bounded_regex import BoundedRegex, InvalidExpression, SlowExpression, required_text, written_out

EXPONENTIAL = r"(a|aa)+$"
TRAP = "a" * 3000 + "!"


@pytest.mark.parametrize(
    ("expression", "line", "found"),
    [
        (r"Testing Loss: ([0-9\.]+)", "x Testing Loss: 0.25", "0.25"),
        (r"Testing Loss: ([0-9\\.]+)", "Testing Loss: 0.25", "0.25"),
        (r"^loss=(\S+)", "loss=1", "1"),
        (r"^loss=(\S+)", "valid loss=1", None),
        (r"loss=[0-9]+", "loss=12", "loss=12"),
        (r"loss(=([0-9]+))?", "loss", ""),
        (r"a|loss=([0-9]+)", "loss=3", "3"),
        (r"(?i)LOSS=(\d)", "loss=3", "3"),
        (r"colou?r=(\d)", "color=3", "3"),
    ],
)
def test_it_finds_what_is_there(expression: str, line: str, found: str | None) -> None:
    assert BoundedRegex(expression).search(line) == found


def test_a_hopeless_search_ends_and_others_go_on_meanwhile() -> None:
    steps: list[float] = []
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            steps.append(time.monotonic())
            ended.wait(0.005)

    def steps_meanwhile() -> int:
        began = time.monotonic()
        with pytest.raises(SlowExpression):
            BoundedRegex(EXPONENTIAL).search(TRAP)
        assert time.monotonic() - began < 20
        return len([step for step in steps if step > began])

    other = threading.Thread(target=work)
    other.start()
    # A machine on which others compute may give it no turn during one search, but not during all of them.
    most = next((most for _ in range(10) if (most := steps_meanwhile()) > 5), 0)
    ended.set()
    other.join()
    assert most > 5


def test_a_budget_is_for_all_lines_together() -> None:
    expression = BoundedRegex(r"x(a|aa)+$", budget=0.05)
    assert expression.search("nothing of interest") is None
    with pytest.raises(SlowExpression):
        for _ in range(100):
            expression.search("x" + "a" * 24 + "!")


def test_what_is_no_expression_is_told() -> None:
    with pytest.raises(InvalidExpression, match="missing"):
        BoundedRegex("loss=(")


@pytest.mark.parametrize(
    "expression",
    [
        "a{1000000000}",
        "(a{10000}){10000}",
        "(?:(?:a{1000}){1000}){1000}",
        "[ab]{100000000}",
        "a{1000000000,}",
        r"\]{999999}",
    ],
)
def test_counts_that_would_take_all_memory_are_refused(expression: str) -> None:
    with pytest.raises(InvalidExpression, match="more than 100,000 times"):
        BoundedRegex(expression)


def test_ordinary_counts_are_taken() -> None:
    stamp = r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z?[ab]{0,1000000000}){1,3} loss=([0-9.]{1,12})"
    assert written_out(stamp) < 100
    assert written_out("(ab){3}c") == 7
    BoundedRegex(stamp)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"valid_loss=([0-9.]+)", "valid_loss="),
        (r"^epoch=(\d+)", "epoch="),
        ("ab*c", "a"),
        ("ab+c", "a"),
        ("(ab)", ""),
        ("ab|cd", ""),
        ("ab(?i)c", ""),
        ("", ""),
    ],
)
def test_the_text_that_a_match_needs(expression: str, text: str) -> None:
    assert required_text(expression) == text


@given(st.text(alphabet="ab=*+?{}1,.^$[]()\\d", max_size=8), st.text(alphabet="ab=1d", max_size=10))
def test_no_match_is_lost_by_looking_for_the_text_first(expression: str, line: str) -> None:
    try:
        bounded, plain = BoundedRegex(expression), re.compile(expression)
    except (InvalidExpression, re.error):
        return
    if plain.search(line):
        assert required_text(expression) in line
        assert bounded.search(line) is not None
