"""A stand-in for ``workers.inventory.service.InventoryService``: an account that a test sets, changed at will."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.errors.tree import AccessDenied
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.types import (
    ALL_KINDS,
    KINDS,
    Billed,
    Changes,
    CostEvent,
    CostFigures,
    CostHistory,
    CostPoint,
    IdleAction,
    IdleFinding,
    IdleReport,
    IdleRule,
    Inventory,
    Kind,
    KindRead,
    Place,
    Proof,
    ReadAccount,
    Resource,
    Stays,
    TearDownChoice,
    TearDownPlan,
    TearDownProgress,
    TearDownStep,
    by_key,
)

NOW = datetime.now(UTC).replace(microsecond=0)


def resource(kind: Kind, name: str, state: str = "", **changes: Any) -> Resource:
    """A resource as SageDeck makes them, two hours old."""
    base: dict[str, Any] = {
        "id": name,
        "state": state,
        "created": NOW - timedelta(hours=2),
        "tags": {"sagedeck:created-by": "sagedeck"},
        "ours": True,
        "dollars_per_hour": 0.0,
        "cost_so_far": 0.0,
        "use_known": True,
        "place": Place(KINDS[kind].tab, name if KINDS[kind].tab else ""),
    }
    return Resource(kind, name=name, **base | changes)


def denied(kind: Kind) -> KindRead:
    """A kind that the credentials may not list."""
    action = f"sagemaker:List{kind.title().replace('-', '')}s"
    error = AccessDenied("You may not do this", f"Could not list the {KINDS[kind].many.lower()}: {action} is missing.")
    return KindRead(kind, error=error)


def pictured() -> tuple[Resource, ...]:
    """The thirteen resources of the overview's target picture."""

    def ago(**span: float) -> datetime:
        return NOW - timedelta(**span)

    return (
        resource("tuning-job", "dogs-tuning-1409", "InProgress", size="3 × ml.m5.2xlarge", created=ago(minutes=41),
                 dollars_per_hour=1.383, cost_so_far=0.945, in_use=True),
        resource("endpoint", "dog-classifier-old", "InService", size="1 × ml.m5.2xlarge", created=ago(days=23),
                 dollars_per_hour=0.461, cost_so_far=254.47, last_use=ago(days=19), idle="no request for 19 days"),
        resource("endpoint", "dog-classifier-multi", "InService", size="2 × ml.m5.xlarge", created=ago(days=6),
                 dollars_per_hour=0.46, cost_so_far=66.24, last_use=ago(seconds=8)),
        resource("endpoint", "dog-classifier-1x", "InService", size="1 × ml.m5.xlarge", created=ago(days=6),
                 dollars_per_hour=0.23, cost_so_far=33.12, last_use=ago(minutes=4)),
        resource("instance", "dog-trainer", "running", id="i-0a3f91c2", size="t3.xlarge", created=ago(hours=2),
                 dollars_per_hour=0.166, cost_so_far=0.33, in_use=True),
        resource("instance", "dog-scratch", "running", id="i-07be44d0", size="t3.xlarge", created=ago(days=9),
                 dollars_per_hour=0.166, cost_so_far=35.86, last_use=ago(days=8), idle="CPU under 2 %, 8 days"),
        resource("endpoint", "dog-classifier-canary", "Creating", size="1 × ml.m5.large", created=ago(minutes=3),
                 dollars_per_hour=0.115, cost_so_far=0.006),
        resource("notebook", "dog-notebook", "InService", size="ml.t3.medium", created=ago(days=31),
                 dollars_per_hour=0.05, cost_so_far=37.2, last_use=ago(days=12), idle="open for 12 days"),
        resource("function", "dog-predict", "Active", size="512 MB, 2 provisioned", created=ago(days=6),
                 dollars_per_hour=0.015, cost_so_far=None, last_use=ago(minutes=4)),
        resource("volume", "vol-0c81d9be27", "available", size="60 GiB gp3", created=ago(days=9),
                 dollars_per_hour=0.007, cost_so_far=1.42, last_use=ago(days=8), idle="attached to nothing"),
        resource("bucket", "dogs-482109375516", "", size="16,812 objects, 2.41 GB", created=ago(days=34),
                 dollars_per_hour=None, cost_so_far=None, last_use=ago(minutes=2)),
        resource("training-job", "dogs-resnet50-ddp-2", "Failed", size="2 × ml.m5.2xlarge", created=ago(hours=3),
                 cost_so_far=1.11, last_use=ago(hours=3)),
        resource("role", "SageDeckTraining-dogs", "", created=ago(days=34)),
    )  # fmt: skip


_ACTIONS: dict[Kind, IdleAction] = {"endpoint": "park", "instance": "stop", "notebook": "stop", "volume": "delete"}


