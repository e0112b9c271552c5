"""Policy evaluation as AWS documents it: explicit Deny > Allow > implicit deny.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference". Pure functions over
policy documents; which documents apply to a caller is decided in ``sandbox/iam``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.policy.conditions import conditions_hold
from sandbox.policy.text import as_list, matches, substitute

Document = Mapping[str, Any]
# In policies of the older version ${...} is text, as AWS documents it.
_WITH_VARIABLES = "2012-10-17"
Context = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Decision:
    """How a request was decided and, for a refusal, by which kind of policy."""

    effect: Literal["allowed", "explicitDeny", "implicitDeny"]
    policy_kind: str = "identity-based"
    statement: str = ""

    @property
    def allowed(self) -> bool:
        """True when the request may go on."""
        return self.effect == "allowed"


def evaluate(
    action: str,
    resource: str,
    *,
    identity: Iterable[Document],
    boundary: Document | None = None,
    session: Sequence[Document] | None = None,
    resource_policy: Document | None = None,
    principal: str = "",
    role: str = "",
    context: Context | None = None,
) -> Decision:
    """Decide one request of a principal of the same account.

    ``action`` is ``service:Operation``; ``resource`` an ARN or ``*``; ``context`` holds condition keys in any case.
    ``session``: the session policies, or None when there are none. ``role``: the role's ARN when ``principal`` is a
    session of one. A boundary and session policies narrow what identity-based policies grant, and what a
    resource-based policy grants to the role; what that grants to the session, to the user or to everybody they do
    not limit. A resource-based policy that names the account only lets the account's own policies decide.
    """
    facts = {key.lower(): value for key, value in (context or {}).items()}
    kinds: list[tuple[str, list[Document]]] = [("identity-based", list(identity))]
    kinds += [("permissions boundary", [boundary])] if boundary is not None else []
    kinds += [("session", list(session))] if session is not None else []
    kinds += [("resource-based", [resource_policy])] if resource_policy is not None else []
    allowing: dict[str, str] = {}
    for kind, documents in kinds:
        for number, (statement, variables) in enumerate(_statements(documents)):
            named = ""
            if kind == "resource-based":
                named = _named(statement, principal, role)
                if not named or (named == "account" and statement.get("Effect") == "Allow"):
                    continue
            if not _applies(statement, action, resource, facts, variables):
                continue
            name = str(statement.get("Sid") or f"statement {number + 1}")
            if statement.get("Effect") == "Deny":
                return Decision("explicitDeny", kind, name)
            if statement.get("Effect") == "Allow":
                allowing.setdefault("direct" if named == "direct" else kind, name)
    if "direct" in allowing:
        return Decision("allowed", "resource-based", allowing["direct"])
    granted = next((kind for kind in ("identity-based", "resource-based") if kind in allowing), None)
    if granted is None:
        return Decision("implicitDeny", "identity-based")
    for kind in ("permissions boundary", "session"):
        if any(kind == present for present, _ in kinds) and kind not in allowing:
            return Decision("implicitDeny", kind)
    return Decision("allowed", granted, allowing[granted])


def trusts(
    document: Document,
    principal: str,
    context: Context | None = None,
    action: str = "sts:AssumeRole",
    role: str = "",
) -> bool:
    """True when a role's trust policy lets ``principal`` (an ARN or a service's name) assume the role.

    ``role``: the ARN of the role that ``principal`` is a session of, if it is one.
    """
    facts = {key.lower(): value for key, value in (context or {}).items()}
    allowed = False
    for statement, variables in _statements([document]):
        if not _named(statement, principal, role) or not _action_matches(statement, action):
            continue
        if not conditions_hold(statement.get("Condition", {}), facts, variables):
            continue
        if statement.get("Effect") == "Deny":
            return False
        allowed = allowed or statement.get("Effect") == "Allow"
    return allowed


def _named(statement: Mapping[str, object], principal: str, role: str) -> Literal["", "account", "role", "direct"]:
    """How the statement's Principal (or NotPrincipal) names the caller: itself or everybody, its role, its account."""
    if "NotPrincipal" in statement:
        return "" if _among(statement["NotPrincipal"], principal, role) else "direct"
    return _among(statement.get("Principal"), principal, role)


def _statements(documents: Iterable[Document]) -> Iterable[tuple[Mapping[str, Any], bool]]:
    """Every statement, and whether its policy is of the version that has policy variables."""
    for document in documents:
        for statement in as_list(document.get("Statement", [])):
            yield statement, document.get("Version") == _WITH_VARIABLES


def _applies(statement: Mapping[str, Any], action: str, resource: str, facts: Context, variables: bool) -> bool:
    return (
        _action_matches(statement, action)
        and _resource_matches(statement, resource, facts, variables)
        and conditions_hold(statement.get("Condition", {}), facts, variables)
    )


def _action_matches(statement: Mapping[str, object], action: str) -> bool:
    if "NotAction" in statement:
        return not any(matches(str(p), action, ignore_case=True) for p in as_list(statement["NotAction"]))
    return any(matches(str(p), action, ignore_case=True) for p in as_list(statement.get("Action", [])))


def _resource_matches(statement: Mapping[str, object], resource: str, facts: Context, variables: bool) -> bool:
    def any_of(patterns: object) -> bool:
        ready = (substitute(str(pattern), facts) if variables else str(pattern) for pattern in as_list(patterns))
        return any(pattern is not None and matches(pattern, resource) for pattern in ready)

    if "NotResource" in statement:
        return not any_of(statement["NotResource"])
    return any_of(statement.get("Resource", []))


def _among(element: object, principal: str, role: str) -> Literal["", "account", "role", "direct"]:
    if element == "*":
        return "direct"
    if not isinstance(element, Mapping):
        return ""
    named = {str(principal) for kind in ("AWS", "Service", "Federated") for principal in as_list(element.get(kind, []))}
    if named & {"*", principal}:
        return "direct"
    if named & {role or _role_of_session(principal)}:
        return "role"
    account = principal.split(":")[4] if principal.startswith("arn:") else ""
    return "account" if account and named & {account, f"arn:aws:iam::{account}:root"} else ""


def _role_of_session(principal: str) -> str:
    found = re.fullmatch(r"arn:(aws[^:]*):sts::(\d+):assumed-role/([^/]+)/.+", principal)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else principal
