"""Waiting for what must happen, never for a time: the one place in the tests that sleeps between two looks."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

# Far more than anything takes: a machine that others use, too, may stand still for a minute.
SECONDS = 120.0


async def until(condition: Callable[[], Any], seconds: float = SECONDS, what: str = "", every: float = 0.005) -> Any:
    """The first true value of ``condition()``, which may be a coroutine; other tasks go on meanwhile.

    AssertionError, with ``what`` it was waited for, after ``seconds``. ``every``: seconds between two looks, more for
    those that ask a server; between two that take long (all texts of a window) there is twice their time for what is
    waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        found = condition()
        took = time.monotonic() - began
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"{what or condition} did not come within {seconds:.0f} s"
        await asyncio.sleep(max(every, 2 * took))


def wait_for(condition: Callable[[], Any], seconds: float = SECONDS, what: str = "", every: float = 0.02) -> Any:
    """As ``until``, where no event loop runs."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what or condition} did not come within {seconds:.0f} s"
        time.sleep(every)
    return found
