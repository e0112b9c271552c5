"""What things cost an hour, and what jobs cost when: by hand, from the price table's own prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers.inventory.closer import size_words
from workers.inventory.rates import Rates, job_rate, job_spans, machines_of, shown, size_of, spent
from workers.inventory.types import Span
from workers.prices.table import HOURS_PER_MONTH, PriceTable
from workers.training.spot import SPOT_SAVING

RATES = Rates(PriceTable.load(), "us-east-1")
START = datetime(2026, 11, 28, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
LARGE, GPU = (RATES.machines(name, 1, "training") or 0.0 for name in ("ml.m5.large", "ml.g5.xlarge"))
DISK = RATES.prices.standing("notebook_volume", "us-east-1") or 0.0


def training(**more: object) -> dict[str, object]:
    return {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}, "TrainingStartTime": START, **more}


@pytest.mark.parametrize(
    ("status", "machine", "disk"),
    [
        ("InService", 1, 1), ("Pending", 1, 1), ("Updating", 1, 1), ("Stopping", 1, 1), ("Stopped", 0, 1),
        ("Failed", 0, 0), ("Deleting", 0, 0),
    ],
)  # fmt: skip
def test_a_notebook_that_is_stopped_costs_its_volume(status: str, machine: int, disk: int) -> None:
    hourly = RATES.prices.notebook_per_hour("ml.t3.medium", "us-east-1") or 0.0
    assert hourly > 0 and DISK > 0
    answer = {"NotebookInstanceStatus": status, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 50}
    assert RATES.notebook(answer) == pytest.approx(machine * hourly + disk * 50 * DISK / HOURS_PER_MONTH)
    unknown = RATES.notebook({**answer, "InstanceType": "ml.nothing.large"})
    assert (unknown is None) == bool(machine)
    del answer["VolumeSizeInGB"]
    assert RATES.notebook(answer) == pytest.approx(machine * hourly + disk * 5 * DISK / HOURS_PER_MONTH)


def test_the_machines_of_each_kind_of_job() -> None:
    pair = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    groups = {"InstanceGroups": [pair, {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}]}
    assert machines_of({"ResourceConfig": pair}) == (("ml.m5.large", 2),)
    assert machines_of({"ProcessingResources": {"ClusterConfig": pair}}) == (("ml.m5.large", 2),)
    assert machines_of({"TransformResources": pair}) == (("ml.m5.large", 2),)
    assert size_of(machines_of({"ResourceConfig": groups})) == "2 × ml.m5.large, 1 × ml.g5.xlarge"
    assert machines_of({}) == machines_of({"ResourceConfig": {}}) == ()
    assert job_rate({"ResourceConfig": groups}, RATES) == pytest.approx(2 * LARGE + GPU)


def test_a_job_whose_machines_have_no_price_costs_nobody_knows_what() -> None:
    assert job_rate({}, RATES) is None
    mixed = {"InstanceGroups": [{"InstanceType": "ml.m5.large", "InstanceCount": 1}, {"InstanceType": "ml.odd.large"}]}
    assert job_rate({"ResourceConfig": mixed}, RATES) is None
    assert job_rate(training(EnableManagedSpotTraining=True), RATES) == pytest.approx(2 * LARGE * (1 - SPOT_SAVING))


def test_a_job_costs_from_its_start_to_its_end() -> None:
    assert job_spans({"ResourceConfig": training()["ResourceConfig"]}, RATES) == ()
    assert job_spans(training(), RATES) == (Span(START, None, pytest.approx(2 * LARGE)),)
    assert job_spans(training(TrainingEndTime=START + HOUR), RATES) == (
        Span(START, START + HOUR, pytest.approx(2 * LARGE)),
    )
    for name in ("Processing", "Transform"):
        other = {f"{name}StartTime": START, f"{name}EndTime": START + HOUR}
        assert [(span.start, span.end) for span in job_spans(other, RATES)] == [(START, START + HOUR)]


@pytest.mark.parametrize(("seconds", "billed", "hours"), [(3600, 900, 0.25), (3600, 0, 0.0), (0, 0, 0.0)])
def test_a_spot_job_that_ended_costs_the_seconds_that_aws_billed(seconds: int, billed: int, hours: float) -> None:
    ended = START + timedelta(seconds=seconds)
    answer = training(EnableManagedSpotTraining=True, TrainingEndTime=ended, BillableTimeInSeconds=billed)
    assert spent(job_spans(answer, RATES), ended + HOUR) == pytest.approx(2 * LARGE * hours)
    # Of a job that runs AWS has billed nothing yet; and without spot instances every second is billed.
    running = training(EnableManagedSpotTraining=True, BillableTimeInSeconds=billed)
    assert spent(job_spans(running, RATES), START + HOUR) == pytest.approx(2 * LARGE * (1 - SPOT_SAVING))
    usual = training(TrainingEndTime=ended, BillableTimeInSeconds=billed)
    assert spent(job_spans(usual, RATES), ended + HOUR) == pytest.approx(2 * LARGE * seconds / 3600)


@pytest.mark.parametrize(
    ("pool", "hours"),
    [
        ({"Status": "Available"}, 3.0), ({"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 1800}, 0.5),
        ({"Status": "InUse", "ResourceRetainedBillableTimeInSeconds": 900}, 0.25), ({"Status": "Terminated"}, 0.0),
        ({}, 0.0),
    ],
)  # fmt: skip
def test_a_warm_pool_costs_what_the_job_cost(pool: dict[str, object], hours: float) -> None:
    spans = job_spans(training(TrainingEndTime=START + HOUR, WarmPoolStatus=pool), RATES)
    assert spent(spans, START + 4 * HOUR) == pytest.approx(2 * LARGE * (1 + hours))
    assert len(job_spans(training(WarmPoolStatus=pool), RATES)) == 1


def test_what_was_spent_is_counted_within_its_time_alone() -> None:
    spans = (Span(START, START + 2 * HOUR, 1.0), Span(START + 3 * HOUR, None, 2.0))
    for hours, dollars in ((-1, 0.0), (1, 1.0), (2.5, 2.0), (4, 4.0)):
        assert spent(spans, START + hours * HOUR) == pytest.approx(dollars)
    assert spent(spans, START + 4 * HOUR, since=START + HOUR) == pytest.approx(3.0)
    assert spent(spans, START + 4 * HOUR, since=START + 5 * HOUR) == 0.0
    unknown = Span(START, START + HOUR, None)
    assert spent((*spans, unknown), START + 4 * HOUR) is None
    assert spent((*spans, unknown), START + 4 * HOUR, since=START + HOUR) == pytest.approx(3.0), "it is over by then"


def test_figures_as_tables_show_them() -> None:
    assert (shown(None), shown(0.12345), shown(0.0999), shown(0.01234)) == (None, 0.12, 0.1, 0.012)
    words = {0: "0 bytes", 999: "999 bytes", 1500: "1.5 kB", 10**6: "1.0 MB", 2 * 10**9: "2.00 GB", 10**12: "1.00 TB"}
    assert {number: size_words(number) for number in words} == words
