"""What all that runs or is kept in the account costs an hour, read again now and then for the header."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from console.context import AppContext
from workers.errors.tree import SageDeckError
from workers.inventory.types import Kind

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


class CostMeter(QObject):
    """Emits ``AppContext.costChanged`` after connecting, after a job or endpoint changed, and every minute."""

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
        try:
            # A job that is being stopped bills until it has saved its model.
            jobs = {job.name: job for status in RUNNING async for job in services.training.jobs(status=status)}
            running = await services.training.complete(jobs.values())
            endpoints = await services.endpoints.list()
            functions = await services.functions.per_hour(services.prices)
            instances = await services.compute.per_hour_now()
            others = await services.inventory.read(OTHERS)
        except SageDeckError as error:
            # The tabs say what is wrong; a header that repeats it every minute helps nobody.
            log.info("what runs could not be read: %s", error)
            self.ctx.costChanged.emit(None)
        else:
            total = services.prices.hourly_total(running, endpoints, services.region, functions)
            rest = sum(found.dollars_per_hour or 0.0 for found in others.of(*OTHERS))
            self.ctx.costChanged.emit(total.per_hour + instances + rest)
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
