"""An account that is full of what makes layouts burst: the longest names, many classes, every state."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PySide6.QtGui import QColor, QImage

from tests.helpers.compute import busy_account
from tests.helpers.inventory import FakeInventory, denied, pictured, resource
from tests.helpers.like import like
from tests.helpers.models import NOW, ModelServices, endpoint
from tests.helpers.safety import FakeSecurity, FakeTrail, happened, some_events, unsafe_account
from tests.helpers.scaling import scaled_account
from workers.access.role_check import RoleChecks
from workers.aws.machine_use import MachineUse
from workers.errors.tree import NotFound
from workers.functions.calls import FunctionCall
from workers.functions.service import Functions
from workers.functions.types import Function, FunctionVersion
from workers.inventory.types import Kind, Resource
from workers.security.types import NotChecked
from workers.storage.buckets import Listing, Storage
from workers.training.curves import CurveReader
from workers.training.jobs import Training
from workers.tuning.costs import estimate
from workers.tuning.jobs import Tuning
from workers.tuning.types import (
    CategoricalRange,
    ContinuousRange,
    Trial,
    TrialCounts,
    TuningJob,
    TuningPage,
    TuningSpec,
)
from workers.types import (
    Bucket,
    BucketSafety,
    ClassCount,
    ClassScore,
    DatasetReport,
    EndpointMetrics,
    EpochMetrics,
    Finding,
    JobPage,
    JobReport,
    LogEvent,
    S3Object,
    TrainingJob,
    UploadResult,
)
from workers.upload.uploader import Uploader

LONG = 63
METRICS = tuple(
    (metric["Name"], metric["Regex"])
    for metric in json.loads((Path(__file__).parents[2] / "training" / "metric_definitions.json").read_text("utf-8"))
)
CLASSES = tuple(
    f"{at:03}.{name}"
    for at, name in enumerate(
        (
            "Nova_scotia_duck_tolling_retriever",
            "German_wirehaired_pointer",
            "American_staffordshire_terrier",
            *(f"Breed_number_{at}_of_the_long_list" for at in range(130)),
        ),
        1,
    )
)
EPOCHS = 12


def long_name(start: str, length: int = LONG) -> str:
    """A name of exactly ``length`` characters, as SDKs make them."""
    filler = "-classification-of-all-the-breeds-with-features-kept-2026-11-28-05-00-00-123"
    return (start + filler)[: length - 1].rstrip("-").ljust(length, "x")


JOB, OTHER_JOB, RUNNING_JOB, FAILED_JOB, TUNING = (
    long_name(start) for start in ("breeds-frozen", "breeds-stages", "breeds-running", "breeds-failed", "tune")
)
TUNING = TUNING[:32]
ENDPOINTS = (long_name("breeds-endpoint"), long_name("breeds-other"), "dogs")
FUNCTION = long_name("classify")
BUCKET = long_name("sagedeck-123456789012")
# The names that AWS allows; those that people choose are as long as a sentence at most.
DATA = f"s3://{BUCKET}/dogImages/"


def jobs() -> list[TrainingJob]:
    """Completed, running and failed jobs."""
    shared: dict[str, Any] = {
        "instance_type": "ml.c5.18xlarge",
        "instance_count": 2,
        "billable_seconds": 3600,
        "training_seconds": 3600,
        "spot": True,
        "metric_definitions": METRICS,
        "data_uri": DATA,
        "output_uri": f"s3://{BUCKET}/jobs/",
        "hyperparameters": {
            "backbone": "efficientnet_lite0", "learning_rate": "0.000293223", "batch_size": "64", "epochs": "12",
        },
    }  # fmt: skip
    made = []
    for at, (name, status) in enumerate(
        ((RUNNING_JOB, "InProgress"), (JOB, "Completed"), (OTHER_JOB, "Completed"), (FAILED_JOB, "Failed"))
    ):
        began = NOW - timedelta(hours=1 + at)
        made.append(
            TrainingJob(
                name, status, began, None if status == "InProgress" else began + timedelta(minutes=59, seconds=12),  # type: ignore[arg-type]
                began + timedelta(minutes=2), secondary_status="Training" if status == "InProgress" else "",
                model_uri=f"s3://{BUCKET}/jobs/{name}/output/model.tar.gz" if status == "Completed" else "",
                final_metrics={"valid:accuracy": 0.873, "valid:loss": 0.41},
                arn=f"arn:aws:sagemaker:::{name}", **shared,
            )
        )  # fmt: skip
    return made


def tuning_job() -> tuple[TuningJob, tuple[Trial, ...]]:
    """Twelve trials over five hyperparameters."""
    ranges = (
        ContinuousRange("learning_rate", 1e-4, 1e-1, "Logarithmic"),
        ContinuousRange("weight_decay", 1e-6, 1e-2, "Logarithmic"),
        ContinuousRange("label_smoothing", 0.0, 0.2),
        CategoricalRange("batch_size", ("32", "64", "128", "256")),
    )
    trials = tuple(
        Trial(
            f"{TUNING[:20]}-{at:03}-0123abcd",
            ("Completed", "Stopped", "InProgress", "Failed")[at % 4] if at > 6 else "Completed",
            NOW - timedelta(minutes=60 - at),
            started=NOW - timedelta(minutes=59 - at),
            ended=None if at % 4 == 2 and at > 6 else NOW - timedelta(minutes=30 - at),
            hyperparameters={
                "learning_rate": f"{0.000293223 * (at + 1):.9f}", "weight_decay": "1.2345e-05",
                "label_smoothing": "0.11372", "batch_size": ("32", "64", "128", "256")[at % 4],
            },
            objective=0.7 + at / 60 if at < 7 else None,
            objective_metric="valid:accuracy",
            rank=7 - at if at < 7 else None,
            billable_seconds=1800,
        )
        for at in range(12)
    )  # fmt: skip
    job = TuningJob(
        TUNING, "InProgress", NOW - timedelta(hours=1), strategy="Bayesian", counts=TrialCounts(7, 2, 1, 1),
        max_jobs=20, max_parallel=3, ranges=ranges, objective_metric="valid:accuracy", instance_type="ml.c5.18xlarge",
        instance_count=2, trial_seconds=3600, spot=True, data_uri=DATA, best=trials[6], metric_definitions=METRICS,
    )  # fmt: skip
    return job, trials


def log_of(epochs: int = EPOCHS) -> list[LogEvent]:
    """What ``train.py`` prints, and some lines that are longer than any window."""
    began = NOW - timedelta(minutes=40)
    lines = [
        "pip install -r requirements.txt " + " ".join(f"package-{at}==1.{at}.0" for at in range(40)),
        "warning: skipped 1 file: cannot open '/opt/ml/input/data/training/train/003.American_staffordshire_terrier/"
        "American_staffordshire_terrier_00221.jpg'",
    ]
    for epoch in range(1, epochs + 1):
        accuracy = 0.9 - 0.8 * math.exp(-epoch / 4)
        lines.append(
            f"epoch={epoch}/{epochs} train_loss={2 / epoch:.4f} train_acc={accuracy + 0.03:.4f} "
            f"valid_loss={2.1 / epoch:.4f} valid_acc={accuracy:.4f} images_per_s=215.3"
        )
    return [LogEvent(began + timedelta(seconds=40 * at), line, "algo-1") for at, line in enumerate(lines)]


def report() -> JobReport:
    """Of 133 classes, some weak."""
    counts = [[0] * len(CLASSES) for _ in CLASSES]
    for at in range(len(CLASSES)):
        counts[at][at] = 8 - at % 4
        counts[at][(at * 7 + 3) % len(CLASSES)] += at % 4
    scores = tuple(ClassScore(name, 0.9 - at % 5 / 10, 0.8, 0.85 - at % 7 / 20, 8) for at, name in enumerate(CLASSES))
    skipped = tuple((f"train/{name}/{name}_00221.jpg", "cannot be opened") for name in CLASSES[:3])
    return JobReport(CLASSES, (), 0.8731, scores, tuple(tuple(row) for row in counts), skipped)


def metrics() -> EndpointMetrics:
    """An hour and a day of calls."""
    hour = tuple((NOW - timedelta(minutes=60 - at), 40 + 12 * math.sin(at / 3)) for at in range(60))
    day = tuple((NOW - timedelta(minutes=15 * (96 - at)), 40 + 12 * math.sin(at / 3)) for at in range(96))
    return EndpointMetrics(hour, hour, 3.0, NOW - timedelta(minutes=1), hour, day, day, day)


def use() -> MachineUse:
    """An hour of a machine with 72 cores."""
    minutes = [NOW - timedelta(minutes=60 - at) for at in range(60)]
    return MachineUse(
        tuple((at, 3600 + 900 * math.sin(number / 4)) for number, at in enumerate(minutes)),
        tuple((at, 20 + number / 2) for number, at in enumerate(minutes)),
        tuple((at, 31.0) for at in minutes),
    )


def function() -> Function:
    """One that asks the endpoint with the longest name."""
    return Function(
        FUNCTION, f"arn:aws:lambda:::{FUNCTION}", "python3.12", 512, 30, f"arn:aws:iam::1:role/{FUNCTION}", NOW,
        endpoint_name=ENDPOINTS[0], code_sha256="b2f1" * 11, code_size=4321, invocations=12_345, errors=6,
        duration_ms=83.2, last_invocation=NOW - timedelta(minutes=2), reserved_concurrency=10,
        per_hour=tuple(float(40 + at % 7) for at in range(24)), description=f"Checks pictures and asks {ENDPOINTS[0]}",
        handler="handler.handle",
    )  # fmt: skip


def everything() -> tuple[Resource, ...]:
    """What the overview's picture has, and the longest names, all of which are idle."""
    kinds: tuple[tuple[Kind, str, str, float], ...] = (
        ("endpoint", "InService", "12 × ml.g5.12xlarge, 1 × ml.m5.xlarge", 7.09),
        ("notebook", "InService", "ml.t3.medium", 0.05),
        ("volume", "available", "16,384 GiB gp3, encrypted", 1.8),
    )
    long = tuple(
        resource(kind, long_name(f"{kind}-"), state, size=size, idle="no request for 19 days", dollars_per_hour=price,
                 created=NOW - timedelta(days=23), last_use=NOW - timedelta(days=19), cost_so_far=price * 552)
        for kind, state, size, price in kinds
    )  # fmt: skip
    logs = tuple(resource("log-group", f"/aws/sagemaker/{at}", idle="kept for ever") for at in range(40))
    return (*pictured(), *long, *logs)


