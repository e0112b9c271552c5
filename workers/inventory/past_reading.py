"""The event history read bit by bit: the newest events first, older ones with every further look."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from workers.audit.trail import Trail, TrailEvent, TrailPage
from workers.errors.tree import SageDeckError
from workers.inventory.costs import Spending
from workers.inventory.past import lives
from workers.inventory.rates import Rates

# AWS answers two pages a second.
PAGES_A_LOOK = 4
# The event history comes some minutes late, so nobody needs it more often.
NEWEST_SECONDS = 30.0


class PastReader:
    """What the event history told so far. ``trail`` is ``None`` where there is none."""

    def __init__(self, trail: Trail | None, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._trail, self._rates, self._clock = trail, rates, clock
        self._looked = -NEWEST_SECONDS
        self._events: dict[str, TrailEvent] = {}
        self._older: str | None = None
        self._begun = self._whole = False

    async def read(self, since: datetime, pages: int = PAGES_A_LOOK) -> str:
        """Read on, at most so many pages; returns what is missing in a sentence, "" when it reaches back to ``since``.

        A missing permission is told in that sentence; it is not raised.
        """
        if self._trail is None:
            return "What was deleted before is not in it."
        try:
            if self._clock() - self._looked >= NEWEST_SECONDS:
                pages -= await self._newest(self._trail, since)
                self._looked = self._clock()
            while pages > 0 and self._older is not None and not self._reaches(since):
                page = await self._trail.page(token=self._older)
                self._take(page)
                self._older = page.token
                self._whole = page.token is None
                pages -= 1
        except SageDeckError as error:
            return f"What was deleted before is not in it: {error.title[:1].lower()}{error.title[1:]}."
        if self._whole or self._reaches(since):
            return ""
        oldest = min((event.at for event in self._events.values()), default=None)
        back = f" back to {oldest:%d %b %H:%M} UTC so far" if oldest else ""
        return f"What was deleted before is not all in it: the event history is read{back}."

    def spendings(self) -> list[Spending]:
        """What cost how much, by what was read."""
        return lives(sorted(self._events.values(), key=lambda event: event.at), self._rates)

    async def _newest(self, trail: Trail, since: datetime) -> int:
        """The pages from now to what is known; how many they were."""
        page = await trail.page(since=since if not self._begun else None)
        count = 1
        if not self._begun:
            self._take(page)
            self._begun, self._older, self._whole = True, page.token, page.token is None
            return count
        while not self._take(page) and page.token is not None:
            page = await trail.page(token=page.token)
            count += 1
        return count

    def _take(self, page: TrailPage) -> bool:
        """Keep the events of a page; whether one of them was known."""
        known = any(event.id in self._events for event in page.events)
        self._events |= {event.id: event for event in page.events}
        return known

    def _reaches(self, since: datetime) -> bool:
        return any(event.at <= since for event in self._events.values())
