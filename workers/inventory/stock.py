"""All rows of one account: read kind by kind at once, and what each step changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workers.aws.tags import CREATED_BY, CREATOR
from workers.errors.tree import SageDeckError, translate_for
from workers.inventory import kinds_compute, kinds_other, kinds_sagemaker
from workers.inventory.asking import PAGE, Asking
from workers.inventory.rates import Rates, shown, spent
from workers.inventory.reader import Reader
from workers.inventory.types import ALL_KINDS, KINDS, Changes, Inventory, Kind, KindRead, Resource

READERS: tuple[Reader, ...] = (*kinds_sagemaker.READERS, *kinds_compute.READERS, *kinds_other.READERS)
Key = tuple[Kind, str]
# Of a row that changed since its details were read, these are shown until they are read again.
_STILL_TRUE = ("size", "parts")


@dataclass
class _Kept:
    """Details of one row: of which version, when, and the fields."""

    version: str
    at: float
    fields: dict[str, Any]


@dataclass
class _State:
    """What is known, from which the rows are made."""

    listed: dict[Kind, dict[Key, Resource]] = field(default_factory=dict)
    details: dict[Key, _Kept] = field(default_factory=dict)
    learned: dict[Key, dict[str, Any]] = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)
    reads: dict[Kind, KindRead] = field(default_factory=dict)


class Stock:
    """The rows of one account. Reading is one at a time; what is known may be asked for at any time."""

    def __init__(
        self,
        ask: Asking,
        rates: Rates,
        readers: Iterable[Reader] = READERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._rates, self._monotonic = ask, rates, clock
        self._readers: dict[Kind, Reader] = {reader.kind: reader for reader in readers}
        self._state = _State()
        self._rows: dict[Key, Resource] = {}
        self._lock, self._composing = asyncio.Lock(), asyncio.Lock()

    def add(self, reader: Reader) -> None:
        """Read one more kind."""
        self._readers[reader.kind] = reader

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are read, in their order."""
        return tuple(kind for kind in ALL_KINDS if kind in self._readers)

    @property
    def readers(self) -> tuple[Reader, ...]:
        """How the kinds are read."""
        return tuple(self._readers.values())

    @property
    def inventory(self) -> Inventory:
        """All that is known now."""
        reads = tuple(self._state.reads[kind] for kind in ALL_KINDS if kind in self._state.reads)
        now = self._ask.clock.now() if reads else None
        return Inventory(tuple(self._rows.values()), reads, now, self._ask.clock.off)

    def row(self, key: Key) -> Resource | None:
        """One row as it is known."""
        return self._rows.get(key)

    async def refresh(self, kinds: Collection[Kind] = ()) -> AsyncGenerator[Changes, None]:
        """Read these kinds (all, when none are given); one ``Changes`` for every list and every set of details."""
        async with self._lock:
            await self._ask.clock.set()
            wanted = [kind for kind in self.kinds if not kinds or kind in kinds]
            told: asyncio.Queue[Changes | None] = asyncio.Queue()
            yield Changes(kinds=tuple(self._began(kind) for kind in wanted))
            tasks = [asyncio.ensure_future(self._read(self._readers[kind], told)) for kind in wanted]
            tasks.append(asyncio.ensure_future(self._read_ours(told)))
            try:
                left = len(tasks)
                while left:
                    changes = await told.get()
                    if changes is None:
                        left -= 1
                    elif changes or changes.kinds:
                        yield changes
            finally:
                for task in tasks:
                    task.cancel()

    async def details(self, keys: Iterable[Key]) -> Changes:
        """Read the details of these rows, unless they are known; rows that are gone are taken away."""
        found = Changes()
        for kind in self.kinds:
            rows = [row for key in keys if key[0] == kind and (row := self._rows.get(key))]
            reader = self._readers[kind]
            if rows and reader.detail:
                found = joined(
                    found, await self._read_details(reader, [row for row in rows if self._stale(reader, row)])
                )
        return found

    async def learn(self, found: Mapping[Key, Mapping[str, Any]]) -> Changes:
        """Take fields of rows that somebody else found out (last use, tags, idle)."""
        for key, fields in found.items():
            self._state.learned.setdefault(key, {}).update(fields)
        return await self._composed({kind for kind, _ in found})

    def _began(self, kind: Kind) -> KindRead:
        read = replace(self._state.reads.get(kind, KindRead(kind)), reading=True)
        self._state.reads[kind] = read
        return read

    async def _read(self, reader: Reader, told: asyncio.Queue[Changes | None]) -> None:
        kind = reader.kind
        try:
            rows = await reader.listed(self._ask, self._rates)
            self._state.listed[kind] = {row.key: row for row in rows}
            changes = await self._composed({kind})
            asked = [row for row in self._state.listed[kind].values() if self._asks(reader, row)]
            read = KindRead(kind, len(rows), self._ask.clock.now(), reading=bool(asked and reader.detail))
            told.put_nowait(replace(changes, kinds=self._note(read)))
            if read.reading:
                changes = await self._read_details(reader, asked)
                told.put_nowait(changes)
        except Exception as error:
            if isinstance(error, asyncio.CancelledError):
                raise
            told.put_nowait(Changes(kinds=self._note(self._failed(kind, error))))
        finally:
            told.put_nowait(None)

    def _failed(self, kind: Kind, error: Exception) -> KindRead:
        backend = getattr(self._ask.session, "backend", None)
        doing = f"list the {KINDS[kind].many.lower()}"
        told = error if isinstance(error, SageDeckError) or backend is None else translate_for(backend, error, doing)
        if not isinstance(told, SageDeckError):
            raise told
        before = self._state.reads.get(kind, KindRead(kind))
        return KindRead(kind, before.count, before.as_of, told)

    def _note(self, read: KindRead) -> tuple[KindRead, ...]:
        self._state.reads[read.kind] = read
        return (read,)

    def _asks(self, reader: Reader, row: Resource) -> bool:
        """Whether a row is to be asked about: its list does not tell all, or it changed since it was asked about."""
        return (reader.wants(row) or row.key in self._state.details) and self._stale(reader, row)

    def _stale(self, reader: Reader, row: Resource) -> bool:
        kept = self._state.details.get(row.key)
        version = self._state.listed.get(row.kind, {}).get(row.key, row).facts.get("version", "")
        return kept is None or kept.version != version or self._monotonic() - kept.at > reader.keep(row)

    async def _read_details(self, reader: Reader, rows: list[Resource]) -> Changes:
        """The details of these rows of one kind; what may not be read is told in the kind's ``partial``."""
        detail, refused, first = reader.detail, 0, None
        if detail is None:
            return Changes()
        async for row, found in self._ask.each(rows, lambda row: detail(self._ask, self._rates, row)):
            if found is None:
                self._state.listed.get(row.kind, {}).pop(row.key, None)
            elif isinstance(found, SageDeckError):
                refused, first = refused + 1, found
            else:
                self._state.details[row.key] = _Kept(row.facts.get("version", ""), self._monotonic(), found)
        read = replace(self._state.reads.get(reader.kind, KindRead(reader.kind)), reading=False, partial="")
        read = replace(read, count=len(self._state.listed.get(reader.kind, {})))
        if first is not None:
            words = KINDS[reader.kind]
            read = replace(read, partial=f"{refused:,} of {len(rows):,} {words.many.lower()} not known: {first.title}")
        return replace(await self._composed({reader.kind}), kinds=self._note(read))

    async def _read_ours(self, told: asyncio.Queue[Changes | None]) -> None:
        """What SageDeck made, by its tag: one call for a hundred. Where that is not allowed, row by row."""
        try:
            found = await self._ask.all(
                "resourcegroupstaggingapi",
                "get_resources",
                "ResourceTagMappingList",
                "look for what SageDeck made",
                TagFilters=[{"Key": CREATED_BY, "Values": [CREATOR]}],
                ResourcesPerPage=PAGE,
            )
            new = {item["ResourceARN"] for item in found} - self._state.ours
            self._state.ours |= new
            kinds = {kind for kind, rows in self._state.listed.items() if any((kind, arn) in rows for arn in new)}
            told.put_nowait(await self._composed(kinds))
        except SageDeckError:
            pass
        finally:
            told.put_nowait(None)

    async def _composed(self, kinds: Collection[Kind]) -> Changes:
        """Make the rows of these kinds anew, and say which of them are other ones now."""
        if not kinds:
            return Changes()
        if "training-job" in kinds:
            kinds = {*kinds, "tuning-job"}
        # One at a time: two that make the same rows would tell of each other's changes.
        async with self._composing:
            listed = {key: row for kind in kinds for key, row in self._state.listed.get(kind, {}).items()}
            old = {key: row for key, row in self._rows.items() if key[0] in kinds}
            new, changes = await self._ask.apart(len(listed), lambda: self._compared(listed, old))
            for key in changes.removed:
                del self._rows[key]
                self._state.details.pop(key, None)
                self._state.learned.pop(key, None)
            self._rows.update(new)
            return changes

    def _compared(
        self, listed: Mapping[Key, Resource], old: Mapping[Key, Resource]
    ) -> tuple[dict[Key, Resource], Changes]:
        """The rows of what was listed, and how they differ from the old ones. Runs in a thread: it changes nothing."""
        now = self._ask.clock.now()
        new = {key: self._made(row, now) for key, row in listed.items()}
        if any(key[0] == "tuning-job" for key in new):
            new |= self._with_trials(new)
        added = tuple(row for key, row in new.items() if key not in old)
        changed = tuple(row for key, row in new.items() if key in old and old[key] != row)
        return new, Changes(added, changed, tuple(key for key in old if key not in new))

    def _made(self, row: Resource, now: Any) -> Resource:
        kept = self._state.details.get(row.key)
        if kept is not None:
            fresh = kept.version == row.facts.get("version", "")
            fields = kept.fields if fresh else {key: kept.fields[key] for key in kept.fields if key in _STILL_TRUE}
            if not fresh and row.dollars_per_hour is None:
                fields = {**fields, "dollars_per_hour": kept.fields.get("dollars_per_hour")}
            facts = {**kept.fields.get("facts", {}), **row.facts}
            row = replace(row, **{**fields, "facts": facts})
        found = dict(self._state.learned.get(row.key, {}))
        if row.ours is None and row.id in self._state.ours:
            found.setdefault("ours", True)
        if row.spans and found.get("cost_so_far", row.cost_so_far) is None:
            found["cost_so_far"] = shown(spent(row.spans, now))
        return replace(row, **found) if found else row

    def _with_trials(self, new: Mapping[Key, Resource]) -> dict[Key, Resource]:
        """Trials are paid for as training jobs: the tuning job shows their sum, and each tells with which it is billed.

        A sum over all rows then has every dollar once.
        """
        trials = {
            key: row
            for key, row in (new if any(key[0] == "training-job" for key in new) else self._rows).items()
            if key[0] == "training-job" and row.facts.get("tuning")
        }
        tuning = {row.id: row for row in new.values() if row.kind == "tuning-job"}
        made: dict[Key, Resource] = {}
        sums: dict[str, list[Resource]] = {}
        for key, row in trials.items():
            owner = tuning.get(row.facts["tuning"])
            if owner is None or not row.in_use:
                continue
            sums.setdefault(owner.id, []).append(row)
            if key in new:
                made[key] = replace(row, dollars_per_hour=0.0, facts={**row.facts, "billed_with": owner.name})
        for identity, running in sums.items():
            prices = [_own_rate(row) for row in running]
            total = None if None in prices else sum(price or 0.0 for price in prices)
            size = f"{len(running)} × {running[0].size.rpartition('× ')[2]}"
            made["tuning-job", identity] = replace(tuning[identity], dollars_per_hour=total, size=size)
        return made


def _own_rate(trial: Resource) -> float | None:
    """What a trial costs an hour by itself, also where its row already leaves that to its tuning job."""
    if "billed_with" not in trial.facts:
        return trial.dollars_per_hour
    return next((span.dollars_per_hour for span in trial.spans if span.end is None), 0.0)


def joined(first: Changes, then: Changes) -> Changes:
    """Two steps as one."""
    return Changes(
        first.added + then.added,
        first.changed + then.changed,
        first.removed + then.removed,
        first.kinds + then.kinds,
    )
