"""The window with an account, where every question is answered with yes."""

from __future__ import annotations

from typing import Any

from console.commands import Confirmation
from tests.helpers.window import SPECS, connect, shown


async def started(make_application: Any, seconds: float = 600.0) -> Any:
    application = await shown(make_application, SPECS)
    services = await connect(application)
    application.ctx.grace_seconds = seconds

    async def agree(confirmation: Confirmation, cli: str) -> bool:
        return True

    application.ctx.ask = agree
    return application, services
