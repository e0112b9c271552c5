"""``x-amz-copy-source``, read once: access control and the copy must mean the same object."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from sandbox.wire.errors import AwsError

_VERSION = "versionId="


@dataclass(frozen=True)
class CopySource:
    """The object to copy; ``version`` is None for its newest version."""

    bucket: str
    key: str
    version: str | None


def parse_copy_source(header: str) -> CopySource:
    """``bucket/key``, URL-encoded, perhaps with a leading slash and ``?versionId=…`` (S3 API reference, CopyObject).

    Raises ``AwsError`` InvalidArgument for anything else: a question mark of a key must be encoded.
    """
    path, mark, query = header.partition("?")
    if mark and (not query.startswith(_VERSION) or not query[len(_VERSION) :] or "&" in query):
        raise AwsError("InvalidArgument", "Invalid copy source: after '?' only versionId=VERSION may stand.")
    try:
        path, version = unquote(path, errors="strict"), unquote(query.removeprefix(_VERSION), errors="strict")
    except UnicodeDecodeError as exc:
        raise AwsError("InvalidArgument", "Invalid copy source encoding.") from exc
    bucket, _, key = path.removeprefix("/").partition("/")
    if not bucket or not key:
        raise AwsError("InvalidArgument", "Invalid copy source object key")
    return CopySource(bucket, key, version or None)
