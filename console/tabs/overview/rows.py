"""The rows and columns of the inventory: one for each resource, and one for each kind that could not be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from console.models.columns import Column
from console.models.format import ago, cost
from console.models.states import INSTANCE_STATES, State, state_of
from workers.inventory.types import KINDS, Kind, KindRead, Resource

ICONS: Mapping[Kind, str] = {
    "endpoint": "endpoints",
    "endpoint-config": "settings",
    "model": "training",
    "parked-endpoint": "pause",
    "training-job": "training",
    "tuning-job": "tuning",
    "processing-job": "bolt",
    "transform-job": "bolt",
    "notebook": "notebook",
    "instance": "ec2",
    "volume": "disk",
    "address": "globe",
    "function": "lambda",
    "scalable-target": "scaling",
    "alarm": "bell",
    "bucket": "bucket",
    "log-group": "terminal",
    "role": "shield",
    "instance-profile": "shield",
    "security-group": "lock",
}
# A volume is never "idle": nothing is at work in it.
_UNUSED: Mapping[Kind, str] = {
    "volume": "Unused",
    "address": "Unused",
    "model": "Unused",
    "log-group": "Kept for ever",
    "parked-endpoint": "Parked long",
}
# EC2's words in the style of the others.
_STORED = {
    "available": State("Available", "ok"),
    "in-use": State("In use", "ok"),
    "creating": State("Creating", "run"),
    "deleting": State("Deleting", "run"),
    "attached": State("In use", "ok"),
    "unattached": State("Unattached", "neutral"),
}


@dataclass(frozen=True)
class Row:
    """A resource, or instead of all of a kind how reading it failed."""

    resource: Resource | None = None
    read: KindRead | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other row."""
        if self.resource is not None:
            return self.resource.key
        return "unread", self.kind

    @property
    def kind(self) -> Kind:
        """The kind of the thing, or of those that could not be read."""
        if self.resource is not None:
            return self.resource.kind
        assert self.read is not None
        return self.read.kind

    @property
    def name(self) -> str:
        """The resource's name; what could not be read."""
        if self.resource is not None:
            return self.resource.name or self.resource.id
        assert self.read is not None
        title = self.read.error.title if self.read.error is not None else "not read"
        return f"{KINDS[self.kind].many}: {title[:1].lower()}{title[1:]}"

    @property
    def idle(self) -> bool:
        """True for what is taken to be idle."""
        return self.resource is not None and bool(self.resource.idle)


def state_of_row(row: Row) -> State | None:
    """AWS's word with icon and colour; Idle, or Unused, for what bills for nothing; how reading a kind failed."""
    if row.resource is None:
        return State("Not read", "err", "lock")
    if row.resource.idle:
        return State(_UNUSED.get(row.kind, "Idle"), "warn", "idle")
    word = row.resource.state
    if not word:
        return None
    own = INSTANCE_STATES if row.kind == "instance" else _STORED if row.kind in ("volume", "address") else {}
    return own.get(word) or state_of(word)


def cure(read: KindRead) -> str:
    """What would let a kind be read, as short as a size."""
    action = getattr(read.error, "action", "")
    return f"needs {action}" if action else "Return says why"


def tip(row: Row) -> str:
    """All that is known beside the columns: why it is idle, its id, its tags; why a kind could not be read."""
    if row.read is not None and row.read.error is not None:
        return "\n".join(part for part in (row.read.words, row.read.error.message, row.read.error.hint) if part)
    resource = row.resource
    if resource is None:
        return ""
    tags = ", ".join(f"{key}={value}" for key, value in sorted((resource.tags or {}).items()))
    made = {True: "made by SageDeck", False: "not made by SageDeck", None: ""}[resource.ours]
    parts = (resource.name, resource.idle, resource.id if resource.id != resource.name else "", made, tags)
    return "\n".join(part for part in parts if part)


