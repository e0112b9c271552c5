"""Whether a document can be a policy at all: the grammar's outer form, checked before one is kept.

Source: IAM User Guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from sandbox.policy.text import as_list

_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_VERSIONS = ("2012-10-17", "2008-10-17")


def problem(document: object, *, for_resource: bool) -> str:
    """What is wrong with a policy document, or an empty string. ``for_resource``: it must name principals."""
    if not isinstance(document, Mapping):
        return "The policy is not a JSON object."
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        return f"The policy's Version must be {_VERSIONS[0]}."
    statements = as_list(document.get("Statement") or [])
    if not statements:
        return "Missing required field Statement"
    return next(filter(None, (_statement_problem(statement, for_resource) for statement in statements)), "")


def _statement_problem(statement: object, for_resource: bool) -> str:
    if not isinstance(statement, Mapping):
        return "A Statement is not a JSON object."
    unknown = sorted(set(statement) - _ELEMENTS)
    if unknown:
        return f"Unknown field {unknown[0]}"
    if statement.get("Effect") not in ("Allow", "Deny"):
        return "The Effect must be Allow or Deny."
    pairs = [("Action", "NotAction"), ("Resource", "NotResource")]
    if for_resource:
        pairs.append(("Principal", "NotPrincipal"))
    elif statement.keys() & {"Principal", "NotPrincipal"}:
        return "Policy document should not specify a principal."
    for given, other in pairs:
        if (given in statement) == (other in statement):
            return f"A Statement needs {given} or {other}, and not both."
        if given != "Principal" and not all(isinstance(text, str) for text in as_list(statement.get(given, ""))):
            return f"The {given} must be text or a list of texts."
    condition = statement.get("Condition", {})
    if not isinstance(condition, Mapping) or not all(isinstance(keys, Mapping) for keys in condition.values()):
        return "The Condition must map operators to keys and values."
    return ""


def trust_problem(document: object) -> str:
    """As ``problem``, for the trust policy of a role, which is about its role and names no resource."""
    if not isinstance(document, Mapping):
        return "Syntax errors in policy."
    for statement in as_list(document.get("Statement") or []):
        if isinstance(statement, Mapping) and statement.keys() & {"Resource", "NotResource"}:
            return "Has prohibited field Resource"
        actions = as_list(statement.get("Action", [])) if isinstance(statement, Mapping) else []
        if any(not str(action).lower().startswith("sts:") and action != "*" for action in actions):
            return "AssumeRole policy may only specify STS AssumeRole actions."
    about_itself = [
        {**statement, "Resource": "*"} if isinstance(statement, Mapping) else statement
        for statement in as_list(document.get("Statement") or [])
    ]
    return problem({**document, "Statement": about_itself}, for_resource=True)


@lru_cache(maxsize=256)
def parsed(text: str) -> Mapping[str, object]:
    """A kept policy's document. It must not be changed: the same one is given to everybody who asks."""
    document: Mapping[str, object] = json.loads(text)
    return document
