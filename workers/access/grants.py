"""What a refusal was about, the smallest policy that would allow it, and roles with more permissions than they need."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from urllib.parse import unquote

from workers.access.policies import VERSION, PolicyDocument, Statement, as_list, as_text, statements
from workers.aws.session import AwsSession
from workers.aws.tags import made_by_sagedeck
from workers.errors.tree import NotFound, SageDeckError

GRANT_POLICY = "sagedeck-grants"
_DENIAL = re.compile(
    r"User: (?P<user>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    # S3 puts the resource in quotes, which a function's JSON answer escapes.
    r"(?: on resource: \\*\"?(?P<resource>arn:[^\s\"'\\]+))?"
)
_BROAD_ACTION = re.compile(r"\*|[\w-]+:\*|[\w-]+:(Get|List|Describe|Put|Create|Delete|Update)?\*")
# Services whose actions the SDK spreads over several clients, or names otherwise.
_SDK_NAMES = {"sagemaker": ("sagemaker", "sagemaker-runtime")}
# Actions that know no resource: IAM takes nothing but * for them.
_WITHOUT_RESOURCE = frozenset(("ecr:GetAuthorizationToken", "s3:ListAllMyBuckets", "sts:GetCallerIdentity"))
_ADMINISTRATORS = ("AdministratorAccess", "PowerUserAccess")


@dataclass(frozen=True)
class Denial:
    """AWS refused ``action`` on ``resource`` to ``principal`` (ARNs; ``resource`` is ``*`` when AWS named none)."""

    principal: str
    action: str
    resource: str

    @property
    def role(self) -> str:
        """The role's name, when the principal is a session of one."""
        found = re.search(r":(?:assumed-)?role/(?:.*/)?([^/]+?)(?:/[^/]+)?$", self.principal)
        if not found:
            return ""
        if ":assumed-role/" in self.principal:
            return self.principal.split(":assumed-role/")[1].split("/")[0]
        return self.principal.rsplit("/", 1)[1]


@dataclass(frozen=True)
class DiffLine:
    """One line of a policy diff: its number in the new text, ``+`` for an added line, the text."""

    number: int
    mark: str
    text: str


@dataclass(frozen=True)
class Grant:
    """An inline policy as it would be after granting just what was refused."""

    role: str
    policy_name: str
    document: PolicyDocument
    diff: tuple[DiffLine, ...]
    denial: Denial

    @property
    def allowed_already(self) -> tuple[str, ...]:
        """On what the policy allows the refused action even before; names instead of ARNs."""
        before = statements(self.document)[:-1]
        found = [
            str(resource)
            for statement in before
            if statement.get("Effect") == "Allow" and self.denial.action in as_list(statement.get("Action", []))
            for resource in as_list(statement.get("Resource", []))
        ]
        return tuple(resource.rsplit("/", 1)[-1] for resource in found)

    @property
    def cli(self) -> str:
        """The same as an AWS CLI line."""
        document = json.dumps(self.document, separators=(",", ":"))
        return (
            f"aws iam put-role-policy --role-name {self.role} --policy-name {self.policy_name} "
            f"--policy-document '{document}'"
        )


@dataclass(frozen=True)
class BroadGrant:
    """A role may more than it needs: where that is said, and in words what."""

    role: str
    policy: str
    reason: str


@dataclass(frozen=True)
class Narrowing:
    """A role's policies made as narrow as what runs with it needs."""

    role: str
    policy_name: str
    document: PolicyDocument
    diff: tuple[DiffLine, ...]
    detach: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @property
    def cli(self) -> str:
        """The same as AWS CLI lines."""
        lines = [
            f"aws iam put-role-policy --role-name {self.role} --policy-name {self.policy_name} "
            f"--policy-document {shlex.quote(as_text(self.document))}"
        ]
        lines += [f"aws iam detach-role-policy --role-name {self.role} --policy-arn {arn}" for arn in self.detach]
        lines += [f"aws iam delete-role-policy --role-name {self.role} --policy-name {name}" for name in self.remove]
        return "\n".join(lines)


def parse_denial(text: str) -> Denial | None:
    """Find AWS's wording of a refusal in an error message, a function's answer or its log."""
    found = _DENIAL.search(text)
    if found is None:
        return None
    return Denial(found["user"], found["action"], (found["resource"] or "*").rstrip(".,"))


def render(document: PolicyDocument) -> list[str]:
    """A policy as lines that people read: one statement's members a line."""
    lines = [f'{{ "Version": "{document.get("Version", VERSION)}",', '  "Statement": [']
    found = statements(document)
    for number, statement in enumerate(found):
        parts = [f'"{key}": {json.dumps(value)}' for key, value in statement.items() if key != "Resource"]
        resources = [key for key in statement if key == "Resource"]
        end = " }" + ("," if number + 1 < len(found) else "")
        lines.append("    { " + ", ".join(parts) + ("," if resources else end))
        if resources:
            lines.append(f'      "Resource": {json.dumps(statement["Resource"])}{end}')
    return [*lines, "  ] }"]


def diff_lines(before: PolicyDocument | None, after: PolicyDocument) -> tuple[DiffLine, ...]:
    """The new text with what the old one lacks marked ``+``. Commas at line ends do not count as a change."""
    old = [line.rstrip(",") for line in render(before)] if before else []
    found = []
    for number, line in enumerate(render(after), start=1):
        known = line.rstrip(",") in old
        if known:
            old.remove(line.rstrip(","))
        found.append(DiffLine(number, "" if known else "+", line))
    return tuple(found)


