"""S3's operations on single objects, over HTTP."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sandbox.core.account import OPERATOR_ARN
from sandbox.core.numbers import whole
from sandbox.s3 import encryption, xml
from sandbox.s3.answers import Answer, Members
from sandbox.s3.blobs import Blob
from sandbox.s3.checksums import PREFIX, announced, check
from sandbox.s3.ownership import refuse_grants
from sandbox.s3.requests.call import S3Call
from sandbox.s3.store import ObjectInfo, Store, check_key
from sandbox.s3.tags import check_tags, tag_set, tags_in
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import FileBody, RestResponse
from sandbox.wire.render_xml import http_date

# S3 User Guide: 5 GiB in one PUT, 2 KB of user metadata.
MAX_PUT_BYTES = 5 * 1024**3
MAX_USER_METADATA = 2048
# Headers that are kept and handed back as they were sent, and their members. Expires is none of them: the member is
# a time, and the header may be any text.
STORED_MEMBERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    # Kept and told; there is no website here that would follow it.
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
# A copy has none of these of its source.
NOT_COPIED = frozenset({"x-amz-website-redirect-location"})
STORED_HEADERS = (*STORED_MEMBERS, "expires")
OVERRIDES = {
    **{f"response-{name}": member for name, member in STORED_MEMBERS.items() if name not in NOT_COPIED},
    "response-content-type": "ContentType",
}
# What makes it worth while to copy an object onto itself, even if it says the same as before.
_CHANGES_ITSELF = ("x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-website-redirect-location")


def received_meta(headers: Mapping[str, str]) -> dict[str, object]:
    """What is kept of the headers of PutObject and CreateMultipartUpload."""
    meta: dict[str, Any] = encryption.received(headers)
    kept = {name: headers[name] for name in STORED_HEADERS if name in headers}
    encoding = [part.strip() for part in kept.get("content-encoding", "").split(",")]
    if "aws-chunked" in encoding:
        rest = ",".join(part for part in encoding if part != "aws-chunked")
        if rest:
            kept["content-encoding"] = rest
        else:
            del kept["content-encoding"]
    if kept:
        meta["headers"] = kept
    refuse_grants(headers)
    if headers.get("x-amz-storage-class", "STANDARD") != "STANDARD":
        meta["class"] = headers["x-amz-storage-class"]
    user = {name[11:]: value for name, value in headers.items() if name.startswith("x-amz-meta-")}
    if user:
        if sum(len(name) + len(value) for name, value in user.items()) > MAX_USER_METADATA:
            raise AwsError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
        meta["user"] = user
    if "x-amz-tagging" in headers:
        meta["tags"] = check_tags(parse_qsl(headers["x-amz-tagging"], keep_blank_values=True))
    return meta


def storage_class(info: ObjectInfo) -> str:
    """The storage class that the object was written with."""
    return str(info.meta.get("class", "STANDARD"))


def write_conditions(headers: Mapping[str, str]) -> Callable[[ObjectInfo | None], None] | None:
    """The check that If-None-Match and If-Match of a write ask for."""
    none_match, match = headers.get("if-none-match"), headers.get("if-match")
    if none_match is None:
        return matching(match)
    if none_match != "*":
        raise AwsError("NotImplemented", "If-None-Match of a write must be *.", 501)
    also = matching(match)

    def condition(current: ObjectInfo | None) -> None:
        if current is not None:
            raise _precondition("If-None-Match")
        if also is not None:
            also(current)

    return condition


def matching(etag: str | None) -> Callable[[ObjectInfo | None], None] | None:
    """The check that what is there now has this ETag (If-Match); a star means anything."""
    if etag is None:
        return None

    def condition(current: ObjectInfo | None) -> None:
        if current is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        if etag != "*" and etag.strip('"') != current.etag:
            raise _precondition("If-Match")

    return condition


def _precondition(name: str) -> AwsError:
    return AwsError(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, Condition=name
    )


def write_body(store: Store, call: S3Call) -> Blob:
    """The body of a PutObject or UploadPart as a new blob, every digest that came with it verified."""
    payload = call.payload
    if payload.length is not None and payload.length > MAX_PUT_BYTES:
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
    said = announced(call.headers)
    algorithm = said[0] if said else None
    blob = store.blobs.write(payload.blocks(), algorithm, getattr(payload, "sha256", None))
    try:
        expected = said[1] if said else None
        if expected is None and algorithm is not None:
            expected = payload.trailers.get(PREFIX + algorithm)
        if expected is not None and algorithm is not None:
            check(algorithm, expected, blob.checksum or "")
        content_md5 = call.headers.get("content-md5")
        if content_md5 is not None:
            actual = base64.b64encode(blob.md5).decode()
            if not hmac.compare_digest(content_md5.encode(), actual.encode()):
                raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    except BaseException:
        store.blobs.drop_unrecorded(blob)
        raise
    return blob


def put_object(store: Store, call: S3Call) -> Members:
    """PutObject."""
    bucket, key = call.bucket, call.key
    headers = call.headers
    store.bucket(bucket)
    check_key(key)
    meta = received_meta(headers)
    condition = write_conditions(headers)
    blob = write_body(store, call)
    if blob.algorithm is not None:
        meta["checksum"] = [blob.algorithm, blob.checksum, "FULL_OBJECT"]
    content_type = headers.get("content-type") or "binary/octet-stream"
    info = store.put(bucket, key, blob, content_type, meta, condition, encryption.etag(meta))
    return {
        "ETag": f'"{info.etag}"',
        **encryption.members(meta),
        **checksum_members(info),
        **version_member(store, info),
    }


def version_member(store: Store, info: ObjectInfo) -> Members:
    """The version of an object, where its bucket has versions."""
    return {"VersionId": info.version} if store.bucket(info.bucket).versioning else {}


def get_object(store: Store, call: S3Call) -> Answer | RestResponse:
    """GetObject and HeadObject."""
    info = store.get(call.bucket, call.key, call.version)
    members = object_members(store, info)
    if _not_modified(call.headers, info):
        return RestResponse(304, {"ETag": members["ETag"], "Last-Modified": http_date(info.modified)})
    answer = Answer(members)
    if expires := call.query.get("response-expires") or info.meta.get("headers", {}).get("expires"):
        answer.headers["Expires"] = expires
    start, length, status = 0, info.size, 200
    part = call.query.get("partNumber")
    if part is not None:
        start, length = _part_range(info, part)
        status = 206
        members["PartsCount"] = len(info.meta.get("parts", [0]))
    elif "range" in call.headers:
        chosen = _range(call.headers["range"], info.size)
        if chosen is not None:
            start, length = chosen
            status = 206
    if status == 206:
        answer.status = status
        members["ContentRange"] = f"bytes {start}-{start + length - 1}/{info.size}"
    if (status == 200 or length == info.size) and call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        members.update(checksum_members(info))
    members["ContentLength"] = length
    members.update((member, call.query[name]) for name, member in OVERRIDES.items() if name in call.query)
    if call.method == "HEAD":
        return answer
    file = store.blobs.path(info.blob or "").open("rb")
    members["Body"] = FileBody(file, start, length)
    return answer


def handed_out(call: S3Call, find: Callable[[str], Path | None]) -> Members:
    """A file in a bucket of AWS's own, which only a URL opens that its service signed with the operator's key."""
    if call.operation == "CreateBucket":
        text = (
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again."
        )
        raise AwsError("BucketAlreadyExists", text, 409, BucketName=call.bucket)
    signed = call.operation == "GetObject" and "X-Amz-Signature" in call.query and call.caller.arn == OPERATOR_ARN
    path = find(call.key) if signed else None
    if path is None:
        raise AwsError("AccessDenied", "Access Denied", 403)
    size = path.stat().st_size
    return {"ContentType": "application/zip", "ContentLength": size, "Body": FileBody(path.open("rb"), 0, size)}


def object_members(store: Store, info: ObjectInfo) -> Members:
    """The members that describe an object."""
    kept = info.meta.get("headers", {})
    members = {
        "ETag": f'"{info.etag}"',
        "LastModified": info.modified,
        "ContentType": info.content_type,
        "AcceptRanges": "bytes",
        **encryption.members(info.meta),
        **{member: kept[name] for name, member in STORED_MEMBERS.items() if name in kept},
        "Metadata": info.meta.get("user", {}),
        **version_member(store, info),
    }
    if "class" in info.meta:
        members["StorageClass"] = info.meta["class"]
    if info.meta.get("tags"):
        members["TagCount"] = len(info.meta["tags"])
    return members


def checksum_members(info: ObjectInfo) -> Members:
    """The stored checksum of an object and what it was made of."""
    if "checksum" not in info.meta:
        return {}
    algorithm, value, kind = info.meta["checksum"]
    return {f"Checksum{algorithm.upper()}": value, "ChecksumType": kind}


def _not_modified(headers: Mapping[str, str], info: ObjectInfo) -> bool:
    """True for an answer 304; raises PreconditionFailed (RFC 9110, section 13.2.2)."""
    if "if-match" in headers:
        if headers["if-match"] != "*" and info.etag not in _etags(headers["if-match"]):
            raise _precondition("If-Match")
    elif "if-unmodified-since" in headers:
        limit = xml.parse_http_date(headers["if-unmodified-since"])
        if limit is not None and int(info.modified) > limit:
            raise _precondition("If-Unmodified-Since")
    if "if-none-match" in headers:
        return headers["if-none-match"] == "*" or info.etag in _etags(headers["if-none-match"])
    if "if-modified-since" in headers:
        since = xml.parse_http_date(headers["if-modified-since"])
        return since is not None and int(info.modified) <= since and since <= time.time()
    return False


def _etags(text: str) -> set[str]:
    return {piece.strip().removeprefix("W/").strip('"') for piece in text.split(",")}


def _range(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a single range; None for what is to be ignored (RFC 9110, section 14.2)."""
    unit, _, spec = header.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or "," in spec:
        return None
    begin, until = whole(first), whole(last)
    if (first and begin is None) or (last and until is None) or (begin is None and until is None):
        return None
    unsatisfiable = AwsError(
        "InvalidRange",
        "The requested range is not satisfiable",
        416,
        headers={"Content-Range": f"bytes */{size}"},
        RangeRequested=header,
        ActualObjectSize=size,
    )
    if begin is None:
        length = min(until or 0, size)
        if length == 0:
            raise unsatisfiable
        return size - length, length
    if until is not None and until < begin:
        return None
    if begin >= size:
        raise unsatisfiable
    end = size - 1 if until is None else min(until, size - 1)
    return begin, end - begin + 1


