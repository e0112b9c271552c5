"""What the Training tab changes: launching and stopping jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.commands import Command, Confirmation
from workers.launcher.cli import command_line, training_parameters
from workers.training.interruption import INTERRUPT_TAG, INTERRUPT_VALUE
from workers.training.request import checkpoint_uri, launch_request
from workers.types import TrainingJob, TrainingSpec

if TYPE_CHECKING:
    from workers.services import Services


class LaunchTraining(Command):
    """Start one training job."""

    icon = "training"

    def __init__(self, spec: TrainingSpec, place: CliPlace | None = None) -> None:
        self.spec, self._place = spec, place
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
        """The same job by the AWS CLI, with what it needs besides."""
        code = "The folders of the channels code and sm_drivers are uploaded when SageDeck launches this job."
        copied = ""
        if self.spec.continue_from:
            to = checkpoint_uri(self.spec.output_bucket, self.spec.job_name)
            copied = f"aws s3 cp --recursive {self.spec.continue_from.rstrip('/')}/ {to}/\n"
        return note(unknown_account(self._place), code) + copied + launch_cli(self.spec, self._place)

    def events(self) -> list[tuple[str, str]]:
        """A job was created."""
        return [("job", self.spec.job_name)]


class StopTraining(Command):
    """Ask running jobs to stop; they may save the model that they have.

    ``awaited_by``: the names of tuning jobs that wait for their features.
    """

    icon = "stop"

    def __init__(self, jobs: list[TrainingJob], awaited_by: Sequence[str] = ()) -> None:
        self.jobs = [job for job in jobs if job.running]
        self._awaited_by = tuple(dict.fromkeys(awaited_by))
        names = self.jobs[0].name if len(self.jobs) == 1 else f"{len(self.jobs)} jobs"
        self.title = f"Stop {names}"

    def confirmation(self) -> Confirmation:
        """Stopping cannot be taken back."""
        names = ", ".join(job.name for job in self.jobs[:5])
        return Confirmation(
            f"{self.title}?",
            f"{names}: the script has 120 seconds to save its best model, which is kept. {self._afterwards()}"
            + (f" Not created then: {', '.join(self._awaited_by)}." if self._awaited_by else ""),
            confirm_label="Stop",
            icon="stop",
        )

    def _afterwards(self) -> str:
        kept = [job for job in self.jobs if job.checkpoint_uri]
        if len(kept) < len(self.jobs):
            return "A stopped job cannot go on."
        return "A stopped job cannot go on, but another one can continue from its checkpoints."

    async def changed(self, services: Services) -> str:
        """Whether they still run."""
        over = [job.name for job in self.jobs if not (await services.training.describe(job.name)).running]
        return f"{', '.join(over)} ended meanwhile." if over else ""

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


class InterruptTraining(Command):
    """Take the instances of a spot job away, as AWS may at any time."""

    icon = "stop"

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        self.title = f"Interrupt {job.name}"

    def confirmation(self) -> Confirmation:
        """It costs the work since the last checkpoint."""
        goes_on = (
            "It starts again by itself and goes on from its last checkpoint."
            if self.job.checkpoint_uri
            else "It keeps no checkpoints: it starts again by itself, from its beginning."
        )
        return Confirmation(
            f"{self.title}?",
            f"As when AWS takes spot instances away: the script has 120 seconds, then they are gone. {goes_on}",
            confirm_label="Interrupt",
            icon="stop",
        )

    async def changed(self, services: Services) -> str:
        """Whether it still trains."""
        now = await services.training.describe(self.job.name)
        return "" if services.training.can_interrupt(now) else f"{self.job.name} does not train any more."

    async def run(self, services: Services) -> None:
        """Give the order."""
        await services.training.interrupt(self.job)

    def cli(self) -> str:
        """The tag that the sandbox takes for the order."""
        return (
            f"aws sagemaker add-tags --resource-arn {self.job.arn} --tags Key={INTERRUPT_TAG},Value={INTERRUPT_VALUE}"
        )

    def events(self) -> list[tuple[str, str]]:
        """The job changed."""
        return [("job", self.job.name)]


@dataclass(frozen=True)
class CliPlace:
    """What a command line needs of the account: its region, and the role of jobs on a bucket."""

    region: str
    role_arn: str


# Without an account there is no role and no image.
NOWHERE = CliPlace("us-east-1", "ROLE")


def launch_cli(spec: TrainingSpec, place: CliPlace | None = None) -> str:
    """``aws sagemaker create-training-job …`` for a form, with the role and the image that the launch uses.

    Without a ``place`` ROLE and IMAGE stand for them.
    """
    request = launch_request(spec, (place or NOWHERE).region, (place or NOWHERE).role_arn)
    if place is None:
        request = replace(request, image="IMAGE")
    return command_line("create-training-job", training_parameters(request))


def note(*parts: str) -> str:
    """A comment for a shell above a command that is not complete."""
    return "".join(f"# {part}\n" for part in parts if part)


def unknown_account(place: CliPlace | None) -> str:
    """What a line is lacking without an account; "" with one."""
    return "" if place is not None else "Not complete: ROLE and IMAGE depend on the account, and none is connected."
