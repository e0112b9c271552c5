"""Tuning jobs: the operations, and what becomes of the jobs when the sandbox ends."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.context import SandboxContext
from sandbox.logs.store import Logs
from sandbox.sagemaker.records import DEFAULT_PAGE, Records, Tags
from sandbox.sagemaker.training.jobs import TrainingJobs
from sandbox.sagemaker.training.request import invalid
from sandbox.sagemaker.tuning.record import best_of, final_value, trial_summary, tuning_objective
from sandbox.sagemaker.tuning.run import TuningRun, standing
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateHyperParameterTuningJobRequestTypeDef,
        DescribeHyperParameterTuningJobRequestTypeDef,
        ListHyperParameterTuningJobsRequestTypeDef,
        ListTrainingJobsForHyperParameterTuningJobRequestTypeDef,
        StopHyperParameterTuningJobRequestTypeDef,
    )


if TYPE_CHECKING:
    from sandbox.sagemaker.tuning.request import TuningPlan

STOPPED_REASON = "InternalServerError: the sandbox stopped while the tuning job was running."
RUNNING = ("InProgress", "Stopping")
_SUMMARY = (
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobArn",
    "HyperParameterTuningJobStatus",
    "CreationTime",
    "HyperParameterTuningEndTime",
    "LastModifiedTime",
    "TrainingJobStatusCounters",
    "ObjectiveStatusCounters",
)
# Kept with the record, no member of the answer.
_PRIVATE = ("ParentBest",)


class TuningJobs:
    """All tuning jobs of the sandbox; their training jobs are those of ``jobs``."""

    def __init__(self, ctx: SandboxContext, jobs: TrainingJobs) -> None:
        self._ctx, self._jobs = ctx, jobs
        self.records = Records(ctx.state.db, "hyper-parameter-tuning-job")
        self._tags = Tags(ctx.state.db)
        self._lock = threading.Lock()
        self._runs: dict[str, TuningRun] = {}
        self._owners: dict[str, TuningRun] = {}
        jobs.observers.append(self._job_changed)
        jobs.metric_observers.append(self._metrics_came)
        self.operations: dict[str, Operation] = {
            "CreateHyperParameterTuningJob": self._create,
            "DescribeHyperParameterTuningJob": self._describe,
            "ListHyperParameterTuningJobs": self._list,
            "StopHyperParameterTuningJob": self._stop,
            "ListTrainingJobsForHyperParameterTuningJob": self._list_trials,
        }

    def recover(self) -> None:
        """End the tuning jobs that a sandbox left behind; call it after the training jobs' ``recover``."""
        for body in self.records.all(RUNNING):
            body |= standing(self._summaries(body), body)
            now = time.time()
            stopping = body["HyperParameterTuningJobStatus"] == "Stopping"
            body["HyperParameterTuningJobStatus"] = "Stopped" if stopping else "Failed"
            body["FailureReason"] = STOPPED_REASON
            body["HyperParameterTuningEndTime"] = body["LastModifiedTime"] = now
            name = body["HyperParameterTuningJobName"]
            self.records.save(name, body, status=body["HyperParameterTuningJobStatus"], modified=now)

    def busy(self) -> bool:
        """True while a tuning job runs."""
        return bool(self._runs)

    def stop_launching(self) -> None:
        """The sandbox ends: no tuning job starts anything more."""
        for run in list(self._runs.values()):
            run.stop_launching()

    def close(self) -> None:
        """Keep what became of the running ones; call it when the training jobs have ended."""
        for run in list(self._runs.values()):
            run.thread.join(timeout=10)
        self.recover()

    def _create(self, request: CreateHyperParameterTuningJobRequestTypeDef, _caller: Caller) -> dict[str, object]:
        # The search engine takes a second to import, and most sandboxes never tune.
        from sandbox.sagemaker.tuning.request import TuningPlan, describe_definition

        name = request["HyperParameterTuningJobName"]
        self._refuse_taken(name)
        plan = TuningPlan(request)
        example = plan.trial_request(f"{name}-001-00000000", {searched.name: "" for searched in plan.ranges})
        self._jobs.check_several(example, plan.parallel)
        now = time.time()
        body: dict[str, Any] = {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobArn": self.records.arn(name),
            "HyperParameterTuningJobConfig": {"TrainingJobEarlyStoppingType": "Off", **plan.config},
            "HyperParameterTuningJobStatus": "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        described = describe_definition(plan.definition, plan)
        if request.get("TrainingJobDefinition"):
            body["TrainingJobDefinition"] = described
        else:
            body["TrainingJobDefinitions"] = [described]
        if request.get("WarmStartConfig"):
            body["WarmStartConfig"] = request["WarmStartConfig"]
            body["ParentBest"] = self._learn_from_parents(request["WarmStartConfig"], plan)
        body |= standing([], body)
        with self._ctx.state.db.transaction():
            if not self.records.add(name, body, status="InProgress", created=now):
                self._refuse_taken(name)
            self._tags.add(body["HyperParameterTuningJobArn"], request.get("Tags", []))
        run = TuningRun(
            plan=plan,
            body=body,
            records=self.records,
            jobs=self._jobs,
            logs=self._ctx.part(Logs),
            claim=self._claim,
            release=self._release,
        )
        with self._lock:
            self._runs[name] = run
        run.thread.start()
        return {"HyperParameterTuningJobArn": body["HyperParameterTuningJobArn"]}

    def _describe(self, request: DescribeHyperParameterTuningJobRequestTypeDef, _caller: Caller) -> dict[str, Any]:
        body = self._get(request["HyperParameterTuningJobName"])
        end = body.get("HyperParameterTuningEndTime", time.time())
        body["ConsumedResources"] = {"RuntimeInSeconds": max(0, round(end - body["CreationTime"]))}
        return {member: value for member, value in body.items() if member not in _PRIVATE}

    def _list(self, request: ListHyperParameterTuningJobsRequestTypeDef, _caller: Caller) -> dict[str, Any]:
        summaries, token = self.records.page(request, _summary, sort_by="Name")
        return {"HyperParameterTuningJobSummaries": summaries} | ({"NextToken": token} if token else {})

    def _stop(self, request: StopHyperParameterTuningJobRequestTypeDef, _caller: Caller) -> dict[str, object]:
        name = request["HyperParameterTuningJobName"]
        status = self._get(name)["HyperParameterTuningJobStatus"]
        run = self._runs.get(name)
        if run is None or not run.stop():
            raise invalid(f"The request was rejected because the hyperparameter tuning job is in status {status}.")
        return {}

    def _list_trials(
        self, request: ListTrainingJobsForHyperParameterTuningJobRequestTypeDef, _caller: Caller
    ) -> dict[str, object]:
        body = self._get(request["HyperParameterTuningJobName"])
        page, token = trial_page(self._summaries(body), request)
        return {"TrainingJobSummaries": page} | ({"NextToken": token} if token else {})

    def _get(self, name: str) -> dict[str, Any]:
        body = self.records.get(name)
        if body is None:
            raise AwsError("ResourceNotFound", f"Amazon SageMaker can't find a tuning job with the name {name}.")
        return body

    def _refuse_taken(self, name: str) -> None:
        if self.records.get(name) is not None:
            raise AwsError(
                "ResourceInUse",
                "Hyperparameter tuning job names must be unique within an AWS account and region, and a tuning job "
                f"with this name already exists ({self.records.arn(name)})",
            )

    def _summaries(self, body: Mapping[str, Any]) -> list[dict[str, object]]:
        jobs = self._jobs.records.all(parent=body["HyperParameterTuningJobArn"])
        return [trial_summary(job, body) for job in jobs]

    def _learn_from_parents(self, config: Mapping[str, Any], plan: TuningPlan) -> dict[str, Any] | None:
        """Teach the engine what the parents found; returns their best when it may be compared with this job's."""
        found: list[dict[str, Any]] = []
        for parent in config["ParentHyperParameterTuningJobs"]:
            name = parent.get("HyperParameterTuningJobName", "")
            body = self.records.get(name)
            if body is None:
                raise invalid(f"The parent tuning job {name} does not exist.")
            if body["HyperParameterTuningJobStatus"] in RUNNING:
                raise invalid(f"The parent tuning job {name} is still in progress; wait for its end.")
            objective = tuning_objective(body)
            if (objective["MetricName"], objective["Type"]) != (plan.metric, plan.objective["Type"]):
                raise invalid(
                    f"The parent tuning job {name} has another objective: "
                    f"{objective['Type']} {objective['MetricName']}."
                )
            found += self._summaries(body)
        for summary in found:
            value = final_value(summary)
            if value is not None:
                plan.engine.learn(summary["TunedHyperParameters"], value)
        if config["WarmStartType"] != "IdenticalDataAndAlgorithm":
            return None
        return best_of(found, maximize=plan.maximize)

    def _claim(self, job_name: str, run: TuningRun) -> None:
        with self._lock:
            self._owners[job_name] = run

    def _release(self, run: TuningRun) -> None:
        with self._lock:
            self._runs.pop(run.name, None)
            self._owners = {name: owner for name, owner in self._owners.items() if owner is not run}

    def _owner(self, job_name: str) -> TuningRun | None:
        with self._lock:
            return self._owners.get(job_name)

    def _job_changed(self, job: dict[str, Any]) -> None:
        run = self._owner(job["TrainingJobName"])
        if run is not None:
            run.job_changed(job)

    def _metrics_came(self, name: str, points: Sequence[tuple[str, float, float]]) -> None:
        run = self._owner(name)
        if run is not None:
            run.metrics_came(name, points)


def trial_page(
    summaries: Sequence[dict[str, Any]], request: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of ListTrainingJobsForHyperParameterTuningJob and its NextToken.

    Sorted by name unless asked otherwise; by FinalObjectiveMetricValue lists only the jobs that have one. Pages go
    by key, so training jobs that start in between shift nothing.
    """
    sort_by, descending = request.get("SortBy", "Name"), request.get("SortOrder") == "Descending"
    wanted = request.get("StatusEquals")
    rows = []
    for summary in summaries:
        key = _sort_key(summary, sort_by)
        if key is not None and wanted in (None, summary["TrainingJobStatus"]):
            rows.append(([key, summary["TrainingJobName"]], summary))
    rows.sort(key=lambda row: row[0], reverse=descending)
    query = [request["HyperParameterTuningJobName"], sort_by, descending, wanted]
    if request.get("NextToken"):
        after = _read_token(request["NextToken"], query)
        rows = [row for row in rows if (row[0] < after if descending else row[0] > after)]
    size = request.get("MaxResults", DEFAULT_PAGE)
    page = rows[:size]
    token = None
    if len(rows) > size:
        token = base64.urlsafe_b64encode(json.dumps([query, page[-1][0]]).encode()).decode()
    return [summary for _, summary in page], token


def _sort_key(summary: Mapping[str, object], sort_by: str) -> object:
    if sort_by == "FinalObjectiveMetricValue":
        return final_value(summary)
    return summary[{"CreationTime": "CreationTime", "Status": "TrainingJobStatus"}.get(sort_by, "TrainingJobName")]


def _read_token(token: str, query: list[object]) -> list[object]:
    try:
        asked, after = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        asked, after = None, []
    if asked != query or not isinstance(after, list):
        raise invalid("NextToken is not valid: it belongs to another request.")
    return after


def _summary(body: dict[str, Any]) -> dict[str, Any]:
    config = body["HyperParameterTuningJobConfig"]
    return {
        **{name: body[name] for name in _SUMMARY if name in body},
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
    }
