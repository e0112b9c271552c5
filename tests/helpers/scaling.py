"""A stand-in for ``workers.scaling.service.Scaling``: variants and functions that a test sets."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.errors.tree import NotFound
from workers.parking.scaling import SCHEDULE_MEMBERS, only
from workers.prices.table import HOURS_PER_MONTH, PriceTable
from workers.scaling.plan import Plan, PlanInput, make_plan, provisioned_month
from workers.scaling.probe import Level, ProbeResult
from workers.scaling.reading import policy_of
from workers.scaling.schedules import action_arguments
from workers.scaling.snapshots import Snapshot
from workers.scaling.types import (
    METRIC,
    Activity,
    Alarm,
    Capacity,
    FunctionRow,
    FunctionScaling,
    NotScaled,
    Policy,
    Pool,
    Provisioned,
    Qualifier,
    Scalable,
    Schedule,
    Suspended,
    Target,
    Variant,
    VariantFigures,
    VariantScaling,
    VariantSettings,
)

NOW = datetime.now(UTC)
PREFIX = "TargetTracking-endpoint/dog-classifier-multi/variant/AllTraffic"


def activity(minutes: int, to: int, side: str = "High", status: str = "Successful", **changes: Any) -> Activity:
    """An activity that began so many minutes ago and took 221 s."""
    started = NOW - timedelta(minutes=minutes)
    base: dict[str, Any] = {
        "id": f"activity-{minutes}",
        "started": started,
        "ended": started + timedelta(seconds=221),
        "status": status,
        "description": f"Setting desired instance count to {to}.",
        "cause": f"monitor alarm {PREFIX}-Alarm{side}-7c1d in state ALARM triggered policy Invocations",
    }
    return Activity(**base | changes)


class FakeScaling:
    """The same methods as ``Scaling``, over lists."""

    def __init__(self) -> None:
        self._prices = PriceTable.load()
        self.variant_rows: list[Variant] = []
        self.function_rows: list[FunctionRow] = []
        self.found: dict[str, VariantScaling] = {}
        self.reserved: dict[str, int] = {}
        self.warm: dict[str, tuple[Provisioned, ...]] = {}
        self.qualifiers: dict[str, tuple[Qualifier, ...]] = {}
        self.series = VariantFigures()
        self.pool = Pool(1000, 942)
        self.error: Exception | None = None
        self.answered: Callable[[], Awaitable[None]] | None = None
        self.did: list[tuple[Any, ...]] = []
        self.variants, self.concurrency, self.figures = _Variants(self), _Concurrency(self), _Figures(self)
        self.probed: list[ProbeResult] = []
        self.prober = _Prober(self)
        self.schedules, self.snapshots = _Schedules(self), _Snapshots(self)
        # What there is no more, and what was made again under its name, by resource.
        self.gone: set[str] = set()
        self.remade: dict[str, str] = {}
        self.actions: dict[str, tuple[Schedule, ...]] = {}
        self.targets: dict[str, Target] = {}

    async def identity(self, scalable: Scalable) -> str:
        if scalable.resource in self.gone:
            raise NotFound("Could not read it", f"{scalable.id} is not there.", code="ValidationException")
        return self.remade.get(scalable.resource, "made on Monday")

    def per_hour(self, variant: Variant) -> float | None:
        return self._prices.per_hour(variant.instance_type, "hosting", "us-east-1")

    def per_month(self, variant: Variant, instances: int) -> float | None:
        price = self.per_hour(variant)
        return None if price is None else price * instances * HOURS_PER_MONTH

    def warm_month(self, count: int, memory_mb: int) -> float | None:
        return provisioned_month(count, memory_mb, self._prices.function_prices("us-east-1"))

    def plan(self, given: PlanInput, variant: Variant, memory_mb: int | None = None) -> Plan:
        return make_plan(given, self.per_hour(variant), self._prices.function_prices("us-east-1"), memory_mb)


class _Part:
    def __init__(self, whole: FakeScaling) -> None:
        self._whole = whole

    def _did(self, *what: Any) -> None:
        if self._whole.error is not None:
            raise self._whole.error
        self._whole.did.append(what)


class _Variants(_Part):
    async def all(self) -> tuple[Variant, ...]:
        if self._whole.answered is not None:
            await self._whole.answered()
        return tuple(self._whole.variant_rows)

    async def describe(self, variant: Variant) -> VariantScaling:
        found = self._whole.found.get(variant.id) or VariantScaling(variant, None)
        return replace(found, variant=variant, schedules=self._whole.actions.get(variant.resource, ()))

    async def apply(self, variant: Variant, settings: VariantSettings, policy: str = "p") -> None:
        self._did("apply", variant.id, settings)
        before = await self.describe(variant)
        made = Policy(policy, "TargetTrackingScaling", settings.target, METRIC, settings.out_wait, settings.in_wait)
        target = Target(settings.minimum, settings.maximum, before.target.suspended if before.target else Suspended())
        self._whole.found[variant.id] = replace(before, target=target, policies=(made,))

    async def suspend(self, variant: Variant, suspended: Suspended) -> None:
        self._did("suspend", variant.id, suspended)
        before = await self.describe(variant)
        assert before.target is not None
        self._whole.found[variant.id] = replace(before, target=replace(before.target, suspended=suspended))

    async def remove(self, variant: Variant) -> None:
        self._did("remove", variant.id)
        self._whole.found[variant.id] = VariantScaling(variant, None)
        self._whole.actions.pop(variant.resource, None)

    async def set_capacities(self, endpoint: str, wanted: Sequence[Capacity]) -> None:
        self._did("counts", endpoint, tuple(wanted))
        changed = {capacity.name: capacity for capacity in wanted}
        self._whole.variant_rows = [
            with_capacity(row, changed[row.name]) if row.endpoint == endpoint and row.name in changed else row
            for row in self._whole.variant_rows
        ]

    async def capacities(self, endpoint: str, like: Sequence[Capacity]) -> tuple[Capacity, ...]:
        found = {row.name: row for row in self._whole.variant_rows if row.endpoint == endpoint}
        if any(wanted.name not in found for wanted in like):
            raise NotFound("Could not read the instances", f"{endpoint} has no such variant any more.")
        return tuple(wanted.as_it_is(found[wanted.name]) for wanted in like)

    async def identity(self, endpoint: str, names: Sequence[str]) -> str:
        found = [row.name for row in self._whole.variant_rows if row.endpoint == endpoint]
        if any(name not in found for name in names):
            raise NotFound("Could not read the endpoint", f"{endpoint} has no such variant any more.")
        return "made on Monday"


class _Snapshots(_Part):
    """Over the same values as the others: what a snapshot has in AWS's members is read from them and put into them."""

    async def read(self, scalable: Scalable) -> Snapshot:
        whole = self._whole
        found = next((kept for kept in whole.found.values() if kept.variant.resource == scalable.resource), None)
        target = found.target if found is not None else whole.targets.get(scalable.resource)
        if target is None:
            return Snapshot()
        return Snapshot(
            {
                "MinCapacity": target.minimum,
                "MaxCapacity": target.maximum,
                "SuspendedState": target.suspended.arguments,
            },
            tuple(
                {
                    "PolicyName": policy.name,
                    "PolicyType": policy.kind,
                    "TargetTrackingScalingPolicyConfiguration": {
                        "TargetValue": policy.value,
                        "PredefinedMetricSpecification": {"PredefinedMetricType": policy.metric},
                        "ScaleOutCooldown": policy.out_wait,
                        "ScaleInCooldown": policy.in_wait,
                        "DisableScaleIn": policy.scale_in_off,
                    },
                }
                for policy in (found.policies if found is not None else ())
            ),
            tuple(
                only(action_arguments(scalable, action), SCHEDULE_MEMBERS)
                for action in whole.actions.get(scalable.resource, ())
            ),
        )

    async def write(self, scalable: Scalable, wanted: Snapshot, policy: str = "") -> tuple[str, ...]:
        self._did("write", scalable.id, wanted, policy)
        whole = self._whole
        name = next((id for id, kept in whole.found.items() if kept.variant.resource == scalable.resource), None)
        rows = [row for row in whole.variant_rows if row.resource == scalable.resource]
        assert rows or name is not None
        variant = whole.found[name].variant if name is not None else rows[0]
        kept = await self.read(scalable) if policy else wanted
        policies = [found for found in kept.policies if policy and found["PolicyName"] != policy]
        made = tuple(policy_of(found) for found in (*policies, *wanted.policies))
        whole.found[variant.id] = VariantScaling(variant, wanted.limits, made if wanted.target else ())
        if not policy:
            whole.actions[scalable.resource] = tuple(
                replace(action, resource=scalable.resource) for action in wanted.actions
            )
        return ()


