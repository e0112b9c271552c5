"""A tuning job's decisions, with training jobs that do what the test says; plans, pages and reasons."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.containers.output import dropped_notice
from sandbox.core.state import StateDir
from sandbox.logs.store import Logs
from sandbox.sagemaker.records import Records
from sandbox.sagemaker.training.run import LOG_GROUP
from sandbox.sagemaker.tuning.jobs import trial_page
from sandbox.sagemaker.tuning.record import best_of, status_counters, trial_summary
from sandbox.sagemaker.tuning.request import TuningPlan, describe_definition, resource_config
from sandbox.sagemaker.tuning.run import TuningRun, standing
from sandbox.sagemaker.tuning.unseen import matches_but_for_nan, nan_reason, slow_reason, too_slow, unseen_reason
from sandbox.wire.errors import AwsError
from tests.helpers.tuning_requests import REGEX, request
from tests.helpers.waiting import wait_for


class FakeJobs:
    """Training jobs in memory. ``stop`` only notes the wish; the test says when a job ends."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.refuse = ""
        self.quota = 1000
        self.clock = itertools.count(1)

    def create(self, request: dict[str, Any], tuning_job_arn: str = "") -> str:
        if self.refuse:
            raise AwsError("ValidationException", self.refuse)
        if sum(job["TrainingJobStatus"] == "InProgress" for job in self.made.values()) >= self.quota:
            raise AwsError("ResourceLimitExceeded", "The account-level service limit …")
        name = request["TrainingJobName"]
        self.made[name] = {
            "TrainingJobName": name,
            "TrainingJobArn": f"arn:{name}",
            "TrainingJobStatus": "InProgress",
            "CreationTime": float(next(self.clock)),
            "HyperParameters": request["HyperParameters"],
            "TuningJobArn": tuning_job_arn,
        }
        return f"arn:{name}"

    def describe(self, name: str) -> dict[str, Any]:
        return self.made[name]

    def stop(self, name: str) -> None:
        self.stopped.append(name)


class Stage:
    """One tuning run on a state folder with fake training jobs."""

    def __init__(self, folder: Path) -> None:
        self.state = StateDir(folder / "state")
        self.logs = Logs(self.state)
        self.jobs = FakeJobs()
        self.records = Records(self.state.db, "hyper-parameter-tuning-job")
        self.released = threading.Event()
        self.run: TuningRun

    def start(self, **changes: Any) -> None:
        asked = request(**changes)
        plan = TuningPlan(asked)
        body = {
            "HyperParameterTuningJobName": "t",
            "HyperParameterTuningJobArn": self.records.arn("t"),
            "HyperParameterTuningJobConfig": plan.config,
            "HyperParameterTuningJobStatus": "InProgress",
            "TrainingJobDefinition": describe_definition(plan.definition, plan),
            "CreationTime": 1.0,
        }
        body |= standing([], body)
        self.records.add("t", body, status="InProgress", created=1.0)
        jobs: Any = self.jobs
        self.run = TuningRun(
            plan, body, self.records, jobs, self.logs, lambda name, run: None, lambda run: self.released.set()
        )
        self.run.thread.start()

    def name(self, order: int) -> str:
        """The name of the training job with this number, once it has been made."""
        found: list[str] = wait_for(lambda: [name for name in self.jobs.made if name.startswith(f"t-{order:03}-")])
        return found[0]

    def report(self, order: int, *values: float) -> None:
        for value in values:
            self.run.metrics_came(self.name(order), [("other", 1.0, 0.0), ("loss", value, 0.0)])

    def finish(self, order: int, status: str = "Completed", value: float | None = None, reason: str = "") -> None:
        job = self.jobs.made[self.name(order)]
        job["TrainingJobStatus"] = status
        if value is not None:
            job["FinalMetricDataList"] = [{"MetricName": "loss", "Value": value, "Timestamp": 1.0}]
        if reason:
            job["FailureReason"] = reason
        self.run.job_changed(job)

    def body(self) -> dict[str, Any]:
        found = self.records.get("t")
        assert found is not None
        return found

    def ended(self) -> dict[str, Any]:
        assert self.released.wait(60)
        return self.body()

    def close(self) -> None:
        self.run.stop_launching()
        self.run.thread.join(60)
        self.logs.close()
        self.state.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def test_no_more_run_at_once_than_allowed_and_the_best_one_is_kept(stage: Stage) -> None:
    stage.start(jobs=3, parallel=2)
    stage.name(2)
    assert len(stage.jobs.made) == 2
    stage.finish(1, value=0.5)
    stage.name(3)
    stage.finish(2, value=0.2)
    stage.finish(3, value=0.9)
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Completed"
    assert body["BestTrainingJob"]["TrainingJobName"] == stage.name(2)
    assert set(body["BestTrainingJob"]["TunedHyperParameters"]) == {"rate"}
    assert body["TrainingJobStatusCounters"]["Completed"] == 3 and "HyperParameterTuningEndTime" in body


