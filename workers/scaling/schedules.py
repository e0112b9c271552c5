"""Scheduled actions: at their times the limits of a variant, or of provisioned concurrency, become others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.aws.creating import Attempt, Part, as_one, surely, surely_gone
from workers.aws.session import AwsSession
from workers.scaling.reading import schedule_of, target_of
from workers.scaling.types import FUNCTION_DIMENSION, Scalable, Schedule, Target

_SERVICE = "application-autoscaling"


def action_arguments(scalable: Scalable, action: Schedule) -> dict[str, Any]:
    """The parameters of PutScheduledAction."""
    limits = {"MinCapacity": action.minimum, "MaxCapacity": action.maximum}
    bounds = {"StartTime": action.start, "EndTime": action.end}
    return {
        "ScheduledActionName": action.name,
        "Schedule": action.expression,
        "Timezone": action.timezone,
        "ScalableTargetAction": {key: value for key, value in limits.items() if value is not None},
        # AWS deletes those of an action that is changed without them.
        **{key: value for key, value in bounds.items() if value is not None},
        **scalable.arguments,
    }


class Schedules:
    """The scheduled actions of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def of(self, scalable: Scalable) -> tuple[Schedule, ...]:
        """Those of one variant, or of one version or alias."""
        return await self._read(f"read the schedule of {scalable.id}", scalable.arguments)

    async def of_function(self, name: str) -> tuple[Schedule, ...]:
        """Those of all versions and aliases of a function."""
        asked = {"ServiceNamespace": "lambda", "ScalableDimension": FUNCTION_DIMENSION}
        found = await self._read(f"read the schedule of {name}", asked)
        return tuple(action for action in found if action.resource.startswith(f"function:{name}:"))

    async def _read(self, doing: str, asked: Mapping[str, str]) -> tuple[Schedule, ...]:
        pages = self._session.paginate(_SERVICE, "describe_scheduled_actions", "ScheduledActions", doing=doing, **asked)
        return tuple([schedule_of(found) async for found in pages])

    async def target(self, scalable: Scalable) -> Target | None:
        """The limits, ``None`` for what is not scaled."""
        answer = await self._session.call(
            _SERVICE,
            "describe_scalable_targets",
            f"read the limits of {scalable.id}",
            ServiceNamespace=scalable.namespace,
            ResourceIds=[scalable.resource],
            ScalableDimension=scalable.dimension,
        )
        found = answer.get("ScalableTargets", ())
        return target_of(found[0]) if found else None

    async def put(self, scalable: Scalable, action: Schedule, limits: Target | None = None) -> None:
        """Make or change a scheduled action.

        ``limits``: what it is registered with first where it is not scaled yet; taken back when the action is refused.
        """
        doing = f"schedule {action.name}"

        async def put() -> dict[str, Any]:
            return await self._session.call(
                _SERVICE, "put_scheduled_action", doing, **action_arguments(scalable, action)
            )

        async def steps(attempt: Attempt) -> None:
            if limits is not None and await self.target(scalable) is None:
                await attempt.make(
                    Part(
                        "scalable target",
                        scalable.resource,
                        lambda: self._deregister(scalable),
                        f"aws application-autoscaling deregister-scalable-target {scalable.words}",
                    ),
                    lambda: self._register(scalable, limits, doing),
                    lambda: self.target(scalable),
                )
            # The same action a second time changes nothing more.
            await surely(put, put)

        await as_one(steps, doing)

    async def delete(self, scalable: Scalable, name: str, *, tidy: bool = False) -> None:
        """Delete a scheduled action. Raises nothing where there is none of this name.

        ``tidy``: if no schedule and no policy is left, end the scaling as well; the present capacity stays.
        """

        async def there() -> bool:
            return any(action.name == name for action in await self.of(scalable))

        await surely_gone(
            lambda: self._session.call(
                _SERVICE,
                "delete_scheduled_action",
                f"delete the schedule {name}",
                ScheduledActionName=name,
                **scalable.arguments,
            ),
            there,
        )
        if tidy and not await self.of(scalable) and not await self._has_policies(scalable):

            async def registered() -> bool:
                return await self.target(scalable) is not None

            await surely_gone(lambda: self._deregister(scalable), registered)

    async def _has_policies(self, scalable: Scalable) -> bool:
        answer = await self._session.call(
            _SERVICE, "describe_scaling_policies", f"read the policies of {scalable.id}", **scalable.arguments
        )
        return bool(answer.get("ScalingPolicies"))

    async def _register(self, scalable: Scalable, limits: Target, doing: str) -> dict[str, Any]:
        suspended = {"SuspendedState": limits.suspended.arguments} if limits.suspended else {}
        return await self._session.call(
            _SERVICE,
            "register_scalable_target",
            doing,
            MinCapacity=limits.minimum,
            MaxCapacity=limits.maximum,
            **suspended,
            **scalable.arguments,
        )

    async def _deregister(self, scalable: Scalable) -> dict[str, Any]:
        return await self._session.call(
            _SERVICE, "deregister_scalable_target", f"scale {scalable.id} no more", **scalable.arguments
        )
