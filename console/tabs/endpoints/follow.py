"""Follows endpoints that are coming up, so that their arrival is told whatever tab is shown."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from console.activity.model import ActivityItem
from console.context import AppContext
from workers.endpoints.failures import explain_endpoint
from workers.endpoints.update import EndpointUpdate
from workers.errors.tree import NotFound, SageDeckError
from workers.types import Endpoint

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0


_WORDS = {"Creating": "coming up", "Updating": "being updated"}


class EndpointFollower:
    """One activity entry for each endpoint that is being created or updated."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._followed: set[str] = set()
        self._updates: dict[str, EndpointUpdate] = {}

    def expect(self, update: EndpointUpdate, endpoint: Endpoint) -> None:
        """This update was begun here: how it ended is told by its configuration, and what is left is tidied up."""
        self._updates[update.endpoint_name] = update
        self.follow(replace(endpoint, status="Updating"))

    def follow(self, endpoint: Endpoint) -> None:
        """Follow an endpoint that is being created or updated, once."""
        name = endpoint.name
        if endpoint.status in _WORDS and name not in self._followed:
            self._followed.add(name)
            task = self._ctx.tasks.start(self._follow(endpoint), label=f"Follow {name}", key=f"endpoints:new:{name}")
            task.add_done_callback(lambda _: self._followed.discard(name))

    async def _follow(self, endpoint: Endpoint) -> None:
        name, begun = endpoint.name, endpoint.status
        going_on = f"the endpoint goes on {_WORDS[begun]}"
        item = self._ctx.activity.begin(f"{begun} {name}", "endpoints")
        item.progress(None, "usually 4 to 6 min on AWS, seconds in the sandbox; no percentage is given")
        try:
            while endpoint.status == begun:
                await asyncio.sleep(POLL_SECONDS)
                services = self._ctx.services
                if services is None:
                    item.cancelled(f"disconnected; {going_on}")
                    return
                try:
                    endpoint = await services.endpoints.describe(name)
                except NotFound:
                    item.cancelled("deleted")
                    return
                except SageDeckError as error:
                    item.progress(None, error.title)
        except asyncio.CancelledError:
            item.cancelled(f"not followed any more; {going_on}")
            raise
        if begun == "Updating":
            await self._updated(endpoint, item)
            return
        if endpoint.status == "InService":
            item.done("in service")
            self._ctx.notify.success(
                f"{name} is in service", "", action=("Test…", lambda: self._ctx.navigate("predict", {"endpoint": name}))
            )
        else:
            reason = explain_endpoint(endpoint.failure_reason).summary
            item.fail(reason)
            self._ctx.notify.error(
                f"{name} did not come up",
                reason,
                action=("Show", lambda: self._ctx.navigate("endpoints", {"endpoint": name})),
            )
        self._ctx.resourceChanged.emit("endpoint", name)

    async def _updated(self, endpoint: Endpoint, item: ActivityItem) -> None:
        name = endpoint.name
        update = self._updates.pop(name, None)
        reached = endpoint.config_name == update.config_name if update is not None else not endpoint.failure_reason
        if endpoint.status == "InService" and reached:
            size = f"{endpoint.instance_count or endpoint.desired_count} × {endpoint.instance_type}"
            item.done(f"in service with {size}")
            self._ctx.notify.success(f"{name} is updated", f"It has {size} now.")
        else:
            reason = explain_endpoint(endpoint.failure_reason).summary
            item.fail(reason)
            kept = "All is as it was before." if endpoint.status == "InService" else f"It is {endpoint.status}."
            self._ctx.notify.error(
                f"{name} was not updated",
                f"{reason} {kept}",
                action=("Show", lambda: self._ctx.navigate("endpoints", {"endpoint": name})),
            )
        services = self._ctx.services
        if update is not None and services is not None and endpoint.status == "InService":
            try:
                await services.endpoints.tidy(update)
            except SageDeckError as error:
                log.info("what the update of %s left could not be tidied up: %s", name, error)
        self._ctx.resourceChanged.emit("endpoint", name)