class _Concurrency(_Part):
    async def functions(self) -> tuple[FunctionRow, ...]:
        if self._whole.answered is not None:
            await self._whole.answered()
        return tuple(self._whole.function_rows)

    async def describe(self, row: FunctionRow) -> FunctionScaling:
        whole = self._whole
        warm, names = whole.warm.get(row.name, ()), whole.qualifiers.get(row.name, ())
        actions = tuple(
            action for found in whole.actions.values() for action in found if f"function:{row.name}:" in action.resource
        )
        reserved = whole.reserved.get(row.name)
        return FunctionScaling(row.name, row.memory_mb, whole.pool, reserved, warm, names, 7.0, actions)

    async def reserved(self, name: str) -> int | None:
        return self._whole.reserved.get(name)

    async def provisioned(self, name: str) -> tuple[Provisioned, ...]:
        return self._whole.warm.get(name, ())

    async def reserve(self, name: str, count: int) -> None:
        self._did("reserve", name, count)
        self._whole.reserved[name] = count

    async def unreserve(self, name: str) -> None:
        self._did("unreserve", name)
        self._whole.reserved.pop(name)

    async def provide(self, name: str, count: int, qualifier: str = "") -> str:
        self._did("provide", name, count, qualifier)
        self._whole.warm[name] = (Provisioned(qualifier or "live", count, 0, 0, "IN_PROGRESS"),)
        return qualifier or "live"

    async def unprovide(self, name: str, qualifier: str) -> None:
        self._did("unprovide", name, qualifier)
        self._whole.warm.pop(name)


