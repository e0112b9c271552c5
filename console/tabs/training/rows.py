"""One row of the list for a training job or a tuning job, its columns, and the words for its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from console.models.columns import DASH, Column
from console.models.format import cost, count, duration, fraction, percents, when
from workers.inventory.kinds import Kind
from workers.prices.table import PriceTable
from workers.training.spot import SPOT_SAVING
from workers.tuning.accuracy import Accuracy, best_accuracy, best_of_tuning
from workers.tuning.features import is_features_job
from workers.tuning.types import Trial, TuningJob
from workers.types import EpochMetrics, TrainingJob

_ACCURACY_TIP = "Only the last epoch's validation accuracy is known here; the job's curves show the best."
# Told in place of InProgress.
_PHASES = ("Starting", "Downloading", "Uploading", "Interrupted")
_TRIAL = re.compile(r"(.+)-(\d{3,})-[0-9a-f]{8}")


@dataclass(frozen=True)
class JobRow:
    """A training job, or a tuning job with its trials. ``cost`` is US dollars so far; ``tags`` are those known."""

    source: TrainingJob | TuningJob
    trials: tuple[Trial, ...] = ()
    cost: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Unlike names, unique over both kinds."""
        return f"{'tuning' if self.tuning else 'job'}:{self.source.name}"

    @property
    def tuning(self) -> TuningJob | None:
        """The tuning job, if it is one."""
        return self.source if isinstance(self.source, TuningJob) else None

    @property
    def job(self) -> TrainingJob | None:
        """The training job, if it is one."""
        return self.source if isinstance(self.source, TrainingJob) else None

    @property
    def name(self) -> str:
        """The job's name."""
        return self.source.name

    @property
    def running(self) -> bool:
        """True while the job can still change state."""
        return self.source.running

    @property
    def created(self) -> datetime:
        """When it was created."""
        return self.source.created

    @property
    def icon(self) -> str:
        """The kind icon."""
        if self.tuning:
            return "tuning"
        return "ec2" if self.job is not None and self.job.place == "ec2" else "training"

    @property
    def kind(self) -> str | None:
        """``Tuning, 12 trials``, ``4 hosts``, ``Single job, spot``; None while the details are on their way."""
        spot = ", spot" if self.source.spot else ""
        if isinstance(self.source, TuningJob):
            return f"Tuning, {count(self.source.max_jobs or len(self.trials), 'trial')}{spot}"
        if is_features_job(self.source.name):
            return f"Features{spot}"
        if not self.source.instance_count:
            return None
        if self.source.place == "ec2":
            return "EC2"
        hosts = self.source.instance_count
        return ("Single job" if hosts == 1 else f"{hosts} hosts") + spot

    @property
    def state(self) -> str:
        """AWS's status word; while a job is under way the phase it is in."""
        return state(self.source) if isinstance(self.source, TrainingJob) else self.source.status

    @property
    def instances(self) -> str | None:
        """``3 × ml.m5.xlarge``: of a tuning job those that run at a time."""
        if isinstance(self.source, TrainingJob):
            return instances(self.source)
        if not self.source.instance_type:
            return None
        return f"{max(1, self.source.max_parallel) * self.source.instance_count} × {self.source.instance_type}"

    @property
    def accuracy(self) -> float | None:
        """The best validation accuracy, of a tuning job its best trial's."""
        return found.value if (found := self.best()) is not None else None

    def best(self, epochs: Sequence[EpochMetrics] = ()) -> Accuracy | None:
        """The best validation accuracy by what AWS tells of the job, and by these epochs where they are known."""
        if isinstance(self.source, TrainingJob):
            return best_accuracy(self.source, epochs)
        return best_of_tuning(self.source, epochs)

    @property
    def seconds(self) -> float | None:
        """How long it has run; None before it started."""
        if isinstance(self.source, TrainingJob):
            return seconds(self.source)
        return ((self.source.ended or datetime.now(UTC)) - self.source.created).total_seconds()


def tag_words(tags: Mapping[str, str]) -> str:
    """What a filter can find of tags: ``tag:team=vision`` finds just this one, ``vision`` any with the word."""
    return " ".join(f"tag:{key}={value}" for key, value in tags.items())


