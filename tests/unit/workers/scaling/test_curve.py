"""Traffic from a file, from CloudWatch, and stretched: what is no curve is refused with its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors.tree import InvalidInput, LocalProblem
from workers.scaling.curve import MOST_MINUTES, Curve, from_points, parse_csv, read_csv, resized

AT = datetime(2026, 1, 31, 14, 25, tzinfo=UTC)
BEGIN = AT.timestamp()


@pytest.mark.parametrize(
    "text, curve",
    [
        ("1\n2\n3\n", Curve((1, 2, 3))),
        ("calls\n1\n\n2.5", Curve((1, 2.5))),
        ("minute,calls\n0,5\n2,7\n", Curve((5, 0, 7))),
        ("minute;calls\r\n10;5\r\n11;7\r\n10;1", Curve((6, 7))),
        ("time\tcalls\n2026-01-31T14:26:30Z\t4\n2026-01-31T14:25:10+00:00\t3\n", Curve((3, 4), BEGIN)),
        ("2026-01-31 14:25,3", Curve((3,), BEGIN)),
        (f"{BEGIN:.0f},3\n{BEGIN + 59:.0f},3\n{BEGIN + 60:.0f},1", Curve((6, 1), BEGIN)),
        ("zone,time,calls\n", None),
    ],
)
def test_files_that_people_have(text: str, curve: Curve | None) -> None:
    if curve is None:
        with pytest.raises(ValueError, match="no line with a number"):
            parse_csv(text)
    else:
        assert parse_csv(text) == curve


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no line with a number"),
        ("calls\n", "no line with a number"),
        ("1\n-2\n", "Line 2: '-2' is no number of calls"),
        ("1\nnan\n", "Line 2: 'nan'"),
        ("1\ninf\n", "Line 2: 'inf'"),
        ("1\nmany\n", "Line 2: 'many'"),
        ("soon,1\n", "Line 1: 'soon' is neither a time"),
        ("0,1\n99999,1\n", "longer than 7 days"),
        ("1\n" * (MOST_MINUTES + 1), "longer than 7 days"),
    ],
)
def test_what_is_no_curve_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_csv(text)


def test_a_file_that_is_none_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\x00")
    with pytest.raises(InvalidInput, match="is no curve") as refused:
        read_csv(tmp_path / "picture.csv")
    assert "One line for each minute" in refused.value.hint
    with pytest.raises(LocalProblem, match="cannot be read"):
        read_csv(tmp_path / "nowhere.csv")
    (tmp_path / "good.csv").write_text("﻿calls\n4\n", "utf-8")
    assert read_csv(tmp_path / "good.csv").calls == (4,)


def test_minutes_that_cloudwatch_has_not_had_no_calls() -> None:
    points = ((AT, 3.0), (AT + timedelta(minutes=3), 5.0))
    assert from_points(points) == Curve((3, 0, 0, 5), BEGIN)
    assert from_points(()) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.integers(1, 500))
def test_a_stretched_curve_keeps_its_shape(calls: list[float], minutes: int) -> None:
    made = resized(calls, minutes)
    assert len(made) == minutes and made[0] == calls[0] and set(made) <= set(calls)
    assert resized(calls, len(calls)) == tuple(calls)


@given(st.text(max_size=80))
def test_any_text_is_a_curve_or_is_refused(text: str) -> None:
    try:
        curve = parse_csv(text)
    except ValueError as error:
        assert str(error)
    else:
        assert curve.calls and min(curve.calls) >= 0
