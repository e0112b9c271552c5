"""Follows endpoints that are coming up, so that their arrival is told whatever tab is shown."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from console.activity.model import ActivityItem
from console.context import AppContext
from console.follow.background import Follower
from workers.endpoints.failures import explain_endpoint
from workers.endpoints.update import EndpointUpdate
from workers.errors.tree import SageDeckError
from workers.parking.types import Parked
from workers.types import Endpoint

if TYPE_CHECKING:
    from workers.services import Services

log = logging.getLogger(__name__)

_WORDS = {"Creating": "coming up", "Updating": "being updated"}


class EndpointFollower(Follower[Endpoint]):
    """Endpoints that are being created or updated; see ``Follower``."""

    kind, tab, noun, icon = "endpoint", "endpoints", "endpoint", "endpoints"
    poll_seconds = 2.0
    # Ten minutes: on AWS an endpoint takes four to six, and the operator waits for it.
    eager_polls = 300

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx)
        self._updates: dict[str, EndpointUpdate] = {}
        self._begun: dict[str, str] = {}
        self._coming: dict[str, Parked] = {}

    def expect(self, update: EndpointUpdate, endpoint: Endpoint) -> None:
        """This update was begun here: how it ended is told by its configuration, and what is left is tidied up."""
        self._updates[update.endpoint_name] = update
        self.follow(replace(endpoint, status="Updating"))

    def bring_back(self, parked: Parked, endpoint: Endpoint) -> None:
        """This one was resumed here: when it is in service, what scales it is brought back as well."""
        self._coming[parked.name] = parked
        # Also one that is there already: there may be more to bring back than it was ready for.
        self.follow(replace(endpoint, status="Creating"))

    def under_way(self, endpoint: Endpoint) -> bool:
        """While it is being created or updated."""
        return endpoint.status in _WORDS

    def verb_for(self, endpoint: Endpoint) -> str:
        """Creating or Updating, as AWS says it."""
        return endpoint.status

    def goes_on(self, endpoint: Endpoint) -> str:
        """It comes up without the window."""
        return f"goes on {_WORDS[self._begun[endpoint.name]]}"

    def begun(self, endpoint: Endpoint) -> None:
        """Open the entry, and remember what was begun."""
        self._begun[endpoint.name] = endpoint.status
        super().begun(endpoint)

    async def read(self, services: Services, name: str) -> Endpoint:
        """One DescribeEndpoint with its configuration."""
        return await services.endpoints.describe(name)

    def show(self, item: ActivityItem, endpoint: Endpoint) -> None:
        """AWS gives no percentage."""
        item.progress(None, "usually 4 to 6 min on AWS, seconds in the sandbox; no percentage is given")

    def gone(self, endpoint: Endpoint) -> None:
        """Somebody deleted it, which is no failure."""
        self._items.pop(endpoint.name).cancelled("deleted")

    async def ended(self, services: Services, endpoint: Endpoint) -> None:
        """Say how it ended; an update that succeeded is tidied up after, a resumption brings back the rest."""
        parked = self._coming.pop(endpoint.name, None)
        if parked is not None:
            await self._finish(services, parked)
            return
        await super().ended(services, endpoint)
        update = self._updates.pop(endpoint.name, None)
        if update is not None and endpoint.status == "InService":
            try:
                await services.endpoints.tidy(update)
            except SageDeckError as error:
                log.info("what the update of %s left could not be tidied up: %s", endpoint.name, error)

    async def _finish(self, services: Services, parked: Parked) -> None:
        name = parked.name
        item = self._items.pop(name)
        self._begun.pop(name)
        item.progress(None, "in service; its scaling and alarms are brought back")
        try:
            done = await services.parking.finish(parked)
            while not done:
                await asyncio.sleep(self.poll_seconds)
                done = await services.parking.finish(parked)
        except asyncio.CancelledError:
            item.cancelled("in service; resume it again to bring back its scaling")
            raise
        except SageDeckError as error:
            item.fail(error)
            self._ctx.notify.error(error, action=self.shown(name))
        else:
            item.done("back as it was")
            test = ("Test…", lambda: self._ctx.navigate("predict", {"endpoint": name}))
            self._ctx.notify.success(f"{name} is back as it was", "", action=test, about=("endpoint", name))

    def tell_end(self, item: ActivityItem, endpoint: Endpoint) -> None:
        """In service, updated, or why not."""
        name, reason = endpoint.name, explain_endpoint(endpoint.failure_reason).summary
        if self._begun.pop(name) == "Updating":
            self._tell_update(item, endpoint, reason)
        elif endpoint.status == "InService":
            item.done("in service")
            test = ("Test…", lambda: self._ctx.navigate("predict", {"endpoint": name}))
            self._ctx.notify.success(f"{name} is in service", "", action=test, about=("endpoint", name))
        else:
            item.fail(reason)
            self._ctx.notify.error(f"{name} did not come up", reason, action=self.shown(name))

    def _tell_update(self, item: ActivityItem, endpoint: Endpoint, reason: str) -> None:
        name = endpoint.name
        update = self._updates.get(name)
        reached = endpoint.config_name == update.config_name if update is not None else not endpoint.failure_reason
        if endpoint.status == "InService" and reached:
            size = f"{endpoint.instance_count or endpoint.desired_count} × {endpoint.instance_type}"
            item.done(f"in service with {size}")
            model = f"It answers with the model of {endpoint.job_name} now" if update and update.models else ""
            words = f"{model}, with {size}." if model and endpoint.job_name else f"It has {size} now."
            self._ctx.notify.success(f"{name} is updated", words)
        else:
            item.fail(reason)
            kept = "All is as it was before." if endpoint.status == "InService" else f"It is {endpoint.status}."
            self._ctx.notify.error(f"{name} was not updated", f"{reason} {kept}", action=self.shown(name))
