"""Roles of training jobs and endpoints with more permissions than they need, and the narrower policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from workers.access.grants import BroadGrant, Grants, Narrowing, broad_reasons, diff_lines
from workers.access.policies import partition, policy
from workers.access.roles import INLINE_POLICY
from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, NotFound

RoleKind = Literal["training", "endpoint"]


class RoleChecks:
    """Looks at the roles that jobs and endpoints run with, whoever made them."""

    def __init__(self, session: AwsSession, grants: Grants) -> None:
        self._session, self._grants = session, grants

    async def check(
        self, kind: RoleKind, arn: str, uris: Sequence[str]
    ) -> tuple[tuple[BroadGrant, ...], Narrowing | None]:
        """Where the role may too much, and the narrower policy: scoped to the bucket of ``uris``.

        No narrower policy is offered for a role that several buckets are used with. Empty for whoever may not read
        IAM. Raises ``SageDeckError``.
        """
        role = arn.rsplit("/", 1)[-1]
        try:
            broad = tuple(await self._grants.broad(role))
            if not broad:
                return (), None
            inline = await self._grants.inline_policies(role)
            attached = await self._grants.attached_policies(role)
        except (AccessDenied, NotFound):
            return (), None
        buckets = {place.bucket for place in map(S3Uri.find, uris) if place is not None}
        if len(buckets) != 1:
            return broad, None
        document = policy(
            f"{kind}_role",
            account=arn.split(":")[4],
            partition=partition(arn),
            region=self._session.region,
            bucket=buckets.pop(),
        )
        named = {grant.policy for grant in broad}
        before = inline.get(INLINE_POLICY)
        plan = Narrowing(
            role,
            INLINE_POLICY,
            document,
            diff_lines(before, document),
            tuple(arn for name, arn in attached.items() if name in named),
            tuple(name for name, found in inline.items() if name != INLINE_POLICY and broad_reasons(found)),
        )
        return broad, plan
