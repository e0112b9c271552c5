"""Checkpoints: which jobs keep them and where, the copy that another job goes on from, and taking spot away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.unit.workers.fake_aws import FakeRoles, FakeSession
from workers.errors.tree import InvalidInput, NotFound
from workers.launcher.cli import training_parameters, tuning_parameters
from workers.launcher.request import LaunchRequest
from workers.prices.table import PriceTable
from workers.training.checkpoints import MOST_BYTES
from workers.training.interruption import INTERRUPT_TAG, can_interrupt
from workers.training.jobs import Training
from workers.training.request import launch_request
from workers.tuning.costs import estimate
from workers.tuning.request import tuning_request
from workers.tuning.types import TuningSpec
from workers.types import Backend, TrainingJob, TrainingSpec

SPEC = TrainingSpec("dogs-2", "s3://data/dogs", "data")
PLACE = "s3://data/sagedeck/jobs/dogs-2/checkpoints"
FIRST = "s3://data/sagedeck/jobs/dogs-1/checkpoints"
START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [({}, False), ({"spot": True}, True), ({"keep_checkpoints": True}, True), ({"continue_from": FIRST}, True)],
)
def test_a_job_that_may_have_to_go_on_keeps_checkpoints_at_a_place_of_its_own(changes, kept):
    request = launch_request(replace(SPEC, **changes), "us-east-1")
    assert request.checkpoint_uri == (PLACE if kept else "")
    asked = training_parameters(request)
    assert asked.get("CheckpointConfig") == ({"S3Uri": PLACE, "LocalPath": "/opt/ml/checkpoints"} if kept else None)
    whole = replace(request, role_arn="arn:aws:iam::123456789012:role/r")
    assert LaunchRequest.from_wire(whole.to_wire()) == whole


@pytest.mark.parametrize(
    ("instance_type", "hosts", "several"),
    [
        ("ml.m5.xlarge", 1, False),
        ("ml.m5.xlarge", 2, True),
        ("ml.g4dn.xlarge", 1, False),
        ("ml.g4dn.12xlarge", 1, True),
        ("ml.p3.8xlarge", 1, True),
        ("ml.new.xlarge", 1, False),
    ],
)
def test_each_host_and_each_gpu_gets_a_process(instance_type, hosts, several):
    spec = replace(SPEC, instance_type=instance_type, instance_count=hosts)
    assert launch_request(spec, "us-east-1").several_processes is several


def test_trials_on_spot_keep_theirs():
    spec = TuningSpec("tune", "s3://data/dogs", "data")
    definitions = [
        tuning_parameters(tuning_request(replace(spec, spot=spot), "us-east-1"))["TrainingJobDefinition"]
        for spot in (True, False)
    ]
    assert definitions[0]["CheckpointConfig"]["S3Uri"] == "s3://data/sagedeck/jobs/tune/checkpoints"
    assert "CheckpointConfig" not in definitions[1]


def test_a_checkpoint_that_is_nowhere_is_refused():
    with pytest.raises(InvalidInput, match="s3://bucket/folder"):
        launch_request(replace(SPEC, continue_from="dogs-1"), "us-east-1")


class Requests:
    """A launcher that keeps what it was asked for."""

    def __init__(self):
        self.requests = []

    async def launch(self, request):
        self.requests.append(request)


def launched(objects, spec=SPEC):
    """What was copied, and whether a job was launched after it."""
    copied = []
    session = FakeSession(
        list_objects_v2=lambda Prefix, **_: {"Contents": [item for item in objects if item["Key"].startswith(Prefix)]},
        copy_object=lambda **given: copied.append((given["CopySource"], given["Bucket"], given["Key"])) or {},
        describe_training_job=lambda **_: {},
    )
    launcher = Requests()
    return copied, launcher, Training(session, launcher, FakeRoles()).launch(replace(spec, continue_from=FIRST))


def test_the_next_job_gets_a_copy_and_the_first_ones_stay():
    start = "sagedeck/jobs/dogs-1/checkpoints/"
    objects = [{"Key": f"{start}{name}", "Size": 5} for name in ("state.pt", "deep/state.json")]
    objects.append({"Key": "sagedeck/jobs/dogs-1/checkpoints-2/other", "Size": 5})
    copied, launcher, launch = launched(objects)
    asyncio.run(launch)
    target = "sagedeck/jobs/dogs-2/checkpoints/"
    assert copied == [
        (f"data/{start}state.pt", "data", f"{target}state.pt"),
        (f"data/{start}deep/state.json", "data", f"{target}deep/state.json"),
    ]
    assert [request.checkpoint_uri for request in launcher.requests] == [PLACE]


@pytest.mark.parametrize(
    ("objects", "error"),
    [
        ([], NotFound),
        ([{"Key": "sagedeck/jobs/dogs-1/checkpoints/a", "Size": MOST_BYTES + 1}], InvalidInput),
    ],
)
def test_without_a_usable_checkpoint_nothing_is_launched(objects, error):
    copied, launcher, launch = launched(objects)
    with pytest.raises(error):
        asyncio.run(launch)
    assert not copied and not launcher.requests


def test_epochs_that_are_done_are_not_paid_for_again():
    prices = PriceTable.load()
    tuned = replace(SPEC, epochs=20, hyperparameters={"unfreeze": "all"})
    whole = estimate(tuned, prices, "us-east-1", 1000)
    rest = estimate(replace(tuned, continue_from=FIRST, continued_epochs=10), prices, "us-east-1", 1000)
    half = estimate(replace(tuned, epochs=10), prices, "us-east-1", 1000)
    assert rest.expected == half.expected < whole.expected


SPOT_JOB = TrainingJob("a", "InProgress", START, secondary_status="Training", spot=True, arn="arn:a")
SANDBOX = Backend("sandbox", "Sandbox", "us-east-1", interrupts_spot=True)


@pytest.mark.parametrize(
    ("backend", "job", "can"),
    [
        (SANDBOX, SPOT_JOB, True),
        (Backend("aws", "work", "us-east-1"), SPOT_JOB, False),
        (Backend("sandbox", "of an older version", "us-east-1"), SPOT_JOB, False),
        (SANDBOX, replace(SPOT_JOB, spot=False), False),
        (SANDBOX, replace(SPOT_JOB, secondary_status="Interrupted"), False),
        (SANDBOX, replace(SPOT_JOB, status="Stopping"), False),
        (SANDBOX, replace(SPOT_JOB, place="ec2"), False),
    ],
)
def test_only_where_the_backend_says_so_a_running_spot_job_is_interrupted(backend, job, can):
    assert can_interrupt(backend, job) is can


def test_the_order_is_a_tag():
    session = FakeSession(add_tags=lambda **given: given)
    asyncio.run(Training(session, None, FakeRoles()).interrupt(SPOT_JOB))
    (sent,) = session.made("add_tags")
    assert sent["ResourceArn"] == "arn:a" and [tag["Key"] for tag in sent["Tags"]] == [INTERRUPT_TAG]
