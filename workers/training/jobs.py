"""Training jobs: launch, list, follow, stop, and read what they left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import IO, TYPE_CHECKING, Protocol, cast

from workers.access.role_wait import when_role_is_known
from workers.aws.creating import ATTEMPT_TAG, Attempt, Part, as_one, surely, tagged
from workers.aws.logs import TRAINING_GROUP, Logs
from workers.aws.names import name_problem
from workers.aws.pages import every_job, page_request
from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.aws.times import utc, utc_of
from workers.errors.tree import AccessDenied, NotFound, SageDeckError, Throttled
from workers.launcher.client import LAUNCH_SECONDS, START_SECONDS, Launcher
from workers.training.checkpoints import CheckpointCopies
from workers.training.curves import CurveReader
from workers.training.failures import Failure, explain
from workers.training.features_progress import FeaturesProgress, ProgressReader
from workers.training.interruption import INTERRUPT_TAG, INTERRUPT_VALUE, can_interrupt
from workers.training.report import find_report, parse_report
from workers.training.request import CHANNEL, launch_request
from workers.types import EpochMetrics, JobPage, JobReport, LogEvent, TrainingJob, TrainingSpec

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        ChannelOutputTypeDef,
        DescribeTrainingJobResponseTypeDef,
        TrainingJobSummaryTypeDef,
    )

# A screen full, and the next scroll.
PAGE_SIZE = 50
# DescribeTrainingJob is throttled at a few calls a second.
CONCURRENT_DESCRIBES = 4
FAILURE_LOG_EVENTS = 200
# The launcher may have to start first, and it uploads the code.
LAUNCH_FLOW_SECONDS = START_SECONDS + LAUNCH_SECONDS


class TrainingRoles(Protocol):
    """Who makes the execution role of a job (``workers.access.roles.Roles``)."""

    async def ensure_training_role(self, bucket: str) -> str:
        """The ARN of a role that may train on ``bucket``."""


class OtherJobs(Protocol):
    """Training jobs that SageMaker does not know (``workers.compute.jobs``), followed in the same way."""

    def knows(self, name: str) -> bool:
        """Whether a job of this name was found."""

    async def described(self, name: str) -> TrainingJob:
        """The job as it is now."""

    async def log(self, name: str, token: str | None, *, from_end: bool) -> tuple[tuple[LogEvent, ...], str]:
        """One page of its output."""

    async def stop_known(self, name: str) -> None:
        """Ask it to stop."""


class Training:
    """Everything about training jobs of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, launcher: Launcher, roles: TrainingRoles) -> None:
        self._session, self._launcher, self._roles = session, launcher, roles
        self._logs = Logs(session)
        self._copies = CheckpointCopies(session)
        self.elsewhere: OtherJobs | None = None
        self._progress: dict[str, ProgressReader] = {}
        self._finished: dict[tuple[str, datetime], TrainingJob] = {}
        self._describing = asyncio.Semaphore(CONCURRENT_DESCRIBES)

    async def launch(self, spec: TrainingSpec, *, script_mode: bool = False) -> str:
        """Upload the training code and create the job; returns the job's name once it exists.

        ``script_mode``: a single process is started by the image's toolkit, as the jobs of a tuning job are.

        A job that was created although the launch failed or was cancelled is stopped; see ``SageDeckError.left``.
        With ``continue_from`` the job gets a copy of these checkpoints first, a few files below its own name.
        """
        request = launch_request(spec, self._session.region)
        request = replace(request, script_mode=script_mode and not request.several_processes)
        if spec.continue_from:
            await self._copies.copy(spec.continue_from, request.checkpoint_uri)
        request = replace(request, role_arn=await self._roles.ensure_training_role(spec.output_bucket))
        name = spec.job_name

        async def create(attempt: Attempt) -> str:
            sent = replace(request, tags={**request.tags, ATTEMPT_TAG: attempt.token})
            # The launcher may have died or hung, too: whether the job was created before that, only AWS knows.
            await attempt.make(
                Part(
                    "training job",
                    name,
                    lambda: self.stop(name),
                    f"aws sagemaker stop-training-job --training-job-name {name}",
                    "runs and bills",
                ),
                lambda: when_role_is_known(lambda: self._launcher.launch(sent)),
                lambda: tagged(
                    self._session, "describe_training_job", attempt, f"look for the job {name}", TrainingJobName=name
                ),
            )
            return name

        return await as_one(create, f"start the job {name}", LAUNCH_FLOW_SECONDS)

    async def check_name(self, name: str) -> str | None:
        """What is wrong with a name for a new job, in a sentence; ``None`` when it is good and free."""
        problem = name_problem(name, "The job name")
        if problem is None and await self._created(name) is not None:
            problem = "A job with this name exists already; job names cannot be used twice."
        return problem

    async def list(
        self, *, search: str = "", status: str | None = None, token: str | None = None, size: int = PAGE_SIZE
    ) -> JobPage:
        """One page of jobs, newest first. ``search`` is a part of the name, ``status`` a ``JobState``.

        ListTrainingJobs knows neither instances nor times of billing: see ``complete``.
        """
        parameters = page_request(search, status, token, size)
        answer = await self._session.call(
            "sagemaker", "list_training_jobs", doing="list the training jobs", **parameters
        )
        jobs = tuple(self._known(_summary(item)) for item in answer["TrainingJobSummaries"])
        return JobPage(jobs, answer.get("NextToken"))

    def jobs(self, *, search: str = "", status: str | None = None) -> AsyncIterator[TrainingJob]:
        """All jobs, newest first, page by page as they are asked for; there is no upper limit."""
        return every_job(lambda token: self.list(search=search, status=status, token=token, size=100))

    async def complete(self, jobs: Iterable[TrainingJob]) -> tuple[TrainingJob, ...]:
        """The same jobs with their details (instances, times, metrics), a few calls at a time.

        A finished job is asked for once. One whose details cannot be had now stays as it is.
        """

        async def one(job: TrainingJob) -> TrainingJob:
            job = self._known(job)
            if job.instance_type:
                return job
            try:
                async with self._describing:
                    return await self.describe(job.name)
            except (NotFound, Throttled, AccessDenied):
                return job

        return tuple(await asyncio.gather(*(one(job) for job in jobs)))

    async def describe(self, name: str) -> TrainingJob:
        """One job with all details. Raises ``NotFound``."""
        if self.elsewhere is not None and self.elsewhere.knows(name):
            return await self.elsewhere.described(name)
        answer = await self._session.call(
            "sagemaker", "describe_training_job", doing=f"read the job {name}", TrainingJobName=name
        )
        job = _detail(cast("DescribeTrainingJobResponseTypeDef", answer))
        if not job.running:
            self._finished[job.name, job.created] = job
        return job

    async def stop(self, name: str) -> None:
        """Ask the job to stop: SIGTERM, 120 s to save its model, then SIGKILL. Returns before it has stopped."""
        if self.elsewhere is not None and self.elsewhere.knows(name):
            await self.elsewhere.stop_known(name)
            return
        doing = f"stop the job {name}"

        async def stopping() -> object:
            found = await self._session.call("sagemaker", "describe_training_job", doing=doing, TrainingJobName=name)
            return found if found["TrainingJobStatus"] in ("Stopping", "Stopped") else None

        await surely(
            lambda: self._session.call("sagemaker", "stop_training_job", doing=doing, TrainingJobName=name), stopping
        )

    def can_interrupt(self, job: TrainingJob) -> bool:
        """Whether ``interrupt`` can take this job's instances away now. AWS lets nobody do that; the sandbox does."""
        return can_interrupt(self._session.backend, job)

    async def interrupt(self, job: TrainingJob) -> None:
        """Take a spot job's instances away: SIGTERM, 120 s, SIGKILL, and it starts again from its checkpoint."""
        await self._session.call(
            "sagemaker",
            "add_tags",
            doing=f"interrupt the job {job.name}",
            ResourceArn=job.arn,
            Tags=[{"Key": INTERRUPT_TAG, "Value": INTERRUPT_VALUE}],
        )

    async def log(
        self, name: str, token: str | None = None, *, from_end: bool = False
    ) -> tuple[tuple[LogEvent, ...], str]:
        """One page of the job's log and where to go on (see ``Logs.read``)."""
        if self.elsewhere is not None and self.elsewhere.knows(name):
            return await self.elsewhere.log(name, token, from_end=from_end)
        return await self._logs.read(TRAINING_GROUP, f"{name}/", token, from_end=from_end)

    async def features_progress(self, name: str) -> FeaturesProgress | None:
        """How far a running job is in its pass over the pictures; ``None`` before it, after it, and without one."""
        reader = self._progress.setdefault(name, ProgressReader())
        events, reader.token = await self.log(name, reader.token, from_end=reader.token is None)
        return reader.feed(events)

    def curve_reader(self, job: TrainingJob) -> CurveReader:
        """Reads loss and accuracy from the job's log as it comes, by the job's own metric definitions."""
        return CurveReader(job.metric_definitions)

    def curves(self, job: TrainingJob, events: Iterable[LogEvent]) -> tuple[EpochMetrics, ...]:
        """The epochs found in these log events."""
        reader = self.curve_reader(job)
        reader.feed(events)
        return reader.epochs

    async def failure(self, job: TrainingJob) -> Failure:
        """Why a job failed; looks into the end of its log, where the script's own words are."""
        if job.place == "ec2":
            events, _ = await self.log(job.name, from_end=True)
            return explain(job.failure_reason, [event.message for event in events])
        try:
            events, _ = await self._logs.read(TRAINING_GROUP, f"{job.name}/", limit=FAILURE_LOG_EVENTS, from_end=True)
        except SageDeckError:
            # The reason that AWS gives is shown all the same.
            events = ()
        return explain(job.failure_reason, [event.message for event in events])

    async def report(self, job: TrainingJob) -> JobReport:
        """The report that the training script left. Raises ``NotFound`` when there is none."""
        for uri in (job.output_uri, job.model_uri):
            place = S3Uri.find(uri)
            if place is None:
                continue
            try:
                data = await self._session.run(
                    f"read the report of {job.name}", self._read_report, place.bucket, place.key, service="s3"
                )
            except NotFound:
                continue
            if data is not None:
                return parse_report(data)
        raise NotFound(
            "No report",
            f"The job {job.name} left no report.json.",
            "Only jobs that finished with SageDeck's training script have one.",
        )

    def _read_report(self, bucket: str, key: str) -> bytes | None:
        body = self._session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        try:
            return find_report(cast("IO[bytes]", body))
        finally:
            # Closing without reading to the end drops the connection instead of downloading the rest.
            body.close()

    async def _created(self, name: str) -> datetime | None:
        """When the job of this name was created; ``None`` when there is none."""
        try:
            answer = await self._session.call(
                "sagemaker", "describe_training_job", doing=f"look for the job {name}", TrainingJobName=name
            )
        except NotFound:
            return None
        return utc(answer["CreationTime"])

    def _known(self, job: TrainingJob) -> TrainingJob:
        return self._finished.get((job.name, job.created), job)


