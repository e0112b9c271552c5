"""Spot: what is sent, what is read, and what it costs before, while and after a job ran."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workers.fake_aws import FakeRoles, FakeSession
from workers.prices.table import PriceTable
from workers.training.jobs import Training
from workers.training.request import launch_request
from workers.training.spot import SPOT_SAVING, max_wait_seconds
from workers.tuning.costs import estimate
from workers.tuning.features import features_spec
from workers.tuning.jobs import Tuning
from workers.tuning.request import tuning_request
from workers.tuning.types import TuningSpec
from workers.types import TrainingJob, TrainingSpec

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PRICES = PriceTable.load()
HOUR = PRICES.per_hour("ml.m5.2xlarge", "training", "us-east-1")
TUNING = TuningSpec("tune-dogs", "s3://data/dogs", "data", spot=True)


def test_a_spot_job_may_wait_for_its_instances():
    spec = TrainingSpec("dogs-1", "s3://data/dogs", "data", max_runtime_seconds=600)
    assert launch_request(spec, "us-east-1").max_wait_seconds is None
    spot = launch_request(dataclasses.replace(spec, spot=True), "us-east-1")
    assert spot.max_wait_seconds == max_wait_seconds(600) >= 600
    assert tuning_request(TUNING, "us-east-1").max_wait_seconds >= TUNING.trial_seconds
    assert features_spec(TUNING, "features-1").spot


@pytest.mark.parametrize("runtime", [60, 3600, 432_000])
def test_the_wait_is_never_less_than_the_run(runtime):
    assert max_wait_seconds(runtime) > runtime


def test_the_estimate_is_less_and_the_most_is_without_spot():
    plain = estimate(dataclasses.replace(TUNING, spot=False), PRICES, "us-east-1", 1000)
    spot = estimate(TUNING, PRICES, "us-east-1", 1000)
    assert plain.saved == 0
    assert spot.expected == pytest.approx(plain.expected * (1 - SPOT_SAVING))
    assert spot.expected + spot.saved == pytest.approx(plain.expected)
    assert spot.most == plain.most


def test_a_finished_spot_job_costs_what_is_billed_of_it():
    job = TrainingJob(
        "a", "Completed", START, instance_type="ml.m5.2xlarge", instance_count=2, billable_seconds=900,
        training_seconds=3600, spot=True,
    )  # fmt: skip
    assert PRICES.job_cost(job, "us-east-1") == pytest.approx(2 * HOUR / 4)


def test_a_running_spot_job_costs_what_spot_usually_does():
    job = TrainingJob("a", "InProgress", START, started=START, instance_type="ml.m5.2xlarge", instance_count=1)
    now = START + timedelta(hours=1)
    spot = dataclasses.replace(job, spot=True)
    assert PRICES.job_cost(job, "us-east-1", now) == pytest.approx(HOUR)
    assert PRICES.job_cost(spot, "us-east-1", now) == pytest.approx(HOUR * (1 - SPOT_SAVING))
    assert PRICES.hourly_total([spot], [], "us-east-1").training == pytest.approx(HOUR * (1 - SPOT_SAVING))


def described(name, status="Completed"):
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:1:training-job/{name}",
        "TrainingJobStatus": status,
        "CreationTime": START,
        "ResourceConfig": {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1},
        "EnableManagedSpotTraining": True,
        "TrainingTimeInSeconds": 100,
        "BillableTimeInSeconds": 32,
    }


def test_describe_tells_spot_and_both_times():
    session = FakeSession(describe_training_job=lambda TrainingJobName: described(TrainingJobName))
    job = asyncio.run(Training(session, None, FakeRoles()).describe("a"))
    assert (job.spot, job.training_seconds, job.billable_seconds) == (True, 100, 32)


def test_trials_on_spot_are_asked_once_what_is_billed_of_them():
    def summary(name, status):
        return {"TrainingJobName": name, "TrainingJobStatus": status, "CreationTime": START}

    trials = [summary("t-001", "Completed"), summary("t-002", "InProgress")]
    session = FakeSession(
        describe_training_job=lambda TrainingJobName: described(TrainingJobName),
        list_training_jobs_for_hyper_parameter_tuning_job=lambda **_: {"TrainingJobSummaries": trials},
        describe_hyper_parameter_tuning_job=lambda **_: tuning_answer(True),
    )
    jobs = Tuning(session, None, FakeRoles())
    for _ in range(2):
        found = {trial.name: trial.billable_seconds for trial in asyncio.run(jobs.trials("tune-dogs"))}
    assert found == {"t-001": 32, "t-002": 0}
    assert len(session.made("describe_training_job")) == 1
    session.handlers["describe_hyper_parameter_tuning_job"] = lambda **_: tuning_answer(False)
    asyncio.run(jobs.trials("tune-dogs"))
    assert len(session.made("describe_training_job")) == 1, "without spot the summary says it all"


def tuning_answer(spot):
    return {
        "HyperParameterTuningJobName": "tune-dogs",
        "HyperParameterTuningJobArn": "arn:aws:sagemaker:us-east-1:1:hyper-parameter-tuning-job/tune-dogs",
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": START,
        "HyperParameterTuningJobConfig": {"Strategy": "Random"},
        "TrainingJobDefinition": {"EnableManagedSpotTraining": spot},
    }