class _Figures(_Part):
    async def of(self, variant: Variant, span: timedelta, activities: Any = (), now: Any = None) -> VariantFigures:
        return self._whole.series


class _Schedules(_Part):
    async def put(self, scalable: Scalable, action: Schedule, limits: Target | None = None) -> None:
        self._did("schedule", scalable.id, action, limits)
        action = replace(action, resource=scalable.resource)
        actions = self._whole.actions
        if limits is not None:
            self._whole.targets.setdefault(scalable.resource, limits)
        others = [kept for kept in actions.get(scalable.resource, ()) if kept.name != action.name]
        actions[scalable.resource] = (*others, action)

    async def delete(self, scalable: Scalable, name: str, *, tidy: bool = False) -> None:
        self._did("unschedule", scalable.id, name, tidy)
        left = [kept for kept in self._whole.actions.get(scalable.resource, ()) if kept.name != name]
        self._whole.actions[scalable.resource] = tuple(left)
        if tidy and not left:
            self._whole.targets.pop(scalable.resource, None)

    async def of(self, scalable: Scalable) -> tuple[Schedule, ...]:
        return self._whole.actions.get(scalable.resource, ())

    async def target(self, scalable: Scalable) -> Target | None:
        return self._whole.targets.get(scalable.resource)


def with_capacity(row: Variant, wanted: Capacity) -> Variant:
    """The variant with these instances and this weight."""
    return replace(
        row,
        desired=row.desired if wanted.count is None else wanted.count,
        weight=row.weight if wanted.weight is None else wanted.weight,
    )


