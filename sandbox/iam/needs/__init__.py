"""Which permissions a call needs: the action, the resource's ARN, and what conditions may ask about.

Source: AWS Service Authorization Reference. A call may need several permissions (CreateEndpoint on the endpoint and on
its configuration, PassRole for the role that it hands on). Each service has a rule in a module of its own; an operation
that no rule knows is refused to everybody but the operator: what it would change, nobody has decided about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.iam.needs.compute import ec2_needs, ssm_needs
from sandbox.iam.needs.functions import function_needs
from sandbox.iam.needs.identity import assume_context, iam_needs, sts_needs
from sandbox.iam.needs.need import Names, Need, Rule
from sandbox.iam.needs.observing import logs_needs, metrics_needs
from sandbox.iam.needs.others import (
    account_needs,
    ecr_needs,
    pricing_needs,
    quota_needs,
    scaling_needs,
)
from sandbox.iam.needs.s3 import s3_needs
from sandbox.iam.needs.sagemaker import runtime_needs, sagemaker_needs
from sandbox.iam.needs.tagging import tagging_needs
from sandbox.moto_host.empty_lists import empty_answer
from sandbox.wire.call import Call
from sandbox.wire.models import service_model

__all__ = ["RULES", "Need", "assume_context", "needs_of"]

# By botocore's name of the service.
RULES: Mapping[str, Rule] = {
    "application-autoscaling": scaling_needs,
    "budgets": account_needs,
    "ce": account_needs,
    "cloudtrail": account_needs,
    "cloudwatch": metrics_needs,
    "ec2": ec2_needs,
    "ecr": ecr_needs,
    "events": account_needs,
    "organizations": account_needs,
    "iam": iam_needs,
    "lambda": function_needs,
    "logs": logs_needs,
    "pricing": pricing_needs,
    "resourcegroupstaggingapi": tagging_needs,
    "s3": s3_needs,
    "sagemaker": sagemaker_needs,
    "sagemaker-runtime": runtime_needs,
    "service-quotas": quota_needs,
    "ssm": ssm_needs,
    "sts": sts_needs,
}
_PASSED_TO = {"sagemaker": "sagemaker.amazonaws.com", "lambda": "lambda.amazonaws.com"}


def needs_of(call: Call, names: Names) -> list[Need] | None:
    """All permissions that a call needs; None where no rule knows its operation.

    ``names`` finds what members only name. Raises ``AwsError`` for members that name a resource in no valid way.
    """
    rule = RULES.get(call.service)
    needs = rule(call, names) if rule is not None else None
    if needs is None and empty_answer(call.service, call.operation) is not None:
        # A list of everything of a kind is asked about as a whole.
        needs = [Need(f"{_prefix(call.service)}:{call.operation}")]
    if needs is None:
        return None
    needs = [*needs, *_passed_roles(call)]
    tags = _tag_context(call.members)
    return [replace(need, context={**tags, **need.context}) for need in needs] if tags else needs


def _prefix(service: str) -> str:
    """How actions of a service begin: with the name that it signs with, but for CloudWatch."""
    return service if service == "cloudwatch" else str(service_model(service).signing_name)


def _passed_roles(call: Call) -> list[Need]:
    """PassRole for every role that the call hands to the service."""
    service = _PASSED_TO.get(call.service)
    if service is None:
        return []
    members = call.members
    definitions = [members.get("TrainingJobDefinition"), *(members.get("TrainingJobDefinitions") or [])]
    holders = [members, *(definition for definition in definitions if isinstance(definition, dict))]
    roles = [
        str(holder[name]) for holder in holders for name in ("RoleArn", "ExecutionRoleArn", "Role") if holder.get(name)
    ]
    context = {"iam:PassedToService": service}
    return [Need("iam:PassRole", role, context) for role in dict.fromkeys(roles)]


def _tag_context(members: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """``aws:RequestTag/…`` and ``aws:TagKeys`` of a call that sets tags (or names the keys to remove)."""
    tags = members.get("Tags", members.get("tags"))
    pairs = dict(tags) if isinstance(tags, dict) else {}
    if isinstance(tags, list):
        pairs = {_of_tag(tag, "key"): _of_tag(tag, "value") for tag in tags if isinstance(tag, dict)}
    removed = members.get("TagKeys") or members.get("tagKeys") or ()
    keys = tuple(str(key) for key in pairs) or tuple(str(key) for key in removed)
    context: dict[str, str | tuple[str, ...]] = {f"aws:RequestTag/{key}": str(value) for key, value in pairs.items()}
    return context | ({"aws:TagKeys": keys} if keys else {})


def _of_tag(tag: Mapping[str, object], name: str) -> object:
    return tag.get(name.title(), tag.get(name))
