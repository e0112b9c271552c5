"""S3's settings of buckets, over HTTP: documents that are kept, policy, versions, owner."""

from __future__ import annotations

import json

from sandbox.core.account import ACCOUNT_ID
from sandbox.policy.document import problem
from sandbox.s3 import xml
from sandbox.s3.buckets import OWNER, OWNER_ID, XML, answer
from sandbox.s3.objects import refuse_grants, tag_document, tags_from
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import Caller, RestRequest, RestResponse

DEFAULT_ENCRYPTION: list[xml.Node] = [
    (
        "Rule",
        [("ApplyServerSideEncryptionByDefault", [("SSEAlgorithm", "AES256")]), ("BucketKeyEnabled", False)],
    )
]
# Documents that are kept and handed back as they were sent: (query name, root, error when there is none).
DOCUMENTS = {
    "publicAccessBlock": (
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    "ownershipControls": (
        "OwnershipControls",
        "OwnershipControlsNotFoundError",
        "The bucket ownership controls were not found",
    ),
    "encryption": ("ServerSideEncryptionConfiguration", "", ""),
    "tagging": ("Tagging", "NoSuchTagSet", "The TagSet does not exist"),
}
# What the sandbox does not do is answered as "not set" when read; writing it is NotImplemented.
ABSENT = {
    "cors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "lifecycle": ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    "website": ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    "replication": ("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    "object-lock": ("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"),
}
EMPTY = {
    "logging": "BucketLoggingStatus",
    "notification": "NotificationConfiguration",
    "accelerate": "AccelerateConfiguration",
}


def document(store: Store, request: RestRequest, bucket: str, name: str) -> RestResponse:
    """Get, put or delete one of ``DOCUMENTS``; read what is never set here."""
    store.bucket(bucket)
    if name in EMPTY:
        return answer(EMPTY[name], [])
    if name in ABSENT:
        raise AwsError(*ABSENT[name], 404, BucketName=bucket)
    root, code, message = DOCUMENTS[name]
    if request.method == "PUT":
        body = request.body(xml.MAX_BYTES)
        if xml.parse(body).tag != root:
            raise AwsError("MalformedXML", f"The document must be a {root}.")
        if name == "tagging":
            tags_from(body)
        store.set_setting(bucket, name, body.decode("utf-8", "replace"))
        return RestResponse(204 if name == "tagging" else 200)
    if request.method == "DELETE":
        store.set_setting(bucket, name, None)
        return RestResponse(204)
    kept = store.setting(bucket, name)
    if kept is None and name == "encryption":
        return answer(root, DEFAULT_ENCRYPTION)
    if kept is None:
        raise AwsError(code, message, 404, BucketName=bucket)
    if name == "tagging":
        return RestResponse(200, dict(XML), tag_document(tags_from(kept.encode())))
    return RestResponse(200, dict(XML), kept.encode())


def policy(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy."""
    store.bucket(bucket)
    if request.method == "PUT":
        text = request.body(20 * 1024).decode("utf-8", "replace")
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise AwsError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from exc
        if wrong := problem(parsed, for_resource=True):
            raise AwsError("MalformedPolicy", wrong)
        store.set_setting(bucket, "policy", text)
        return RestResponse(204)
    if request.method == "DELETE":
        store.set_setting(bucket, "policy", None)
        return RestResponse(204)
    kept = store.setting(bucket, "policy")
    if kept is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=bucket)
    return RestResponse(200, {"Content-Type": "application/json"}, kept.encode())


def policy_status(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketPolicyStatus: public when a statement allows everybody without a condition."""
    kept = store.setting(bucket, "policy")
    if kept is None:
        store.bucket(bucket)
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=bucket)
    statements = json.loads(kept)["Statement"]
    public = any(
        item.get("Effect") == "Allow" and item.get("Principal") in ("*", {"AWS": "*"}) and not item.get("Condition")
        for item in (statements if isinstance(statements, list) else [statements])
    )
    return answer("PolicyStatus", [("IsPublic", public)])


def versioning(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketVersioning and PutBucketVersioning."""
    if request.method == "PUT":
        root = xml.parse(request.body(xml.MAX_BYTES))
        status = xml.text_of(root, "Status")
        if xml.text_of(root, "MfaDelete", "Disabled") != "Disabled":
            raise not_implemented("s3", "PutBucketVersioning with MfaDelete")
        if status not in ("Enabled", "Suspended"):
            raise AwsError("IllegalVersioningConfigurationException", "Status must be Enabled or Suspended.")
        store.set_setting(bucket, "versioning", status)
        return RestResponse(200)
    status = store.bucket(bucket).versioning
    return answer("VersioningConfiguration", [("Status", status)] if status else [])


def acl(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketAcl, GetObjectAcl: the owner has full control; nothing else can be granted."""
    store.bucket(bucket)
    if request.method == "PUT":
        refuse_grants(request.headers)
        if request.body() or "x-amz-acl" not in request.headers:
            raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
        return RestResponse(200)
    grant: list[xml.Node] = [("Grantee", [("ID", OWNER_ID)]), ("Permission", "FULL_CONTROL")]
    body = xml.document("AccessControlPolicy", [("Owner", OWNER), ("AccessControlList", [("Grant", grant)])])
    typed = b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    return RestResponse(200, dict(XML), body.replace(b"<Grantee>", typed))


def object_acl(store: Store, request: RestRequest, bucket: str, key: str) -> RestResponse:
    """GetObjectAcl, PutObjectAcl: as the bucket's."""
    store.get(bucket, key, request.query.get("versionId"))
    return acl(store, request, bucket)


def request_payment(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketRequestPayment: the owner pays."""
    store.bucket(bucket)
    return answer("RequestPaymentConfiguration", [("Payer", "BucketOwner")])


def location(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketLocation; us-east-1 is the empty one, as on AWS."""
    region = store.bucket(bucket).region
    inner = "" if region == "us-east-1" else xml.escape(region)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<LocationConstraint xmlns="{xml.NAMESPACE}">{inner}</LocationConstraint>'
    )
    return RestResponse(200, dict(XML), body.encode())


def check_owner(request: RestRequest, caller: Caller) -> None:
    """x-amz-expected-bucket-owner: refuse when the bucket is not of that account."""
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        if request.headers.get(name, ACCOUNT_ID) != ACCOUNT_ID:
            raise AwsError("AccessDenied", "Access Denied", 403)
