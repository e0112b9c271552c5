"""The roles that training jobs and endpoints run with: made when they are needed, no wider than one bucket."""

from __future__ import annotations

import asyncio
from typing import Any

from workers.access.policies import PolicyDocument, as_text, partition, policy
from workers.aws.creating import Attempt, Part, as_one
from workers.aws.names import fitting_role_name
from workers.aws.session import AwsSession
from workers.aws.tags import creator_tag, made_by_sagedeck
from workers.errors.tree import Conflict, NotFound
from workers.types import Identity

INLINE_POLICY = "sagedeck"


def role_name(kind: str, bucket: str) -> str:
    """``SageDeckTraining-BUCKET``, within IAM's limit."""
    return fitting_role_name(f"SageDeck{kind}-", bucket)


def role_arn(kind: str, bucket: str, identity: Identity) -> str:
    """The ARN that ``Roles`` gives the role of this kind (``Training``, ``Endpoint``) for a bucket."""
    return f"arn:{partition(identity.arn)}:iam::{identity.account}:role/{role_name(kind, bucket)}"


class Roles:
    """Makes and repairs the roles of one account. Roles of the same name that others made are left alone."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._lock = asyncio.Lock()

    async def ensure_training_role(self, bucket: str) -> str:
        """The ARN of the role for training jobs on ``bucket``: reads data, writes models, its own logs and metrics.

        A role made just now may take AWS some seconds to be usable. Raises ``SageDeckError``.
        """
        return await self._ensure("Training", "training_role", bucket)

    async def ensure_endpoint_role(self, bucket: str) -> str:
        """The ARN of the role for endpoints with models in ``bucket``: reads them, its own logs and metrics.

        Raises ``SageDeckError``.
        """
        return await self._ensure("Endpoint", "endpoint_role", bucket)

    async def ensure_notebook_role(self, bucket: str) -> str:
        """The ARN of the role for notebooks that work with ``bucket``: trains, tunes and deploys with itself.

        Raises ``SageDeckError``.
        """
        return await self._ensure("Notebook", "notebook_role", bucket)

    async def _ensure(self, kind: str, template: str, bucket: str) -> str:
        name = role_name(kind, bucket)
        # Two launches at once must not both create it.
        async with self._lock:
            return await as_one(lambda attempt: self._make(name, template, bucket, attempt), f"prepare the role {name}")

    async def _make(self, name: str, template: str, bucket: str, attempt: Attempt) -> str:
        identity = await self._session.identity()
        values = {
            "account": identity.account,
            "partition": partition(identity.arn),
            "region": self._session.region,
            "bucket": bucket,
            "role": name,
        }
        trust = policy("trust_sagemaker", **values)
        wanted = policy(template, **values)
        role = await self._find(name)
        if role is None:
            role = await self._create(name, trust, bucket, attempt)
        await self._repair_trust(role, trust)
        if await self._inline_policy(name) != wanted:
            await self._call(
                "put_role_policy",
                f"give the role {name} its permissions",
                RoleName=name,
                PolicyName=INLINE_POLICY,
                PolicyDocument=as_text(wanted),
            )
        return str(role["Arn"])

    async def _find(self, name: str) -> dict[str, Any] | None:
        try:
            answer = await self._call("get_role", f"look up the role {name}", RoleName=name)
        except NotFound:
            return None
        found: dict[str, Any] = answer["Role"]
        return found

    async def _create(self, name: str, trust: PolicyDocument, bucket: str, attempt: Attempt) -> dict[str, Any]:
        async def create() -> dict[str, Any]:
            answer = await self._call(
                "create_role",
                f"create the role {name}",
                RoleName=name,
                AssumeRolePolicyDocument=as_text(trust),
                Description=f"Made by SageDeck for jobs and endpoints that use the bucket {bucket}",
                Tags=[creator_tag(), attempt.tag],
            )
            made: dict[str, Any] = answer["Role"]
            return made

        async def mine() -> dict[str, Any] | None:
            found = await self._find(name)
            return found if found is not None and attempt.is_mine(found.get("Tags", ())) else None

        async def unmake() -> None:
            # Its policy may be there although the answer was lost.
            try:
                await self._call("delete_role_policy", f"take back {name}", RoleName=name, PolicyName=INLINE_POLICY)
            except NotFound:
                pass
            await self._call("delete_role", f"take back {name}", RoleName=name)

        part = Part("role", name, unmake, f"aws iam delete-role --role-name {name}", "costs nothing")
        try:
            return await attempt.make(part, create, mine)
        except Conflict:
            # Another window was faster.
            found = await self._find(name)
            if found is None:
                raise
            return found

    async def _repair_trust(self, role: dict[str, Any], trust: PolicyDocument) -> None:
        if role.get("AssumeRolePolicyDocument") == trust:
            return
        name = role["RoleName"]
        if not made_by_sagedeck(role.get("Tags", [])):
            raise Conflict(
                f"The role {name} is not SageDeck's",
                "A role of this name exists, was made by somebody else and does not trust SageMaker as needed.",
                "Rename or delete that role, or use another bucket.",
            )
        await self._call(
            "update_assume_role_policy",
            f"repair the trust policy of the role {name}",
            RoleName=name,
            PolicyDocument=as_text(trust),
        )

    async def _inline_policy(self, name: str) -> PolicyDocument | None:
        try:
            answer = await self._call(
                "get_role_policy", f"read the policy of the role {name}", RoleName=name, PolicyName=INLINE_POLICY
            )
        except NotFound:
            return None
        found: PolicyDocument = answer["PolicyDocument"]
        return found

    async def _call(self, operation: str, doing: str, **parameters: object) -> dict[str, Any]:
        return await self._session.call("iam", operation, doing, **parameters)
