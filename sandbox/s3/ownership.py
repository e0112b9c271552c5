"""Whose buckets and objects are: the operator's, who has full control of them, and nobody else is granted anything."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.core.account import ACCOUNT_ID
from sandbox.s3.answers import Members
from sandbox.s3.requests.call import S3Call
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError

OWNER_ID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
OWNER = {"ID": OWNER_ID, "DisplayName": "operator"}


def refuse_grants(headers: Mapping[str, str]) -> None:
    """Raise AccessControlListNotSupported for whatever would let others in."""
    given = [name for name in headers if name.startswith("x-amz-grant-")]
    if given and "x-amz-acl" in headers:
        raise AwsError("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if given or headers.get("x-amz-acl", "private") not in ("private", "bucket-owner-full-control"):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def acl(store: Store, call: S3Call) -> Members:
    """GetBucketAcl, GetObjectAcl: the owner has full control; nothing else can be granted."""
    bucket = call.bucket
    store.bucket(bucket)
    if call.method == "PUT":
        refuse_grants(call.headers)
        if call.document() or "x-amz-acl" not in call.headers:
            raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
        return {}
    grantee = {"Type": "CanonicalUser", "ID": OWNER_ID}
    return {"Owner": OWNER, "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


def object_acl(store: Store, call: S3Call) -> Members:
    """GetObjectAcl, PutObjectAcl: as the bucket's."""
    store.get(call.bucket, call.key, call.version)
    return acl(store, call)


def check_owner(call: S3Call) -> None:
    """x-amz-expected-bucket-owner: refuse when the bucket is not of that account."""
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        if call.headers.get(name, ACCOUNT_ID) != ACCOUNT_ID:
            raise AwsError("AccessDenied", "Access Denied", 403)