def with_statement(document: PolicyDocument | None, action: str, resource: str) -> PolicyDocument:
    """The document with one more statement, which allows exactly ``action`` on ``resource``."""
    more: Statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"Version": VERSION, "Statement": [*(statements(document) if document else []), more]}


def broad_reasons(document: PolicyDocument) -> list[str]:
    """Why a policy is broader than least privilege: wildcard actions, or actions on every resource."""
    reasons = []
    for statement in statements(document):
        if statement.get("Effect") != "Allow":
            continue
        if "NotAction" in statement or "NotResource" in statement:
            reasons.append("allows everything but a list")
            continue
        broad = [action for action in as_list(statement.get("Action", [])) if _BROAD_ACTION.fullmatch(action)]
        if broad:
            reasons.append(f"allows {', '.join(broad)}")
        elif "*" in as_list(statement.get("Resource", [])) and "Condition" not in statement:
            wide = [action for action in as_list(statement["Action"]) if action not in _WITHOUT_RESOURCE]
            if wide:
                reasons.append(f"allows {', '.join(wide[:3])} on every resource")
    return reasons


class Grants:
    """Reads and narrows or widens the policies of roles."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def propose(self, denial: Denial) -> Grant | None:
        """The smallest change that would allow what was refused.

        None when the caller is no role, or when a statement for just that is there already.
        """
        if not denial.role:
            return None
        policies = await self.inline_policies(denial.role)
        if any(_allows_just(document, denial) for document in policies.values()):
            return None
        service = denial.action.split(":")[0]
        related = [name for name, document in policies.items() if f'"{service}:' in json.dumps(document)]
        # A role with one inline policy keeps it all in that one.
        name = (related or (list(policies) if len(policies) == 1 else [GRANT_POLICY]))[0]
        before = policies.get(name)
        after = with_statement(before, denial.action, denial.resource)
        return Grant(denial.role, name, after, diff_lines(before, after), denial)

    async def apply(self, grant: Grant) -> None:
        """Write the proposed inline policy."""
        await self._session.call(
            "iam",
            "put_role_policy",
            doing=f"grant {grant.denial.action} to {grant.role}",
            RoleName=grant.role,
            PolicyName=grant.policy_name,
            PolicyDocument=json.dumps(grant.document),
        )

    async def narrow(self, plan: Narrowing) -> None:
        """Write the narrow policy, then take the broad ones away; what is gone already is no error."""
        await self._session.call(
            "iam",
            "put_role_policy",
            f"narrow the role {plan.role}",
            RoleName=plan.role,
            PolicyName=plan.policy_name,
            PolicyDocument=as_text(plan.document),
        )
        gone = [("detach_role_policy", {"PolicyArn": arn}) for arn in plan.detach]
        gone += [("delete_role_policy", {"PolicyName": name}) for name in plan.remove]
        for operation, which in gone:
            try:
                await self._session.call("iam", operation, f"narrow the role {plan.role}", RoleName=plan.role, **which)
            except NotFound:
                continue

    async def full_access_actions(self, action: str) -> int:
        """How many actions of its service a full-access policy allows: the operations that the SDK knows of it."""
        names = _SDK_NAMES.get(action.split(":")[0], (action.split(":")[0],))

        def counted() -> int:
            return sum(len(self._session.client(name).meta.service_model.operation_names) for name in names)

        return await self._session.run("count the actions", counted, service=names[0])

    async def inline_policies(self, role: str) -> dict[str, PolicyDocument]:
        """The inline policies of a role by name."""
        found = {}
        names = self._session.paginate("iam", "list_role_policies", "PolicyNames", RoleName=role)
        async for name in names:
            answer = await self._session.call("iam", "get_role_policy", RoleName=role, PolicyName=name)
            found[name] = _document(answer["PolicyDocument"])
        return found

    async def attached_policies(self, role: str) -> dict[str, str]:
        """ARNs of the managed policies attached to a role, by name."""
        attached = self._session.paginate("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role)
        return {policy["PolicyName"]: policy["PolicyArn"] async for policy in attached}

    async def own_role(self, role: str) -> bool:
        """True when SageDeck made the role; False also when the caller may not read roles."""
        try:
            found = (await self._session.call("iam", "get_role", RoleName=role))["Role"]
        except SageDeckError:
            return False
        return made_by_sagedeck(found.get("Tags", []))

    async def broad(self, role: str) -> list[BroadGrant]:
        """Where the role may more than least privilege would give it."""
        try:
            inline = await self.inline_policies(role)
        except NotFound:
            return []
        found = [BroadGrant(role, name, reason) for name, doc in inline.items() for reason in broad_reasons(doc)]
        for name in await self.attached_policies(role):
            if "FullAccess" in name or name in _ADMINISTRATORS:
                found.append(BroadGrant(role, name, "is a full-access policy"))
        return found


def _allows_just(document: PolicyDocument, denial: Denial) -> bool:
    return any(
        statement.get("Effect") == "Allow"
        and denial.action in as_list(statement.get("Action", []))
        and denial.resource in as_list(statement.get("Resource", []))
        for statement in statements(document)
    )


def _document(value: str | PolicyDocument) -> PolicyDocument:
    document: PolicyDocument = json.loads(unquote(value)) if isinstance(value, str) else value
    return document
