"""What CreateTransformJob accepts, and what it refuses before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.training.request import Objects, check_object, invalid

# SageMaker API Reference, CreateTransformJob: 6 MB and one request at a time unless asked for, at most 100 MB.
DEFAULT_PAYLOAD_MB = 6
MOST_PAYLOAD_MB = 100
_SENT_BACK = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "DataCaptureConfig",
    "TransformResources",
    "DataProcessing",
    "ExperimentConfig",
)


def instances_of(request: Mapping[str, Any]) -> dict[str, int]:
    """Number of instances by type."""
    resources = request["TransformResources"]
    return {resources["InstanceType"]: resources["InstanceCount"]}


def payload_limit(request: Mapping[str, Any]) -> int | None:
    """Bytes of the largest payload; None where MaxPayloadInMB is 0, which means any."""
    size = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
    return size * 1024 * 1024 or None


def concurrency(request: Mapping[str, Any]) -> int:
    """How many requests each instance gets at once; 0 leaves it to the container, whose answer here is 1."""
    return max(1, request.get("MaxConcurrentTransforms", 1))


def describe_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """The members of DescribeTransformJob that come from the request, with AWS's defaults."""
    body = {name: request[name] for name in _SENT_BACK if name in request}
    source = {"CompressionType": "None", "SplitType": "None", **request["TransformInput"]}
    target = {"AssembleWith": "None", "KmsKeyId": "", **request["TransformOutput"]}
    processing = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None", **request.get("DataProcessing", {})}
    return body | {"TransformInput": source, "TransformOutput": target, "DataProcessing": processing}


def check_request(request: Mapping[str, Any], role: str, objects: Objects, region: str) -> None:
    """Refuse, in AWS's words where they are known, what cannot run; ``role`` is the model's."""
    source, target = request["TransformInput"], request["TransformOutput"]
    data = source["DataSource"]["S3DataSource"]
    if data["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise invalid(f"Batch transform does not support S3DataType {data['S3DataType']}.")
    split = source.get("SplitType", "None")
    if split not in ("None", "Line"):
        raise invalid(f"The sandbox does not split records of type {split}; use Line or None.")
    if request.get("BatchStrategy") == "SingleRecord" and split == "None":
        # API Reference: "To use only one record ..., set BatchStrategy to SingleRecord and SplitType to Line, ...".
        raise invalid("BatchStrategy SingleRecord needs a SplitType: Line, RecordIO or TFRecord.")
    size = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
    if size > MOST_PAYLOAD_MB or size * concurrency(request) > MOST_PAYLOAD_MB:
        raise invalid(
            f"MaxConcurrentTransforms * MaxPayloadInMB must not exceed {MOST_PAYLOAD_MB} MB; it is "
            f"{size * concurrency(request)} MB."
        )
    _check_processing(request)
    place = S3Uri.parse(target["S3OutputPath"], "TransformOutput.S3OutputPath")
    if not objects.bucket_exists(place.bucket):
        raise invalid(
            f'S3 bucket "{place.bucket}" of TransformOutput.S3OutputPath does not exist in the region {region}. Create '
            "it, or name another one."
        )
    check_object(S3Uri.parse(data["S3Uri"], "TransformInput S3Uri"), objects, region, role)


def _check_processing(request: Mapping[str, Any]) -> None:
    wanted = request.get("DataProcessing", {})
    if wanted.get("JoinSource", "None") != "None" or any(
        wanted.get(name, "$") != "$" for name in ("InputFilter", "OutputFilter")
    ):
        raise invalid("The sandbox neither filters nor joins the data of a transform job; leave DataProcessing out.")
    if "DataCaptureConfig" in request:
        raise invalid("The sandbox captures no data of a transform job; leave DataCaptureConfig out.")