def _summary(item: TrainingJobSummaryTypeDef) -> TrainingJob:
    return TrainingJob(
        name=item["TrainingJobName"],
        status=item["TrainingJobStatus"],
        created=utc(item["CreationTime"]),
        ended=utc_of(item, "TrainingEndTime"),
        secondary_status=item.get("SecondaryStatus", ""),
        arn=item.get("TrainingJobArn", ""),
    )


def _detail(answer: DescribeTrainingJobResponseTypeDef) -> TrainingJob:
    name = answer["TrainingJobName"]
    resources = answer.get("ResourceConfig", {})
    output = answer.get("OutputDataConfig", {}).get("S3OutputPath", "").rstrip("/")
    reason = answer.get("FailureReason", "")
    return TrainingJob(
        name=name,
        status=answer["TrainingJobStatus"],
        created=utc(answer["CreationTime"]),
        started=utc_of(answer, "TrainingStartTime"),
        ended=utc_of(answer, "TrainingEndTime"),
        secondary_status=answer.get("SecondaryStatus", ""),
        failure_reason=reason,
        instance_type=resources.get("InstanceType", ""),
        instance_count=resources.get("InstanceCount", 0),
        max_runtime_seconds=answer.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 0),
        billable_seconds=answer.get("BillableTimeInSeconds", 0),
        training_seconds=answer.get("TrainingTimeInSeconds", 0),
        spot=answer.get("EnableManagedSpotTraining", False),
        hyperparameters=dict(answer.get("HyperParameters", {})),
        metric_definitions=tuple(
            (item["Name"], item["Regex"])
            for item in answer.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
        ),
        final_metrics={item["MetricName"]: item["Value"] for item in answer.get("FinalMetricDataList", ())},
        data_uri=_channel_uri(answer.get("InputDataConfig", ())),
        model_uri=answer.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""),
        output_uri=f"{output}/{name}/output/output.tar.gz" if output else "",
        arn=answer.get("TrainingJobArn", ""),
        role_arn=answer.get("RoleArn", ""),
        environment=dict(answer.get("Environment", {})),
        interruptions=sum(step["Status"] == "Interrupted" for step in answer.get("SecondaryStatusTransitions", ())),
        checkpoint_uri=answer.get("CheckpointConfig", {}).get("S3Uri", ""),
    )


def _channel_uri(channels: Sequence[ChannelOutputTypeDef]) -> str:
    uris = {
        channel.get("ChannelName"): channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
        for channel in channels
    }
    ours = [uri for name, uri in uris.items() if name not in ("code", "sm_drivers", "recipe")]
    return uris.get(CHANNEL) or (ours[0] if ours else "")
