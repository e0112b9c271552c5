"""Follows running training jobs in the background, so that their end is told whatever tab is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.activity.model import ActivityItem
from console.context import AppContext
from console.follow.background import Follower
from console.models.format import duration
from console.models.running import progress_words
from console.tabs.training.commands import StopTraining
from console.tabs.training.rows import accuracy_words, limit_words, seconds
from workers.training.features_progress import FeaturesProgress
from workers.tuning.accuracy import best_accuracy
from workers.types import TrainingJob

if TYPE_CHECKING:
    from workers.services import Services


class JobFollower(Follower[TrainingJob]):
    """See ``Follower``."""

    kind, tab, verb, icon = "job", "training", "Training", "training"

    def __init__(self, ctx: AppContext, watched: Callable[[], bool] = lambda: False) -> None:
        super().__init__(ctx, watched)
        self._features: dict[str, FeaturesProgress | None] = {}

    def under_way(self, job: TrainingJob) -> bool:
        """Until it has completed, failed or stopped."""
        return job.running

    def canceller(self, job: TrainingJob) -> Callable[[], object]:
        """Ask it to stop."""
        return lambda: self._ctx.start(StopTraining([job]))

    async def read(self, services: Services, name: str) -> TrainingJob:
        """One DescribeTrainingJob; before the first epoch also how far the pass over the pictures is."""
        job = await services.training.describe(name)
        passing = job.secondary_status == "Training" and not job.final_metrics.get("epoch")
        self._features[name] = await services.training.features_progress(name) if passing and job.running else None
        return job

    def show(self, item: ActivityItem, job: TrainingJob) -> None:
        """The epoch, or the phase."""
        epoch, epochs = job.final_metrics.get("epoch"), job.final_metrics.get("epochs")
        if job.secondary_status == "Training" and epoch and epochs:
            item.progress(min(1.0, epoch / epochs), f"epoch {epoch:.0f} of {epochs:.0f}")
        elif (progress := self._features.get(job.name)) is not None:
            item.progress(progress.fraction, progress_words(progress, datetime.now(UTC)))
        else:
            item.progress(None, (job.secondary_status or job.status).lower())

    def tell_end(self, item: ActivityItem, job: TrainingJob) -> None:
        """Accuracy and time, the limit it ran into, or why it failed."""
        name, took = job.name, seconds(job)
        words = f"in {duration(took)}" if took is not None else ""
        if job.status == "Completed":
            score = best_accuracy(job)
            text = f"best accuracy {accuracy_words(score)}, {words}" if score is not None else words
            item.done(text)
            if not self._watched():
                deploy = ("Deploy…", lambda: self._ctx.navigate("endpoints", {"deploy_job": name}))
                self._ctx.notify.success(f"{name} has finished", text, action=deploy)
        elif job.status == "Stopped":
            limit = limit_words(job)
            item.cancelled(limit or f"stopped, {words}")
            if limit:
                self._ctx.notify.warn(
                    f"{name} was {limit}", "What its script had saved is kept.", action=self.shown(name)
                )
        else:
            self.failed(item, job, job.failure_reason, "Its reason and log are in Training.")
