"""What the Training tab changes about tuning jobs: launching and stopping them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.commands import Command, Confirmation
from console.models.running import progress_words
from console.tabs.training.commands import NOWHERE, CliPlace, note, unknown_account
from workers.launcher.cli import CODE_ARCHIVE, DRIVERS, command_line, tuning_parameters
from workers.training.features_progress import FeaturesProgress
from workers.tuning.request import features_once, tuning_request
from workers.tuning.types import TuningJob, TuningSpec, TuningStep

if TYPE_CHECKING:
    from workers.services import Services


FEATURES = "s3://FEATURES"


class LaunchTuning(Command):
    """Prepare the features, unless they are there or not wanted, and start one tuning job.

    ``began`` is told of each step.
    """

    icon = "tuning"

    def __init__(
        self,
        spec: TuningSpec,
        began: Callable[[TuningStep], None] = lambda step: None,
        place: CliPlace | None = None,
    ) -> None:
        self.spec, self._began, self._place = spec, began, place
        self.title = f"Launch {spec.tuning_name}"

    async def run(self, services: Services) -> str:
        """Create the tuning job; the activity entry says what is being done."""
        self._step(TuningStep("creating", self.spec.tuning_name, "looking for prepared features"))
        return await services.tuning.launch(self.spec, self._step)

    def show_features(self, progress: FeaturesProgress) -> None:
        """Say in the activity entry how far the features are."""
        if self.item is not None:
            self.item.progress(progress.fraction, progress_words(progress, datetime.now(UTC)))

    def _step(self, step: TuningStep) -> None:
        self._began(step)
        if self.item is not None:
            self.item.progress(None, step.text[:1].lower() + step.text[1:])

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        spec = self.spec
        return f"{spec.max_jobs} jobs, {spec.max_parallel} at a time, on {spec.instance_type}"

    def cli(self) -> str:
        """The same job by the AWS CLI, with what stands for what."""
        code = f"{CODE_ARCHIVE} and {DRIVERS} stand for what is uploaded when SageDeck launches this job."
        made = f"{FEATURES} stands for the model.tar.gz of the job that prepares the features."
        notes = note(unknown_account(self._place), code, made if features_once(self.spec) else "")
        return notes + tuning_cli(self.spec, self._place)

    def events(self) -> list[tuple[str, str]]:
        """A tuning job was created, and its training jobs cost money."""
        return [("tuning", self.spec.tuning_name), ("job", self.spec.tuning_name)]


class StopTuning(Command):
    """Ask tuning jobs to stop, with all their running training jobs."""

    icon = "stop"

    def __init__(self, jobs: list[TuningJob]) -> None:
        self.jobs = [job for job in jobs if job.running]
        names = self.jobs[0].name if len(self.jobs) == 1 else f"{len(self.jobs)} tuning jobs"
        self.title = f"Stop {names}"

    def confirmation(self) -> Confirmation:
        """Stopping cannot be taken back."""
        running = sum(job.counts.running for job in self.jobs)
        return Confirmation(
            f"{self.title}?",
            f"{running} running trials have 120 seconds to save their best model, and no other trial starts. The "
            "trials that have finished are kept. A stopped tuning job cannot go on, but a new one can start from it.",
            confirm_label="Stop",
            icon="stop",
        )

    async def changed(self, services: Services) -> str:
        """Whether they still run."""
        over = [job.name for job in self.jobs if not (await services.tuning.describe(job.name)).running]
        return f"{', '.join(over)} ended meanwhile." if over else ""

    async def run(self, services: Services) -> None:
        """Ask each tuning job to stop."""
        for job in self.jobs:
            await services.tuning.stop(job.name)

    def cli(self) -> str:
        """One line a job."""
        return "\n".join(
            f"aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {job.name}"
            for job in self.jobs
        )

    def events(self) -> list[tuple[str, str]]:
        """The tuning jobs changed."""
        return [("tuning", job.name) for job in self.jobs]


def tuning_cli(spec: TuningSpec, place: CliPlace | None = None) -> str:
    """``aws sagemaker create-hyper-parameter-tuning-job …`` for a form, as ``launch_cli``."""
    where = place or NOWHERE
    features = FEATURES if features_once(spec) else ""
    request = tuning_request(spec, where.region, features, where.role_arn)
    if place is None:
        request = replace(request, image="IMAGE")
    return command_line("create-hyper-parameter-tuning-job", tuning_parameters(request))