def searched(row: Row) -> str:
    """What the filter looks into besides the columns: id, tags as ``tag:key=value``, why it is idle."""
    resource = row.resource
    if resource is None:
        return row.read.words if row.read is not None else ""
    tags = " ".join(f"tag:{key}={value}" for key, value in (resource.tags or {}).items())
    return f"{resource.id} {tags} {resource.idle}"


def _size(row: Row) -> str | None:
    if row.resource is not None:
        return row.resource.size or None
    return cure(row.read) if row.read is not None else None


def _rate(value: float, row: Row) -> str:
    return "<0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def _tags(row: Row) -> str | None:
    """``team=vision``; None while nobody has read them."""
    tags = row.resource.tags if row.resource is not None else None
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items())) or None if tags else None


def _field(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.resource, name) if row.resource is not None else None


def _paid(row: Row) -> float | None:
    """What costs nothing shows a dash: zeros hide the sums that matter."""
    dollars = row.resource.dollars_per_hour if row.resource is not None else None
    return dollars or None


def _so_far(row: Row) -> float | None:
    return (row.resource.cost_so_far if row.resource is not None else None) or None


def _by_rate(row: Row) -> float | None:
    # What could not be read stands where it is seen first: nobody knows what it costs.
    return math.inf if row.resource is None else row.resource.dollars_per_hour


def age_text(made: datetime, now: datetime) -> str:
    """``41 min``, ``23 d``."""
    return ago(min(made, now), now).removesuffix(" ago")


class Clock:
    """The account's clock: this computer's may be hours off, and ages are not."""

    def __init__(self) -> None:
        self.off = timedelta()

    def set(self, seconds: float) -> None:
        """How far the account's clock is ahead of this computer's."""
        self.off = timedelta(seconds=seconds)

    def now(self) -> datetime:
        """The time there."""
        return datetime.now(UTC) + self.off


def columns(clock: Clock) -> list[Column]:
    """The columns; ages and last uses are of ``clock``'s now whenever they are painted."""

    def age(value: datetime, row: Row) -> str:
        return age_text(value, clock.now())

    def last_use(row: Row) -> datetime | str | None:
        resource = row.resource
        if resource is None:
            return None
        if resource.in_use:
            return "now"
        return resource.last_use or ("none" if resource.use_known else None)

    def use_text(value: datetime | str, row: Row) -> str:
        return value if isinstance(value, str) else ago(min(value, clock.now()), clock.now())

    def use_order(row: Row) -> float | None:
        used = row.resource.last_use if row.resource is not None else None
        if row.resource is not None and row.resource.in_use:
            return math.inf
        if used is not None:
            return used.timestamp()
        return 0.0 if row.resource is not None and row.resource.use_known else None

    def made_order(row: Row) -> float | None:
        made = row.resource.created if row.resource is not None else None
        return -made.timestamp() if made is not None else None

    return [
        Column(
            "name", "Name", kind="name", icon=lambda row: ICONS[row.kind], tooltip=tip, priority=0, yields=True
        ),
        Column("kind", "Kind", value=lambda row: KINDS[row.kind].one, priority=1),
        Column("size", "Size", value=_size, tooltip=lambda row: _size(row) or "", priority=4),
        Column("state", "State", kind="state", value=state_of_row, tooltip=tip, priority=0, sample="InProgress"),
        Column("age", "Age", kind="number", value=_field("created"), format=age, sort_key=made_order, priority=5),
        Column(
            "per_hour", "$ per hour", kind="number", strong=True, value=_paid, format=_rate, sort_key=_by_rate,
            priority=0,
        ),
        Column("so_far", "Cost so far", kind="number", value=_so_far, format=lambda v, _: cost(v), priority=6),
        Column(
            "last", "Last use", kind="number", value=last_use, format=use_text, sort_key=use_order,
            tone=lambda row: "warn" if row.idle else None, priority=3,
        ),
        Column("tags", "Tags", value=_tags, tooltip=lambda row: _tags(row) or "", priority=8),
    ]  # fmt: skip
