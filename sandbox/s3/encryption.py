"""What an object says of its encryption: S3's own keys (AES256), or the key that AWS manages for S3 in KMS.

Nothing on this computer's disk is encrypted, and an account sees the same of either as on AWS: who may use the bucket
may use the managed key without a permission of its own (KMS Developer Guide, "AWS managed keys"). Keys of the account
there are none, so an object that is to have one is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.core.account import arn
from sandbox.s3.answers import Members

HEADER = "x-amz-server-side-encryption"
BY_S3, BY_KMS = "AES256", "aws:kms"
# One key an account and region, which nobody can choose or delete.
MANAGED_KEY = arn("kms", "key/8f0d5c1e-53a1-4d0b-9f1b-5a6e0d3c7b21")
_KEPT = "kms"


def received(headers: Mapping[str, str]) -> dict[str, Any]:
    """What is kept of a request's encryption. Values that are no promise of ours were refused before."""
    return {_KEPT: True} if headers.get(HEADER) == BY_KMS else {}


def without(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a copy keeps of its source's ``meta``: its encryption is its own (S3 API reference, CopyObject)."""
    return {name: value for name, value in meta.items() if name != _KEPT}


def members(meta: Mapping[str, Any]) -> Members:
    """The members of an answer about an object with this ``meta``."""
    if meta.get(_KEPT):
        return {"ServerSideEncryption": BY_KMS, "SSEKMSKeyId": MANAGED_KEY}
    return {"ServerSideEncryption": BY_S3}


def etag(meta: Mapping[str, Any]) -> str | None:
    """The ETag of an object written at once, where it is not the MD5 of its bytes (S3 API reference, Object)."""
    return secrets.token_hex(16) if meta.get(_KEPT) else None
