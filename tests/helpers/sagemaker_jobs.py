"""Small requests for SageMaker in tests: a bucket, a role, script-mode jobs, models and endpoints."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

BUCKET = "jobs-bucket"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALL_S3 = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# A model that answers anything at once, without looking at it; and its files.
INFERENCE = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): return b"{}"
def output_fn(prediction, accept): return "{}"
"""
ANSWERING = {"code/inference.py": INFERENCE}
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5-cpu-py311"


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A tar.gz of ``files``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def names_in(data: bytes) -> dict[str, bytes]:
    """The files of a tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: file.read() for info in tar if (file := tar.extractfile(info)) is not None}


class Account:
    """A sandbox with a bucket and a role, and short ways to run things in it."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.connect()
        self.s3.create_bucket(Bucket=BUCKET)
        role = self.iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))
        self.role: str = role["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=json.dumps(ALL_S3))
        self.s3.put_object(Bucket=BUCKET, Key="data/train/one.txt", Body=b"one")

    def connect(self) -> None:
        """Make the clients (again, after a restart)."""
        self.s3, self.iam = self.sandbox.client("s3"), self.sandbox.client("iam")
        self.sagemaker, self.logs = self.sandbox.client("sagemaker"), self.sandbox.client("logs")
        self.runtime, self.cloudwatch = self.sandbox.client("sagemaker-runtime"), self.sandbox.client("cloudwatch")

    def request(
        self, name: str, script: str, files: Mapping[str, str | bytes] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """A script-mode CreateTrainingJob request whose source is ``script`` as train.py and ``files``."""
        key = f"source/{name}.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=archive({"train.py": script, **(files or {})}))
        parameters = {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/{key}"',
            **changes.pop("HyperParameters", {}),
        }
        channel = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}}
        return {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": parameters,
            "InputDataConfig": [{"ChannelName": "training", "DataSource": channel}],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **changes,
        }

    def start(self, name: str, script: str, files: Mapping[str, str | bytes] | None = None, **changes: Any) -> None:
        """Create the job of ``request``."""
        self.sagemaker.create_training_job(**self.request(name, script, files, **changes))

    def describe(self, name: str) -> dict[str, Any]:
        """DescribeTrainingJob."""
        answer: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return answer

    def finished(self, name: str, seconds: float = 240.0) -> dict[str, Any]:
        """The job's description once it has a final status."""
        answer: dict[str, Any] = wait_for(
            lambda: (
                job if (job := self.describe(name))["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None
            ),
            seconds,
        )
        return answer

    def log(self, name: str, group: str = "/aws/sagemaker/TrainingJobs") -> list[str]:
        """All lines of the streams that start with ``name``."""
        lines: list[str] = []
        token: dict[str, str] = {}
        while True:
            try:
                page = self.logs.filter_log_events(logGroupName=group, logStreamNamePrefix=name, **token)
            except self.logs.exceptions.ResourceNotFoundException:
                return []
            lines += [event["message"] for event in page["events"]]
            if "nextToken" not in page:
                return lines
            token = {"nextToken": page["nextToken"]}

    def saw(self, name: str, text: str) -> bool:
        """True when the job's log has a line with ``text``."""
        return any(text in line for line in self.log(name))

    def model(self, name: str, files: Mapping[str, str | bytes], **environment: str) -> None:
        """CreateModel from a model.tar.gz of ``files``."""
        key = f"models/{name}/model.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=archive(files))
        container = {
            "Image": IMAGE.replace("training", "inference"),
            "ModelDataUrl": f"s3://{BUCKET}/{key}",
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                **environment,
            },
        }
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=container)

    def config(self, name: str, model: str, count: int = 1) -> None:
        """CreateEndpointConfig with one variant."""
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": model,
            "InitialInstanceCount": count,
            "InstanceType": "ml.m5.large",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def endpoint(self, name: str, files: Mapping[str, str | bytes], count: int = 1) -> None:
        """A model, a configuration and an endpoint, all of this name."""
        self.model(name, files)
        self.config(name, name, count)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def endpoint_status(self, name: str) -> str:
        """EndpointStatus, or ``gone``."""
        try:
            return str(self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
        except self.sagemaker.exceptions.ClientError as error:
            assert "Could not find endpoint" in str(error)
            return "gone"

    def settled(self, name: str, seconds: float = 240.0) -> str:
        """The endpoint's status when nothing is under way any more."""
        moving = ("Creating", "Updating", "Deleting")
        status: str = wait_for(lambda: status if (status := self.endpoint_status(name)) not in moving else "", seconds)
        return status

    def invoke(self, name: str, body: bytes = b"x", content_type: str = "image/jpeg", **more: Any) -> bytes:
        """InvokeEndpoint; the answer's body."""
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType=content_type, **more)
        data: bytes = answer["Body"].read()
        return data
