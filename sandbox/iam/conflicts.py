"""What IAM refuses and moto would do: deleting what others hang on to, taking a name that is taken, changing what is
not there or not the account's.

Source: IAM API Reference (the errors of each operation); the words are IAM's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.moto_host.bridge import MotoBridge
from sandbox.moto_host.calls import Calls
from sandbox.wire.errors import AwsError

Members = Mapping[str, Any]
_AWS_OWN = "arn:aws:iam::aws:"
# What must be there for an operation, and is not looked for by who answers it: how it is found, and by which member.
_NEEDED = {
    **dict.fromkeys(
        ("ListMFADevices", "ListSSHPublicKeys", "ListServiceSpecificCredentials", "ListSigningCertificates"),
        ("GetUser", "UserName"),
    ),
    "ListEntitiesForPolicy": ("GetPolicy", "PolicyArn"),
    "ListInstanceProfilesForRole": ("GetRole", "RoleName"),
    "UpdateGroup": ("GetGroup", "GroupName"),
}
_OF_POLICIES = frozenset(
    {
        "DeletePolicy",
        "CreatePolicyVersion",
        "DeletePolicyVersion",
        "SetDefaultPolicyVersion",
        "TagPolicy",
        "UntagPolicy",
    }
)
# moto has other words for these where it is asked for the thing itself.
_MISSING = {
    "GroupName": "The group with name {} cannot be found.",
    "PolicyArn": "Policy {} was not found.",
    "RoleName": "The role with name {} cannot be found.",
    "UserName": "The user with name {} cannot be found.",
}
_DETACH, _INLINE = "must detach all policies first", "must delete policies first"
_KEYS, _MEMBERS = "must delete access keys first", "must remove users from group first"
# What keeps an entity from being deleted: who lists it, under which member, and what is to be done first.
_HELD = {
    "DeleteUser": (
        ("ListAccessKeys", "AccessKeyMetadata", _KEYS),
        ("ListGroupsForUser", "Groups", _MEMBERS),
    ),
    "DeleteGroup": (
        ("GetGroup", "Users", _MEMBERS),
        ("ListAttachedGroupPolicies", "AttachedPolicies", _DETACH),
        ("ListGroupPolicies", "PolicyNames", _INLINE),
    ),
}
_NAME = {"DeleteUser": "UserName", "DeleteGroup": "GroupName"}


class Conflicts:
    """Looks before moto answers."""

    def __init__(self, calls: Calls, bridge: MotoBridge) -> None:
        self._calls, self._bridge = calls, bridge
        self._checks: dict[str, Callable[[Members], None]] = {
            "DeletePolicy": self._delete_policy,
            "UpdateUser": self._rename_user,
            "DeleteAccountAlias": self._delete_alias,
        }

    def check(self, operation: str, members: Members) -> None:
        """Raise IAM's refusal of what moto would carry out."""
        if operation in _OF_POLICIES and str(members["PolicyArn"]).startswith(_AWS_OWN):
            raise AwsError("AccessDenied", f"Policy {members['PolicyArn']} is outside your own account.", 403)
        if operation in _NEEDED:
            found_by, member = _NEEDED[operation]
            if name := members.get(member):
                self._ask(found_by, **{member: name})
        for listed_by, member, first in _HELD.get(operation, ()):
            name = _NAME[operation]
            if self._ask(listed_by, **{name: members[name]})[member]:
                raise AwsError("DeleteConflict", f"Cannot delete entity, {first}.", 409)
        if (look := self._checks.get(operation)) is not None:
            look(members)

    def _ask(self, operation: str, **members: object) -> Members:
        try:
            return self._calls.moto("iam", operation, members)
        except AwsError as error:
            if error.code != "NoSuchEntity":
                raise
            member, name = next(iter(members.items()))
            raise AwsError("NoSuchEntity", _MISSING[member].format(name), 404) from None

    def _delete_policy(self, members: Members) -> None:
        arn = members["PolicyArn"]
        used = self._ask("ListEntitiesForPolicy", PolicyArn=arn)
        with self._bridge.iam() as backend:
            bounds = any(role.permissions_boundary_arn == arn for role in backend.get_roles())
        if bounds or any(used.get(f"Policy{kind}") for kind in ("Groups", "Users", "Roles")):
            raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
        if len(self._ask("ListPolicyVersions", PolicyArn=arn)["Versions"]) > 1:
            text = (
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            )
            raise AwsError("DeleteConflict", text, 409)

    def _rename_user(self, members: Members) -> None:
        new = members.get("NewUserName")
        if new is None or new == members["UserName"]:
            return
        try:
            self._ask("GetUser", UserName=new)
        except AwsError as error:
            if error.code != "NoSuchEntity":
                raise
            return
        raise AwsError("EntityAlreadyExists", f"User with name {new} already exists.", 409)

    def _delete_alias(self, members: Members) -> None:
        if members["AccountAlias"] not in self._ask("ListAccountAliases")["AccountAliases"]:
            raise AwsError("NoSuchEntity", f"The account alias {members['AccountAlias']} does not exist.", 404)
