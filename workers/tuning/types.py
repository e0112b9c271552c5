"""The frozen values of hyperparameter tuning that pass between the workers and whoever calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from workers.types import JobState

Scaling = Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]
Strategy = Literal["Bayesian", "Random", "Grid", "Hyperband"]
EarlyStopping = Literal["Auto", "Off"]

TuningState = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting", "DeleteFailed"]
TrialState = JobState


@dataclass(frozen=True)
class ContinuousRange:
    """Real numbers from ``low`` to ``high``, both included."""

    name: str
    low: float
    high: float
    scaling: Scaling = "Auto"


@dataclass(frozen=True)
class IntegerRange:
    """Whole numbers from ``low`` to ``high``, both included."""

    name: str
    low: int
    high: int
    scaling: Scaling = "Auto"


@dataclass(frozen=True)
class CategoricalRange:
    """A set of values, as text."""

    name: str
    values: tuple[str, ...]


ParameterRange = ContinuousRange | IntegerRange | CategoricalRange

DEFAULT_RANGES: tuple[ParameterRange, ...] = (
    ContinuousRange("learning_rate", 1e-4, 1e-1, "Logarithmic"),
    CategoricalRange("batch_size", ("32", "64", "128", "256")),
)


@dataclass(frozen=True)
class TuningSpec:
    """What the tuning form holds; the defaults are 12 jobs, 3 at a time, early stopping ``Auto``.

    ``data_uri`` is an ``s3://bucket/prefix`` with train/valid/test. ``hyperparameters`` are fixed ones besides
    ``backbone`` and ``epochs``. ``trial_seconds`` limits one training job, ``max_runtime_seconds`` (at least 120)
    the whole tuning job; ``max_jobs`` ``None`` means all combinations of a grid. ``parents`` are earlier tuning
    jobs whose results are taken over. ``requirements`` replaces the script's requirements.txt.
    ``spot``: the training jobs run on managed spot instances.
    """

    tuning_name: str
    data_uri: str
    output_bucket: str
    backbone: str = "efficientnet_lite0"
    epochs: int = 10
    ranges: tuple[ParameterRange, ...] = DEFAULT_RANGES
    objective_metric: str = "valid:best_accuracy"
    maximize: bool = True
    strategy: Strategy = "Bayesian"
    max_jobs: int | None = 12
    max_parallel: int = 3
    early_stopping: EarlyStopping = "Auto"
    max_runtime_seconds: int | None = None
    trial_seconds: int = 3600
    instance_type: str = "ml.m5.2xlarge"
    instance_count: int = 1
    volume_gb: int = 30
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    features_once: bool = True
    parents: tuple[str, ...] = ()
    warm_start: Literal["IdenticalDataAndAlgorithm", "TransferLearning"] = "IdenticalDataAndAlgorithm"
    random_seed: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    requirements: str | None = None
    spot: bool = False


@dataclass(frozen=True)
class TuningStep:
    """Where a launch is: preparing features (a training job of its own, ``job_name``), or creating the tuning job.

    ``reused``: the features were there already.
    """

    phase: Literal["features", "creating"]
    job_name: str
    text: str
    reused: bool = False


@dataclass(frozen=True)
class TrialCounts:
    """How many training jobs of a tuning job are in which state."""

    completed: int = 0
    running: int = 0
    stopped: int = 0
    failed: int = 0

    @property
    def finished(self) -> int:
        """Training jobs that have come to an end."""
        return self.completed + self.stopped + self.failed

    @property
    def launched(self) -> int:
        """Training jobs that have been created."""
        return self.finished + self.running


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning job. ``hyperparameters`` are the tuned ones, without quotes.

    ``objective`` is ``None`` until the metric was seen. ``early_stopped``: the tuning job ended it because others
    did better; its last objective counts all the same. ``rank`` is 1 for the best, ``None`` without an objective.
    ``billable_seconds`` is known of the finished ones on spot instances only, where it differs from ``seconds``.
    """

    name: str
    status: TrialState
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    objective: float | None = None
    objective_metric: str = ""
    early_stopped: bool = False
    failure_reason: str = ""
    rank: int | None = None
    arn: str = ""
    billable_seconds: int = 0

    @property
    def running(self) -> bool:
        """True while the job can still change state."""
        return self.status in ("InProgress", "Stopping")

    @property
    def seconds(self) -> float | None:
        """How long it trained, once it has ended."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


@dataclass(frozen=True)
class TuningJob:
    """One row of the list of tuning jobs; the fields from ``ranges`` on are filled by ``describe``."""

    name: str
    status: TuningState
    created: datetime
    ended: datetime | None = None
    strategy: str = ""
    counts: TrialCounts = TrialCounts()
    max_jobs: int | None = None
    max_parallel: int = 0
    arn: str = ""
    ranges: tuple[ParameterRange, ...] = ()
    objective_metric: str = ""
    maximize: bool = True
    early_stopping: str = ""
    max_runtime_seconds: int | None = None
    static_hyperparameters: Mapping[str, str] = field(default_factory=dict)
    instance_type: str = ""
    instance_count: int = 0
    trial_seconds: int = 0
    volume_gb: int = 0
    spot: bool = False
    data_uri: str = ""
    features_uri: str = ""
    output_uri: str = ""
    parents: tuple[str, ...] = ()
    best: Trial | None = None
    failure_reason: str = ""
    metric_definitions: tuple[tuple[str, str], ...] = ()

    @property
    def running(self) -> bool:
        """True while the tuning job can still change state."""
        return self.status in ("InProgress", "Stopping")


@dataclass(frozen=True)
class TuningPage:
    """One page of the list of tuning jobs, newest first; ``token`` asks for the next one."""

    jobs: tuple[TuningJob, ...]
    token: str | None


@dataclass(frozen=True)
class CostEstimate:
    """What a job or a tuning job will cost, in US dollars. ``most``: if each runs to its time limit, at no discount.

    ``saved``: how much less than on demand ``expected`` is on spot instances, 0 without them.
    ``seconds`` is wall-clock time for the whole. Times and prices are ``None`` for an instance type that the tables do
    not know.
    """

    jobs: int
    trial_seconds: float | None
    features_seconds: float | None
    seconds: float | None
    expected: float | None
    most: float | None
    caption: str
    saved: float | None = 0.0
