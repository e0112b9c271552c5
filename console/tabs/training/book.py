"""All training and tuning jobs read so far, newest first and page by page, without any upper limit; knows no widget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.tabs.training.pending import awaited_by, features_of, pending_rows
from console.tabs.training.rows import JobRow, cost_of, trial_of
from console.tabs.training.tags.index import TagIndex
from workers.endpoints.deployable import prepares_features
from workers.errors.tree import AccessDenied, NotFound, Throttled
from workers.training.features_progress import FeaturesProgress
from workers.tuning.pending import awaited_name
from workers.tuning.types import Trial, TuningJob, TuningSpec
from workers.types import TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

# SageMaker's most: the list is filled with as few requests as can be.
PAGE_SIZE = 100
# Trials fill pages of the list of training jobs without being rows of their own.
ENOUGH_ROWS = 30
MOST_PAGES = 5
_AT_ONCE = 4
# Each of them is a DescribeTrainingJob.
TAGGED_AT_ONCE = 50

Changed = Callable[[], None]


@dataclass
class _Place:
    """How far one list has been read, for one search."""

    jobs: str | None = None
    tunings: str | None = None
    begun: bool = False

    @property
    def more(self) -> bool:
        return bool(self.jobs or self.tunings)


class JobBook:
    """What ``refresh``, ``older`` and ``find`` have read. ``changed`` is called whenever rows are new."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._jobs: dict[str, TrainingJob] = {}
        self._tunings: dict[str, TuningJob] = {}
        self._trials: dict[str, tuple[Trial, ...]] = {}
        self._places: dict[str, _Place] = {}
        self._launching: dict[str, tuple[TuningSpec, datetime]] = {}
        self._progress: dict[str, FeaturesProgress | None] = {}
        self._awaiting: dict[str, dict[str, TuningSpec | None]] = {}
        self._awaiting_known: set[str] = set()
        self._search = ""
        self._filter = ""
        self.tags = TagIndex()
        self._limit = asyncio.Semaphore(_AT_ONCE)

    def clear(self) -> None:
        """Forget all, for another account."""
        for kept in (self._jobs, self._tunings, self._trials, self._places, self._launching, self._progress):
            kept.clear()
        self._awaiting.clear()
        self._awaiting_known.clear()
        self.tags.clear()
        self._search = self._filter = ""

    @property
    def tunings(self) -> list[TuningJob]:
        """The tuning jobs, newest first."""
        return sorted(self._tunings.values(), key=lambda job: job.created, reverse=True)

    @property
    def jobs(self) -> list[TrainingJob]:
        """The training jobs that are no trials."""
        return [job for job in self._jobs.values() if trial_of(job.name) not in self._tunings]

    @property
    def more(self) -> bool:
        """True when there are older jobs (that fit the search) than those read."""
        place = self._places.get(self._search)
        return (place is not None and place.more) or bool(self._tagged())

    def rows(self, services: Services) -> list[JobRow]:
        """The rows, in no order."""
        prices, region = services.prices, services.region
        costs = {job.name: cost_of(job, (), prices, region) for job in self.jobs}
        waiting = pending_rows(self.jobs, self._tunings, self._launching, self._progress, costs, self._awaiting)
        made: list[JobRow] = list(waiting)
        folded = {job.name for job in self.jobs if awaited_name(job)}
        for tuning in self._tunings.values():
            trials = self._trials.get(tuning.name, ())
            cost = cost_of(tuning, trials, prices, region) if tuning.instance_type else None
            features = features_of(tuning, self.jobs)
            folded |= {job.name for job in features}
            if cost is not None:
                # Features that were made for another tuning job are paid for there.
                cost += sum(costs[job.name] or 0.0 for job in features if awaited_name(job) in ("", tuning.name))
            made.append(JobRow(tuning, trials, cost, self.tags.of(tuning.arn)))
        alone = [job for job in self.jobs if job.name not in folded]
        return made + [JobRow(job, (), costs[job.name], self.tags.of(job.arn)) for job in alone]

    def expect(self, spec: TuningSpec) -> None:
        """This window is launching a tuning job: its row is there from now on."""
        self._launching[spec.tuning_name] = (spec, datetime.now(UTC))
        self._changed()

    def launched(self, name: str) -> None:
        """This window is not at it any more, however it ended."""
        if self._launching.pop(name, None) is not None:
            self._changed()

    def put_features(self, job: TrainingJob, progress: FeaturesProgress | None) -> None:
        """Take over how far the features of a tuning job are."""
        self._jobs[job.name], self._progress[job.name] = job, progress
        self._changed()

    def features_of(self, tuning: TuningJob) -> list[TrainingJob]:
        """The jobs that prepared the features of a tuning job, of those read."""
        return features_of(tuning, self.jobs)

    def awaited_by(self, job: TrainingJob) -> list[str]:
        """The names of the tuning jobs that wait for this job's features."""
        return [name for name in awaited_by(job, self._awaiting) if name not in self._tunings]

    def put(self, job: TuningJob, trials: tuple[Trial, ...]) -> None:
        """Take over what somebody else has just read."""
        self._tunings[job.name], self._trials[job.name] = job, trials
        self._changed()

    async def refresh(self, services: Services) -> None:
        """Read the newest jobs again; what was read of older ones stays."""
        self._places.setdefault("", _Place())
        await self._read(services, "", again=True)

    async def find(self, services: Services, text: str) -> None:
        """Look for jobs with these letters in their names, also older ones than those read. "" ends the search."""
        self._search = text
        if text and text not in self._places:
            self._places[text] = _Place()
            await self._read(services, text)

    async def find_tagged(self, services: Services, text: str) -> None:
        """Look for jobs by their tags, also older ones than those read. "" ends the search."""
        self._filter = text
        if not text:
            return
        if await self.tags.read(services):
            self._changed()
        await self._read_tagged(services)

    def put_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Take over the tags that somebody else has just read."""
        if self.tags.put(arn, tags):
            self._changed()

    async def older(self, services: Services) -> None:
        """Read the next page of the list, or of what fits the search."""
        place = self._places.get(self._search)
        if place is not None and place.more:
            await self._read(services, self._search)
        await self._read_tagged(services)

    def _tagged(self) -> list[tuple[str, str]]:
        """Jobs that fit the filter by their tags and have not been read."""
        return [
            (kind, name)
            for kind, name in (self.tags.matching(self._filter) if self._filter else ())
            if name not in (self._tunings if kind == "tuning" else self._jobs)
        ]

    async def _read_tagged(self, services: Services) -> None:
        wanted = self._tagged()[:TAGGED_AT_ONCE]

        async def read(kind: str, name: str) -> None:
            async with self._limit:
                try:
                    if kind == "tuning":
                        job = await services.tuning.describe(name)
                        self._tunings[name], self._trials[name] = job, await services.tuning.trials(job)
                    else:
                        self._jobs[name] = await services.training.describe(name)
                except NotFound:
                    # Tags are told of for a while after their job is gone.
                    self.tags.forget(kind, name)
                except (Throttled, AccessDenied):
                    return

        await asyncio.gather(*(read(kind, name) for kind, name in wanted))
        if wanted:
            self._changed()

    async def _read(self, services: Services, search: str, *, again: bool = False) -> None:
        place = self._places[search]
        token = None if again or not place.begun else place.tunings
        tunings: tuple[TuningJob, ...] = ()
        if again or not place.begun or token:
            page = await services.tuning.list(search=search, token=token, size=PAGE_SIZE)
            tunings = page.jobs
            if not (again and place.begun):
                place.tunings = page.token
        for summary in tunings:
            known = self._tunings.get(summary.name)
            if known is None or not known.ranges:
                self._tunings[summary.name] = summary
        jobs = await self._read_jobs(services, search, place, again)
        if search == "":
            await self._read_elsewhere(services)
        place.begun = True
        self._changed()
        await asyncio.gather(*(self._complete(services, job) for job in tunings))
        details = await services.training.complete(jobs)
        for detail in details:
            self._jobs[detail.name] = detail
        await asyncio.gather(*(self._read_awaiting(services, job) for job in details))
        awaited = {name for job in details for name in self.awaited_by(job)}
        await asyncio.gather(*(self._look_for(services, name) for name in sorted(awaited - self._launching.keys())))
        self._changed()

    async def _read_jobs(self, services: Services, search: str, place: _Place, again: bool) -> list[TrainingJob]:
        found: list[TrainingJob] = []
        token = None if again else place.jobs
        if place.begun and not again and token is None:
            return found
        for _ in range(MOST_PAGES):
            page = await services.training.list(search=search, token=token, size=PAGE_SIZE)
            token = page.token
            found += [job for job in page.jobs if trial_of(job.name) not in self._tunings]
            if token is None or len(found) >= ENOUGH_ROWS or again:
                break
        if not (again and place.begun):
            place.jobs = token
        for job in found:
            known = self._jobs.get(job.name)
            if known is None or known.status != job.status or not known.instance_type:
                self._jobs[job.name] = job
        return found

    async def _read_elsewhere(self, services: Services) -> None:
        """The jobs on EC2 instances; who may not look for them has those of SageMaker all the same."""
        try:
            found = await services.compute.jobs.everywhere()
        except (AccessDenied, Throttled):
            return
        for job in found:
            # SageMaker's own job of the same name is not hidden by it.
            if self._jobs.get(job.name) is None or self._jobs[job.name].place == "ec2":
                self._jobs[job.name] = job

    async def _look_for(self, services: Services, name: str) -> None:
        """A tuning job that is not on the pages read so far, for which features were prepared."""
        async with self._limit:
            try:
                job = await services.tuning.describe(name)
                self._tunings[name], self._trials[name] = job, await services.tuning.trials(job)
            except (NotFound, Throttled, AccessDenied):
                return

    async def _read_awaiting(self, services: Services, job: TrainingJob) -> None:
        """What waits for a job's features: asked for as long as it runs, and once after its end."""
        if not prepares_features(job) or job.name in self._awaiting_known:
            return
        async with self._limit:
            try:
                self._awaiting[job.name] = await services.tuning.awaiting(job)
            except (NotFound, Throttled, AccessDenied):
                return
        if not job.running:
            self._awaiting_known.add(job.name)

    async def _complete(self, services: Services, summary: TuningJob) -> None:
        known = self._tunings.get(summary.name)
        read = known is not None and bool(known.ranges) and summary.name in self._trials
        if known is not None and read and not known.running and known.created == summary.created:
            return
        async with self._limit:
            try:
                job = await services.tuning.describe(summary.name)
                trials = await services.tuning.trials(job)
            except (NotFound, Throttled, AccessDenied):
                # The row stays as the list has it; it is asked for again at the next refresh.
                return
        self._tunings[job.name], self._trials[job.name] = job, trials