class FakeInventory:
    """The same methods as ``InventoryService``. Set ``rows`` and ``unread``; ``did`` has what was carried out.

    ``answered`` is awaited before a reading answers; ``error`` is raised by everything that asks the account.
    """

    def __init__(self, rows: Sequence[Resource] = (), unread: Sequence[KindRead] = ()) -> None:
        self.rows: tuple[Resource, ...] = tuple(rows)
        self.unread: tuple[KindRead, ...] = tuple(unread)
        self.known = Inventory()
        self.reads = ReadAccount(calls=42, metrics=12, dollars=0.00012, dollars_last_hour=0.00012)
        self.missing: tuple[str, ...] = ()
        self.did: list[tuple[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.error: Exception | None = None
        self.answered: Callable[[], Awaitable[None]] | None = None

    async def _asked(self, what: str, value: Any = None) -> None:
        self.asked.append((what, value))
        if self.answered is not None:
            await self.answered()
        if self.error is not None:
            raise self.error

    async def refresh(self, kinds: Collection[Kind] = ()) -> AsyncIterator[Changes]:
        await self._asked("refresh", kinds)
        wanted = kinds or ALL_KINDS
        unread = {kind.kind: kind for kind in self.unread}
        for kind in wanted:
            old, new = by_key(self.known.of(kind)), by_key(row for row in self.rows if row.kind == kind)
            read = unread.get(kind, KindRead(kind, len(new), datetime.now(UTC)))
            kept = old if kind in unread else new
            changes = Changes(
                tuple(row for key, row in kept.items() if key not in old),
                tuple(row for key, row in kept.items() if key in old and old[key] != row),
                tuple(key for key in old if key not in kept),
                (read,),
            )
            others = tuple(row for row in self.known.resources if row.kind != kind)
            reads = tuple(other for other in self.known.kinds if other.kind != kind)
            self.known = Inventory((*others, *kept.values()), (*reads, read), datetime.now(UTC))
            yield changes

    async def read(self, kinds: Collection[Kind] = ()) -> Inventory:
        async for _ in self.refresh(kinds):
            pass
        return self.known

    async def look_closer(self, keys: Collection[tuple[Kind, str]]) -> Changes:
        await self._asked("look_closer", tuple(keys))
        return Changes()

    def polling_per_hour(self, keys: Collection[tuple[Kind, str]], seconds: float) -> float:
        return len(keys) * 3600 / seconds * 0.01 / 1000

    async def costs(self) -> CostFigures:
        await self._asked("costs")
        now = sum(row.dollars_per_hour or 0.0 for row in self.rows)
        billing = sum(bool(row.bills) for row in self.rows)
        return CostFigures(datetime.now(UTC), now, 24.9, 214.6, 592.0, 21.1, 155.0, billing, self.missing)

    async def history(self, span: timedelta) -> CostHistory:
        await self._asked("history", span)
        start, step = NOW - span, span / 24
        points = tuple(
            CostPoint(
                start + at * step,
                {"Endpoints": 0.7 if at < 6 else 1.2, "EC2": 0.17, "Training": 1.4 if at in (14, 15) else 0.0,
                 "Other": 0.07},
            )
            for at in range(24)
        )  # fmt: skip
        event = CostEvent(start + 14 * step, "tuning, 3 at a time", "tuning-job", "dogs-tuning-1409", 1.383)
        return CostHistory(start, NOW, points, (event,), self.missing)

    async def billed(self, days: int = 30) -> Billed:
        await self._asked("billed", days)
        services = (("Amazon SageMaker", 180.0), ("EC2 - Other", 30.2))
        return Billed(NOW - timedelta(days=days), NOW, 210.2, services)

    async def idle(self, rules: Sequence[IdleRule] = DEFAULT_RULES) -> IdleReport:
        await self._asked("idle", tuple(rules))
        by_kind = {rule.kind: rule for rule in reversed(rules) if rule.on}
        return IdleReport(
            tuple(
                IdleFinding(
                    by_kind[row.kind].id, row, row.idle, row.last_use, (row.dollars_per_hour or 0.0) * 730,
                    _ACTIONS.get(row.kind, "delete"), f"{row.name} is switched off.", f"aws … {row.name}",
                )
                for row in self.rows
                if row.idle and row.kind in by_kind
            )
        )  # fmt: skip

    async def settle(self, finding: IdleFinding, rules: Sequence[IdleRule] = ()) -> str:
        await self._asked("settle", finding)
        self.did.append((finding.action, finding.resource.key))
        self.rows = tuple(row for row in self.rows if row.key != finding.resource.key)
        return f"{finding.resource.name}: done."

    async def tear_down_plan(self, choice: TearDownChoice | None = None) -> TearDownPlan:
        choice = choice or TearDownChoice()
        await self._asked("tear_down_plan", choice)
        goes = [row for row in self.rows if (choice.everything or row.ours) and row.key not in choice.keep]
        goes = [row for row in goes if row.kind != "bucket" or choice.buckets]
        order = list(ALL_KINDS)
        goes.sort(key=lambda row: order.index(row.kind))
        stays = tuple(Stays(row, "you kept it") for row in self.rows if row not in goes)
        steps = tuple(TearDownStep(row, "Delete", order.index(row.kind), cli=f"aws … {row.name}") for row in goes)
        saves = sum(row.dollars_per_hour or 0.0 for row in goes)
        return TearDownPlan(choice, steps, stays, self.unread, "123456789012", saves, 16812, 2_410_000_000)

    async def tear_down(self, plan: TearDownPlan) -> AsyncIterator[TearDownProgress]:
        await self._asked("tear_down", plan)
        steps = list(plan.steps)
        for at, step in enumerate(steps):
            steps[at] = replace(step, state="doing")
            yield TearDownProgress(tuple(steps), f"Deleting {step.resource.name}")
            steps[at] = replace(step, state="deleted")
            self.did.append(("delete", step.resource.key))
            self.rows = tuple(row for row in self.rows if row.key != step.resource.key)
        yield TearDownProgress(tuple(steps), "Done.", ended=True)

    async def proof(self) -> Proof:
        await self._asked("proof")
        return Proof(NOW, self.rows, self.unread, ALL_KINDS)
