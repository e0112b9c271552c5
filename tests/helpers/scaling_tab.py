"""The window with the Scaling tab over stand-in services, with something chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.tabs.scaling import TAB
from console.tabs.scaling.tab import ScalingTab
from tests.helpers.models import ModelServices, tab_alone
from tests.helpers.scaling import FakeScaling
from tests.helpers.window import until

MAIN = "dog-classifier-multi / AllTraffic"


async def opened(make_application: Callable[..., Any], scaling: FakeScaling) -> tuple[Any, ScalingTab]:
    services = ModelServices()
    services.scaling = scaling
    return tab_alone(make_application, TAB, ScalingTab, services)


def figures_are_shown(tab: ScalingTab) -> bool:
    return tab.variant_page.calls.accessibleDescription() not in ("", "Choose a variant", "Reading the figures…")


async def variant_shown(make_application: Callable[..., Any], scaling: FakeScaling) -> tuple[Any, ScalingTab]:
    application, tab = await opened(make_application, scaling)
    await until(lambda: figures_are_shown(tab))
    return application, tab


async def function_shown(make_application: Callable[..., Any], scaling: FakeScaling) -> tuple[Any, ScalingTab]:
    application, tab = await opened(make_application, scaling)
    tab.activate({"function": "dog-predict"})
    await until(lambda: tab.panel.function_form.isVisible())
    return application, tab