def test_only_earlier_jobs_count_for_the_median_and_one_value_never_stops(stage: Stage) -> None:
    stage.start(jobs=2, parallel=2, TrainingJobEarlyStoppingType="Auto")
    stage.report(1, 9, 9)
    stage.report(2, 1, 1)
    stage.report(1, 9)
    stage.finish(1, value=9)
    stage.finish(2, value=1)
    assert stage.ended()["HyperParameterTuningJobStatus"] == "Completed"
    assert stage.jobs.stopped == []


def test_a_job_worse_than_the_median_is_stopped_once_and_its_last_value_counts(stage: Stage) -> None:
    stage.start(jobs=2, TrainingJobEarlyStoppingType="Auto")
    stage.report(1, 1, 1, 1)
    stage.finish(1, value=1)
    stage.report(2, 5, 5, 5)
    wait_for(lambda: stage.jobs.stopped)
    stage.finish(2, "Stopped", value=5)
    body = stage.ended()
    assert stage.jobs.stopped == [stage.name(2)]
    assert body["ObjectiveStatusCounters"]["Succeeded"] == 2
    assert body["TrainingJobStatusCounters"]["Stopped"] == 1


def test_without_auto_nothing_is_stopped(stage: Stage) -> None:
    stage.start(jobs=2)
    stage.report(1, 1, 1)
    stage.finish(1, value=1)
    stage.report(2, 5, 5)
    stage.finish(2, value=5)
    stage.ended()
    assert stage.jobs.stopped == []


def test_the_time_limit_stops_what_runs_and_completes(stage: Stage) -> None:
    stage.start(jobs=9, parallel=1, limits={"MaxRuntimeInSeconds": 600})
    stage.finish(1, value=1)
    stage.name(2)
    assert 0 < stage.run._deadline - time.monotonic() <= 600
    stage.run._deadline = time.monotonic()
    stage.report(2, 3)
    wait_for(lambda: stage.jobs.stopped)
    stage.finish(2, "Stopped", value=3)
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Completed"
    assert len(stage.jobs.made) == 2


def test_five_failures_in_a_row_end_it_and_a_success_between_begins_anew(stage: Stage) -> None:
    stage.start(jobs=20)
    for order in (1, 2, 3, 4):
        stage.finish(order, "Failed", reason="AlgorithmError: no")
    stage.finish(5, value=1)
    for order in (6, 7, 8, 9, 10):
        stage.finish(order, "Failed", reason="AlgorithmError: really no")
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Failed"
    assert "5 training jobs failed in a row" in body["FailureReason"] and "really no" in body["FailureReason"]
    assert len(stage.jobs.made) == 10


def test_all_failed_is_a_failure_of_the_whole(stage: Stage) -> None:
    stage.start(jobs=2)
    stage.finish(1, "Failed", reason="AlgorithmError: a")
    stage.finish(2, "Failed", reason="AlgorithmError: b")
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Failed"
    assert body["FailureReason"].startswith("All training jobs failed") and "AlgorithmError: b" in body["FailureReason"]


