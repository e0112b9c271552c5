"""Taking down: the command that carries a plan out and proves what is left, and its steps in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from console.commands import Command
from console.models.columns import Column
from console.models.format import bytes_text, cost, count
from console.models.states import State
from console.tabs.overview.commands import called, event_of
from console.tabs.overview.rows import ICONS, Row, tip
from console.ways_back import all_ways_back, way_back
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
from workers.scaling.snapshots import Snapshot
from workers.scaling.types import Scalable

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
        # How what is scaled no more is scaled again, by the resource's key.
        self._ways_back: dict[Key, dict[str, Any]] = {}

    async def run(self, services: Services) -> Result:
        """Delete one after the other, then look at what is left."""
        steps = self.plan.steps
        self._ways_back = await self._note_scaling(services)
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

    async def _note_scaling(self, services: Services) -> dict[Key, dict[str, Any]]:
        """The scaling of what stays itself. Who may not read it takes it away all the same, for good."""
        going = {(step.resource.kind, step.resource.name) for step in self.plan.steps}
        found: dict[Key, dict[str, Any]] = {}
        for step in self.plan.steps:
            row = step.resource
            if row.kind != "scalable-target" or not row.facts or _scaled(row) in going:
                continue
            scalable = Scalable(row.facts["space"], row.facts["resource"], row.facts["dimension"], row.name)
            try:
                thing, before = (
                    await services.scaling.identity(scalable),
                    await services.scaling.snapshots.read(scalable),
                )
                variants = await services.scaling.variants.all() if row.facts["space"] == "sagemaker" else ()
            except SageDeckError:
                continue
            made = {
                "scalable": scalable,
                "event": ("scaling", _scaled(row)[1]),
                "snapshot": Snapshot(),
                "variant": next((known for known in variants if known.resource == scalable.resource), None),
            }
            found[row.key] = way_back("RestoreScaling", made, before, thing)
        return found

    def undo(self, result: Result) -> Mapping[str, Any] | None:
        """Scaling that was taken from what stays can be put back; all else is gone for good."""
        gone = {step.resource.key for step in result.steps if step.state == "deleted"}
        backs = [back for key, back in self._ways_back.items() if key in gone]
        if len(backs) < 2:
            return backs[0] if backs else None
        return all_ways_back(f"Scale {len(backs)} no more", "scaling", backs)

    def done_text(self, result: Result) -> str:
        """What went, what did not, what is left."""
        return result.words

    def cli(self) -> str:
        """The same by the AWS CLI, in the same order."""
        return self.plan.cli

    def events(self) -> list[tuple[str, str]]:
        """One of each kind: lists read all of it again."""
        return list({event_of(step.resource)[0]: event_of(step.resource) for step in self.plan.steps}.values())


def _scaled(row: Resource) -> Key:
    """The endpoint or function that a scalable target belongs to."""
    parts = row.facts["resource"].replace(":", "/").split("/")
    return "function" if row.facts["space"] == "lambda" else "endpoint", parts[1]


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
