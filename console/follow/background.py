"""Following what is under way in the background: one quiet poll each, so that its end is told whatever tab is shown."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from console.activity.model import ActivityItem
from console.context import AppContext
from workers.errors.tree import NotFound, SageDeckError

if TYPE_CHECKING:
    from workers.services import Services


class Named(Protocol):
    """A thing that can be followed; its name is unique in its account."""

    @property
    def name(self) -> str: ...


Thing = TypeVar("Thing", bound=Named)


class Poller(ABC, Generic[Thing]):
    """Reads each thing that is under way again and again, until it has ended, is gone or its account is left.

    ``kind`` is what ``ctx.resourceChanged`` says when it has ended. ``tab`` is the id of the tab that shows it.
    Something that AWS is still at after ``eager_polls`` need not be asked for every few seconds.
    """

    kind = ""
    tab = ""
    poll_seconds = 3.0
    slow_poll_seconds = 15.0
    # Two minutes: in the sandbox most jobs are over by then, on AWS most have only begun.
    eager_polls = 40

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._followed: set[str] = set()

    def follow(self, thing: Thing) -> None:
        """Follow what is under way, once."""
        name = thing.name
        if not self.under_way(thing) or name in self._followed:
            return
        task = self._ctx.with_services(self._follow, thing, label=f"Follow {name}", key=f"{type(self).__name__}:{name}")
        if task is not None:
            self._followed.add(name)
            task.add_done_callback(lambda _: self._followed.discard(name))

    async def _follow(self, services: Services, thing: Thing) -> None:
        self.begun(thing)
        polls, fresh = 0, True
        try:
            while self.under_way(thing):
                if fresh:
                    self.seen(thing)
                await asyncio.sleep(self.pause(polls))
                polls += 1
                try:
                    thing = await self.read(services, thing.name)
                    fresh = True
                except NotFound:
                    self.gone(thing)
                    return
                except SageDeckError as error:
                    # One failed poll is no failed job; the tables tell when the account is out of reach.
                    self.missed(thing, error)
                    fresh = False
        except asyncio.CancelledError:
            self.left(thing)
            raise
        await self.ended(services, thing)
        self._ctx.resourceChanged.emit(self.kind, thing.name)

    def pause(self, polls: int) -> float:
        """Seconds until it is read again, after so many polls."""
        return self.poll_seconds if polls < self.eager_polls else self.slow_poll_seconds

    @abstractmethod
    def under_way(self, thing: Thing) -> bool:
        """False when it has ended: then there is nothing to follow."""

    @abstractmethod
    async def read(self, services: Services, name: str) -> Thing:
        """The thing as it is now. Raises ``SageDeckError``; ``NotFound`` when there is none any more."""

    @abstractmethod
    async def ended(self, services: Services, thing: Thing) -> None:
        """Say how it ended."""

    def begun(self, thing: Thing) -> None:
        """It is followed from now on."""

    @abstractmethod
    def seen(self, thing: Thing) -> None:
        """It is under way: say how far it is."""

    def missed(self, thing: Thing, error: SageDeckError) -> None:
        """It could not be read this time."""

    def gone(self, thing: Thing) -> None:
        """There is none of that name any more."""

    def left(self, thing: Thing) -> None:
        """It is not followed any more; it goes on."""


class Follower(Poller[Thing]):
    """A ``Poller`` with one entry in the activity panel for each thing.

    ``verb`` begins the entry's title, ``noun`` is what its sentences call the thing. While ``watched()`` says that the
    list is in sight, only a failure is worth a message on top of it.
    """

    verb = ""
    noun = "job"
    icon = ""

    def __init__(self, ctx: AppContext, watched: Callable[[], bool] = lambda: False) -> None:
        super().__init__(ctx)
        self._watched = watched
        self._items: dict[str, ActivityItem] = {}

    def begun(self, thing: Thing) -> None:
        """Open the entry."""
        self._items[thing.name] = self._ctx.activity.begin(
            f"{self.verb_for(thing)} {thing.name}", self.icon or self.kind, cancellable=self.canceller(thing)
        )

    def seen(self, thing: Thing) -> None:
        """Say in the entry how far it is."""
        self.show(self._items[thing.name], thing)

    def missed(self, thing: Thing, error: SageDeckError) -> None:
        """Say in the entry why nothing new is known."""
        item = self._items[thing.name]
        item.progress(item.fraction, error.title)

    def gone(self, thing: Thing) -> None:
        """Close the entry: somebody deleted it."""
        self._items.pop(thing.name).fail(f"The {self.noun} is gone.")

    def left(self, thing: Thing) -> None:
        """Close the entry without an end."""
        self._items.pop(thing.name).cancelled(f"not followed any more; the {self.noun} {self.goes_on(thing)}")

    async def ended(self, services: Services, thing: Thing) -> None:
        """Close the entry with how it ended."""
        self.tell_end(self._items.pop(thing.name), thing)

    def failed(self, item: ActivityItem, thing: Thing, reason: str, where: str) -> None:
        """Tell of a failure: the first line of ``reason`` in the entry, in the message ``where`` there is more."""
        item.fail(reason.splitlines()[0] if reason else f"The {self.noun} failed.")
        self._ctx.notify.error(f"{thing.name} failed", where, action=self.shown(thing.name))

    def shown(self, name: str) -> tuple[str, Callable[[], None]]:
        """The button of a message that goes to it."""
        return "Show", lambda: self._ctx.navigate(self.tab, {self.kind: name})

    def verb_for(self, thing: Thing) -> str:
        """The word that the entry's title begins with."""
        return self.verb

    def goes_on(self, thing: Thing) -> str:
        """What it does when nobody follows it any more, after "the job"."""
        return "goes on"

    def canceller(self, thing: Thing) -> Callable[[], object] | None:
        """What the entry's Cancel does; None: it has none."""
        return None

    @abstractmethod
    def show(self, item: ActivityItem, thing: Thing) -> None:
        """Say in the entry how far it is."""

    @abstractmethod
    def tell_end(self, item: ActivityItem, thing: Thing) -> None:
        """Close the entry with how it ended, and tell what is worth a message."""
