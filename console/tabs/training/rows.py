"""The columns of the job list, and the words for a job's figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from console.models.base import Column
from console.models.base_format import dollars, duration, fraction, when
from workers.types import TrainingJob

ACCURACY = "valid:accuracy"
_OURS = "valid:accuracy", "val:accuracy", "validation:accuracy"


def accuracy(job: TrainingJob) -> float | None:
    """The job's last validation accuracy, 0 to 1, if its metrics have one."""
    return next((job.final_metrics[name] for name in _OURS if name in job.final_metrics), None)


def seconds(job: TrainingJob) -> float | None:
    """How long the job has run; None before it started."""
    begun = job.started or (job.created if not job.running else None)
    if begun is None:
        return None
    return ((job.ended or datetime.now(UTC)) - begun).total_seconds()


def instances(job: TrainingJob) -> str | None:
    """``2 × ml.m5.xlarge``; None while the details are on their way."""
    return f"{job.instance_count} × {job.instance_type}" if job.instance_type else None


def state(job: TrainingJob) -> str:
    """AWS's status word; while a job is under way the phase it is in."""
    if job.status == "InProgress" and job.secondary_status in ("Starting", "Downloading", "Uploading"):
        return job.secondary_status
    return job.status


def columns(cost: Callable[[TrainingJob], float | None]) -> list[Column]:
    """The list's columns; ``cost`` gives a job's dollars so far."""
    return [
        Column("name", "Name", kind="name", icon="training", priority=0),
        Column("state", "State", kind="state", value=state, priority=0, sample="Downloading"),
        Column("instances", "Instances", value=instances, priority=3),
        Column(
            "accuracy",
            "Accuracy",
            kind="number",
            value=accuracy,
            strong=True,
            format=lambda v, _: fraction(v),
            priority=1,
        ),
        Column("created", "Started", kind="number", format=lambda v, _: when(v), priority=1),
        Column("seconds", "Duration", kind="number", value=seconds, format=lambda v, _: duration(v), priority=2),
        Column("cost", "Cost", kind="number", value=cost, strong=True, format=lambda v, _: dollars(v), priority=2),
    ]
