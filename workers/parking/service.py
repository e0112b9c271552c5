"""Parking: an endpoint that costs nothing while it is not wanted, and comes back as it was.

The memory is written and read back before anything is deleted, and deleted last when all is back; so whatever
interrupts in between, the next look at the account shows where it stands and can go on (``Parked.state``).
"""

from __future__ import annotations

from collections.abc import Iterable

from workers.aws.session import AwsSession
from workers.endpoints.service import Endpoints
from workers.parking.account import Remembered
from workers.parking.park import Park
from workers.parking.resume import Resume
from workers.parking.types import Parked, ParkPlan
from workers.types import DeletionPlan, DeletionResult, Endpoint


class Parking:
    """Parks and resumes the endpoints of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, endpoints: Endpoints) -> None:
        self._account = Remembered(session, endpoints)
        self._park = Park(session, endpoints, self._account)
        self._resume = Resume(session, endpoints, self._account)

    async def list(self, endpoints: Iterable[Endpoint]) -> tuple[Parked, ...]:
        """All that is remembered, by name; ``endpoints`` are those that there are. Needs ``tag:GetResources``."""
        return await self._account.all(endpoints)

    async def plan(self, name: str) -> ParkPlan:
        """What parking this endpoint would do. Raises ``InvalidInput`` for one that could not come back."""
        return await self._park.plan(name)

    async def park(self, plan: ParkPlan) -> Parked:
        """Remember the endpoint, then delete it; it is Deleting on return. Raises ``Conflict`` if it has changed."""
        return await self._park.park(plan)

    async def resume(self, parked: Parked) -> str:
        """Make the endpoint again; it is Creating on return, and ``finish`` brings its scaling back."""
        return await self._resume.resume(parked)

    async def finish(self, parked: Parked) -> bool:
        """Bring back what scales it, then delete the memory; False while the endpoint is not ready yet."""
        return await self._resume.finish(parked)

    async def forget_plan(self, parked: Parked) -> DeletionPlan:
        """What forgetting deletes and what it leaves."""
        return await self._resume.forget_plan(parked)

    async def forget(self, parked: Parked, plan: DeletionPlan) -> DeletionResult:
        """Carry out such a plan."""
        return await self._resume.forget(parked, plan)
