"""Bringing parked endpoints back, and forgetting them: the memory is deleted when all is as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from workers.aws.creating import ATTEMPT_TAG, Attempt, Part, as_one, surely, tagged
from workers.aws.session import AwsSession
from workers.endpoints.deletion import CONFIG, FUNCTION, MODEL
from workers.endpoints.service import Endpoints
from workers.errors.tree import Conflict, NotFound, SageDeckError
from workers.parking.account import Remembered, models_of, pairs
from workers.parking.memory import Memory, token_key
from workers.parking.park import MEMORY
from workers.parking.scaling import KeptScaling
from workers.parking.types import Parked, ParkedState
from workers.types import DeletionPlan, DeletionResult, Endpoint


class Resume:
    """Brings endpoints of one account back. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, endpoints: Endpoints, account: Remembered) -> None:
        self._session, self._endpoints, self._account = session, endpoints, account
        self._scaling = KeptScaling(session)

    async def resume(self, parked: Parked) -> str:
        """Make the endpoint again from its configuration; it is Creating on return, and ``finish`` does the rest.

        Raises ``Conflict`` when another endpoint has its name, ``NotFound`` when the configuration or a model is gone,
        ``Unreadable`` for a memory that this program does not understand. Nothing is made then.
        """
        memory, token = await self._account.memory(parked)
        name, doing = parked.name, f"bring {parked.name} back"
        endpoint = await self._account.present(name)
        if endpoint is not None:
            state = await self._account.state(memory, endpoint, token)
            if state in ("interrupted", "resuming"):
                return name
            raise _in_the_way(name, state)
        await self._account.configuration(memory.config, name, back=True)
        await self._account.check_models(memory)

        async def steps(attempt: Attempt) -> str:
            mark = {token_key(name): attempt.token}
            await self._account.tag(parked.config_arn, mark, doing)
            tags = {**memory.tags, ATTEMPT_TAG: attempt.token}
            await attempt.make(
                Part(
                    "endpoint",
                    name,
                    lambda: self._account.call("delete_endpoint", doing, EndpointName=name),
                    f"aws sagemaker delete-endpoint --endpoint-name {name}",
                    "goes on billing",
                    needs=True,
                ),
                lambda: self._account.call(
                    "create_endpoint", doing, EndpointName=name, EndpointConfigName=memory.config, Tags=pairs(tags)
                ),
                lambda: tagged(self._session, "describe_endpoint", attempt, doing, EndpointName=name),
            )
            return name

        return await as_one(steps, doing)

    async def finish(self, parked: Parked) -> bool:
        """Bring back weights, counts, scaling and alarms, then delete the memory. False: the endpoint is not ready yet.

        Can be asked for again whenever it was interrupted. Raises ``SageDeckError``; the memory stays then.
        """
        memory, token = await self._account.memory(parked)
        name, doing = parked.name, f"bring {parked.name} back"
        endpoint = await self._account.present(name)
        if endpoint is None:
            raise NotFound(f"{name} is not there", "It is still remembered.", "Resume it again.")
        state = await self._account.state(memory, endpoint, token)
        if state not in ("interrupted", "resuming"):
            raise _in_the_way(name, state)
        if endpoint.status in ("Creating", "Updating", "SystemUpdating", "RollingBack"):
            return False
        if endpoint.status != "InService":
            raise Conflict(
                f"{name} did not come back",
                f"It is {endpoint.status}: {endpoint.failure_reason or 'no reason was given'}. It is still remembered.",
                "Delete the endpoint that failed, then resume it again.",
            )
        if not await self._weights_are_back(memory, doing):
            return False
        for target in memory.targets:
            await self._scaling.restore(target, memory)
        for alarm in memory.alarms:
            await self._scaling.restore_alarm(alarm)
        await self._scaling.follow_policies(memory)
        if lacks := await self._scaling.missing(memory):
            raise SageDeckError(
                f"{name} answers, but is not all as it was",
                f"Not as remembered: {', '.join(lacks)}. The memory is kept.",
                "Finish it again, or forget the memory.",
                code="NotRestored",
            )
        await self._account.forget_tags(parked.config_arn, name)
        if ATTEMPT_TAG not in memory.tags and state == "resuming":
            await self._account.untag(endpoint.arn, [ATTEMPT_TAG], doing)
        return True

    async def _weights_are_back(self, memory: Memory, doing: str) -> bool:
        wanted = await self._weights_wanted(memory, doing)

        async def set_already() -> bool | None:
            return None if await self._weights_wanted(memory, doing) else True

        if wanted:
            await surely(
                lambda: self._account.call(
                    "update_endpoint_weights_and_capacities",
                    doing,
                    EndpointName=memory.endpoint,
                    DesiredWeightsAndCapacities=wanted,
                ),
                set_already,
            )
        return not wanted

    async def _weights_wanted(self, memory: Memory, doing: str) -> list[dict[str, Any]]:
        """What is to be changed about the variants; empty: they are as remembered."""
        found = await self._account.call("describe_endpoint", doing, EndpointName=memory.endpoint)
        present = {entry["VariantName"]: entry for entry in found.get("ProductionVariants", ())}
        wanted = []
        for kept in memory.variants:
            variant, change = present.get(kept.name, {}), dict[str, Any]()
            if kept.weight is not None and variant.get("DesiredWeight", kept.weight) != kept.weight:
                change["DesiredWeight"] = kept.weight
            if kept.count is not None and variant.get("DesiredInstanceCount", kept.count) != kept.count:
                change["DesiredInstanceCount"] = kept.count
            if change:
                wanted.append({"VariantName": kept.name, **change})
        return wanted

    # Forgetting

    async def forget_plan(self, parked: Parked) -> DeletionPlan:
        """What forgetting deletes: the memory alone where an endpoint is there, else configuration and models too."""
        memory = (MEMORY, f"of {parked.name}", "it cannot be brought back any more")
        if parked.state != "parked":
            return DeletionPlan(parked.name, (memory,), (), (), None)
        found = await self._account.configuration(parked.config, parked.name, back=True)
        stub = Endpoint(
            parked.name,
            "Parked",
            parked.memory.created_at if parked.memory is not None else datetime.now(UTC),
            arn=f"{parked.config_arn.split(':endpoint-config/')[0]}:endpoint/{parked.name.lower()}",
            config_name=parked.config,
            model_names=models_of(found),
        )  # fmt: skip
        plan = await self._endpoints.forget_plan(stub)
        parts = tuple(part for part in plan.also_deleted if part[0] in (CONFIG, MODEL))
        stops = tuple(entry for entry in plan.stops_working if entry[0] == FUNCTION)
        return DeletionPlan(parked.name, (memory, *parts), plan.kept, stops, None)

    async def forget(self, parked: Parked, plan: DeletionPlan) -> DeletionResult:
        """Carry out the plan: the memory goes first, so that nothing half deleted can be brought back."""
        await self._account.forget_tags(parked.config_arn, parked.name)
        parts = [part for part in plan.also_deleted if part[0] in (CONFIG, MODEL)]
        done = await self._endpoints.delete_parts([(kind, name) for kind, name, _ in parts])
        return DeletionResult(((MEMORY, f"of {parked.name}"), *done.deleted), done.gone, done.failed)


def _in_the_way(name: str, state: ParkedState) -> SageDeckError:
    if state == "deleting":
        return Conflict(f"{name} is still being deleted", "AWS gives its name free when it is gone.", "Try again soon.")
    return Conflict(
        f"{name} cannot come back",
        "Another endpoint has its name, which was made or changed since it was parked. Nothing was changed.",
        "Delete that one, or forget the parked one.",
    )
