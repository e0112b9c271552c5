"""What is a model and what is none: by the job's description, and by what its archive holds."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.helpers.sagemaker_jobs import archive
from tests.unit.workers.fake_aws import FakeRoles, FakeSession, Refused
from workers.endpoints.deployable import archive_problem, no_model_reason
from workers.endpoints.service import Endpoints
from workers.endpoints.steps import model_of
from workers.endpoints.update import Updates, UpdateSpec
from workers.errors.tree import InvalidInput
from workers.types import DeploySpec, Endpoint, TrainingJob

START = datetime(2026, 1, 31, tzinfo=UTC)
MODEL = "s3://data/jobs/dogs/output/model.tar.gz"
WHOLE = {"classes.json": "{}", "code/inference.py": "", "model.pth": b"0" * 100}
FEATURES = {"manifest.json": "{}", "train-00000.npy": b"0" * 100}


def job(name: str = "dogs", status: Any = "Completed", uri: str = MODEL, **given: str) -> TrainingJob:
    return TrainingJob(name, status, START, hyperparameters=given, model_uri=uri)


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (job(), ""),
        (job(status="Stopped"), ""),
        (job(status="Stopped", uri=""), "stopped before"),
        (job(status="Failed"), "failed"),
        (job(status="InProgress", uri=""), "running"),
        (job(status="Stopping"), "being stopped"),
        (job(uri=""), "left no model"),
        (job("features-29f0c0ffee12-1"), "features"),
        (job("sagedeck-features-29f0c0ffee12-1"), "features"),
        (job(prepare_features="true"), "features"),
        (job(**{"prepare-features": '"True"'}), "features"),
        (job(prepare_features="false"), ""),
    ],
)
def test_what_a_description_says_of_the_model(job: TrainingJob, word: str) -> None:
    reason = no_model_reason(job)
    assert bool(reason) == bool(word) and word in reason
    assert not reason or reason.endswith(".")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (archive(WHOLE), ""),
        (archive({f"./{name}": content for name, content in WHOLE.items()}), ""),
        (archive(FEATURES), "prepared features"),
        (archive({}), "empty"),
        (archive({"weights.bin": "x"}), "code/inference.py"),
        (archive(WHOLE)[:40], "damaged"),
        (b"no archive", "damaged"),
    ],
)
def test_what_an_archive_holds(data: bytes, word: str) -> None:
    problem = archive_problem(io.BytesIO(data))
    assert bool(problem) == bool(word) and word in problem


def session(body: bytes | Refused, **job_facts: Any) -> FakeSession:
    def get_object(Bucket: str, Key: str) -> dict[str, Any]:
        if isinstance(body, Refused):
            raise body
        return {"Body": io.BytesIO(body)}

    described = {"TrainingJobStatus": "Completed", "ModelArtifacts": {"S3ModelArtifacts": MODEL}, **job_facts}
    return FakeSession(describe_training_job=lambda TrainingJobName: described, get_object=get_object)


@pytest.mark.parametrize(
    ("account", "word"),
    [
        (session(archive(FEATURES)), "prepared features"),
        (session(archive(WHOLE), HyperParameters={"prepare_features": "true"}), "features"),
        (session(archive({})), "empty"),
        (session(Refused("NoSuchKey", "The specified key does not exist.", 404)), "not there"),
    ],
)
def test_what_is_no_model_is_not_deployed_and_nothing_is_made(account: FakeSession, word: str) -> None:
    with pytest.raises(InvalidInput, match=word) as caught:
        asyncio.run(Endpoints(account, FakeRoles()).deploy(DeploySpec("dogs", "dogs")))  # type: ignore[arg-type]
    assert caught.value.code == "NoModel"
    assert account.order == []


def test_an_archive_says_nothing_about_how_its_job_ended() -> None:
    account = session(Refused("NoSuchKey", "The specified key does not exist.", 404), TrainingJobStatus="Stopped")
    with pytest.raises(InvalidInput) as caught:
        asyncio.run(Endpoints(account, FakeRoles()).deploy(DeploySpec("dogs", "dogs")))  # type: ignore[arg-type]
    assert caught.value.message.startswith("The job dogs has ended. Its model file is not there")


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        ("Stopped", archive(WHOLE), ""),
        ("Stopped", archive({}), "empty"),
        ("Stopped", Refused("NoSuchKey", "The specified key does not exist.", 404), "not there"),
        ("Stopped", Refused("AccessDenied", "Access Denied", 403), ""),
        ("Failed", archive(WHOLE), "failed"),
    ],
)
def test_a_job_that_was_stopped_is_known_by_its_archive(status: str, body: bytes | Refused, word: str) -> None:
    account = session(body)
    reason = asyncio.run(Endpoints(account, FakeRoles()).no_model_reason(job(status=status)))  # type: ignore[arg-type]
    assert bool(reason) == bool(word) and word in reason


def test_only_the_archive_of_a_job_that_was_stopped_is_looked_into() -> None:
    def unasked(**_: Any) -> Any:
        raise AssertionError("an archive may be large")

    account = FakeSession(get_object=unasked)
    assert asyncio.run(Endpoints(account, FakeRoles()).no_model_reason(job())) == ""  # type: ignore[arg-type]


def test_an_endpoint_does_not_go_over_to_what_is_no_model() -> None:
    account = session(archive(FEATURES))
    account.handlers["describe_endpoint_config"] = lambda EndpointConfigName: {
        "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large"}]
    }
    present = Endpoint("dogs", "InService", START, config_name="old", instance_type="ml.m5.large")
    with pytest.raises(InvalidInput, match="features"):
        asyncio.run(Updates(account, FakeRoles()).begin(present, UpdateSpec("dogs", "ml.m5.large", 1, "f")))  # type: ignore[arg-type]
    assert account.order == []


def test_a_model_that_may_not_be_read_is_left_to_the_endpoint() -> None:
    refused = session(Refused("AccessDenied", "Access Denied", 403))
    assert asyncio.run(model_of(refused, "dogs")) == MODEL  # type: ignore[arg-type]
