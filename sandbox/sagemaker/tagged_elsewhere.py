"""The tagged resources of the other services, for the Resource Groups Tagging API: what each keeps, by ARN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.core.account import arn as make_arn
from sandbox.wire.errors import AwsError

Ask = Callable[[str, str, dict[str, Any]], dict[str, Any]]
Found = Iterator[tuple[str, dict[str, str]]]

# How a request calls the token of a page, and how the answer before did.
_TOKEN = ("NextToken", "NextToken")
_PUBLIC = "/aws/"
_NO_TAGS = ("ResourceNotFoundException", "ResourceNotFound")


def instances(ask: Ask) -> Found:
    """EC2: instances, volumes, interfaces, security groups, networks and what else it tags."""
    tags: dict[str, dict[str, str]] = {}
    for item in _pages(ask, "ec2", "DescribeTags", "Tags"):
        tags.setdefault(make_arn("ec2", f"{item['ResourceType']}/{item['ResourceId']}"), {})[item["Key"]] = item[
            "Value"
        ]
    yield from tags.items()


def functions(ask: Ask) -> Found:
    """Lambda: functions."""
    for function in _pages(ask, "lambda", "ListFunctions", "Functions", ("Marker", "NextMarker")):
        arn = function["FunctionArn"]
        yield arn, _asked(ask, "lambda", "ListTags", {"Resource": arn}).get("Tags", {})


def alarms(ask: Ask) -> Found:
    """CloudWatch: alarms."""
    for alarm in _pages(ask, "cloudwatch", "DescribeAlarms", "MetricAlarms"):
        arn = alarm["AlarmArn"]
        found = _asked(ask, "cloudwatch", "ListTagsForResource", {"ResourceARN": arn}).get("Tags", ())
        yield arn, _pairs(found)


def log_groups(ask: Ask) -> Found:
    """CloudWatch Logs: log groups."""
    for group in _pages(ask, "logs", "DescribeLogGroups", "logGroups", ("nextToken", "nextToken")):
        arn = group["logGroupArn"]
        yield arn, _asked(ask, "logs", "ListTagsForResource", {"resourceArn": arn}).get("tags", {})


def parameters(ask: Ask) -> Found:
    """Systems Manager: parameters, without AWS's own public ones."""
    for parameter in _pages(ask, "ssm", "DescribeParameters", "Parameters"):
        name = parameter["Name"]
        if not name.startswith(_PUBLIC):
            of = {"ResourceType": "Parameter", "ResourceId": name}
            found = _asked(ask, "ssm", "ListTagsForResource", of).get("TagList") or ()
            yield make_arn("ssm", f"parameter/{name.removeprefix('/')}"), _pairs(found)


# By the service's name in ARNs and in ResourceTypeFilters; buckets come from the store itself. Roles are not here: AWS
# does not list them either.
SERVICES: dict[str, Callable[[Ask], Found]] = {
    "ec2": instances,
    "lambda": functions,
    "cloudwatch": alarms,
    "logs": log_groups,
    "ssm": parameters,
}


def kind_of(arn: str) -> str:
    """``ec2:instance`` of an ARN, as ResourceTypeFilters write it."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "s3":
        return "s3:bucket"
    kind = resource.partition("/")[0].partition(":")[0]
    return f"{service}:{kind}"


def _pairs(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _asked(ask: Ask, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer; nothing where there are no tags, or where the resource went meanwhile."""
    try:
        return ask(service, operation, request)
    except AwsError as error:
        if error.code in _NO_TAGS or error.status == 404:
            return {}
        raise


def _pages(
    ask: Ask, service: str, operation: str, key: str, names: tuple[str, str] = _TOKEN
) -> Iterator[dict[str, Any]]:
    sent, answered = names
    request: dict[str, Any] = {}
    while True:
        answer = ask(service, operation, request)
        yield from answer.get(key) or ()
        if not answer.get(answered):
            return
        request = {sent: answer[answered]}
