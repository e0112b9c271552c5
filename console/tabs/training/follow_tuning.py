"""Follows running tuning jobs in the background: one activity entry each, their end told whatever tab is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from console.activity import ActivityItem
from console.context import AppContext
from console.models.base_format import duration, fraction
from console.tabs.training.commands_tuning import StopTuning
from workers.errors import NotFound, SageDeckError
from workers.tuning_types import Trial, TuningJob

POLL_SECONDS = 3.0
SLOW_POLL_SECONDS = 20.0
_EAGER_POLLS = 100

Seen = Callable[[TuningJob, tuple[Trial, ...]], None]


class TuningFollower:
    """``seen`` is given every job as it was read, with its trials; for ``watched`` see ``JobFollower``."""

    def __init__(self, ctx: AppContext, seen: Seen, watched: Callable[[], bool] = lambda: False) -> None:
        self._ctx, self._seen, self._watched = ctx, seen, watched
        self._followed: set[str] = set()

    def follow(self, job: TuningJob) -> None:
        """Follow a running tuning job, once."""
        if job.running and job.name not in self._followed:
            self._followed.add(job.name)
            task = self._ctx.tasks.start(
                self._follow(job), label=f"Follow {job.name}", key=f"training:tuning:{job.name}"
            )
            task.add_done_callback(lambda _: self._followed.discard(job.name))

    async def _follow(self, job: TuningJob) -> None:
        services = self._ctx.services
        if services is None:
            return
        item = self._ctx.activity.begin(
            f"Tuning {job.name}", "tuning", cancellable=lambda: self._ctx.start(StopTuning([job]))
        )
        polls = 0
        try:
            while job.running:
                _show(item, job)
                polls += 1
                await asyncio.sleep(POLL_SECONDS if polls < _EAGER_POLLS else SLOW_POLL_SECONDS)
                try:
                    job = await services.tuning.describe(job.name)
                    self._seen(job, await services.tuning.trials(job))
                except NotFound:
                    item.fail("The tuning job is gone.")
                    return
                except SageDeckError as error:
                    # One failed poll is no failed job; the tables tell when the account is out of reach.
                    item.progress(item.fraction, error.title)
        except asyncio.CancelledError:
            item.cancelled("not followed any more; the tuning job goes on")
            raise
        self._ended(item, job)

    def _ended(self, item: ActivityItem, job: TuningJob) -> None:
        name = job.name
        words = best_words(job)
        if job.status == "Completed":
            item.done(words)
            if not self._watched():
                show = ("Show", lambda: self._ctx.navigate("training", {"tuning": name}))
                self._ctx.notify.success(f"{name} has finished", words, action=show)
        elif job.status == "Stopped":
            item.cancelled(f"stopped; {words}")
        else:
            item.fail(job.failure_reason.splitlines()[0] if job.failure_reason else "The tuning job failed.")
            self._ctx.notify.error(
                f"{name} failed", "Its reason and trials are in Training.",
                action=("Show", lambda: self._ctx.navigate("training", {"tuning": name})),
            )  # fmt: skip
        self._ctx.resourceChanged.emit("tuning", name)


def best_words(job: TuningJob) -> str:
    """``best accuracy .871``; the metric's own name for another objective."""
    if job.best is None or job.best.objective is None:
        return "no trial has a result"
    if job.objective_metric.endswith("accuracy"):
        return f"best accuracy {fraction(job.best.objective)}"
    return f"best {job.objective_metric} {job.best.objective:.4g}"


def time_left(job: TuningJob) -> float | None:
    """Seconds until all trials have run, by the pace so far; ``None`` before one has finished."""
    total, done = job.max_jobs, job.counts.finished
    if not total or not done:
        return None
    passed = (datetime.now(UTC) - job.created).total_seconds()
    # Those that run are half done in the mean.
    return passed / (done + job.counts.running / 2) * (total - done - job.counts.running / 2)


def _show(item: ActivityItem, job: TuningJob) -> None:
    if not job.max_jobs:
        item.progress(None, f"{job.counts.finished} trials done")
        return
    words = f"{job.counts.finished} of {job.max_jobs} trials done"
    left = time_left(job)
    if left is not None:
        words += f", about {duration(max(1.0, left))} left"
    item.progress(min(1.0, job.counts.finished / job.max_jobs), words)
