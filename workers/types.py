"""The frozen values that pass between the workers and whoever calls them.

Units are in the names or the docstrings: bytes are plain ``int``, times are seconds (``float``) or
timezone-aware ``datetime`` in UTC, prices are US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal


def _files(number: int) -> str:
    return f"{number:,} file" if number == 1 else f"{number:,} files"


@dataclass(frozen=True)
class Backend:
    """Where the calls go: an AWS profile of this machine, or the sandbox.

    ``kind`` decides only the colour band and the words in the header; no worker's logic reads it.
    Keys are set for the sandbox alone and never shown by ``repr``. ``region_assumed``: nobody set a region, and
    ``region`` is a guess. ``time_factor``: how many seconds of alarms' periods and waits pass there in one second.
    ``exposure``: a sentence about what of this computer the code that runs there can read, if it can.
    ``interrupts_spot``: a tag can take the instances of a spot job away there (``workers/training/interruption.py``).
    """

    kind: Literal["sandbox", "aws"]
    label: str
    region: str
    profile_name: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    region_assumed: bool = False
    time_factor: float = 1.0
    exposure: str = ""
    interrupts_spot: bool = False


@dataclass(frozen=True)
class Identity:
    """Who the credentials belong to (STS GetCallerIdentity)."""

    account: str
    arn: str

    @property
    def display_name(self) -> str:
        """``user/operator`` or ``role/Name``: the ARN without account and session name."""
        resource = self.arn.split(":", 5)[-1]
        if resource.startswith("assumed-role/"):
            return "role/" + resource.split("/")[1]
        return resource


@dataclass(frozen=True)
class Bucket:
    """One S3 bucket of the account."""

    name: str
    created: datetime | None


@dataclass(frozen=True)
class BucketSafety:
    """What protects a bucket. ``None``: the account may not read this setting."""

    private: bool | None
    encrypted: bool | None
    versioned: bool | None


@dataclass(frozen=True)
class S3Object:
    """One object of a listing."""

    key: str
    size: int
    modified: datetime
    etag: str


@dataclass(frozen=True)
class Listing:
    """One page of a bucket's "folder"."""

    prefix: str
    folders: tuple[str, ...]
    objects: tuple[S3Object, ...]
    next_token: str | None


@dataclass(frozen=True)
class ObjectPreview:
    """What the preview panel shows of one object. ``data`` is the object's first bytes, at most 8 MiB."""

    key: str
    content_type: str
    size: int
    sha256: str | None
    data: bytes = field(repr=False)
    truncated: bool = False


@dataclass(frozen=True)
class UploadProgress:
    """A snapshot of a running upload, at most ten a second."""

    phase: Literal["scanning", "comparing", "uploading", "verifying"]
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    files_per_second: float
    bytes_per_second: float
    seconds_left: float | None
    skipped: int


@dataclass(frozen=True)
class UploadResult:
    """How an upload ended. ``gone`` are keys that this folder sent earlier and whose file no longer exists.

    ``failed`` are (path, reason); ``ignored`` are hidden files, system files and dead links: never sent.
    ``others`` are keys under the prefix that are not of this folder. With ``asks`` nothing was sent, because the
    prefix holds another set: ``others``, and ``overwrites`` of its objects would be replaced. ``twins`` are files
    whose names differ only in how accents are written (NFC and NFD). ``missing``: where it was only looked, how many
    files are not there.
    """

    sent: int
    skipped: int
    bytes_sent: int
    seconds: float
    failed: tuple[tuple[str, str], ...] = ()
    changed_during_upload: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    cancelled: bool = False
    ignored: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    overwrites: int = 0
    asks: bool = False
    twins: tuple[str, ...] = ()
    missing: int = 0

    @property
    def whole(self) -> bool:
        """True when the prefix has everything of the folder as it was."""
        return not (self.cancelled or self.asks or self.failed or self.changed_during_upload or self.missing)

    @property
    def exact(self) -> bool:
        """True when the prefix has the folder, the whole folder and nothing but the folder."""
        return self.whole and not self.gone and not self.others

    @property
    def summary(self) -> str:
        """How it ended in one line, for a message."""
        if self.asks:
            return "Nothing was sent: another set is there."
        if self.cancelled:
            parts = [f"Cancelled. What was sent ({_files(self.sent)}) is kept; start again to go on."]
        elif not self.sent:
            parts = [f"Nothing to send: {'' if self.failed else 'all '}{_files(self.skipped)} are there."]
        else:
            parts = [f"Sent: {_files(self.sent)}" + (f"; there already: {self.skipped:,}." if self.skipped else ".")]
        if self.failed:
            parts.append(f"Could not be sent: {_files(len(self.failed))}.")
        if self.changed_during_upload:
            parts.append(f"Changed meanwhile: {_files(len(self.changed_during_upload))}; start again to send them.")
        if self.ignored:
            parts.append(f"Left out (hidden files, links to nothing or in a circle): {len(self.ignored):,}.")
        return " ".join(parts)


