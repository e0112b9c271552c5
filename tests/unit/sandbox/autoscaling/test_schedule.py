"""When scheduled actions run."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sandbox.autoscaling.schedule import next_run


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("schedule", "after", "then"),
    [
        ("at(2026-03-01T10:00:00)", "2026-02-01T00:00:00", "2026-03-01T10:00:00"),
        ("cron(0 9 * * ? *)", "2026-02-01T09:00:00", "2026-02-02T09:00:00"),
        ("cron(30 8 ? * MON-FRI *)", "2026-02-06T08:30:00", "2026-02-09T08:30:00"),
        ("cron(0/15 * * * ? *)", "2026-02-06T08:31:00", "2026-02-06T08:45:00"),
        ("cron(0 0 29 FEB ? *)", "2026-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("cron(0 0 1 1 ? 2030)", "2026-03-01T00:00:00", "2030-01-01T00:00:00"),
    ],
)
def test_the_next_run(schedule: str, after: str, then: str) -> None:
    found = next_run(schedule, "", at(after), 0.0)
    assert found is not None and datetime.fromtimestamp(found, UTC).isoformat()[:19] == then


def test_a_time_zone_counts_and_what_is_past_never_comes() -> None:
    assert next_run("cron(0 9 * * ? *)", "Europe/Berlin", at("2026-07-01T00:00:00"), 0.0) == at("2026-07-01T07:00:00")
    assert next_run("at(2026-01-01T00:00:00)", "", at("2026-07-01T00:00:00"), 0.0) is None
    assert next_run("cron(0 0 1 1 ? 2020)", "", at("2026-07-01T00:00:00"), 0.0) is None


def test_a_rate_goes_by_its_beginning_and_the_time_factor() -> None:
    assert next_run("rate(5 minutes)", "", 1000.0, 1000.0) == 1300.0
    assert next_run("rate(5 minutes)", "", 1300.0, 1000.0) == 1600.0
    assert next_run("rate(5 minutes)", "", 1000.0, 1000.0, 60.0) == 1005.0


@pytest.mark.parametrize(
    "schedule",
    [
        *("", "soon", "rate(0 minutes)", "cron(0 9 * * * *)", "cron(0 9 ? * ? *)", "cron(61 * * * ? *)"),
        *("cron(0 9 L * ? *)", "cron(0 9 * * ?)", "cron(*/0 * * * ? *)", "cron(5-1 * * * ? *)"),
        *("at(2026-13-01T00:00:00)", "cron(x * * * ? *)"),
    ],
)
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ValueError):
        next_run(schedule, "", 1.0e9, 0.0)
