"""The stand-ins that are classes of their own, held to the workers' calls by mypy; see ``like``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.helpers.like import like
from tests.helpers.window import FakeServices
from workers.audit.trail import Trail
from workers.inventory.service import InventoryService
from workers.load.service import LoadTests
from workers.scaling.concurrency import Concurrency
from workers.scaling.figures import Figures
from workers.scaling.prober import Prober
from workers.scaling.schedules import Schedules
from workers.scaling.service import Scaling
from workers.scaling.snapshots import Snapshots
from workers.scaling.variants import Variants
from workers.security.service import Security


def held(fake: FakeServices) -> tuple[Callable[..., Any], ...]:
    """All of their calls."""
    return (
        like(InventoryService.refresh)(fake.inventory.refresh),
        like(InventoryService.read)(fake.inventory.read),
        like(InventoryService.look_closer)(fake.inventory.look_closer),
        like(InventoryService.polling_per_hour)(fake.inventory.polling_per_hour),
        like(InventoryService.costs)(fake.inventory.costs),
        like(InventoryService.history)(fake.inventory.history),
        like(InventoryService.billed)(fake.inventory.billed),
        like(InventoryService.idle)(fake.inventory.idle),
        like(InventoryService.settle)(fake.inventory.settle),
        like(InventoryService.tear_down_plan)(fake.inventory.tear_down_plan),
        like(InventoryService.tear_down)(fake.inventory.tear_down),
        like(InventoryService.proof)(fake.inventory.proof),
        like(Security.look)(fake.security.look),
        like(Security.apply)(fake.security.apply),
        like(Security.role_use)(fake.security.role_use),
        like(Trail.page)(fake.trail.page),
        like(LoadTests.check)(fake.load.check),
        like(LoadTests.run)(fake.load.run),
        like(LoadTests.keep)(fake.load.keep),
        like(LoadTests.kept)(fake.load.kept),
        like(LoadTests.whole)(fake.load.whole),
        like(LoadTests.forget)(fake.load.forget),
        like(Scaling.identity)(fake.scaling.identity),
        like(Variants.identity)(fake.scaling.variants.identity),
        like(Snapshots.read)(fake.scaling.snapshots.read),
        like(Snapshots.write)(fake.scaling.snapshots.write),
        like(Scaling.per_hour)(fake.scaling.per_hour),
        like(Scaling.per_month)(fake.scaling.per_month),
        like(Scaling.warm_month)(fake.scaling.warm_month),
        like(Scaling.plan)(fake.scaling.plan),
        like(Variants.all)(fake.scaling.variants.all),
        like(Variants.describe)(fake.scaling.variants.describe),
        like(Variants.apply)(fake.scaling.variants.apply),
        like(Variants.suspend)(fake.scaling.variants.suspend),
        like(Variants.remove)(fake.scaling.variants.remove),
        like(Variants.set_capacities)(fake.scaling.variants.set_capacities),
        like(Concurrency.functions)(fake.scaling.concurrency.functions),
        like(Concurrency.describe)(fake.scaling.concurrency.describe),
        like(Concurrency.reserved)(fake.scaling.concurrency.reserved),
        like(Concurrency.provisioned)(fake.scaling.concurrency.provisioned),
        like(Concurrency.reserve)(fake.scaling.concurrency.reserve),
        like(Concurrency.unreserve)(fake.scaling.concurrency.unreserve),
        like(Concurrency.provide)(fake.scaling.concurrency.provide),
        like(Concurrency.unprovide)(fake.scaling.concurrency.unprovide),
        like(Figures.of)(fake.scaling.figures.of),
        like(Schedules.put)(fake.scaling.schedules.put),
        like(Schedules.delete)(fake.scaling.schedules.delete),
        like(Prober.probe)(fake.scaling.prober.probe),
    )
