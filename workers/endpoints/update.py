"""Updating an endpoint: another instance type, number of instances or model, while it goes on answering.

SageMaker starts the new instances beside the old ones and moves the requests over when they are in service; when
they do not come up, the old ones stay (UpdateEndpoint's default, blue/green). The configuration that is left is then
litter, and is deleted if SageDeck made it and nothing uses it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from workers.aws.creating import Attempt, Part, as_one
from workers.aws.session import AwsSession
from workers.aws.tags import creator_tag
from workers.endpoints.deployable import require_model
from workers.endpoints.deployment import (
    Deployment,
    alarm_name,
    alarm_request,
    deployment_config,
    deployment_problem,
    retained,
)
from workers.endpoints.steps import EndpointRoles, container, is_ours, make_config, make_model, model_of, tags_of
from workers.errors.tree import InvalidInput, SageDeckError
from workers.training.images import image_uri
from workers.types import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateEndpointConfigInputTypeDef, CreateModelInputTypeDef

# Carried over from the present configuration to the next one.
_KEPT = (
    "AsyncInferenceConfig", "DataCaptureConfig", "EnableNetworkIsolation", "ExecutionRoleArn", "ExplainerConfig",
    "KmsKeyId", "ShadowProductionVariants", "VpcConfig",
)  # fmt: skip


@dataclass(frozen=True)
class UpdateSpec:
    """What the update form holds. An empty ``job_name`` keeps the model.

    ``model_uri``: where the job's model lies, if not where SageMaker says of the job (one that ran on EC2).
    """

    endpoint_name: str
    instance_type: str
    instance_count: int
    job_name: str = ""
    model_uri: str = ""
    deployment: Deployment = field(default_factory=Deployment)


@dataclass(frozen=True)
class EndpointUpdate:
    """An update under way: the configuration and models before, and those it goes to."""

    endpoint_name: str
    config_name: str
    old_config: str
    models: tuple[str, ...] = ()
    old_models: tuple[str, ...] = ()


class Updates:
    """Updates endpoints of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, roles: EndpointRoles) -> None:
        self._session, self._roles = session, roles

    async def begin(self, endpoint: Endpoint, spec: UpdateSpec) -> EndpointUpdate:
        """Make the next configuration (and model) and go over to it; the endpoint is ``Updating`` on return.

        When a step fails, what the earlier steps made is deleted again; what could not be is in the error's ``left``.
        """
        problem = "It needs at least one instance." if spec.instance_count < 1 else deployment_problem(spec.deployment)
        if problem:
            raise InvalidInput("The endpoint cannot be updated like this", problem)
        # Looking into a large archive takes its time, and makes nothing: it is no part of the flow.
        chosen = await self._chosen_model(spec)
        return await as_one(lambda attempt: self._begin(endpoint, spec, chosen, attempt), f"update {endpoint.name}")

    async def _begin(
        self, endpoint: Endpoint, spec: UpdateSpec, chosen: dict[str, Any] | None, attempt: Attempt
    ) -> EndpointUpdate:
        doing = f"update {endpoint.name}"
        config = await self._call("describe_endpoint_config", doing, EndpointConfigName=endpoint.config_name)
        variant = _only_variant(config)
        made_name = attempt.name(endpoint.name)
        model = chosen or await self._other_image(endpoint, spec, variant["ModelName"], doing)
        if model is not None:
            variant["ModelName"] = made_name
            await make_model(
                self._session, attempt, doing, cast("CreateModelInputTypeDef", {"ModelName": made_name, **model})
            )
        variant |= {"InstanceType": spec.instance_type, "InitialInstanceCount": spec.instance_count}
        request = {
            "EndpointConfigName": made_name,
            "ProductionVariants": [variant],
            "Tags": tags_of(spec.job_name or endpoint.job_name),
            **{key: config[key] for key in _KEPT if key in config},
        }
        await make_config(self._session, attempt, doing, cast("CreateEndpointConfigInputTypeDef", request))
        if spec.deployment.new_alarm:
            await self._make_alarm(endpoint.name, variant["VariantName"], attempt, doing)
        going = {
            "EndpointName": endpoint.name,
            "EndpointConfigName": made_name,
            **retained(counts_change(endpoint, spec.instance_count)),
        }
        if deployment := deployment_config(spec.deployment, endpoint.name):
            going["DeploymentConfig"] = deployment
        await attempt.make(
            Part("update of", endpoint.name, None, note=f"it goes over to {made_name}", needs=True),
            lambda: self._call("update_endpoint", doing, **going),
            lambda: self._going_over(endpoint.name, made_name, doing),
        )
        return EndpointUpdate(
            endpoint.name,
            made_name,
            endpoint.config_name,
            (made_name,) if model is not None else (),
            endpoint.model_names if model is not None else (),
        )

    async def _make_alarm(self, name: str, variant: str, attempt: Attempt, doing: str) -> None:
        """The alarm that rolls back; one that is there already stays, and is never taken back."""
        known = await self._session.call("cloudwatch", "describe_alarms", doing, AlarmNames=[alarm_name(name)])
        if known.get("MetricAlarms"):
            return
        request = alarm_request(name, variant) | {"Tags": [creator_tag()]}

        async def there() -> dict[str, Any] | None:
            found = await self._session.call("cloudwatch", "describe_alarms", doing, AlarmNames=[alarm_name(name)])
            return found if found.get("MetricAlarms") else None

        await attempt.make(
            Part(
                "alarm",
                alarm_name(name),
                lambda: self._session.call("cloudwatch", "delete_alarms", doing, AlarmNames=[alarm_name(name)]),
                f"aws cloudwatch delete-alarms --alarm-names {alarm_name(name)}",
            ),
            lambda: self._session.call("cloudwatch", "put_metric_alarm", doing, **request),
            there,
        )

    async def tidy(self, update: EndpointUpdate, now: Endpoint) -> None:
        """Delete the configuration and model that the endpoint has left, or never reached.

        Kept is what others use, and what SageDeck did not make. Leftovers cost nothing: no error is raised.
        """
        done = now.config_name == update.config_name
        config, models = (update.old_config, update.old_models) if done else (update.config_name, update.models)
        try:
            if await is_ours(self._session, config, now.arn) and not await self._config_used(config):
                await self._call("delete_endpoint_config", "tidy up", EndpointConfigName=config)
                for model in models:
                    if await is_ours(self._session, model, now.arn, "model") and not await self._model_used(model):
                        await self._call("delete_model", "tidy up", ModelName=model)
        except SageDeckError:
            return

    async def _chosen_model(self, spec: UpdateSpec) -> dict[str, object] | None:
        """The CreateModel request, without its name, for another job's model; None when the model stays."""
        if not spec.job_name:
            return None
        if spec.model_uri:
            await require_model(self._session, spec.job_name, uri := spec.model_uri)
        else:
            uri = await model_of(self._session, spec.job_name)
        return {
            "PrimaryContainer": container(self._session.region, spec.instance_type, uri),
            "ExecutionRoleArn": await self._roles.ensure_endpoint_role(uri.split("/")[2]),
            "Tags": tags_of(spec.job_name),
        }

    async def _other_image(
        self, endpoint: Endpoint, spec: UpdateSpec, present: str, doing: str
    ) -> dict[str, object] | None:
        """The same for the present model on other instances; None when it serves there as it is."""
        region = self._session.region
        before = image_uri(region, "inference", endpoint.instance_type)
        after = image_uri(region, "inference", spec.instance_type)
        if before == after or endpoint.image != before:
            return None
        # From a processor to a graphics card or back: the same model in the other image.
        found = await self._call("describe_model", doing, ModelName=present)
        return {
            "PrimaryContainer": found["PrimaryContainer"] | {"Image": after},
            "ExecutionRoleArn": found["ExecutionRoleArn"],
            "Tags": tags_of(endpoint.job_name),
        }

    async def _going_over(self, name: str, config: str, doing: str) -> dict[str, object] | None:
        """The endpoint, if it goes over to this configuration or has done so."""
        found = await self._call("describe_endpoint", doing, EndpointName=name)
        pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        return found if config in (pending, found.get("EndpointConfigName")) else None

    async def _config_used(self, config: str) -> bool:
        async for item in self._session.paginate("sagemaker", "list_endpoints", "Endpoints"):
            found = await self._call("describe_endpoint", "tidy up", EndpointName=item["EndpointName"])
            if found.get("EndpointConfigName") == config:
                return True
        return False

    async def _model_used(self, model: str) -> bool:
        async for item in self._session.paginate("sagemaker", "list_endpoint_configs", "EndpointConfigs"):
            name = item["EndpointConfigName"]
            found = await self._call("describe_endpoint_config", "tidy up", EndpointConfigName=name)
            if any(variant.get("ModelName") == model for variant in found.get("ProductionVariants", ())):
                return True
        return False

    def _call(self, operation: str, doing: str, **parameters: object) -> Coroutine[Any, Any, dict[str, Any]]:
        return self._session.call("sagemaker", operation, doing=doing, **parameters)


def counts_change(endpoint: Endpoint, count: int) -> bool:
    """Whether an update to ``count`` instances changes their number; else the running number is kept as it is."""
    return count != (endpoint.desired_count or endpoint.instance_count)


def _only_variant(config: dict[str, Any]) -> dict[str, Any]:
    variants = config.get("ProductionVariants", [])
    if len(variants) != 1 or "ServerlessConfig" in variants[0]:
        what = "is serverless" if len(variants) == 1 else f"has {len(variants)} variants"
        raise InvalidInput(
            "SageDeck cannot update this endpoint",
            f"It {what}; SageDeck updates endpoints of one variant on instances.",
            "Nothing was changed. Use the AWS CLI: aws sagemaker update-endpoint.",
        )
    return dict(variants[0])
