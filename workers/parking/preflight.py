"""Which permissions parking needs, least privilege, and which of them are missing, asked before anything is done."""

from __future__ import annotations

import re

from workers.aws.session import AwsSession
from workers.errors.tree import SageDeckError
from workers.parking.memory import Memory

_ROLE_SESSION = re.compile(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.*")


def needed(memory: Memory, endpoint_arn: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """``(resource, actions)`` for parking this endpoint and bringing it back; what is only read is not among them."""
    config = endpoint_arn.replace(":endpoint/", ":endpoint-config/").rsplit("/", 1)[0] + f"/{memory.config.lower()}"
    everywhere = ["tag:GetResources"]
    if memory.targets:
        everywhere += ["RegisterScalableTarget", "DeregisterScalableTarget"]
    if memory.policies:
        everywhere.append("PutScalingPolicy")
    if memory.schedules:
        everywhere.append("PutScheduledAction")
    everywhere[1:] = [f"application-autoscaling:{name}" for name in everywhere[1:]]
    if memory.alarms:
        everywhere += ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"]
    return (
        (endpoint_arn, _sagemaker("DeleteEndpoint", "CreateEndpoint", "AddTags", "DeleteTags", "ListTags",
                                  "UpdateEndpointWeightsAndCapacities")),
        (config, _sagemaker("AddTags", "DeleteTags", "ListTags", "CreateEndpoint")),
        ("*", tuple(everywhere)),
    )  # fmt: skip


async def refused(session: AwsSession, memory: Memory, endpoint_arn: str) -> tuple[str, ...] | None:
    """The permissions that the signed-in user lacks; ``None`` when IAM does not tell."""
    try:
        who = (await session.identity()).arn
        found = _ROLE_SESSION.fullmatch(who)
        principal = f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else who
        denied: dict[str, None] = {}
        for resource, actions in needed(memory, endpoint_arn):
            answer = await session.call(
                "iam",
                "simulate_principal_policy",
                "look whether it may be parked",
                PolicySourceArn=principal,
                ActionNames=list(actions),
                ResourceArns=[resource],
            )
            denied |= {
                result["EvalActionName"]: None
                for result in answer["EvaluationResults"]
                if result["EvalDecision"] != "allowed"
            }
    except SageDeckError:
        return None
    return tuple(denied)


def _sagemaker(*names: str) -> tuple[str, ...]:
    return tuple(f"sagemaker:{name}" for name in names)
