"""CreateHyperParameterTuningJob requests."""

from __future__ import annotations

from typing import Any

REGEX = r"loss=([0-9.]+)"


def request(**changes: Any) -> dict[str, Any]:
    limits = {
        "MaxNumberOfTrainingJobs": changes.pop("jobs", 4),
        "MaxParallelTrainingJobs": changes.pop("parallel", 1),
        **changes.pop("limits", {}),
    }
    return {
        "HyperParameterTuningJobName": "t",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": limits,
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0.1", "MaxValue": "1"}]},
            "RandomSeed": 1,
            **changes,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "i",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": REGEX}],
            },
            "StaticHyperParameters": {"epochs": "5"},
            "RoleArn": "arn:aws:iam::123456789012:role/worker",
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }
