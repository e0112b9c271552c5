"""Whether a load test can begin, and what it costs: asked before anything is sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, NotFound, SageDeckError
from workers.load.arrivals import Shape, expected, shape_problem
from workers.load.costs import LoadCost, endpoint_cost, function_cost
from workers.load.payloads import mean_bytes, payloads
from workers.load.types import LoadTarget
from workers.prices.table import PriceTable

_ANSWERS = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"})


@dataclass(frozen=True)
class Checked:
    """A test that can begin: what it asks, how many requests, and what it costs on AWS."""

    target: LoadTarget
    requests: int
    cost: LoadCost


class LoadChecks:
    """All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, prices: PriceTable) -> None:
        self._session, self._prices = session, prices

    async def check(self, target: LoadTarget, shape: Shape, pictures: str = "") -> Checked:
        """See ``LoadTests.check``."""
        if problem := shape_problem(shape):
            raise InvalidInput("This cannot be sent", problem)
        size = await asyncio.to_thread(mean_bytes, pictures, target.kind)
        requests = expected(shape)
        if target.kind == "function":
            return await self._function(target, requests, pictures)
        return await self._endpoint(target, requests, shape.seconds, size, pictures)

    async def _endpoint(self, target: LoadTarget, requests: int, seconds: float, size: float, pictures: str) -> Checked:
        doing = f"test {target.name}"
        found = await self._session.call("sagemaker", "describe_endpoint", doing, EndpointName=target.name)
        if found["EndpointStatus"] not in _ANSWERS:
            await self._ask_once(target, pictures, f"It is {found['EndpointStatus']}: it answers when it is InService.")
        variants = {variant["VariantName"]: variant for variant in found.get("ProductionVariants", ())}
        if target.part and target.part not in variants:
            raise NotFound(f"Could not {doing}", f"The endpoint has no variant {target.part}.", "Refresh the list.")
        target = replace(target, pick=bool(target.part) and len(variants) > 1)
        variant: dict[str, Any] = variants.get(target.part) or next(iter(variants.values()), {})
        now = int(variant.get("CurrentInstanceCount") or 0)
        per_hour = await self._per_hour(found["EndpointConfigName"], variant.get("VariantName", ""))
        maximum = await self._maximum(target)
        return Checked(target, requests, endpoint_cost(seconds, now, maximum, per_hour, requests, size))

    async def _function(self, target: LoadTarget, requests: int, pictures: str) -> Checked:
        qualifier = {"Qualifier": target.part} if target.part else {}
        found = await self._session.call(
            "lambda", "get_function_configuration", f"test {target.name}", FunctionName=target.name, **qualifier
        )
        if found.get("State") in ("Pending", "Failed"):
            await self._ask_once(target, pictures, f"It is {found['State']}: {found.get('StateReason', '')}".strip())
        prices = self._prices.function_prices(self._session.region)
        return Checked(target, requests, function_cost(requests, found["MemorySize"], found["Timeout"], prices))

    async def _ask_once(self, target: LoadTarget, pictures: str, hint: str) -> None:
        """One real request, so that what refuses the load is told in AWS's own words, with ``hint``."""

        def ask() -> None:
            body = payloads(pictures, target.kind)[0]
            if target.kind == "function":
                qualifier = {"Qualifier": target.part} if target.part else {}
                self._session.client("lambda").invoke(FunctionName=target.name, Payload=body.body, **qualifier)
            else:
                self._session.client("sagemaker-runtime").invoke_endpoint(
                    EndpointName=target.name, Body=body.body, ContentType=body.content_type
                )

        service = "lambda" if target.kind == "function" else "sagemaker-runtime"
        try:
            await self._session.run(f"test {target.name}", ask, service=service)
        except SageDeckError as error:
            error.hint = hint
            raise

    async def _per_hour(self, config: str, variant: str) -> float | None:
        try:
            found = await self._session.call("sagemaker", "describe_endpoint_config", EndpointConfigName=config)
        except SageDeckError:
            # Without the permission to read it, the price is told as not known.
            return None
        types = [
            entry.get("InstanceType", "")
            for entry in found["ProductionVariants"]
            if not variant or entry["VariantName"] == variant
        ]
        return self._prices.per_hour(types[0], "hosting", self._session.region) if types and types[0] else None

    async def _maximum(self, target: LoadTarget) -> int | None:
        """How many instances auto scaling may make of the variant; 0: nothing scales it, or it may not be read."""
        try:
            found = await self._session.call(
                "application-autoscaling", "describe_scalable_targets", ServiceNamespace="sagemaker",
                ResourceIds=[target.resource],
            )  # fmt: skip
        except SageDeckError:
            return None
        return max((entry["MaxCapacity"] for entry in found["ScalableTargets"]), default=0)
