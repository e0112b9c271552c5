"""Mutations as objects: each owns its confirmation, its call, the events it raises and its AWS CLI line."""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workers.errors.tree import Conflict, NotFound, SageDeckError
from workers.prices.table import HOURS_PER_MONTH

if TYPE_CHECKING:
    from console.activity.model import ActivityItem
    from workers.services import Services
    from workers.types import DeletionPlan

log = logging.getLogger(__name__)

KIND_ICONS = {
    "endpoint": "endpoints",
    "config": "settings",
    "model": "training",
    "job": "training",
    "bucket": "bucket",
    "object": "file",
    "function": "lambda",
    "scaling": "scaling",
    "scalable target": "scaling",
    "policy": "scaling",
    "schedule": "history",
    "endpoint configuration": "settings",
    "instance": "ec2",
    "log": "terminal",
    "alarm": "bell",
    "role": "shield",
}


@dataclass(frozen=True)
class Affected:
    """One line of a confirmation: something that goes, stays or stops working, and why."""

    icon: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class Confirmation:
    """What the operator must agree to: ``listed`` is what the title speaks of, the others are what hangs on it.

    With ``type_name`` set, they type it before the button works; without it, what is a ``danger`` waits some seconds
    before it is sent, so that it can be undone. ``stops_title`` heads what is hit by it.
    """

    title: str
    text: str = ""
    confirm_label: str = "Delete"
    icon: str = "trash"
    danger: bool = True
    listed: tuple[Affected, ...] = ()
    also_deleted: tuple[Affected, ...] = ()
    kept: tuple[Affected, ...] = ()
    stops_working: tuple[Affected, ...] = ()
    stops_title: str = "Stops working"
    saves: str = ""
    type_name: str = ""


def affected(entries: Iterable[tuple[str, str, str]]) -> tuple[Affected, ...]:
    """Lines from a deletion plan's ``(kind, name, why)`` entries."""
    return tuple(
        Affected(KIND_ICONS.get(kind, "file"), f"{kind[:1].upper()}{kind[1:]} {name}", why)
        for kind, name, why in entries
    )


def confirm_deletion(plan: DeletionPlan, title: str, text: str = "", *, label: str = "Delete") -> Confirmation:
    """The confirmation for a deletion that takes other things along; its target's name must be typed."""
    saves = ""
    if plan.saves_per_hour:
        saves = f"${plan.saves_per_hour:.3f} an hour, ${plan.saves_per_hour * HOURS_PER_MONTH:,.0f} a month"
    return Confirmation(
        title,
        text,
        confirm_label=label,
        also_deleted=affected(plan.also_deleted),
        kept=affected(plan.kept),
        stops_working=affected(plan.stops_working),
        saves=saves,
        type_name=plan.target,
    )


class Command(ABC):
    """One change that the operator makes to the account.

    ``title`` names it in the activity panel ("Delete endpoint dogs"), ``icon`` is the kind's. While it runs,
    ``item`` is its activity entry, to report progress on.
    """

    title: str = ""
    icon: str = "bolt"
    # It stops what does harm or costs: it is sent as soon as it was agreed to.
    urgent: bool = False
    # Its question was asked by a dialog of its own, and nothing was typed: it waits as others do.
    waits: bool = False
    item: ActivityItem | None = None

    def look_up(self, services: Services) -> None:
        """Take over what the question says and nobody has given, such as list prices. Asks nothing of the network."""
        return

    def confirmation(self) -> Confirmation | None:
        """What to ask first; None: it needs no question."""
        return None

    @abstractmethod
    async def run(self, services: Services) -> Any:
        """Make the change; raises ``SageDeckError``."""

    def done_text(self, result: Any) -> str:
        """One line for the activity panel after success."""
        return ""

    def undo(self, result: Any) -> Command | Mapping[str, Any] | None:
        """What takes back what was done, offered in the activity panel; None where nothing does.

        A way back of another tab is given as it is written down (``console/ways_back.py``).
        """
        return None

    async def changed(self, services: Services) -> str:
        """After the seconds in which it could be undone: what is not as it was shown, in a sentence; "" for nothing.

        It is then not done. Raises ``SageDeckError``.
        """
        return ""

    def cli(self) -> str:
        """The same as an AWS CLI line, without secrets; "" when the CLI has no such thing."""
        return ""

    def events(self) -> list[tuple[str, str]]:
        """``(kind, name)`` of what changed, announced by ``AppContext.resourceChanged``."""
        return []


