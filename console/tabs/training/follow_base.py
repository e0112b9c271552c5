"""Following a running job in the background: one activity entry and one quiet poll, whatever tab is shown."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from console.activity.model import ActivityItem
from console.commands import Command
from console.context import AppContext
from workers.errors.tree import NotFound, SageDeckError
from workers.tuning.types import TuningJob
from workers.types import TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

Job = TypeVar("Job", TrainingJob, TuningJob)


class Follower(ABC, Generic[Job]):
    """One activity entry and one poll for each running job of a kind.

    While ``watched()`` says that the list of jobs is in sight, only a failure is worth a message on top of it.
    ``eager_polls``: a job that AWS is still at after so many need not be asked for every few seconds.
    """

    kind = ""
    verb = ""
    noun = "job"
    poll_seconds = 3.0
    slow_poll_seconds = 15.0
    eager_polls = 40

    def __init__(self, ctx: AppContext, watched: Callable[[], bool] = lambda: False) -> None:
        self._ctx, self._watched = ctx, watched
        self._followed: set[str] = set()

    def follow(self, job: Job) -> None:
        """Follow a running job, once."""
        if job.running and job.name not in self._followed:
            self._followed.add(job.name)
            task = self._ctx.tasks.start(
                self._follow(job), label=f"Follow {job.name}", key=f"training:{self.kind}:{job.name}"
            )
            task.add_done_callback(lambda _: self._followed.discard(job.name))

    async def _follow(self, job: Job) -> None:
        services = self._ctx.services
        if services is None:
            return
        item = self._ctx.activity.begin(
            f"{self.verb} {job.name}",
            "tuning" if self.kind == "tuning" else "training",
            cancellable=lambda: self._ctx.start(self.stop(job)),
        )
        polls = 0
        try:
            while job.running:
                self.show(item, job)
                polls += 1
                await asyncio.sleep(self.poll_seconds if polls < self.eager_polls else self.slow_poll_seconds)
                try:
                    job = await self.read(services, job.name)
                except NotFound:
                    item.fail(f"The {self.noun} is gone.")
                    return
                except SageDeckError as error:
                    # One failed poll is no failed job; the tables tell when the account is out of reach.
                    item.progress(item.fraction, error.title)
        except asyncio.CancelledError:
            item.cancelled(f"not followed any more; the {self.noun} goes on")
            raise
        self.ended(item, job)
        self._ctx.resourceChanged.emit(self.kind, job.name)

    def failed(self, item: ActivityItem, job: Job, where: str) -> None:
        """Tell of a failure, with where its reason is to be found."""
        item.fail(job.failure_reason.splitlines()[0] if job.failure_reason else f"The {self.noun} failed.")
        self._ctx.notify.error(f"{job.name} failed", where, action=self.shown(job.name))

    def shown(self, name: str) -> tuple[str, Callable[[], None]]:
        """The button of a message that goes to the job."""
        return "Show", lambda: self._ctx.navigate("training", {self.kind: name})

    @abstractmethod
    def stop(self, job: Job) -> Command:
        """The command that stops the job."""

    @abstractmethod
    async def read(self, services: Services, name: str) -> Job:
        """The job as it is now."""

    @abstractmethod
    def show(self, item: ActivityItem, job: Job) -> None:
        """Say in the activity entry how far the job is."""

    @abstractmethod
    def ended(self, item: ActivityItem, job: Job) -> None:
        """Say how it ended."""
