"""What deploying and updating an endpoint share: a job's model, its container, and the steps that make both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, cast

from workers.access.role_wait import when_role_is_known
from workers.aws.creating import Attempt, Part, tagged
from workers.aws.session import AwsSession
from workers.aws.tags import creator_tag, made_by_sagedeck
from workers.aws.times import utc_of
from workers.endpoints.deployable import no_model, no_model_reason, require_model
from workers.endpoints.parked_tags import parked_names
from workers.errors.tree import AccessDenied, NotFound
from workers.training.images import image_uri
from workers.types import TrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        ContainerDefinitionTypeDef,
        CreateEndpointConfigInputTypeDef,
        CreateModelInputTypeDef,
        TagTypeDef,
    )

VARIANT = "AllTraffic"
JOB_TAG = "sagedeck:job"
# What the serving containers read: the handler in the model archive, and where they find it.
CONTAINER_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
}


class EndpointRoles(Protocol):
    """Who makes the execution role of an endpoint (``workers.access.roles.Roles``)."""

    async def ensure_endpoint_role(self, bucket: str) -> str:
        """The ARN of a role that may read models from ``bucket``."""


def tags_of(job_name: str) -> list[TagTypeDef]:
    """The tags of what is made from a job."""
    return [cast("TagTypeDef", creator_tag()), {"Key": JOB_TAG, "Value": job_name}]


def container(region: str, instance_type: str, model_uri: str) -> ContainerDefinitionTypeDef:
    """The ``PrimaryContainer`` that serves the archive at ``model_uri`` on instances of this type."""
    return {
        "Image": image_uri(region, "inference", instance_type),
        "ModelDataUrl": model_uri,
        "Environment": {**CONTAINER_ENVIRONMENT, "SAGEMAKER_REGION": region},
    }


async def is_ours(session: AwsSession, name: str, endpoint_arn: str, kind: str = "endpoint-config") -> bool:
    """Whether a configuration or model beside this endpoint is SageDeck's to tidy up: made by it, and nothing is
    parked with it. False where its tags may not be read."""
    tags = await _tags_beside(session, name, endpoint_arn, kind)
    return made_by_sagedeck(tags) and not parked_names(tag["Key"] for tag in tags)


async def parked_with(session: AwsSession, config: str, endpoint_arn: str) -> tuple[str, ...]:
    """The endpoints that are parked with this configuration beside the endpoint; none where it may not be read."""
    if not config:
        return ()
    return parked_names(tag["Key"] for tag in await _tags_beside(session, config, endpoint_arn, "endpoint-config"))


async def _tags_beside(session: AwsSession, name: str, endpoint_arn: str, kind: str) -> Sequence[Mapping[str, str]]:
    arn = f"{endpoint_arn.split(':endpoint/')[0]}:{kind}/{name.lower()}"
    try:
        found = await session.call("sagemaker", "list_tags", ResourceArn=arn)
    except (NotFound, AccessDenied):
        return ()
    tags: Sequence[Mapping[str, str]] = found.get("Tags", ())
    return tags


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


async def make_model(session: AwsSession, attempt: Attempt, doing: str, request: CreateModelInputTypeDef) -> None:
    """CreateModel with the attempt's token, and again while IAM does not know the role. Raises ``SageDeckError``."""
    name = request["ModelName"]
    wanted = {**request, "Tags": [*request["Tags"], attempt.tag]}
    await attempt.make(
        Part(
            "model",
            name,
            lambda: session.call("sagemaker", "delete_model", doing=doing, ModelName=name),
            f"aws sagemaker delete-model --model-name {name}",
            "costs nothing",
            own_name=True,
        ),
        lambda: when_role_is_known(lambda: session.call("sagemaker", "create_model", doing=doing, **wanted)),
        lambda: tagged(session, "describe_model", attempt, doing, ModelName=name),
    )


async def make_config(
    session: AwsSession, attempt: Attempt, doing: str, request: CreateEndpointConfigInputTypeDef
) -> None:
    """CreateEndpointConfig with the attempt's token. Raises ``SageDeckError``."""
    name = request["EndpointConfigName"]
    wanted = {**request, "Tags": [*request["Tags"], attempt.tag]}
    await attempt.make(
        Part(
            "endpoint configuration",
            name,
            lambda: session.call("sagemaker", "delete_endpoint_config", doing=doing, EndpointConfigName=name),
            f"aws sagemaker delete-endpoint-config --endpoint-config-name {name}",
            "costs nothing",
            own_name=True,
        ),
        lambda: session.call("sagemaker", "create_endpoint_config", doing=doing, **wanted),
        lambda: tagged(session, "describe_endpoint_config", attempt, doing, EndpointConfigName=name),
    )