class FullServices(ModelServices):
    """All that the tabs ask for, answered at once from what is above."""

    def __init__(self) -> None:
        super().__init__()
        self.job_rows = jobs()
        self.endpoint_rows = [
            endpoint(name, job_name=JOB, instance_type="ml.c5.18xlarge", instance_count=2, desired_count=2)
            for name in ENDPOINTS
        ]
        failed = replace(self.endpoint_rows[1], status="Failed", failure_reason="The model did not load.")
        self.endpoint_rows[1] = failed
        self.compute = busy_account()
        self.scaling = scaled_account()
        self.inventory = FakeInventory(everything(), [denied("role"), denied("endpoint-config")])
        self.security = FakeSecurity(unsafe_account(long_name("x-")))
        self.security.not_checked = (
            NotChecked("iam_root_mfa_enabled", "Root user without second factor", "AccessDenied: not you.", "root"),
        )
        self.trail = FakeTrail([*some_events(), happened(8, "DeleteEndpoint", long_name("endpoint-"), 2)])
        self.figures = {name: metrics() for name in ENDPOINTS}
        self.use = use()
        self.lines = {name: [event.message for event in log_of()] for name in ENDPOINTS}
        self.reports = {JOB: report(), OTHER_JOB: report()}
        self.answers = {
            name: lambda data: (CLASSES[:5], (0.63, 0.31, 0.02, 0.014, 0.006)) for name in ENDPOINTS if name != "dogs"
        } | {"dogs": lambda data: (CLASSES[1:6], (0.52, 0.41, 0.03, 0.02, 0.001))}
        self._tuning, self._trials = tuning_job()
        self.training.log = like(Training.log)(self._job_log)
        self.training.curve_reader = like(Training.curve_reader)(lambda job: CurveReader(job.metric_definitions))
        self.training.failure = like(Training.failure)(self._failure)
        self.training.check_name = like(Training.check_name)(self._no_problem)
        self.training.features_progress = like(Training.features_progress)(self._nothing)
        self.tuning = SimpleNamespace(
            list=like(Tuning.list)(self._list_tunings),
            describe=like(Tuning.describe)(self._describe_tuning),
            trials=like(Tuning.trials)(self._trials_of),
            curves=like(Tuning.curves)(self._curves),
            unseen_objective=like(Tuning.unseen_objective)(self._nothing),
            check_name=like(Tuning.check_name)(self._no_problem),
            pictures=like(Tuning.pictures)(self._pictures),
            estimate=like(Tuning.estimate)(
                lambda spec, prices, pictures: estimate(spec, prices, self.region, pictures)
            ),
        )
        self.functions = SimpleNamespace(
            list_all=like(Functions.list_all)(self._functions),
            measured=like(Functions.measured)(self._same),
            detailed=like(Functions.detailed)(self._detailed),
            calls=like(Functions.calls)(self._calls),
            versions=like(Functions.versions)(self._versions),
            describe=like(Functions.describe)(self._function),
            per_hour=like(Functions.per_hour)(self._functions_per_hour),
        )
        self.storage = SimpleNamespace(
            buckets=like(Storage.buckets)(self._buckets),
            list=like(Storage.list)(self._listing),
            safety=like(Storage.safety)(self._safety),
            objects=like(Storage.objects)(self._objects),
            preview=like(Storage.preview)(self._preview),
        )
        self.uploader = SimpleNamespace(
            pending=like(Uploader.pending)(self._none),
            places=like(Uploader.places)(self._none),
            look=like(Uploader.look)(self._look),
        )
        self.role_checks = SimpleNamespace(check=like(RoleChecks.check)(self._role))
        self.grants = SimpleNamespace()

    async def prewarm(self) -> None:
        """Nothing to warm."""

    async def _nothing(self, *_: Any, **__: Any) -> None:
        return None

    async def _none(self, *_: Any, **__: Any) -> list[Any]:
        return []

    async def _look(self, *_: Any, **__: Any) -> UploadResult:
        return UploadResult(0, 0, 0, 0.0, missing=1)

    async def _no_problem(self, *_: Any, **__: Any) -> str:
        return ""

    async def _pictures(self, data_uri: str) -> int:
        return 8351

    async def _job_log(
        self, name: str, token: str | None = None, *, from_end: bool = False
    ) -> tuple[tuple[LogEvent, ...], str]:
        return (() if token else tuple(log_of(7 if name == RUNNING_JOB else EPOCHS))), "end"

    async def _failure(self, job: TrainingJob) -> Any:
        return SimpleNamespace(
            summary="The script failed: RuntimeError: cannot open train/003.American_staffordshire_terrier",
            hint="Look into the log below; then run it again.", details="Traceback (most recent call last):\n…",
        )  # fmt: skip

    async def _list_tunings(self, **_: Any) -> TuningPage:
        return TuningPage((self._tuning,), None)

    async def _describe_tuning(self, name: str) -> TuningJob:
        return self._tuning

    async def _trials_of(self, job: TuningJob | str) -> tuple[Trial, ...]:
        return self._trials

    async def _curves(self, job: TuningJob, trials: Iterable[Trial]) -> dict[str, tuple[EpochMetrics, ...]]:
        made = {}
        for trial in list(trials)[:8]:
            reader = CurveReader(METRICS)
            reader.feed(log_of())
            made[trial.name] = reader.epochs
        return made

    async def _job(self, name: str) -> TrainingJob:
        for row in self.job_rows:
            if row.name == name:
                return row
        for trial in self._trials:
            if trial.name == name:
                return replace(self.job_rows[1], name=name, status=trial.status)
        raise NotFound(f"Could not read {name}", "It does not exist.")

    async def _page(self, *, status: str | None = None, **_: Any) -> JobPage:
        return JobPage(tuple(row for row in self.job_rows if status in (None, row.status)), None)

    async def _functions(self) -> AsyncIterator[Function]:
        yield function()
        yield replace(function(), name="classify", errors=0, arn="arn:aws:lambda:::classify")

    async def _same(self, functions: Sequence[Function]) -> list[Function]:
        return list(functions)

    async def _detailed(self, function: Function, *, fresh: bool = False) -> Function:
        return function

    async def _function(self, name: str) -> Function:
        return replace(function(), name=name)

    async def _calls(self, name: str) -> tuple[FunctionCall, ...]:
        return tuple(
            FunctionCall(NOW - timedelta(minutes=at), f"0b1c-{at}", 83.2 + at, 200 if at % 4 else 502,
                         "" if at % 4 else "The endpoint did not answer in time", endpoint=ENDPOINTS[0])
            for at in range(9)
        )  # fmt: skip

    async def _versions(self, name: str) -> tuple[FunctionVersion, ...]:
        return tuple(FunctionVersion(str(at), "", NOW, "b2f1" * 11, ("live",) if at == 3 else ()) for at in (3, 2, 1))

    async def _buckets(self) -> list[Bucket]:
        return [Bucket(BUCKET, NOW), Bucket("short", NOW)]

    async def _safety(self, bucket: str) -> BucketSafety:
        return BucketSafety(True, True, True)

    async def _listing(self, bucket: str, prefix: str = "", token: str | None = None) -> Listing:
        folders = tuple(f"{prefix}{name}/" for name in CLASSES[:3])
        objects = tuple(
            S3Object(f"{prefix}{CLASSES[at % 3]}_{at:05}_taken_with_the_other_camera.jpg", 123_456, NOW, "e")
            for at in range(30)
        )
        return Listing(prefix, folders, objects, "more")

    async def _objects(self, bucket: str, prefix: str = "") -> AsyncIterator[S3Object]:
        for item in (await self._listing(bucket)).objects:
            yield item

    async def _preview(self, *_: Any, **__: Any) -> Any:
        raise NotFound("Could not read the object", "It does not exist.")

    async def _role(self, *_: Any, **__: Any) -> tuple[tuple[Any, ...], None]:
        return (), None


