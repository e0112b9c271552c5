"""What the operations of IAM and STS need."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.core.account import arn
from sandbox.iam.needs.need import Names, Need, member_names, text
from sandbox.wire.call import Call

_FREE = frozenset({"GetCallerIdentity", "GetSessionToken"})
# Where an operation names two of them, the first here is the one that AWS asks about.
_NAMED = (("GroupName", "group"), ("UserName", "user"), ("InstanceProfileName", "instance-profile"))
_OF_NO_RESOURCE = frozenset(
    {
        *("GetAccountAuthorizationDetails", "GetAccountPasswordPolicy", "GetAccountSummary", "GetAccessKeyLastUsed"),
        *("UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy", "CreateAccountAlias", "DeleteAccountAlias"),
        *("GenerateCredentialReport", "GetCredentialReport", "GetContextKeysForCustomPolicy", "SimulateCustomPolicy"),
        *("ListAccountAliases", "ListGroups", "ListInstanceProfiles", "ListPolicies", "ListRoles", "ListUsers"),
        "GetServiceLastAccessedDetails",
        *("ListOpenIDConnectProviders", "ListSAMLProviders", "ListServerCertificates", "ListVirtualMFADevices"),
    }
)


def iam_needs(call: Call, names: Names) -> list[Need] | None:
    """Of IAM: the group, user, profile, role or policy that is read or changed, and a role that is handed on."""
    action = f"iam:{call.operation}"
    if call.operation in _OF_NO_RESOURCE:
        return [Need(action)]
    resources = _resources(call, names)
    if not resources:
        return None
    context = _context(call)
    needs = [Need(action, resource, context) for resource in resources]
    if call.operation == "AddRoleToInstanceProfile":
        # An instance gets the role of its profile, so putting one there passes it on.
        passed = {"iam:PassedToService": "ec2.amazonaws.com"}
        needs.append(Need("iam:PassRole", names.role_arn(text(call, "RoleName")), passed))
    return needs


def _resources(call: Call, names: Names) -> list[str]:
    known = member_names(call)
    if call.operation == "GenerateServiceLastAccessedDetails":
        return [text(call, "Arn")]
    if call.operation == "ChangePassword":
        return [arn("iam", f"user/{_own_name(call)}", "")]
    for member, kind in _NAMED:
        if member in known:
            # Renaming needs the permission on both names.
            both = [text(call, member) or _own_name(call), text(call, f"New{member}")]
            return [arn("iam", f"{kind}/{name}", "") for name in both if name]
    if "RoleName" in known:
        return [names.role_arn(text(call, "RoleName"))]
    for member in ("PolicyArn", "PolicySourceArn"):
        if member in known:
            return [text(call, member)]
    return [arn("iam", f"policy/{text(call, 'PolicyName')}", "")] if "PolicyName" in known else []


def _own_name(call: Call) -> str:
    """Without a user name the caller's own user is meant."""
    kind, _, path = call.caller.arn.rpartition(":")[2].partition("/")
    return path if kind == "user" else "*"


def _context(call: Call) -> dict[str, str]:
    keys = {"iam:PolicyARN": "PolicyArn", "iam:PermissionsBoundary": "PermissionsBoundary"}
    return {key: text(call, member) for key, member in keys.items() if text(call, member)}


def sts_needs(call: Call, names: Names) -> list[Need] | None:
    """STS: the role to assume. GetCallerIdentity needs no permission."""
    if call.operation in _FREE:
        return []
    action = f"sts:{call.operation}"
    if call.operation == "GetAccessKeyInfo":
        return [Need(action)]
    if call.operation != "AssumeRole":
        return None
    actions = [action, *(["sts:TagSession"] if call.members.get("Tags") else [])]
    return [Need(asked, text(call, "RoleArn"), assume_context(call.members)) for asked in actions]


def assume_context(members: Mapping[str, object]) -> dict[str, str]:
    """What an AssumeRole call tells the policies that decide about it."""
    given = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
    return {key: str(members[member]) for key, member in given.items() if members.get(member)}
