"""Follows jobs that prepare features for a tuning job, so that its row says how far they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.context import AppContext
from console.follow.background import Poller
from workers.training.features_progress import FeaturesProgress
from workers.types import TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

Seen = Callable[[TrainingJob, FeaturesProgress | None], None]


class FeaturesFollower(Poller[TrainingJob]):
    """``seen`` is given each job as it was read, with its progress. The launch has an activity entry of its own."""

    kind, tab = "job", "training"
    # The pass over the pictures takes half a minute in the sandbox: its bar must move.
    poll_seconds = 2.0

    def __init__(self, ctx: AppContext, seen: Seen) -> None:
        super().__init__(ctx)
        self._seen = seen
        self._progress: dict[str, FeaturesProgress | None] = {}

    def pause(self, polls: int) -> float:
        """The first reading at once: the list does not say how far a job is."""
        return super().pause(polls) if polls else 0.0

    def under_way(self, job: TrainingJob) -> bool:
        """Until it has completed, failed or stopped."""
        return job.running

    async def read(self, services: Services, name: str) -> TrainingJob:
        """One DescribeTrainingJob, and its log as long as it runs."""
        job = await services.training.describe(name)
        self._progress[name] = await services.training.features_progress(name) if job.running else None
        return job

    def seen(self, job: TrainingJob) -> None:
        """Hand it on, once it was read."""
        if job.name in self._progress:
            self._seen(job, self._progress[job.name])

    async def ended(self, services: Services, job: TrainingJob) -> None:
        """Hand on its last state."""
        self._progress.pop(job.name, None)
        self._seen(job, None)
