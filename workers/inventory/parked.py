"""Endpoints that are parked, as rows: they cost nothing, and their configuration and model wait."""

from __future__ import annotations

from workers.aws.session import AwsSession
from workers.endpoints.service import Endpoints
from workers.errors.tree import NotFound
from workers.inventory.asking import Asking
from workers.inventory.rates import Rates
from workers.inventory.reader import Reader, made
from workers.inventory.types import Resource
from workers.parking.service import Parking
from workers.parking.types import Parked


class ParkedRows:
    """Lists them, and finds what is remembered behind a row."""

    def __init__(self, session: AwsSession, endpoints: Endpoints, parking: Parking) -> None:
        self._session, self._endpoints, self._parking = session, endpoints, parking
        self._found: dict[str, Parked] = {}

    @property
    def reader(self) -> Reader:
        """How this kind is read."""
        return Reader("parked-endpoint", self._listed)

    def parked(self, identity: str) -> Parked:
        """The memory behind a row. Raises ``NotFound``."""
        try:
            return self._found[identity]
        except KeyError:
            raise NotFound("It is not parked any more", "Nothing is remembered of it.", "Refresh the list.") from None

    async def _listed(self, ask: Asking, rates: Rates) -> list[Resource]:
        parked = await self._parking.list(await self._endpoints.list(details=False))
        self._found = {f"{variant.config_arn} {variant.name}": variant for variant in parked}
        return [
            made(
                "parked-endpoint",
                identity,
                variant.name,
                variant.state,
                size=variant.instances,
                created=variant.memory.parked_at if variant.memory else None,
                ours=True,
                dollars_per_hour=0.0,
                parts=(("endpoint-config", variant.config_arn),),
                facts={"models": ",".join(variant.memory.models) if variant.memory else "", "config": variant.config},
            )
            for identity, variant in self._found.items()
        ]
