"""Deleting a role with all that it holds, which IAM wants gone first."""

from __future__ import annotations

from workers.access.grants import Grants
from workers.aws.session import AwsSession
from workers.errors.tree import NotFound


async def remove_role(session: AwsSession, grants: Grants, name: str) -> None:
    """Take a role's policies away and delete it; what is gone already is no error. Raises ``SageDeckError``."""

    async def tolerating_gone(operation: str, doing: str, **arguments: object) -> None:
        try:
            await session.call("iam", operation, doing, **arguments)
        except NotFound:
            return

    try:
        inline = await grants.inline_policies(name)
    except NotFound:
        return
    for policy in inline:
        await tolerating_gone("delete_role_policy", "remove its permissions", RoleName=name, PolicyName=policy)
    for arn in (await grants.attached_policies(name)).values():
        await tolerating_gone("detach_role_policy", "detach a policy", RoleName=name, PolicyArn=arn)
    await tolerating_gone("delete_role", f"delete the role {name}", RoleName=name)
