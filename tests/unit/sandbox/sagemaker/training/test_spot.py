"""Managed spot training: what is refused, how long a job may last, what is billed; and its checkpoints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.containers.opt_ml import HostFolder
from sandbox.sagemaker.inputs import JobInputError
from sandbox.sagemaker.training.checkpoints import Checkpoints
from sandbox.sagemaker.training.spot import billable_seconds, check_spot, run_limit
from sandbox.sagemaker.tuning.request import TuningPlan
from sandbox.wire.errors import AwsError
from tests.helpers.tuning_requests import request as tuning_request
from tests.helpers.waiting import wait_for


def job(wait: int | None = None, run: int = 100, *, spot: bool = True) -> dict[str, Any]:
    stopping = {"MaxRuntimeInSeconds": run} | ({"MaxWaitTimeInSeconds": wait} if wait is not None else {})
    return {"EnableManagedSpotTraining": spot, "StoppingCondition": stopping, "CreationTime": 1000.0}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (job(99), "It must be present and be greater than or equal to MaxRuntimeInSeconds"),
        (job(None), "It must be present"),
        ({"EnableManagedSpotTraining": True}, "It must be present"),
        (job(100, spot=False), "It is only supported when EnableManagedSpotTraining is set to true"),
    ],
)
def test_a_wait_that_does_not_fit_is_refused(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words) as refused:
        check_spot(request_)
    assert refused.value.code == "ValidationException"


def test_a_wait_as_long_as_the_run_is_taken() -> None:
    check_spot(job(100))
    check_spot(job(None, spot=False))


def test_the_wait_for_instances_counts_against_the_longest_wait() -> None:
    assert run_limit(job(150), 1000.0) == (100.0, "MaxRuntimeExceeded")
    assert run_limit(job(150), 1080.0) == (70.0, "MaxWaitTimeExceeded")
    assert run_limit(job(150), 2000.0) == (0.0, "MaxWaitTimeExceeded")
    assert run_limit(job(None, spot=False), 9000.0) == (100.0, "MaxRuntimeExceeded")


def test_spot_bills_less_than_it_trains() -> None:
    assert billable_seconds(job(spot=False), 1000) == 1000
    assert 100 <= billable_seconds(job(150), 1000) <= 500
    assert billable_seconds(job(150), 1) == 1


def test_trials_are_spot_jobs_with_checkpoints_of_their_own() -> None:
    asked = tuning_request()
    asked["TrainingJobDefinition"] |= {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        "CheckpointConfig": {"S3Uri": "s3://bucket/kept/", "LocalPath": "/opt/ml/checkpoints"},
    }
    plan = TuningPlan(asked)
    first, second = (plan.trial_request(name, {"rate": "0.5"}) for name in ("t-001", "t-002"))
    assert first["EnableManagedSpotTraining"] and first["StoppingCondition"]["MaxWaitTimeInSeconds"] == 120
    assert first["CheckpointConfig"] == {"S3Uri": "s3://bucket/kept/t-001", "LocalPath": "/opt/ml/checkpoints"}
    assert second["CheckpointConfig"]["S3Uri"] == "s3://bucket/kept/t-002"


class Objects:
    """S3 in memory that counts what is stored, and may refuse it."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = {f"kept/{name}": data for name, data in objects.items()}
        self.stored: list[str] = []
        self.refuses = False
        self.refused = 0

    def list(self, bucket: str, prefix: str = "") -> list[Any]:
        return [SimpleNamespace(key=key) for key in sorted(self.objects) if key.startswith(prefix)]

    def download_file(self, bucket: str, key: str, dest: Path) -> None:
        dest.write_bytes(self.objects[key])

    def open_path(self, bucket: str, key: str) -> Path:
        raise NotImplementedError

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        if self.refuses:
            self.refused += 1
            raise AwsError("AccessDenied", "not authorized to perform: s3:PutObject", 403)
        self.stored.append(key)
        self.objects[key] = path.read_bytes()


@pytest.fixture
def hosts(tmp_path: Path) -> list[HostFolder]:
    folders = [HostFolder(tmp_path / name) for name in ("algo-1", "algo-2")]
    for folder in folders:
        folder.create()
    return folders


CONFIG = {"S3Uri": "s3://bucket/kept"}


def test_checkpoints_come_back_and_only_changes_are_copied(hosts: list[HostFolder]) -> None:
    store = Objects(epoch=b"3")
    checkpoints = Checkpoints(store, CONFIG, hosts, seconds=0.01)
    checkpoints.download()
    assert [(host.root / "checkpoints" / "epoch").read_bytes() for host in hosts] == [b"3", b"3"]
    checkpoints.watch()
    (hosts[1].root / "checkpoints" / "deep").mkdir()
    # In one step: half a file would be copied too, and then again.
    (hosts[1].root / "state").write_bytes(b"s")
    (hosts[1].root / "state").rename(hosts[1].root / "checkpoints" / "deep" / "state")
    wait_for(lambda: "kept/deep/state" in store.stored)
    # The job has not ended, and what came from S3 was not sent back.
    assert store.stored == ["kept/deep/state"]
    checkpoints.finish(upload=False)
    (hosts[0].root / "checkpoints" / "epoch").write_bytes(b"four")
    checkpoints.finish(upload=True)
    assert store.stored == ["kept/deep/state", "kept/epoch"] and store.objects["kept/epoch"] == b"four"


def test_the_first_hosts_file_wins(hosts: list[HostFolder]) -> None:
    store = Objects()
    for host in hosts:
        (host.root / "checkpoints" / "state").write_text(host.base.name)
    Checkpoints(store, CONFIG, hosts).finish(upload=True)
    assert store.objects == {"kept/state": b"algo-1"}


def test_a_refused_copy_is_told_at_the_end(hosts: list[HostFolder]) -> None:
    store = Objects()
    store.refuses = True
    (hosts[0].root / "checkpoints" / "state").write_text("s")
    checkpoints = Checkpoints(store, CONFIG, hosts, seconds=0.01)
    checkpoints.watch()
    wait_for(lambda: store.refused >= 2)
    with pytest.raises(AwsError, match="s3:PutObject"):
        checkpoints.finish(upload=True)


def test_other_folders_and_none(hosts: list[HostFolder]) -> None:
    Checkpoints(Objects(), None, hosts).finish(upload=True)
    elsewhere = Checkpoints(Objects(epoch=b"1"), {**CONFIG, "LocalPath": "/opt/ml/state"}, hosts[:1])
    elsewhere.download()
    assert (hosts[0].root / "state" / "epoch").read_bytes() == b"1"
    with pytest.raises(JobInputError, match="does not lie below /opt/ml"):
        Checkpoints(Objects(), {**CONFIG, "LocalPath": "/etc"}, hosts)
    with pytest.raises(JobInputError, match="no usable file name"):
        Checkpoints(Objects(**{"../x": b"1"}), CONFIG, hosts).download()
