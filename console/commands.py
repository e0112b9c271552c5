"""Mutations as objects: each owns its confirmation, its call, the events it raises and its AWS CLI line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workers.prices.table import HOURS_PER_MONTH

if TYPE_CHECKING:
    from console.activity.model import ActivityItem
    from workers.services import Services
    from workers.types import DeletionPlan

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

    With ``type_name`` set, they type it before the button works.
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
    item: ActivityItem | None = None

    def confirmation(self) -> Confirmation | None:
        """What to ask first; None: it needs no question."""
        return None

    @abstractmethod
    async def run(self, services: Services) -> Any:
        """Make the change; raises ``SageDeckError``."""

    def done_text(self, result: Any) -> str:
        """One line for the activity panel after success."""
        return ""

    def cli(self) -> str:
        """The same as an AWS CLI line, without secrets; "" when the CLI has no such thing."""
        return ""

    def events(self) -> list[tuple[str, str]]:
        """``(kind, name)`` of what changed, announced by ``AppContext.resourceChanged``."""
        return []


@dataclass(frozen=True)
class Outcome:
    """How ``AppContext.run`` ended; true when the change was made."""

    status: Literal["done", "declined", "refused", "failed"]
    value: Any = None
    error: Exception | None = None

    def __bool__(self) -> bool:
        return self.status == "done"
