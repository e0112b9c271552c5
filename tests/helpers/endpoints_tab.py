"""The Endpoints tab in a window of its own, over endpoints that are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.tabs.endpoints import TAB
from console.tabs.endpoints.tab import EndpointsTab
from tests.helpers.models import ModelServices, tab_alone
from tests.helpers.window import until


def open_tab(make_application: Callable[..., Any], services: ModelServices | None = None) -> tuple[Any, EndpointsTab]:
    return tab_alone(make_application, TAB, EndpointsTab, services)


async def listed(tab: EndpointsTab, services: ModelServices) -> None:
    """Wait until the table has the account's endpoints."""

    def same() -> bool:
        return {row.name for row in services.endpoint_rows} == {row.name for row in tab.table.model.rows()}

    await until(lambda: same() and tab.table.state != "loading")
