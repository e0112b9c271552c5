"""Training jobs: the operations, and the queue that runs no more of them than the machine carries."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.billing.quotas import SPOT, TRAINING, Quotas
from sandbox.containers.hosts import STOP_GRACE_SECONDS
from sandbox.containers.process import Command, Spawned, spawn
from sandbox.context import SandboxContext
from sandbox.core.settings import spot_interruptions
from sandbox.logs.pump import LogPump
from sandbox.metrics.store import Metrics, one_value
from sandbox.roles.access import RoleLogs, RoleS3
from sandbox.s3.inside import S3
from sandbox.sagemaker.checks import Stored, role_exists
from sandbox.sagemaker.profiling.rules import opening
from sandbox.sagemaker.queue import JobQueue, Turn
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.training.record import FINAL_STATUSES, JobRecord
from sandbox.sagemaker.training.request import check_request, describe_body, host_count, instances_of, invalid
from sandbox.sagemaker.training.run import (
    STOPPED_REASON,
    RunTools,
    TrainingRun,
    account_environment,
)
from sandbox.sagemaker.training.spot import is_spot, wait_limit
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
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


@dataclass
class _Entry:
    record: JobRecord
    request: Mapping[str, Any]
    turn: Turn
    key_id: str = ""
    run: TrainingRun | None = None
    patience: threading.Timer | None = None


class TrainingJobs:
    """All training jobs of the sandbox.

    Others (tuning) may start jobs with ``create`` and follow them through ``observers`` (called with the
    Describe answer after every change) and ``metric_observers`` (job name, [(metric, value, epoch seconds)]).
    """

    def __init__(
        self,
        ctx: SandboxContext,
        logs: LogPump,
        stop_grace: float = STOP_GRACE_SECONDS,
        queue: JobQueue | None = None,
    ) -> None:
        self._ctx = ctx
        self.queue = queue or JobQueue()
        self._logs = logs
        self._stop_grace = stop_grace
        self._interruptions = spot_interruptions()
        self.records = Records(ctx.state.db, "training-job")
        self._tags = Tags(ctx.state.db)
        self._quotas = Quotas(ctx.state.db)
        self._lock = threading.RLock()
        self._live: dict[str, _Entry] = {}
        self._closed = False
        self.observers: list[Changed] = []
        self.metric_observers: list[PutMetrics] = []
        self.operations: dict[str, Operation] = {
            "CreateTrainingJob": self._create_operation,
            "DescribeTrainingJob": self._describe_operation,
            "ListTrainingJobs": self._list_operation,
            "StopTrainingJob": self._stop_operation,
        }

    def recover(self) -> None:
        """Mark the jobs that a sandbox left behind when it was killed; their processes are gone."""
        for body in self.records.all(("InProgress", "Stopping")):
            record = JobRecord(self.records, body, self._notify)
            record.finish("Failed", reason=STOPPED_REASON)
        for folder in self._ctx.state.jobs.iterdir():
            shutil.rmtree(folder, ignore_errors=True)

    def busy(self) -> bool:
        """True while a job runs or waits."""
        with self._lock:
            return bool(self._live)

    def close(self) -> None:
        """End all jobs now; they are Failed with "the sandbox stopped"."""
        with self._lock:
            self._closed = True
            entries = list(self._live.values())
        waiting = [entry for entry in entries if self.queue.withdraw(entry.turn)]
        for entry in waiting:
            if entry.patience is not None:
                entry.patience.cancel()
            entry.record.finish("Failed", reason=STOPPED_REASON)
        for entry in entries:
            if entry.run is not None:
                entry.run.shut_down()
        for entry in entries:
            entry.turn.join(timeout=10)

    def check_several(self, request: Mapping[str, object], count: int) -> None:
        """Raise what would be raised for ``count`` such jobs at once in an account where nothing else runs."""
        request = self._checked(request)
        wanted = {instance_type: number * count for instance_type, number in instances_of(request).items()}
        self._quotas.require(_usage(request), wanted, {})

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
        # Under the lock, so that two requests at once cannot both have the last instance.
        with self._lock:
            with self._ctx.state.db.transaction():
                if not self.records.add(name, body, status="InProgress", created=now, parent=tuning_job_arn):
                    self._refuse_taken(name)
                self._tags.add(body["TrainingJobArn"], request.get("Tags", []))
                self._quotas.require(_usage(request), instances_of(request), self._in_use(_usage(request)))
            self._enqueue(JobRecord(self.records, body, self._notify), request)
        return body["TrainingJobArn"]

    def _in_use(self, usage: str) -> Counter[str]:
        """Instances by type of the jobs that count against this quota; the caller holds the lock."""
        used: Counter[str] = Counter()
        for entry in self._live.values():
            # A job that has ended may still be tidying up; its instances no longer count.
            if _usage(entry.request) == usage and entry.record.status not in FINAL_STATUSES:
                used.update(instances_of(entry.request))
        return used

    def describe(self, name: str) -> dict[str, Any]:
        """The Describe answer of a job; ValidationException when there is none."""
        body = self.records.get(name)
        if body is None:
            raise invalid("Requested resource not found.")
        return body

    def stop(self, name: str) -> None:
        """Begin to stop a job; ValidationException when it does not run."""
        with self._lock:
            entry = self._live.get(name)
        if entry is None or not entry.record.begin_stopping():
            status = self.describe(name)["TrainingJobStatus"]
            raise invalid(f"The request was rejected because the training job is in status {status}.")
        with self._lock:
            if not self._give_up(entry) and entry.run is not None:
                entry.run.stop()

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

    def _refuse_taken(self, name: str) -> None:
        if self.records.get(name) is not None:
            raise AwsError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this name "
                f"already exists ({self.records.arn(name)})",
            )

    def _enqueue(self, record: JobRecord, request: Mapping[str, object]) -> None:
        turn = Turn(f"training {record.name}", host_count(request)[0], lambda: self._run(entry))
        entry = _Entry(record, request, turn)
        patience = wait_limit(record.body)
        with self._lock:
            self._live[record.name] = entry
            if patience is not None:
                entry.patience = threading.Timer(patience, self._waited_too_long, (entry,))
                entry.patience.daemon = True
                entry.patience.start()
            self.queue.put(turn)

    def _waited_too_long(self, entry: _Entry) -> None:
        with self._lock:
            self._give_up(entry, "MaxWaitTimeExceeded")

    def _give_up(self, entry: _Entry, secondary: str = "") -> bool:
        """End a job that has not begun to run; the caller holds the lock. False when it has begun."""
        if not self.queue.withdraw(entry.turn):
            return False
        self._live.pop(entry.record.name, None)
        if entry.patience is not None:
            entry.patience.cancel()
        entry.record.finish("Stopped", secondary)
        return True

    def _run(self, entry: _Entry) -> None:
        if entry.patience is not None:
            entry.patience.cancel()
        try:
            run = TrainingRun(entry.record, entry.request, self._tools(entry))
            with self._lock:
                entry.run = run
                if self._closed:
                    run.shut_down()
                elif entry.record.status == "Stopping":
                    run.stop()
            run.execute()
        except Exception as error:
            entry.record.finish("Failed", reason=f"InternalServerError: the job could not be started: {error}")
            raise
        finally:
            self._ctx.credentials.revoke(entry.key_id)
            with self._lock:
                self._live.pop(entry.record.name, None)

    def _tools(self, entry: _Entry) -> RunTools:
        ctx, name = self._ctx, entry.record.name
        folder = ctx.state.jobs / name
        limit = wait_limit(entry.record.body) or entry.record.body["StoppingCondition"]["MaxRuntimeInSeconds"]
        keys = ctx.credentials.issue_session(
            entry.request["RoleArn"], "SageMaker", limit + _KEY_MARGIN_SECONDS, kept=False
        )
        entry.key_id = keys.access_key_id
        environment = account_environment(
            folder / "aws",
            ctx.region,
            ctx.endpoint_url,
            (keys.access_key_id, keys.secret_access_key, keys.session_token),
        )
        running = max(1, self.queue.used)
        return RunTools(
            folder=folder,
            cache=ctx.state.path / "cache",
            s3=RoleS3(ctx.part(S3), ctx.access, entry.request["RoleArn"]),
            logs=RoleLogs(self._logs, ctx.access, entry.request["RoleArn"], ctx.region),
            spawn=self._spawn,
            account_environment=environment,
            threads=max(1, (os.cpu_count() or 1) // running),
            put_metrics=self._put_metrics,
            tmp_name=ctx.processes.tmp_name,
            forget_tmp=ctx.processes.forget_tmp,
            stop_grace=self._stop_grace,
            interruptions=self._interruptions if is_spot(entry.request) else (),
        )

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


def _usage(request: Mapping[str, object]) -> str:
    return SPOT if is_spot(request) else TRAINING


def _summary(body: Mapping[str, object]) -> dict[str, object]:
    return {name: body[name] for name in _SUMMARY if name in body}
