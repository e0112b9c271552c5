"""S3 as boto3 sees it, over HTTP against a real sandbox."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.helpers.refusals import code_of
from tests.helpers.sandbox import SandboxProcess

NAMES = ["plain.txt", "with space", "emoji 🐕.jpg", "a/../b", "../up", "plus+and%25", "a//b", "dir/", "ü", "&<>'\""]


@pytest.mark.parametrize("key", NAMES)
def test_any_key_comes_back(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_is_kept_of_an_object(s3: Any, bucket: str) -> None:
    sent = {
        "ContentType": "image/jpeg",
        "CacheControl": "no-cache",
        "ContentDisposition": "inline",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"sha256": "abc", "with_underscore": "1", "with-dash": "2"},
    }
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"data", Tagging="a=1&b=x%20y", **sent)
    assert put["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="k")
    assert {name: head[name] for name in sent} == sent
    assert head["ContentLength"] == 4
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "2"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": "2"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


@pytest.mark.parametrize(
    ("header", "expected", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_ranges(s3: Any, bucket: str, header: str, expected: bytes, content_range: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=header)
    assert got["Body"].read() == expected
    assert got["ContentRange"] == content_range
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_ranges_that_are_not_there(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert code_of(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=5-2")["Body"].read() == b"0123456789"


def test_errors_in_awss_words(s3: Any, bucket: str) -> None:
    assert code_of(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert code_of(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert code_of(s3.get_object, Bucket="none-at-all", Key="k") == ("NoSuchBucket", 404)
    assert code_of(s3.put_object, Bucket="none-at-all", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert code_of(s3.head_bucket, Bucket="none-at-all") == ("404", 404)
    assert code_of(s3.create_bucket, Bucket="Not-Valid")[0] == "InvalidBucketName"
    assert code_of(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"")[0] == "KeyTooLongError"
    assert code_of(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)
    lock = {"ObjectLockEnabled": "Enabled"}
    refused = code_of(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=lock)
    assert refused == ("NotImplemented", 501)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert code_of(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    assert code_of(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="210987654321") == ("AccessDenied", 403)


def test_writing_only_what_is_not_there(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*") == ("PreconditionFailed", 412)
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfMatch='"0"') == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_one_of_many_racing_writers_wins(s3: Any, bucket: str) -> None:
    def write(number: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(24))) == 1


def test_reading_only_what_changed(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert code_of(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=head["ETag"])[1] == 304
    assert code_of(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=head["LastModified"])[1] == 304
    assert code_of(s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"')[1] == 412


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "SHA1"])
def test_checksums_are_verified_kept_and_returned(s3: Any, bucket: str, algorithm: str) -> None:
    name = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert put[name] == head[name]
    if algorithm == "SHA256":
        assert base64.b64decode(head[name]) == hashlib.sha256(b"data").digest()
    assert name not in s3.head_object(Bucket=bucket, Key="k")
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectSize", "ETag"])
    assert got["Checksum"][name] == put[name]
    assert got["ObjectSize"] == 4


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(s3: Any, bucket: str) -> None:
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"data", ChecksumSHA256=wrong) == ("BadDigest", 400)
    crc = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"data", ChecksumCRC32=crc) == ("BadDigest", 400)
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"data", ContentMD5=md5) == ("BadDigest", 400)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_aws_chunked_uploads_with_trailing_checksum(sandbox: SandboxProcess, bucket: str) -> None:
    """botocore sends unsigned chunks with a trailer when payload signing is off."""
    client = sandbox.client("s3", config=Config(s3={"payload_signing_enabled": False}))
    client.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(b"x" * 300_000), ChecksumAlgorithm="SHA256")
    head = client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ContentLength"] == 300_000
    assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(b"x" * 300_000).digest()


def test_listing_by_folder_and_page(s3: Any, bucket: str) -> None:
    keys = sorted(f"{split}/{number}.jpg" for split in ("test", "train", "valid") for number in range(7))
    for key in [*keys, "top.txt"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in top["CommonPrefixes"]] == ["test/", "train/", "valid/"]
    assert [item["Key"] for item in top["Contents"]] == ["top.txt"]
    inside = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="train/")
    assert [item["Key"] for item in inside["Contents"]] == [key for key in keys if key.startswith("train/")]
    for options in ({}, {"Delimiter": "/"}):
        for size in (1, 2, 3, 100):
            pages = s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, PaginationConfig={"PageSize": size}, **options
            )
            got: list[str] = []
            for page in pages:
                assert page["KeyCount"] <= size
                got += [item["Key"] for item in page.get("Contents", [])]
                got += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
            expected = ["test/", "top.txt", "train/", "valid/"] if options else sorted([*keys, "top.txt"])
            assert sorted(got) == expected
            assert len(got) == len(set(got))
    first = s3.list_objects(Bucket=bucket, MaxKeys=4, Delimiter="/", Prefix="train/")
    assert first["IsTruncated"]
    second = s3.list_objects(Bucket=bucket, Marker=first["NextMarker"], Delimiter="/", Prefix="train/")
    assert [item["Key"] for item in first["Contents"] + second["Contents"]] == [k for k in keys if "train/" in k]
    assert s3.list_objects_v2(Bucket=bucket, StartAfter="train/3.jpg", MaxKeys=1)["Contents"][0]["Key"] == "train/4.jpg"
    assert s3.list_objects_v2(Bucket=bucket, Prefix="none")["KeyCount"] == 0


def test_deleting_many(s3: Any, bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k/{number}", Body=b"")
    objects = [{"Key": f"k/{number}"} for number in range(4)] + [{"Key": "never there"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert len(answer["Deleted"]) == 5
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k/4"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k/4"}], "Quiet": True})
    assert "Deleted" not in quiet
    s3.delete_bucket(Bucket=bucket)
    assert code_of(s3.head_bucket, Bucket=bucket)[1] == 404


def test_copies_keep_or_replace_what_is_known(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket, Key="a b/ü", Body=b"data", ContentType="x/y", Metadata={"m": "1"}, ChecksumAlgorithm="SHA256"
    )
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü"})
    s3.delete_object(Bucket=bucket, Key="a b/ü")
    head = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["Metadata"]) == ("x/y", {"m": "1"})
    assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(b"data").digest()
    source = {"Bucket": bucket, "Key": "copy"}
    assert code_of(s3.copy_object, Bucket=bucket, Key="copy", CopySource=source)[0] == "InvalidRequest"
    replaced: dict[str, Any] = {"Metadata": {"n": "2"}, "ContentType": "p/q"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, MetadataDirective="REPLACE", **replaced)
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("p/q", {"n": "2"})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"data"


def test_multipart_uploads(s3: Any, bucket: str) -> None:
    data = os.urandom(12 * 1024 * 1024 + 17)
    s3.upload_fileobj(io.BytesIO(data), bucket, "big")
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-2"')
    assert head["ChecksumType"] == "COMPOSITE"
    out = io.BytesIO()
    s3.download_fileobj(bucket, "big", out)
    assert out.getvalue() == data
    part = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert part["PartsCount"] == 2
    assert part["Body"].read() == data[8 * 1024 * 1024 :]


def test_multipart_by_hand(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="x/y", Metadata={"a": "b"})["UploadId"]
    ids = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    half = b"x" * (5 * 1024 * 1024)
    etags = {
        number: s3.upload_part(**ids, PartNumber=number, Body=body)["ETag"] for number, body in ((2, b"end"), (1, half))
    }
    assert [item["UploadId"] for item in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert [part["PartNumber"] for part in s3.list_parts(**ids)["Parts"]] == [1, 2]
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"00"'}]}
    assert code_of(s3.complete_multipart_upload, **ids, MultipartUpload=wrong)[0] == "InvalidPart"
    backwards = {"Parts": [{"PartNumber": number, "ETag": etags[number]} for number in (2, 1)]}
    assert code_of(s3.complete_multipart_upload, **ids, MultipartUpload=backwards)[0] == "InvalidPartOrder"
    right = {"Parts": [{"PartNumber": number, "ETag": etags[number]} for number in (1, 2)]}
    s3.complete_multipart_upload(**ids, MultipartUpload=right)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == half + b"end"
    assert (got["ContentType"], got["Metadata"]) == ("x/y", {"a": "b"})
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert code_of(s3.list_parts, **ids) == ("NoSuchUpload", 404)


def test_small_parts_are_refused_and_uploads_aborted(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    ids = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = [{"PartNumber": n, "ETag": s3.upload_part(**ids, PartNumber=n, Body=b"x")["ETag"]} for n in (1, 2)]
    assert code_of(s3.complete_multipart_upload, **ids, MultipartUpload={"Parts": parts})[0] == "EntityTooSmall"
    s3.abort_multipart_upload(**ids)
    assert code_of(s3.upload_part, **ids, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)


def test_multipart_copy(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=bytes(range(100)))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    ids = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part_copy(
        **ids, PartNumber=1, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=10-19"
    )
    done = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    s3.complete_multipart_upload(**ids, MultipartUpload=done)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes(range(10, 20))


def test_versions(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"zero")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"one", b"two")]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    assert code_of(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    listed = s3.list_object_versions(Bucket=bucket)
    assert [item["VersionId"] for item in listed["Versions"]] == [ids[1], ids[0], "null"]
    assert [item["IsLatest"] for item in listed["DeleteMarkers"]] == [True]
    paged = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert len([page for page in paged if page.get("Versions") or page.get("DeleteMarkers")]) == 4
    for version, body in ((ids[0], b"one"), (ids[1], b"two"), ("null", b"zero")):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == body
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=ids[1])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    assert code_of(s3.get_object, Bucket=bucket, Key="k", VersionId=ids[1])[0] == "NoSuchVersion"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"null again")
    listed = s3.list_object_versions(Bucket=bucket)
    assert sorted(item["VersionId"] for item in listed["Versions"]) == sorted(["null", ids[0]])


def test_the_settings_of_a_safe_bucket(s3: Any, bucket: str) -> None:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    # As on AWS, a new bucket has all four.
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    s3.delete_public_access_block(Bucket=bucket)
    assert code_of(s3.get_public_access_block, Bucket=bucket) == ("NoSuchPublicAccessBlockConfiguration", 404)
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == rules
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    assert code_of(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",'
    policy += '"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}'
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy="{")[0] == "MalformedPolicy"
    s3.delete_bucket_policy(Bucket=bucket)
    public = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
    public += f'"Resource":"arn:aws:s3:::{bucket}/*"}}}}'
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy=public) == ("AccessDenied", 403)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block | {"BlockPublicPolicy": False})
    s3.put_bucket_policy(Bucket=bucket, Policy=public)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    s3.delete_bucket_policy(Bucket=bucket)
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == controls
    tags = {"TagSet": [{"Key": "project", "Value": "dogs & cats"}]}
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert code_of(s3.put_bucket_acl, Bucket=bucket, ACL="public-read")[0] == "AccessControlListNotSupported"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_buckets_are_listed(s3: Any, bucket: str) -> None:
    listed = s3.list_buckets()
    assert bucket in [item["Name"] for item in listed["Buckets"]]
    assert listed["Owner"]["ID"]
    s3.create_bucket(Bucket=bucket)


def test_presigned_urls(sandbox: SandboxProcess, bucket: str) -> None:
    s3 = sandbox.client("s3", config=Config(signature_version="s3v4"))
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b"})
    urllib.request.urlopen(urllib.request.Request(put, b"via url", method="PUT"))
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"via url"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(get.replace("a%20b", "other"))
    assert caught.value.code == 403
    caught.value.close()


def test_presigned_urls_of_the_old_signature_hold_for_their_key_only(sandbox: SandboxProcess, bucket: str) -> None:
    client = sandbox.client("s3", config=Config(signature_version="s3"))
    sandbox.client("s3").put_object(Bucket=bucket, Key="k", Body=b"kept")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"kept"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("/k?", "/other?"))
    assert caught.value.code == 403
    caught.value.close()


def test_many_writers_at_once(s3: Any, bucket: str) -> None:
    def write(number: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"k{number % 40}", Body=bytes([number % 40]) * 1000)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(200)))
    for number in range(40):
        assert s3.get_object(Bucket=bucket, Key=f"k{number}")["Body"].read() == bytes([number]) * 1000


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    """Writers run while the sandbox is killed: what was answered is there whole, and nothing half-written is."""
    sandbox = SandboxProcess(tmp_path / "state")
    sandbox.start()
    s3 = sandbox.client("s3", config=Config(retries={"total_max_attempts": 1}))
    s3.create_bucket(Bucket="bucket")
    acknowledged: list[int] = []

    def write(number: int) -> None:
        try:
            s3.put_object(Bucket="bucket", Key=f"{number}", Body=bytes([number % 256]) * 50_000)
        except Exception:
            return
        acknowledged.append(number)
        if len(acknowledged) == 60:
            sandbox.kill()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(100)))
    sandbox.start()
    try:
        s3 = sandbox.client("s3")
        keys = {item["Key"]: item["Size"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]}
        assert len(acknowledged) >= 60
        for number in acknowledged:
            assert s3.get_object(Bucket="bucket", Key=f"{number}")["Body"].read() == bytes([number % 256]) * 50_000
        assert set(keys.values()) == {50_000}
    finally:
        sandbox.stop()


def test_any_text_of_expires_comes_back_as_it_was_sent(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires="Thu, 01 Dec 1994 16:00:00 GMT")
    assert s3.head_object(Bucket=bucket, Key="k")["ExpiresString"] == "Thu, 01 Dec 1994 16:00:00 GMT"
    shown = s3.get_object(Bucket=bucket, Key="k", ResponseExpires="Fri, 02 Dec 1994 16:00:00 GMT")
    assert shown["ExpiresString"] == "Fri, 02 Dec 1994 16:00:00 GMT"


def test_a_kept_document_is_answered_in_the_shape_of_its_model(sandbox: SandboxProcess, bucket: str) -> None:
    s3 = sandbox.client("s3", config=Config(signature_version="s3v4"))
    inner = b"<BlockPublicAcls>true</BlockPublicAcls>"
    documents = [
        b"<PublicAccessBlockConfiguration>" + more + b"</PublicAccessBlockConfiguration>"
        for more in (inner, inner + b"<Nonsense>1</Nonsense>")
    ]
    send = "before-call.s3.PutPublicAccessBlock"
    s3.meta.events.register(send, lambda params, **_: params.update(body=documents.pop(0)))
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={})
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={})
    with urllib.request.urlopen(s3.generate_presigned_url("get_public_access_block", {"Bucket": bucket})) as answer:
        assert answer.read() == (
            b'<?xml version="1.0" encoding="UTF-8"?>\n'
            b'<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
        )
