"""IAM's policy simulation, by the evaluator that also decides about real requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.iam.principals import Principal, Source
from sandbox.policy.evaluate import Document, evaluate
from sandbox.policy.text import as_list
from sandbox.wire.errors import AwsError

# IAM API Reference, SimulateCustomPolicy.
_MAX_POLICY_BYTES = 131_072
_MAX_ITEMS = 1000
_VARIABLE = re.compile(r"\$\{([\w:/+=.@-]+)")
_ALWAYS_KNOWN = frozenset({"aws:currenttime", "aws:epochtime", "aws:principalarn", "aws:securetransport"})


def simulate(params: Mapping[str, object], principal: Principal | None, facts: Mapping[str, str]) -> dict[str, object]:
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
    role = principal.arn if principal is not None and ":role/" in principal.arn else ""
    missing = _missing([source.document for source in sources], boundary, resource_policy, context=context)
    pairs = [(str(action), str(arn)) for action in actions for arn in as_list(params.get("ResourceArns") or ["*"])]
    start, size = _page(params)
    results = []
    for action, resource in pairs[start : start + size]:
        decision = evaluate(
            action,
            resource,
            identity=[source.document for source in sources],
            boundary=boundary,
            resource_policy=resource_policy,
            principal=caller,
            role=role,
            context=context,
        )
        matched = _matched(decision.effect, sources, action, resource, context)
        if decision.policy_kind == "resource-based":
            matched.append({"SourcePolicyId": "ResourcePolicy", "SourcePolicyType": "resource"})
        result: dict[str, Any] = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": decision.effect,
            "MatchedStatements": matched,
            "MissingContextValues": missing,
        }
        if boundary is not None:
            within = evaluate(action, resource, identity=[boundary], context=context).allowed
            result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": within}
        results.append(result)
    more = start + size < len(pairs)
    answer: dict[str, Any] = {"EvaluationResults": results, "IsTruncated": more}
    return answer | ({"Marker": str(start + size)} if more else {})


def _page(params: Mapping[str, Any]) -> tuple[int, int]:
    try:
        start, size = int(params.get("Marker") or 0), int(params.get("MaxItems") or _MAX_ITEMS)
    except ValueError:
        raise AwsError("InvalidInput", "Marker or MaxItems is not a number.") from None
    if start < 0 or not 1 <= size <= _MAX_ITEMS:
        raise AwsError("InvalidInput", f"MaxItems must be between 1 and {_MAX_ITEMS}.")
    return start, size


def _texts(params: Mapping[str, object]) -> list[object]:
    return as_list(params.get("PolicyInputList") or [])


def _document(text: Any) -> Document:
    try:
        document = json.loads(text) if len(text) <= _MAX_POLICY_BYTES else None
    except (TypeError, ValueError, RecursionError):
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


def _matched(
    effect: str, sources: Iterable[Source], action: str, resource: str, context: Mapping[str, Any]
) -> list[dict[str, str]]:
    """The policies that decided: those that deny when the answer is an explicit deny, else those that allow."""
    return [
        {"SourcePolicyId": source.name, "SourcePolicyType": source.kind}
        for source in sources
        if effect != "implicitDeny"
        and evaluate(action, resource, identity=[source.document], context=context).effect == effect
    ]


def _missing(sources: Iterable[Document], *more: Document | None, context: Mapping[str, object]) -> list[str]:
    """Condition keys and policy variables that the policies ask about and nobody gave a value for."""
    known = {key.lower() for key in context} | _ALWAYS_KNOWN
    asked: set[str] = set()
    for document in (*sources, *(document for document in more if document is not None)):
        for statement in as_list(document.get("Statement", [])):
            asked |= {key for keys in statement.get("Condition", {}).values() for key in keys}
            asked |= set(_VARIABLE.findall(json.dumps([statement.get("Resource"), statement.get("Condition")])))
    return sorted(key for key in asked if key.lower() not in known)