def accuracy_words(found: Accuracy | None) -> str:
    """``.831``; ``≥ .814`` where only the last epoch's is known; a dash without any."""
    if found is None:
        return DASH
    return fraction(found.value, least=not found.exact)


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
    if job.status == "InProgress" and job.secondary_status in _PHASES:
        return job.secondary_status
    return job.status


def spot_words(job: TrainingJob) -> str:
    """``yes``, and of a finished job what it saved: 1 - BillableTimeInSeconds / TrainingTimeInSeconds; "" without."""
    if not job.spot:
        return ""
    often = f", interrupted {count(job.interruptions, 'time')}" if job.interruptions else ""
    if job.running or not job.training_seconds:
        return f"yes{often}"
    return f"yes{often}, {percents(max(0.0, 1 - job.billable_seconds / job.training_seconds))} saved"


def limit_words(job: TrainingJob) -> str:
    """What stopped a job that ran into its own limit; "" for any other job."""
    if job.secondary_status == "MaxRuntimeExceeded":
        limit = f" of {duration(job.max_runtime_seconds)}" if job.max_runtime_seconds else ""
        return f"stopped at its time limit{limit}"
    return "stopped: no spot capacity in time" if job.secondary_status == "MaxWaitTimeExceeded" else ""


def trial_of(name: str) -> str:
    """The tuning job that a training job of this name would belong to, or ""."""
    match = _TRIAL.fullmatch(name)
    return match[1] if match else ""


def trial_number(name: str) -> str:
    """``007`` of ``dogs-tuning-007-1a2b3c4d``; the whole name when it is none of a trial."""
    match = _TRIAL.fullmatch(name)
    return match[2] if match else name


def trial_seconds(trial: Trial) -> float | None:
    """How long a trial has trained so far; None before it started."""
    if trial.started is None:
        return None
    return ((trial.ended or datetime.now(UTC)) - trial.started).total_seconds()


def cost_of(
    source: TrainingJob | TuningJob, trials: tuple[Trial, ...], prices: PriceTable, region: str
) -> float | None:
    """US dollars so far, from the price table; of a tuning job the sum over its trials.

    A spot trial costs what AWS bills of it; one that still runs, what spot instances usually cost.
    """
    if isinstance(source, TrainingJob):
        if source.place == "ec2":
            price, took = prices.per_hour(source.instance_type, "ec2", region), seconds(source)
            return None if price is None or took is None else took / 3600 * price
        return prices.job_cost(source, region) if source.instance_type else None
    price = prices.per_hour(source.instance_type, "training", region)
    if price is None:
        return None
    share = 1 - SPOT_SAVING if source.spot else 1.0
    billed = sum(trial.billable_seconds or (trial_seconds(trial) or 0.0) * share for trial in trials)
    return billed / 3600 * price * max(1, source.instance_count)


def columns() -> list[Column]:
    """The list's columns."""
    return [
        Column("name", "Name", kind="name", icon=lambda row: row.icon, priority=0),
        Column("kind", "Kind", priority=2, sample="Tuning, 12 trials"),
        Column("state", "State", kind="state", priority=0, sample="Downloading"),
        Column("instances", "Instances", priority=4),
        Column(
            "accuracy",
            "Best accuracy",
            kind="number",
            strong=True,
            format=lambda _, row: accuracy_words(row.best()),
            tooltip=lambda row: _ACCURACY_TIP if (best := row.best()) is not None and not best.exact else "",
            priority=1,
        ),
        Column("created", "Started", kind="number", format=lambda v, _: when(v), priority=1),
        Column("seconds", "Duration", kind="number", format=lambda v, _: duration(v), priority=3),
        Column("cost", "Cost", kind="number", strong=True, format=lambda v, _: cost(v), priority=2),
    ]


def link_of(row: JobRow) -> tuple[Kind, str] | None:
    """What a link to the row's job names; a job that ran on an instance is no thing of SageMaker's."""
    if isinstance(row.source, TuningJob):
        return "tuning-job", row.source.name
    return ("training-job", row.source.name) if row.source.place == "sagemaker" else None
