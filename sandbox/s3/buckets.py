"""S3's operations on buckets, over HTTP: making, listing, DeleteObjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from sandbox.core.account import REGION
from sandbox.core.numbers import whole
from sandbox.s3 import xml
from sandbox.s3.answers import Answer, Members
from sandbox.s3.listing import list_page, list_versions
from sandbox.s3.objects import matching, storage_class
from sandbox.s3.ownership import OWNER, refuse_grants
from sandbox.s3.regions import new_region
from sandbox.s3.requests.call import S3Call
from sandbox.s3.requests.deletions import Deletion
from sandbox.s3.store import ObjectInfo, Store
from sandbox.service import Refusals
from sandbox.wire.errors import AwsError, not_implemented


def list_buckets(store: Store, call: S3Call) -> Members:
    """ListBuckets, with prefix and pages."""
    prefix, after = call.query.get("prefix", ""), call.query.get("continuation-token", "")
    limit = number(call, "max-buckets", 10_000)
    region = call.query.get("bucket-region", "")
    found = [
        bucket
        for bucket in store.buckets()
        if bucket.name.startswith(prefix) and bucket.name > after and region in ("", bucket.region)
    ]
    shown = found[:limit]
    return {
        "Owner": OWNER,
        "Buckets": [
            {"Name": bucket.name, "CreationDate": bucket.created, "BucketRegion": bucket.region} for bucket in shown
        ],
        "ContinuationToken": found[limit - 1].name if len(found) > limit else None,
    }


def create_bucket(store: Store, call: S3Call) -> Members:
    """CreateBucket."""
    bucket = call.bucket
    body = call.document()
    wanted = ""
    if body:
        root = xml.parse(body)
        if unknown := [child.tag for child in root if child.tag != "LocationConstraint"]:
            raise not_implemented("s3", f"CreateBucket with {', '.join(unknown)[:100]}")
        wanted = xml.text_of(root, "LocationConstraint")
    refuse_grants(call.headers)
    store.create_bucket(bucket, new_region(call.region or REGION, wanted))
    return {"Location": f"/{bucket}"}


def head_bucket(store: Store, call: S3Call) -> Answer:
    """HeadBucket."""
    bucket = call.bucket
    members: Members = {"BucketRegion": store.bucket(bucket).region, "AccessPointAlias": False}
    return Answer(members, headers={"Content-Type": "application/xml"})


def delete_bucket(store: Store, call: S3Call) -> Members:
    """DeleteBucket."""
    bucket = call.bucket
    store.delete_bucket(bucket)
    return {}


def number(call: S3Call, name: str, default: int) -> int:
    """A number of the query, at most ``default``, which it is without one. Raises InvalidArgument."""
    text = call.query.get(name, "")
    if not text:
        return default
    given = whole(text)
    if given is None:
        raise AwsError("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return min(given, default)


def encoder(call: S3Call) -> Callable[[str], str]:
    """How names are written in the answer (``encoding-type``)."""
    if call.query.get("encoding-type") == "url":
        return lambda text: quote(text, safe="/~")
    return lambda text: text


_STARTS = frozenset({"continuation-token", "start-after"})


def _after(query: Mapping[str, str]) -> str:
    """After which key a page begins: the token goes before the first page's own start."""
    if query.get("continuation-token") == "":
        text = "The continuation token provided is incorrect"
        raise AwsError("InvalidArgument", text, ArgumentName="continuation-token")
    return query.get("continuation-token") or query.get("start-after", "")


