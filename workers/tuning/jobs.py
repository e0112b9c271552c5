"""Tuning jobs: launch, list, follow and stop them, and read what their training jobs found out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from workers.access.role_wait import when_role_is_known
from workers.aws.creating import ATTEMPT_TAG, Attempt, Part, as_one, surely, tagged
from workers.aws.logs import TRAINING_GROUP, Logs
from workers.aws.pages import every_job, page_request
from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, NotFound
from workers.launcher.client import Launcher
from workers.prices.table import PriceTable
from workers.training.curves import CurveReader
from workers.training.jobs import LAUNCH_FLOW_SECONDS, Training, TrainingRoles
from workers.tuning.answers import leaderboard, read_detail, read_summary, read_trial
from workers.tuning.costs import estimate
from workers.tuning.features import Features
from workers.tuning.objective import unseen_objective
from workers.tuning.request import features_once, spec_problem, tuning_name_problem, tuning_request
from workers.tuning.types import CostEstimate, Trial, TuningJob, TuningPage, TuningSpec, TuningStep
from workers.types import EpochMetrics, TrainingJob, TrainingSpec

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeHyperParameterTuningJobResponseTypeDef

# A screen full, and the next scroll.
PAGE_SIZE = 50
# Reading logs is throttled at some 25 calls a second for an account; the window needs some for itself.
CONCURRENT_LOGS = 4


class Tuning:
    """Everything about tuning jobs of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, launcher: Launcher, roles: TrainingRoles) -> None:
        self._session, self._launcher, self._roles = session, launcher, roles
        self._training = Training(session, launcher, roles)
        self._features = Features(session, self._training)
        self._logs = Logs(session)
        self._curves: dict[str, _TrialCurve] = {}

    async def launch(self, spec: TuningSpec, on_step: Callable[[TuningStep], None] = lambda step: None) -> str:
        """Prepare the features if the form wants them once, and create the tuning job; returns its name.

        ``on_step`` is told what is being done. Preparing features takes as long as a training job does; cancelling
        leaves that job running, and the next launch of the same data finds it.
        """
        problem = spec_problem(spec)
        if problem:
            raise InvalidInput("The tuning job cannot start like this", problem)
        features = await self._features.ensure(spec, on_step) if features_once(spec) else ""
        on_step(TuningStep("creating", spec.tuning_name, "Creating the tuning job"))
        request = tuning_request(spec, self._session.region, features)
        role_arn = await self._roles.ensure_training_role(spec.output_bucket)
        request = dataclasses.replace(request, role_arn=role_arn)
        name = spec.tuning_name

        async def create(attempt: Attempt) -> str:
            sent = dataclasses.replace(request, tags={**request.tags, ATTEMPT_TAG: attempt.token})
            # The launcher may have died or hung, too: whether the job was created before that, only AWS knows.
            await attempt.make(
                Part(
                    "tuning job",
                    name,
                    lambda: self.stop(name),
                    f"aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {name}",
                    "runs and bills",
                ),
                lambda: when_role_is_known(lambda: self._launcher.launch(sent)),
                lambda: tagged(
                    self._session,
                    "describe_hyper_parameter_tuning_job",
                    attempt,
                    f"look for the tuning job {name}",
                    HyperParameterTuningJobName=name,
                ),
            )
            return name

        return await as_one(create, f"start the tuning job {name}", LAUNCH_FLOW_SECONDS)

    async def check_name(self, name: str) -> str | None:
        """What is wrong with a name for a new tuning job, in a sentence; ``None`` when it is good and free."""
        problem = tuning_name_problem(name)
        if problem is None and await self._exists(name):
            problem = "A tuning job with this name exists already; names cannot be used twice."
        return problem

    async def pictures(self, data_uri: str) -> int:
        """How many objects there are under an ``s3://bucket/prefix``."""
        place = S3Uri.find(data_uri)
        if place is None:
            raise InvalidInput("The data cannot be read", "The data must be a folder in S3 (s3://bucket/folder).")
        count = 0
        async for _ in self._session.paginate(
            "s3", "list_objects_v2", "Contents", doing="count the pictures", Bucket=place.bucket, Prefix=place.folder
        ):
            count += 1
        return count

    def estimate(self, spec: TrainingSpec | TuningSpec, prices: PriceTable, pictures: int) -> CostEstimate:
        """What this form will take and cost. No network."""
        return estimate(spec, prices, self._session.region, pictures)

    async def list(
        self, *, search: str = "", status: str | None = None, token: str | None = None, size: int = PAGE_SIZE
    ) -> TuningPage:
        """One page of tuning jobs, newest first. ``search`` is a part of the name, ``status`` a ``TuningState``."""
        parameters = page_request(search, status, token, size)
        answer = await self._session.call(
            "sagemaker", "list_hyper_parameter_tuning_jobs", doing="list the tuning jobs", **parameters
        )
        jobs = tuple(read_summary(item) for item in answer["HyperParameterTuningJobSummaries"])
        return TuningPage(jobs, answer.get("NextToken"))

    def jobs(self, *, search: str = "", status: str | None = None) -> AsyncIterator[TuningJob]:
        """All tuning jobs, newest first, page by page as they are asked for; there is no upper limit."""
        return every_job(lambda token: self.list(search=search, status=status, token=token, size=100))

    async def awaiting(self, job: TrainingJob) -> dict[str, TuningSpec | None]:
        """What waits for a job that prepares features; see ``Features.awaiting``."""
        return await self._features.awaiting(job)

    async def describe(self, name: str) -> TuningJob:
        """One tuning job with all details. Raises ``NotFound``."""
        answer = await self._session.call(
            "sagemaker",
            "describe_hyper_parameter_tuning_job",
            doing=f"read the tuning job {name}",
            HyperParameterTuningJobName=name,
        )
        return read_detail(cast("DescribeHyperParameterTuningJobResponseTypeDef", answer))

    async def stop(self, name: str) -> None:
        """Ask the tuning job to stop with all its running training jobs. Returns before they have stopped."""

        async def stopping() -> TuningJob | None:
            found = await self.describe(name)
            return found if found.status in ("Stopping", "Stopped") else None

        await surely(
            lambda: self._session.call(
                "sagemaker",
                "stop_hyper_parameter_tuning_job",
                doing=f"stop the tuning job {name}",
                HyperParameterTuningJobName=name,
            ),
            stopping,
        )

    async def trials(self, job: TuningJob | str) -> tuple[Trial, ...]:
        """The leaderboard: all training jobs of a tuning job, the best first (see ``Trial``)."""
        if isinstance(job, str):
            job = await self.describe(job)
        found = [
            read_trial(item)
            async for item in self._session.paginate(
                "sagemaker",
                "list_training_jobs_for_hyper_parameter_tuning_job",
                "TrainingJobSummaries",
                doing=f"list the training jobs of {job.name}",
                HyperParameterTuningJobName=job.name,
                PaginationConfig={"PageSize": 100},
            )
        ]
        return leaderboard(job, await self._billed(found) if job.spot else found)

    async def _billed(self, trials: Sequence[Trial]) -> tuple[Trial, ...]:
        """The trials with what is billed of them, which only DescribeTrainingJob tells; each is asked for once."""
        ended = [TrainingJob(trial.name, trial.status, trial.created) for trial in trials if not trial.running]
        seconds = {job.name: job.billable_seconds for job in await self._training.complete(ended)}
        return tuple(dataclasses.replace(trial, billable_seconds=seconds.get(trial.name, 0)) for trial in trials)

    async def best(self, name: str) -> Trial | None:
        """The best training job so far, or ``None`` when none has an objective yet."""
        return (await self.describe(name)).best

    async def curves(self, job: TuningJob, trials: Iterable[Trial]) -> Mapping[str, tuple[EpochMetrics, ...]]:
        """The epochs of these trials by name. Only what is new in the logs is read when it is called again."""
        gate = asyncio.Semaphore(CONCURRENT_LOGS)

        async def read(trial: Trial) -> tuple[EpochMetrics, ...]:
            async with gate:
                return await self._read_curve(job, trial)

        wanted = list(trials)
        found = await asyncio.gather(*(read(trial) for trial in wanted))
        return {trial.name: epochs for trial, epochs in zip(wanted, found, strict=True)}

    async def _read_curve(self, job: TuningJob, trial: Trial) -> tuple[EpochMetrics, ...]:
        curve = self._curves.setdefault(trial.name, _TrialCurve(CurveReader(job.metric_definitions)))
        # Two readers of one log would both take the same lines.
        async with curve.lock:
            while not curve.complete:
                events, curve.token = await self._logs.read(TRAINING_GROUP, f"{trial.name}/", curve.token)
                curve.reader.feed(events)
                # The last lines arrive after the job has ended, so it takes a reading that finds nothing new.
                curve.complete = not events and not trial.running
                if not events:
                    break
        return curve.reader.epochs

    async def unseen_objective(self, job: TuningJob, trials: Iterable[Trial]) -> str | None:
        """What to tell when a running job shows other metrics but not the objective, with the lines seen.

        Reads the oldest trial's log. ``None`` while all is well or nothing can be said: a script may well report its
        objective only at its end, so this is a warning.
        """
        trials = sorted(trials, key=lambda trial: trial.created)
        if not trials or any(trial.objective is not None for trial in trials):
            return None
        events, _ = await self._logs.read(TRAINING_GROUP, f"{trials[0].name}/", from_end=True)
        return unseen_objective(job, trials[0].name, [event.message for event in events])

    def training_spec(self, job: TuningJob, trial: Trial, job_name: str, instance_count: int = 1) -> TrainingSpec:
        """The form of a training job with this trial's hyperparameters on the same data ("train with these")."""
        values = {**job.static_hyperparameters, **trial.hyperparameters}
        values = {name.replace("-", "_"): value for name, value in values.items()}
        output = S3Uri.find(job.output_uri)
        defaults = TrainingSpec(job_name, job.data_uri, output.bucket if output is not None else "")
        return dataclasses.replace(
            defaults,
            backbone=values.pop("backbone", defaults.backbone),
            epochs=int(float(values.pop("epochs", defaults.epochs))),
            learning_rate=float(values.pop("learning_rate", defaults.learning_rate)),
            batch_size=int(float(values.pop("batch_size", defaults.batch_size))),
            instance_type=job.instance_type or defaults.instance_type,
            instance_count=instance_count,
            max_runtime_seconds=job.trial_seconds or defaults.max_runtime_seconds,
            volume_gb=job.volume_gb or defaults.volume_gb,
            hyperparameters=values,
            spot=job.spot,
        )

    async def _exists(self, name: str) -> bool:
        try:
            await self.describe(name)
        except NotFound:
            return False
        return True


@dataclasses.dataclass
class _TrialCurve:
    reader: CurveReader
    token: str | None = None
    complete: bool = False
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
