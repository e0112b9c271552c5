"""Parking: the memory is written and read back before anything is deleted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workers.aws.creating import Attempt, Part, as_one
from workers.aws.session import AwsSession
from workers.endpoints.deletion import ALARM, CONFIG, MODEL, TARGET
from workers.endpoints.service import Endpoints
from workers.errors.tree import Conflict, NotFound, Unreachable
from workers.parking.account import Remembered, cannot, config_arn, models_of, pairs
from workers.parking.memory import Kept, Memory, Unreadable, data_keys, milliseconds, pack, unpack
from workers.parking.preflight import refused
from workers.parking.scaling import KeptScaling, is_ours, which
from workers.parking.types import Parked, ParkPlan
from workers.types import Endpoint

MEMORY = "memory"


class Park:
    """Parks endpoints of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, endpoints: Endpoints, account: Remembered) -> None:
        self._session, self._endpoints, self._account = session, endpoints, account
        self._scaling = KeptScaling(session)

    async def plan(self, name: str) -> ParkPlan:
        """What parking this endpoint would do. Raises ``InvalidInput`` for one that could not come back."""
        endpoint = await self._endpoints.describe(name)
        memory = await self._remember(endpoint)
        pack(memory, await self._account.tags(config_arn(endpoint)))
        deletion, missing = await asyncio.gather(
            self._endpoints.deletion_plan(name), refused(self._session, memory, endpoint.arn)
        )
        goes = [(TARGET, entry["ResourceId"], "remembered") for entry in memory.targets]
        goes += [("policy", entry["PolicyName"], "remembered") for entry in memory.policies]
        goes += [("schedule", entry["ScheduledActionName"], "remembered") for entry in memory.schedules]
        goes += [(ALARM, entry["AlarmName"], "remembered") for entry in memory.alarms]
        kept = [(CONFIG, memory.config, "the memory is in its tags"), *((MODEL, entry, "") for entry in memory.models)]
        ours = {entry["AlarmName"] for entry in memory.alarms}
        stops = [entry for entry in deletion.stops_working if not (entry[0] == ALARM and entry[1] in ours)]
        return ParkPlan(endpoint, memory, tuple(goes), tuple(kept), tuple(stops), deletion.saves_per_hour, missing)

    async def park(self, plan: ParkPlan) -> Parked:
        """Write the memory, make sure of it, then delete the endpoint and what scales it; it is Deleting on return.

        Raises ``Conflict`` when the endpoint is not as the plan says. When a step fails, what was taken away is made
        again and the memory deleted; where it is not known whether the endpoint goes, the memory stays.
        """
        endpoint = await self._endpoints.describe(plan.endpoint.name)
        memory = await self._remember(endpoint)
        if not memory.same_as(plan.memory):
            raise Conflict(
                f"{endpoint.name} was not parked",
                "The endpoint, its scaling or its tags have changed since you were asked.",
                "Look at it again, and park it then.",
            )
        await as_one(lambda attempt: self._park(endpoint, memory, attempt), f"park {endpoint.name}")
        return Parked(endpoint.name, memory.config, config_arn(endpoint), "deleting", memory)

    async def _park(self, endpoint: Endpoint, memory: Memory, attempt: Attempt) -> None:
        name, arn, doing = endpoint.name, config_arn(endpoint), f"park {endpoint.name}"
        before = await self._account.tags(arn)
        wanted = pack(memory, before)
        self._account.written[arn] = None
        await attempt.make(
            Part(
                MEMORY,
                f"of {name}",
                lambda: self._account.forget_tags(arn, name),
                note="brings it back",
            ),
            lambda: self._account.call("add_tags", doing, ResourceArn=arn, Tags=pairs(wanted)),
            lambda: self._remembered(arn, memory),
        )
        if await self._remembered(arn, memory) is None:
            raise Unreachable(
                f"{name} was not parked",
                "What was written of it did not come back the same, so nothing was deleted.",
                "Try again.",
                code="MemoryNotVerified",
            )
        # Only now: what an earlier attempt remembered must not be lost before this is written.
        if stale := [key for key in data_keys(name, before) if key not in wanted]:
            await self._account.untag(arn, stale, doing)
        for target in memory.targets:
            await attempt.make(
                Part("scaling", f"of {target['ResourceId']}",
                     lambda target=target: self._scaling.restore(target, memory),  # type: ignore[misc]
                     note="is not there any more; it is remembered", needs=True),
                lambda target=target: self._scaling.deregister(target),  # type: ignore[misc]
                lambda target=target: self._is_without(target),  # type: ignore[misc]
            )  # fmt: skip
        for alarm in memory.alarms:
            await attempt.make(
                Part(ALARM, alarm["AlarmName"], lambda alarm=alarm: self._scaling.restore_alarm(alarm),  # type: ignore[misc]
                     note="is not there any more; it is remembered", needs=True),
                lambda alarm=alarm: self._delete_alarm(alarm["AlarmName"]),  # type: ignore[misc]
                self._yes,
            )  # fmt: skip
        await attempt.make(
            Part("deletion", f"of {name}", None, note="it may still come", needs=True),
            lambda: self._delete_endpoint(name, doing),
            lambda: self._is_going(name, doing),
        )

    async def _remember(self, endpoint: Endpoint) -> Memory:
        name = endpoint.name
        if endpoint.status != "InService":
            raise cannot(name, f"It is {endpoint.status}; only an endpoint that is InService is parked.")
        found = await self._account.call("describe_endpoint", f"read {name}", EndpointName=name)
        config = await self._account.configuration(endpoint.config_name, name)
        given = config["ProductionVariants"]
        if any("ModelName" not in variant for variant in given):
            raise cannot(name, "It hosts inference components, which would be lost with it.")
        types = {variant["VariantName"]: variant.get("InstanceType", "") for variant in given}
        variants = tuple(
            Kept(
                entry["VariantName"],
                types.get(entry["VariantName"], ""),
                entry.get("DesiredInstanceCount") if types.get(entry["VariantName"]) else None,
                entry.get("DesiredWeight", entry.get("CurrentWeight")),
            )
            for entry in found.get("ProductionVariants", ())
        )  # fmt: skip
        targets, alarms, tags = await asyncio.gather(
            self._scaling.targets(name), self._scaling.alarms(name), self._account.tags(endpoint.arn)
        )
        policies, schedules = await asyncio.gather(self._scaling.policies(targets), self._scaling.schedules(targets))
        memory = Memory(
            name,
            endpoint.config_name,
            milliseconds(endpoint.created),
            milliseconds(datetime.now(UTC)),
            variants,
            models_of(config),
            endpoint.job_name,
            {key: value for key, value in tags.items() if not key.lower().startswith("aws:")},
            tuple(targets),
            tuple(policies),
            tuple(schedules),
            tuple(alarm for alarm in alarms if is_ours(alarm)),
        )
        await self._account.check_models(memory)
        return await self._with_interrupted(endpoint, memory)

    async def _with_interrupted(self, endpoint: Endpoint, memory: Memory) -> Memory:
        """The same with what an earlier attempt has taken away already, if that was interrupted."""
        try:
            before = unpack(endpoint.name, await self._account.tags(config_arn(endpoint)))
        except Unreadable as error:
            if error.code == "NewerMemory":
                raise
            return memory
        if before.created != memory.created:
            return memory
        scaled = [which(entry) for entry in memory.targets]
        lost = tuple(entry for entry in before.targets if which(entry) not in scaled)
        of_lost = [which(entry) for entry in lost]
        alarms = {entry["AlarmName"] for entry in memory.alarms}
        return replace(
            memory,
            targets=memory.targets + lost,
            policies=memory.policies + tuple(entry for entry in before.policies if which(entry) in of_lost),
            schedules=memory.schedules + tuple(entry for entry in before.schedules if which(entry) in of_lost),
            alarms=memory.alarms + tuple(entry for entry in before.alarms if entry["AlarmName"] not in alarms),
        )

    async def _remembered(self, arn: str, memory: Memory) -> Memory | None:
        try:
            found = unpack(memory.endpoint, await self._account.tags(arn))
        except Unreadable:
            return None
        return found if found == memory else None

    async def _is_without(self, target: dict[str, Any]) -> bool | None:
        return None if await self._scaling.is_target(target) else True

    @staticmethod
    async def _yes() -> bool:
        return True

    async def _delete_alarm(self, name: str) -> None:
        try:
            await self._session.call("cloudwatch", "delete_alarms", f"delete the alarm {name}", AlarmNames=[name])
        except NotFound:
            return

    async def _delete_endpoint(self, name: str, doing: str) -> None:
        try:
            await self._account.call("delete_endpoint", doing, EndpointName=name)
        except NotFound:
            return

    async def _is_going(self, name: str, doing: str) -> bool:
        """Whether it is gone or goes; raises where a deletion may still come, so that the memory is kept."""
        try:
            found = await self._account.call("describe_endpoint", doing, EndpointName=name)
        except NotFound:
            return True
        if found["EndpointStatus"] == "Deleting":
            return True
        raise Unreachable("No answer in time", f"It is not known whether {name} will be deleted.", code="Timeout")
