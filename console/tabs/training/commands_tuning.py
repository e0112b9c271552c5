"""What the Training tab changes about tuning jobs: launching and stopping them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from console.commands import Command, Confirmation
from console.tabs.training.commands_tags import tags_cli
from console.tabs.training.pending import progress_words
from workers.paths import METRIC_DEFINITIONS
from workers.training_progress import FeaturesProgress
from workers.training_spot import max_wait_seconds
from workers.tuning_request import static_hyperparameters
from workers.tuning_types import CategoricalRange, IntegerRange, TuningJob, TuningSpec, TuningStep

if TYPE_CHECKING:
    from workers.services import Services


class LaunchTuning(Command):
    """Prepare the features, unless they are there or not wanted, and start one tuning job.

    ``began`` is told of each step.
    """

    icon = "tuning"

    def __init__(self, spec: TuningSpec, began: Callable[[TuningStep], None] = lambda step: None) -> None:
        self.spec, self._began = spec, began
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
        """The same job by the AWS CLI; the role and the image are those that SageDeck chooses."""
        return tuning_cli(self.spec)

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


def tuning_cli(spec: TuningSpec) -> str:
    """``aws sagemaker create-hyper-parameter-tuning-job …`` for a form; ROLE and IMAGE need the account."""
    ranges: dict[str, list[dict[str, Any]]] = {}
    for one in spec.ranges:
        if isinstance(one, CategoricalRange):
            ranges.setdefault("CategoricalParameterRanges", []).append({"Name": one.name, "Values": list(one.values)})
            continue
        kind = "IntegerParameterRanges" if isinstance(one, IntegerRange) else "ContinuousParameterRanges"
        entry = {"Name": one.name, "MinValue": f"{one.low:g}", "MaxValue": f"{one.high:g}", "ScalingType": one.scaling}
        ranges.setdefault(kind, []).append(entry)
    limits: dict[str, int] = {"MaxParallelTrainingJobs": spec.max_parallel}
    if spec.max_jobs is not None:
        limits["MaxNumberOfTrainingJobs"] = spec.max_jobs
    if spec.max_runtime_seconds is not None:
        limits["MaxRuntimeInSeconds"] = spec.max_runtime_seconds
    objective = {"Type": "Maximize" if spec.maximize else "Minimize", "MetricName": spec.objective_metric}
    config = {
        "Strategy": spec.strategy,
        "HyperParameterTuningJobObjective": objective,
        "ResourceLimits": limits,
        "ParameterRanges": ranges,
        "TrainingJobEarlyStoppingType": spec.early_stopping,
    }
    source = {"S3DataType": "S3Prefix", "S3Uri": spec.data_uri.rstrip("/") + "/"}
    definition: dict[str, Any] = {
        "StaticHyperParameters": static_hyperparameters(spec),
        "AlgorithmSpecification": {
            "TrainingImage": "IMAGE",
            "TrainingInputMode": "File",
            "MetricDefinitions": json.loads(METRIC_DEFINITIONS.read_text(encoding="utf-8")),
        },
        "RoleArn": "ROLE",
        "InputDataConfig": [{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{spec.output_bucket}/sagedeck/jobs"},
        "ResourceConfig": {
            "InstanceType": spec.instance_type,
            "InstanceCount": spec.instance_count,
            "VolumeSizeInGB": spec.volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": spec.trial_seconds},
    }
    if spec.spot:
        definition["EnableManagedSpotTraining"] = True
        definition["StoppingCondition"] = {
            "MaxRuntimeInSeconds": spec.trial_seconds,
            "MaxWaitTimeInSeconds": max_wait_seconds(spec.trial_seconds),
        }
    parts = [
        f"aws sagemaker create-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {spec.tuning_name}",
        f"--hyper-parameter-tuning-job-config '{_json(config)}'",
        f"--training-job-definition '{_json(definition)}'",
    ]
    if spec.parents:
        parents = [{"HyperParameterTuningJobName": name} for name in spec.parents]
        warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": spec.warm_start}
        parts.append(f"--warm-start-config '{_json(warm)}'")
    return " ".join(parts) + tags_cli(spec.tags)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