def _part_range(info: ObjectInfo, text: str) -> tuple[int, int]:
    parts = info.meta.get("parts", [info.size])
    number = whole(text)
    if number is None or not 1 <= number <= len(parts):
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    return sum(parts[: number - 1]), parts[number - 1]


def delete_object(store: Store, call: S3Call) -> Members:
    """DeleteObject."""
    version, marker = store.delete(call.bucket, call.key, call.version, matching(call.headers.get("if-match")))
    return {"VersionId": version, "DeleteMarker": True if marker else None}


def copy_source(store: Store, call: S3Call) -> ObjectInfo:
    """The object that a copy reads, its copy conditions checked."""
    source, headers = call.source, call.headers
    assert source is not None, "only a copy has a source to read"
    info = store.get(source.bucket, source.key, source.version)
    conditions = {
        name.removeprefix("x-amz-copy-source-"): value
        for name, value in headers.items()
        if name.startswith("x-amz-copy-source-if-")
    }
    if _not_modified(conditions, info):
        raise _precondition("x-amz-copy-source-If-None-Match")
    return info


def copy_object(store: Store, call: S3Call) -> Members:
    """CopyObject: the bytes are copied, so that each blob belongs to one object."""
    bucket, key = call.bucket, call.key
    headers = call.headers
    store.bucket(bucket)
    check_key(key)
    source = copy_source(store, call)
    replace = headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
    # An older version that is copied onto its key is brought back, so any version that is named may be.
    itself = (source.bucket, source.key) == (bucket, key) and call.source is not None and call.source.version is None
    if itself and not replace and not any(name in headers for name in _CHANGES_ITSELF):
        raise AwsError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )
    meta = received_meta(headers) if replace else _copied_meta(source, headers)
    meta = encryption.without(meta) | encryption.received(headers)
    refuse_grants(headers)
    if headers.get("x-amz-storage-class", "STANDARD") != "STANDARD":
        meta["class"] = headers["x-amz-storage-class"]
    if headers.get("x-amz-tagging-directive", "COPY").upper() == "COPY":
        meta.pop("tags", None)
        if "tags" in source.meta:
            meta["tags"] = source.meta["tags"]
    elif "x-amz-tagging" in headers:
        meta["tags"] = check_tags(parse_qsl(headers["x-amz-tagging"], keep_blank_values=True))
    wanted = headers.get("x-amz-checksum-algorithm", "").lower() or (source.meta.get("checksum") or [None])[0]
    with store.blobs.path(source.blob or "").open("rb") as file:
        blob = store.blobs.write(iter(lambda: file.read(1024 * 1024), b""), wanted)
    meta.pop("checksum", None)
    if blob.algorithm is not None:
        meta["checksum"] = [blob.algorithm, blob.checksum, "FULL_OBJECT"]
    content_type = headers.get("content-type", "binary/octet-stream") if replace else source.content_type
    info = store.put(bucket, key, blob, content_type, meta, write_conditions(headers), encryption.etag(meta))
    result = {"LastModified": info.modified, "ETag": f'"{info.etag}"', **checksum_members(info)}
    read = {"CopySourceVersionId": source.version} if store.bucket(source.bucket).versioning else {}
    return {"CopyObjectResult": result, **encryption.members(meta), **read, **version_member(store, info)}