class _Prober(_Part):
    async def probe(self, variant: Variant, picture: str = "", on_progress: Any = None) -> ProbeResult:
        self._did("probe", variant.id, picture)
        for found in self._whole.probed[:-1]:
            on_progress(found)
            await asyncio.sleep(0)
        if self._whole.answered is not None:
            await self._whole.answered()
        return self._whole.probed[-1]


def probed() -> ProbeResult:
    """Flat at 4 at a time: 8 a second of 500 ms each."""
    return ProbeResult(
        (
            Level(1, 12, 0, 4.0, 0.25, 0.24, 0.3),
            Level(2, 12, 0, 6.5, 0.308, 0.3, 0.36),
            Level(4, 20, 0, 8.0, 0.5, 0.5, 0.6),
            Level(8, 40, 0, 8.1, 0.99, 1.0, 1.2),
        ),
        "flat",
        85,
    )


def wave() -> VariantFigures:
    """An hour in which one instance became two."""
    minutes = [NOW.replace(second=0, microsecond=0) - timedelta(minutes=59 - at) for at in range(60)]
    calls = [
        20 + 6 * math.sin(at / 5) + (45 * math.exp(-(((at - 34) / 5) ** 2)) if at < 36 else 22) for at in range(60)
    ]
    number = [1.0 if at < 36 else 2.0 for at in range(60)]
    slow = [220 + load for load in calls]
    return VariantFigures(
        per_instance=tuple((at, load / of) for at, load, of in zip(minutes, calls, number, strict=True)),
        p50=tuple((at, value) for at, value in zip(minutes, slow, strict=True)),
        p90=tuple((at, value * 1.2) for at, value in zip(minutes, slow, strict=True)),
        p99=tuple((at, value * 1.7) for at, value in zip(minutes, slow, strict=True)),
        instances=tuple(zip(minutes, number, strict=True)),
        calls=tuple(zip(minutes, calls, strict=True)),
    )


def scaled_account() -> FakeScaling:
    """An endpoint that scales, one that is fixed, and two functions."""
    scaling = FakeScaling()
    main = Variant("dog-classifier-multi", "AllTraffic", "InService", "ml.m5.xlarge", 2, 2)
    fixed = Variant("dogs-0920-with-all-the-breeds-and-a-long-name", "AllTraffic", "InService", "ml.t2.medium", 1, 1)
    scaling.variant_rows = [main, fixed]
    policy = Policy("Invocations", "TargetTrackingScaling", 30.0, METRIC, 60, 300, False, (f"{PREFIX}-AlarmHigh-7c1d",))
    scaling.found[main.id] = VariantScaling(
        main,
        Target(1, 4),
        (policy,),
        (),
        (
            activity(24, 2),
            activity(90, 4, not_scaled=(NotScaled("AlreadyAtMaxCapacity", 4, 1, 4),), description=""),
            activity(150, 1, "Low"),
            activity(330, 3, status="Failed", message="ResourceLimitExceeded: 2 of 2 instances", ended=None),
        ),
        (
            Alarm(f"{PREFIX}-AlarmHigh-7c1d", "high", 30.0, 3, "OK"),
            Alarm(f"{PREFIX}-AlarmLow-7c1d", "low", 27.0, 15, "OK"),
        ),
    )
    night = Schedule("nights", "cron(0 22 * * ? *)", "UTC", 1, 1, main.resource)
    scaling.actions[main.resource] = (night,)
    scaling.series = wave()
    scaling.function_rows = [FunctionRow("dog-predict", 512), FunctionRow("thumbs", 128)]
    scaling.reserved["dog-predict"] = 20
    scaling.qualifiers["dog-predict"] = (Qualifier("live", "3"), Qualifier("3"))
    scaling.warm["dog-predict"] = (Provisioned("live", 4, 4, 3, "READY"),)
    return scaling
