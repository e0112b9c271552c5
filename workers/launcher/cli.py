"""A launch as AWS CLI lines: made from the very request that the launcher gets, so that they say the same."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from workers.aws.s3_uri import S3Uri
from workers.launcher.request import LaunchRequest, Range
from workers.launcher.source import script_mode, source_archive

_SHORT = frozenset({"Tags", "ResourceConfig", "StoppingCondition", "OutputDataConfig", "CheckpointConfig"})
# Where a script finds them; the default of AWS and of the SDK.
CHECKPOINTS = "/opt/ml/checkpoints"
# What needs no quotes in the short form.
_PLAIN = re.compile(r"[\w .:/+@-]*")
# The SDK's drivers in the folder sm_drivers start the script.
_ENTRY = {
    "ContainerEntrypoint": ["/bin/bash"],
    "ContainerArguments": ["-c", "chmod +x {0} && {0}".format("/opt/ml/input/data/sm_drivers/sm_train.sh")],
}
# Where the SDK uploads a tuning job's code is known only once it has done so.
CODE_ARCHIVE, DRIVERS = "CODE_ARCHIVE", "DRIVERS"


def training_parameters(request: LaunchRequest) -> dict[str, object]:
    """The parameters of CreateTrainingJob for a request.

    The folders of its channels ``code`` and ``sm_drivers``, or its archive in script mode, are uploaded by the launch.
    """
    inputs = S3Uri(request.bucket, request.prefix).below(request.job_name, "input")
    drivers, entry, code = {"code": f"{inputs}/code", "sm_drivers": f"{inputs}/sm_drivers"}, _ENTRY, {}
    if request.script_mode:
        drivers, entry, code = {}, {}, script_mode(request, source_archive(request))
    channels = {**request.channels, **drivers}
    return {
        "TrainingJobName": request.job_name,
        "AlgorithmSpecification": {**_algorithm(request), **entry},
        **_job(request),
        "InputDataConfig": [_channel(name, uri) | {"InputMode": "File"} for name, uri in channels.items()],
        "HyperParameters": {**request.hyperparameters, **code},
        "Tags": _tags(request),
    }  # fmt: skip


def tuning_parameters(request: LaunchRequest) -> dict[str, Any]:
    """The parameters of CreateHyperParameterTuningJob for a request with a tuning part.

    ``CODE_ARCHIVE`` and ``DRIVERS`` stand for what is uploaded by the launch.
    """
    part = request.tuning
    assert part is not None
    limits = {
        "MaxParallelTrainingJobs": part.max_parallel,
        "MaxNumberOfTrainingJobs": part.max_jobs,
        "MaxRuntimeInSeconds": part.max_runtime_seconds,
    }
    band, warm, seed = part.hyperband, part.warm_start, part.random_seed
    config = {
        "Strategy": part.strategy,
        "ResourceLimits": {name: value for name, value in limits.items() if value is not None},
        "HyperParameterTuningJobObjective": {
            "Type": part.objective_type, "MetricName": part.objective_metric,
        },
        "ParameterRanges": _ranges(part.ranges),
        "TrainingJobEarlyStoppingType": part.early_stopping,
        **({} if seed is None else {"RandomSeed": seed}),
    }  # fmt: skip
    if band is not None:
        resources = {"MinResource": band.least, "MaxResource": band.most}
        config["StrategyConfig"] = {"HyperbandStrategyConfig": resources}
    definition = {
        "AlgorithmSpecification": _algorithm(request),
        **_job(request),
        "StaticHyperParameters": {**request.hyperparameters, **script_mode(request, CODE_ARCHIVE)},
        "InputDataConfig": [
            *(_channel(name, uri) for name, uri in request.channels.items()),
            _channel("sm_drivers", DRIVERS) | {"InputMode": "File"},
        ],
    }
    made = {
        "HyperParameterTuningJobName": request.job_name,
        "HyperParameterTuningJobConfig": config,
        "TrainingJobDefinition": definition,
        "Tags": _tags(request),
    }
    if warm is not None:
        parents = [{"HyperParameterTuningJobName": name} for name in warm.parents]
        made["WarmStartConfig"] = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": warm.type}
    return made


def command_line(operation: str, parameters: Mapping[str, object]) -> str:
    """``aws sagemaker OPERATION --parameter value …``; structures are JSON. It is one line for a POSIX shell."""
    words = ["aws", "sagemaker", operation]
    for name, value in parameters.items():
        words.append("--" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
        if value is not True:
            words += _value(name, value)
    return shlex.join(words)


def _value(name: str, value: Any) -> list[str]:
    """As the AWS CLI takes it: text, the short form for a few plain values, JSON for the rest."""
    if isinstance(value, str):
        return [value]
    parts = value if isinstance(value, list) else [value]
    short = [",".join(f"{key}={item}" for key, item in part.items()) for part in parts if name in _SHORT]
    plain = all(_PLAIN.fullmatch(str(item)) for part in parts if name in _SHORT for item in part.values())
    return short if short and plain else [json.dumps(value, separators=(",", ":"))]


def _algorithm(request: LaunchRequest) -> dict[str, object]:
    return {
        "TrainingImage": request.image,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": metric.name, "Regex": metric.regex} for metric in request.metric_definitions],
    }


def _job(request: LaunchRequest) -> dict[str, object]:
    """What a training job and the definition of a tuning job's trials have alike."""
    limits = {"MaxRuntimeInSeconds": request.max_runtime_seconds}
    if request.max_wait_seconds is not None:
        limits["MaxWaitTimeInSeconds"] = request.max_wait_seconds
    return {
        "RoleArn": request.role_arn,
        "OutputDataConfig": {"S3OutputPath": request.output_uri},
        "ResourceConfig": {
            "InstanceType": request.instance_type,
            "InstanceCount": request.instance_count,
            "VolumeSizeInGB": request.volume_gb,
        },
        "StoppingCondition": limits,
        "Environment": dict(request.environment),
        **({"EnableManagedSpotTraining": True} if request.max_wait_seconds is not None else {}),
        **(
            {"CheckpointConfig": {"S3Uri": request.checkpoint_uri, "LocalPath": CHECKPOINTS}}
            if request.checkpoint_uri
            else {}
        ),
    }


def _channel(name: str, uri: str) -> dict[str, object]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _ranges(given: Iterable[Range]) -> dict[str, list[dict[str, object]]]:
    made: dict[str, list[dict[str, Any]]] = {}
    for searched in given:
        entry: dict[str, object] = {"Name": searched.name}
        if searched.kind == "Categorical":
            entry["Values"] = list(searched.values)
        else:
            low, high = searched.bounds
            entry |= {"MinValue": str(low), "MaxValue": str(high), "ScalingType": searched.scaling}
        made.setdefault(f"{searched.kind}ParameterRanges", []).append(entry)
    return made


def _tags(request: LaunchRequest) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in request.tags.items()]
