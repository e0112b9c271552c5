"""S3's multipart operations, over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.core.numbers import whole
from sandbox.s3 import encryption, xml
from sandbox.s3.answers import Members
from sandbox.s3.buckets import encoder, number
from sandbox.s3.checksums import ALGORITHMS, PREFIX, announced
from sandbox.s3.listing import group_of
from sandbox.s3.multipart import FULL_OBJECT_ALGORITHMS, MAX_PARTS, Multipart, Upload
from sandbox.s3.objects import (
    checksum_members,
    copy_source,
    received_meta,
    version_member,
    write_body,
    write_conditions,
)
from sandbox.s3.ownership import OWNER
from sandbox.s3.requests.call import S3Call
from sandbox.s3.store import ObjectInfo, Store
from sandbox.wire.errors import AwsError

# Uploads of one page (S3 API reference).
MAX_UPLOADS = 1000
# Parts of one page, and the largest number that S3 reads.
MAX_PAGE_OF_PARTS = 1000
MAX_INT = 2**31 - 1
_PAGE_OF_PARTS = (("part-number-marker", "0"), ("max-parts", "1000"))


def create(store: Store, multipart: Multipart, call: S3Call) -> Members:
    """CreateMultipartUpload."""
    bucket, key = call.bucket, call.key
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower() or None
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise AwsError("InvalidRequest", "Checksum algorithm provided is unsupported.")
    kind = call.headers.get("x-amz-checksum-type") or ("FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE")
    if kind == "FULL_OBJECT" and algorithm is not None and algorithm not in FULL_OBJECT_ALGORITHMS:
        raise AwsError("InvalidRequest", f"FULL_OBJECT is not possible for {algorithm.upper()}.")
    content_type = call.headers.get("content-type") or "binary/octet-stream"
    upload = multipart.create(bucket, key, content_type, received_meta(call.headers), algorithm, kind)
    members: Members = {"Bucket": bucket, "Key": key, "UploadId": upload.id, **encryption.members(upload.meta)}
    if algorithm is not None:
        members |= {"ChecksumAlgorithm": algorithm.upper(), "ChecksumType": kind}
    return members


def upload_part(store: Store, multipart: Multipart, call: S3Call) -> Members:
    """UploadPart and UploadPartCopy."""
    upload = multipart.get(call.bucket, call.key, call.query["uploadId"])
    number = _part_number(call.query.get("partNumber", ""))
    if call.source is not None:
        return _copy_part(store, multipart, call, number)
    said = announced(call.headers)
    if upload.algorithm is not None and said is not None and said[0] != upload.algorithm:
        raise AwsError(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, "
            f"actual checksum Type: {said[0]}",
        )
    if upload.algorithm is not None and said is None:
        blob = store.blobs.write(call.payload.blocks(), upload.algorithm, getattr(call.payload, "sha256", None))
    else:
        blob = write_body(store, call)
    try:
        multipart.put_part(upload, number, blob)
    except BaseException:
        store.blobs.drop_unrecorded(blob)
        raise
    return {
        "ETag": f'"{blob.etag}"',
        **encryption.members(upload.meta),
        **_checksum(blob.algorithm, blob.checksum),
    }


def _checksum(algorithm: str | None, value: str | None) -> Members:
    return {f"Checksum{algorithm.upper()}": value} if algorithm and value else {}


def _part_number(given: str) -> int:
    number = whole(given)
    if number is None or not 1 <= number <= MAX_PARTS:
        text = f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive"
        raise AwsError("InvalidArgument", text, ArgumentName="partNumber", ArgumentValue=given)
    return number


def _copy_part(store: Store, multipart: Multipart, call: S3Call, number: int) -> Members:
    upload = multipart.get(call.bucket, call.key, call.query["uploadId"])
    source = copy_source(store, call)
    start, end = 0, source.size - 1
    given = call.headers.get("x-amz-copy-source-range")
    if given is not None:
        first, _, last = given.removeprefix("bytes=").partition("-")
        begin, until = whole(first), whole(last)
        if begin is None or until is None or not begin <= until < source.size:
            raise AwsError("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last")
        start, end = begin, until

    def blocks() -> Iterable[bytes]:
        left = end - start + 1
        with store.blobs.path(source.blob or "").open("rb") as file:
            file.seek(start)
            while left > 0 and (block := file.read(min(left, 1024 * 1024))):
                left -= len(block)
                yield block

    blob = store.blobs.write(blocks(), upload.algorithm)
    try:
        multipart.put_part(upload, number, blob)
    except BaseException:
        store.blobs.drop_unrecorded(blob)
        raise
    result = {"LastModified": source.modified, "ETag": f'"{blob.etag}"', **_checksum(blob.algorithm, blob.checksum)}
    return {"CopyPartResult": result, **encryption.members(upload.meta)}


def complete(store: Store, multipart: Multipart, call: S3Call) -> Members:
    """CompleteMultipartUpload."""
    info = multipart.completed(call.bucket, call.key, call.query["uploadId"])
    if info is None:
        info = _completed(multipart, call)
    return {
        "Location": f"/{info.bucket}/{info.key}",
        "Bucket": info.bucket,
        "Key": info.key,
        "ETag": f'"{info.etag}"',
        **encryption.members(info.meta),
        **checksum_members(info),
        **version_member(store, info),
    }


def _completed(multipart: Multipart, call: S3Call) -> ObjectInfo:
    upload = multipart.get(call.bucket, call.key, call.query["uploadId"])
    wanted = []
    for part in xml.parse(call.document()).iter("Part"):
        checksum = xml.text_of(part, f"Checksum{(upload.algorithm or '').upper()}") if upload.algorithm else ""
        wanted.append((_part_number(xml.text_of(part, "PartNumber")), xml.text_of(part, "ETag"), checksum or None))
    _check_checksums(upload, call.headers)
    expected = call.headers.get(PREFIX + upload.algorithm) if upload.algorithm else None
    size = call.headers.get("x-amz-mp-object-size")
    return multipart.complete(upload, wanted, write_conditions(call.headers), expected, size)


def _check_checksums(upload: Upload, headers: Mapping[str, str]) -> None:
    """Refuse a checksum of another kind than the upload was begun with: nobody could compare it."""
    kind = headers.get("x-amz-checksum-type", upload.checksum_type)
    if kind != upload.checksum_type:
        text = f"The upload was created using the {upload.checksum_type} checksum mode. The complete request must use"
        raise AwsError("InvalidRequest", f"{text} the same checksum mode.")
    others = [name for name in ALGORITHMS if PREFIX + name in headers and name != upload.algorithm]
    if others:
        raise AwsError(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm or 'null'}, "
            f"actual checksum Type: {others[0]}",
        )


def abort(multipart: Multipart, call: S3Call) -> Members:
    """AbortMultipartUpload."""
    multipart.abort(multipart.get(call.bucket, call.key, call.query["uploadId"]))
    return {}


def list_parts(multipart: Multipart, call: S3Call) -> Members:
    """ListParts."""
    bucket, key = call.bucket, call.key
    upload = multipart.get(bucket, key, call.query["uploadId"])
    after, limit = (_page_number(name, call.query.get(name) or usual) for name, usual in _PAGE_OF_PARTS)
    limit = min(limit, MAX_PAGE_OF_PARTS)
    rest = [part for part in multipart.parts(upload) if part.number > after]
    shown = rest[:limit]
    return {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": len(rest) > limit,
        "StorageClass": _class(upload),
        **_algorithm(upload),
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": part.modified,
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **_checksum(upload.algorithm, part.checksum),
            }
            for part in shown
        ],
    }


def _page_number(name: str, given: str) -> int:
    number = whole(given.removeprefix("-"))
    if number is None or number > MAX_INT:
        text = f"Provided {name} not an integer or within integer range"
        raise AwsError("InvalidArgument", text, ArgumentName=name, ArgumentValue=given)
    if given.startswith("-"):
        text = f"Argument {name} must be an integer between 0 and {MAX_INT}"
        raise AwsError("InvalidArgument", text, ArgumentName=name, ArgumentValue=given)
    return number


def list_uploads(multipart: Multipart, call: S3Call) -> Members:
    """ListMultipartUploads: pages of uploads and of common prefixes, by key and then by time."""
    bucket, query = call.bucket, call.query
    prefix, delimiter, key_marker = (query.get(name, "") for name in ("prefix", "delimiter", "key-marker"))
    marker = query.get("upload-id-marker", "") if key_marker else ""
    limit = number(call, "max-uploads", MAX_UPLOADS)
    encode = encoder(call)
    found: list[Upload] = []
    prefixes: list[str] = []
    last_key = last_id = ""
    truncated = False
    for upload in _after(multipart.uploads(bucket, prefix), key_marker, marker):
        group = group_of(upload.key, prefix, delimiter)
        if group and (group in prefixes or group <= key_marker):
            continue
        if len(found) + len(prefixes) >= limit:
            truncated = limit > 0
            break
        if group:
            prefixes.append(group)
            last_key, last_id = group, ""
        else:
            found.append(upload)
            last_key, last_id = upload.key, upload.id
    return {
        "Bucket": bucket,
        "Prefix": encode(prefix),
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": marker,
        "Delimiter": encode(delimiter) if delimiter else None,
        "EncodingType": "url" if "encoding-type" in query else None,
        "MaxUploads": limit,
        "IsTruncated": truncated,
        "NextKeyMarker": encode(last_key) if truncated else None,
        "NextUploadIdMarker": last_id or None if truncated else None,
        "Uploads": [
            {
                "Key": encode(upload.key),
                "UploadId": upload.id,
                "StorageClass": _class(upload),
                "Initiated": upload.started,
                "Owner": OWNER,
                "Initiator": OWNER,
                **_algorithm(upload),
            }
            for upload in found
        ],
        "CommonPrefixes": [{"Prefix": encode(text)} for text in prefixes],
    }


def _after(uploads: list[Upload], key: str, upload_id: str) -> list[Upload]:
    """The uploads behind a place: behind all of its key, or behind one of them."""
    same = [upload for upload in uploads if upload.key == key]
    passed = next((place for place, upload in enumerate(same) if upload.id == upload_id), None)
    rest = same[passed + 1 :] if passed is not None else []
    return [upload for upload in uploads if upload.key > key or upload in rest]


def _algorithm(upload: Upload) -> Members:
    """The checksum that the upload was begun with, where it was."""
    if upload.algorithm is None:
        return {}
    return {"ChecksumAlgorithm": upload.algorithm.upper(), "ChecksumType": upload.checksum_type}


def _class(upload: Upload) -> str:
    """The storage class that the object will have."""
    return str(upload.meta.get("class", "STANDARD"))
