"""What a function's role may: exactly what it needs, and how to narrow one that has more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from workers.access.grants import Narrowing, diff_lines
from workers.access.policies import PolicyDocument, Statement, policy
from workers.functions.types import Function, FunctionSpec

POLICY_NAME = "invoke"
INVOKE = "sagemaker:InvokeEndpoint"


def function_policy(spec: FunctionSpec, values: Mapping[str, str]) -> PolicyDocument:
    """The role's inline policy: its own log, and as asked InvokeEndpoint on one endpoint, GetObject on one prefix."""
    document = policy("function_role", **values)
    if spec.allow_endpoint:
        document["Statement"].append(
            {
                "Sid": "AskTheEndpoint",
                "Effect": "Allow",
                "Action": INVOKE,
                "Resource": values["endpoint_arn"],
            }
        )
    if spec.s3_bucket:
        document["Statement"].append(
            {
                "Sid": "ReadThePictures",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": f"arn:{values['partition']}:s3:::{spec.s3_bucket}/{spec.s3_prefix}*",
            }
        )
    return document


def without_sid(statement: Statement) -> Statement:
    """The same statement without its identifier, which must be unique in a policy."""
    return cast("Statement", {key: value for key, value in statement.items() if key != "Sid"})


def policy_values(function: str, arn: str, endpoint: str) -> dict[str, str]:
    """What the templates need, from any ARN of the account and region."""
    _, partition, _, region, account = arn.split(":")[:5]
    return {
        "partition": partition,
        "region": region,
        "account": account,
        "function": function,
        "endpoint_arn": f"arn:{partition}:sagemaker:{region}:{account}:endpoint/{endpoint}",
    }


def narrowing(
    function: Function, allowed_s3: str, inline: Mapping[str, PolicyDocument], attached: Mapping[str, str]
) -> Narrowing:
    """The narrow policy for ``function`` against what its role has: ``inline`` documents, ``attached`` ARNs by name.

    ``allowed_s3`` is the function's ``bucket/prefix`` setting; only its first entry is kept.
    """
    bucket, _, prefix = allowed_s3.split(",")[0].strip().partition("/")
    spec = FunctionSpec(function.name, function.endpoint_name, s3_bucket=bucket, s3_prefix=prefix)
    spec_values = policy_values(function.name, function.arn, function.endpoint_name)
    document = function_policy(spec, spec_values)
    kept = inline.get(POLICY_NAME)
    removed = tuple(name for name in inline if name != POLICY_NAME)
    before = json.loads(json.dumps(kept)) if kept else None
    return Narrowing(
        function.role, POLICY_NAME, document, diff_lines(before, document), tuple(attached.values()), removed
    )