def pictures(folder: Path, number: int = 24) -> list[Path]:
    """A few drawn pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for at in range(number):
        image = QImage(160, 130, QImage.Format.Format_RGB32)
        image.fill(QColor.fromHsv(at * 359 // number, 90, 205))
        path = folder / f"{CLASSES[at % len(CLASSES)][4:]}_{at:05}.png"
        image.save(str(path))
        made.append(path)
    return made


def dataset(folder: Path) -> DatasetReport:
    """A checked folder of 133 classes; only the first has its pictures on the disk."""
    root = folder / long_name("dogImages")
    for split in ("train", "valid", "test"):
        for name in CLASSES:
            (root / split / name).mkdir(parents=True, exist_ok=True)
    shown = pictures(root / "train" / CLASSES[0])
    counts = [ClassCount(name[4:].replace("_", " "), name, {"train": 40 + at % 30, "valid": 8, "test": 8}, shown[0])
              for at, name in enumerate(CLASSES)]  # fmt: skip
    findings = (
        Finding("ok", "same", "Same 133 breeds", "in train, valid and test"),
        Finding("ok", "balance", "Enough pictures", "the fewest are 56 in 003.American_staffordshire_terrier"),
        Finding("warning", "broken", "4 files are not pictures", "they will be skipped", ("a.jpg", "b.jpg")),
        Finding("warning", "twins", "2 pictures are in train and in test", "the test is too easy", ("a.jpg", "b.jpg")),
        Finding("info", "sizes", "Sizes from 113 × 105 to 4,278 × 4,003", "all are scaled to 224 × 224"),
        Finding("info", "formats", "8,350 JPEG, 1 PNG", ""),
    )
    splits, formats = ("train", "valid", "test"), {"JPEG": 8351}
    return DatasetReport(root, splits, tuple(counts), 8351, 1_100_000_000, 105, formats, findings)


def tuning_spec() -> TuningSpec:
    """What a form would hold."""
    return TuningSpec(TUNING, DATA, BUCKET)