@pytest.mark.parametrize(
    "criteria",
    [
        {"TargetObjectiveMetricValue": 0.5},
        {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
    ],
)
def test_completion_criteria_end_it(stage: Stage, criteria: dict[str, Any]) -> None:
    stage.start(jobs=20, TuningJobCompletionCriteria=criteria)
    for order, value in enumerate((0.6, 0.7, 0.8, 0.7 if "Best" in str(criteria) else 0.4), start=1):
        stage.finish(order, value=value)
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Completed" and len(stage.jobs.made) == 4


def test_a_training_job_that_cannot_be_created_is_told(stage: Stage) -> None:
    stage.start(jobs=3)
    stage.name(1)
    stage.jobs.refuse = "No S3 objects found"
    stage.finish(1, value=1)
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Failed" and "No S3 objects found" in body["FailureReason"]


def test_an_objective_never_seen_shows_the_lines(stage: Stage) -> None:
    stage.start(jobs=9)
    stage.logs.put(LOG_GROUP, f"{stage.name(1)}/algo-1-1", [(1, "loading"), (2, "Loss: 0.5")])
    stage.finish(1)
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Failed" and "“Loss: 0.5”" in body["FailureReason"]
    assert "loading" not in body["FailureReason"] and len(stage.jobs.made) == 1


def test_stop_ends_what_runs_and_is_refused_afterwards(stage: Stage) -> None:
    stage.start(jobs=9, parallel=2)
    first, second = stage.name(1), stage.name(2)
    assert stage.run.stop() and stage.body()["HyperParameterTuningJobStatus"] == "Stopping"
    wait_for(lambda: sorted(stage.jobs.stopped) == sorted([first, second]))
    stage.finish(1, "Stopped", value=1)
    stage.finish(2, "Stopped")
    assert stage.ended()["HyperParameterTuningJobStatus"] == "Stopped"
    assert not stage.run.stop()
    assert len(stage.jobs.made) == 2


def test_a_sandbox_that_ends_starts_nothing_more(stage: Stage) -> None:
    stage.start(jobs=9)
    stage.name(1)
    stage.run.stop_launching()
    stage.finish(1, "Failed", reason="the sandbox stopped")
    assert stage.ended()["HyperParameterTuningJobStatus"] == "InProgress"
    assert len(stage.jobs.made) == 1


def summaries() -> list[dict[str, Any]]:
    tuning = request()
    rows = []
    for order, value in enumerate((0.5, None, 0.1, 0.9), start=1):
        job = {
            "TrainingJobName": f"t-{order:03}",
            "TrainingJobStatus": "Completed" if value is not None else "Failed",
            "CreationTime": float(order),
            "HyperParameters": {"rate": "0.5", "epochs": "5", "_tuning_objective_metric": "loss"},
            "FinalMetricDataList": [{"MetricName": "loss", "Value": value}] if value is not None else [],
        }
        rows.append(trial_summary(job, tuning))
    return rows


def test_summaries_hold_the_tuned_values_alone_and_are_counted() -> None:
    rows = summaries()
    assert rows[0]["TunedHyperParameters"] == {"rate": "0.5"}
    assert [row["ObjectiveStatus"] for row in rows] == ["Succeeded", "Failed", "Succeeded", "Succeeded"]
    assert status_counters(rows)["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    best, worst = best_of(rows, maximize=False), best_of(rows, maximize=True)
    assert best and worst
    assert (best["TrainingJobName"], worst["TrainingJobName"]) == ("t-003", "t-004")


@pytest.mark.parametrize("descending", [False, True])
def test_pages_by_objective_list_each_job_once_while_new_ones_come(descending: bool) -> None:
    asked: dict[str, Any] = {
        "HyperParameterTuningJobName": "t",
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": "Descending" if descending else "Ascending",
        "MaxResults": 1,
    }
    rows, seen = summaries(), []
    page, token = trial_page(rows, asked)
    rows.append({**rows[0], "TrainingJobName": "t-000"})
    seen += page
    while token:
        page, token = trial_page(rows, {**asked, "NextToken": token})
        seen += page
    names = [row["TrainingJobName"] for row in seen]
    assert names == (["t-004", "t-001", "t-000", "t-003"] if descending else ["t-003", "t-000", "t-001", "t-004"])
    with pytest.raises(AwsError, match="NextToken"):
        trial_page(rows, {**asked, "SortBy": "Name", "NextToken": "bm9uc2Vuc2U="})


def test_a_nan_is_not_a_regex_that_does_not_match() -> None:
    assert matches_but_for_nan(REGEX, ["epoch 1", "loss=nan"])
    assert matches_but_for_nan(REGEX, ["loss=inf"])
    assert not matches_but_for_nan(REGEX, ["Loss: nan", "banana loss=none"])


def test_the_reason_names_the_metric_that_was_no_number_and_shows_the_line() -> None:
    told = nan_reason("valid:loss", REGEX, "t-004", ["loss=nan", "done"])
    assert "objective metric valid:loss was not a number" in told and "t-004: “loss=nan”" in told
    assert len(nan_reason("loss", REGEX, "t" * 2000, ["loss=inf"])) <= 1000


def test_the_reason_fits_into_awss_limit() -> None:
    lines = [f"metric {n}: {n} {'x' * 500}" for n in range(50)]
    assert len(unseen_reason("loss", REGEX * 20, "t-001", lines)) <= 1000
    assert "none at all" in unseen_reason("loss", REGEX, "t-001", [])


def test_the_resources_of_sdk_2_in_both_forms() -> None:
    flat = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 50}
    several = {"AllocationStrategy": "Prioritized", "InstanceConfigs": [flat, {**flat, "InstanceType": "ml.c5.large"}]}
    for given in ({"ResourceConfig": flat}, {"HyperParameterTuningResourceConfig": flat}):
        assert resource_config(given) == flat
    assert resource_config({"HyperParameterTuningResourceConfig": several}) == flat


def test_the_description_names_the_resources_where_both_sdks_look() -> None:
    wanted = request()
    sent = wanted["TrainingJobDefinition"].pop("ResourceConfig")
    wanted["TrainingJobDefinition"]["HyperParameterTuningResourceConfig"] = sent
    plan = TuningPlan(wanted)
    described = describe_definition(plan.definition, plan)
    assert described["HyperParameterTuningResourceConfig"] == sent
    assert described["ResourceConfig"]["InstanceType"] == sent["InstanceType"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Strategy": "Grid"}, "categorical ranges only"),
        ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off"),
        ({"jobs": None}, "MaxNumberOfTrainingJobs is required"),
        ({"parallel": 5}, "cannot be more than"),
        ({"ParameterRanges": {"AutoParameters": [{"Name": "a", "ValueHint": "1"}]}}, "Autotune"),
    ],
)
def test_plans_that_cannot_work_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AwsError, match=said):
        TuningPlan(request(**changes))


