"""Doing what a finding offers: park, stop, delete, release, set retention. Nothing that changed since is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from workers.aws.creating import surely_gone
from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, InvalidInput, NotFound, SageDeckError
from workers.inventory.rules import value_problem
from workers.inventory.types import IdleFinding, IdleRule
from workers.parking.service import Parking
from workers.parking.types import Parked


class ParkedList(Protocol):
    """Finds what is remembered of an endpoint."""

    def parked(self, identity: str) -> Parked:
        """The memory behind a row. Raises ``NotFound``."""


class Settling:
    """Carries out findings on one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, parking: Parking, parked: ParkedList) -> None:
        self._session, self._parking, self._parked = session, parking, parked

    async def carry_out(self, finding: IdleFinding, rule: IdleRule) -> str:
        """Do it and say what was done."""
        row = finding.resource
        name, identity = row.name, row.id
        call = self._session.call
        if row.kind == "endpoint":
            parked = await self._parking.park(await self._parking.plan(name))
            return f"{parked.name} is parked: it is being deleted, and comes back as it was."
        if row.kind == "parked-endpoint":
            memory = self._parked.parked(identity)
            await self._parking.forget(memory, await self._parking.forget_plan(memory))
            return f"What was remembered of {name} is deleted."
        if row.kind == "instance":
            await call("ec2", "stop_instances", f"stop the instance {name}", InstanceIds=[identity])
            return f"{name} is being stopped; its disk stays."
        if row.kind == "notebook":
            await call("sagemaker", "stop_notebook_instance", f"stop the notebook {name}", NotebookInstanceName=name)
            return f"{name} is being stopped; its volume stays."
        if row.kind == "volume":
            await self._gone("delete_volume", f"delete the volume {name}", "describe_volumes", "VolumeId", identity)
            return f"The volume {name} is deleted."
        if row.kind == "address":
            await call("ec2", "release_address", f"release the address {name}", **address_of(identity))
            return f"The address {row.size} is given back."
        if row.kind == "log-group":
            days = int(rule.value)
            if (problem := value_problem(rule, rule.value)) is not None:
                raise InvalidInput("The retention was not set", problem)
            await call(
                "logs", "put_retention_policy", f"set the retention of {name}", logGroupName=name, retentionInDays=days
            )
            return f"{name} keeps its lines for {days} days."
        raise Conflict("Nothing to do", f"There is nothing to be done about {name}.")

    async def _gone(self, operation: str, doing: str, look: str, parameter: str, identity: str) -> None:
        async def there() -> bool:
            try:
                await self._session.call("ec2", look, doing, **{f"{parameter}s": [identity]})
            except NotFound:
                return False
            return True

        await surely_gone(lambda: self._session.call("ec2", operation, doing, **{parameter: identity}), there)


def address_of(identity: str) -> Mapping[str, Any]:
    """How EC2 names an elastic address: by its allocation, an old one by the number itself."""
    return {"AllocationId": identity} if identity.startswith("eipalloc-") else {"PublicIp": identity}


def changed(name: str) -> SageDeckError:
    """It is not what was shown any more."""
    return Conflict(
        f"{name} is not idle any more",
        f"{name} was used, changed or deleted since it was shown. Nothing was done.",
        "Refresh, and look again.",
        code="NotIdle",
    )
