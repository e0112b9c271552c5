"""What S3's operations need.

Source: S3 User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from sandbox.core.account import bucket_arn, object_arn
from sandbox.iam.needs.need import Names, Need, text
from sandbox.s3.requests.call import S3Call
from sandbox.s3.requests.copy_source import CopySource
from sandbox.s3.requests.deletions import Deletion
from sandbox.wire.call import Call

# Where the action has another name than the operation. Removing a setting needs the permission to set it.
_OF_A_BUCKET = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    **{
        name: name
        for name in (
            *("CreateBucket", "DeleteBucket", "GetBucketAcl", "PutBucketAcl", "GetBucketPolicy", "PutBucketPolicy"),
            *("DeleteBucketPolicy", "GetBucketTagging", "PutBucketTagging", "GetBucketVersioning"),
            *("PutBucketVersioning", "GetBucketOwnershipControls", "PutBucketOwnershipControls", "GetBucketLocation"),
            *("GetBucketLogging", "PutBucketLogging", "GetBucketPolicyStatus"),
            *("GetBucketRequestPayment", "PutBucketRequestPayment"),
            *("GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"),
        )
    },
}
# With the action on a named version of the object; None where there is no such thing.
_OF_AN_OBJECT: dict[str, tuple[str, str | None]] = {
    "GetObject": ("GetObject", "GetObjectVersion"),
    "HeadObject": ("GetObject", "GetObjectVersion"),
    "PutObject": ("PutObject", None),
    "CopyObject": ("PutObject", None),
    "DeleteObject": ("DeleteObject", "DeleteObjectVersion"),
    "GetObjectAcl": ("GetObjectAcl", "GetObjectVersionAcl"),
    "PutObjectAcl": ("PutObjectAcl", "PutObjectVersionAcl"),
    "GetObjectTagging": ("GetObjectTagging", "GetObjectVersionTagging"),
    "PutObjectTagging": ("PutObjectTagging", "PutObjectVersionTagging"),
    "DeleteObjectTagging": ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    "GetObjectAttributes": ("GetObjectAttributes", "GetObjectVersionAttributes"),
    "CreateMultipartUpload": ("PutObject", None),
    "UploadPart": ("PutObject", None),
    "UploadPartCopy": ("PutObject", None),
    "CompleteMultipartUpload": ("PutObject", None),
    "AbortMultipartUpload": ("AbortMultipartUpload", None),
    "ListParts": ("ListMultipartUploadParts", None),
}
_OBJECT_KEYS = {
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-storage-class": "StorageClass",
}
_BUCKET_KEYS = {"s3:prefix": "Prefix", "s3:delimiter": "Delimiter", "s3:max-keys": "MaxKeys"}


def s3_needs(call: Call, names: Names) -> list[Need] | None:
    """Of an operation on the account, a bucket, an object, or several objects to delete."""
    assert isinstance(call, S3Call)
    if call.operation == "ListBuckets":
        return [Need("s3:ListAllMyBuckets", "arn:aws:s3:::*")]
    if call.operation == "DeleteObjects":
        return [delete_need(call.bucket, entry) for entry in call.deletions]
    if call.operation in _OF_A_BUCKET:
        action = f"s3:{_OF_A_BUCKET[call.operation]}"
        return [Need(action, bucket_arn(call.bucket), _context(call, _BUCKET_KEYS))]
    return _object_needs(call) if call.operation in _OF_AN_OBJECT else None


def _object_needs(call: S3Call) -> list[Need] | None:
    newest, versioned = _OF_AN_OBJECT[call.operation]
    action = newest if call.version is None else versioned
    if action is None:
        return None
    target = object_arn(call.bucket, call.key)
    needs = [Need(f"s3:{action}", target, _context(call, _OBJECT_KEYS))]
    if call.operation == "GetObjectAttributes":
        needs.append(read_need(CopySource(call.bucket, call.key, call.version)))
    if call.source is not None:
        needs.append(read_need(call.source))
    if "Tagging" in call.members:
        needs.append(Need("s3:PutObjectTagging", target))
    return needs


def _context(call: Call, keys: dict[str, str]) -> dict[str, str]:
    return {key: text(call, member) for key, member in keys.items() if member in call.members}


def read_need(source: CopySource) -> Need:
    """What reading an object, or one version of it, needs."""
    action = "s3:GetObjectVersion" if source.version else "s3:GetObject"
    return Need(action, object_arn(source.bucket, source.key))


def delete_need(bucket: str, entry: Deletion) -> Need:
    """What deleting an object, or one version of it for good, needs."""
    return Need(f"s3:DeleteObject{'Version' if entry.version else ''}", object_arn(bucket, entry.key))
