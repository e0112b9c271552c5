"""S3's operations on buckets, over HTTP: listings, settings, DeleteObjects."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

from sandbox import s3_xml as xml
from sandbox.account import ACCOUNT_ID, REGION
from sandbox.errors import AwsError
from sandbox.policy_document import problem
from sandbox.registry import Caller, RestRequest, RestResponse
from sandbox.s3_listing import list_page, list_versions
from sandbox.s3_objects import tag_document, tags_from
from sandbox.s3_store import ObjectInfo, Store

XML = {"Content-Type": "application/xml"}
OWNER_ID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
OWNER: list[xml.Node] = [("ID", OWNER_ID), ("DisplayName", "operator")]
MAX_DELETE = 1000
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


def _answer(root: str, children: list[xml.Node]) -> RestResponse:
    return RestResponse(200, dict(XML), xml.document(root, children))


def list_buckets(store: Store, request: RestRequest) -> RestResponse:
    """ListBuckets, with prefix and pages."""
    prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
    limit = _number(request, "max-buckets", 10_000)
    found = [bucket for bucket in store.buckets() if bucket.name.startswith(prefix) and bucket.name > after]
    shown: list[xml.Node] = [
        (
            "Bucket",
            [("Name", bucket.name), ("CreationDate", xml.iso(bucket.created)), ("BucketRegion", bucket.region)],
        )
        for bucket in found[:limit]
    ]
    children: list[xml.Node] = [("Owner", OWNER), ("Buckets", shown)]
    if len(found) > limit:
        children.append(("ContinuationToken", found[limit - 1].name))
    return _answer("ListAllMyBucketsResult", children)


def create_bucket(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """CreateBucket."""
    body = request.body(xml.MAX_BYTES)
    region = REGION
    if body:
        root = xml.parse(body)
        region = xml.text_of(root, "LocationConstraint") or REGION
    _refuse_public_acl(request)
    store.create_bucket(bucket, region)
    return RestResponse(200, {"Location": f"/{bucket}"})


def _refuse_public_acl(request: RestRequest) -> None:
    if request.headers.get("x-amz-acl", "private") not in ("private", "bucket-owner-full-control"):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def head_bucket(store: Store, bucket: str) -> RestResponse:
    """HeadBucket."""
    return RestResponse(200, {"x-amz-bucket-region": store.bucket(bucket).region, "x-amz-access-point-alias": "false"})


def _number(request: RestRequest, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise AwsError("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return min(int(text), default)


def _encoder(request: RestRequest) -> Callable[[str], str]:
    if request.query.get("encoding-type") == "url":
        return lambda text: quote(text, safe="/~")
    return lambda text: text


def list_objects(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """ListObjects and ListObjectsV2."""
    query = request.query
    second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = _number(request, "max-keys", 1000)
    encode = _encoder(request)
    if second:
        after = query.get("continuation-token") or query.get("start-after", "")
    else:
        after = query.get("marker", "")
    page = list_page(store, bucket, prefix, delimiter, after, limit)
    children: list[xml.Node] = [("Name", bucket), ("Prefix", encode(prefix)), ("MaxKeys", limit)]
    if delimiter:
        children.append(("Delimiter", encode(delimiter)))
    if "encoding-type" in query:
        children.append(("EncodingType", "url"))
    children.append(("IsTruncated", page.truncated))
    if second:
        children.append(("KeyCount", len(page.objects) + len(page.prefixes)))
        children += [(name, value) for name, value in _second(query, page.truncated, page.last, encode)]
    else:
        children.append(("Marker", encode(after)))
        if page.truncated:
            children.append(("NextMarker", encode(page.last)))
    owner = not second or query.get("fetch-owner") == "true"
    children += [("Contents", _entry(info, encode, owner)) for info in page.objects]
    children += [("CommonPrefixes", [("Prefix", encode(text))]) for text in page.prefixes]
    return _answer("ListBucketResult", children)


def _second(query: dict[str, str], truncated: bool, last: str, encode: Callable[[str], str]) -> list[tuple[str, str]]:
    out = []
    if "continuation-token" in query:
        out.append(("ContinuationToken", query["continuation-token"]))
    if "start-after" in query:
        out.append(("StartAfter", encode(query["start-after"])))
    if truncated:
        out.append(("NextContinuationToken", last))
    return out


def _entry(info: ObjectInfo, encode: Callable[[str], str], owner: bool) -> list[xml.Node]:
    entry: list[xml.Node] = [
        ("Key", encode(info.key)),
        ("LastModified", xml.iso(info.modified)),
        ("ETag", f'"{info.etag}"'),
        ("Size", info.size),
        ("StorageClass", "STANDARD"),
    ]
    if "checksum" in info.meta:
        entry.append(("ChecksumAlgorithm", info.meta["checksum"][0].upper()))
        entry.append(("ChecksumType", info.meta["checksum"][2]))
    if owner:
        entry.append(("Owner", OWNER))
    return entry


def list_object_versions(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """ListObjectVersions."""
    query = request.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    limit = _number(request, "max-keys", 1000)
    encode = _encoder(request)
    page = list_versions(store, bucket, prefix, delimiter, key_marker, version_marker, limit)
    children: list[xml.Node] = [
        ("Name", bucket),
        ("Prefix", encode(prefix)),
        ("KeyMarker", encode(key_marker)),
        ("VersionIdMarker", version_marker),
        ("MaxKeys", limit),
        ("IsTruncated", page.truncated),
    ]
    if "encoding-type" in query:
        children.append(("EncodingType", "url"))
    if page.truncated:
        children.append(("NextKeyMarker", encode(page.last)))
        if page.last_version:
            children.append(("NextVersionIdMarker", page.last_version))
    for info in page.objects:
        entry: list[xml.Node] = [
            ("Key", encode(info.key)),
            ("VersionId", info.version),
            ("IsLatest", info.latest),
            ("LastModified", xml.iso(info.modified)),
        ]
        if not info.marker:
            entry += [("ETag", f'"{info.etag}"'), ("Size", info.size), ("StorageClass", "STANDARD")]
        entry.append(("Owner", OWNER))
        children.append(("DeleteMarker" if info.marker else "Version", entry))
    children += [("CommonPrefixes", [("Prefix", encode(text))]) for text in page.prefixes]
    return _answer("ListVersionsResult", children)


def delete_objects(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """DeleteObjects: up to 1,000 keys in one transaction."""
    store.bucket(bucket)
    root = xml.parse(request.body(xml.MAX_BYTES))
    entries = [(xml.text_of(item, "Key"), xml.text_of(item, "VersionId") or None) for item in root.iter("Object")]
    if not 0 < len(entries) <= MAX_DELETE:
        raise AwsError("MalformedXML", "DeleteObjects takes 1 to 1000 keys.")
    quiet = xml.text_of(root, "Quiet").lower() == "true"
    children: list[xml.Node] = []
    with store.db.transaction():
        for key, version in entries:
            if refused := request.refused_keys.get(key):
                children.append(("Error", [("Key", key), ("Code", refused.code), ("Message", refused.message)]))
                continue
            reported, marker = store.delete(bucket, key, version)
            entry: list[xml.Node] = [("Key", key)]
            if version is not None:
                entry.append(("VersionId", version))
            if marker:
                entry += [("DeleteMarker", True), ("DeleteMarkerVersionId", reported or "")]
            if not quiet:
                children.append(("Deleted", entry))
    return _answer("DeleteResult", children)


def document(store: Store, request: RestRequest, bucket: str, name: str) -> RestResponse:
    """Get, put or delete one of ``DOCUMENTS``."""
    root, code, message = DOCUMENTS[name]
    store.bucket(bucket)
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
        return _answer(root, DEFAULT_ENCRYPTION)
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
        except ValueError as exc:
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


def policy_status(store: Store, bucket: str) -> RestResponse:
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
    return _answer("PolicyStatus", [("IsPublic", public)])


def versioning(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketVersioning and PutBucketVersioning."""
    if request.method == "PUT":
        status = xml.text_of(xml.parse(request.body(xml.MAX_BYTES)), "Status")
        if status not in ("Enabled", "Suspended"):
            raise AwsError("IllegalVersioningConfigurationException", "Status must be Enabled or Suspended.")
        store.set_setting(bucket, "versioning", status)
        return RestResponse(200)
    status = store.bucket(bucket).versioning
    return _answer("VersioningConfiguration", [("Status", status)] if status else [])


def acl(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """GetBucketAcl, GetObjectAcl: the owner has full control; nothing else can be granted."""
    store.bucket(bucket)
    if request.method == "PUT":
        _refuse_public_acl(request)
        if request.body() or "x-amz-acl" not in request.headers:
            raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
        return RestResponse(200)
    grant: list[xml.Node] = [("Grantee", [("ID", OWNER_ID)]), ("Permission", "FULL_CONTROL")]
    body = xml.document("AccessControlPolicy", [("Owner", OWNER), ("AccessControlList", [("Grant", grant)])])
    typed = b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    return RestResponse(200, dict(XML), body.replace(b"<Grantee>", typed))


def location(store: Store, bucket: str) -> RestResponse:
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
