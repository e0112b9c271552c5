"""What one click changes about users and roles."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from workers.access.grants import Grants
from workers.access.policies import PolicyDocument, as_text
from workers.aws.session import AwsSession
from workers.errors.tree import NotFound
from workers.security.types import Change, meanwhile


@dataclass(frozen=True)
class DeactivateKey(Change):
    """Let an access key work no more; it can be activated again."""

    label: ClassVar[str] = "Deactivate"

    user: str
    key: str
    made: datetime

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Deactivate the key …{self.key[-4:]} of {self.user}"

    @property
    def sentence(self) -> str:
        """What may stop working."""
        return "Whatever signs with this key is refused from then on. The key is kept and can be activated again."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws iam update-access-key --user-name {shlex.quote(self.user)} --access-key-id {self.key} "
            "--status Inactive"
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The user."""
        return "user", self.user

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when the key is not active any more, or was made anew."""
        doing = f"deactivate the key of {self.user}"
        keys = session.paginate("iam", "list_access_keys", "AccessKeyMetadata", doing=doing, UserName=self.user)
        found = [(key["Status"], key["CreateDate"]) async for key in keys if key["AccessKeyId"] == self.key]
        if found != [("Active", self.made)]:
            raise meanwhile(f"The key …{self.key[-4:]} of {self.user}")
        await session.call(
            "iam", "update_access_key", doing, UserName=self.user, AccessKeyId=self.key, Status="Inactive"
        )


@dataclass(frozen=True)
class NarrowRole(Change):
    """Give a role just what it used: one inline policy instead of the broad ones, which go.

    Without ``document`` nothing takes their place: the role used nothing of them.
    """

    label: ClassVar[str] = "Narrow"

    role: str
    policy: str
    document: PolicyDocument | None
    detach: tuple[str, ...]
    remove: tuple[str, ...]
    attached_seen: tuple[str, ...]
    inline_seen: tuple[tuple[str, str], ...]

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Narrow the role {self.role}"

    @property
    def sentence(self) -> str:
        """What may stop working."""
        return (
            "What it has not used in the time that AWS looks back on is refused from then on. "
            "AWS knows of a use some hours late."
        )

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        role = shlex.quote(self.role)
        lines = []
        if self.document is not None:
            lines.append(
                f"aws iam put-role-policy --role-name {role} --policy-name {self.policy} "
                f"--policy-document {shlex.quote(as_text(self.document))}"
            )
        lines += [f"aws iam detach-role-policy --role-name {role} --policy-arn {arn}" for arn in self.detach]
        lines += [
            f"aws iam delete-role-policy --role-name {role} --policy-name {shlex.quote(name)}" for name in self.remove
        ]
        return "\n".join(lines)

    @property
    def subject(self) -> tuple[str, str]:
        """The role."""
        return "role", self.role

    async def carry_out(self, session: AwsSession) -> None:
        """The narrow policy first, so that the role is never without. Raises ``Conflict`` for other policies."""
        doing = f"narrow the role {self.role}"
        grants = Grants(session)
        inline = await grants.inline_policies(self.role)
        attached = await grants.attached_policies(self.role)
        if as_seen(inline) != self.inline_seen or tuple(sorted(attached.values())) != self.attached_seen:
            raise meanwhile(f"What the role {self.role} may do")
        if self.document is not None:
            await session.call(
                "iam",
                "put_role_policy",
                doing,
                RoleName=self.role,
                PolicyName=self.policy,
                PolicyDocument=as_text(self.document),
            )
        gone = [("detach_role_policy", {"PolicyArn": arn}) for arn in self.detach]
        gone += [("delete_role_policy", {"PolicyName": name}) for name in self.remove]
        for operation, which in gone:
            try:
                await session.call("iam", operation, doing, RoleName=self.role, **which)
            except NotFound:
                continue


def as_seen(inline: dict[str, PolicyDocument]) -> tuple[tuple[str, str], ...]:
    """Inline policies in a form that can be compared and kept."""
    return tuple(sorted((name, as_text(document)) for name, document in inline.items()))
