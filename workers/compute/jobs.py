"""Training jobs on instances: ``train.py`` as a run command, followed, stopped and read like a job of SageMaker.

What a job is lies in its bucket (``sagedeck/ec2/NAME``: code, ``job.json``, ``state.json``, output), so it is found
again from any computer, also when the instance is gone and SSM has forgotten the command.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workers.aws.names import name_problem
from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.compute.commands import LONGEST_SECONDS, Commands
from workers.compute.host import AFTER_LIMIT_MINUTES
from workers.compute.instances import Instances
from workers.compute.script import (
    JOB_COMMENT,
    PREFIX,
    job_description,
    job_prefix,
    model_uri,
    package,
    run_job,
    stop_job,
)
from workers.compute.types import Command, Instance, JobSpec
from workers.errors.tree import AccessDenied, Conflict, InvalidInput, NotFound
from workers.training.arguments import argument_problem
from workers.training.curves import CurveReader
from workers.types import JobState, LogEvent, TrainingJob

# The host saves the model after the limit; SSM must not kill it before that.
_MARGIN_SECONDS = AFTER_LIMIT_MINUTES * 60
STOP_SECONDS = 60
_CONCURRENT_READS = 8
# A bucket without jobs is looked into again after this long, or when one is launched into it.
EMPTY_SECONDS = 300.0


@dataclass(frozen=True)
class InstanceJob:
    """One training job on an instance. ``state`` is a job's as SageMaker names it; times are ``None`` if not known.

    ``command`` is ``None`` when SSM does not know it any more.
    """

    name: str
    bucket: str
    state: JobState
    created: datetime
    instance: str = ""
    command: Command | None = None
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    data_uri: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    metric_definitions: tuple[tuple[str, str], ...] = ()
    limit_seconds: int = 0
    # The last value of each metric; none while it runs, and none of jobs of versions that did not keep them.
    final_metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self.state in ("InProgress", "Stopping")

    @property
    def model_uri(self) -> str:
        """Where its model lies; "" for a job that left none."""
        return "" if self.running or self.state == "Failed" else model_uri(self.bucket, self.name)

    def as_training_job(self, instance_type: str = "") -> TrainingJob:
        """The same job as the lists of the Training and Endpoints tabs show it."""
        return TrainingJob(
            name=self.name,
            status=self.state,
            created=self.created,
            ended=self.ended,
            started=self.started,
            failure_reason=self.reason if self.state == "Failed" else "",
            instance_type=instance_type,
            instance_count=1,
            max_runtime_seconds=self.limit_seconds,
            hyperparameters=self.hyperparameters,
            metric_definitions=self.metric_definitions,
            final_metrics=self.final_metrics,
            data_uri=self.data_uri,
            model_uri=self.model_uri,
            place="ec2",
            output_uri=str(S3Uri(self.bucket, f"{job_prefix(self.name)}/output/output.tar.gz")),
        )


class InstanceJobs:
    """Training jobs on the instances of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, commands: Commands, instances: Instances) -> None:
        self._session, self._commands, self._instances = session, commands, instances
        self._known: dict[str, InstanceJob] = {}
        self._known_types: dict[str, str] = {}
        # When a bucket was seen to have no job.
        self._empty: dict[str, float] = {}
        self._abouts: dict[tuple[str, str], Mapping[str, object]] = {}
        self._reading = asyncio.Semaphore(_CONCURRENT_READS)

    async def launch(self, spec: JobSpec, instance: Instance) -> Command:
        """Put the code into the bucket and run it on the instance; returns the command as SSM has taken it.

        Raises ``InvalidInput`` for a bad form, ``Conflict`` when the instance is not online or the name is taken.
        """
        problem = job_problem(spec)
        if problem:
            raise InvalidInput("The job cannot start like this", problem)
        if await self.exists(spec.bucket, spec.name):
            raise Conflict("The name is taken", f"There is a job {spec.name} in {spec.bucket}.", "Choose another name.")
        self._empty.pop(spec.bucket, None)
        about = job_description(spec, self._session.region)
        made = await self._session.run("pack the code", package, spec, about)
        key = f"{job_prefix(spec.name)}/code.tar.gz"
        doing = f"send the code of {spec.name}"
        await self._session.call("s3", "put_object", doing, Bucket=spec.bucket, Key=key, Body=made.data)
        await self._session.call(
            "s3",
            "put_object",
            doing,
            Bucket=spec.bucket,
            Key=f"{job_prefix(spec.name)}/job.json",
            Body=json.dumps(about).encode(),
            ContentType="application/json",
        )
        return await self._commands.send(
            instance,
            run_job(spec, self._session.region, key, made.sha256),
            comment=JOB_COMMENT + spec.name,
            bucket=spec.bucket,
            prefix=f"{job_prefix(spec.name)}/ssm",
            seconds=spec.limit_seconds + _MARGIN_SECONDS,
        )

    async def exists(self, bucket: str, name: str) -> bool:
        """Whether the bucket has a job of this name."""
        try:
            await self._session.call(
                "s3", "head_object", f"look for the job {name}", Bucket=bucket, Key=f"{job_prefix(name)}/job.json"
            )
        except NotFound:
            return False
        return True

    async def stop(self, job: InstanceJob, instance: Instance) -> Command:
        """Ask a job to stop and save its best model; a second command does it, and is returned."""
        return await self._commands.send(
            instance,
            stop_job(job.name),
            comment=f"sagedeck stop {job.name}",
            bucket="",
            prefix="",
            seconds=STOP_SECONDS,
        )

    async def of_bucket(self, bucket: str) -> tuple[InstanceJob, ...]:
        """All jobs of a bucket, newest first, with the command where SSM still knows it. Raises ``SageDeckError``."""
        names = await self._names(bucket)
        if not names:
            return ()
        try:
            commands = {command.job: command for command in await self._commands.of(most=1000) if command.job}
        except AccessDenied:
            commands = {}
        jobs = await asyncio.gather(*(self._job(bucket, name, commands.get(name)) for name in names))
        return tuple(sorted((job for job in jobs if job is not None), key=lambda job: job.created, reverse=True))

    async def everywhere(self) -> tuple[TrainingJob, ...]:
        """The jobs of all buckets, newest first, as training jobs. A bucket that may not be read is left out."""
        answer = await self._session.call("s3", "list_buckets", doing="look for jobs on instances")
        names = [bucket["Name"] for bucket in answer["Buckets"]]
        now = time.monotonic()
        asked = [name for name in names if now - self._empty.get(name, -math.inf) > EMPTY_SECONDS]
        found = await asyncio.gather(*(self._readable(name) for name in asked))
        self._empty |= {name: now for name, jobs in zip(asked, found, strict=True) if not jobs}
        jobs = [job for group in found for job in group]
        self._known = {job.name: job for job in jobs}
        types = await self._types()
        made = [job.as_training_job(types.get(job.instance, "")) for job in jobs]
        return tuple(sorted(made, key=lambda job: job.created, reverse=True))

    async def _readable(self, bucket: str) -> tuple[InstanceJob, ...]:
        try:
            return await self.of_bucket(bucket)
        except (AccessDenied, NotFound):
            return ()

    async def _types(self) -> dict[str, str]:
        """The type of each instance by its id; EC2 forgets terminated ones after an hour."""
        if self._known and not self._known_types.keys() >= {job.instance for job in self._known.values()}:
            pages = self._session.paginate("ec2", "describe_instances", "Reservations", doing="read the instances")
            try:
                self._known_types |= {
                    item["InstanceId"]: item["InstanceType"] async for page in pages for item in page["Instances"]
                }
            except AccessDenied:
                return self._known_types
            self._known_types = {job.instance: "" for job in self._known.values()} | self._known_types
        return self._known_types

    def knows(self, name: str) -> bool:
        """Whether a job of this name was found on an instance."""
        return name in self._known

    async def described(self, name: str) -> TrainingJob:
        """A known job as it is now. Raises ``NotFound``."""
        job = await self._now(name)
        return job.as_training_job((await self._types()).get(job.instance, ""))

    async def log(self, name: str, token: str | None, *, from_end: bool) -> tuple[tuple[LogEvent, ...], str]:
        """One page of a known job's live output, and where to go on."""
        command = self._known[name].command
        return ((), "") if command is None else await self._commands.output(command, token or None, from_end=from_end)

    async def stop_known(self, name: str) -> None:
        """Ask a known job to stop, on the instance where it runs. Raises ``SageDeckError``."""
        job = await self._now(name)
        where = {instance.id: instance for instance in await self._instances.all()}.get(job.instance)
        if where is None:
            raise NotFound("The instance is gone", f"{name} ran on {job.instance}, which is not there any more.")
        await self.stop(job, where)

    async def _now(self, name: str) -> InstanceJob:
        known = self._known[name]
        command = known.command
        if command is not None and command.running:
            command = await self._commands.describe(command.id, command.instance) or command
        job = await self._job(known.bucket, name, command)
        if job is None:
            raise NotFound("No such job", f"The job {name} was deleted from {known.bucket}.")
        self._known[name] = job
        return job

    async def of_command(self, command: Command) -> InstanceJob | None:
        """The job that a command runs; ``None`` for a command of one's own."""
        return await self._job(command.bucket, command.job, command) if command.job and command.bucket else None

    def curve_reader(self, job: InstanceJob) -> CurveReader:
        """Reads loss and accuracy from the job's output as it comes."""
        return CurveReader(job.metric_definitions)

    async def _names(self, bucket: str) -> list[str]:
        start = f"{PREFIX}/"
        found = self._session.paginate(
            "s3",
            "list_objects_v2",
            "CommonPrefixes",
            doing=f"look for jobs in {bucket}",
            Bucket=bucket,
            Prefix=start,
            Delimiter="/",
        )
        return [item["Prefix"][len(start) : -1] async for item in found]

    async def _job(self, bucket: str, name: str, command: Command | None) -> InstanceJob | None:
        async with self._reading:
            about = self._abouts.get((bucket, name)) or await self._json(bucket, name, "job.json")
            if about is None:
                return None
            self._abouts[bucket, name] = about
            state = await self._json(bucket, name, "state.json")
        return job_of_parts(bucket, name, about, state, command)

    async def _json(self, bucket: str, name: str, file: str) -> Mapping[str, object] | None:
        try:
            data = await self._session.run(
                f"read the job {name}", self._read, bucket, f"{job_prefix(name)}/{file}", service="s3"
            )
            value = json.loads(data)
        except (NotFound, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def _read(self, bucket: str, key: str) -> bytes:
        data: bytes = self._session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return data


def job_problem(spec: JobSpec) -> str | None:
    """What is wrong with a job's form, in a sentence, or ``None``. No network."""
    problem = name_problem(spec.name, "The job name")
    if problem:
        return problem
    if S3Uri.find(spec.data_uri) is None:
        return "The data must be a folder in S3 (s3://bucket/folder)."
    if not spec.bucket:
        return "The bucket for the results is missing."
    if not 60 <= spec.limit_seconds <= LONGEST_SECONDS - _MARGIN_SECONDS:
        return f"The time limit must be a minute to {(LONGEST_SECONDS - _MARGIN_SECONDS) // 3600} hours."
    # A script of one's own has arguments of its own.
    return None if spec.source else argument_problem(spec.hyperparameters)


def job_of_parts(
    bucket: str, name: str, about: Mapping[str, Any], state: Mapping[str, Any] | None, command: Command | None
) -> InstanceJob:
    """A job from what its bucket and SSM say. SSM has the last word on a command that did not end by itself."""
    told = dict(state or {})
    word, reason = _state(told, command)
    created = command.requested if command else _time(told.get("began"))
    return InstanceJob(
        name=name,
        bucket=bucket,
        state=word,
        created=created or datetime.fromtimestamp(0, UTC),
        instance=str(about.get("instance", "")),
        command=command,
        started=_time(told.get("began")) or (command.started if command else None),
        ended=_time(told.get("ended")) or (command.ended if command else None),
        exit_code=told.get("exit_code")
        if told.get("exit_code") is not None
        else command.exit_code
        if command
        else None,
        reason=reason,
        data_uri=str(about.get("data_uri", "")),
        hyperparameters={str(key): str(value) for key, value in dict(about.get("hyperparameters", {})).items()},
        metric_definitions=tuple((item["Name"], item["Regex"]) for item in about.get("metric_definitions", ())),
        limit_seconds=int(about.get("limit_seconds", 0)),
        final_metrics=_metrics(told.get("metrics")),
    )


def _state(told: Mapping[str, object], command: Command | None) -> tuple[JobState, str]:
    word = str(told.get("state", ""))
    if word in ("Completed", "Stopped"):
        return ("Completed", "") if word == "Completed" else ("Stopped", "")
    if word == "Failed":
        over = "It ran longer than its limit." if told.get("timed_out") else ""
        return "Failed", over or f"The script ended with exit code {told.get('exit_code')}."
    if command is None:
        # It began, never said how it ended, and SSM has forgotten it.
        return "Failed", "Its end was not told: the instance may have been stopped under it."
    if command.state == "Cancelling":
        return "Stopping", ""
    if command.running:
        return "InProgress", ""
    if command.state == "Cancelled":
        return "Stopped", "It was cancelled, so it saved no model."
    if command.state == "TimedOut":
        return "Failed", f"SSM says: {command.detail or 'timed out'}."
    return (
        "Failed",
        f"The command ended with exit code {command.exit_code}." if command.state == "Failed" else command.detail,
    )


def _metrics(told: object) -> dict[str, float]:
    if not isinstance(told, Mapping):
        return {}
    return {str(name): float(value) for name, value in told.items() if isinstance(value, int | float)}


def _time(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    return datetime.fromtimestamp(seconds, UTC)
