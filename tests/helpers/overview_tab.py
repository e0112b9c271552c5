"""The Overview tab alone in a window, over a stand-in account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.tabs.overview import TAB
from console.tabs.overview.tab import OverviewTab
from tests.helpers.inventory import FakeInventory
from tests.helpers.models import ModelServices, tab_alone
from tests.helpers.window import until


async def opened(make_application: Callable[..., Any], inventory: FakeInventory) -> tuple[Any, OverviewTab]:
    services = ModelServices()
    services.inventory = inventory
    return tab_alone(make_application, TAB, OverviewTab, services)


async def shown(make_application: Callable[..., Any], inventory: FakeInventory) -> tuple[Any, OverviewTab]:
    application, tab = await opened(make_application, inventory)
    await until(lambda: tab.idle.report is not None and tab.ctx.refreshed_at is not None)
    return application, tab


def names(tab: OverviewTab) -> list[str]:
    return [row.name for row in tab.list.table.model.visible_rows()]
