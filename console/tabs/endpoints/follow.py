"""Follows endpoints that are coming up, so that their arrival is told whatever tab is shown."""

from __future__ import annotations

import asyncio

from console.context import AppContext
from workers.errors import NotFound, SageDeckError
from workers.types import Endpoint

POLL_SECONDS = 2.0


class EndpointFollower:
    """One activity entry for each endpoint that is being created."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._followed: set[str] = set()

    def follow(self, endpoint: Endpoint) -> None:
        """Follow an endpoint that is being created, once."""
        name = endpoint.name
        if endpoint.status == "Creating" and name not in self._followed:
            self._followed.add(name)
            task = self._ctx.tasks.start(self._follow(endpoint), label=f"Follow {name}", key=f"endpoints:new:{name}")
            task.add_done_callback(lambda _: self._followed.discard(name))

    async def _follow(self, endpoint: Endpoint) -> None:
        name = endpoint.name
        item = self._ctx.activity.begin(f"Creating {name}", "endpoints")
        item.progress(None, "usually 4 to 6 min on AWS, seconds in the sandbox; no percentage is given")
        try:
            while endpoint.status == "Creating":
                await asyncio.sleep(POLL_SECONDS)
                services = self._ctx.services
                if services is None:
                    item.cancelled("disconnected; the endpoint goes on coming up")
                    return
                try:
                    endpoint = await services.endpoints.describe(name)
                except NotFound:
                    item.cancelled("deleted")
                    return
                except SageDeckError as error:
                    item.progress(None, error.title)
        except asyncio.CancelledError:
            item.cancelled("not followed any more; the endpoint goes on coming up")
            raise
        if endpoint.status == "InService":
            item.done("in service")
            self._ctx.notify.success(
                f"{name} is in service", "", action=("Test…", lambda: self._ctx.navigate("predict", {"endpoint": name}))
            )
        else:
            item.fail(endpoint.failure_reason or f"The endpoint is {endpoint.status}.")
            self._ctx.notify.error(
                f"{name} did not come up",
                endpoint.failure_reason.splitlines()[0] if endpoint.failure_reason else "",
                action=("Show", lambda: self._ctx.navigate("endpoints", {"endpoint": name})),
            )
        self._ctx.resourceChanged.emit("endpoint", name)