def _copied_meta(source: ObjectInfo, headers: Mapping[str, str]) -> dict[str, Any]:
    """What a copy takes over of its source: all but its class, and with what the request gives."""
    meta = {name: source.meta[name] for name in source.meta if name not in ("parts", "class")}
    kept = {name: value for name, value in meta.pop("headers", {}).items() if name not in NOT_COPIED}
    kept |= {name: headers[name] for name in NOT_COPIED if name in headers}
    return meta | ({"headers": kept} if kept else {})


def tagging(store: Store, call: S3Call) -> Members:
    """GetObjectTagging, PutObjectTagging, DeleteObjectTagging."""
    info = store.get(call.bucket, call.key, call.version)
    if call.method == "GET":
        return {**tag_set(info.meta.get("tags", {})), **version_member(store, info)}
    meta = {name: value for name, value in info.meta.items() if name != "tags"}
    if call.method == "PUT":
        meta["tags"] = check_tags(tags_in(call.document()))
    store.update_meta(info, meta)
    return version_member(store, info)


def attributes(store: Store, call: S3Call) -> Members:
    """GetObjectAttributes."""
    info = store.get(call.bucket, call.key, call.version)
    wanted = {name.strip() for name in call.headers.get("x-amz-object-attributes", "").split(",")}
    members: Members = {"LastModified": info.modified, **version_member(store, info)}
    if "ETag" in wanted:
        members["ETag"] = info.etag
    if "Checksum" in wanted and "checksum" in info.meta:
        # Without the number of parts that a composite one ends with elsewhere.
        members["Checksum"] = {name: text.partition("-")[0] for name, text in checksum_members(info).items()}
    if "ObjectParts" in wanted and "parts" in info.meta:
        members["ObjectParts"] = {"TotalPartsCount": len(info.meta["parts"])}
    if "StorageClass" in wanted:
        members["StorageClass"] = storage_class(info)
    if "ObjectSize" in wanted:
        members["ObjectSize"] = info.size
    return members
