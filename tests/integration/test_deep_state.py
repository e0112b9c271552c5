"""A state folder of any depth and name: jobs with workers, functions, and names that are too long for a file.

Without walls, as on systems that have none: /tmp is the machine's, and each job's TMPDIR a short link to its own.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.settings import WALLS
from tests.helpers.functions import TRUST, call, zipped
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

NAME = ("pytorch-training-2026-01-02-03-04-05-678-" + "x" * 63)[:63]
# Tensors come from worker processes through Unix sockets below TMPDIR.
WORKERS = """
import tempfile, torch
from torch.utils.data import DataLoader

if __name__ == "__main__":
    loader = DataLoader([torch.full((3,), float(n)) for n in range(40)], batch_size=4, num_workers=2)
    print("sum", sum(batch.sum().item() for batch in loader), flush=True)
    print("tmp", tempfile.gettempdir(), flush=True)
"""
WAITS = """
import tempfile, time
print("tmp", tempfile.gettempdir(), flush=True)
time.sleep(600)
"""
HARD_CODED = """
import os, subprocess
text = open("/tmp/weights.pth").read() if os.path.exists("/tmp/weights.pth") else "nothing"
open("/tmp/weights.pth", "w").write("written")
print("before", text, subprocess.run("cat /tmp/weights.pth", shell=True, capture_output=True, text=True).stdout)
print("place /tmp/weights.pth", os.path.abspath("/tmp/weights.pth"), flush=True)
"""
FUNCTION = """
import tempfile
def handler(event, context):
    with open(tempfile.gettempdir() + "/count", "a") as file:
        file.write("x")
    return {"tmp": tempfile.gettempdir(), "calls": len(open(tempfile.gettempdir() + "/count").read())}
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("deep") / "Pïctures and möre" / Path("deep/" * 30)
    folder.mkdir(parents=True)
    with SandboxProcess(folder / "state", environ={WALLS: "no"}) as running:
        yield Account(running)


def told(account: Account, name: str, word: str) -> str:
    """What a job printed after ``word``."""
    line = wait_for(lambda: next((line for line in account.log(name) if line.startswith(word)), None))
    return str(line).removeprefix(word).strip()


def test_workers_of_a_loader_run_in_a_job_with_a_long_name(account: Account) -> None:
    account.start(NAME, WORKERS)
    job = account.finished(NAME)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), account.log(NAME))
    assert told(account, NAME, "sum") == f"{float(3 * sum(range(40)))}"
    assert not Path(told(account, NAME, "tmp")).is_symlink()


def test_a_killed_sandbox_leaves_no_link_after_its_next_start(account: Account) -> None:
    account.start("waits", WAITS)
    link = Path(told(account, "waits", "tmp"))
    assert link.is_symlink()
    assert link.parent.parent in (Path(tempfile.gettempdir()), Path(os.sep, "tmp"), Path(os.sep, "var", "tmp"))
    account.sandbox.restart()
    account.connect()
    assert not link.parent.exists()
    wait_for(lambda: account.describe("waits")["TrainingJobStatus"] == "Failed")
    assert not any(account.sandbox.state.joinpath("jobs").iterdir())


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_tmp_that_a_script_names_is_the_jobs_own(account: Account, name: str) -> None:
    account.start(name, HARD_CODED)
    job = account.finished(name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), account.log(name))
    assert told(account, name, "before") == "nothing written"
    assert told(account, name, "place") == "/tmp/weights.pth /tmp/weights.pth"
    assert not Path("/tmp/weights.pth").exists()


def test_who_runs_a_sandbox_without_walls_is_told(account: Account) -> None:
    assert "can read your files on this computer" in account.sandbox.ready["exposure"]
    assert account.sandbox.ready["exposure"] in account.sandbox.errors()


def test_each_environment_of_a_function_has_its_own_folder(account: Account) -> None:
    account.iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))
    functions = account.sandbox.client("lambda")
    for name in ("one", "two"):
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Role="arn:aws:iam::123456789012:role/fn",
            Handler="code.handler", Code={"ZipFile": zipped(FUNCTION)},
        )  # fmt: skip
    first, again, other = (call(account.sandbox, name)[1] for name in ("one", "one", "two"))
    assert (first["calls"], again["calls"], other["calls"]) == (1, 2, 1)
    assert first["tmp"] == again["tmp"] != other["tmp"]
    functions.delete_function(FunctionName="one")
    wait_for(lambda: len(list(account.sandbox.state.joinpath("scratch").iterdir())) == 1)


@pytest.mark.parametrize("name", ["n" * 256, "ü" * 128])
def test_a_name_that_no_file_can_have_is_told(account: Account, name: str) -> None:
    account.s3.put_object(Bucket=BUCKET, Key=f"long/{name}", Body=b"x")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/long/"}}
    job = f"long-{len(name)}"
    account.start(job, "print(1)", InputDataConfig=[{"ChannelName": "training", "DataSource": source}])
    reason = account.finished(job)["FailureReason"]
    assert reason.startswith("ClientError: Data download failed: s3://")
    assert "cannot be a file: File name too long" in reason
    account.s3.delete_object(Bucket=BUCKET, Key=f"long/{name}")
