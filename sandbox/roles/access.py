"""What services do on behalf of a role: decided by the same policies as the role's own requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sandbox.context import Access
from sandbox.core.account import bucket_arn, object_arn
from sandbox.logs.names import log_stream_arn
from sandbox.logs.pump import LogPump, LogStream
from sandbox.s3.inside import S3
from sandbox.s3.store import ObjectInfo

_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")


class RoleS3:
    """S3 as a role may use it: every access raises AWS's refusal (``AwsError``) if its policies do not allow it."""

    def __init__(self, s3: S3, access: Access, role_arn: str) -> None:
        self._s3, self._access, self._role = s3, access, role_arn

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects under ``prefix`` in key order."""
        self._access.authorize_role(self._role, "s3:ListBucket", bucket_arn(bucket), {"s3:prefix": prefix})
        return self._s3.list(bucket, prefix)

    def download_file(self, bucket: str, key: str, dest: Path) -> None:
        """Copy one object to the new file ``dest``."""
        self._access.authorize_role(self._role, "s3:GetObject", object_arn(bucket, key))
        self._s3.download_file(bucket, key, dest)

    def open_path(self, bucket: str, key: str) -> Path:
        """The file that holds an object's content; it must not be written to."""
        self._access.authorize_role(self._role, "s3:GetObject", object_arn(bucket, key))
        return self._s3.open_path(bucket, key)

    def put_file(self, bucket: str, key: str, path: Path) -> ObjectInfo:
        """Store a copy of the file ``path``."""
        self._access.authorize_role(self._role, "s3:PutObject", object_arn(bucket, key))
        return self._s3.put_file(bucket, key, path)


class RoleLogs:
    """CloudWatch Logs as a role may use it: as on AWS, what it may not write is lost and nothing fails."""

    def __init__(self, pump: LogPump, access: Access, role_arn: str, region: str) -> None:
        self._pump, self._access, self._role, self._region = pump, access, role_arn, region

    def stream(self, group: str, stream: str) -> LogStream:
        """A stream to write to."""
        return self._pump.stream(
            group, stream, muted=not may_write_log(self._access, self._role, group, stream, self._region)
        )


def may_write_log(access: Access, role_arn: str, group: str, stream: str, region: str) -> bool:
    """Whether the role may write to this log stream."""
    arn = log_stream_arn(group, stream, region)
    return all(access.allows_role(role_arn, action, arn) for action in _LOG_ACTIONS)
