"""Training jobs of the sandbox without its server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.auth.credentials import Credentials
from sandbox.context import SandboxContext
from sandbox.core.processes import Processes
from sandbox.core.state import StateDir
from sandbox.logs.pump import LogPump
from sandbox.logs.store import Logs
from sandbox.metrics.store import Metrics
from sandbox.s3.inside import S3
from sandbox.sagemaker.training.jobs import TrainingJobs
from tests.helpers.access import Unrestricted
from tests.helpers.sagemaker_jobs import archive
from tests.helpers.waiting import wait_for

ROLE = "arn:aws:iam::123456789012:role/worker"
SLEEPS = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPS


class Bench:
    """Training jobs on a real state folder; ``grace`` is the time between SIGTERM and SIGKILL."""

    def __init__(self, folder: Path, grace: float = 0.5) -> None:
        self.state = StateDir(folder / "state")
        self.processes = Processes(self.state)
        self.s3 = S3(self.state)
        self.logs = Logs(self.state)
        self.metrics = Metrics(self.state)
        context = SandboxContext(
            state=self.state,
            credentials=Credentials(self.state),
            processes=self.processes,
            endpoint_url="http://127.0.0.1:9",
            region="us-east-1",
            call=lambda service, operation, params: {"Role": {"Arn": ROLE}},
            access=Unrestricted(),
            parts=(self.s3, self.logs, self.metrics),
        )
        self.pump = LogPump(self.logs, lambda error: None)
        self.jobs = TrainingJobs(context, self.pump, stop_grace=grace)
        self.jobs.recover()
        self.s3.store.create_bucket("bucket")

    def start(self, name: str, script: str, **changes: Any) -> None:
        self.s3.put_bytes("bucket", f"{name}.tgz", archive({"train.py": script}))
        self.jobs.create(
            {
                "TrainingJobName": name,
                "RoleArn": ROLE,
                "AlgorithmSpecification": {
                    "TrainingImage": "i",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}],
                },
                "HyperParameters": {
                    "sagemaker_program": "train.py",
                    "sagemaker_submit_directory": f"s3://bucket/{name}.tgz",
                },
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
                **changes,
            }
        )

    def end(self, name: str) -> dict[str, Any]:
        job: dict[str, Any] = wait_for(
            lambda: (
                job
                if (job := self.jobs.describe(name))["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")
                else None
            )
        )
        return job

    def secondary(self, name: str) -> str:
        return str(self.jobs.describe(name)["SecondaryStatus"])

    def close(self) -> None:
        self.jobs.close()
        self.pump.close()
        self.processes.stop_all()
        self.logs.close()
        self.state.close()
