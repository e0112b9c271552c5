"""A tear-down over the account: the plan from a fresh reading, the run, and the proof by another fresh reading."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from workers.aws.tags import made_by_sagedeck
from workers.errors.tree import SageDeckError
from workers.inventory.asking import Asking
from workers.inventory.closer import contents, counted, read_tags
from workers.inventory.kinds import JOB_KINDS, KINDS, Kind
from workers.inventory.rates import Rates
from workers.inventory.stock import Stock
from workers.inventory.teardown.plan import GONE, RUNNING, Owners, make_plan
from workers.inventory.teardown.run import Hands, TearDown
from workers.inventory.types import (
    Inventory,
    KindRead,
    Proof,
    Resource,
    TearDownChoice,
    TearDownPlan,
    TearDownProgress,
    TearDownStep,
)

Key = tuple[Kind, str]
# Another one may be made under the name of these: it is told by when it was made.
_NAMED: frozenset[Kind] = frozenset(
    {"endpoint", "endpoint-config", "model", "notebook", "bucket", "log-group", "role", "instance-profile"}
)
# Their details name the role that they work with.
_WITH_ROLE: frozenset[Kind] = frozenset({"training-job", "processing-job"})


class Demolition:
    """Plans, carries out and proves. ``stock`` is the account's."""

    def __init__(self, ask: Asking, rates: Rates, stock: Stock, hands: Hands) -> None:
        self._ask, self._rates, self._stock, self._hands = ask, rates, stock, hands

    async def plan(self, choice: TearDownChoice) -> TearDownPlan:
        """What would go, from a reading of now. Raises ``SageDeckError`` when nothing can be asked."""
        inventory = await _read(self._stock)
        if not choice.everything:
            await self._read_tags(inventory)
            inventory = self._stock.inventory
        roles = await self._roles(inventory)
        return make_plan(
            inventory,
            choice,
            self._ask.clock.account,
            self._rates.region,
            lambda row: roles.get(row.key, ()),
            await self._contents(inventory, choice),
        )

    async def run(self, plan: TearDownPlan) -> AsyncGenerator[TearDownProgress, None]:
        """Carry it out on what is still as it was when the plan was made."""
        inventory = await _read(self._stock)
        rows = {row.key: row for row in inventory.resources}
        unread = {read.kind for read in inventory.unread}
        steps = [_as_it_is(step, rows, step.resource.kind in unread) for step in plan.steps]
        async with aclosing(TearDown(self._hands, steps).run()) as progress:
            async for state in progress:
                yield state

    async def proof(self) -> Proof:
        """List everything anew, with nothing kept from before, and look into every bucket."""
        stock = Stock(Asking(self._ask.session, self._ask.clock), self._rates, self._stock.readers)
        inventory = await _read(stock)
        left = [row for row in inventory.resources if row.state not in GONE]
        looked, unread = [], list(inventory.unread)
        async for row, found in self._ask.each(
            [row for row in left if row.kind == "bucket"],
            lambda row: contents(self._ask, self._rates, row.name, most=1),
        ):
            if isinstance(found, SageDeckError):
                unread += [] if any(read.kind == "bucket" for read in unread) else [KindRead("bucket", error=found)]
                looked.append(row)
            elif found is not None:
                looked.append(replace(row, **found))
        kept = tuple(row for row in left if row.kind != "bucket")
        # A list without its details leaves open what is paid for.
        unread += [read for read in inventory.kinds if read.partial]
        return Proof(self._ask.clock.now(), (*kept, *looked), tuple(unread), stock.kinds)

    async def _read_tags(self, inventory: Inventory) -> None:
        """Read the tags where only they can tell who made a resource: nothing that owns it is known, either."""
        owners = Owners(inventory)
        unknown = [row for row in inventory.resources if row.ours is None and owners.of(row) is None]
        unknown = [row for row in unknown if row.kind not in JOB_KINDS or row.in_use or row.bills]
        learned: dict[Key, dict[str, object]] = {}
        async for row, tags in self._ask.each(unknown, lambda row: read_tags(self._ask, row)):
            if isinstance(tags, dict):
                ours = made_by_sagedeck({"Key": key, "Value": value} for key, value in tags.items())
                learned[row.key] = {"tags": tags, "ours": ours}
        await self._stock.learn(learned)

    async def _roles(self, inventory: Inventory) -> dict[Key, tuple[str, ...] | None]:
        """The roles that each resource uses; ``None`` where they may not be read."""
        found: dict[Key, tuple[str, ...] | None] = {}
        for row in inventory.resources:
            if row.facts.get("role"):
                found[row.key] = (row.facts["role"],)
            elif "role" not in row.facts and (row.kind == "notebook" or (row.kind in _WITH_ROLE and _runs(row))):
                # Its details could not be read.
                found[row.key] = None
        profiles = {row.id: tuple(part for _, part in row.parts) for row in inventory.of("instance-profile")}
        for row in inventory.of("instance"):
            profile = row.facts.get("profile", "")
            found[row.key] = profiles.get(profile) if profile else ()
        tuning = [row for row in inventory.of("tuning-job") if _runs(row)]
        async for row, answer in self._ask.each([*inventory.of("model"), *tuning], self._described):
            if answer is not None:
                # Empty where it may not be read.
                found[row.key] = _roles_in(answer) if isinstance(answer, dict) and answer else None
        return found

    async def _described(self, row: Resource) -> dict[str, object]:
        kept, doing = (row.id, row.created), f"read the {KINDS[row.kind].one.lower()} {row.name}"
        if row.kind == "model":
            return await self._ask.once(kept, "sagemaker", "describe_model", doing, ModelName=row.name)
        operation = "describe_hyper_parameter_tuning_job"
        return await self._ask.once(kept, "sagemaker", operation, doing, HyperParameterTuningJobName=row.name)

    async def _contents(self, inventory: Inventory, choice: TearDownChoice) -> tuple[int, int] | None:
        """Objects and bytes of the buckets that may go; ``None`` when they are too many to be counted, or unknown."""
        if not choice.buckets:
            return None
        rows = [row for row in inventory.of("bucket") if row.key not in choice.keep]
        if not choice.everything:
            owners = Owners(inventory)
            rows = [row for row in rows if owners.of(row)]
        objects = size = 0
        async for _, found in self._ask.each(rows, lambda row: counted(self._ask, row.name)):
            if found is None:
                continue
            if isinstance(found, SageDeckError) or not found[2]:
                return None
            objects, size = objects + found[0], size + found[1]
        return objects, size


def _runs(row: Resource) -> bool:
    return row.state in RUNNING


def _roles_in(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles that a model or a tuning job names."""
    definitions = (answer.get("TrainingJobDefinition"), *answer.get("TrainingJobDefinitions", ()))
    named = (answer.get("ExecutionRoleArn"), *(each.get("RoleArn") for each in definitions if each))
    return tuple(role for role in named if role)


def _as_it_is(step: TearDownStep, rows: dict[Key, Resource], unread: bool) -> TearDownStep:
    """The step for what is there now: gone before, or another one under the same name, which nobody agreed to."""
    planned = step.resource
    row = rows.get(planned.key)
    if row is None:
        return step if unread else replace(step, state="gone", note="")
    if planned.kind in _NAMED and row.created != planned.created:
        return replace(step, state="failed", note="another one of this name was made since the plan")
    return replace(step, resource=row)


async def _read(stock: Stock) -> Inventory:
    async with aclosing(stock.refresh()) as steps:
        async for _ in steps:
            pass
    return stock.inventory
