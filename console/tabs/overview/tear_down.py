"""Taking down: the command that carries a plan out and proves what is left, and its steps in words."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.commands import Command
from console.models.columns import Column
from console.models.format import bytes_text, cost, count
from console.models.states import State
from console.tabs.overview.commands import called, event_of
from console.tabs.overview.rows import ICONS, Row, tip
from workers.errors.tree import SageDeckError
from workers.inventory.types import (
    KINDS,
    Inventory,
    Kind,
    Proof,
    Resource,
    Stays,
    TearDownChoice,
    TearDownPlan,
    TearDownProgress,
    TearDownStep,
)
from workers.prices.table import HOURS_PER_MONTH

if TYPE_CHECKING:
    from workers.services import Services

Told = Callable[[TearDownProgress], None]
Key = tuple[Kind, str]

_STATES = {
    "todo": State("To do", "neutral", "wait"),
    "doing": State("Going", "run"),
    "waiting": State("Waiting", "run"),
    "queued": State("Queued", "warn", "wait"),
    "deleted": State("Gone", "ok"),
    "gone": State("Gone", "ok"),
    "failed": State("Failed", "err"),
}


def only(keys: Collection[Key], known: Inventory) -> TearDownChoice:
    """The choice under which nothing but these goes: whatever else is known stays."""
    kinds = {kind for kind, _ in keys}
    keep = frozenset(resource.key for resource in known.resources if resource.key not in keys)
    return TearDownChoice(everything=True, buckets="bucket" in kinds, keep=keep)


def narrowed(plan: TearDownPlan, keys: Collection[Key], confirm: str) -> TearDownPlan:
    """The part of a plan that is about these: what came into the account meanwhile is not touched, either."""
    steps = tuple(step for step in plan.steps if step.resource.key in keys)
    prices = [step.resource.dollars_per_hour for step in steps]
    known = [price for price in prices if price is not None]
    holds_bucket = any(step.resource.kind == "bucket" for step in steps)
    return replace(
        plan,
        steps=steps,
        stays=tuple(stay for stay in plan.stays if stay.resource.key in keys),
        unread=(),
        confirm=confirm,
        saves_per_hour=sum(known) if known else None,
        objects=plan.objects if holds_bucket else None,
        bytes=plan.bytes if holds_bucket else None,
    )


def summary(plan: TearDownPlan) -> str:
    """How much goes, what it holds, what that saves."""
    if not plan.steps:
        return "Nothing is to go."
    parts = [f"{count(len(plan.steps), 'thing')} will go"]
    if plan.objects:
        size = f", {bytes_text(plan.bytes)}" if plan.bytes is not None else ""
        parts.append(f"with {count(plan.objects, 'object')}{size}")
    words = " ".join(parts) + "."
    if plan.saves_per_hour:
        month = plan.saves_per_hour * HOURS_PER_MONTH
        words += f" That saves {cost(plan.saves_per_hour, 3)} an hour, {cost(month)} a month."
    return words


@dataclass(frozen=True)
class Result:
    """How a tear-down ended: the last of its steps, and the fresh listing after it (``None``: it could not be read)."""

    steps: tuple[TearDownStep, ...]
    proof: Proof | None = None
    unproven: str = ""

    @property
    def failed(self) -> tuple[TearDownStep, ...]:
        """What could not be deleted."""
        return tuple(step for step in self.steps if step.state == "failed")

    @property
    def words(self) -> str:
        """The outcome in a line or two."""
        gone = sum(step.state in ("deleted", "gone") for step in self.steps)
        words = f"{gone} of {count(len(self.steps), 'thing')} gone."
        if self.failed:
            words += f" Not deleted: {', '.join(step.resource.name for step in self.failed)}."
        proof = self.proof.words if self.proof is not None else self.unproven
        return f"{words} {proof}".strip()


class TearDown(Command):
    """Carry out a plan that the operator has seen; ``told`` hears how far it is. ``prove``: list afresh at the end."""

    icon = "trash"

    def __init__(self, plan: TearDownPlan, told: Told | None = None, *, prove: bool = True) -> None:
        self.plan, self.told, self._prove = plan, told, prove
        resources = [step.resource for step in plan.steps]
        self.title = "Tear down" if prove else f"Delete {called(resources)}"

    async def run(self, services: Services) -> Result:
        """Delete one after the other, then look at what is left."""
        steps = self.plan.steps
        async for progress in services.inventory.tear_down(self.plan):
            steps = progress.steps
            if self.item is not None and steps:
                self.item.progress(sum(step.over for step in steps) / len(steps), progress.words)
            if self.told is not None:
                self.told(progress)
        if not self._prove:
            return Result(steps)
        try:
            return Result(steps, await services.inventory.proof())
        except SageDeckError as error:
            # What went is gone; that nothing bills is then not proven.
            return Result(steps, unproven=f"What is left could not be listed: {error.title}.")

    def done_text(self, result: Result) -> str:
        """What went, what did not, what is left."""
        return result.words

    def cli(self) -> str:
        """The same by the AWS CLI, in the same order."""
        return self.plan.cli

    def events(self) -> list[tuple[str, str]]:
        """One of each kind: lists read all of it again."""
        return list({event_of(step.resource)[0]: event_of(step.resource) for step in self.plan.steps}.values())


def _what(step: TearDownStep) -> str:
    word = KINDS[step.resource.kind].one
    return f"{step.does} {word if word.startswith('EC2') else word.lower()}"


def _icon(row: TearDownStep | Stays) -> str:
    return ICONS[row.resource.kind]


def _tip(row: TearDownStep | Stays) -> str:
    return tip(Row(row.resource))


STEP_COLUMNS = [
    Column("name", "Name", kind="name", icon=_icon, value=lambda step: step.resource.name, tooltip=_tip, priority=0),
    Column("what", "What", value=_what, priority=1),
    Column("note", "Note", value=lambda step: step.note or None, tooltip=lambda step: step.note, priority=2, stretch=1),
    Column("state", "State", kind="state", value=lambda step: _STATES[step.state], priority=0, sample="Waiting"),
]
STAY_COLUMNS = [
    Column("name", "Name", kind="name", icon=_icon, value=lambda stay: stay.resource.name, tooltip=_tip, priority=0),
    Column("kind", "Kind", value=lambda stay: KINDS[stay.resource.kind].one, priority=1),
    Column("why", "Why it stays", tooltip=lambda stay: stay.why, priority=0, stretch=1),
]


def left_behind(result: Result, resources: tuple[Resource, ...]) -> tuple[Stays, ...]:
    """What the proof found, each with whether it bills."""
    failed = {step.resource.key: step.note for step in result.failed}

    def why(resource: Resource) -> str:
        if resource.key in failed:
            return failed[resource.key] or "could not be deleted"
        if resource.bills is None:
            return "what it costs is not known"
        an_hour = cost(resource.dollars_per_hour or 0.0, 3)
        return f"costs {an_hour} an hour" if resource.bills else "costs nothing"

    return tuple(Stays(resource, why(resource)) for resource in resources)
