"""The one account of a sandbox: its number, its operator, and how ARNs are written in it."""

from __future__ import annotations

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
OPERATOR_NAME = "operator"
OPERATOR_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/{OPERATOR_NAME}"


def arn(service: str, resource: str, region: str = REGION) -> str:
    """``arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE``; pass ``region=""`` for global services such as IAM."""
    return f"arn:aws:{service}:{region}:{ACCOUNT_ID}:{resource}"


def bucket_arn(bucket: str) -> str:
    """The ARN of a bucket, which names neither region nor account."""
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    """The ARN of an object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def assumed_role_arn(role_arn: str, session_name: str) -> str:
    """The ARN that STS reports for a session of ``role_arn`` (paths of the role are dropped, as on AWS)."""
    account = role_arn.split(":")[4] or ACCOUNT_ID
    return f"arn:aws:sts::{account}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/{session_name}"
