"""What CreateHyperParameterTuningJob accepts, and the training jobs that it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.training.request import invalid
from sandbox.sagemaker.tuning.engine import RangeError, SearchEngine, parse_ranges
from sandbox.sagemaker.tuning.record import OBJECTIVE_ARGUMENT
from sandbox.wire.errors import AwsError
from sandbox.wire.validation import validate

# Hyperband's largest resource when the request names none.
_MAX_RESOURCE = 81
_PASSED_ON = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


class TuningPlan:
    """One checked request, with its pieces under one name wherever the SDKs put them."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.name: str = request["HyperParameterTuningJobName"]
        self.config: dict[str, Any] = request["HyperParameterTuningJobConfig"]
        self.definition = _definition(request)
        self.strategy: str = self.config["Strategy"]
        self.objective = _objective(self.config, self.definition)
        self.metric: str = self.objective["MetricName"]
        self.maximize: bool = self.objective["Type"] == "Maximize"
        self.metric_definitions: list[dict[str, str]] = self.definition["AlgorithmSpecification"].get(
            "MetricDefinitions", []
        )
        given = self.definition.get("HyperParameterRanges") or self.config.get("ParameterRanges") or {}
        if given.get("AutoParameters") or request.get("Autotune"):
            raise invalid("The sandbox does not choose ranges by itself (Autotune); give ParameterRanges.")
        try:
            self.ranges = parse_ranges(given)
            self.engine = SearchEngine(
                self.strategy, self.ranges, maximize=self.maximize, seed=self.config.get("RandomSeed")
            )
        except RangeError as error:
            raise invalid(str(error)) from error
        self.tags: list[dict[str, str]] = request.get("Tags", [])
        self.static: dict[str, str] = self.definition.get("StaticHyperParameters", {})
        self._check_names()
        limits = self.config["ResourceLimits"]
        self.parallel: int = limits["MaxParallelTrainingJobs"]
        self.jobs = self._job_limit(limits)
        self.max_runtime: float = limits.get("MaxRuntimeInSeconds", math.inf)
        if self.parallel > self.jobs:
            raise invalid(
                f"MaxParallelTrainingJobs ({self.parallel}) cannot be more than MaxNumberOfTrainingJobs ({self.jobs})."
            )
        self.median_rule = self.config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        self.hyperband = self._hyperband()

    def trial_request(self, name: str, tuned: Mapping[str, str]) -> dict[str, Any]:
        """The CreateTrainingJob request of one training job with these values.

        Raises ``AwsError`` ValidationException where the values make a request that AWS would not take.
        """
        request = {member: self.definition[member] for member in _PASSED_ON if member in self.definition}
        request["TrainingJobName"] = name
        request["AlgorithmSpecification"] = dict(self.definition["AlgorithmSpecification"])
        request["HyperParameters"] = {**self.static, OBJECTIVE_ARGUMENT: self.metric, **tuned}
        request["ResourceConfig"] = resource_config(self.definition)
        if self.tags:
            # CreateHyperParameterTuningJob's reference: the tags are also added to all training jobs that it launches.
            request["Tags"] = self.tags
        if "CheckpointConfig" in request:
            # A trial must not go on from another one's checkpoints.
            place = S3Uri.parse(request["CheckpointConfig"]["S3Uri"], "CheckpointConfig.S3Uri").below(name)
            request["CheckpointConfig"] = {**request["CheckpointConfig"], "S3Uri": str(place)}
        return validate("sagemaker", "CreateTrainingJob", request)

    def _check_names(self) -> None:
        both = sorted({searched.name for searched in self.ranges} & set(self.static))
        if both:
            raise invalid(f"{', '.join(both)} cannot have a range and be a static hyperparameter at once.")
        names = [metric_definition["Name"] for metric_definition in self.metric_definitions]
        if self.metric not in names:
            defined = ", ".join(names) if names else "none"
            raise invalid(
                f"The objective metric {self.metric!r} is not one of the metrics of the algorithm "
                f"(AlgorithmSpecification.MetricDefinitions has: {defined})."
            )

    def _job_limit(self, limits: Mapping[str, Any]) -> int:
        given: int | None = limits.get("MaxNumberOfTrainingJobs")
        size = self.engine.size
        if size is not None:
            if given is not None and given != size:
                raise invalid(
                    f"MaxNumberOfTrainingJobs must be {size}, the number of all combinations of the grid, or left out; "
                    f"it is {given}."
                )
            return size
        if given is None:
            raise invalid(f"MaxNumberOfTrainingJobs is required for the strategy {self.strategy}.")
        return given

    def _hyperband(self) -> tuple[int, int] | None:
        if self.strategy != "Hyperband":
            return None
        if self.median_rule:
            raise invalid("Hyperband stops jobs by itself; TrainingJobEarlyStoppingType must be Off.")
        resources = self.config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        low, high = resources.get("MinResource", 1), resources.get("MaxResource", _MAX_RESOURCE)
        if low > high:
            raise invalid(f"MinResource ({low}) cannot be more than MaxResource ({high}).")
        return low, high


def resource_config(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The trials' ResourceConfig, also from the HyperParameterTuningResourceConfig that SDK 2 sends."""
    given = definition.get("ResourceConfig")
    if given is None:
        own = definition.get("HyperParameterTuningResourceConfig") or {}
        given = own["InstanceConfigs"][0] if own.get("InstanceConfigs") else own
        if own.get("VolumeKmsKeyId"):
            given = {**given, "VolumeKmsKeyId": own["VolumeKmsKeyId"]}
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId", "InstancePreferences")
    return {"VolumeSizeInGB": 30, **{name: given[name] for name in members if name in given}}


def describe_definition(definition: Mapping[str, Any], plan: TuningPlan) -> dict[str, object]:
    """TrainingJobDefinition as Describe answers it: with the defaults and the objective among the parameters.

    SDK 2 sends HyperParameterTuningResourceConfig, and its ``HyperparameterTuner.attach`` reads ResourceConfig.
    """
    return {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        **definition,
        "ResourceConfig": resource_config(definition),
        "StaticHyperParameters": {**plan.static, OBJECTIVE_ARGUMENT: plan.metric},
        "OutputDataConfig": {"KmsKeyId": "", **definition["OutputDataConfig"]},
    }


def _definition(request: Mapping[str, Any]) -> dict[str, Any]:
    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions") or []
    if single is not None and several:
        raise invalid("Give either TrainingJobDefinition or TrainingJobDefinitions, not both.")
    if single is None and not several:
        raise invalid("TrainingJobDefinition or TrainingJobDefinitions is required.")
    if len(several) > 1:
        raise AwsError(
            "ValidationException",
            f"The sandbox tunes one training job definition at a time; {len(several)} are given.",
        )
    return dict(single if single is not None else several[0])


def _objective(config: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, str]:
    objective = definition.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
    if objective is None:
        raise invalid("HyperParameterTuningJobObjective is required.")
    return dict(objective)
