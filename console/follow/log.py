"""Following a log in sight: its new lines go into a log view for as long as something writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from console.context import AppContext
from console.widgets.text.log_view import LogView
from workers.errors.tree import SageDeckError
from workers.types import LogEvent

if TYPE_CHECKING:
    from workers.services import Services

# A log of 200,000 lines is read in one go; of a longer one the rest comes with the next turn, for the view must
# say meanwhile how far the job is.
MOST_PAGES = 200

Page = tuple[Sequence[LogEvent], str | None]
ReadLog = Callable[["Services", str | None], Awaitable[Page]]
"""A page of a log after a position (None: from where the reader begins), and the position to go on at."""
GoesOn = Callable[["Services"], Awaitable[bool]]
Lines = Callable[[Sequence[LogEvent]], Awaitable[None]]
Ended = Callable[["Services"], Awaitable[None]]


class LogFollower:
    """Reads one log at a time into ``view``; ``key`` is what its task is called in ``ctx.tasks``.

    ``seconds`` lie between two readings. ``failed`` takes an error that ends the following; without it the view says
    it in the place of lines.
    """

    def __init__(
        self,
        ctx: AppContext,
        view: LogView,
        key: str,
        *,
        seconds: float,
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._ctx, self._view, self._key = ctx, view, key
        self.seconds = seconds
        self._failed = failed or self._say_failure

    def follow(
        self,
        read: ReadLog,
        *,
        label: str = "Follow the log",
        goes_on: GoesOn | None = None,
        lines: Lines | None = None,
        ended: Ended | None = None,
        waiting: str = "Waiting for the first line…",
        nothing: str = "No lines yet",
    ) -> None:
        """Show this log from its beginning on, and follow it; another one before it is left.

        ``goes_on`` is asked before each reading; after it said no, what is there is read a last time, and ``ended``
        is called. Without it the log has no end, as that of an endpoint. ``lines`` gets what was read, too. ``waiting``
        stands in an empty view meanwhile, ``nothing`` when all was read. Without an account nothing is read.
        """
        self._view.clear()
        self._view.set_placeholder(waiting)
        self._ctx.with_services(
            self._follow, read, goes_on, lines, ended, nothing, label=label, key=self._key, on_error=self._failed
        )

    def stop(self) -> None:
        """Read no more; what was read stays in sight."""
        self._ctx.tasks.cancel(self._key)

    async def _follow(
        self,
        services: Services,
        read: ReadLog,
        goes_on: GoesOn | None,
        lines: Lines | None,
        ended: Ended | None,
        nothing: str,
    ) -> None:
        position: str | None = None
        while True:
            more = goes_on is None or await goes_on(services)
            self._view.set_live(goes_on is not None and more)
            position = await self._read_new(services, read, lines, position)
            if not more:
                break
            await asyncio.sleep(self.seconds)
        self._view.set_placeholder(nothing)
        if ended is not None:
            await ended(services)

    async def _read_new(
        self, services: Services, read: ReadLog, lines: Lines | None, position: str | None
    ) -> str | None:
        for _ in range(MOST_PAGES):
            events, position = await read(services, position)
            if not events:
                break
            self._view.append_events(events)
            if lines is not None:
                await lines(events)
        return position

    def _say_failure(self, error: BaseException) -> None:
        words = error.title if isinstance(error, SageDeckError) else str(error)
        self._view.set_placeholder(f"The log cannot be read: {words}")
