"""The answer of IAM's policy simulation. The sandbox enforces no policies yet, so everything is allowed."""

from __future__ import annotations

from typing import Any

from sandbox.errors import AwsError


def simulate(params: dict[str, Any]) -> dict[str, Any]:
    """``EvaluationResults`` for each action and resource of a SimulatePrincipalPolicy call."""
    actions = params.get("ActionNames") or []
    resources = params.get("ResourceArns") or ["*"]
    if not actions:
        raise AwsError("InvalidInput", "ActionNames must hold at least one action.")
    results = [
        {
            "EvalActionName": str(action),
            "EvalResourceName": str(resource),
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in actions
        for resource in resources
    ]
    return {"EvaluationResults": results, "IsTruncated": False}
