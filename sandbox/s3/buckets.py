"""S3's operations on buckets, over HTTP: making, listing, DeleteObjects."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from sandbox.core.account import REGION
from sandbox.core.numbers import whole
from sandbox.s3 import xml
from sandbox.s3.deletions import Deletion, is_quiet, objects_to_delete
from sandbox.s3.listing import list_page, list_versions
from sandbox.s3.objects import matching, refuse_grants, storage_class
from sandbox.s3.store import ObjectInfo, Store
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import RestRequest, RestResponse

XML = {"Content-Type": "application/xml"}
OWNER_ID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
OWNER: list[xml.Node] = [("ID", OWNER_ID), ("DisplayName", "operator")]


def answer(root: str, children: list[xml.Node]) -> RestResponse:
    """An XML document as an answer."""
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
    return answer("ListAllMyBucketsResult", children)


def create_bucket(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """CreateBucket."""
    body = request.body(xml.MAX_BYTES)
    region = REGION
    if body:
        root = xml.parse(body)
        if unknown := [child.tag for child in root if child.tag != "LocationConstraint"]:
            raise not_implemented("s3", f"CreateBucket with {', '.join(unknown)[:100]}")
        region = xml.text_of(root, "LocationConstraint") or REGION
    refuse_grants(request.headers)
    store.create_bucket(bucket, region)
    return RestResponse(200, {"Location": f"/{bucket}"})


def head_bucket(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """HeadBucket."""
    return RestResponse(200, {"x-amz-bucket-region": store.bucket(bucket).region, "x-amz-access-point-alias": "false"})


def delete_bucket(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """DeleteBucket."""
    store.delete_bucket(bucket)
    return RestResponse(204)


def _number(request: RestRequest, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    number = whole(text)
    if number is None:
        raise AwsError("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return min(number, default)


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
    return answer("ListBucketResult", children)


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
        ("StorageClass", storage_class(info)),
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
            entry += [("ETag", f'"{info.etag}"'), ("Size", info.size), ("StorageClass", storage_class(info))]
        entry.append(("Owner", OWNER))
        children.append(("DeleteMarker" if info.marker else "Version", entry))
    children += [("CommonPrefixes", [("Prefix", encode(text))]) for text in page.prefixes]
    return answer("ListVersionsResult", children)


def delete_objects(store: Store, request: RestRequest, bucket: str) -> RestResponse:
    """DeleteObjects: up to 1,000 keys in one transaction."""
    store.bucket(bucket)
    entries, quiet = objects_to_delete(request), is_quiet(request)
    children: list[xml.Node] = []
    with store.db.transaction():
        for entry in entries:
            try:
                deleted = _delete_one(store, request, bucket, entry)
            except AwsError as refused:
                children.append(("Error", [("Key", entry.key), ("Code", refused.code), ("Message", refused.message)]))
                continue
            if not quiet:
                children.append(("Deleted", deleted))
    return answer("DeleteResult", children)


def _delete_one(store: Store, request: RestRequest, bucket: str, entry: Deletion) -> list[xml.Node]:
    if refused := request.refused_keys.get((entry.key, entry.version)):
        raise refused
    if entry.unknown:
        raise not_implemented("s3", f"DeleteObjects with {', '.join(entry.unknown)[:100]}")
    reported, marker = store.delete(bucket, entry.key, entry.version, matching(entry.etag))
    told: list[xml.Node] = [("Key", entry.key)]
    if entry.version is not None:
        told.append(("VersionId", entry.version))
    if marker:
        told += [("DeleteMarker", True), ("DeleteMarkerVersionId", reported or "")]
    return told
