"""What a tuning job's answers say about its training jobs: summaries, counters, the best one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.sagemaker.batch.record import FINAL_STATUSES

# SageMaker tells every training job of a tuning job its objective in this hyperparameter.
OBJECTIVE_ARGUMENT = "_tuning_objective_metric"
_FROM_JOB = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "FailureReason",
)


def objective_of(job: Mapping[str, Any], metric: str) -> float | None:
    """The last value of ``metric`` in a training job's record."""
    for final in job.get("FinalMetricDataList", []):
        if final["MetricName"] == metric and math.isfinite(final["Value"]):
            return float(final["Value"])
    return None


def trial_summary(job: Mapping[str, Any], tuning: Mapping[str, Any]) -> dict[str, object]:
    """The HyperParameterTrainingJobSummary of a training job (its Describe answer) of ``tuning``."""
    definition = tuning.get("TrainingJobDefinition") or tuning["TrainingJobDefinitions"][0]
    static = {*definition.get("StaticHyperParameters", {}), OBJECTIVE_ARGUMENT}
    objective = tuning_objective(tuning)
    summary = {name: job[name] for name in _FROM_JOB if name in job}
    if definition.get("DefinitionName"):
        summary["TrainingJobDefinitionName"] = definition["DefinitionName"]
    summary["TunedHyperParameters"] = {
        name: value for name, value in job.get("HyperParameters", {}).items() if name not in static
    }
    if job["TrainingJobStatus"] not in FINAL_STATUSES:
        return {**summary, "ObjectiveStatus": "Pending"}
    value = objective_of(job, objective["MetricName"])
    if value is None or job["TrainingJobStatus"] == "Failed":
        return {**summary, "ObjectiveStatus": "Failed"}
    final = {"Type": objective["Type"], "MetricName": objective["MetricName"], "Value": value}
    return {**summary, "ObjectiveStatus": "Succeeded", "FinalHyperParameterTuningJobObjectiveMetric": final}


def tuning_objective(tuning: Mapping[str, Any]) -> dict[str, str]:
    """The objective of a tuning job's record."""
    definition = tuning.get("TrainingJobDefinition") or tuning["TrainingJobDefinitions"][0]
    objective: dict[str, str] = (
        definition.get("TuningObjective") or tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    )
    return objective


def best_of(summaries: Iterable[Mapping[str, object]], *, maximize: bool) -> dict[str, object] | None:
    """The summary with the best final objective, the older one of two equals; ``None`` when none has one."""
    best: dict[str, object] | None = None
    for summary in summaries:
        value = final_value(summary)
        if value is None:
            continue
        leader = final_value(best) if best else None
        if leader is None or (value > leader if maximize else value < leader):
            best = dict(summary)
    return best


def final_value(summary: Mapping[str, Any]) -> float | None:
    """The final objective of a summary."""
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    return None if metric is None else float(metric["Value"])


def status_counters(summaries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """TrainingJobStatusCounters and ObjectiveStatusCounters."""
    statuses = {"Completed": 0, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0}
    objectives = {"Succeeded": 0, "Pending": 0, "Failed": 0}
    names = {"Failed": "NonRetryableError", "Stopping": "InProgress"}
    for summary in summaries:
        statuses[names.get(summary["TrainingJobStatus"], summary["TrainingJobStatus"])] += 1
        objectives[summary["ObjectiveStatus"]] += 1
    return {"TrainingJobStatusCounters": statuses, "ObjectiveStatusCounters": objectives}
