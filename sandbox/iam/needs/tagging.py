"""The Tagging API: what the service of a resource is asked to change its tags, and which permissions that needs.

Both sides go by ``own_call``: the resource that is asked about is the one that is tagged.
Source: Tagging API Reference, TagResources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.core.account import arn, bucket_arn
from sandbox.iam.needs.compute import ec2_needs, resource_arn, ssm_needs
from sandbox.iam.needs.functions import function_needs
from sandbox.iam.needs.need import Names, Need, Rule, texts
from sandbox.iam.needs.observing import logs_needs, metrics_needs
from sandbox.iam.needs.sagemaker import sagemaker_needs
from sandbox.wire.call import Call
from sandbox.wire.models import operation_model

Tags = Mapping[str, str]
Keys = Sequence[str]
# Service, operation, members.
OwnCall = tuple[str, str, dict[str, Any]]


def _sagemaker(resource: str, tags: Tags, keys: Keys) -> OwnCall:
    if tags:
        return "sagemaker", "AddTags", {"ResourceArn": resource, "Tags": _pairs(tags)}
    return "sagemaker", "DeleteTags", {"ResourceArn": resource, "TagKeys": [*keys]}


def _ec2(resource: str, tags: Tags, keys: Keys) -> OwnCall | None:
    name = resource.rpartition("/")[2]
    if resource_arn(name) != resource:
        return None
    if tags:
        return "ec2", "CreateTags", {"Resources": [name], "Tags": _pairs(tags)}
    return "ec2", "DeleteTags", {"Resources": [name], "Tags": [{"Key": key} for key in keys]}


def _function(resource: str, tags: Tags, keys: Keys) -> OwnCall:
    if tags:
        return "lambda", "TagResource", {"Resource": resource, "Tags": dict(tags)}
    return "lambda", "UntagResource", {"Resource": resource, "TagKeys": [*keys]}


def _alarm(resource: str, tags: Tags, keys: Keys) -> OwnCall:
    if tags:
        return "cloudwatch", "TagResource", {"ResourceARN": resource, "Tags": _pairs(tags)}
    return "cloudwatch", "UntagResource", {"ResourceARN": resource, "TagKeys": [*keys]}


def _log_group(resource: str, tags: Tags, keys: Keys) -> OwnCall:
    if tags:
        return "logs", "TagResource", {"resourceArn": resource, "tags": dict(tags)}
    return "logs", "UntagResource", {"resourceArn": resource, "tagKeys": [*keys]}


def _parameter(resource: str, tags: Tags, keys: Keys) -> OwnCall | None:
    name = resource.removeprefix(arn("ssm", "parameter/"))
    if name == resource:
        return None
    # A name of several parts begins with a slash, which the ARN does not have twice.
    of = {"ResourceType": "Parameter", "ResourceId": f"/{name}" if "/" in name else name}
    if tags:
        return "ssm", "AddTagsToResource", {**of, "Tags": _pairs(tags)}
    return "ssm", "RemoveTagsFromResource", {**of, "TagKeys": [*keys]}


# By the service's name in ARNs.
_SERVICES: Mapping[str, tuple[Callable[[str, Tags, Keys], OwnCall | None], Rule]] = {
    "sagemaker": (_sagemaker, sagemaker_needs),
    "ec2": (_ec2, ec2_needs),
    "lambda": (_function, function_needs),
    "cloudwatch": (_alarm, metrics_needs),
    "logs": (_log_group, logs_needs),
    "ssm": (_parameter, ssm_needs),
}


def own_call(resource: str, tags: Tags, keys: Keys) -> OwnCall | None:
    """What sets ``tags`` of a resource or, where there are none, removes ``keys``; of a bucket only ``Bucket`` is told.

    None for what the account has not: a service that is not here, another region or account.
    """
    if resource.startswith(bucket_arn("")):
        return "s3", "PutBucketTagging", {"Bucket": resource.removeprefix(bucket_arn(""))}
    service = resource.split(":")[2] if resource.count(":") > 4 else ""
    if service not in _SERVICES or not resource.startswith(arn(service, "")):
        return None
    return _SERVICES[service][0](resource, tags, keys)


def tagging_needs(call: Call, names: Names) -> list[Need] | None:
    """The Tagging API: changing tags also needs the service's own permission, on each resource."""
    needs = [Need(f"tag:{call.operation}")]
    if call.operation in ("GetResources", "GetTagKeys", "GetTagValues"):
        return needs
    if call.operation not in ("TagResources", "UntagResources"):
        return None
    for resource in texts(call, "ResourceARNList"):
        of_its_service = _of_its_service(call, names, resource)
        if of_its_service is None:
            return None
        needs += of_its_service
    return needs


def _of_its_service(call: Call, names: Names, resource: str) -> list[Need] | None:
    asked = own_call(resource, call.members.get("Tags") or {}, texts(call, "TagKeys"))
    if asked is None:
        # The answer is that the resource does not exist.
        return [Need(f"tag:{call.operation}", resource)]
    service, operation, members = asked
    if service == "s3":
        return [Need("s3:PutBucketTagging", resource), Need("s3:GetBucketTagging", resource)]
    model = operation_model(service, operation)
    own = replace(call, service=service, operation=operation, members=members, model=model)
    return _SERVICES[service][1](own, names)


def _pairs(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
