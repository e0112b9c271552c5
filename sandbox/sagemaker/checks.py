"""Questions about other services that SageMaker asks before it accepts a request."""

from __future__ import annotations

from sandbox.context import SandboxContext
from sandbox.s3.inside import S3
from sandbox.wire.errors import AwsError

PRINCIPAL = "sagemaker.amazonaws.com"


def role_exists(ctx: SandboxContext, role_arn: str) -> bool:
    """True when the account has this role and it trusts SageMaker."""
    try:
        role = ctx.call("iam", "GetRole", {"RoleName": role_arn.rsplit("/", 1)[-1]})
    except AwsError:
        return False
    return role.get("Role", {}).get("Arn", role_arn) == role_arn and ctx.access.trusts_service(role_arn, PRINCIPAL)


def bucket_exists(ctx: SandboxContext, bucket: str) -> bool:
    """True when the account has this bucket."""
    try:
        ctx.part(S3).store.bucket(bucket)
    except AwsError:
        return False
    return True


def any_object(ctx: SandboxContext, bucket: str, prefix: str) -> bool:
    """True when a key of the bucket starts with ``prefix``."""
    return next(iter(ctx.part(S3).list(bucket, prefix)), None) is not None


class Stored:
    """The checks' questions about S3, answered from the store."""

    def __init__(self, ctx: SandboxContext) -> None:
        self._ctx = ctx

    def bucket_exists(self, bucket: str) -> bool:
        """True when the account has this bucket."""
        return bucket_exists(self._ctx, bucket)

    def any_object(self, bucket: str, prefix: str) -> bool:
        """True when a key of the bucket starts with ``prefix``."""
        return any_object(self._ctx, bucket, prefix)