@dataclass(frozen=True)
class PendingUpload:
    """An upload that was started and has not come to its end: it goes on where it stopped when started again."""

    folder: Path
    bucket: str
    prefix: str
    started: datetime
    files_total: int


@dataclass(frozen=True)
class Finding:
    """One line of a folder check: what was found and the paths it concerns (relative, at most 500).

    ``notes``, where there are any, say why, one for each path. ``use`` is a folder below the checked one that should
    be chosen in its place.
    """

    severity: Literal["ok", "info", "warning", "error"]
    code: str
    title: str
    detail: str = ""
    paths: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    use: str = ""


@dataclass(frozen=True)
class ClassCount:
    """How many pictures of one class are in each split, and one picture to show for it."""

    name: str
    folder: str
    counts: Mapping[str, int]
    sample: Path | None = None

    @property
    def total(self) -> int:
        """Pictures of the class over all splits."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class DatasetReport:
    """What a folder check found. ``splits`` is empty when the classes lie directly in the root.

    ``noun`` is what the classes are called: ``breed`` for dogs, else ``class``.
    """

    root: Path
    splits: tuple[str, ...]
    classes: tuple[ClassCount, ...]
    pictures: int
    bytes: int
    shortest_side: int | None
    formats: Mapping[str, int]
    findings: tuple[Finding, ...]
    noun: str = "class"

    @property
    def usable(self) -> bool:
        """True when no finding is an error: the folder may be uploaded and trained on."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def needs_split(self) -> bool:
        """True when there are classes but no train/valid/test folders."""
        return bool(self.classes) and not self.splits


@dataclass(frozen=True)
class TrainingSpec:
    """What the training form holds. ``data_uri`` is an ``s3://bucket/prefix`` with train/valid/test.

    ``requirements``, when it is not ``None``, replaces the training script's requirements.txt; ``tags`` are added
    to the job's own. ``spot``: managed spot training, which keeps checkpoints; ``keep_checkpoints``: without it, too.
    ``continue_from``: the checkpoints of another job (``s3://bucket/prefix``), of which this one gets a copy to go on
    from; ``continued_epochs``: as many epochs need not be paid for again. ``environment`` is set in the job besides
    what is always set.
    """

    job_name: str
    data_uri: str
    output_bucket: str
    backbone: str = "efficientnet_lite0"
    epochs: int = 10
    learning_rate: float = 1e-3
    batch_size: int = 64
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    max_runtime_seconds: int = 3600
    volume_gb: int = 30
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    requirements: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    spot: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_checkpoints: bool = False
    continue_from: str = ""
    continued_epochs: int = 0


JobState = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting"]


@dataclass(frozen=True)
class TrainingJob:
    """One row of the job list, and with the optional fields the detail of one job."""

    name: str
    status: JobState
    created: datetime
    ended: datetime | None = None
    started: datetime | None = None
    secondary_status: str = ""
    failure_reason: str = ""
    instance_type: str = ""
    instance_count: int = 0
    max_runtime_seconds: int = 0
    billable_seconds: int = 0
    training_seconds: int = 0
    spot: bool = False
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    metric_definitions: tuple[tuple[str, str], ...] = ()
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    data_uri: str = ""
    model_uri: str = ""
    output_uri: str = ""
    arn: str = ""
    role_arn: str = ""
    # How often it lost its spot instances.
    interruptions: int = 0
    # Where its checkpoints lie (``s3://…``), "" when it keeps none.
    checkpoint_uri: str = ""
    # "ec2": a run command on an EC2 instance, of which SageMaker knows nothing.
    place: Literal["sagemaker", "ec2"] = "sagemaker"
    # The environment may hold secrets.
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def running(self) -> bool:
        """True while the job can still change state."""
        return self.status in ("InProgress", "Stopping")


@dataclass(frozen=True)
class EpochMetrics:
    """The figures of one epoch, read from the log by the job's metric definitions."""

    epoch: int
    epochs: int
    values: Mapping[str, float]
    at: datetime


