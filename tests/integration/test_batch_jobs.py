"""Processing and transform jobs over the wire: waiters, roles, a kill of the sandbox, costs, the inventory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.backends import backend_of
from tests.helpers.batch_jobs import s3_input, s3_output
from tests.helpers.sagemaker_jobs import BUCKET, TRUST, Account
from tests.helpers.sandbox import SandboxProcess, clean_environ
from tests.helpers.waiting import wait_for
from workers.inventory.types import Inventory
from workers.services import Services

pytestmark = pytest.mark.integration

CODE = "/opt/ml/processing/input/code"
OUT = "/opt/ml/processing/output"
COUNTS = f"""
import boto3, os
print("I am", boto3.client("sts").get_caller_identity()["Arn"])
open("{OUT}/count.txt", "w").write(str(len(os.listdir("/opt/ml/processing/input/data"))))
"""
GROUP = "/aws/sagemaker/ProcessingJobs"
SLEEPS = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
WAITING = {"Delay": 1, "MaxAttempts": 120}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("batch") / "state") as sandbox:
        yield Account(sandbox)


def start(account: Account, name: str, script: str, role: str = "", **changes: Any) -> None:
    account.s3.put_object(Bucket=BUCKET, Key=f"{name}/run.py", Body=script.encode())
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    account.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=role or account.role,
        AppSpecification={"ImageUri": "image", "ContainerEntrypoint": ["python3", f"{CODE}/run.py"]},
        ProcessingResources={"ClusterConfig": cluster},
        ProcessingInputs=[
            s3_input("code", f"s3://{BUCKET}/{name}/run.py", CODE),
            s3_input("data", f"s3://{BUCKET}/data/", "/opt/ml/processing/input/data"),
        ],
        ProcessingOutputConfig={"Outputs": [s3_output("out", OUT, uri=f"s3://{BUCKET}/out/{name}")]},
        **changes,
    )


def ended(account: Account, name: str) -> dict[str, Any]:
    account.sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName=name, WaiterConfig=WAITING
    )
    job: dict[str, Any] = account.sagemaker.describe_processing_job(ProcessingJobName=name)
    return job


def test_a_processing_job_runs_as_its_role_and_is_billed(account: Account) -> None:
    start(account, "counts", COUNTS, Tags=[{"Key": "team", "Value": "dogs"}])
    job = ended(account, "counts")
    assert job["ProcessingJobStatus"] == "Completed"
    assert account.s3.get_object(Bucket=BUCKET, Key="out/counts/count.txt")["Body"].read() == b"1"
    assert any("assumed-role/worker/SageMaker" in line for line in account.log("counts", GROUP))
    tags = account.sagemaker.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "dogs"}]
    today = datetime.now(UTC).date()
    costs = account.sandbox.client("ce").get_cost_and_usage(
        TimePeriod={"Start": str(today - timedelta(days=1)), "End": str(today + timedelta(days=1))},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
    )
    groups = [group["Keys"][0] for day in costs["ResultsByTime"] for group in day["Groups"]]
    assert "USE1-Processing:ml.m5.large" in groups


def test_a_role_reads_only_what_it_may(account: Account) -> None:
    role = account.iam.create_role(RoleName="blind", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    start(account, "blind", COUNTS, role)
    with pytest.raises(Exception, match="Waiter encountered a terminal failure state"):
        ended(account, "blind")
    job = account.sagemaker.describe_processing_job(ProcessingJobName="blind")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Failed to download data")
    assert "s3:ListBucket" in job["FailureReason"]


def test_a_kill_of_the_sandbox_leaves_none_running(account: Account) -> None:
    start(account, "killed", SLEEPS)
    wait_for(lambda: account.log("killed", GROUP) == ["up"], every=0.2)
    account.sandbox.restart()
    account.connect()
    job = account.sagemaker.describe_processing_job(ProcessingJobName="killed")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "the sandbox stopped while the job was running" in job["FailureReason"]


def test_a_transform_job_asks_the_model_that_an_endpoint_would_serve(account: Account) -> None:
    code = (
        "def model_fn(folder): return open(folder + '/model.pth').read()\n"
        "def transform_fn(model, data, content_type, accept): return model + ':' + data, accept\n"
    )
    account.model("words", {"model.pth": "m", "code/inference.py": code})
    account.s3.put_object(Bucket=BUCKET, Key="lines/a.csv", Body=b"1\n2\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/lines/"}}
    account.sagemaker.create_transform_job(
        TransformJobName="words",
        ModelName="words",
        BatchStrategy="SingleRecord",
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers", "AssembleWith": "Line", "Accept": "text/csv"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    account.sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName="words", WaiterConfig=WAITING
    )
    assert account.s3.get_object(Bucket=BUCKET, Key="answers/a.csv.out")["Body"].read() == b"m:1\nm:2\n"
    listed = account.sagemaker.list_transform_jobs()["TransformJobSummaries"]
    assert [(job["TransformJobName"], job["TransformJobStatus"]) for job in listed] == [("words", "Completed")]
    with pytest.raises(ClientError, match="the transform job is in status Completed"):
        account.sagemaker.stop_transform_job(TransformJobName="words")
    names = {stream["logStreamName"] for stream in account.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs")["logStreams"]}  # fmt: skip
    assert any(name.startswith("words/i-") and name.endswith("/data-log") for name in names)


def test_the_inventory_reads_a_job_and_stops_it(account: Account) -> None:
    start(account, "sleeps", SLEEPS)
    wait_for(lambda: account.log("sleeps", GROUP) == ["up"], every=0.2)
    services = Services(backend_of(account.sandbox))

    async def body() -> Inventory:
        found = await services.inventory.read(("processing-job", "transform-job"))
        await services.inventory.stop(next(row for row in found.resources if row.name == "sleeps"))
        return found

    try:
        found = asyncio.run(body())
    finally:
        services.close()
    states = {(row.kind, row.name): row.state for row in found.resources}
    assert states["processing-job", "sleeps"] == "InProgress"
    assert ended(account, "sleeps")["ProcessingJobStatus"] == "Stopped"


def test_env_opens_a_session_of_a_role(account: Account) -> None:
    command = [sys.executable, "-m", "sandbox", "env", "--state", str(account.sandbox.state), "--role"]
    account.iam.create_role(RoleName="notebook", AssumeRolePolicyDocument=json.dumps(TRUST))
    aws = Path(sys.executable).with_name("aws")
    script = f'eval "$("$@" notebook)" && exec {aws} sts get-caller-identity --query Arn --output text'
    shown = subprocess.run(["sh", "-c", script, "sh", *command], env=clean_environ(), capture_output=True, text=True)
    assert shown.stdout.strip() == "arn:aws:sts::123456789012:assumed-role/notebook/SageMaker", shown.stderr
    nobody = subprocess.run([*command, "nobody"], env=clean_environ(), capture_output=True, text=True)
    assert (nobody.returncode, nobody.stdout) == (6, "")
    assert "Role nobody not found" in nobody.stderr
