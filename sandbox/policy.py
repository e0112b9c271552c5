"""Policy evaluation as AWS documents it: explicit Deny > Allow > implicit deny.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference". Pure functions over
policy documents; which documents apply to a caller is decided in `iam.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.policy_conditions import conditions_hold
from sandbox.policy_text import as_list, matches, substitute

Document = Mapping[str, Any]
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
    session: Document | None = None,
    resource_policy: Document | None = None,
    principal: str = "",
    context: Context | None = None,
) -> Decision:
    """Decide one request of a principal of the same account.

    ``action`` is ``service:Operation``; ``resource`` an ARN or ``*``; ``context`` holds condition keys in any case.
    A resource-based policy that names the principal (not only its account) allows on its own; a boundary and a
    session policy only narrow.
    """
    facts = {key.lower(): value for key, value in (context or {}).items()}
    identity = list(identity)
    kinds: list[tuple[str, list[Document]]] = [("identity-based", identity)]
    kinds += [("permissions boundary", [boundary])] if boundary is not None else []
    kinds += [("session", [session])] if session is not None else []
    kinds += [("resource-based", [resource_policy])] if resource_policy is not None else []
    allowing: dict[str, str] = {}
    for kind, documents in kinds:
        for number, statement in enumerate(_statements(documents)):
            if kind == "resource-based" and not principal_matches(
                statement, principal, directly=statement.get("Effect") == "Allow"
            ):
                continue
            if not _applies(statement, action, resource, facts):
                continue
            name = str(statement.get("Sid") or f"statement {number + 1}")
            if statement.get("Effect") == "Deny":
                return Decision("explicitDeny", kind, name)
            if statement.get("Effect") == "Allow":
                allowing.setdefault(kind, name)
    for kind in ("permissions boundary", "session"):
        if any(kind == present for present, _ in kinds) and kind not in allowing:
            return Decision("implicitDeny", kind)
    for kind in ("identity-based", "resource-based"):
        if kind in allowing:
            return Decision("allowed", kind, allowing[kind])
    return Decision("implicitDeny", "identity-based")


def trusts(document: Document, principal: str, context: Context | None = None, action: str = "sts:AssumeRole") -> bool:
    """True when a role's trust policy lets ``principal`` (an ARN or a service's name) assume the role."""
    facts = {key.lower(): value for key, value in (context or {}).items()}
    allowed = False
    for statement in _statements([document]):
        if not principal_matches(statement, principal) or not _action_matches(statement, action):
            continue
        if not conditions_hold(statement.get("Condition", {}), facts):
            continue
        if statement.get("Effect") == "Deny":
            return False
        allowed = allowed or statement.get("Effect") == "Allow"
    return allowed


def principal_matches(statement: Mapping[str, Any], principal: str, *, directly: bool = False) -> bool:
    """True when the statement's Principal (or NotPrincipal) names ``principal``.

    ``directly``: naming its whole account is not enough, as that only lets the account's own policies decide.
    """
    if "NotPrincipal" in statement:
        return not _principal_in(statement["NotPrincipal"], principal)
    return "Principal" in statement and _principal_in(statement["Principal"], principal, directly=directly)


def _statements(documents: Iterable[Document]) -> Iterable[Mapping[str, Any]]:
    for document in documents:
        yield from as_list(document.get("Statement", []))


def _applies(statement: Mapping[str, Any], action: str, resource: str, facts: Context) -> bool:
    return (
        _action_matches(statement, action)
        and _resource_matches(statement, resource, facts)
        and conditions_hold(statement.get("Condition", {}), facts)
    )


def _action_matches(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(matches(str(p), action, ignore_case=True) for p in as_list(statement["NotAction"]))
    return any(matches(str(p), action, ignore_case=True) for p in as_list(statement.get("Action", [])))


def _resource_matches(statement: Mapping[str, Any], resource: str, facts: Context) -> bool:
    def any_of(patterns: Any) -> bool:
        ready = (substitute(str(pattern), facts) for pattern in as_list(patterns))
        return any(pattern is not None and matches(pattern, resource) for pattern in ready)

    if "NotResource" in statement:
        return not any_of(statement["NotResource"])
    return any_of(statement.get("Resource", []))


def _principal_in(element: Any, principal: str, *, directly: bool = False) -> bool:
    if element == "*":
        return True
    if not isinstance(element, Mapping):
        return False
    named = [str(one) for kind in ("AWS", "Service", "Federated") for one in as_list(element.get(kind, []))]
    account = principal.split(":")[4] if principal.startswith("arn:") else ""
    whole_account = {account, f"arn:aws:iam::{account}:root"} if account and not directly else set()
    role = _role_of_session(principal)
    return any(one in ("*", principal, role) or one in whole_account for one in named)


def _role_of_session(principal: str) -> str:
    found = re.fullmatch(r"arn:(aws[^:]*):sts::(\d+):assumed-role/([^/]+)/.+", principal)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else principal
