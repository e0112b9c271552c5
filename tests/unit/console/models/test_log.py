"""Log lines: bounded, cleaned, numbered for good, searched in slices."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.models.log import LONGEST_LINE, LogBuffer, LogLine, LogSearch, clean


def lines(*texts: str) -> list[LogLine]:
    return [LogLine(None, text) for text in texts]


def test_words_decide_the_tone() -> None:
    assert LogLine(None, "RuntimeError: out of memory").tone == "err"
    assert LogLine(None, "warning: skipped 1 file").tone == "warn"
    assert LogLine(None, "epoch=1/3 train_loss=0.5").tone == ""
    assert LogLine(None, "terror in the mirror").tone == ""


def test_lines_are_cleaned_of_codes_and_bounded() -> None:
    assert clean("\x1b[31mred\x1b[0m\tcell\n") == "red    cell"
    assert clean("10%\r50%\r100%") == "100%"
    assert clean("nul\x00l") == "null"
    long = clean("x" * (LONGEST_LINE + 5))
    assert long.endswith("… 5 more characters") and len(long) < LONGEST_LINE + 40


def test_text_with_line_breaks_becomes_lines() -> None:
    buffer = LogBuffer()
    buffer.extend(lines("Traceback:\n  File\nValueError", ""))
    assert [line.text for line in buffer.slice(0, 9)] == ["Traceback:", "  File", "ValueError", ""]


def test_numbers_stay_when_old_lines_go() -> None:
    buffer = LogBuffer(most_lines=100)
    buffer.extend(lines(*[f"line {number}" for number in range(250)]))
    assert len(buffer) <= 100 and buffer.end == 250
    assert buffer.line(249).text == "line 249"
    with pytest.raises(IndexError):
        buffer.line(10)
    buffer.clear()
    assert (buffer.first, buffer.end, len(buffer)) == (250, 250, 0)


def test_a_script_that_prints_too_much_does_not_fill_the_memory() -> None:
    buffer = LogBuffer(most_lines=1_000_000, most_characters=50_000)
    for _ in range(100):
        buffer.extend(lines("y" * 3_000))
    assert sum(len(line.text) for line in buffer.slice(buffer.first, buffer.end)) <= 50_000
    assert buffer.end == 100


def test_search_goes_on_with_new_lines_and_forgets_dropped_ones() -> None:
    buffer = LogBuffer(most_lines=100)
    search = LogSearch(buffer)
    buffer.extend(lines(*[f"loss {number}" for number in range(50)]))
    search.start("LOSS 4")
    while search.step(7):
        pass
    assert search.matches == [4, *range(40, 50)]
    assert search.next_from(4) == 40
    assert search.next_from(49) == 4
    assert search.next_from(4, backwards=True) == 49
    buffer.extend(lines(*["loss 44"] * 90))
    while search.step():
        pass
    assert search.next_from(0) == buffer.first + next(
        at for at, line in enumerate(buffer.slice(buffer.first, buffer.end)) if "loss 4" in line.text
    )
    search.start("")
    assert search.done and search.next_from(0) is None


def test_clock_is_local_time() -> None:
    at = datetime(2025, 1, 1, 12, 30, 15, tzinfo=UTC)
    assert LogLine(at, "x").clock == f"{at.astimezone():%H:%M:%S}"
    assert LogLine(None, "x").clock == ""
