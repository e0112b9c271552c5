"""When schedules run: as the sandbox's do, and never in the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.autoscaling.schedule import next_run
from workers.scaling.times import Unreckoned, next_runs

NOW = datetime(2026, 1, 30, 14, 25, tzinfo=UTC)


def said(expression: str, zone: str = "", number: int = 2) -> list[str]:
    return [f"{at:%a %d %H:%M}" for at in next_runs(expression, zone, NOW, number, NOW)]


@pytest.mark.parametrize(
    "expression, zone, runs",
    [
        ("cron(0 22 * * ? *)", "", ["Fri 30 22:00", "Sat 31 22:00"]),
        ("cron(0 22 * * ? *)", "Europe/Berlin", ["Fri 30 21:00", "Sat 31 21:00"]),
        ("cron(30 8 ? * MON-FRI *)", "", ["Mon 02 08:30", "Tue 03 08:30"]),
        ("cron(0/30 14 * * ? *)", "", ["Fri 30 14:30", "Sat 31 14:00"]),
        ("cron(0 0 1 JAN,JUL ? 2027)", "", ["Fri 01 00:00", "Thu 01 00:00"]),
        ("cron(0 0 30 2 ? *)", "", []),
        ("rate(1 hour)", "", ["Fri 30 15:25", "Fri 30 16:25"]),
        ("at(2026-02-01T08:00:00)", "America/New_York", ["Sun 01 13:00"]),
        ("at(2026-01-01T08:00:00)", "", []),
    ],
)
def test_next_runs(expression: str, zone: str, runs: list[str]) -> None:
    assert said(expression, zone) == runs


@pytest.mark.parametrize(
    "expression, zone, words",
    [
        ("", "", "at\\(yyyy"),
        ("at(tomorrow)", "", "at\\(yyyy"),
        ("at(2026-02-30T08:00:00)", "", "no date and time"),
        ("rate(0 hours)", "", "at\\(yyyy"),
        ("rate(1 week)", "", "at\\(yyyy"),
        ("cron(0 22 * * *)", "", "at\\(yyyy"),
        ("cron(0 22 * * * *)", "", "only one"),
        ("cron(60 22 * * ? *)", "", "60 is no minutes: 0 to 59"),
        ("cron(0 -1 * * ? *)", "", "Nothing is no hours"),
        ("cron(0 22 ? * FUNDAY *)", "", "FUNDAY is no day of the week"),
        ("cron(0/0 22 * * ? *)", "", "0/0 is no minutes"),
        ("cron(0 22 * * ? *)", "Mars/Base", "no time zone"),
        ("cron(0 22 * * ? *)", "../etc/passwd", "no time zone"),
    ],
)
def test_what_is_no_schedule_is_said(expression: str, zone: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        next_runs(expression, zone, NOW, 1, NOW)


@pytest.mark.parametrize("fields", ["0 8 L * ? *", "0 8 15W * ? *", "0 8 ? * 6#3 *", "0 8 ? * 6L *"])
def test_what_only_aws_reckons_is_not_guessed(fields: str) -> None:
    with pytest.raises(Unreckoned):
        next_runs(f"cron({fields})", "", NOW)


def test_a_rate_passes_as_fast_as_time_does() -> None:
    runs = next_runs("rate(10 minutes)", "", NOW, 2, NOW, 100.0)
    assert [at - NOW for at in runs] == [timedelta(seconds=6), timedelta(seconds=12)]
    assert next_run("rate(10 minutes)", "", NOW.timestamp(), NOW.timestamp(), 100.0) == runs[0].timestamp()


def test_a_rate_without_a_beginning_has_no_times() -> None:
    assert next_runs("rate(5 minutes)", "", NOW) == ()


def test_an_hour_that_the_clock_shows_twice_is_not_run_again() -> None:
    # 25 October 2026: at 03:00 in Berlin it is 02:00 once more.
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    for expression in ("cron(0/15 2 25 10 ? 2026)", "cron(45 2 25 10 ? 2026)"):
        assert all(at > second for at in next_runs(expression, "Europe/Berlin", second))
        again = next_run(expression, "Europe/Berlin", second.timestamp(), 0.0)
        assert again is None or again > second.timestamp()


NUMBERS = st.one_of(st.just("*"), st.integers(0, 31).map(str), st.integers(1, 20).map(lambda step: f"0/{step}"))
CRONS = st.builds(
    lambda minute, hour, day, month, weekday, by_day: (
        f"cron({minute} {hour} {day if by_day else '?'} {month} {'?' if by_day else weekday} *)"
    ),
    NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["*", "2", "JAN-MAR", "12"]),
    st.sampled_from(["*", "MON-FRI", "1", "SAT,SUN"]), st.booleans(),
)  # fmt: skip


@given(CRONS | st.sampled_from(["rate(7 minutes)", "rate(3 days)", "at(2026-06-01T03:30:00)"]),
       st.sampled_from(["", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
       st.integers(0, 400 * 1440))  # fmt: skip
def test_it_reads_schedules_as_the_sandbox_does(expression: str, zone: str, minutes: int) -> None:
    after = NOW + timedelta(minutes=minutes)
    try:
        mine = next_runs(expression, zone, after, 1, NOW)
    except ValueError:
        with pytest.raises(ValueError):
            next_run(expression, zone, after.timestamp(), NOW.timestamp())
        return
    theirs = next_run(expression, zone, after.timestamp(), NOW.timestamp())
    assert [at.timestamp() for at in mine] == ([] if theirs is None else [theirs])
    assert all(at > after for at in mine)
