"""What the Training tab changes: launching and stopping jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from console.commands import Command, Confirmation
from console.tabs.training.commands_tags import tags_cli
from workers.training_spot import max_wait_seconds
from workers.types import TrainingJob, TrainingSpec

if TYPE_CHECKING:
    from workers.services import Services


class LaunchTraining(Command):
    """Start one training job."""

    icon = "training"

    def __init__(self, spec: TrainingSpec) -> None:
        self.spec = spec
        self.title = f"Launch {spec.job_name}"

    async def run(self, services: Services) -> str:
        """Upload the code and create the job."""
        if self.item is not None:
            self.item.progress(None, "uploading the training code")
        return await services.training.launch(self.spec)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        spec = self.spec
        return f"{spec.instance_count} × {spec.instance_type}, {spec.epochs} epochs"

    def cli(self) -> str:
        """The same job by the AWS CLI; the role and the image are those that SageDeck chooses."""
        return launch_cli(self.spec)

    def events(self) -> list[tuple[str, str]]:
        """A job was created."""
        return [("job", self.spec.job_name)]


class StopTraining(Command):
    """Ask running jobs to stop; they may save the model that they have."""

    icon = "stop"

    def __init__(self, jobs: list[TrainingJob]) -> None:
        self.jobs = [job for job in jobs if job.running]
        names = self.jobs[0].name if len(self.jobs) == 1 else f"{len(self.jobs)} jobs"
        self.title = f"Stop {names}"

    def confirmation(self) -> Confirmation:
        """Stopping cannot be taken back."""
        names = ", ".join(job.name for job in self.jobs[:5])
        return Confirmation(
            f"{self.title}?",
            f"{names}: the script has 120 seconds to save its best model, which is kept. A stopped job cannot go on.",
            confirm_label="Stop",
            icon="stop",
        )

    async def run(self, services: Services) -> None:
        """Ask each job to stop."""
        for job in self.jobs:
            await services.training.stop(job.name)

    def cli(self) -> str:
        """One line a job."""
        return "\n".join(f"aws sagemaker stop-training-job --training-job-name {job.name}" for job in self.jobs)

    def events(self) -> list[tuple[str, str]]:
        """The jobs changed."""
        return [("job", job.name) for job in self.jobs]


def launch_cli(spec: TrainingSpec) -> str:
    """``aws sagemaker create-training-job …`` for a form, without role and image, which need the account."""
    parameters = {
        "epochs": str(spec.epochs),
        "learning_rate": format(spec.learning_rate, "g"),
        "batch_size": str(spec.batch_size),
        "backbone": spec.backbone,
        **spec.hyperparameters,
    }
    channel = [
        {
            "ChannelName": "training",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": spec.data_uri.rstrip("/") + "/"}},
        }
    ]
    resources = f"InstanceType={spec.instance_type},InstanceCount={spec.instance_count},VolumeSizeInGB={spec.volume_gb}"
    limits = f"MaxRuntimeInSeconds={spec.max_runtime_seconds}"
    if spec.spot:
        limits += f",MaxWaitTimeInSeconds={max_wait_seconds(spec.max_runtime_seconds)} --enable-managed-spot-training"
    return (
        f"aws sagemaker create-training-job --training-job-name {spec.job_name} "
        "--role-arn ROLE --algorithm-specification TrainingImage=IMAGE,TrainingInputMode=File "
        f"--resource-config {resources} "
        f"--stopping-condition {limits} "
        f"--output-data-config S3OutputPath=s3://{spec.output_bucket}/sagedeck/jobs "
        f"--input-data-config '{json.dumps(channel, separators=(',', ':'))}' "
        f"--hyper-parameters '{json.dumps(parameters, separators=(',', ':'))}'"
        f"{tags_cli(spec.tags)}"
    )