@dataclass(frozen=True)
class LogEvent:
    """One line of a CloudWatch log stream."""

    at: datetime
    message: str
    stream: str = ""


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 (0 to 1) of one class on the test split; a class never answered has no precision."""

    name: str
    precision: float | None
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class JobReport:
    """``report.json`` of a finished job. ``confusion[truth][answer]`` counts test pictures."""

    classes: tuple[str, ...]
    curves: tuple[EpochMetrics, ...]
    test_accuracy: float | None
    scores: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    skipped: tuple[tuple[str, str], ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeploySpec:
    """What the deploy dialog holds. ``model_uri``: where the model lies, if not where SageMaker says of the job."""

    endpoint_name: str
    job_name: str
    instance_type: str = "ml.m5.large"
    instance_count: int = 1
    model_uri: str = ""


@dataclass(frozen=True)
class Fleet:
    """The instances of one variant of an endpoint: how many AWS reports, and how many it is to have.

    ``weight``: its share of the requests, by those of all; ``None`` for shadows and for what an update brings up.
    """

    instance_type: str
    current: int
    desired: int
    variant: str = ""
    weight: float | None = None


@dataclass(frozen=True)
class Endpoint:
    """One row of the endpoint list; the optional fields are filled by ``describe``.

    ``fleets`` are the instances as AWS reports them, also those that an update is starting; "()": not reported.
    """

    name: str
    status: str
    created: datetime
    modified: datetime | None = None
    arn: str = ""
    config_name: str = ""
    model_names: tuple[str, ...] = ()
    instance_type: str = ""
    instance_count: int = 0
    desired_count: int = 0
    failure_reason: str = ""
    image: str = ""
    model_uri: str = ""
    job_name: str = ""
    role_arn: str = ""
    fleets: tuple[Fleet, ...] = ()


@dataclass(frozen=True)
class DeletionPlan:
    """What deleting something takes along. Each entry is ``(kind, name, why)``."""

    target: str
    also_deleted: tuple[tuple[str, str, str], ...]
    kept: tuple[tuple[str, str, str], ...]
    stops_working: tuple[tuple[str, str, str], ...]
    saves_per_hour: float | None


@dataclass(frozen=True)
class Prediction:
    """One answer of a model, best class first; probabilities are 0 to 1, times milliseconds.

    ``latency_ms`` is all of it; of that ``function_ms`` was a function's and ``model_ms`` the model's own, where that
    is told. ``variant``: which of an endpoint's variants answered. ``cold``: the function was started for it.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    latency_ms: float
    raw: str = field(repr=False, default="")
    function_ms: float | None = None
    model_ms: float | None = None
    variant: str = ""
    cold: bool = False

    @property
    def top(self) -> str:
        """The name of the most probable class."""
        return self.labels[0] if self.labels else ""


@dataclass(frozen=True)
class JobPage:
    """One page of the list of training jobs, newest first; ``token`` asks for the next one."""

    jobs: tuple[TrainingJob, ...]
    token: str | None


@dataclass(frozen=True)
class EndpointMetrics:
    """How an endpoint is used. ``invocations`` is per minute, ``latency_ms`` the median model time per minute.

    Both cover the last hour and have no entry for a minute without a call; what begins with ``day_`` is the same for
    the last day by quarters of an hour. ``last_used`` is to the minute within the last hour, to the hour before that,
    and ``None`` when nothing called it for two weeks.
    """

    invocations: tuple[tuple[datetime, float], ...]
    latency_ms: tuple[tuple[datetime, float], ...]
    errors: float
    last_used: datetime | None
    latency_p95_ms: tuple[tuple[datetime, float], ...] = ()
    day_invocations: tuple[tuple[datetime, float], ...] = ()
    day_latency_ms: tuple[tuple[datetime, float], ...] = ()
    day_latency_p95_ms: tuple[tuple[datetime, float], ...] = ()

    @property
    def invocations_per_minute(self) -> float:
        """The mean over the last hour."""
        return sum(count for _, count in self.invocations) / 60

    @property
    def p50_ms(self) -> float | None:
        """The median model time of the last minute that had calls, in milliseconds."""
        return self.latency_ms[-1][1] if self.latency_ms else None


@dataclass(frozen=True)
class DeletionResult:
    """What a deletion did: ``(kind, name)`` deleted, already gone, and ``(kind, name, why)`` that remain."""

    deleted: tuple[tuple[str, str], ...]
    gone: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str, str], ...] = ()
