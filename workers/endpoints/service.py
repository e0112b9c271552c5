"""Endpoints: deploy a job's model, list, describe, follow, measure. Deleting is in ``workers.endpoints.deletion``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from workers.aws.creating import Attempt, Part, as_one, tagged
from workers.aws.logs import ENDPOINT_GROUP, Logs
from workers.aws.metrics import Metrics
from workers.aws.names import name_problem
from workers.aws.session import AwsSession
from workers.aws.times import utc, utc_of
from workers.endpoints.deletion import Deletion
from workers.endpoints.deployable import job_of_model, model_problem, no_model_reason, require_model
from workers.endpoints.request import deploy_requests
from workers.endpoints.steps import (
    JOB_TAG,
    VARIANT,
    EndpointRoles,
    make_config,
    make_model,
    model_of,
)
from workers.endpoints.update import EndpointUpdate, Updates, UpdateSpec
from workers.errors.tree import AccessDenied, InvalidInput, NotFound, Throttled
from workers.prices.table import PriceTable
from workers.types import (
    DeletionPlan,
    DeletionResult,
    DeploySpec,
    Endpoint,
    EndpointMetrics,
    Fleet,
    LogEvent,
    TrainingJob,
)

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import TagTypeDef

# Describe calls are throttled at a few a second.
CONCURRENT_DESCRIBES = 4


class Endpoints:
    """Everything about real-time endpoints of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, roles: EndpointRoles, prices: PriceTable | None = None) -> None:
        self._session, self._roles = session, roles
        self._logs, self._metrics = Logs(session), Metrics(session)
        self._deletion = Deletion(session, prices or PriceTable.load())
        self._updates = Updates(session, roles)
        self._describing = asyncio.Semaphore(CONCURRENT_DESCRIBES)
        # A configuration and a model never change under their name while an endpoint uses them.
        self._configs: dict[tuple[str, str], dict[str, object]] = {}

    async def list(self, *, details: bool = True) -> tuple[Endpoint, ...]:
        """All endpoints, newest first. ``details=False`` leaves out instances, model and job (one call for all)."""
        endpoints = tuple(
            [
                _summary(item)
                async for item in self._session.paginate(
                    "sagemaker",
                    "list_endpoints",
                    "Endpoints",
                    doing="list the endpoints",
                    SortBy="CreationTime",
                    SortOrder="Descending",
                )
            ]
        )
        return await self.complete(endpoints) if details else endpoints

    async def complete(self, endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        """The same endpoints with their details, a few calls at a time; one that cannot be read stays as it is."""

        async def one(endpoint: Endpoint) -> Endpoint | None:
            try:
                async with self._describing:
                    return await self.describe(endpoint.name)
            except NotFound:
                # Deleted since it was listed.
                return None
            except (AccessDenied, Throttled):
                return endpoint

        found = await asyncio.gather(*(one(endpoint) for endpoint in endpoints))
        return tuple(endpoint for endpoint in found if endpoint is not None)

    async def describe(self, name: str) -> Endpoint:
        """One endpoint with instances, model and the job it came from. Raises ``NotFound``."""
        answer = await self._session.call(
            "sagemaker", "describe_endpoint", doing=f"read the endpoint {name}", EndpointName=name
        )
        key = (answer.get("EndpointConfigName", ""), answer["EndpointArn"])
        if key not in self._configs:
            self._configs[key] = await self._configuration(*key)
        return _detail(answer, self._configs[key])

    async def check_name(self, name: str) -> str | None:
        """What is wrong with a name for a new endpoint, in a sentence; ``None`` when it is good and free."""
        problem = name_problem(name, "The endpoint name")
        if problem is None and await self._exists(name):
            problem = "An endpoint with this name exists already."
        return problem

    async def no_model_reason(self, job: TrainingJob) -> str:
        """Why a job has no model to deploy, in a sentence; "" when it has one.

        A job that was stopped is described alike whether it had saved a model: its archive is looked into.
        """
        reason = no_model_reason(job)
        if reason or job.status != "Stopped":
            return reason
        return await model_problem(self._session, job.name, job.model_uri)

    async def deploy(self, spec: DeploySpec) -> str:
        """Make model, configuration and endpoint from a finished job; returns the endpoint's name.

        When a step fails, what the earlier steps made is deleted again; what could not be is in the error's ``left``.
        The endpoint is ``Creating`` on return.
        """
        problem = name_problem(spec.endpoint_name, "The endpoint name")
        if problem is None and spec.instance_count < 1:
            problem = "The number of instances must be at least 1."
        if problem:
            raise InvalidInput("The endpoint cannot be made like this", problem)
        # Looking into a large archive takes its time, and makes nothing: it is no part of the flow.
        if spec.model_uri:
            await require_model(self._session, spec.job_name, uri := spec.model_uri)
        else:
            uri = await model_of(self._session, spec.job_name)
        role = await self._roles.ensure_endpoint_role(uri.split("/")[2])
        return await as_one(lambda attempt: self._deploy(spec, uri, role, attempt), f"deploy {spec.endpoint_name}")

    async def _deploy(self, spec: DeploySpec, model_uri: str, role: str, attempt: Attempt) -> str:
        # Names of their own, so that a model or configuration left over from an older endpoint is no obstacle.
        made_name = attempt.name(spec.endpoint_name)
        doing = f"deploy {spec.endpoint_name}"
        model, config, request = deploy_requests(spec, made_name, self._session.region, model_uri, role)
        await make_model(self._session, attempt, doing, model)
        await make_config(self._session, attempt, doing, config)
        name = spec.endpoint_name
        request["Tags"] = [*request["Tags"], cast("TagTypeDef", attempt.tag)]
        await attempt.make(
            Part(
                "endpoint",
                name,
                lambda: self._session.call("sagemaker", "delete_endpoint", doing=doing, EndpointName=name),
                f"aws sagemaker delete-endpoint --endpoint-name {name}",
                "goes on billing",
                needs=True,
            ),
            lambda: self._session.call("sagemaker", "create_endpoint", doing=doing, **request),
            lambda: tagged(self._session, "describe_endpoint", attempt, doing, EndpointName=name),
        )
        return name

    async def update(self, spec: UpdateSpec) -> EndpointUpdate:
        """Go over to another instance type, number of instances or model; it answers all the time.

        The endpoint is ``Updating`` on return. Raises ``InvalidInput`` for one that cannot be updated.
        """
        return await self._updates.begin(await self.describe(spec.endpoint_name), spec)

    async def alarms(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The alarms about an endpoint, which may roll an update back; none for who may not read them."""
        try:
            return tuple(await self._deletion.alarms(endpoint))
        except AccessDenied:
            return ()

    async def tidy(self, update: EndpointUpdate) -> None:
        """After an update: delete the configuration and the model that are not used any more."""
        await self._updates.tidy(update, await self.describe(update.endpoint_name))

    async def deletion_plan(self, name: str) -> DeletionPlan:
        """What deleting the endpoint takes along, what it leaves, what stops working, and what it saves an hour."""
        return await self._deletion.plan(await self.describe(name))

    async def forget_plan(self, endpoint: Endpoint) -> DeletionPlan:
        """The same for one that is parked and need not come back, as it is given here."""
        return await self._deletion.plan(endpoint, forgotten=endpoint.name)

    async def delete_parts(self, parts: Sequence[tuple[str, str]]) -> DeletionResult:
        """Delete configurations and models, as ``(kind, name)``, that a plan named."""
        return await self._deletion.delete_parts(parts)

    async def delete(self, plan: DeletionPlan) -> DeletionResult:
        """Carry out a deletion plan in the order that AWS needs; what is gone already does not matter."""
        return await self._deletion.carry_out(plan)

    async def log(
        self, name: str, token: str | None = None, *, from_end: bool = False
    ) -> tuple[tuple[LogEvent, ...], str]:
        """One page of the log of all instances and where to go on (see ``Logs.read``)."""
        return await self._logs.read(ENDPOINT_GROUP.format(name=name), "", token, from_end=from_end)

    async def metrics(self, name: str, variant: str = VARIANT) -> EndpointMetrics:
        """How often the endpoint is called, how long its model takes, and when it was last used."""
        return await self._metrics.endpoint(name, variant)

    async def _exists(self, name: str) -> bool:
        try:
            await self._session.call(
                "sagemaker", "describe_endpoint", doing=f"look for the endpoint {name}", EndpointName=name
            )
        except NotFound:
            return False
        return True

    async def _configuration(self, config_name: str, arn: str) -> dict[str, Any]:
        """Configuration, models and tags of one endpoint in one dict; parts that are gone are left out."""
        config, tags = await asyncio.gather(
            self._optional("describe_endpoint_config", EndpointConfigName=config_name),
            self._optional("list_tags", ResourceArn=arn),
        )
        variants = config.get("ProductionVariants", [])
        names = tuple(variant["ModelName"] for variant in variants if variant.get("ModelName"))
        models = await asyncio.gather(*(self._optional("describe_model", ModelName=name) for name in names))
        role = next((model["ExecutionRoleArn"] for model in models if "ExecutionRoleArn" in model), "")
        container: Mapping[str, Any] = next(
            (model["PrimaryContainer"] for model in models if "PrimaryContainer" in model), {}
        )
        uri = container.get("ModelDataUrl", "")
        tagged = {tag["Key"]: tag["Value"] for tag in tags.get("Tags", ())}
        return {
            "models": names,
            "instance_type": variants[0].get("InstanceType", "") if variants else "",
            "instance_types": {
                variant.get("VariantName", ""): variant.get("InstanceType", "")
                for variant in (*variants, *config.get("ShadowProductionVariants", ()))
            },
            "instance_count": sum(variant.get("InitialInstanceCount", 0) for variant in variants),
            "image": container.get("Image", ""),
            "model_uri": uri,
            "role": role,
            # An update changes the model, not the endpoint's tags.
            "job": job_of_model(uri) or tagged.get(JOB_TAG, ""),
        }

    async def _optional(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return await self._session.call("sagemaker", operation, **parameters)
        except (NotFound, AccessDenied):
            return {}


def _summary(item: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        name=item["EndpointName"],
        status=item["EndpointStatus"],
        created=utc(item["CreationTime"]),
        modified=utc_of(item, "LastModifiedTime"),
        arn=item["EndpointArn"],
    )


def _detail(answer: Mapping[str, Any], config: Mapping[str, Any]) -> Endpoint:
    variants = answer.get("ProductionVariants", [])
    running = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
    desired = sum(variant.get("DesiredInstanceCount", 0) for variant in variants)
    return Endpoint(
        name=answer["EndpointName"],
        status=answer["EndpointStatus"],
        created=utc(answer["CreationTime"]),
        modified=utc_of(answer, "LastModifiedTime"),
        arn=answer["EndpointArn"],
        config_name=answer.get("EndpointConfigName", ""),
        model_names=config["models"],
        instance_type=config["instance_type"],
        # Before the variants are reported, the configuration says how many there will be.
        instance_count=running if variants else config["instance_count"],
        desired_count=desired or config["instance_count"],
        fleets=fleets_of(answer, config["instance_types"]),
        failure_reason=answer.get("FailureReason", ""),
        image=config["image"],
        model_uri=config["model_uri"],
        job_name=config["job"],
        role_arn=config["role"],
    )


def fleets_of(answer: Mapping[str, Any], types: Mapping[str, str]) -> tuple[Fleet, ...]:
    """The instances of all variants, of the shadow ones, and of those that an update brings up beside them.

    ``answer`` is DescribeEndpoint's, ``types`` the instance types of the configuration by variant.
    """
    coming = answer.get("PendingDeploymentSummary", {})
    variants = [
        variant
        for source in (answer, coming)
        for key in ("ProductionVariants", "ShadowProductionVariants")
        for variant in source.get(key, ())
    ]
    # These come first; shadows and what an update brings up have no share of the answers.
    production = len(answer.get("ProductionVariants", ()))
    return tuple(
        Fleet(
            variant.get("InstanceType") or types.get(variant.get("VariantName", ""), ""),
            variant.get("CurrentInstanceCount", 0),
            variant.get("DesiredInstanceCount", 0),
            variant.get("VariantName", ""),
            variant.get("CurrentWeight") if place < production else None,
        )
        for place, variant in enumerate(variants)
    )
