"""Processing and transform jobs without a server: their operations on a real state folder, with real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.auth.credentials import Credentials
from sandbox.context import SandboxContext
from sandbox.core.processes import Processes
from sandbox.core.state import StateDir
from sandbox.logs.pump import LogPump
from sandbox.logs.schema import STREAM_BITS
from sandbox.logs.store import Logs
from sandbox.metrics.store import Metrics
from sandbox.s3.inside import S3
from sandbox.sagemaker.hosting.endpoints import Endpoints
from sandbox.sagemaker.hosting.models import Models
from sandbox.sagemaker.processing.jobs import ProcessingJobs
from sandbox.sagemaker.queue import JobQueue
from sandbox.sagemaker.transform.jobs import TransformJobs
from tests.helpers.access import Unrestricted
from tests.helpers.calls import CALLER
from tests.helpers.sagemaker_jobs import archive
from tests.helpers.waiting import wait_for

ROLE = "arn:aws:iam::123456789012:role/worker"
FINAL = ("Completed", "Failed", "Stopped")


class Bench:
    """A bucket, a queue of four places and both kinds of jobs; ``grace`` is the time between SIGTERM and SIGKILL."""

    def __init__(self, folder: Path, grace: float = 0.5) -> None:
        self.state = StateDir(folder / "state")
        self.processes = Processes(self.state)
        self.s3, self.logs, self.metrics = S3(self.state), Logs(self.state), Metrics(self.state)
        self.access = Unrestricted()
        self.context = SandboxContext(
            state=self.state,
            credentials=Credentials(self.state),
            processes=self.processes,
            endpoint_url="http://127.0.0.1:9",
            region="us-east-1",
            call=lambda service, operation, params: {"Role": {"Arn": ROLE}},
            access=self.access,
            parts=(self.s3, self.logs, self.metrics),
        )
        self.pump = LogPump(self.logs, lambda error: None)
        self.queue = JobQueue()
        self.queue.slots = 4
        self.processing = ProcessingJobs(self.context, self.pump, self.queue, grace)
        models = Models(self.context)
        self.endpoints = Endpoints(self.context, self.pump, models)
        self.transform = TransformJobs(self.context, models, self.endpoints.tools, self.queue)
        self.operations = self.processing.operations | self.transform.operations | models.operations
        self.s3.store.create_bucket("bucket")

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer of an operation."""
        answer: dict[str, Any] = self.operations[operation](members, CALLER)
        return answer

    def process(self, name: str, script: str, *arguments: str, **changes: Any) -> None:
        """CreateProcessingJob of a Python script, as the SDK's ScriptProcessor sends it."""
        self.s3.put_bytes("bucket", f"{name}/code/run.py", script.encode())
        code = s3_input("code", f"s3://bucket/{name}/code/run.py", "/opt/ml/processing/input/code")
        given = {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
                **({"ContainerArguments": list(arguments)} if arguments else {}),
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            **changes,
        }
        given["ProcessingInputs"] = [code, *changes.get("ProcessingInputs", [])]
        self.call("CreateProcessingJob", **given)

    def model(self, name: str, code: str) -> None:
        """CreateModel with ``code`` as inference.py."""
        self.s3.put_bytes("bucket", f"{name}/model.tar.gz", archive({"model.pth": "m", "code/inference.py": code}))
        container = {"Image": "image", "ModelDataUrl": f"s3://bucket/{name}/model.tar.gz"}
        self.call("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)

    def batch(self, name: str, model: str, prefix: str, **changes: Any) -> None:
        """CreateTransformJob over ``prefix``, whose answers go to ``out/NAME``."""
        source = {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{prefix}"}},
            "ContentType": "text/csv",
            **changes.pop("TransformInput", {}),
        }
        target = {"S3OutputPath": f"s3://bucket/out/{name}", **changes.pop("TransformOutput", {})}
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
        given = {"TransformInput": source, "TransformOutput": target, "TransformResources": resources, **changes}
        self.call("CreateTransformJob", TransformJobName=name, ModelName=model, **given)

    def end(self, word: str, name: str) -> dict[str, Any]:
        """The job's description once it has ended and tidied up."""

        def look() -> dict[str, Any] | None:
            job = self.call(f"Describe{word}Job", **{f"{word}JobName": name})
            return job if job[f"{word}JobStatus"] in FINAL else None

        job: dict[str, Any] = wait_for(look)
        wait_for(lambda: not self.processing.busy() and not self.transform.busy())
        return job

    def stored(self, prefix: str) -> dict[str, bytes]:
        """The objects under ``prefix`` by what follows it."""
        return {
            info.key.removeprefix(prefix): self.s3.get_bytes("bucket", info.key)
            for info in self.s3.list("bucket", prefix)
        }

    def log(self, group: str) -> list[str]:
        """All lines of a log group."""
        sql = f"SELECT message FROM log_events e JOIN log_streams s ON s.id = e.id >> {STREAM_BITS} WHERE s.grp=?"
        return [row["message"] for row in self.logs.db.query(sql, (group,))]

    def close(self) -> None:
        """End everything."""
        self.queue.close()
        self.processing.close()
        self.transform.close()
        self.endpoints.close()
        self.pump.close()
        self.processes.stop_all()
        self.logs.close()
        self.state.close()


def s3_input(name: str, uri: str, local: str, **more: Any) -> dict[str, Any]:
    """A ProcessingInput."""
    return {
        "InputName": name,
        "S3Input": {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File", **more},
    }


def s3_output(name: str, local: str, mode: str = "EndOfJob", uri: str = "") -> dict[str, Any]:
    """A ProcessingOutput to ``out/NAME`` of the bucket."""
    place = uri or f"s3://bucket/out/{name}"
    return {"OutputName": name, "S3Output": {"S3Uri": place, "LocalPath": local, "S3UploadMode": mode}}