class Reversible(Command):
    """A change of one value: it can be put back while the value is still the one that this change has set.

    What it was made of, the constructor's arguments, stands in attributes of the same names, and all of it, with
    the value before, can be written down (``console/ways_back.py``): it can be put back after a restart, too.
    """

    # What ``before`` is of, for what was written down; and the arguments that are not written down.
    value_is: ClassVar[Any] = None
    not_kept: ClassVar[tuple[str, ...]] = ()

    before: Any = None
    knows_before = False
    # What tells the thing from another one that got its name later, and how it is called.
    thing = ""

    @property
    @abstractmethod
    def wanted(self) -> Any:
        """The value that it sets."""

    @abstractmethod
    async def value(self, services: Services) -> Any:
        """The value that is there now; raises ``SageDeckError``."""

    @abstractmethod
    async def change(self, services: Services) -> Any:
        """Set the value; raises ``SageDeckError``."""

    @abstractmethod
    def reverse(self) -> Command | None:
        """What sets ``before`` again; None where that cannot be."""

    async def which(self, services: Services) -> str:
        """What tells the thing from another one of the same name; "" where AWS tells nothing. Raises as ``value``."""
        return ""

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is still the one that was set."""
        return bool(value == self.wanted)

    def since(self, value: Any) -> str:
        """What became of the value that was set, now that another one (``value``) is there, without a full stop."""
        return f"{self.title}: it was changed again since"

    def kept(self) -> Mapping[str, Any]:
        """What it is made again of: the constructor's arguments by name."""
        names = (name for name in inspect.signature(type(self)).parameters if name not in self.not_kept)
        return {name: getattr(self, name) for name in names}

    async def run(self, services: Services) -> Any:
        """Note the value before, then change it. Who may not read may change all the same."""
        self.knows_before = False
        try:
            self.thing = await self.which(services)
            self.before = await self.value(services)
            self.knows_before = True
        except SageDeckError:
            log.info("%s cannot be put back: what was there before could not be read", self.title)
        return await self.change(services)

    def undo(self, result: Any) -> Command | None:
        """Set what was there before, if it is known and was another value."""
        if not self.knows_before or self.holds(self.before):
            return None
        reverse = self.reverse()
        return PutBack(self, reverse) if reverse is not None else None


class PutBack(Command):
    """Set again what was there before a change, unless somebody changed it since."""

    def __init__(self, done: Reversible, reverse: Command) -> None:
        self.done, self._reverse = done, reverse
        self.icon, self.title = done.icon, f"Put back: {done.title}"

    def look_up(self, services: Services) -> None:
        """As for the change back."""
        self._reverse.look_up(services)

    def confirmation(self) -> Confirmation | None:
        """The same question as for setting that value."""
        return self._reverse.confirmation()

    async def run(self, services: Services) -> Any:
        """Put it back; raises ``Conflict`` when it was changed since, ``NotFound`` when it is gone."""
        await self.check(services)
        return await self._reverse.run(services)

    async def check(self, services: Services) -> None:
        """Look whether the value is still the one that was set; raises ``Conflict`` when it is not."""
        try:
            thing = await self.done.which(services)
            now = await self.done.value(services)
        except NotFound as error:
            raise NotFound("Not put back", f"It is gone: {error.message}", code=error.code) from error
        if thing and self.done.thing and thing != self.done.thing:
            raise Conflict(
                "Not put back", f"{self.done.title}: it was {self.done.thing}, and is {thing} now.",
                "Look at what it is now, and change it there.",
            )  # fmt: skip
        if not self.done.holds(now):
            raise Conflict(
                "Not put back", f"{self.done.since(now)}, so what was before is not set.",
                "Look at what it is now, and change it there.",
            )  # fmt: skip

    def undo(self, result: Any) -> Command | Mapping[str, Any] | None:
        """What was put back can be put back, too."""
        return self._reverse.undo(result)

    def done_text(self, result: Any) -> str:
        """As the change itself says it."""
        return self._reverse.done_text(result)

    def cli(self) -> str:
        """Of the change back."""
        return self._reverse.cli()

    def events(self) -> list[tuple[str, str]]:
        """Of the change back."""
        return self._reverse.events()


class PutBackAll(Command):
    """All that one command has changed, in one go, where nothing of it was changed since."""

    def __init__(self, title: str, icon: str, backs: Sequence[PutBack]) -> None:
        """``title`` and ``icon`` are those of the command that changed them."""
        self.of, self.icon, self.backs = title, icon, tuple(backs)
        self.title = f"Put back: {title}"

    def look_up(self, services: Services) -> None:
        """As for each of them."""
        for back in self.backs:
            back.look_up(services)

    def confirmation(self) -> Confirmation:
        """What is set again, with what the questions of the parts say."""
        asked = [question for back in self.backs if (question := back.confirmation()) is not None]
        return Confirmation(
            f"{self.title}?", " ".join(question.text for question in asked if question.text),
            confirm_label="Put back", icon=self.icon, danger=any(question.danger for question in asked),
            listed=tuple(Affected(back.icon, back.title) for back in self.backs),
        )  # fmt: skip

    async def run(self, services: Services) -> Any:
        """Look at all of it first; raises ``Conflict`` when some was changed since."""
        for back in self.backs:
            await back.check(services)
        for back in self.backs:
            await back.run(services)

    def undo(self, result: Any) -> Command | None:
        """All of it once more, where each part can be."""
        again = [undone for back in self.backs if isinstance(undone := back.undo(None), PutBack)]
        return PutBackAll(self.title, self.icon, again) if len(again) == len(self.backs) else None

    def cli(self) -> str:
        """All calls."""
        return "\n".join(back.cli() for back in self.backs)

    def events(self) -> list[tuple[str, str]]:
        """Those of the parts."""
        return [event for back in self.backs for event in back.events()]


@dataclass(frozen=True)
class Outcome:
    """How ``AppContext.run`` ended; true when the change was made."""

    status: Literal["done", "declined", "refused", "failed"]
    value: Any = None
    error: Exception | None = None

    def __bool__(self) -> bool:
        return self.status == "done"
