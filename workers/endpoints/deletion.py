"""What belongs to an endpoint, and deleting all of it in the order that AWS needs.

A scalable target that is left makes the endpoint undeletable or, worse, is applied to the next endpoint of the
same name; a configuration and a model that are left are litter. What other resources use is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workers.aws.creating import FLOW_SECONDS, made_for, surely_gone, to_the_end
from workers.aws.session import AwsSession
from workers.endpoints.steps import is_ours, parked_with
from workers.errors.tree import Left, NotFound, SageDeckError, Unreachable
from workers.prices.table import PriceTable
from workers.types import DeletionPlan, DeletionResult, Endpoint

T = TypeVar("T")

TARGET, ALARM, ENDPOINT, CONFIG, MODEL = "scalable target", "alarm", "endpoint", "endpoint configuration", "model"
FUNCTION, UNCHECKED = "function", "not checked"
ENDPOINT_VARIABLE = "ENDPOINT_NAME"
# Application Auto Scaling names the alarms of target tracking so, and deletes them with the target.
_OWN_ALARM_PREFIXES = ("TargetTracking-endpoint/", "sagedeck-")
_CONCURRENT_DESCRIBES = 4
_ORDER = (TARGET, ALARM, ENDPOINT, CONFIG, MODEL)
_DESCRIBE = {
    ENDPOINT: ("describe_endpoint", "EndpointName"),
    CONFIG: ("describe_endpoint_config", "EndpointConfigName"),
    MODEL: ("describe_model", "ModelName"),
}
# Without these gone the endpoint must not be deleted.
_BEFORE_ENDPOINT = (TARGET,)


@dataclass
class _Users:
    """Who else uses an endpoint's configuration and models, and what its updates left that nobody uses any more.

    ``config``: another endpoint, ``parked``: one that is parked with it, "" if none. ``models``: of each model another
    configuration that stays. ``left``: configurations with their models.
    """

    config: str = ""
    parked: str = ""
    models: dict[str, str] = field(default_factory=dict)
    left: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Deletion:
    """Plans and carries out the deletion of one endpoint with everything that belongs to it."""

    def __init__(self, session: AwsSession, prices: PriceTable) -> None:
        self._session, self._prices = session, prices
        self._describing = asyncio.Semaphore(_CONCURRENT_DESCRIBES)

    async def plan(self, endpoint: Endpoint, forgotten: str = "") -> DeletionPlan:
        """Look up what goes along. A part that may not be read is named as ``not checked``.

        A configuration that endpoints are parked with is kept; ``forgotten``: the one that need not come back.
        """
        parts: list[tuple[str, str, str]] = []
        kept: list[tuple[str, str, str]] = []
        stops: list[tuple[str, str, str]] = []
        targets, alarms, functions, others = await asyncio.gather(
            self._checked("scalable targets", stops, self._targets(endpoint)),
            self._checked("alarms", stops, self._alarms(endpoint)),
            self._checked("functions", stops, self._functions(endpoint)),
            self._checked("other endpoints", kept, self._other_users(endpoint, forgotten)),
        )
        parts += [(TARGET, target, "auto-scaling of this endpoint") for target in targets or ()]
        for name in alarms or ():
            if name.startswith(_OWN_ALARM_PREFIXES):
                parts.append((ALARM, name, "watches only this endpoint"))
            else:
                stops.append((ALARM, name, "watches this endpoint and gets no more data"))
        stops += [(FUNCTION, name, "calls this endpoint") for name in functions or ()]
        if others is None:
            # It is not known who else uses them, so they stay: litter is better than a broken endpoint.
            kept += [(CONFIG, endpoint.config_name, "another endpoint may use it")] if endpoint.config_name else []
            kept += [(MODEL, name, "another configuration may use it") for name in endpoint.model_names]
        else:
            if others.config:
                kept.append((CONFIG, endpoint.config_name, f"the endpoint {others.config} uses it"))
            elif others.parked:
                kept.append((CONFIG, endpoint.config_name, f"the parked endpoint {others.parked} comes back from it"))
            elif endpoint.config_name:
                parts.append((CONFIG, endpoint.config_name, "only this endpoint uses it"))
            parts += [(CONFIG, name, "an update of this endpoint left it") for name in others.left]
            for name in endpoint.model_names:
                user = endpoint.config_name if others.config or others.parked else others.models.get(name)
                if user:
                    kept.append((MODEL, name, f"the configuration {user} uses it"))
                else:
                    parts.append((MODEL, name, "only this endpoint uses it"))
            parts += [
                (MODEL, name, "an update of this endpoint left it")
                for name in dict.fromkeys(name for models in others.left.values() for name in models)
                if name not in endpoint.model_names and name not in others.models
                and await is_ours(self._session, name, endpoint.arn, "model")
            ]  # fmt: skip
        if endpoint.model_uri:
            kept.append(("model file", endpoint.model_uri, "the training job's result stays in S3"))
        return DeletionPlan(
            target=endpoint.name,
            also_deleted=tuple(parts),
            kept=tuple(kept),
            stops_working=tuple(stops),
            saves_per_hour=self._prices.endpoint_per_hour(endpoint, self._session.region),
        )

    async def carry_out(self, plan: DeletionPlan) -> DeletionResult:
        """Delete the parts and the endpoint. Raises when the endpoint itself, or what must go before it, remains.

        Once begun it goes on to its end, also when it is cancelled, and has a deadline. An error tells what is left.
        """
        return await self._to_the_end([(ENDPOINT, plan.target), *((kind, name) for kind, name, _ in plan.also_deleted)])

    async def delete_parts(self, parts: Sequence[tuple[str, str]]) -> DeletionResult:
        """Delete these ``(kind, name)`` alone, as ``carry_out`` does."""
        return await self._to_the_end(parts)

    async def _to_the_end(self, parts: Sequence[tuple[str, str]]) -> DeletionResult:
        result, cancelled = await to_the_end(self._carry_out(parts))
        if isinstance(result, SageDeckError):
            raise result
        if cancelled:
            raise asyncio.CancelledError
        return result

    async def _carry_out(self, parts: Sequence[tuple[str, str]]) -> DeletionResult | SageDeckError:
        todo = sorted(parts, key=lambda part: _ORDER.index(part[0]))
        deleted: list[tuple[str, str]] = []
        gone: list[tuple[str, str]] = []
        failed: list[tuple[str, str, str]] = []
        ends = time.monotonic() + FLOW_SECONDS
        for at, (kind, name) in enumerate(todo):
            try:
                async with asyncio.timeout(max(0.0, ends - time.monotonic())):
                    known = await surely_gone(
                        lambda kind=kind, name=name: self._delete_one(kind, name),  # type: ignore[misc]
                        lambda kind=kind, name=name: self._is_there(kind, name),  # type: ignore[misc]
                    )
                (deleted if known else gone).append((kind, name))
            except (SageDeckError, TimeoutError) as error:
                if not isinstance(error, SageDeckError):
                    error = Unreachable("No answer in time", f"Could not delete the {kind} {name}.", code="Timeout")
                if kind == ENDPOINT or kind in _BEFORE_ENDPOINT:
                    return error.leaving([_left(*part) for part in todo[at:]])
                failed.append((kind, name, error.message))
        return DeletionResult(tuple(deleted), tuple(gone), tuple(failed))

    async def _is_there(self, kind: str, name: str) -> bool:
        if kind not in _DESCRIBE:
            # Deleting these twice does no harm, so botocore's own retries have settled it.
            return True
        operation, parameter = _DESCRIBE[kind]
        try:
            found = await self._session.call("sagemaker", operation, f"look for the {kind} {name}", **{parameter: name})
        except NotFound:
            return False
        return found.get("EndpointStatus") != "Deleting"

    async def _delete_one(self, kind: str, name: str) -> None:
        doing = f"delete the {kind} {name}"
        if kind == TARGET:
            resource, dimension = name.split(" ", 1)
            await self._session.call(
                "application-autoscaling",
                "deregister_scalable_target",
                doing=doing,
                ServiceNamespace="sagemaker",
                ResourceId=resource,
                ScalableDimension=dimension,
            )
        elif kind == ALARM:
            await self._session.call("cloudwatch", "delete_alarms", doing=doing, AlarmNames=[name])
        else:
            operation, parameter = {
                ENDPOINT: ("delete_endpoint", "EndpointName"),
                CONFIG: ("delete_endpoint_config", "EndpointConfigName"),
                MODEL: ("delete_model", "ModelName"),
            }[kind]
            await self._session.call("sagemaker", operation, doing=doing, **{parameter: name})

    async def _targets(self, endpoint: Endpoint) -> list[str]:
        prefix = f"endpoint/{endpoint.name}/variant/"
        return [
            f"{target['ResourceId']} {target['ScalableDimension']}"
            async for target in self._session.paginate(
                "application-autoscaling",
                "describe_scalable_targets",
                "ScalableTargets",
                doing="look for auto-scaling",
                ServiceNamespace="sagemaker",
            )
            if target["ResourceId"].startswith(prefix)
        ]

    async def alarms(self, endpoint: Endpoint) -> list[str]:
        """The names of the alarms about this endpoint that auto scaling did not make."""
        return [name for name in await self._alarms(endpoint) if not name.startswith("TargetTracking-")]

    async def _alarms(self, endpoint: Endpoint) -> list[str]:
        wanted = {"Name": "EndpointName", "Value": endpoint.name}
        return [
            alarm["AlarmName"]
            async for alarm in self._session.paginate(
                "cloudwatch", "describe_alarms", "MetricAlarms", doing="look for alarms", AlarmTypes=["MetricAlarm"]
            )
            if wanted in _dimensions(alarm)
        ]

    async def _functions(self, endpoint: Endpoint) -> list[str]:
        return [
            function["FunctionName"]
            async for function in self._session.paginate(
                "lambda", "list_functions", "Functions", doing="look for functions"
            )
            if function.get("Environment", {}).get("Variables", {}).get(ENDPOINT_VARIABLE) == endpoint.name
        ]

    async def _other_users(self, endpoint: Endpoint, forgotten: str) -> _Users:
        users, in_use = _Users(), set[str]()
        names = [
            item["EndpointName"]
            async for item in self._session.paginate("sagemaker", "list_endpoints", "Endpoints")
            if item["EndpointName"] != endpoint.name
        ]
        for name, answer in await self._describe_all("describe_endpoint", "EndpointName", names):
            coming = answer.get("PendingDeploymentSummary", {}).get("EndpointConfigName", "")
            in_use |= {coming, answer.get("EndpointConfigName", "")}
            if answer.get("EndpointConfigName") == endpoint.config_name:
                users.config = name
        # Its own name, too: one of that name was parked before this one was made, or is remembered already.
        parked = await parked_with(self._session, endpoint.config_name, endpoint.arn)
        users.parked = ", ".join(name for name in parked if name != forgotten)
        names = [
            item["EndpointConfigName"]
            async for item in self._session.paginate("sagemaker", "list_endpoint_configs", "EndpointConfigs")
            if item["EndpointConfigName"] != endpoint.config_name
        ]
        for name, answer in await self._describe_all("describe_endpoint_config", "EndpointConfigName", names):
            models = tuple(variant["ModelName"] for variant in _variants(answer) if variant.get("ModelName"))
            if (
                name not in in_use
                and made_for(name, endpoint.name)
                and await is_ours(self._session, name, endpoint.arn)
            ):
                users.left[name] = models
            else:
                users.models |= dict.fromkeys(models, name)
        return users

    async def _describe_all(self, operation: str, parameter: str, names: list[str]) -> list[tuple[str, dict[str, Any]]]:
        async def one(name: str) -> tuple[str, dict[str, Any]]:
            async with self._describing:
                try:
                    return name, await self._session.call("sagemaker", operation, **{parameter: name})
                except NotFound:
                    return name, {}

        return list(await asyncio.gather(*(one(name) for name in names)))

    async def _checked(self, what: str, notes: list[tuple[str, str, str]], found: Awaitable[T]) -> T | None:
        try:
            return await found
        except SageDeckError as error:
            notes.append((UNCHECKED, what, error.message))
            return None


def _variants(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*config.get("ProductionVariants", ()), *config.get("ShadowProductionVariants", ())]


def _left(kind: str, name: str) -> Left:
    if kind in _DESCRIBE:
        word = kind.replace("configuration", "config").replace(" ", "-")
        return Left(
            kind,
            name,
            "goes on billing" if kind == ENDPOINT else "",
            f"aws sagemaker delete-{word} --{word}-name {name}",
        )
    return Left(kind, name)


def _dimensions(alarm: dict[str, Any]) -> list[dict[str, str]]:
    dimensions = list(alarm.get("Dimensions", ()))
    for query in alarm.get("Metrics", ()):
        dimensions += query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
    return dimensions
