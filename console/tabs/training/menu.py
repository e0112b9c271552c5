"""What can be done with the jobs that are chosen in the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.context import AppContext
from console.tabs.training.commands import InterruptTraining
from console.tabs.training.form.continuing import MORE_EPOCHS, can_continue
from console.tabs.training.rows import JobRow
from workers.endpoints.deployable import prepares_features
from workers.types import TrainingJob

Entry = tuple[str, str, Callable[[], object]]


@dataclass(frozen=True)
class Actions:
    """What the tab does for the entries. ``resume`` goes on from a job's checkpoints."""

    stop: Callable[[], object]
    compare: Callable[[], object]
    clone: Callable[[], object]
    resume: Callable[[], object]
    tags: Callable[[], object]
    deploy: Callable[[], object]
    deploy_best: Callable[[], object]


def menu_of(ctx: AppContext, rows: Sequence[JobRow], do: Actions, deployable: bool) -> list[Any]:
    """The entries for these rows; ``deployable``: the first one has a model."""
    entries: list[Entry] = []
    if any(row.running for row in rows) and not ctx.read_only:
        entries.append(("Stop…", "stop", do.stop))
    if len(rows) > 1:
        return [*entries, ("Compare", "columns", do.compare)]
    job, tuning = rows[0].job, rows[0].tuning
    if job is not None:
        entries += _interruption(ctx, job)
    if job is None or not prepares_features(job):
        entries.append(("Run again…", "copy", do.clone))
    if job is not None and can_continue(job):
        entries.append((f"Continue for {MORE_EPOCHS} more epochs…", "play", do.resume))
    if not ctx.read_only:
        entries.append(("Tags…", "key", do.tags))
    if job is not None and deployable:
        entries.append(("Deploy…", "endpoints", do.deploy))
    if tuning is not None and tuning.best is not None:
        entries.append(("Deploy best…", "endpoints", do.deploy_best))
    return entries


def _interruption(ctx: AppContext, job: TrainingJob) -> list[Entry]:
    """Taking a spot job's instances away, where the account can do that."""
    services = ctx.services
    if services is None or ctx.read_only or not job.spot or not services.training.can_interrupt(job):
        return []
    return [("Interrupt as AWS would…", "stop", lambda: ctx.start(InterruptTraining(job)))]
