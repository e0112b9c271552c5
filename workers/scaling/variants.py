"""How many instances the variants of endpoints have: fixed, or scaled by Application Auto Scaling."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from workers.aws.creating import Attempt, Part, as_one, surely, surely_gone
from workers.aws.session import AwsSession
from workers.errors.tree import NotFound
from workers.scaling.reading import activity_of, alarm_of, policy_of
from workers.scaling.schedules import Schedules
from workers.scaling.types import (
    METRIC,
    Activity,
    Alarm,
    Capacity,
    Policy,
    Suspended,
    Target,
    Variant,
    VariantScaling,
    VariantSettings,
)

# AWS's console shows only a policy of this name.
POLICY_NAME = "SageMakerEndpointInvocationScalingPolicy"
MOST_ACTIVITIES = 100
_SERVICE = "application-autoscaling"
_AT_A_TIME = 4


def policy_arguments(settings: VariantSettings) -> dict[str, Any]:
    """The configuration of target tracking that a form stands for."""
    return {
        "TargetValue": settings.target,
        "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC},
        "ScaleOutCooldown": settings.out_wait,
        "ScaleInCooldown": settings.in_wait,
    }


class Variants:
    """The endpoint variants of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session, self._schedules = session, Schedules(session)
        # A configuration never changes under its name while an endpoint uses it.
        self._types: dict[tuple[str, str], Mapping[str, str]] = {}
        self._asking = asyncio.Semaphore(_AT_A_TIME)

    async def all(self) -> tuple[Variant, ...]:
        """The variants that have instances, of all endpoints, by name; serverless ones have none."""
        names = [
            found["EndpointName"]
            async for found in self._session.paginate(
                "sagemaker", "list_endpoints", "Endpoints", doing="list the endpoints"
            )
        ]
        found = await asyncio.gather(*map(self._of_endpoint, names))
        return tuple(sorted((variant for variants in found for variant in variants), key=lambda variant: variant.id))

    async def _of_endpoint(self, name: str) -> list[Variant]:
        try:
            async with self._asking:
                answer = await self._session.call(
                    "sagemaker", "describe_endpoint", f"read the endpoint {name}", EndpointName=name
                )
                types = await self._instance_types(answer)
        except NotFound:
            # Deleted since it was listed.
            return []
        return [
            Variant(
                endpoint=name,
                name=found["VariantName"],
                status=answer["EndpointStatus"],
                instance_type=types.get(found["VariantName"], ""),
                current=int(found.get("CurrentInstanceCount", 0)),
                desired=int(found.get("DesiredInstanceCount", found.get("CurrentInstanceCount", 0))),
                weight=float(found.get("DesiredWeight", found.get("CurrentWeight", 1.0))),
            )
            for found in answer.get("ProductionVariants", ())
            if types.get(found["VariantName"])
        ]

    async def _instance_types(self, endpoint: Mapping[str, Any]) -> Mapping[str, str]:
        config = endpoint.get("EndpointConfigName", "")
        key = (config, endpoint["EndpointArn"])
        if key not in self._types:
            answer = await self._session.call(
                "sagemaker", "describe_endpoint_config", f"read {config}", EndpointConfigName=config
            )
            self._types[key] = {
                variant["VariantName"]: variant.get("InstanceType", "") for variant in answer["ProductionVariants"]
            }
        return self._types[key]

    async def capacities(self, endpoint: str, like: Sequence[Capacity]) -> tuple[Capacity, ...]:
        """What there is to be of what ``like`` sets: the same variants, of each the same values.

        Raises ``NotFound`` when the endpoint, or one of the variants, is gone.
        """
        found = {now.name: now for now in await self._of_endpoint(endpoint)}
        for wanted in like:
            if wanted.name not in found:
                raise NotFound(
                    f"Could not read the instances of {endpoint}", f"{endpoint} has no variant {wanted.name} any more."
                )
        return tuple(wanted.as_it_is(found[wanted.name]) for wanted in like)

    async def identity(self, endpoint: str, names: Sequence[str]) -> str:
        """When the endpoint was made and what these variants run on: another one of its name has others.

        Raises ``NotFound`` when the endpoint, or one of the variants, is gone.
        """
        doing = f"read the endpoint {endpoint}"
        answer = await self._session.call("sagemaker", "describe_endpoint", doing, EndpointName=endpoint)
        types = await self._instance_types(answer)
        for name in names:
            if name not in types:
                raise NotFound(f"Could not {doing}", f"{endpoint} has no variant {name} any more.")
        made = answer["CreationTime"].astimezone(UTC)
        runs_on = ", ".join(dict.fromkeys(types[name] or "no instances" for name in names))
        return f"{endpoint}, made {made:%Y-%m-%d %H:%M:%S} UTC, on {runs_on}"

    async def describe(self, variant: Variant) -> VariantScaling:
        """All that is known of how this variant is scaled."""
        target, policies, schedules, activities = await asyncio.gather(
            self.target(variant), self.policies(variant), self._schedules.of(variant.scalable), self.activities(variant)
        )
        alarms = await self._alarms(policies)
        return VariantScaling(variant, target, policies, schedules, activities, alarms)

    async def target(self, variant: Variant) -> Target | None:
        """The limits, ``None`` for a variant with fixed instances."""
        return await self._schedules.target(variant.scalable)

    async def policies(self, variant: Variant) -> tuple[Policy, ...]:
        """Its scaling policies."""
        return tuple([policy_of(found) async for found in self._pages("scaling_policies", "ScalingPolicies", variant)])

    async def activities(self, variant: Variant) -> tuple[Activity, ...]:
        """What was done and what was not, the newest first, at most 100; AWS keeps six weeks."""
        found = []
        async for record in self._pages(
            "scaling_activities", "ScalingActivities", variant, IncludeNotScaledActivities=True
        ):
            found.append(activity_of(record))
            if len(found) == MOST_ACTIVITIES:
                break
        return tuple(sorted(found, key=lambda activity: activity.started, reverse=True))

    def _pages(self, what: str, key: str, variant: Variant, **more: Any) -> Any:
        doing = f"read the {what.replace('_', ' ')} of {variant.id}"
        return self._session.paginate(
            _SERVICE, f"describe_{what}", key, doing=doing, **variant.scalable.arguments, **more
        )

    async def _alarms(self, policies: tuple[Policy, ...]) -> tuple[Alarm, ...]:
        names = [name for policy in policies if policy.tracks_invocations for name in policy.alarms]
        if not names:
            return ()
        answer = await self._session.call(
            "cloudwatch", "describe_alarms", "read the alarms of the policies", AlarmNames=names
        )
        return tuple(alarm for found in answer.get("MetricAlarms", ()) if (alarm := alarm_of(found)) is not None)

    # Changes

    async def apply(self, variant: Variant, settings: VariantSettings, policy: str = POLICY_NAME) -> None:
        """Set limits and policy in one go: when the policy is refused, the limits are as they were."""
        before = await self.target(variant)
        doing = f"scale {variant.id}"

        async def steps(attempt: Attempt) -> None:
            await attempt.make(
                Part(
                    "scalable target",
                    variant.resource,
                    lambda: self._deregister(variant) if before is None else self._register(variant, before, doing),
                    f"aws application-autoscaling deregister-scalable-target {variant.scalable.words}"
                    if before is None
                    else "",
                    "its limits are the new ones" if before is not None else "",
                ),
                lambda: self._register(variant, Target(settings.minimum, settings.maximum), doing),
                lambda: self._has_limits(variant, settings),
            )

            async def put() -> dict[str, Any]:
                return await self._session.call(
                    _SERVICE,
                    "put_scaling_policy",
                    doing,
                    PolicyName=policy,
                    PolicyType="TargetTrackingScaling",
                    TargetTrackingScalingPolicyConfiguration=policy_arguments(settings),
                    **variant.scalable.arguments,
                )

            # The same policy a second time changes nothing more.
            await surely(put, put)

        await as_one(steps, doing)

    async def _register(self, variant: Variant, limits: Target, doing: str) -> dict[str, Any]:
        return await self._session.call(
            _SERVICE,
            "register_scalable_target",
            doing,
            MinCapacity=limits.minimum,
            MaxCapacity=limits.maximum,
            **variant.scalable.arguments,
        )

    async def _has_limits(self, variant: Variant, settings: VariantSettings) -> Target | None:
        found = await self.target(variant)
        same = found is not None and (found.minimum, found.maximum) == (settings.minimum, settings.maximum)
        return found if same else None

    async def suspend(self, variant: Variant, suspended: Suspended) -> None:
        """Let these kinds of scaling stand still, and the others go on. Raises ``NotFound`` without limits."""
        # Registering what is not there would make it.
        limits = await self.target(variant)
        if limits is None:
            raise NotFound(f"Could not suspend {variant.id}", "It is not scaled: its instances are fixed.")

        async def send() -> dict[str, Any]:
            return await self._session.call(
                _SERVICE,
                "register_scalable_target",
                f"suspend the scaling of {variant.id}" if suspended else f"resume the scaling of {variant.id}",
                SuspendedState=suspended.arguments,
                **variant.scalable.arguments,
            )

        await surely(send, send)

    async def remove(self, variant: Variant) -> None:
        """Scale no more: limits, policies, scheduled actions and alarms go, the instances stay; none is no error."""

        async def there() -> bool:
            return await self.target(variant) is not None

        await surely_gone(lambda: self._deregister(variant), there)

    async def _deregister(self, variant: Variant) -> dict[str, Any]:
        return await self._session.call(
            _SERVICE, "deregister_scalable_target", f"scale {variant.id} no more", **variant.scalable.arguments
        )

    async def delete_policy(self, variant: Variant, name: str) -> None:
        """Delete one policy with its alarms; the limits stay, and none of this name is no error."""

        async def there() -> bool:
            return any(policy.name == name for policy in await self.policies(variant))

        await surely_gone(
            lambda: self._session.call(
                _SERVICE,
                "delete_scaling_policy",
                f"delete the policy {name}",
                PolicyName=name,
                **variant.scalable.arguments,
            ),
            there,
        )

    async def set_capacities(self, endpoint: str, wanted: Sequence[Capacity]) -> None:
        """Have so many instances and such weights; auto scaling, where there is some, goes on from there."""

        async def send() -> dict[str, Any]:
            return await self._session.call(
                "sagemaker",
                "update_endpoint_weights_and_capacities",
                f"change the instances of {endpoint}",
                EndpointName=endpoint,
                DesiredWeightsAndCapacities=[capacity.arguments for capacity in wanted],
            )

        # An endpoint that is changing already refuses the second one: what is wanted then is what is there.
        async def done() -> bool | None:
            found = {now.name: now for now in await self._of_endpoint(endpoint)}
            same = all(capacity.name in found and capacity.is_met_by(found[capacity.name]) for capacity in wanted)
            return True if same else None

        await surely(send, done)
