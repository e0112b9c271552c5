"""S3's refusals and answers at the edges: tags, copies, uploads, versions, regions; over HTTP and boto3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.s3 import buckets
from sandbox.s3.requests.call import read_s3
from sandbox.wire.errors import AwsError
from tests.helpers.calls import CALLER, request_of
from tests.helpers.refusals import code_of
from tests.helpers.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("s3") / "state") as process:
        yield process


@pytest.fixture(scope="module")
def s3(sandbox: SandboxProcess) -> Any:
    return sandbox.client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "b-" + hashlib.md5(request.node.name.encode()).hexdigest()[:20]
    s3.create_bucket(Bucket=name)
    return name


TOO_MANY = [{"Key": f"tag{number}", "Value": "x"} for number in range(51)]


@pytest.mark.parametrize(
    ("tags", "of_object", "of_bucket"),
    [
        (TOO_MANY[:11], "BadRequest", ""),
        (TOO_MANY, "BadRequest", "BadRequest"),
        ([{"Key": "aws:x", "Value": ""}], "InvalidTag", "InvalidTag"),
        ([{"Key": "x:aws:", "Value": ""}], "", ""),
        ([{"Key": "k" * 129, "Value": ""}], "InvalidTag", "InvalidTag"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidTag", "InvalidTag"),
        ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "InvalidTag", "InvalidTag"),
    ],
)
def test_limits_of_tags(s3: Any, bucket: str, tags: list[dict[str, str]], of_object: str, of_bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    for put, get, where, code in (
        (s3.put_object_tagging, s3.get_object_tagging, {"Bucket": bucket, "Key": "k"}, of_object),
        (s3.put_bucket_tagging, s3.get_bucket_tagging, {"Bucket": bucket}, of_bucket),
    ):
        if code:
            assert code_of(put, **where, Tagging={"TagSet": tags})[0] == code
        else:
            put(**where, Tagging={"TagSet": tags})
            assert get(**where)["TagSet"] == tags


def test_a_bucket_with_no_tags_has_no_document_of_them(s3: Any, bucket: str) -> None:
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": []})
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)


def test_an_object_copied_onto_itself_must_change(s3: Any, bucket: str) -> None:
    itself = {"Bucket": bucket, "Key": "k", "CopySource": f"{bucket}/k"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"old", Metadata={"a": "1"})
    for more in ({}, {"Metadata": {"b": "2"}}, {"TaggingDirective": "REPLACE", "Tagging": "a=1"}):
        assert code_of(s3.copy_object, **itself, **more) == ("InvalidRequest", 400)
    s3.copy_object(**itself, StorageClass="STANDARD_IA", WebsiteRedirectLocation="/there")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["StorageClass"], head["WebsiteRedirectLocation"], head["Metadata"]) == (
        "STANDARD_IA",
        "/there",
        {"a": "1"},
    )
    s3.copy_object(Bucket=bucket, Key="other", CopySource=f"{bucket}/k")
    other = s3.head_object(Bucket=bucket, Key="other")
    assert not {"StorageClass", "WebsiteRedirectLocation"} & other.keys() and other["Metadata"] == {"a": "1"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    back = s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": "null"})
    assert back["CopySourceVersionId"] == "null" != back["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_an_upload_completed_twice_is_answered_as_the_first_time(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA256")
    this = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    sent = s3.upload_part(**this, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]}]
    assert s3.list_parts(**this)["StorageClass"] == "STANDARD_IA"
    told = []
    for more in ({}, {"IfNoneMatch": "*"}):
        answer = s3.complete_multipart_upload(**this, MultipartUpload={"Parts": parts}, **more)
        told.append({name: answer[name] for name in ("ETag", "VersionId", "ChecksumSHA256", "Location")})
    assert told[0] == told[1]
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "STANDARD_IA"
    asked = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"])
    assert f"{asked['Checksum']['ChecksumSHA256']}-1" == told[0]["ChecksumSHA256"]
    # For the others it is over.
    assert code_of(s3.abort_multipart_upload, **this) == ("NoSuchUpload", 404)
    assert code_of(s3.complete_multipart_upload, **this | {"Key": "j"}, MultipartUpload={"Parts": parts})[1] == 404


def test_uploads_are_listed_in_pages_and_by_folder(s3: Any, bucket: str) -> None:
    begun = [
        (key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]) for key in ("a", "a", "b/1", "b/2", "c")
    ]
    for size in (1, 2, 5):
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        assert [(each["Key"], each["UploadId"]) for page in pages for each in page.get("Uploads", [])] == begun
        pages = s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
        )
        shown = [
            each.get("Key") or each["Prefix"]
            for page in pages
            for each in (*page.get("Uploads", []), *page.get("CommonPrefixes", []))
        ]
        assert sorted(shown) == ["a", "a", "b/", "c"]


def test_a_delete_marker_says_what_it_is(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    with pytest.raises(ClientError) as caught:
        s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=marker)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Method"], error["ResourceType"]) == ("MethodNotAllowed", "GET", "DeleteMarker")


@pytest.mark.parametrize(
    ("region", "wanted", "code"),
    [
        ("us-east-1", "eu-west-1", ""),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "moon-1", "InvalidLocationConstraint"),
        ("eu-west-1", "", "IllegalLocationConstraintException"),
        ("eu-west-1", "us-east-2", "IllegalLocationConstraintException"),
    ],
)
def test_where_a_bucket_can_be_made(s3: Any, region: str, wanted: str, code: str) -> None:
    body = f"<C><LocationConstraint>{wanted}</LocationConstraint></C>".encode() if wanted else b""
    request = replace(request_of("s3", "PUT", "/fresh", body), region=region)
    store = SimpleNamespace(create_bucket=lambda name, region: made.append((name, region)))
    made: list[tuple[str, str]] = []
    if code:
        with pytest.raises(AwsError, match=code):
            buckets.create_bucket(store, read_s3(request, CALLER))  # type: ignore[arg-type]
        assert made == []
    else:
        buckets.create_bucket(store, read_s3(request, CALLER))  # type: ignore[arg-type]
        assert made == [("fresh", wanted)]


def test_buckets_of_one_region(s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=f"{bucket}-eu", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    names = [each["Name"] for each in s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]]
    assert names == [f"{bucket}-eu"]
    assert f"{bucket}-eu" not in [each["Name"] for each in s3.list_buckets(BucketRegion="us-east-1")["Buckets"]]


@pytest.mark.parametrize(
    ("operation", "members", "error"),
    [
        ("head_object", {"Key": "k", "VersionId": "noVersion"}, {"Code": "400"}),
        (
            "get_object",
            {"Key": "k", "VersionId": "noVersion"},
            {"Code": "InvalidArgument", "Message": "Invalid version id specified"},
        ),
        ("list_objects_v2", {"ContinuationToken": ""}, {"Message": "The continuation token provided is incorrect"}),
        ("put_object", {"Key": "k", "ACL": "private", "GrantRead": "id=1"}, {"Code": "InvalidRequest"}),
        (
            "upload_part",
            {"Key": "k", "UploadId": "UPLOAD", "PartNumber": 10_001, "Body": b""},
            {"ArgumentName": "partNumber", "ArgumentValue": "10001"},
        ),
        (
            "list_parts",
            {"Key": "k", "UploadId": "UPLOAD", "MaxParts": -42},
            {"Message": "Argument max-parts must be an integer between 0 and 2147483647"},
        ),
        (
            "list_parts",
            {"Key": "k", "UploadId": "UPLOAD", "PartNumberMarker": 2**31},
            {"Message": "Provided part-number-marker not an integer or within integer range"},
        ),
        (
            "complete_multipart_upload",
            {"Key": "k", "UploadId": "UPLOAD", "MultipartUpload": {"Parts": []}},
            {"Code": "MalformedXML"},
        ),
    ],
)
def test_refusals_in_awss_words(
    s3: Any, bucket: str, operation: str, members: dict[str, Any], error: dict[str, str]
) -> None:
    if "UploadId" in members:
        members = members | {"UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    with pytest.raises(ClientError) as caught:
        getattr(s3, operation)(Bucket=bucket, **members)
    assert error.items() <= caught.value.response["Error"].items()


def test_the_error_of_a_key_names_the_key_alone(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="none")
    words = {"Code": "NoSuchKey", "Message": "The specified key does not exist.", "Key": "none"}
    assert caught.value.response["Error"] == words
