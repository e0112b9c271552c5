"""Follows running jobs in the background, so that their end is told whatever tab is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from console.activity import ActivityItem
from console.context import AppContext
from console.models.base_format import duration, fraction
from console.tabs.training.commands import StopTraining
from console.tabs.training.rows import accuracy, limit_words, seconds
from workers.errors import NotFound, SageDeckError
from workers.types import TrainingJob

POLL_SECONDS = 3.0
SLOW_POLL_SECONDS = 15.0
# A job that AWS is still starting or training for long need not be asked for every three seconds.
_EAGER_POLLS = 40


class JobFollower:
    """One activity entry and one quiet poll for each running job.

    While ``watched()`` says that the list of jobs is in sight, only a failure is worth a message on top of it.
    """

    def __init__(self, ctx: AppContext, watched: Callable[[], bool] = lambda: False) -> None:
        self._ctx, self._watched = ctx, watched
        self._followed: set[str] = set()

    def follow(self, job: TrainingJob) -> None:
        """Follow a running job, once."""
        if job.running and job.name not in self._followed:
            self._followed.add(job.name)
            task = self._ctx.tasks.start(self._follow(job), label=f"Follow {job.name}", key=f"training:job:{job.name}")
            task.add_done_callback(lambda _: self._followed.discard(job.name))

    async def _follow(self, job: TrainingJob) -> None:
        services = self._ctx.services
        if services is None:
            return
        item = self._ctx.activity.begin(
            f"Training {job.name}", "training", cancellable=lambda: self._ctx.start(StopTraining([job]))
        )
        polls = 0
        try:
            while job.running:
                _show(item, job)
                polls += 1
                await asyncio.sleep(POLL_SECONDS if polls < _EAGER_POLLS else SLOW_POLL_SECONDS)
                try:
                    job = await services.training.describe(job.name)
                except NotFound:
                    item.fail("The job is gone.")
                    return
                except SageDeckError as error:
                    # One failed poll is no failed job; the tables tell when the account is out of reach.
                    item.progress(item.fraction, error.title)
        except asyncio.CancelledError:
            item.cancelled("not followed any more; the job goes on")
            raise
        self._ended(item, job)

    def _ended(self, item: ActivityItem, job: TrainingJob) -> None:
        name = job.name
        took = seconds(job)
        words = f"in {duration(took)}" if took is not None else ""
        if job.status == "Completed":
            score = accuracy(job)
            text = f"accuracy {fraction(score)}, {words}" if score is not None else words
            item.done(text)
            if not self._watched():
                self._ctx.notify.success(
                    f"{name} has finished",
                    text,
                    action=("Deploy…", lambda: self._ctx.navigate("endpoints", {"deploy_job": name})),
                )
        elif job.status == "Stopped":
            limit = limit_words(job)
            item.cancelled(limit or f"stopped, {words}")
            if limit:
                self._ctx.notify.warn(
                    f"{name} was {limit}", "What its script had saved is kept.",
                    action=("Show", lambda: self._ctx.navigate("training", {"job": name})),
                )  # fmt: skip
        else:
            item.fail(job.failure_reason.splitlines()[0] if job.failure_reason else "The job failed.")
            self._ctx.notify.error(
                f"{name} failed", "Its reason and log are in Training.",
                action=("Show", lambda: self._ctx.navigate("training", {"job": name})),
            )  # fmt: skip
        self._ctx.resourceChanged.emit("job", name)


def _show(item: ActivityItem, job: TrainingJob) -> None:
    epoch, epochs = job.final_metrics.get("epoch"), job.final_metrics.get("epochs")
    if job.secondary_status == "Training" and epoch and epochs:
        item.progress(min(1.0, epoch / epochs), f"epoch {epoch:.0f} of {epochs:.0f}")
    else:
        item.progress(None, (job.secondary_status or job.status).lower())
