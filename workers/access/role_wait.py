"""Waiting for IAM: a role made a moment ago is not known to SageMaker at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from workers.errors.tree import InvalidInput

T = TypeVar("T")

# IAM is eventually consistent; a new role is usually known within ten seconds.
WAITS_SECONDS = (2.0, 3.0, 5.0, 8.0, 12.0)


async def when_role_is_known(call: Callable[[], Awaitable[T]], waits: Sequence[float] = WAITS_SECONDS) -> T:
    """Await ``call()``, again after a pause as long as SageMaker says that it cannot assume the role.

    Raises whatever the call raises, in the end also "Could not assume role".
    """
    for wait in waits:
        try:
            return await call()
        except InvalidInput as error:
            if "assume" not in (error.details or error.message).lower():
                raise
        await asyncio.sleep(wait)
    return await call()
