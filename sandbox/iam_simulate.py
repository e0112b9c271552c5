"""IAM's policy simulation, by the evaluator that also decides about real requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.errors import AwsError
from sandbox.iam_principals import Principal, Source
from sandbox.policy import Document, evaluate
from sandbox.policy_text import as_list

_MAX_POLICY_BYTES = 131_072
_ALWAYS_KNOWN = frozenset({"aws:currenttime", "aws:epochtime", "aws:principalarn", "aws:securetransport"})


def simulate(params: Mapping[str, Any], principal: Principal | None, facts: Mapping[str, str]) -> dict[str, Any]:
    """``EvaluationResults`` for each action and resource of a Simulate… call; ``facts`` are the context's defaults."""
    actions = as_list(params.get("ActionNames") or [])
    if not actions:
        raise AwsError("InvalidInput", "ActionNames must hold at least one action.")
    given = [Source(f"PolicyInputList.{n}", "none", _document(text)) for n, text in enumerate(_texts(params), 1)]
    sources = [*(principal.policies if principal else ()), *given]
    boundaries = params.get("PermissionsBoundaryPolicyInputList")
    boundary = _document(as_list(boundaries)[0]) if boundaries else principal.boundary if principal else None
    resource_policy = _document(params["ResourcePolicy"]) if params.get("ResourcePolicy") else None
    context = dict(facts) | _context(params)
    caller = str(params.get("CallerArn") or (principal.arn if principal else ""))
    results = []
    for action in actions:
        for resource in as_list(params.get("ResourceArns") or ["*"]):
            decision = evaluate(
                str(action),
                str(resource),
                identity=[source.document for source in sources],
                boundary=boundary,
                resource_policy=resource_policy,
                principal=caller,
                context=context,
            )
            result: dict[str, Any] = {
                "EvalActionName": str(action),
                "EvalResourceName": str(resource),
                "EvalDecision": decision.effect,
                "MatchedStatements": _matched(sources, str(action), str(resource), context),
                "MissingContextValues": _missing(sources, context),
            }
            if boundary is not None:
                within = evaluate(str(action), str(resource), identity=[boundary], context=context).allowed
                result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": within}
            results.append(result)
    return {"EvaluationResults": results, "IsTruncated": False}


def _texts(params: Mapping[str, Any]) -> list[Any]:
    return as_list(params.get("PolicyInputList") or [])


def _document(text: Any) -> Document:
    try:
        document = json.loads(text) if len(text) <= _MAX_POLICY_BYTES else None
    except (TypeError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise AwsError("InvalidInput", "A policy of the request is not a JSON object of at most 131,072 bytes.")
    return document


def _context(params: Mapping[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {}
    for entry in as_list(params.get("ContextEntries") or []):
        values = [str(value) for value in as_list(entry.get("ContextKeyValues") or [])]
        is_list = str(entry.get("ContextKeyType", "")).endswith("List")
        context[str(entry.get("ContextKeyName", ""))] = values if is_list else (values[0] if values else "")
    return context


def _matched(sources: Iterable[Source], action: str, resource: str, context: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"SourcePolicyId": source.name, "SourcePolicyType": source.kind}
        for source in sources
        if evaluate(action, resource, identity=[source.document], context=context).effect != "implicitDeny"
    ]


def _missing(sources: Iterable[Source], context: Mapping[str, Any]) -> list[str]:
    known = {key.lower() for key in context} | _ALWAYS_KNOWN
    asked = {
        key
        for source in sources
        for statement in as_list(source.document.get("Statement", []))
        for keys in statement.get("Condition", {}).values()
        for key in keys
    }
    return sorted(key for key in asked if key.lower() not in known)
