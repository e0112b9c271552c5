"""What CreateTrainingJob accepts, and what it refuses before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.containers.opt_ml import SUBMIT_DIRECTORY, decode_hyperparameters, is_script_mode
from sandbox.core.bounded_regex import BoundedRegex, InvalidExpression
from sandbox.s3.uri import SCHEME, S3Uri
from sandbox.sagemaker.training.spot import DEFAULT_MAX_RUNTIME, check_spot
from sandbox.wire.errors import AwsError

_SENT_BACK = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "DebugHookConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ExperimentConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
    "RetryStrategy",
    "RemoteDebugConfig",
    "InfraCheckConfig",
)


class Objects(Protocol):
    """What the checks ask of S3."""

    def bucket_exists(self, bucket: str) -> bool:
        """True when the account has this bucket."""
        ...

    def any_object(self, bucket: str, prefix: str) -> bool:
        """True when a key of the bucket starts with ``prefix``."""
        ...


def invalid(message: str) -> AwsError:
    """A ValidationException."""
    return AwsError("ValidationException", message)


def host_count(request: Mapping[str, Any]) -> tuple[int, str]:
    """Number of hosts and the instance type, from ResourceConfig or its first instance preference."""
    resources = request.get("ResourceConfig") or {}
    if resources.get("InstanceGroups"):
        groups = resources["InstanceGroups"]
        return sum(group["InstanceCount"] for group in groups), groups[0]["InstanceType"]
    preferences = resources.get("InstancePreferences") or [{}]
    count = resources.get("InstanceCount", preferences[0].get("InstanceCount", 1 if preferences[0] else 0))
    return count, resources.get("InstanceType", preferences[0].get("InstanceType", ""))


def instances_of(request: Mapping[str, Any]) -> dict[str, int]:
    """Number of instances by type."""
    groups = (request.get("ResourceConfig") or {}).get("InstanceGroups")
    if not groups:
        count, instance_type = host_count(request)
        return {instance_type: count}
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group["InstanceType"]] += group["InstanceCount"]
    return dict(counts)


def check_request(
    request: Mapping[str, Any], objects: Objects, region: str, role_exists: Callable[[str], bool]
) -> None:
    """Refuse, in AWS's words, what cannot run. ``request`` has passed the service model already."""
    algorithm = request.get("AlgorithmSpecification")
    if algorithm is None:
        raise invalid(
            "1 validation error detected: Value null at 'algorithmSpecification' failed to satisfy constraint: Member "
            "must not be null"
        )
    if not algorithm.get("TrainingImage"):
        if algorithm.get("AlgorithmName"):
            raise invalid("The sandbox has no Marketplace algorithms; give a TrainingImage.")
        raise invalid("Either TrainingImage or AlgorithmName must be provided in the AlgorithmSpecification.")
    if algorithm["TrainingInputMode"] == "Pipe":
        raise invalid("The sandbox does not carry the Pipe input mode; use File or FastFile.")
    count, instance_type = host_count(request)
    if count < 1 or not instance_type:
        raise invalid("ResourceConfig must name an InstanceType and an InstanceCount of at least 1.")
    check_spot(request)
    hyperparameters = request.get("HyperParameters", {})
    if not algorithm.get("ContainerEntrypoint") and not is_script_mode(hyperparameters):
        raise invalid(
            "The sandbox runs no image of its own: the request needs either AlgorithmSpecification.ContainerEntrypoint "
            "or the hyperparameters sagemaker_program and sagemaker_submit_directory (script mode)."
        )
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            BoundedRegex(definition["Regex"])
        except InvalidExpression as error:
            raise invalid(f"The regex of the metric {definition['Name']!r} is not valid: {error}.") from error
    if not role_exists(request["RoleArn"]):
        raise invalid(
            f"Could not assume role {request['RoleArn']}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
    _check_output(request, objects, region)
    _check_inputs(request, objects, region)
    submitted = decode_hyperparameters(hyperparameters).get(SUBMIT_DIRECTORY)
    if isinstance(submitted, str) and submitted.startswith(SCHEME):
        check_object(S3Uri.parse(submitted, SUBMIT_DIRECTORY), objects, region, request["RoleArn"])


def describe_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """The members of DescribeTrainingJob that come from the request, with AWS's defaults filled in."""
    body = {name: request[name] for name in _SENT_BACK if name in request}
    body["OutputDataConfig"] = {"KmsKeyId": "", "CompressionType": "GZIP", **request["OutputDataConfig"]}
    body["StoppingCondition"] = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **request.get("StoppingCondition", {})}
    body["ResourceConfig"] = {"VolumeSizeInGB": 30, **request.get("ResourceConfig", {})}
    body["AlgorithmSpecification"] = {
        "EnableSageMakerMetricsTimeSeries": False,
        **request["AlgorithmSpecification"],
    }
    for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        body.setdefault(flag, False)
    return body


def _check_output(request: Mapping[str, Any], objects: Objects, region: str) -> None:
    places = [("OutputDataConfig.S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])]
    if "CheckpointConfig" in request:
        places.append(("CheckpointConfig.S3Uri", request["CheckpointConfig"]["S3Uri"]))
    if (request.get("ProfilerConfig") or {}).get("S3OutputPath"):
        places.append(("ProfilerConfig.S3OutputPath", request["ProfilerConfig"]["S3OutputPath"]))
    for member, uri in places:
        place = S3Uri.parse(uri, member)
        if not objects.bucket_exists(place.bucket):
            raise invalid(
                f'S3 bucket "{place.bucket}" of {member} does not exist in the region {region}. Create it, or name '
                "another one."
            )


def _check_inputs(request: Mapping[str, Any], objects: Objects, region: str) -> None:
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise invalid(f"Channel names must be unique; {', '.join(sorted(twice))} is given more than once.")
    for channel in request.get("InputDataConfig", []):
        name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
        if name in (".", ".."):
            raise invalid(f"{name!r} cannot be the name of a channel.")
        if channel.get("InputMode") == "Pipe":
            raise invalid(f"The sandbox does not carry the Pipe input mode (channel {name}); use File or FastFile.")
        if source is None:
            raise invalid(f"The sandbox carries S3 data sources only (channel {name}).")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise invalid(f"The sandbox does not carry S3DataType {source['S3DataType']} (channel {name}).")
        place = S3Uri.parse(source["S3Uri"], f"InputDataConfig channel {name}: S3Uri")
        check_object(place, objects, region, request["RoleArn"])


def check_object(place: S3Uri, objects: Objects, region: str, role: str) -> None:
    """Refuse an input under which there is no object."""
    if objects.bucket_exists(place.bucket) and objects.any_object(place.bucket, place.key):
        return
    raise invalid(
        f'No S3 objects found under S3 URL "{place}" given in input data source. Please ensure that the bucket '
        f"exists in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
        f'"{role}" has "s3:ListBucket" permissions on bucket "{place.bucket}".'
    )
