"""Signature Version 2 in the query of an S3 URL: what botocore, and so the AWS CLI 1, presigns for us-east-1.

Written from AWS's document "Signing and authenticating REST requests (AWS signature version 2)". S3 still takes such
URLs; the sandbox takes this form only, and only for what the signature covers.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence

AUTHENTICATION = frozenset({"AWSAccessKeyId", "Signature", "Expires", "content-md5", "content-type"})
# The query parameters that are part of the signed resource.
_SIGNED = frozenset(
    {
        *("acl", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging", "notification"),
        *("partNumber", "policy", "replication", "requestPayment", "restore", "tagging", "torrent", "uploadId"),
        *("uploads", "versionId", "versioning", "versions", "website"),
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires"),
    }
)
# They choose what a listing shows, and change nothing.
_LISTING = frozenset(
    {
        *("prefix", "delimiter", "marker", "max-keys", "list-type", "encoding-type", "continuation-token"),
        *("start-after", "fetch-owner", "x-id"),
    }
)


def uncovered(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The names of query parameters that could change what the URL does without changing its signature."""
    known = AUTHENTICATION | _SIGNED | _LISTING
    return [name for name, _ in pairs if name not in known and not name.lower().startswith("x-amz-")]


def old_signature(
    method: str, raw_path: str, pairs: Sequence[tuple[str, str]], headers: Mapping[str, str], secret: str
) -> str:
    """The signature (Base64) of a presigned URL; ``pairs`` are its decoded query parameters in their order."""
    query = dict(pairs)
    amz = {name.lower(): value for name, value in (*pairs, *headers.items()) if name.lower().startswith("x-amz-")}
    resource = sorted((name, value) for name, value in pairs if name in _SIGNED)
    signed_query = "&".join(f"{name}={value}" if value else name for name, value in resource)
    lines = [
        method,
        headers.get("content-md5", query.get("content-md5", "")),
        headers.get("content-type", query.get("content-type", "")),
        query["Expires"],
        *(f"{name}:{amz[name].strip()}" for name in sorted(amz)),
        raw_path + (f"?{signed_query}" if signed_query else ""),
    ]
    return base64.b64encode(hmac.digest(secret.encode(), "\n".join(lines).encode(), "sha1")).decode()
