"""From the training form to the launcher's request, with everything that can be checked without a network."""

from __future__ import annotations

import json
import math

from workers.aws.names import name_problem
from workers.aws.s3_uri import S3Uri
from workers.aws.tags import CREATED_BY, CREATOR
from workers.errors.tree import InvalidInput
from workers.launcher.request import LaunchRequest, MetricDefinition
from workers.paths import METRIC_DEFINITIONS, TRAINING_SOURCE
from workers.training.images import image_uri
from workers.training.machines import gpus
from workers.training.spot import max_wait_seconds
from workers.types import TrainingSpec

PREFIX = "sagedeck/jobs"
CHANNEL = "training"
ENTRY_SCRIPT, REQUIREMENTS = "train.py", "requirements.txt"


def launch_request(spec: TrainingSpec, region: str, role_arn: str = "") -> LaunchRequest:
    """The request of a form. Raises ``InvalidInput``."""
    problem = name_problem(spec.job_name, "The job name") or spec_problem(spec)
    if problem:
        raise InvalidInput("The job cannot start like this", problem)
    return LaunchRequest(
        job_name=spec.job_name,
        bucket=spec.output_bucket,
        prefix=PREFIX,
        image=image_uri(region, "training", spec.instance_type),
        source_dir=str(TRAINING_SOURCE),
        entry_script=ENTRY_SCRIPT,
        requirements=REQUIREMENTS,
        requirements_text=spec.requirements,
        instance_type=spec.instance_type,
        instance_count=spec.instance_count,
        volume_gb=spec.volume_gb,
        max_runtime_seconds=spec.max_runtime_seconds,
        max_wait_seconds=max_wait_seconds(spec.max_runtime_seconds) if spec.spot else None,
        checkpoint_uri=checkpoint_uri(spec.output_bucket, spec.job_name) if keeps_checkpoints(spec) else "",
        several_processes=spec.instance_count > 1 or gpus(spec.instance_type) > 1,
        script_mode=False,
        hyperparameters={
            "backbone": spec.backbone,
            "epochs": str(spec.epochs),
            "learning_rate": format(spec.learning_rate, "g"),
            "batch_size": str(spec.batch_size),
            **spec.hyperparameters,
        },
        # Without it Python holds the log back in blocks, and nothing can be followed live.
        environment={"PYTHONUNBUFFERED": "1", **spec.environment},
        tags={CREATED_BY: CREATOR, "sagedeck:backbone": spec.backbone, **spec.tags},
        metric_definitions=metric_definitions(),
        channels={CHANNEL: data_folder(spec.data_uri)},
        role_arn=role_arn,
    )


def keeps_checkpoints(spec: TrainingSpec) -> bool:
    """Whether the job's checkpoints are kept in S3: those of spot jobs always, for they may be interrupted."""
    return spec.spot or spec.keep_checkpoints or bool(spec.continue_from)


def checkpoint_uri(bucket: str, job_name: str) -> str:
    """Where a job's checkpoints lie, and nobody else's."""
    return str(S3Uri(bucket, PREFIX).below(job_name, "checkpoints"))


def metric_definitions() -> tuple[MetricDefinition, ...]:
    """The metrics of the training script."""
    found = json.loads(METRIC_DEFINITIONS.read_text(encoding="utf-8"))
    return tuple(MetricDefinition(item["Name"], item["Regex"]) for item in found)


def data_folder(uri: str) -> str:
    """With the slash, a neighbour whose name begins alike (breeds-2) does not belong to the folder."""
    place = S3Uri.parse(uri)
    return str(S3Uri(place.bucket, place.folder))


def spec_problem(spec: TrainingSpec) -> str | None:
    """What is wrong with a form besides its name, in a sentence, or ``None``. No network."""
    for value, least, what in (
        (spec.instance_count, 1, "The number of instances"),
        (spec.epochs, 1, "The number of epochs"),
        (spec.batch_size, 1, "The batch size"),
        (spec.volume_gb, 1, "The volume size in GB"),
        (spec.max_runtime_seconds, 1, "The longest run time"),
    ):
        if value < least:
            return f"{what} must be at least {least}."
    if not 0 < spec.learning_rate < math.inf:
        return "The learning rate must be a number greater than 0."
    if S3Uri.find(spec.data_uri) is None:
        return "The data must be a folder in S3 (s3://bucket/folder)."
    if not spec.output_bucket:
        return "The bucket for the results is missing."
    if spec.continue_from and S3Uri.find(spec.continue_from) is None:
        return "The checkpoints to go on from must be a folder in S3 (s3://bucket/folder)."
    return None
