"""Each member of each S3 operation makes a difference, or is refused: nothing that is asked for is silently dropped."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.core.state import StateDir
from sandbox.s3.requests.routes import ROUTES
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import FileBody
from tests.helpers.aws_requests import model, parameters, written
from tests.helpers.s3_account import Account

SERVED = sorted({route.name for route in ROUTES})
GIVEN = {"Bucket": "bucket", "Key": "key", "CopySource": "bucket/key", "ListType": 2, "Body": b"precious"}
# What members that change nothing here are for.
INERT = {
    "RequestPayer": "nobody but the owner pays",
    "BypassGovernanceRetention": "nothing is ever held",
    "OptionalObjectAttributes": "nothing is ever restored",
    "ConfirmRemoveSelfBucketAccess": "the operator, as the root user, can always change a policy",
    "ChecksumAlgorithm": "names the digest that comes along in another member",
    "AnnotationDirective": "no object has annotations",
    "ObjectAnnotationDirective": "no object has annotations",
    "ContentLength": "how long the body is, HTTP says",
}
# By operation, the same.
INERT_IN = {
    ("GetObject", "ChecksumMode"): "botocore always asks for it, so that no request is without",
    **{(f"ListObject{kind}", "EncodingType"): "the same" for kind in ("s", "sV2", "Versions")},
    **{
        ("GetObjectAttributes", name): "of an object's parts only their number is told"
        for name in ("MaxParts", "PartNumberMarker")
    },
}
# The time of the request: what is asked about was made after this module was read.
NOW = object()
PAST, SOON = datetime(2001, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
VALUES: dict[str, Any] = {
    "MaxKeys": 1,
    "MaxUploads": 0,
    "MaxBuckets": 1,
    "MaxParts": 0,
    "Prefix": "a/",
    "Delimiter": "/",
    "EncodingType": "url",
    "Marker": "a/1",
    "StartAfter": "a/1",
    "ContinuationToken": "c",
    "KeyMarker": "z",
    "PartNumberMarker": 1,
    "PartNumber": 7,
    "FetchOwner": True,
    "IfMatch": '"0"',
    "IfNoneMatch": "*",
    "IfModifiedSince": NOW,
    "IfUnmodifiedSince": PAST,
    "CopySourceIfMatch": '"0"',
    "CopySourceIfNoneMatch": "*",
    "CopySourceIfModifiedSince": NOW,
    "CopySourceIfUnmodifiedSince": PAST,
    "CopySourceRange": "bytes=0-1",
    "Range": "bytes=0-0",
    "VersionId": "absent",
    "ChecksumMode": "ENABLED",
    "ExpectedBucketOwner": "000000000000",
    "ExpectedSourceBucketOwner": "000000000000",
    "ACL": "public-read",
    "StorageClass": "STANDARD_IA",
    "ServerSideEncryption": "aws:kms",
    "Tagging": "a=b",
    "MetadataDirective": "REPLACE",
    "TaggingDirective": "REPLACE",
    "ChecksumType": "FULL_OBJECT",
    "Metadata": {"a": "b"},
    "Expires": SOON,
    "ResponseExpires": SOON,
    "ObjectAttributes": ["ObjectSize"],
    "ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA==",
    "ObjectOwnership": "ObjectWriter",
    "BucketRegion": "eu-west-1",
    "TransitionDefaultMinimumObjectSize": "varies_by_storage_class",
    "MpuObjectSize": 1,
    **{f"Checksum{name}": "AAAAAA==" for name in ("CRC32", "CRC32C")},
    "ChecksumCRC64NVME": "AAAAAAAAAAA=",
    "ChecksumSHA1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "ChecksumSHA256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
DESCRIBING = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires"),
    "Metadata",
)
# Some count only beside another one.
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    ("ListObjectVersions", "VersionIdMarker"): {"KeyMarker": "a/1"},
    ("ListMultipartUploads", "UploadIdMarker"): {"KeyMarker": "key"},
    ("CopyObject", "Tagging"): {"TaggingDirective": "REPLACE"},
    **{
        ("CopyObject", name): {"MetadataDirective": "REPLACE"}
        for name in (
            "CacheControl",
            "ContentDisposition",
            "ContentEncoding",
            "ContentLanguage",
            "ContentType",
            "Expires",
        )
    },
    ("CopyObject", "Metadata"): {"MetadataDirective": "REPLACE"},
    ("CreateMultipartUpload", "ChecksumType"): {"ChecksumAlgorithm": "CRC32"},
}
DOCUMENTS = {
    "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]},
    "VersioningConfiguration": {"Status": "Enabled"},
    "Policy": '{"Version":"2012-10-17","Statement":[]}',
    "AccelerateConfiguration": {"Status": "Enabled"},
    "Delete": {"Objects": [{"Key": "a/1"}]},
    "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}},
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    "LifecycleConfiguration": {
        "Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
    },
    "ServerSideEncryptionConfiguration": {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    },
}


class _Back(Exception):
    """Ends a transaction, so that the next call finds everything as it was."""


class Scene:
    """A bucket with some objects and a multipart upload, as it was before each call."""

    def __init__(self, folder: Path) -> None:
        self._state = StateDir(folder)
        self.account = Account(self._state)
        self._db = self.account.s3.store.db
        for key in ("a/1", "a/2", "a/ü x", "b/1"):
            self.account.s3.put_bytes("bucket", key, b"x")
        info = self.account.s3.head("bucket", "key")
        meta = {**info.meta, "tags": {"old": "tag"}, "user": {"old": "meta"}}
        self.account.s3.store.update_meta(info, meta)
        # Times in headers have whole seconds.
        self._db.execute("UPDATE s3_objects SET modified=modified-1000")
        for key in ("a/ü", "key", "key"):
            self.account.s3.multipart.create("bucket", key, "text/plain", {}, None, "COMPOSITE")

    def outcome(self, operation: str, params: dict[str, Any]) -> str:
        """All that a call does and answers, without what differs each time; then it is undone."""
        told = ""
        try:
            with self._db.transaction():
                told = self._told(operation, params)
                raise _Back
        except _Back:
            self.account.s3.store._cache.clear()
        return told

    def _told(self, operation: str, params: dict[str, Any]) -> str:
        try:
            answer = self.account.ask(written("s3", operation, params))
        except AwsError as error:
            return f"{error.code} {error.status}"
        body = answer.body
        if isinstance(body, FileBody):
            with body.file:
                shown = f"{body.offset} {body.length}"
        else:
            shown = repr(body)
        told = f"{answer.status} {sorted(answer.headers.items())} {shown} {self.account.content()}"
        # Times, ids of uploads, names of blobs and sequence numbers.
        told = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT|\d{9,}(\.\d+)?", "-", told)
        return re.sub(r"[\w-]{32,}|/[\w/.-]{20,}", "-", told)

    def close(self) -> None:
        self._state.close()


def required(operation: str, account: Account) -> dict[str, Any]:
    bucket = "new" if operation == "CreateBucket" else "empty" if operation == "DeleteBucket" else "bucket"
    given = {**GIVEN, **DOCUMENTS, "Bucket": bucket, "UploadId": account.upload, "PartNumber": 1}
    if operation in ("CompleteMultipartUpload", "ListParts"):
        upload = account.s3.multipart.get("bucket", "key", account.upload)
        account.s3.multipart.put_part(upload, 1, account.s3.store.blobs.write([b"precious"]))
        parts = account.s3.multipart.parts(upload)
        given["MultipartUpload"] = {"Parts": [{"PartNumber": part.number, "ETag": part.etag} for part in parts]}
    params = parameters("s3", operation, given)
    shape = model("s3", operation).input_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload in given:
        params[payload] = given[payload]
    if operation == "CopyObject":
        params["Key"] = "a/1"
    if operation.endswith("Acl") and operation.startswith("Put"):
        # Without a list there is nothing that could be put.
        params["ACL"] = "private"
    return params


def test_nothing_that_is_asked_for_is_dropped(tmp_path: Path) -> None:
    scene, silent, number = Scene(tmp_path / "state"), [], 0
    for operation in SERVED:
        shape = model("s3", operation).input_shape
        before: dict[str, str] = {}
        base = required(operation, scene.account)
        for name, member in shape.members.items() if shape is not None else ():
            where = member.serialization.get("location")
            if where not in ("header", "headers", "querystring") or name in ("UploadId", *INERT):
                continue
            if (operation, name) in INERT_IN:
                continue
            number += 1
            beside = BESIDE.get((operation, name), {})
            if repr(beside) not in before:
                before[repr(beside)] = scene.outcome(operation, {**base, **beside})
            value = VALUES.get(name, _any(member))
            asked = {**base, **beside, name: datetime.now(UTC) if value is NOW else value}
            if scene.outcome(operation, asked) == before[repr(beside)]:
                silent.append(f"{operation}.{name}: {before[repr(beside)][:300]}")
    scene.close()
    assert number > 300 and not silent, f"{len(silent)} dropped\n" + "\n".join(silent)


def _any(member: Any) -> Any:
    kinds = {"boolean": True, "integer": 1, "long": 1, "timestamp": PAST}
    return kinds.get(member.type_name, (getattr(member, "enum", None) or ["x"])[-1])


def test_pages_of_uploads_put_together_are_all_uploads(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "state")
    account, every = scene.account, []
    for _ in range(3):
        account.s3.multipart.create("bucket", "a/z", "text/plain", {}, None, "COMPOSITE")
    markers: dict[str, str] = {}
    while True:
        page = account.call("ListMultipartUploads", Bucket="bucket", MaxUploads=1, **markers)
        every += [upload["UploadId"] for upload in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert every == [upload.id for upload in account.s3.multipart.uploads("bucket", "")] and len(set(every)) == 7
    grouped = account.call("ListMultipartUploads", Bucket="bucket", Delimiter="/", EncodingType="url")
    assert [group["Prefix"] for group in grouped["CommonPrefixes"]] == ["a/"] and len(grouped["Uploads"]) == 3
    after = account.call("ListMultipartUploads", Bucket="bucket", Delimiter="/", KeyMarker="a/", MaxUploads=2)
    assert [upload["Key"] for upload in after["Uploads"]] == ["key", "key"] and after["IsTruncated"]
    scene.close()
