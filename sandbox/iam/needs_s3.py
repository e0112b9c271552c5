"""Which permissions an S3 request needs.

Source: S3 User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from sandbox.core.account import bucket_arn, object_arn
from sandbox.s3.copy_source import CopySource, parse_copy_source
from sandbox.s3.deletions import Deletion, objects_to_delete
from sandbox.s3.routes import route_of, split_path
from sandbox.wire.messages import RestRequest

S3Need = tuple[str, str, dict[str, str]]

_BUCKET_READS = {
    "acl": "GetBucketAcl",
    "cors": "GetBucketCORS",
    "encryption": "GetEncryptionConfiguration",
    "lifecycle": "GetLifecycleConfiguration",
    "location": "GetBucketLocation",
    "logging": "GetBucketLogging",
    "notification": "GetBucketNotification",
    "object-lock": "GetBucketObjectLockConfiguration",
    "ownershipControls": "GetBucketOwnershipControls",
    "policy": "GetBucketPolicy",
    "policyStatus": "GetBucketPolicyStatus",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
    "replication": "GetReplicationConfiguration",
    "requestPayment": "GetBucketRequestPayment",
    "tagging": "GetBucketTagging",
    "uploads": "ListBucketMultipartUploads",
    "versioning": "GetBucketVersioning",
    "versions": "ListBucketVersions",
    "website": "GetBucketWebsite",
}
_OBJECT_ACTIONS = {
    ("GET", "acl"): "GetObjectAcl",
    ("PUT", "acl"): "PutObjectAcl",
    ("GET", "tagging"): "GetObjectTagging",
    ("PUT", "tagging"): "PutObjectTagging",
    ("DELETE", "tagging"): "DeleteObjectTagging",
    ("GET", "attributes"): "GetObjectAttributes",
    ("GET", "uploadId"): "ListMultipartUploadParts",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
_PLAIN_OBJECT = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_HEADER_KEYS = ("x-amz-acl", "x-amz-server-side-encryption", "x-amz-storage-class")
_QUERY_KEYS = ("prefix", "delimiter", "max-keys")


def s3_needs(request: RestRequest) -> list[S3Need]:
    """(action, resource, condition keys) of each permission. Raises ``AwsError`` for a body that cannot be read."""
    bucket, key = split_path(request.raw_path, request.headers.get("host", ""))
    route_of(request)
    if not bucket:
        return [("s3:ListAllMyBuckets", "arn:aws:s3:::*", {})]
    return _object_needs(request, bucket, key) if key else _bucket_needs(request, bucket)


def is_delete_objects(request: RestRequest) -> bool:
    """Whether it is DeleteObjects, which is decided and answered key by key."""
    return request.method == "POST" and route_of(request).name == "DeleteObjects"


def _object_needs(request: RestRequest, bucket: str, key: str) -> list[S3Need]:
    method, query = request.method, request.query
    sub = route_of(request).sub
    name = _OBJECT_ACTIONS.get((method, sub)) or _PLAIN_OBJECT.get(method, method.title())
    if "versionId" in query and name in ("GetObject", "DeleteObject", "GetObjectTagging", "GetObjectAcl"):
        name += "Version"
    context = {f"s3:{header}": request.headers[header] for header in _HEADER_KEYS if header in request.headers}
    needs: list[S3Need] = [(f"s3:{name}", object_arn(bucket, key), context)]
    source = request.headers.get("x-amz-copy-source")
    if source is not None and method == "PUT":
        needs.append(read_need(parse_copy_source(source)))
    if "x-amz-tagging" in request.headers:
        needs.append(("s3:PutObjectTagging", object_arn(bucket, key), {}))
    return needs


def _bucket_needs(request: RestRequest, bucket: str) -> list[S3Need]:
    method, query = request.method, request.query
    if is_delete_objects(request):
        return [delete_need(bucket, entry) for entry in objects_to_delete(request)]
    context = {f"s3:{name}": query[name] for name in _QUERY_KEYS if name in query}
    sub = route_of(request).sub
    if sub in ("", "list-type"):
        name = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(
            method, "*"
        )
    elif sub not in _BUCKET_READS:
        # A literal star is matched only by a policy that allows the whole service.
        name = "*"
    elif method in ("GET", "HEAD"):
        name = _BUCKET_READS[sub]
    elif sub == "policy" and method == "DELETE":
        name = "DeleteBucketPolicy"
    else:
        # Removing a setting needs the permission to set it.
        name = _BUCKET_READS[sub].replace("Get", "Put", 1)
    return [(f"s3:{name}", bucket_arn(bucket), context)]


def read_need(source: CopySource) -> S3Need:
    """What reading an object, or one version of it, needs."""
    action = "s3:GetObjectVersion" if source.version else "s3:GetObject"
    return (action, object_arn(source.bucket, source.key), {})


def delete_need(bucket: str, entry: Deletion) -> S3Need:
    """What deleting an object, or one version of it for good, needs."""
    return (f"s3:DeleteObject{'Version' if entry.version else ''}", object_arn(bucket, entry.key), {})
