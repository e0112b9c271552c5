"""Code of every kind that the sandbox runs: its own files and /tmp, none of the operator's."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.walls import Enclosure
from tests.helpers.functions import LOGGING, TRUST, call, zipped
from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

ABLE = Enclosure(Path("/nowhere")).abilities()
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(ABLE.walls or ABLE.tmp), reason=ABLE.walls or ABLE.tmp),
]
LOOK = """
import json, os, pathlib, subprocess
def look():
    found = {"tmp": sorted(name for name in os.listdir("/tmp") if name.endswith(".pth"))}
    for place in PLACES:
        try:
            found[place] = len(os.listdir(place) if os.path.isdir(place) else open(place, "rb").read())
        except OSError as error:
            found[place] = type(error).__name__
    pathlib.Path("/tmp/weights.pth").write_text("x")
    found["shell"] = subprocess.run(f"cat {PLACES[0]}", shell=True, capture_output=True).returncode
    return found
"""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    # Not in /tmp, where nobody's state is: each child has its own /tmp, and would not see the machine's.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, SandboxProcess(Path(folder) / "state") as running:
        yield Account(running)


def places(account: Account) -> list[str]:
    state = account.sandbox.state
    return [str(state / "ready.json"), str(state / "sandbox.db"), str(state / "jobs"), str(Path.home())]


def program(account: Account, then: str) -> str:
    return f"PLACES = {places(account)!r}\n{LOOK}\n{then}"


def told_by_a_job(account: Account, name: str) -> dict[str, Any]:
    account.start(name, program(account, "print('found', json.dumps(look()), flush=True)"))
    line = wait_for(lambda: next((line for line in account.log(name) if line.startswith("found")), None), 120)
    return dict(json.loads(str(line).removeprefix("found ")))


def told_by_an_endpoint(account: Account, name: str) -> dict[str, Any]:
    code = program(
        account, "def model_fn(d): return 1\ndef input_fn(b, t): return b\ndef predict_fn(d, m): return look()"
    )
    account.endpoint(name, {"code/inference.py": code})
    assert account.settled(name) == "InService"
    return dict(json.loads(account.invoke(name)))


def told_by_a_function(account: Account, name: str) -> dict[str, Any]:
    account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    account.iam.attach_role_policy(RoleName=name, PolicyArn=LOGGING)
    account.sandbox.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=f"arn:aws:iam::123456789012:role/{name}", Timeout=20,
        Handler="code.handler", Code={"ZipFile": zipped(program(account, "def handler(e, c): return look()"))},
    )  # fmt: skip
    return dict(call(account.sandbox, name)[1])


def told_by_processing(account: Account, name: str) -> dict[str, Any]:
    code = program(account, "print('found', json.dumps(look()), flush=True)")
    account.s3.put_object(Bucket=BUCKET, Key=f"code/{name}/look.py", Body=code.encode())
    place, source = "/opt/ml/processing/code", f"s3://{BUCKET}/code/{name}"
    account.sagemaker.create_processing_job(
        ProcessingJobName=name, RoleArn=account.role,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{place}/look.py"]},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        ProcessingInputs=[{
            "InputName": "code",
            "S3Input": {"S3Uri": source, "LocalPath": place, "S3DataType": "S3Prefix", "S3InputMode": "File"},
        }],
    )  # fmt: skip
    group = "/aws/sagemaker/ProcessingJobs"
    line = wait_for(lambda: next((line for line in account.log(name, group) if line.startswith("found")), None), 120)
    return dict(json.loads(str(line).removeprefix("found ")))


KINDS = {
    "processing": told_by_processing,
    "job": told_by_a_job,
    "endpoint": told_by_an_endpoint,
    "function": told_by_a_function,
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_code_sees_nothing_of_the_operator_and_shares_no_tmp(account: Account, kind: str) -> None:
    for name in (f"{kind}-1", f"{kind}-2"):
        found = KINDS[kind](account, name)
        assert found.pop("tmp") == []
        assert found.pop("shell") != 0
        assert found == dict.fromkeys(places(account), "PermissionError")
    assert not Path("/tmp/weights.pth").exists()
    assert account.sandbox.ready["exposure"] == ""


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_jobs_and_endpoints_that_import_torch_begin_with_torch_loaded(account: Account) -> None:
    looks = "import sys\nloaded = 'torch' in sys.modules\nimport torch\n"
    account.start("quick", f"{looks}print('loaded', loaded, torch.ones(2).sum().item(), flush=True)")
    code = f"{looks}def model_fn(d): return 1\ndef input_fn(b, t): return b\ndef predict_fn(d, m): return [loaded]"
    account.endpoint("quick", {"code/inference.py": code})
    assert account.finished("quick")["TrainingJobStatus"] == "Completed"
    assert "loaded True 2.0" in account.log("quick")
    assert account.settled("quick") == "InService"
    assert json.loads(account.invoke("quick")) == [True]