def list_objects(store: Store, call: S3Call) -> Members:
    """ListObjects and ListObjectsV2."""
    bucket = call.bucket
    query = call.query
    second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = number(call, "max-keys", 1000)
    encode = encoder(call)
    if second:
        after = _after(query)
    else:
        after = query.get("marker", "")
    page = list_page(store, bucket, prefix, delimiter, after, limit)
    owner = not second or query.get("fetch-owner") == "true"
    members: Members = {
        "Name": bucket,
        "Prefix": encode(prefix),
        "MaxKeys": limit,
        "Delimiter": encode(delimiter) if delimiter else None,
        "EncodingType": "url" if "encoding-type" in query else None,
        "IsTruncated": page.truncated,
        "Contents": [_entry(info, encode, owner) for info in page.objects],
        "CommonPrefixes": [{"Prefix": encode(text)} for text in page.prefixes],
    }
    if second:
        return members | {
            "KeyCount": len(page.objects) + len(page.prefixes),
            "ContinuationToken": query.get("continuation-token"),
            "StartAfter": encode(query["start-after"]) if {*query} & _STARTS == {"start-after"} else None,
            "NextContinuationToken": page.last if page.truncated else None,
        }
    return members | {"Marker": encode(after), "NextMarker": encode(page.last) if page.truncated else None}


def _entry(info: ObjectInfo, encode: Callable[[str], str], owner: bool) -> Members:
    entry: Members = {
        "Key": encode(info.key),
        "LastModified": info.modified,
        "ETag": f'"{info.etag}"',
        "Size": info.size,
        "StorageClass": storage_class(info),
    }
    if "checksum" in info.meta:
        entry["ChecksumAlgorithm"] = [info.meta["checksum"][0].upper()]
        entry["ChecksumType"] = info.meta["checksum"][2]
    if owner:
        entry["Owner"] = OWNER
    return entry


def list_object_versions(store: Store, call: S3Call) -> Members:
    """ListObjectVersions."""
    bucket = call.bucket
    query = call.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    limit = number(call, "max-keys", 1000)
    encode = encoder(call)
    page = list_versions(
        store=store,
        bucket=bucket,
        prefix=prefix,
        delimiter=delimiter,
        key_marker=key_marker,
        version_marker=version_marker,
        max_keys=limit,
    )
    return {
        "Name": bucket,
        "Prefix": encode(prefix),
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_marker,
        "MaxKeys": limit,
        "Delimiter": encode(delimiter) if delimiter else None,
        "IsTruncated": page.truncated,
        "EncodingType": "url" if "encoding-type" in query else None,
        "NextKeyMarker": encode(page.last) if page.truncated else None,
        "NextVersionIdMarker": page.last_version if page.truncated and page.last_version else None,
        "Versions": [_version(info, encode) for info in page.objects if not info.marker],
        "DeleteMarkers": [_version(info, encode) for info in page.objects if info.marker],
        "CommonPrefixes": [{"Prefix": encode(text)} for text in page.prefixes],
    }


def _version(info: ObjectInfo, encode: Callable[[str], str]) -> Members:
    entry: Members = {
        "Key": encode(info.key),
        "VersionId": info.version,
        "IsLatest": info.latest,
        "LastModified": info.modified,
        "Owner": OWNER,
    }
    if not info.marker:
        entry |= {"ETag": f'"{info.etag}"', "Size": info.size, "StorageClass": storage_class(info)}
    return entry


def delete_objects(store: Store, call: S3Call, refusals: Refusals) -> Members:
    """DeleteObjects: up to 1,000 keys in one transaction, but for those that the caller may not delete."""
    store.bucket(call.bucket)
    deleted, errors = [], []
    with store.db.transaction():
        for entry in call.deletions:
            try:
                deleted.append(_delete_one(store, call.bucket, entry, refusals))
            except AwsError as refused:
                errors.append({"Key": entry.key, "Code": refused.code, "Message": refused.message})
    return {"Deleted": [] if call.quiet else deleted, "Errors": errors}


def _delete_one(store: Store, bucket: str, entry: Deletion, refusals: Refusals) -> Members:
    if refused := refusals.get(entry):
        raise refused
    if entry.unknown:
        raise not_implemented("s3", f"DeleteObjects with {', '.join(entry.unknown)[:100]}")
    reported, marker = store.delete(bucket, entry.key, entry.version, matching(entry.etag))
    return {
        "Key": entry.key,
        "VersionId": entry.version,
        "DeleteMarker": True if marker else None,
        "DeleteMarkerVersionId": reported if marker else None,
    }
