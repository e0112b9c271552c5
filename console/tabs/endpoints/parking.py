"""Parked endpoints in the Endpoints tab: which rows they are, and what their buttons do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from console.context import AppContext
from console.tabs.endpoints.follow import EndpointFollower
from console.tabs.endpoints.parking_commands import ForgetParked, ParkEndpoint, ResumeEndpoint
from console.tabs.endpoints.rows import PARKED, Row
from workers.errors.tree import NotFound, SageDeckError
from workers.parking.types import Parked
from workers.types import Endpoint, Fleet

if TYPE_CHECKING:
    from workers.services import Services

_NEVER = datetime.fromtimestamp(0, UTC)
# Banner of an endpoint that something is remembered of: title, sentence, and what its button says.
_NOTICES = {
    "interrupted": (
        "Parking it stopped half-way",
        "It still answers and bills; what scaled it may be gone already. Park it again to go on.",
        "Undo",
    ),
    "resuming": ("It is coming back", "It answers, but its scaling and alarms are not there yet.", "Go on"),
    "changed": (
        "One of its name is parked",
        "This one was made or changed after the other was parked.",
        "Forget…",
    ),
}


class ParkingActions:
    """Reads, parks, resumes and forgets. ``changed`` is called when the list is to be read again."""

    def __init__(self, ctx: AppContext, follower: EndpointFollower, changed: Callable[[], None]) -> None:
        self._ctx, self._follower, self._changed = ctx, follower, changed
        # Why it is not known which endpoints are parked; None when it is.
        self.error: SageDeckError | None = None
        self._known: tuple[Parked, ...] = ()

    def forget_account(self) -> None:
        """Another account is in force."""
        self.error, self._known = None, ()

    async def read(self, services: Services, endpoints: Iterable[Endpoint]) -> dict[str, Parked]:
        """What is remembered, by name; where it cannot be asked, what was known before, and ``error`` says why."""
        try:
            self._known, self.error = await services.parking.list(endpoints), None
        except SageDeckError as error:
            self.error = error
        return {parked.name: parked for parked in self._known}

    def row(self, services: Services, parked: Parked) -> Row:
        """The row of one that has no endpoint now."""
        memory = parked.memory
        first = next((kept for kept in memory.variants if kept.count is not None), None) if memory is not None else None
        endpoint = Endpoint(
            parked.name,
            PARKED.word,
            memory.created_at if memory is not None else _NEVER,
            config_name=parked.config,
            model_names=memory.models if memory is not None else (),
            instance_type=first.instance_type if first is not None else "",
            job_name=memory.job if memory is not None else "",
        )
        return Row(endpoint, 0.0, None, True, parked, self._per_hour(services, parked))

    @staticmethod
    def _per_hour(services: Services, parked: Parked) -> float | None:
        if parked.memory is None:
            return None
        fleets = [Fleet(kept.instance_type, kept.count, kept.count) for kept in parked.memory.variants if kept.count]
        prices = [services.prices.per_hour(fleet.instance_type, "hosting", services.region) for fleet in fleets]
        if None in prices:
            return None
        return sum((price or 0.0) * fleet.current for price, fleet in zip(prices, fleets, strict=True))

    def notice(self, parked: Parked) -> tuple[str, str, tuple[str, Callable[[], object]]] | None:
        """Title, sentence and button for an endpoint that is there and remembered; None: there is nothing to say."""
        words = _NOTICES.get(parked.state)
        if words is None:
            return None
        act = self.forget if parked.state == "changed" else self.resume
        return words[0], words[1], (words[2], lambda: act(parked))

    # Actions

    def park(self, row: Row) -> None:
        """Ask what parking takes along, then park."""
        self._with_services(self._park, row, label=f"Park {row.name}")

    async def _park(self, services: Services, row: Row) -> None:
        try:
            plan = await services.parking.plan(row.name)
        except NotFound as error:
            # Gone itself, or without what it could come back from.
            self._ctx.notify.error(error)
            self._changed()
            return
        await self._ctx.run(ParkEndpoint(plan, row.use))
        self._changed()

    def resume(self, parked: Parked) -> None:
        """Bring it back, or go on with that."""
        self._with_services(self._resume, parked, label=f"Resume {parked.name}")

    async def _resume(self, services: Services, parked: Parked) -> None:
        outcome = await self._ctx.run(ResumeEndpoint(parked, self._per_hour(services, parked)))
        if outcome and outcome.value:
            self._ctx.notify.success(f"{parked.name} is back as it was")
        elif outcome:
            try:
                self._follower.bring_back(parked, await services.endpoints.describe(parked.name))
            except NotFound:
                self._ctx.notify.info(f"{parked.name} is gone again")
        self._changed()

    def forget(self, parked: Parked) -> None:
        """Ask what goes for good, then forget it."""
        self._with_services(self._forget, parked, label=f"Forget {parked.name}")

    async def _forget(self, services: Services, parked: Parked) -> None:
        try:
            plan = await services.parking.forget_plan(parked)
        except NotFound as error:
            self._ctx.notify.error(error)
            self._changed()
            return
        await self._ctx.run(ForgetParked(parked, plan))
        self._changed()

    def _with_services(self, work: Any, thing: Row | Parked, *, label: str) -> None:
        self._ctx.with_services(work, thing, label=label, key="endpoints:parking")
