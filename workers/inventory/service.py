"""The overview of one account: what exists, what it costs, what is idle, and taking it down.

From a script::

    services = Services(backend)
    inventory = await services.inventory.read()
    for resource in inventory.billing:
        print(resource.kind, resource.name, resource.dollars_per_hour)
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta

from workers.audit.trail import Trail
from workers.aws.meter import METRIC
from workers.aws.session import AwsSession
from workers.endpoints.service import Endpoints
from workers.errors.tree import Expired
from workers.functions.service import Functions
from workers.inventory.asking import AccountClock, Asking
from workers.inventory.closer import Closer
from workers.inventory.costs import Ledger, Spending, figures, history, month_start
from workers.inventory.explorer import explored
from workers.inventory.idle import judge, unjudged
from workers.inventory.kinds import JOB_KINDS, Kind
from workers.inventory.parked import ParkedRows
from workers.inventory.past import with_past
from workers.inventory.past_reading import PastReader
from workers.inventory.rates import Rates
from workers.inventory.region import region_error
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.settle import Settling, changed
from workers.inventory.stock import Stock
from workers.inventory.teardown.deleting import Deleting
from workers.inventory.teardown.demolition import Demolition
from workers.inventory.types import (
    Billed,
    Changes,
    CostFigures,
    CostHistory,
    IdleFinding,
    IdleReport,
    IdleRule,
    Inventory,
    Proof,
    ReadAccount,
    Resource,
    TearDownChoice,
    TearDownPlan,
    TearDownProgress,
)
from workers.inventory.usage import Reading, read_uses
from workers.parking.service import Parking
from workers.prices.table import PriceTable

ENDED_KINDS: tuple[Kind, ...] = ("training-job", "processing-job", "transform-job")
# Each is one call; the next time the rest is read.
JOBS_AT_ONCE = 200
# The rules' metrics are read again after this.
IDLE_SECONDS = 300.0


class InventoryService:
    """Everything of one account, for as long as it is connected. What cannot be read is told in the values."""

    def __init__(
        self,
        session: AwsSession,
        prices: PriceTable,
        endpoints: Endpoints,
        functions: Functions,
        parking: Parking,
        trail: Trail | None = None,
    ) -> None:
        """``trail`` tells of what is not there any more; left out, only what is seen while connected is known."""
        self._session = session
        self._clock = AccountClock(session)
        self._ask = Asking(session, self._clock)
        self._rates = Rates(prices, session.region)
        self._stock = Stock(self._ask, self._rates)
        self._ledger = Ledger()
        self._past = PastReader(trail, self._rates)
        self._closer = Closer(self._ask, self._rates)
        parked = ParkedRows(session, endpoints, parking)
        self._stock.add(parked.reader)
        self._settling = Settling(session, parking, parked)
        self._hands = Deleting(session, endpoints, functions, parking, parked)
        self._demolition = Demolition(self._ask, self._rates, self._stock, self._hands)
        self._judged_by: tuple[IdleRule, ...] = ()
        self._uses: Reading | None = None
        self._uses_at, self._uses_of = 0.0, frozenset[tuple[Kind, str]]()

    @property
    def known(self) -> Inventory:
        """All that has been read so far. No call."""
        return self._stock.inventory

    @property
    def reads(self) -> ReadAccount:
        """What SageDeck itself has asked of the account, and what AWS bills for it. No call."""
        meter = self._session.meter
        return ReadAccount(meter.calls, meter.metrics, meter.cost_pages, meter.dollars, meter.dollars_last_hour)

    async def refresh(self, kinds: Collection[Kind] = ()) -> AsyncIterator[Changes]:
        """Read these kinds (all, when none are given) and yield what changed, kind by kind as the answers arrive.

        Costs nothing on AWS. A kind that cannot be read is told in ``Changes.kinds``, and its old rows stay; it never
        raises for one. Raises ``Expired`` or ``Unreachable`` when nothing at all can be asked, ``Conflict`` when the
        region is switched off.
        """
        try:
            async with aclosing(self._stock.refresh(kinds)) as steps:
                async for changes in steps:
                    yield changes
        except Expired as error:
            raise await region_error(self._session, error) from error
        inventory, now = self._stock.inventory, self._clock.now()
        await self._ask.apart(len(inventory.resources), lambda: self._ledger.see(inventory, now))

    async def read(self, kinds: Collection[Kind] = ()) -> Inventory:
        """Like ``refresh``, all at once. Raises the same."""
        async for _ in self.refresh(kinds):
            pass
        return self._stock.inventory

    async def look_closer(self, keys: Collection[tuple[Kind, str]]) -> Changes:
        """Read last use and tags of these (those in sight): metrics, which AWS bills (``polling_per_hour``).

        What was read within a minute is not read again. Never raises for one resource.
        """
        await self._stock.details(keys)
        rows = [row for key in keys if (row := self._stock.row(key))]
        return await self._stock.learn(await self._closer.look(rows))

    def polling_per_hour(self, keys: Collection[tuple[Kind, str]], seconds: float) -> float:
        """US dollars an hour that AWS bills for calling ``look_closer`` with these every so many seconds. No call."""
        rows = [row for key in keys if (row := self._stock.row(key))]
        return self._closer.metrics(rows) * METRIC * 3600 / seconds

    async def costs(self) -> CostFigures:
        """Now, today, this month, the month's end. Costs nothing on AWS. Reads the account if nobody did before.

        Raises ``SageDeckError`` when nothing at all can be asked.
        """
        now, items, missing = await self._spendings(month_start(self._clock.now()))
        inventory = self._stock.inventory
        return await self._ask.apart(len(items), lambda: figures(inventory, items, now, missing))

    async def history(self, span: timedelta) -> CostHistory:
        """Dollars an hour over the last ``span`` with what happened. Costs nothing on AWS."""
        now, items, missing = await self._spendings(self._clock.now() - span)
        return await self._ask.apart(len(items), lambda: history(items, now - span, now, missing))

    async def _spendings(self, since: datetime) -> tuple[datetime, list[Spending], list[str]]:
        """What is known of the time since then, reading jobs that ended in it, some hundred at a time."""
        if not self._stock.inventory.kinds:
            await self.read()
        ended = [
            row.key
            for row in self._stock.inventory.of(*ENDED_KINDS)
            if not row.in_use and not row.spans and (row.ended or row.created or since) >= since
        ]
        await self._stock.details(ended[:JOBS_AT_ONCE])
        left = len(ended) - JOBS_AT_ONCE
        missing = [f"{left:,} jobs that have ended are not added up yet."] if left > 0 else []
        untold = await self._past.read(since)
        if untold:
            missing.append(untold)
        now, inventory = self._clock.now(), self._stock.inventory
        items = await self._ask.apart(
            len(inventory.resources),
            lambda: with_past(inventory.resources, self._ledger.spendings(inventory), self._past.spendings(), now),
        )
        return now, items, missing

    async def billed(self, days: int = 30) -> Billed:
        """What Cost Explorer says of the last days. AWS bills $0.01 a page: only on a click.

        Raises ``SageDeckError``.
        """
        return await explored(self._session, self._clock.now(), days)

    async def idle(self, rules: Sequence[IdleRule] = DEFAULT_RULES) -> IdleReport:
        """What these rules find in what was read. Reads the metrics that they need, which AWS bills, at most once in
        five minutes. What cannot be judged is told in ``IdleReport.unknown``.
        """
        if not self._stock.inventory.kinds:
            await self.read()
        self._judged_by = tuple(rules)
        wanted = {rule.kind for rule in rules if rule.on}
        rows = [row for row in self._stock.inventory.resources if row.kind in wanted]
        asked = [row for row in rows if row.kind in {rule.kind for rule in rules if rule.on and _asks(rule)}]
        keys = frozenset(row.key for row in asked)
        if self._uses is None or time.monotonic() - self._uses_at > IDLE_SECONDS or not keys <= self._uses_of:
            self._uses = await read_uses(self._ask, asked, judging=True)
            self._uses_at, self._uses_of = time.monotonic(), keys
        return await self._report(rows, self._uses, rules)

    async def _report(self, rows: Sequence[Resource], reading: Reading, rules: Sequence[IdleRule]) -> IdleReport:
        now = self._clock.now()
        findings = await self._ask.apart(len(rows), lambda: judge(rows, reading.uses, rules, now))
        reasons = {finding.resource.key: finding.reason for finding in findings}
        learned: dict[tuple[Kind, str], dict[str, object]] = {}
        for row in self._stock.inventory.resources:
            found: dict[str, object] = {"idle": reasons.get(row.key, "")}
            use = reading.uses.get(row.key)
            if use is not None:
                found |= {"last_use": use.last(now), "use_known": True}
            if any(getattr(row, name) != value for name, value in found.items()):
                learned[row.key] = found
        changes = await self._stock.learn(learned)
        unknown = [*reading.unknown, *unjudged(self._stock.inventory, {rule.kind for rule in rules if rule.on})]
        shown = [
            replace(finding, resource=self._stock.row(finding.resource.key) or finding.resource) for finding in findings
        ]
        return IdleReport(tuple(shown), tuple(unknown), changes)

    async def settle(self, finding: IdleFinding, rules: Sequence[IdleRule] = ()) -> str:
        """Do what a finding offers: park, stop, delete, release, set retention. Returns what was done, in words.

        It is asked once more whether the rule that found it holds: with the threshold of ``rules``, or of the last
        look for what is idle.

        Raises ``Conflict`` when the resource is another one now, or is used again, and ``SageDeckError``.
        """
        rule = next(rule for rule in (*rules, *self._judged_by, *DEFAULT_RULES) if rule.id == finding.rule)
        kept = finding.resource
        await self.read([kept.kind])
        row = self._stock.row(kept.key)
        if row is None:
            raise changed(kept.name)
        reading = await read_uses(self._ask, [row], judging=True)
        if not judge([row], reading.uses, [rule], self._clock.now()):
            raise changed(kept.name)
        done = await self._settling.carry_out(finding, rule)
        self._uses = None
        return done

    async def stop(self, job: Resource) -> None:
        """Ask for a job of any kind to be stopped; one that has ended is left as it is. Raises ``SageDeckError``."""
        if job.kind not in JOB_KINDS:
            raise ValueError(f"{job.kind} is no job")
        await self._hands.begin(job)

    async def tear_down_plan(self, choice: TearDownChoice = TearDownChoice()) -> TearDownPlan:  # noqa: B008
        """Read the account afresh, and say what would go, in which order, and what stays and why."""
        return await self._demolition.plan(choice)

    async def tear_down(self, plan: TearDownPlan) -> AsyncIterator[TearDownProgress]:
        """Carry the plan out and yield how far it is; the last one has ``ended``.

        Ends when everything is gone or cannot go. When it is cancelled, a new plan goes on where this one stopped: the
        state is in the account. One resource that cannot be deleted does not stop the others, unless they need it gone.
        """
        async with aclosing(self._demolition.run(plan)) as steps:
            async for progress in steps:
                yield progress

    async def proof(self) -> Proof:
        """A fresh listing of what is left, which proves that nothing bills, or says what may."""
        return await self._demolition.proof()


def _asks(rule: IdleRule) -> bool:
    return rule.needs_metrics or rule.kind == "notebook"
