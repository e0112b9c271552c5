"""The launch contract: assembled in one place, carried whole, and refused on either side when it is not whole."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from workers.aws.tags import CREATED_BY
from workers.errors.tree import InvalidInput
from workers.launcher.client import Launcher
from workers.launcher.request import LaunchRequest
from workers.training.request import launch_request
from workers.tuning.request import tuning_request
from workers.tuning.types import CategoricalRange, ContinuousRange, IntegerRange, TuningSpec
from workers.types import Backend, TrainingSpec

ROLE = "arn:aws:iam::1:role/x"
JOB = TrainingSpec(
    "dogs-1", "s3://data/dogs", "results", instance_count=1, max_runtime_seconds=600,
    hyperparameters={"views": "2"}, requirements="timm\n", tags={"team": "vision"}, environment={"TOKEN": "hush"},
)  # fmt: skip
TUNING = TuningSpec(
    "tune-1", "s3://data/dogs", "results", strategy="Hyperband", early_stopping="Off", parents=("before",),
    max_runtime_seconds=7200, random_seed=7, hyperparameters={"views": "2"},
    ranges=(
        ContinuousRange("learning_rate", 1e-4, 1, "Logarithmic"),
        IntegerRange("epochs", 2, 20),
        CategoricalRange("batch_size", ("32", "64")),
    ),
)  # fmt: skip
REQUESTS = {
    "single": launch_request(JOB, "us-east-1", ROLE),
    "four hosts": launch_request(dataclasses.replace(JOB, instance_count=4), "us-east-1", ROLE),
    "spot": launch_request(dataclasses.replace(JOB, spot=True), "us-east-1", ROLE),
    "tuning": tuning_request(TUNING, "us-east-1", "", ROLE),
    "tuning on features": tuning_request(
        dataclasses.replace(TUNING, spot=True), "us-east-1", "s3://results/features/model.tar.gz", ROLE
    ),
}


def carried(request: LaunchRequest) -> Any:
    """What comes out at the other end of the pipe."""
    return json.loads(json.dumps(request.to_wire()))


@pytest.mark.parametrize("name", REQUESTS)
def test_what_the_window_assembled_is_what_the_launcher_gets(name: str) -> None:
    request = REQUESTS[name]
    assert LaunchRequest.from_wire(carried(request)) == request


def test_a_job_and_the_jobs_of_a_tuning_job_are_assembled_alike() -> None:
    """But for the data that features stand for, what is tuned, and a note of where the data is."""
    job = launch_request(
        TrainingSpec("tune-1", "s3://data/dogs", "results", instance_type=TUNING.instance_type), "us-east-1", ROLE
    )
    tuning = tuning_request(TuningSpec("tune-1", "s3://data/dogs", "results"), "us-east-1", "", ROLE)
    differ = {
        field.name for field in dataclasses.fields(job) if getattr(job, field.name) != getattr(tuning, field.name)
    }
    assert differ == {"hyperparameters", "environment", "tuning"}
    assert job.tags[CREATED_BY] == tuning.tags[CREATED_BY] == "sagedeck"


@pytest.mark.parametrize("name", REQUESTS)
def test_a_member_that_is_missing_unknown_or_of_another_type_is_refused(name: str) -> None:
    whole = carried(REQUESTS[name])
    for member in whole:
        if member not in ("requirements_text", "max_wait_seconds", "tuning"):
            with pytest.raises(InvalidInput):
                LaunchRequest.from_wire({key: value for key, value in whole.items() if key != member})
        with pytest.raises(InvalidInput, match=rf"LaunchRequest.{member}.* cannot be"):
            LaunchRequest.from_wire({**whole, member: [1.5]})
    with pytest.raises(InvalidInput, match="region is unknown"):
        LaunchRequest.from_wire({**whole, "region": "us-east-1"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"job_name": ""}, "no job name"),
        ({"image": ""}, "no image"),
        ({"instance_count": 0}, "instance count must be at least 1"),
        ({"instance_count": True}, "cannot be True"),
        ({"max_wait_seconds": 599}, "less time than it may run"),
        ({"channels": {}}, "folder in S3"),
        ({"channels": {"training": "/home/me/dogs"}}, "folder in S3"),
        ({"hyperparameters": {"epochs": 3}}, "hyperparameters.epochs cannot be 3"),
        ({"role_arn": ""}, "no role"),
    ],
)
def test_what_cannot_be_a_job_is_refused_by_the_launcher(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        LaunchRequest.from_wire({**carried(REQUESTS["single"]), **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ranges": []}, "nothing to tune"),
        ({"max_jobs": 0, "max_parallel": 0}, "0 of 0"),
        ({"max_parallel": 13}, "13 of 12"),
        ({"objective_type": "Guess"}, "objective_type cannot be"),
    ],
)
def test_what_cannot_be_a_tuning_job_is_refused_by_the_launcher(changes: dict[str, Any], words: str) -> None:
    whole = carried(REQUESTS["tuning"])
    with pytest.raises(InvalidInput, match=words):
        LaunchRequest.from_wire({**whole, "tuning": {**whole["tuning"], **changes}})


def test_the_window_sends_nothing_without_a_role() -> None:
    launcher = Launcher(Backend("sandbox", "Sandbox", "us-east-1"), module="tests.unit.workers.no_such_child")
    with pytest.raises(InvalidInput, match="no role"):
        asyncio.run(launcher.launch(dataclasses.replace(REQUESTS["single"], role_arn="")))


def test_whole_numbers_stay_whole_and_secrets_unseen() -> None:
    part = REQUESTS["tuning"].tuning
    assert part is not None and [setting.bounds for setting in part.ranges[:2]] == [(1e-4, 1.0), (2, 20)]
    assert [type(bound) for bound in part.ranges[1].bounds] == [int, int]
    assert "hush" not in repr(REQUESTS["single"])
