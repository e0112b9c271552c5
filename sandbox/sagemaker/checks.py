"""Questions about other services that SageMaker asks before it accepts a request."""

from __future__ import annotations

from sandbox.wire.errors import AwsError
from sandbox.wire.messages import SandboxContext

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
        ctx.s3.store.bucket(bucket)
    except AwsError:
        return False
    return True


def any_object(ctx: SandboxContext, bucket: str, prefix: str) -> bool:
    """True when a key of the bucket starts with ``prefix``."""
    return next(iter(ctx.s3.list(bucket, prefix)), None) is not None
