"""Training jobs: the operations, and the queue that runs no more of them than the machine carries."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sandbox.billing.quotas import SPOT, TRAINING
from sandbox.containers.hosts import STOP_GRACE_SECONDS
from sandbox.containers.process import Command, Spawned, spawn
from sandbox.context import SandboxContext
from sandbox.core.settings import spot_interruptions
from sandbox.logs.pump import LogPump
from sandbox.metrics.store import Metrics, one_value
from sandbox.roles.access import RoleLogs, RoleS3
from sandbox.s3.inside import S3
from sandbox.sagemaker.batch.jobs import BatchJobs
from sandbox.sagemaker.checks import Stored, role_exists
from sandbox.sagemaker.profiling.rules import opening
from sandbox.sagemaker.queue import JobQueue
from sandbox.sagemaker.training.record import JobRecord
from sandbox.sagemaker.training.request import check_request, describe_body, host_count, instances_of, invalid
from sandbox.sagemaker.training.run import (
    RunTools,
    TrainingRun,
    account_environment,
)
from sandbox.sagemaker.training.spot import is_spot, wait_limit
from sandbox.service import Operation
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateTrainingJobRequestTypeDef,
        DescribeTrainingJobRequestTypeDef,
        ListTrainingJobsRequestTypeDef,
        StopTrainingJobRequestTypeDef,
    )


METRIC_NAMESPACE = "/aws/sagemaker/TrainingJobs"
_SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)
# The keys of a job outlive its longest run by what its downloads and uploads take.
_KEY_MARGIN_SECONDS = 3600.0

Changed = Callable[[dict[str, Any]], None]
PutMetrics = Callable[[str, list[tuple[str, float, float]]], None]


class TrainingJobs(BatchJobs[JobRecord]):
    """All training jobs of the sandbox.

    Others (tuning) may start jobs with ``create`` and follow them through ``observers`` (called with the
    Describe answer after every change) and ``metric_observers`` (job name, [(metric, value, epoch seconds)]).
    """

    word, kind = "Training", "training-job"

    def __init__(
        self,
        ctx: SandboxContext,
        logs: LogPump,
        stop_grace: float = STOP_GRACE_SECONDS,
        queue: JobQueue | None = None,
    ) -> None:
        super().__init__(ctx, queue or JobQueue())
        self._logs = logs
        self._stop_grace = stop_grace
        self._interruptions = spot_interruptions()
        self.observers: list[Changed] = []
        self.metric_observers: list[PutMetrics] = []
        self.operations: dict[str, Operation] = {
            "CreateTrainingJob": self._create_operation,
            "DescribeTrainingJob": self._describe_operation,
            "ListTrainingJobs": self._list_operation,
            "StopTrainingJob": self._stop_operation,
        }

    def recover(self) -> None:
        """Mark the jobs that a sandbox left behind when it was killed, and remove their files."""
        super().recover()
        for folder in self._ctx.state.jobs.iterdir():
            shutil.rmtree(folder, ignore_errors=True)

    def instances(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Number of instances by type."""
        return instances_of(request)

    def _record(self, body: dict[str, Any]) -> JobRecord:
        return JobRecord(self.records, body, self._notify)

    def _quota(self, request: Mapping[str, Any]) -> str:
        return SPOT if is_spot(request) else TRAINING

    def _absent(self, name: str) -> str:
        return "Requested resource not found."

    def _taken(self) -> str:
        return "Training job names must be unique within an AWS account and region, and a training job with this name"

    def _patience(self, record: JobRecord) -> float | None:
        return wait_limit(record.body)

    def check_several(self, request: Mapping[str, object], count: int) -> None:
        """Raise what would be raised for ``count`` such jobs at once in an account where nothing else runs."""
        request = self._checked(request)
        wanted = {instance_type: number * count for instance_type, number in instances_of(request).items()}
        self._quotas.require(self._quota(request), wanted, {})

    def _checked(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raise what CreateTrainingJob raises, but for quotas in use; returns the request."""
        self._refuse_taken(request["TrainingJobName"])
        check_request(request, Stored(self._ctx), self._ctx.region, lambda arn: role_exists(self._ctx, arn))
        self._quotas.require_hosts(host_count(request)[0])
        return request

    def create(self, request: Mapping[str, Any], tuning_job_arn: str = "") -> str:
        """Check a CreateTrainingJob request, keep the job and queue it; returns its ARN."""
        request = self._checked(request)
        name = request["TrainingJobName"]
        now = time.time()
        body = {
            "TrainingJobName": name,
            "TrainingJobArn": self.records.arn(name),
            "ModelArtifacts": {"S3ModelArtifacts": ""},
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": now,
            "LastModifiedTime": now,
            **describe_body(request),
            **opening(request, now),
        }
        if tuning_job_arn:
            body["TuningJobArn"] = tuning_job_arn
        body["SecondaryStatusTransitions"] = [
            {"Status": "Starting", "StartTime": now, "StatusMessage": "Preparing the instances for training"}
        ]
        self._admit(body, request, tuning_job_arn)
        return body["TrainingJobArn"]

    def interrupt(self, name: str) -> None:
        """Take the instances of a spot job away, as AWS may at any time; ValidationException when it does not train."""
        with self._lock:
            entry = self._live.get(name)
            run = entry.run if entry is not None else None
        if run is None or not run.interrupt():
            job = self.describe(name)
            kind = "" if is_spot(job) else ", and only managed spot training is interrupted"
            raise invalid(
                f"The sandbox cannot interrupt the training job {name}: it is in secondary status "
                f"{job['SecondaryStatus']}{kind}."
            )

    def _create_operation(self, request: CreateTrainingJobRequestTypeDef, _caller: Caller) -> dict[str, object]:
        return {"TrainingJobArn": self.create(request)}

    def _describe_operation(self, request: DescribeTrainingJobRequestTypeDef, _caller: Caller) -> dict[str, object]:
        return self.describe(request["TrainingJobName"])

    def _list_operation(self, request: ListTrainingJobsRequestTypeDef, _caller: Caller) -> dict[str, object]:
        if request.get("WarmPoolStatusEquals") or request.get("TrainingPlanArnEquals"):
            # The sandbox has neither warm pools nor training plans, so no job can match.
            return {"TrainingJobSummaries": []}
        summaries, token = self.records.page(request, _summary)
        return {"TrainingJobSummaries": summaries} | ({"NextToken": token} if token else {})

    def _stop_operation(self, request: StopTrainingJobRequestTypeDef, _caller: Caller) -> dict[str, object]:
        self.stop(request["TrainingJobName"])
        return {}

    def make(self, record: JobRecord, request: Mapping[str, Any], ended: ExitStack) -> TrainingRun:
        """The run of a job; at its end its keys are revoked."""
        ctx, role = self._ctx, request["RoleArn"]
        folder = ctx.state.jobs / record.name
        limit = wait_limit(record.body) or record.body["StoppingCondition"]["MaxRuntimeInSeconds"]
        keys = ctx.credentials.issue_session(role, "SageMaker", limit + _KEY_MARGIN_SECONDS, kept=False)
        ended.callback(ctx.credentials.revoke, keys.access_key_id)
        environment = account_environment(
            folder / "aws",
            ctx.region,
            ctx.endpoint_url,
            (keys.access_key_id, keys.secret_access_key, keys.session_token),
        )
        running = max(1, self.queue.used)
        tools = RunTools(
            folder=folder,
            cache=ctx.state.path / "cache",
            s3=RoleS3(ctx.part(S3), ctx.access, role),
            logs=RoleLogs(self._logs, ctx.access, role, ctx.region),
            spawn=self._spawn,
            account_environment=environment,
            threads=max(1, (os.cpu_count() or 1) // running),
            put_metrics=self._put_metrics,
            tmp_name=ctx.processes.tmp_name,
            forget_tmp=ctx.processes.forget_tmp,
            stop_grace=self._stop_grace,
            interruptions=self._interruptions if is_spot(request) else (),
        )
        return TrainingRun(record, request, tools)

    def _spawn(self, name: str, command: Command) -> Spawned:
        return spawn(self._ctx, "training", name, command)

    def _put_metrics(self, name: str, points: list[tuple[str, float, float]]) -> None:
        dimensions = {"TrainingJobName": name}
        data = [(metric, dimensions, one_value(value, at)) for metric, value, at in points]
        self._ctx.part(Metrics).put_data(METRIC_NAMESPACE, data)
        for observer in self.metric_observers:
            observer(name, points)

    def _notify(self, body: dict[str, Any]) -> None:
        for observer in self.observers:
            observer(body)


def _summary(body: Mapping[str, object]) -> dict[str, object]:
    return {name: body[name] for name in _SUMMARY if name in body}
