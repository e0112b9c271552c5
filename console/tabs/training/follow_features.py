"""Follows jobs that prepare features for a tuning job, so that its row says how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from console.context import AppContext
from workers.errors.tree import NotFound, SageDeckError
from workers.training.progress import FeaturesProgress
from workers.types import TrainingJob

POLL_SECONDS = 2.0

Seen = Callable[[TrainingJob, FeaturesProgress | None], None]


class FeaturesFollower:
    """``seen`` is given each job as it was read, with its progress. The launch has an activity entry of its own."""

    def __init__(self, ctx: AppContext, seen: Seen) -> None:
        self._ctx, self._seen = ctx, seen
        self._followed: set[str] = set()

    def follow(self, job: TrainingJob) -> None:
        """Follow a running job, once."""
        if job.running and job.name not in self._followed:
            self._followed.add(job.name)
            task = self._ctx.tasks.start(
                self._follow(job), label=f"Follow {job.name}", key=f"training:features:{job.name}"
            )
            task.add_done_callback(lambda _: self._followed.discard(job.name))

    async def _follow(self, job: TrainingJob) -> None:
        services = self._ctx.services
        if services is None:
            return
        while job.running:
            try:
                job = await services.training.describe(job.name)
                progress = await services.training.features_progress(job.name) if job.running else None
                if services is not self._ctx.services:
                    return
                self._seen(job, progress)
            except NotFound:
                return
            except SageDeckError:
                # One failed poll is no failed job; the tables tell when the account is out of reach.
                pass
            await asyncio.sleep(POLL_SECONDS)
        self._ctx.resourceChanged.emit("job", job.name)
