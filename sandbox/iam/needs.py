"""Which permission a request needs: the action, the resource's ARN, and what conditions may ask about.

Source: AWS Service Authorization Reference. A request may need several permissions (CreateEndpoint on the endpoint
and on its configuration, PassRole for the role that it hands on). What is not in the tables here needs the action of
the operation's own name on ``*``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import UnknownServiceError

from sandbox.core.account import REGION, arn
from sandbox.functions.store import split_name
from sandbox.iam.needs_s3 import read_need, s3_needs
from sandbox.logs.names import group_name, log_stream_arn
from sandbox.s3.copy_source import CopySource
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestRequest
from sandbox.wire.rest_json import RestJson
from sandbox.wire.rpc import read_call

Params = dict[str, Any]
RoleArn = Callable[[str], str]

# Where the service in a signature and the prefix of an action differ.
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag", "email": "ses"}
_FREE = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(async-)?invocations")
_SAGEMAKER = {
    "TrainingJob": "training-job",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job",
    "EndpointConfig": "endpoint-config",
    "Endpoint": "endpoint",
    "Model": "model",
}
_ONE_OF_SAGEMAKER = re.compile(
    r"(?:Create|Describe|Delete|Update|Stop|ListTrainingJobsFor)"
    r"(TrainingJob|HyperParameterTuningJob|EndpointConfig|Endpoint|Model)(?:WeightsAndCapacities)?"
)
_LAMBDA_ACTIONS = {"Invoke": "InvokeFunction", "InvokeWithResponseStream": "InvokeFunction"}
_PASSED_TO = {"sagemaker": "sagemaker.amazonaws.com", "lambda": "lambda.amazonaws.com"}


@dataclass(frozen=True)
class Need:
    """One permission: ``action`` on ``resource``, with the condition keys that only this request can tell."""

    action: str
    resource: str = "*"
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def needs_of(request: RestRequest, protocol: str, operation: str, role_arn: RoleArn) -> list[Need]:
    """All permissions that a request needs. ``role_arn`` finds a role's ARN by its name.

    Raises ``AwsError`` for a request that cannot be read.
    """
    if request.service == "s3":
        return [Need(*one) for one in s3_needs(request)]
    prefix = _PREFIXES.get(request.service, request.service)
    if not operation and (invocation := _invocation(request)):
        return [invocation]
    if operation:
        params = read_call(request, protocol).params
    else:
        operation, params = _rest_call(request)
    action = f"{prefix}:{operation}"
    if action in _FREE:
        return []
    needs = [*_own(prefix, operation, params, request.region, role_arn), *_passed_roles(prefix, params)]
    tags = _tag_context(params)
    return [replace(need, context={**tags, **need.context}) for need in needs] if tags else needs


def _invocation(request: RestRequest) -> Need | None:
    found = _INVOCATION.match(request.raw_path) if request.service == "sagemaker" else None
    if found is None:
        return None
    name = unquote(found[1])
    action = "sagemaker:InvokeEndpointAsync" if found[2] else "sagemaker:InvokeEndpoint"
    return Need(action, arn("sagemaker", f"endpoint/{name}", request.region))


def _own(prefix: str, operation: str, params: Params, region: str, role_arn: RoleArn) -> list[Need]:
    action = f"{prefix}:{operation}"
    if prefix == "sagemaker":
        return _sagemaker(action, operation, params, region)
    if prefix == "lambda":
        return [_lambda(operation, params), *_code_of_function(params)]
    if prefix == "logs":
        return [Need(action, _log_arn(params, region))]
    if prefix == "cloudwatch":
        return _cloudwatch(action, params, region)
    if prefix == "iam":
        return [_iam(action, params, role_arn), *_role_of_profile(operation, params, role_arn)]
    if prefix == "sts" and "RoleArn" in params:
        actions = [action, *(["sts:TagSession"] if params.get("Tags") else [])]
        return [Need(one, str(params["RoleArn"]), assume_context(params)) for one in actions]
    if prefix == "ecr" and isinstance(params.get("repositoryName"), str):
        return [Need(action, arn("ecr", f"repository/{params['repositoryName']}", region))]
    if prefix == "ec2" and "IamInstanceProfile" in params:
        return [Need(action), Need("iam:PassRole", context={"iam:PassedToService": "ec2.amazonaws.com"})]
    if prefix == "ec2" and isinstance(params.get("InstanceId"), list):
        return [Need(action, arn("ec2", f"instance/{one}", region)) for one in params["InstanceId"]]
    return [Need(action)]


def _sagemaker(action: str, operation: str, params: Params, region: str) -> list[Need]:
    if "ResourceArn" in params:
        return [Need(action, str(params["ResourceArn"]))]
    found = _ONE_OF_SAGEMAKER.fullmatch(operation)
    if found is None:
        return [Need(action)]
    kinds = [found[1]]
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        kinds.append("EndpointConfig")
    names = [(kind, params.get(f"{kind}Name")) for kind in kinds]
    return [Need(action, arn("sagemaker", f"{_SAGEMAKER[kind]}/{name}", region)) for kind, name in names]


def _lambda(operation: str, params: Params) -> Need:
    action = f"lambda:{_LAMBDA_ACTIONS.get(operation, operation)}"
    given = str(params.get("FunctionName") or params.get("Resource") or "")
    if not given:
        return Need(action)
    # A name, a partial ARN and an ARN mean the same function to the service, so they do here.
    name, qualifier = split_name(given, str(params.get("Qualifier") or ""))
    whole = f"function:{name}:{qualifier}" if qualifier and operation in _LAMBDA_ACTIONS else f"function:{name}"
    return Need(action, arn("lambda", whole, REGION))


def _code_of_function(params: Params) -> list[Need]:
    """Lambda fetches a function's code with the caller's own permission to read it."""
    code = params.get("Code", params)
    if not isinstance(code, dict) or not (code.get("S3Bucket") and code.get("S3Key")):
        return []
    version = code.get("S3ObjectVersion")
    return [Need(*read_need(CopySource(str(code["S3Bucket"]), str(code["S3Key"]), str(version) if version else None)))]


def _log_arn(params: Params, region: str) -> str:
    group = group_name(params) or str(params.get("logGroupNamePrefix") or "")
    return log_stream_arn(group, str(params.get("logStreamName") or ""), region)


def _cloudwatch(action: str, params: Params, region: str) -> list[Need]:
    if "Namespace" in params and action == "cloudwatch:PutMetricData":
        return [Need(action, context={"cloudwatch:namespace": str(params["Namespace"])})]
    names = params.get("AlarmNames") or ([params["AlarmName"]] if "AlarmName" in params else [])
    return [Need(action, arn("cloudwatch", f"alarm:{name}", region)) for name in names] or [Need(action)]


def _iam(action: str, params: Params, role_arn: RoleArn) -> Need:
    context = {"iam:PolicyARN": str(params["PolicyArn"])} if "PolicyArn" in params else {}
    # Where an operation names two of them, the first here is the one that AWS asks about.
    for member, kind in (("GroupName", "group"), ("UserName", "user"), ("InstanceProfileName", "instance-profile")):
        if member in params:
            return Need(action, arn("iam", f"{kind}/{params[member]}", ""), context)
    if "RoleName" in params:
        return Need(action, role_arn(str(params["RoleName"])), context)
    if "PolicyArn" in params or "PolicySourceArn" in params:
        return Need(action, str(params.get("PolicyArn") or params["PolicySourceArn"]), context)
    if "PolicyName" in params:
        return Need(action, arn("iam", f"policy/{params['PolicyName']}", ""))
    return Need(action)


def _role_of_profile(operation: str, params: Params, role_arn: RoleArn) -> list[Need]:
    """An instance gets the role of its profile, so putting one there passes it on."""
    if operation != "AddRoleToInstanceProfile" or "RoleName" not in params:
        return []
    return [Need("iam:PassRole", role_arn(str(params["RoleName"])), {"iam:PassedToService": "ec2.amazonaws.com"})]


def assume_context(params: Params) -> dict[str, str]:
    """What an AssumeRole call tells the policies that decide about it."""
    given = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
    return {key: str(params[member]) for key, member in given.items() if params.get(member)}


def _tag_context(params: Params) -> dict[str, str | tuple[str, ...]]:
    """``aws:RequestTag/…`` and ``aws:TagKeys`` of a request that sets tags (or names the keys to remove)."""
    tags = params.get("Tags", params.get("tags"))
    pairs = dict(tags) if isinstance(tags, dict) else {}
    if isinstance(tags, list):
        pairs = {one.get("Key", one.get("key")): one.get("Value", one.get("value")) for one in tags if _is_tag(one)}
    keys = tuple(str(key) for key in pairs) or tuple(str(key) for key in params.get("TagKeys") or ())
    context: dict[str, str | tuple[str, ...]] = {f"aws:RequestTag/{key}": str(value) for key, value in pairs.items()}
    return context | ({"aws:TagKeys": keys} if keys else {})


def _is_tag(one: Any) -> bool:
    return isinstance(one, dict) and bool(one.get("Key", one.get("key")))


def _passed_roles(prefix: str, params: Params) -> list[Need]:
    """PassRole for every role that the request hands to the service."""
    service = _PASSED_TO.get(prefix)
    if service is None:
        return []
    definitions = [params.get("TrainingJobDefinition"), *(params.get("TrainingJobDefinitions") or [])]
    holders = [params, *(one for one in definitions if isinstance(one, dict))]
    roles = [str(one[name]) for one in holders for name in ("RoleArn", "ExecutionRoleArn", "Role") if one.get(name)]
    context = {"iam:PassedToService": service}
    return [Need("iam:PassRole", role, context) for role in dict.fromkeys(roles)]


def _rest_call(request: RestRequest) -> tuple[str, Params]:
    try:
        return _model(request.service).parse(request)
    except (UnknownServiceError, AwsError):
        # A literal star is matched only by a policy that allows the whole service.
        return "*", {}


@cache
def _model(service: str) -> RestJson:
    return RestJson(service)
