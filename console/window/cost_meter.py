"""What all that runs or is kept in the account costs an hour, read again now and then for the header."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from console.context import AppContext
from workers.errors.tree import AccessDenied, SageDeckError
from workers.inventory.types import KINDS, Kind

if TYPE_CHECKING:
    from workers.services import Services

log = logging.getLogger(__name__)

# A minute costs nothing to read, and prices are by the hour.
EVERY_MS = 60_000
# After a change: AWS lists what was made a moment later.
SOON_MS = 1500
RUNNING = ("InProgress", "Stopping")
BILLED_KINDS = frozenset(("job", "endpoint"))
# What bills besides jobs, endpoints, functions and instances: the header's sum is the Overview's.
OTHERS: tuple[Kind, ...] = ("notebook", "volume", "address", "processing-job", "transform-job")


# Dollars an hour, and what is not in them.
Part = tuple[float, list[str]]


async def _jobs(services: Services) -> Part:
    # A job that is being stopped bills until it has saved its model.
    jobs = {job.name: job for status in RUNNING async for job in services.training.jobs(status=status)}
    running = await services.training.complete(jobs.values())
    total = services.prices.hourly_total(running, (), services.region)
    return total.per_hour, [f"jobs on {kind}" for kind in total.unpriced]


async def _endpoints(services: Services) -> Part:
    total = services.prices.hourly_total((), await services.endpoints.list(), services.region)
    return total.per_hour, [f"endpoints on {kind}" for kind in total.unpriced]


async def _functions(services: Services) -> Part:
    return await services.functions.per_hour(services.prices), []


async def _instances(services: Services) -> Part:
    return await services.compute.per_hour_now(), []


async def _others(services: Services) -> Part:
    found = await services.inventory.read(OTHERS)
    missing = [KINDS[read.kind].many.lower() for read in found.unread if read.kind in OTHERS]
    return sum(row.dollars_per_hour or 0.0 for row in found.of(*OTHERS)), missing


_PARTS: Mapping[str, Callable[[Services], Awaitable[Part]]] = {
    "training jobs": _jobs,
    "endpoints": _endpoints,
    "functions": _functions,
    "EC2 instances": _instances,
    "notebooks, volumes and the like": _others,
}


class CostMeter(QObject):
    """Emits ``AppContext.costChanged`` after connecting, after a job or endpoint changed, and every minute.

    What may not be read, or has no known price, is named in ``AppContext.cost_missing``: the sum is at least so much.
    """

    def __init__(self, ctx: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.read)
        ctx.backendChanged.connect(self._connected)
        ctx.backendChanging.connect(self._timer.stop)
        ctx.resourceChanged.connect(self._resource_changed)
        ctx.refreshed.connect(self._refreshed)

    def read(self) -> None:
        """Ask now."""
        if self.ctx.connected:
            self.ctx.with_services(self._read, label="Reading what runs", key="cost meter")

    async def _read(self, services: Services) -> None:
        known: list[float] = []
        missing: list[str] = []
        for words, part in _PARTS.items():
            try:
                found, left_out = await part(services)
            except AccessDenied:
                missing.append(words)
            except SageDeckError as error:
                # The tabs say what is wrong; a header that repeats it every minute helps nobody.
                log.info("what runs could not be read: %s", error)
                known = []
                break
            else:
                known.append(found)
                missing += left_out
        self.ctx.cost_missing = tuple(missing)
        self.ctx.costChanged.emit(sum(known) if known else None)
        self._timer.start(EVERY_MS)

    def _connected(self, backend: object) -> None:
        self.ctx.with_services(self._read_prices, label="Reading prices", key="prices")
        self.read()

    async def _read_prices(self, services: Services) -> None:
        try:
            known = await services.pricing.refresh()
        except SageDeckError as error:
            # The table that comes with the program goes on to serve; every price says of which day it is.
            log.info("the account's prices could not be read: %s", error)
        else:
            if known:
                self.ctx.pricesChanged.emit()

    def _resource_changed(self, kind: str, name: str) -> None:
        if kind in BILLED_KINDS:
            self._timer.start(SOON_MS)

    def _refreshed(self, at: datetime) -> None:
        if self.ctx.connected and self._timer.remainingTime() > EVERY_MS // 2:
            self._timer.start(SOON_MS)
