"""What the window asks the launcher for: one frozen, checked value, the same in both processes.

``workers.training.request`` assembles it, for a tuning job with the part that ``workers.tuning.request`` adds; the AWS
CLI line is made of it too. It goes through the pipe as JSON, and the launcher reads it with every check again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from workers.aws.s3_uri import S3Uri
from workers.children.typed import read, write
from workers.errors.tree import InvalidInput


@dataclass(frozen=True)
class MetricDefinition:
    """A metric and the regex that finds it in the log."""

    name: str
    regex: str


@dataclass(frozen=True)
class Range:
    """What a tuning job tries for one hyperparameter: ``values``, or numbers from ``low`` to ``high``."""

    kind: Literal["Continuous", "Integer", "Categorical"]
    name: str
    low: float = 0.0
    high: float = 0.0
    scaling: str = "Auto"
    values: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """``low`` and ``high``; whole numbers where only these are tried."""
        return (int(self.low), int(self.high)) if self.kind == "Integer" else (self.low, self.high)


@dataclass(frozen=True)
class Hyperband:
    """Fewest and most epochs of a job."""

    least: int
    most: int


@dataclass(frozen=True)
class WarmStart:
    """Earlier tuning jobs whose results are taken over."""

    type: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class TuningPart:
    """What a tuning job has besides what each of its jobs has. ``max_runtime_seconds`` is for the whole."""

    ranges: tuple[Range, ...]
    objective_metric: str
    objective_type: Literal["Maximize", "Minimize"]
    strategy: str
    max_jobs: int
    max_parallel: int
    early_stopping: str
    max_runtime_seconds: int | None = None
    hyperband: Hyperband | None = None
    warm_start: WarmStart | None = None
    random_seed: int | None = None


@dataclass(frozen=True)
class LaunchRequest:
    """A training job, or with ``tuning`` a tuning job whose jobs are like that.

    ``requirements_text``, when it is not ``None``, replaces the file ``requirements`` of ``source_dir``.
    ``max_wait_seconds`` asks for spot instances; ``checkpoint_uri`` is where checkpoints are kept (``s3://…``), each
    job of a tuning job below its own name. ``role_arn`` may come last; nothing is sent without it.
    ``script_mode``: the image's toolkit starts the script, as it does in the jobs of a tuning job, instead of SDK 3's
    drivers; for one process. ``environment`` may hold secrets.

    Raises ``InvalidInput`` when it is made of what cannot be.
    """

    job_name: str
    bucket: str
    prefix: str
    image: str
    source_dir: str
    entry_script: str
    requirements: str
    instance_type: str
    instance_count: int
    volume_gb: int
    max_runtime_seconds: int
    hyperparameters: Mapping[str, str]
    tags: Mapping[str, str]
    metric_definitions: tuple[MetricDefinition, ...]
    channels: Mapping[str, str]
    # "" for none.
    checkpoint_uri: str
    # One for each host, and one for each GPU of a host: torchrun starts them.
    several_processes: bool
    script_mode: bool
    environment: Mapping[str, str] = field(repr=False)
    max_wait_seconds: int | None = None
    requirements_text: str | None = None
    role_arn: str = ""
    tuning: TuningPart | None = None

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise InvalidInput("The job cannot start like this", problem)

    @property
    def output_uri(self) -> str:
        """Where jobs put what they made."""
        return str(S3Uri(self.bucket, self.prefix))

    @property
    def doing(self) -> str:
        """Completes "Could not …"."""
        return f"start the {'tuning' if self.tuning is not None else 'training'} job {self.job_name}"

    def to_wire(self) -> dict[str, object]:
        """As JSON types. Raises ``InvalidInput`` without a role."""
        if not self.role_arn:
            raise InvalidInput("The job cannot start like this", "It has no role.")
        return write(self)

    @classmethod
    def from_wire(cls, value: Mapping[str, object]) -> LaunchRequest:
        """What ``to_wire`` made. Raises ``InvalidInput`` for anything else."""
        try:
            request = read(cls, value)
        except ValueError as error:
            raise InvalidInput("The job cannot start like this", f"{error}.") from error
        request.to_wire()
        return request

    def _problem(self) -> str | None:
        for name in ("job_name", "bucket", "image", "source_dir", "entry_script", "instance_type"):
            if not getattr(self, name):
                return f"It has no {name.replace('_', ' ')}."
        for name in ("instance_count", "volume_gb", "max_runtime_seconds"):
            if getattr(self, name) < 1:
                return f"Its {name.replace('_', ' ')} must be at least 1."
        if self.max_wait_seconds is not None and self.max_wait_seconds < self.max_runtime_seconds:
            return "It would wait for spot instances for less time than it may run."
        if self.checkpoint_uri and S3Uri.find(self.checkpoint_uri) is None:
            return "Its checkpoints must lie in a folder in S3 (s3://bucket/folder)."
        if not self.channels or any(S3Uri.find(uri) is None for uri in self.channels.values()):
            return "Each of its channels must be a folder in S3 (s3://bucket/folder)."
        if self.script_mode and self.several_processes:
            return "In script mode nothing starts several processes."
        part = self.tuning
        if part is None:
            return None
        if not part.ranges:
            return "No hyperparameter has a range: there is nothing to tune."
        if not 1 <= part.max_parallel <= part.max_jobs:
            return f"It cannot run {part.max_parallel} of {part.max_jobs} jobs at a time."
        return None


@dataclass(frozen=True)
class Launched:
    """A job that was created. ``seconds``: how long the launcher took."""

    job_name: str
    job_arn: str
    seconds: float = 0.0
