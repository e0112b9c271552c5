"""Roles and users that may do more than a task needs: full-access policies and wildcards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from workers.access.policies import PolicyDocument, Statement, as_list, statements
from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.types import Resource

# AWS's own: they are made with a service, and only it may change them.
_LINKED = "/aws-service-role/"
_WILD = re.compile(r"\*|[\w-]+:\*")
_SAGEMAKER = "AmazonSageMakerFullAccess"
_ADMINISTRATOR = "AdministratorAccess"
_FULL = re.compile(r".*FullAccess.*|PowerUserAccess")


@dataclass(frozen=True)
class PrincipalFact:
    """A role, a user or a group. ``attached``: (name, ARN) of managed policies; ``own``: those of the account."""

    kind: str
    name: str
    arn: str
    attached: tuple[tuple[str, str], ...]
    inline: tuple[tuple[str, PolicyDocument], ...]
    own: tuple[tuple[str, PolicyDocument], ...] = ()

    @property
    def resource(self) -> Resource:
        """The role, user or group."""
        return Resource(f"AwsIam{self.kind.capitalize()}", self.name, self.arn)


async def read_principals(session: AwsSession) -> Sequence[PrincipalFact]:
    """All roles, users and groups with what they may, in a few paged reads. Raises ``SageDeckError``."""
    documents = {}
    policies = _details(session, "LocalManagedPolicy", "Policies")
    async for policy in policies:
        versions = [version for version in policy.get("PolicyVersionList", ()) if version.get("IsDefaultVersion")]
        if versions:
            documents[policy["Arn"]] = as_document(versions[0]["Document"])
    found = []
    for kind in ("role", "user", "group"):
        name = kind.capitalize()
        found += [_principal(kind, item, documents) async for item in _details(session, name, f"{name}DetailList")]
    return [fact for fact in found if fact is not None]


def _details(session: AwsSession, wanted: str, key: str) -> Any:
    return session.paginate(
        "iam",
        "get_account_authorization_details",
        key,
        doing="read who may do what in the account",
        Filter=[wanted],
    )


def _principal(kind: str, item: Mapping[str, Any], documents: Mapping[str, PolicyDocument]) -> PrincipalFact | None:
    if item.get("Path", "").startswith(_LINKED):
        return None
    attached = tuple((policy["PolicyName"], policy["PolicyArn"]) for policy in item.get("AttachedManagedPolicies", ()))
    inline = item.get(f"{kind.capitalize()}PolicyList", ())
    return PrincipalFact(
        kind,
        item[f"{kind.capitalize()}Name"],
        item["Arn"],
        attached,
        tuple((policy["PolicyName"], as_document(policy["PolicyDocument"])) for policy in inline),
        tuple((name, documents[arn]) for name, arn in attached if arn in documents),
    )


def as_document(value: object) -> PolicyDocument:
    """A policy as IAM hands it over: a document, or its text, maybe quoted for an address."""
    document: PolicyDocument = json.loads(unquote(value)) if isinstance(value, str) else value  # type: ignore[assignment]
    return document


def administers(statement: Statement) -> bool:
    """Whether a statement allows everything on everything."""
    return (
        statement.get("Effect") == "Allow"
        and any(action.strip("*") in ("", ":") for action in as_list(statement.get("Action", [])))
        and "*" in as_list(statement.get("Resource", []))
        and not statement.get("Condition")
    )


def wild_actions(document: PolicyDocument) -> list[str]:
    """The actions of a policy that stand for all of a service, or of all."""
    found: list[str] = []
    for statement in statements(document):
        if statement.get("Effect") == "Allow":
            found += [action for action in as_list(statement.get("Action", [])) if _WILD.fullmatch(action)]
            found += ["everything but a list"] if "NotAction" in statement else []
    return found


def _is_role(fact: PrincipalFact) -> bool:
    return fact.kind == "role"


def _has(fact: PrincipalFact, name: str) -> bool:
    return any(found == name for found, _ in fact.attached)


def judge_sagemaker(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """AmazonSageMakerFullAccess on a role."""
    if _is_role(fact) and _has(fact, _SAGEMAKER):
        yield Problem(f"{_SAGEMAKER} is attached to it.", cli=_detaching(fact, _SAGEMAKER), narrows=True)


def judge_administrator_role(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """AdministratorAccess on a role."""
    if _is_role(fact) and _has(fact, _ADMINISTRATOR):
        yield Problem(f"{_ADMINISTRATOR} is attached to it.", cli=_detaching(fact, _ADMINISTRATOR), narrows=True)


def judge_administrator_group(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """AdministratorAccess on a group: everybody in it has it."""
    if fact.kind == "group" and _has(fact, _ADMINISTRATOR):
        yield Problem(f"{_ADMINISTRATOR} is attached to it.", cli=_detaching(fact, _ADMINISTRATOR))


def judge_administrator_user(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """AdministratorAccess on a user."""
    if fact.kind == "user" and _has(fact, _ADMINISTRATOR):
        yield Problem(f"{_ADMINISTRATOR} is attached to it.", cli=_detaching(fact, _ADMINISTRATOR))


def judge_inline(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """An inline policy that allows everything."""
    for name, document in fact.inline:
        if any(administers(statement) for statement in statements(document)):
            yield Problem(f"Its policy {name} allows everything on everything.", narrows=_is_role(fact))


def judge_own(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """A managed policy of the account that allows everything."""
    for name, document in fact.own:
        if any(administers(statement) for statement in statements(document)):
            yield Problem(
                f"The policy {name} attached to it allows everything on everything.",
                cli=_detaching(fact, name),
                narrows=_is_role(fact),
            )


def judge_full(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """Another full-access policy on a role."""
    for name, _ in fact.attached:
        if _is_role(fact) and _FULL.fullmatch(name) and name != _SAGEMAKER:
            yield Problem(f"{name} is attached to it.", cli=_detaching(fact, name), narrows=True)


def judge_wild(fact: PrincipalFact, now: datetime) -> Iterator[Problem]:
    """A policy that names whole services."""
    for name, document in (*fact.inline, *fact.own):
        wild = [] if any(administers(statement) for statement in statements(document)) else wild_actions(document)
        if _is_role(fact) and wild:
            yield Problem(f"Its policy {name} allows {', '.join(dict.fromkeys(wild))}.", narrows=True)


def _detaching(fact: PrincipalFact, policy: str) -> str:
    arn = next(arn for name, arn in fact.attached if name == policy)
    return f"aws iam detach-{fact.kind}-policy --{fact.kind}-name {fact.name} --policy-arn {arn}"


_RISK = "A mistake in its code, or somebody who gets its keys, reaches what the task never needed."
_REMEDY = "Give it just what it used, by a policy of its own, and take the broad one away."


def _check(name: str, title: str, severity: Any, judge: Any) -> Check[PrincipalFact]:
    return Check(name, title, severity, _RISK, _REMEDY, judge)


PRINCIPALS = Area(
    "roles and users",
    "iam",
    read_principals,
    (
        _check("sagemaker_full_access_policy_attached", "Role has full access", "high", judge_sagemaker),
        _check("iam_role_administratoraccess_policy", "Role may do everything", "high", judge_administrator_role),
        _check("iam_user_administrator_access_policy", "User may do everything", "high", judge_administrator_user),
        _check("iam_group_administrator_access_policy", "Group may do everything", "high", judge_administrator_group),
        _check("iam_inline_policy_no_administrative_privileges", "Policy allows everything", "high", judge_inline),
        _check(
            "iam_customer_attached_policy_no_administrative_privileges", "Policy allows everything", "high", judge_own
        ),
        _check("sagedeck_role_full_access_policy", "Role has full access", "medium", judge_full),
        _check("sagedeck_role_wildcard_actions", "Role may use whole services", "medium", judge_wild),
    ),
)
