"""One event of CloudTrail: what it says of a call, and what it must never say (secrets, bodies)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.core.account import OPERATOR_NAME
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_READING = ("BatchDescribe", "BatchGet", "Check", "Describe", "Estimate", "Filter", "Generate", "Get", "Head", "List",
            "Lookup", "Query", "Search", "Simulate", "Test", "Validate")  # fmt: skip
# Calls that work inside of a resource. CloudTrail calls them data events; its event history leaves them out.
_DATA = frozenset(
    {
        *(("sagemaker-runtime", name) for name in ("InvokeEndpoint", "InvokeEndpointAsync")),
        *(("lambda", name) for name in ("Invoke", "InvokeAsync", "InvokeWithResponseStream")),
        *(("logs", name) for name in ("PutLogEvents", "StartQuery", "StopQuery", "StartLiveTail")),
        *(("sts", name) for name in ("AssumeRole", "DecodeAuthorizationMessage")),
        ("cloudwatch", "PutMetricData"),
        ("s3", "DeleteObjects"),
    }
)
# Words of members that may hold a secret; their values are hidden whatever they are.
_SECRET = re.compile(
    r"password|secret|token|credential|private|userdata|environment|hyperparameter|zipfile|plaintext|cipher|"
    r"keymaterial|certificate|authenticationcode|^parameters$|^content$|^body$|script",
    re.IGNORECASE,
)
_MOST_CHARACTERS = 400
_MOST_ITEMS = 20
# AWS's words for resources, where they are not those of the ARN.
_TYPES = {
    "hyper-parameter-tuning-job": "HyperParameterTuningJob",
    "log-group": "LogGroup",
    "scalable-target": "ScalableTarget",
    "elastic-ip": "EIP",
}
_SERVICES = {"iam": "IAM", "ec2": "EC2", "s3": "S3", "lambda": "Lambda", "sagemaker": "SageMaker", "ssm": "SSM",
             "logs": "Logs", "cloudwatch": "CloudWatch", "sts": "STS",
             "application-autoscaling": "ApplicationAutoScaling"}  # fmt: skip
_MADE = re.compile(r"(i|vol|eipalloc|sg|subnet|vpc|eni)-[0-9a-f]{8,}")
_MADE_TYPES = {"i": "Instance", "vol": "Volume", "eipalloc": "EIP", "sg": "SecurityGroup", "subnet": "Subnet",
               "vpc": "VPC", "eni": "NetworkInterface"}  # fmt: skip


def is_recorded(call: Call) -> bool:
    """Whether the event history has this call: one that may change something, and not what a resource holds."""
    if call.operation.startswith(_READING) or (call.service, call.operation) in _DATA:
        return False
    return call.service != "s3" or "Key" not in call.members


def resources_of(arns: Iterable[str], answer: Mapping[str, Any] | None, service: str) -> list[tuple[str, str]]:
    """Type (``AWS::SageMaker::Endpoint``) and name of what a call was about: named by it, or made by it (EC2)."""
    found = [resource for arn in arns if (resource := _resource(arn))]
    if service == "ec2" and answer:
        found += [(f"AWS::EC2::{_MADE_TYPES[name.partition('-')[0]]}", name) for name in _made(answer)]
    return list(dict.fromkeys(found))[:_MOST_ITEMS]


def _resource(arn: str) -> tuple[str, str] | None:
    parts = arn.split(":", 5)
    if len(parts) < 6 or "*" in parts[5]:
        return None
    service, rest = parts[2], parts[5]
    if service == "s3":
        return ("AWS::S3::Object", rest) if "/" in rest else ("AWS::S3::Bucket", rest)
    kind, _, name = rest.partition(":" if service in ("lambda", "logs", "cloudwatch") else "/")
    word = _TYPES.get(kind) or "".join(part.capitalize() for part in kind.split("-"))
    if service in ("logs", "lambda"):
        name = name.partition(":")[0]
    return f"AWS::{_SERVICES.get(service, service)}::{word}", name.rpartition("/")[2] if service == "iam" else name


def _made(value: object, depth: int = 4) -> list[str]:
    """The ids in an answer, as far as it tells of what it made itself."""
    if isinstance(value, str):
        return [value] if _MADE.fullmatch(value) else []
    if depth and isinstance(value, Mapping):
        own = [value[name] for name in value if name.endswith("Id") or name == "Instances"]
        return [found for item in own for found in _made(item, depth - 1)]
    if depth and isinstance(value, list):
        return [found for item in value for found in _made(item, depth - 1)]
    return []


def user_name(caller: Caller) -> str:
    """How CloudTrail names who called: the user, or the session of a role."""
    return caller.arn.rpartition("/")[2] or OPERATOR_NAME


def event_of(
    call: Call, error: AwsError | None, event_id: str, at: float, resources: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """The record, as it stands in ``CloudTrailEvent``. Bounded in size; no secret is in it."""
    model = call.model
    source = f"{_source(call)}.amazonaws.com"
    shape = model.input_shape if model is not None else None
    event: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": _identity(call.caller),
        "eventTime": _iso(at),
        "eventSource": source,
        "eventName": call.operation,
        "awsRegion": call.region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": call.http.headers.get("user-agent", "")[:_MOST_CHARACTERS],
        "requestParameters": shown(call.members, shape) or None,
        "responseElements": None,
        "requestID": call.http.request_id,
        "eventID": event_id,
        "readOnly": False,
        "resources": [{"type": kind, "ARN": name} for kind, name in resources],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.caller.account,
        "eventCategory": "Management",
    }
    if error is not None:
        event["errorCode"], event["errorMessage"] = error.code, error.message[:_MOST_CHARACTERS]
    return event


def source_of(call: Call) -> str:
    """``eventSource`` (``sagemaker.amazonaws.com``)."""
    return f"{_source(call)}.amazonaws.com"


def _source(call: Call) -> str:
    return {"cloudwatch": "monitoring", "sagemaker-runtime": "sagemaker"}.get(call.service, call.service)


def _identity(caller: Caller) -> dict[str, Any]:
    identity: dict[str, Any] = {
        "type": "AssumedRole" if caller.role_arn else "IAMUser",
        "principalId": caller.user_id,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key_id,
    }
    if caller.role_arn:
        issuer = {"type": "Role", "arn": caller.role_arn, "userName": caller.role_arn.rpartition("/")[2]}
        identity["sessionContext"] = {"sessionIssuer": issuer | {"accountId": caller.account}}
    else:
        identity["userName"] = user_name(caller)
    return identity


def shown(value: object, shape: Shape | None, name: str = "", depth: int = 6) -> Any:
    """A member as an event may show it: short, without what its model or its name says is secret."""
    if (shape is not None and shape.metadata.get("sensitive")) or (name and _SECRET.search(name)):
        return HIDDEN
    if isinstance(value, bytes | bytearray):
        return HIDDEN
    if isinstance(value, datetime):
        return _iso(value.timestamp())
    if isinstance(value, str):
        return value[:_MOST_CHARACTERS]
    if value is None or isinstance(value, bool | int | float):
        return value
    if not depth:
        return HIDDEN
    if isinstance(value, Mapping):
        of = shape.members if isinstance(shape, StructureShape) else {}
        inner = shape.value if isinstance(shape, MapShape) else None
        items = list(value.items())[:_MOST_ITEMS]
        keep = (lambda key: key[:1].lower() + key[1:]) if inner is None else str
        return {keep(str(key)): shown(item, of.get(key, inner), str(key), depth - 1) for key, item in items}
    if isinstance(value, list | tuple):
        item_shape = shape.member if isinstance(shape, ListShape) else None
        return [shown(item, item_shape, "", depth - 1) for item in value[:_MOST_ITEMS]]
    return HIDDEN


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
