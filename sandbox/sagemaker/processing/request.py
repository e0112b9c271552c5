"""What CreateProcessingJob accepts, and what it refuses before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.training.request import Objects, check_object, invalid
from sandbox.wire.errors import AwsError

# SageMaker API Reference, ProcessingS3Input and ProcessingS3Output: "must begin with /opt/ml/processing/".
LOCAL_ROOT = "/opt/ml/processing"
# SageMaker API Reference, ProcessingStoppingCondition.
DEFAULT_MAX_RUNTIME = 86_400
_SENT_BACK = (
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)


def instances_of(request: Mapping[str, Any]) -> dict[str, int]:
    """Number of instances by type: of the cluster, or of its first instance preference."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    preferred = (cluster.get("InstancePreferences") or [{}])[0]
    kind = cluster.get("InstanceType") or preferred.get("InstanceType", "")
    return {kind: cluster.get("InstanceCount") or preferred.get("InstanceCount") or 1}


def s3_inputs(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and S3Input of the inputs that SageMaker copies; those that the application manages are its own matter."""
    for given in request.get("ProcessingInputs", []):
        if not given.get("AppManaged"):
            yield given["InputName"], given["S3Input"]


def s3_outputs(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and S3Output of the outputs that SageMaker copies."""
    for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs", []):
        if not output.get("AppManaged"):
            yield output["OutputName"], output["S3Output"]


def check_request(
    request: Mapping[str, Any], objects: Objects, region: str, role_exists: Callable[[str], bool]
) -> None:
    """Refuse, in AWS's words, what cannot run. ``request`` has passed the service model already."""
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        raise invalid(
            "The sandbox runs no image of its own: the request needs AppSpecification.ContainerEntrypoint, as the "
            "SDK's ScriptProcessor and FrameworkProcessor send it."
        )
    if not all(instances_of(request)):
        raise invalid("ProcessingResources.ClusterConfig must name an InstanceType and an InstanceCount.")
    role = request["RoleArn"]
    if not role_exists(role):
        raise invalid(
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
    _check_inputs(request, objects, region)
    _check_outputs(request, objects, region)


def describe_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """The members of DescribeProcessingJob that come from the request, with AWS's defaults."""
    body = {name: request[name] for name in _SENT_BACK if name in request}
    body["StoppingCondition"] = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **request.get("StoppingCondition", {})}
    return body


def _check_inputs(request: Mapping[str, Any], objects: Objects, region: str) -> None:
    given = request.get("ProcessingInputs", [])
    _refuse_twice("input names", [item["InputName"] for item in given])
    for item in given:
        if "DatasetDefinition" in item:
            raise invalid(f"The sandbox has neither Athena nor Redshift (DatasetDefinition of {item['InputName']}).")
        if "S3Input" not in item:
            raise invalid(f"ProcessingInput {item['InputName']} must have an S3Input.")
    for name, source in s3_inputs(request):
        _check_path(f"ProcessingInput {name}", source)
        if source.get("S3InputMode", "File") != "File":
            raise invalid(f"The sandbox does not carry the Pipe input mode (ProcessingInput {name}); use File.")
        if source.get("S3CompressionType", "None") != "None":
            raise invalid(f"S3CompressionType Gzip can only be used with the Pipe input mode (ProcessingInput {name}).")
        place = S3Uri.parse(source["S3Uri"], f"S3Uri of ProcessingInput {name}")
        check_object(place, objects, region, request["RoleArn"])
    # AWS refuses it, too, without saying why.
    _refuse_twice("LocalPath of inputs", [source["LocalPath"].rstrip("/") for _, source in s3_inputs(request)])


def _check_outputs(request: Mapping[str, Any], objects: Objects, region: str) -> None:
    given = (request.get("ProcessingOutputConfig") or {}).get("Outputs", [])
    _refuse_twice("output names", [item["OutputName"] for item in given])
    for item in given:
        if "FeatureStoreOutput" in item:
            raise invalid(f"The sandbox has no feature store (output {item['OutputName']}).")
        if "S3Output" not in item:
            raise invalid(f"ProcessingOutput {item['OutputName']} must have an S3Output.")
    for name, output in s3_outputs(request):
        _check_path(f"ProcessingOutput {name}", output)
        place = S3Uri.parse(output["S3Uri"], f"S3Uri of ProcessingOutput {name}")
        if not objects.bucket_exists(place.bucket):
            raise invalid(
                f'S3 bucket "{place.bucket}" of ProcessingOutput {name} does not exist in the region {region}. Create '
                "it, or name another one."
            )


def _check_path(what: str, place: Mapping[str, Any]) -> None:
    path = place.get("LocalPath", "")
    parts = path.split("/")
    if not f"{path}/".startswith(f"{LOCAL_ROOT}/") or ".." in parts or "\0" in path:
        raise invalid(f"LocalPath of {what} must begin with {LOCAL_ROOT}/, not {path!r}.")


def _refuse_twice(what: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AwsError("ValidationException", f"The {what} must be unique; {', '.join(twice)} is given more than once.")