def test_the_tags_of_a_tuning_job_go_to_its_training_jobs() -> None:
    tags = [{"Key": "team", "Value": "dogs"}]
    assert TuningPlan({**request(), "Tags": tags}).trial_request("t-001", {"rate": "1"})["Tags"] == tags
    assert "Tags" not in TuningPlan(request()).trial_request("t-001", {"rate": "1"})


def test_a_training_job_over_the_quota_waits_and_is_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.sagemaker.tuning.run._RETRY_SECONDS", 0.05)
    stage.jobs.quota = 1
    stage.start(jobs=2, parallel=2)
    first = stage.name(1)
    stage.report(1, 0.5)
    assert list(stage.jobs.made) == [first]
    stage.jobs.quota = 2
    stage.finish(2, value=0.3)
    stage.finish(1, value=0.5)
    assert stage.ended()["HyperParameterTuningJobStatus"] == "Completed"
    assert len(stage.jobs.made) == 2


def test_a_tuning_job_that_only_waits_can_be_stopped(stage: Stage) -> None:
    stage.jobs.quota = 0
    stage.start(jobs=2)
    assert stage.run.stop()
    assert stage.ended()["HyperParameterTuningJobStatus"] == "Stopped"


def test_the_longest_run_ends_the_wait_for_the_quota(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.sagemaker.tuning.run._RETRY_SECONDS", 0.05)
    stage.jobs.quota = 0
    stage.start(limits={"MaxRuntimeInSeconds": 120})
    stage.run._deadline = 0.0
    body = stage.ended()
    assert body["HyperParameterTuningJobStatus"] == "Failed" and "No training job ended" in body["FailureReason"]


def test_an_objective_whose_regex_is_too_slow_is_told_so() -> None:
    trap = "(a|aa)+$"
    assert not too_slow("loss", REGEX, ["loss=nan", "loss=inf"])
    assert too_slow("loss", trap, ["nan " + "a" * 3000 + "!"])
    assert too_slow("loss", trap, [f"{dropped_notice('loss')}: its regex …"])
    assert not too_slow("loss", trap, [f"{dropped_notice('other')}: its regex …"])
    reason = slow_reason("loss", trap, "t-001")
    assert trap in reason and "t-001" in reason and len(slow_reason("loss", "x" * 2000, "t")) <= 1024
