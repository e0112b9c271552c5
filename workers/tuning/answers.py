"""SageMaker's answers about tuning jobs as values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from workers.aws.times import utc, utc_of
from workers.tuning.request import DATA_VARIABLE
from workers.tuning.types import (
    CategoricalRange,
    ContinuousRange,
    IntegerRange,
    ParameterRange,
    Trial,
    TrialCounts,
    TuningJob,
)

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeHyperParameterTuningJobResponseTypeDef,
        HyperParameterTrainingJobDefinitionOutputTypeDef,
        HyperParameterTrainingJobSummaryTypeDef,
        HyperParameterTuningJobSummaryTypeDef,
        ParameterRangesOutputTypeDef,
        ResourceConfigOutputTypeDef,
        TrainingJobStatusCountersTypeDef,
    )

_TOOLKIT = ("sagemaker_", "_tuning_objective_metric")


def plain(value: str) -> str:
    """A hyperparameter without the JSON quotes that some SDKs put around text."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def read_summary(item: HyperParameterTuningJobSummaryTypeDef) -> TuningJob:
    """One entry of ListHyperParameterTuningJobs."""
    limits = item.get("ResourceLimits", {})
    return TuningJob(
        name=item["HyperParameterTuningJobName"],
        status=item["HyperParameterTuningJobStatus"],
        created=utc(item["CreationTime"]),
        ended=utc_of(item, "HyperParameterTuningEndTime"),
        strategy=item.get("Strategy", ""),
        counts=_counts(item.get("TrainingJobStatusCounters", {})),
        max_jobs=limits.get("MaxNumberOfTrainingJobs"),
        max_parallel=limits.get("MaxParallelTrainingJobs", 0),
        arn=item.get("HyperParameterTuningJobArn", ""),
    )


def read_detail(answer: DescribeHyperParameterTuningJobResponseTypeDef) -> TuningJob:
    """The answer of DescribeHyperParameterTuningJob."""
    config = answer["HyperParameterTuningJobConfig"]
    several = answer.get("TrainingJobDefinitions") or [cast("HyperParameterTrainingJobDefinitionOutputTypeDef", {})]
    definition = answer.get("TrainingJobDefinition") or several[0]
    objective = definition.get("TuningObjective") or config.get("HyperParameterTuningJobObjective", {})
    resources = _resources(definition)
    channels = {
        channel["ChannelName"]: channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
        for channel in definition.get("InputDataConfig", ())
    }
    best = answer.get("BestTrainingJob")
    return dataclasses.replace(
        read_summary(cast("HyperParameterTuningJobSummaryTypeDef", {**answer, **config})),
        ranges=tuple(read_ranges(definition.get("HyperParameterRanges") or config.get("ParameterRanges", {}))),
        objective_metric=objective.get("MetricName", ""),
        maximize=objective.get("Type", "Maximize") == "Maximize",
        early_stopping=config.get("TrainingJobEarlyStoppingType", "Off"),
        max_runtime_seconds=config.get("ResourceLimits", {}).get("MaxRuntimeInSeconds"),
        static_hyperparameters={
            name: plain(value)
            for name, value in definition.get("StaticHyperParameters", {}).items()
            if not name.startswith(_TOOLKIT)
        },
        instance_type=resources.get("InstanceType", ""),
        instance_count=resources.get("InstanceCount", 0),
        volume_gb=resources.get("VolumeSizeInGB", 0),
        trial_seconds=definition.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 0),
        spot=definition.get("EnableManagedSpotTraining", False),
        data_uri=definition.get("Environment", {}).get(DATA_VARIABLE) or channels.get("training", ""),
        features_uri=channels.get("features", ""),
        output_uri=definition.get("OutputDataConfig", {}).get("S3OutputPath", ""),
        parents=tuple(
            parent["HyperParameterTuningJobName"]
            for parent in answer.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", ())
        ),
        best=read_trial(best) if best else None,
        failure_reason=answer.get("FailureReason", ""),
        metric_definitions=tuple(
            (item["Name"], item["Regex"])
            for item in definition.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
        ),
    )


def read_trial(item: HyperParameterTrainingJobSummaryTypeDef) -> Trial:
    """One HyperParameterTrainingJobSummary."""
    objective = item.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    return Trial(
        name=item["TrainingJobName"],
        status=item["TrainingJobStatus"],
        created=utc(item["CreationTime"]),
        started=utc_of(item, "TrainingStartTime"),
        ended=utc_of(item, "TrainingEndTime"),
        hyperparameters={
            name: plain(value)
            for name, value in item.get("TunedHyperParameters", {}).items()
            if not name.startswith(_TOOLKIT)
        },
        objective=objective.get("Value"),
        objective_metric=objective.get("MetricName", ""),
        failure_reason=item.get("FailureReason", ""),
        arn=item.get("TrainingJobArn", ""),
    )


def leaderboard(job: TuningJob, trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The trials with rank and early-stopped flag, the best first, then those without an objective by age.

    AWS reports only ``Stopped``. The tuner did it when the tuning job itself was not stopped, or when it went on
    with another trial afterwards.
    """
    trials = list(trials)
    latest = max((trial.created for trial in trials), default=None)
    whole = job.status in ("Stopping", "Stopped")

    def early(trial: Trial) -> bool:
        if trial.status not in ("Stopped", "Stopping") or trial.failure_reason:
            return False
        return not whole or bool(trial.ended and latest and trial.ended < latest)

    scored = sorted(
        (trial for trial in trials if trial.objective is not None),
        key=lambda trial: (-1 if job.maximize else 1) * cast("float", trial.objective),
    )
    ranked = [dataclasses.replace(trial, rank=n, early_stopped=early(trial)) for n, trial in enumerate(scored, start=1)]
    others = sorted((trial for trial in trials if trial.objective is None), key=lambda trial: trial.created)
    return (*ranked, *(dataclasses.replace(trial, early_stopped=early(trial)) for trial in others))


def read_ranges(given: ParameterRangesOutputTypeDef) -> Iterable[ParameterRange]:
    """The ranges of a request or answer."""
    for span in given.get("ContinuousParameterRanges", ()):
        yield ContinuousRange(
            span["Name"], float(span["MinValue"]), float(span["MaxValue"]), span.get("ScalingType", "Auto")
        )
    for span in given.get("IntegerParameterRanges", ()):
        yield IntegerRange(
            span["Name"], int(float(span["MinValue"])), int(float(span["MaxValue"])), span.get("ScalingType", "Auto")
        )
    for some in given.get("CategoricalParameterRanges", ()):
        yield CategoricalRange(some["Name"], tuple(plain(value) for value in some["Values"]))


def _counts(counters: TrainingJobStatusCountersTypeDef) -> TrialCounts:
    return TrialCounts(
        completed=counters.get("Completed", 0),
        running=counters.get("InProgress", 0),
        stopped=counters.get("Stopped", 0),
        failed=counters.get("RetryableError", 0) + counters.get("NonRetryableError", 0),
    )


def _resources(definition: HyperParameterTrainingJobDefinitionOutputTypeDef) -> ResourceConfigOutputTypeDef:
    # SDK 2 sends HyperParameterTuningResourceConfig, in one of two forms, instead of ResourceConfig.
    own = definition.get("HyperParameterTuningResourceConfig", {})
    found = definition.get("ResourceConfig") or next(iter(own.get("InstanceConfigs", ())), own)
    return cast("ResourceConfigOutputTypeDef", found)
