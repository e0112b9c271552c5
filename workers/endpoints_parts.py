"""What deploying and updating an endpoint share: a job's model, its container, and steps that can be undone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from workers.aws_time import utc_of
from workers.deployable import no_model, no_model_reason, require_model
from workers.errors import SageDeckError
from workers.images import image_uri
from workers.session import AwsSession
from workers.types import TrainingJob

VARIANT = "AllTraffic"
JOB_TAG = "sagedeck:job"
CREATOR_TAG = {"Key": "sagedeck:created-by", "Value": "sagedeck"}
# What the serving containers read: the handler in the model archive, and where they find it.
CONTAINER_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
}

Undo = list[Callable[[], Awaitable[Any]]]


class EndpointRoles(Protocol):
    """Who makes the execution role of an endpoint (``workers.roles.Roles``)."""

    async def ensure_endpoint_role(self, bucket: str) -> str:
        """The ARN of a role that may read models from ``bucket``."""


def tags_of(job_name: str) -> list[Mapping[str, str]]:
    """The tags of what is made from a job."""
    return [CREATOR_TAG, {"Key": JOB_TAG, "Value": job_name}]


def container(region: str, instance_type: str, model_uri: str) -> dict[str, Any]:
    """The ``PrimaryContainer`` that serves the archive at ``model_uri`` on instances of this type."""
    return {
        "Image": image_uri(region, "inference", instance_type),
        "ModelDataUrl": model_uri,
        "Environment": {**CONTAINER_ENVIRONMENT, "SAGEMAKER_REGION": region},
    }


async def model_of(session: AwsSession, job_name: str) -> str:
    """Where the model of a finished job lies. Raises ``InvalidInput`` when it has none.

    The archive itself is looked into: what an endpoint cannot load would bill while it tries.
    """
    job = await session.call(
        "sagemaker", "describe_training_job", doing=f"read the job {job_name}", TrainingJobName=job_name
    )
    reason = no_model_reason(
        TrainingJob(
            job_name,
            job["TrainingJobStatus"],
            utc_of(job, "CreationTime") or datetime.now(UTC),
            hyperparameters=job.get("HyperParameters", {}),
            model_uri=str(job.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")),
        )
    )
    if reason:
        raise no_model(job_name, reason, job["TrainingJobStatus"])
    uri = str(job["ModelArtifacts"]["S3ModelArtifacts"])
    await require_model(session, job_name, uri)
    return uri


async def step(make: Coroutine[Any, Any, Any], unmake: Callable[[], Awaitable[Any]], undo: Undo) -> None:
    """Make one part and note how to unmake it; a cancelled step is awaited first, for its request is under way."""
    task = asyncio.create_task(make)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            undo.append(unmake)
        raise
    undo.append(unmake)


async def roll_back(undo: Undo) -> None:
    """Unmake what was made, the last first; what cannot be unmade costs nothing and blocks no name."""
    for unmake in reversed(undo):
        try:
            await unmake()
        except SageDeckError:
            # The first error is what the operator must see.
            continue
