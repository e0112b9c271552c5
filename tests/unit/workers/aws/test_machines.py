"""What machines use, as CloudWatch answers it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession
from workers.aws.machines import Machines
from workers.errors.tree import AccessDenied
from workers.types import TrainingJob

BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
JOB = TrainingJob("job", "Completed", BEGAN, BEGAN + timedelta(hours=1), BEGAN, instance_count=2)


class CloudWatch(FakeSession):
    """Answers from ``{(metric, last dimension's value, period): [(seconds after the begin, value)]}``."""

    def __init__(self, series: dict[tuple[str, str, int], list[tuple[int, float]]], refuses: int = 0) -> None:
        super().__init__(get_metric_data=self.answer)
        self.series, self.refuses = series, refuses

    def answer(self, MetricDataQueries: Any, StartTime: Any, EndTime: Any, ScanBy: str) -> dict[str, Any]:
        results = []
        for query in MetricDataQueries:
            stat = query["MetricStat"]
            if stat["Period"] == self.refuses:
                raise AccessDenied("no", "no")
            key = (stat["Metric"]["MetricName"], stat["Metric"]["Dimensions"][-1]["Value"], stat["Period"])
            points = [(BEGAN + timedelta(seconds=after), value) for after, value in self.series.get(key, ())]
            assert all(StartTime <= at <= EndTime for at, _ in points)
            results.append({"Id": query["Id"], "Timestamps": [p[0] for p in points], "Values": [p[1] for p in points]})
        return {"MetricDataResults": results}


def test_of_several_hosts_the_mean_is_told() -> None:
    session = CloudWatch(
        {
            ("CPUUtilization", "job/algo-1", 60): [(0, 100.0), (60, 200.0)],
            ("CPUUtilization", "job/algo-2", 60): [(0, 50.0)],
            ("DiskUtilization", "job/algo-2", 60): [(0, 3.0)],
        }
    )
    use = asyncio.run(Machines(session).job(JOB))
    assert use.cpu == ((BEGAN, 75.0), (BEGAN + timedelta(seconds=60), 200.0))
    assert (use.memory, use.disk) == ((), ((BEGAN, 3.0),)) and use
    assert not asyncio.run(Machines(CloudWatch({})).job(JOB))


@pytest.mark.parametrize(("refuses", "expected"), [(0, [1.0, 2.0, 3.0]), (10, [2.0])])
def test_a_short_job_is_looked_at_more_closely_where_that_is_known(refuses: int, expected: list[float]) -> None:
    series = {
        ("CPUUtilization", "job/algo-1", 60): [(0, 2.0)],
        ("CPUUtilization", "job/algo-1", 10): [(0, 1.0), (10, 2.0), (20, 3.0)],
    }
    short = replace(JOB, ended=BEGAN + timedelta(seconds=40), instance_count=1)
    use = asyncio.run(Machines(CloudWatch(series, refuses)).job(short))
    assert [value for _, value in use.cpu] == expected


@pytest.mark.parametrize(("hours", "period"), [(1, 60), (30, 300), (400, 3600)])
def test_a_long_job_is_asked_about_in_longer_periods(hours: int, period: int) -> None:
    session = CloudWatch({})
    asyncio.run(Machines(session).job(replace(JOB, ended=BEGAN + timedelta(hours=hours))))
    asked = session.made("get_metric_data")[0]["MetricDataQueries"]
    assert {query["MetricStat"]["Period"] for query in asked} == {period} and len(asked) == 6


def test_a_variant_is_asked_about_in_the_last_hour() -> None:
    session = CloudWatch({("MemoryUtilization", "blue", 60): [(-600, 40.0)]})
    use = asyncio.run(Machines(session).endpoint("dogs", "blue", BEGAN))
    assert use.memory == ((BEGAN - timedelta(minutes=10), 40.0),)
