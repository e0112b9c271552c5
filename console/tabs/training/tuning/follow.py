"""Follows running tuning jobs in the background: one activity entry each, their end told whatever tab is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.activity.model import ActivityItem
from console.context import AppContext
from console.follow.background import Follower
from console.models.format import duration
from console.tabs.training.rows import accuracy_words
from console.tabs.training.tuning.commands import StopTuning
from workers.tuning.accuracy import best_of_tuning
from workers.tuning.types import Trial, TuningJob

if TYPE_CHECKING:
    from workers.services import Services

Seen = Callable[[TuningJob, tuple[Trial, ...]], None]


class TuningFollower(Follower[TuningJob]):
    """``seen`` is given every job as it was read, with its trials; for the rest see ``Follower``."""

    kind, tab, verb, noun = "tuning", "training", "Tuning", "tuning job"
    # A poll reads every trial, too. Five minutes: so long an operator looks on; the rest of the hours can wait.
    slow_poll_seconds = 20.0
    eager_polls = 100

    def __init__(self, ctx: AppContext, seen: Seen, watched: Callable[[], bool] = lambda: False) -> None:
        super().__init__(ctx, watched)
        self._seen = seen

    def under_way(self, job: TuningJob) -> bool:
        """Until it has completed, failed or stopped."""
        return job.running

    def canceller(self, job: TuningJob) -> Callable[[], object]:
        """Ask it to stop, with its trials."""
        return lambda: self._ctx.start(StopTuning([job]))

    async def read(self, services: Services, name: str) -> TuningJob:
        """The tuning job, told to ``seen`` with its trials."""
        job = await services.tuning.describe(name)
        self._seen(job, await services.tuning.trials(job))
        return job

    def show(self, item: ActivityItem, job: TuningJob) -> None:
        """Trials done, and the time left."""
        if not job.max_jobs:
            item.progress(None, f"{job.counts.finished} trials done")
            return
        words = f"{job.counts.finished} of {job.max_jobs} trials done"
        left = time_left(job)
        if left is not None:
            words += f", about {duration(max(1.0, left))} left"
        item.progress(min(1.0, job.counts.finished / job.max_jobs), words)

    def tell_end(self, item: ActivityItem, job: TuningJob) -> None:
        """The best result, or why it failed."""
        words = best_words(job)
        if job.status == "Completed":
            item.done(words)
            if not self._watched():
                self._ctx.notify.success(f"{job.name} has finished", words, action=self.shown(job.name))
        elif job.status == "Stopped":
            item.cancelled(f"stopped; {words}")
        else:
            self.failed(item, job, job.failure_reason, "Its reason and trials are in Training.")


def best_words(job: TuningJob) -> str:
    """``best accuracy .871``; the metric's own name for another objective."""
    if job.best is None or job.best.objective is None:
        return "no trial has a result"
    if (best := best_of_tuning(job)) is not None:
        return f"best accuracy {accuracy_words(best)}"
    return f"best {job.objective_metric} {job.best.objective:.4g}"


def time_left(job: TuningJob) -> float | None:
    """Seconds until all trials have run, by the pace so far; ``None`` before one has finished."""
    total, done = job.max_jobs, job.counts.finished
    if not total or not done:
        return None
    passed = (datetime.now(UTC) - job.created).total_seconds()
    # Those that run are half done in the mean.
    return passed / (done + job.counts.running / 2) * (total - done - job.counts.running / 2)
