"""Every operation of S3's own model is exactly that operation in the sandbox, or it is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.state import StateDir
from sandbox.iam.needs import needs_of
from sandbox.s3.requests.routes import ROUTES, route_of, split_path
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestRequest
from tests.helpers.aws_requests import model, operations, parameters, written
from tests.helpers.calls import NAMES, read
from tests.helpers.s3_account import Account, plain

GIVEN = {"Bucket": "bucket", "Key": "key", "CopySource": "bucket/key", "ContentLength": 4, "ListType": 2}
# Two names for one request: which one was meant cannot be seen.
SAME = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "GetPublicAccessBlock": "GetPublicAccessBlock",
    # Only the host tells them apart: this one is asked at s3express-control, and signed for it.
    "ListDirectoryBuckets": "ListBuckets",
}
SERVED = {route.name for route in ROUTES}
OPERATIONS = operations("s3")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    state = StateDir(tmp_path / "state")
    yield Account(state)
    state.close()


def routed(request: RestRequest) -> str:
    return route_of(request, *split_path(request.raw_path, request.headers.get("host", ""))).name


def name_of(request: RestRequest) -> str:
    """The operation that the sandbox takes a request for, or an empty text when it refuses it."""
    try:
        return routed(request)
    except AwsError as error:
        assert (error.code, error.status) in (("NotImplemented", 501), ("MethodNotAllowed", 405)), error
        return ""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_itself_or_refused(account: Account, operation: str) -> None:
    wanted = SAME.get(operation, operation)
    for everything in (False, True):
        for bucket in ("bucket", "empty"):
            given = {**GIVEN, "Bucket": bucket, "UploadId": account.upload}
            request = written("s3", operation, parameters("s3", operation, given, everything))
            name = name_of(request)
            assert name in (("", wanted) if everything else (wanted if wanted in SERVED else "",))
            if name:
                continue
            before = account.content()
            with pytest.raises(AwsError):
                account.ask(request)
            with pytest.raises(AwsError):
                needs_of(read(request), NAMES)
            assert account.content() == before


@pytest.mark.parametrize("operation", sorted(SERVED))
def test_each_member_is_understood_or_refused(operation: str) -> None:
    """A header or query name that the model has for an operation never makes it another one."""
    shape = model("s3", operation).input_shape
    members = {} if shape is None else shape.members
    required = parameters("s3", operation, GIVEN)
    for name, member in members.items():
        everything = parameters("s3", operation, GIVEN, everything=True)
        if member.serialization.get("location") in ("header", "headers", "querystring"):
            request = written("s3", operation, {**required, name: everything[name]})
            assert name_of(request) in ("", operation), name


DANGEROUS = (
    ("PUT", "/bucket/key", {"x-amz-write-offset-bytes": "8"}),
    ("PUT", "/bucket/key", {"x-amz-server-side-encryption-customer-algorithm": "AES256"}),
    ("PUT", "/bucket/key", {"x-amz-object-lock-mode": "COMPLIANCE"}),
    ("PUT", "/bucket/key", {"x-amz-storage-class": "DEEP_ARCHIVE"}),
    ("PUT", "/bucket/key", {"x-amz-from-the-future": "1"}),
    ("PUT", "/bucket/key?x-amz-copy-source=bucket/key", {}),
    ("PUT", "/bucket/key?x-amz-meta-a=b", {}),
    ("PUT", "/bucket/key?x-id=CopyObject", {}),
    ("PUT", "/bucket/key?future", {}),
    ("PUT", "/bucket/key?acl&tagging", {}),
    ("PUT", "/bucket/key?partNumber=1", {}),
    ("PUT", "/bucket/key?versionId=null", {}),
    ("PUT", "/bucket/key?tagging", {"x-amz-copy-source": "bucket/key"}),
    ("DELETE", "/bucket/key", {"x-amz-copy-source": "bucket/key"}),
    ("DELETE", "/bucket/key", {"x-amz-if-match-size": "1"}),
    ("DELETE", "/bucket/key?annotation&annotationName=a", {}),
    ("DELETE", "/bucket/key?uploads", {}),
    ("DELETE", "/bucket/key?delete", {}),
    ("DELETE", "/bucket/key?list-type=2", {}),
    ("DELETE", "/empty?future=", {}),
    ("DELETE", "/empty?versions", {}),
    ("DELETE", "/empty?versionId=1", {}),
    ("DELETE", "/empty?x-id=DeleteBucketMetadataConfiguration", {}),
    ("PUT", "/new?future", {}),
    ("PUT", "/new", {"x-amz-bucket-object-lock-enabled": "true"}),
    ("PUT", "/new", {"x-amz-object-ownership": "ObjectWriter"}),
    ("POST", "/bucket/key", {}),
    ("POST", "/bucket/key?delete", {}),
    ("POST", "/bucket", {}),
    ("OPTIONS", "/bucket/key", {}),
    ("OPTIONS", "/bucket", {}),
    ("PATCH", "/bucket/key", {}),
    ("HEAD", "/bucket/key?acl", {}),
    ("HEAD", "/bucket?tagging", {}),
    ("HEAD", "/", {}),
    ("DELETE", "/", {}),
    ("GET", "/bucket?list-type=3", {}),
    ("GET", "/bucket/key?select&select-type=2", {}),
)


@pytest.mark.parametrize(("method", "target", "headers"), DANGEROUS)
def test_what_would_be_another_operation_is_refused(
    account: Account, method: str, target: str, headers: dict[str, str]
) -> None:
    before = account.content()
    with pytest.raises(AwsError) as caught:
        account.ask(plain(method, target, headers))
    assert (caught.value.code, caught.value.status) in (("NotImplemented", 501), ("MethodNotAllowed", 405))
    assert account.content() == before


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/bucket/key?x-id=GetObject", "GetObject"),
        ("GET", "/bucket/key?x-request-source=me", "GetObject"),
        ("GET", "/bucket/key?X-Amz-Signature=a&X-Amz-Date=b&x-amz-checksum-mode=ENABLED", "GetObject"),
        ("GET", "/bucket/key?AWSAccessKeyId=a&Signature=b&Expires=1&versionId=v", "GetObject"),
        ("DELETE", "/bucket/key?versionId=v", "DeleteObject"),
        ("GET", "/bucket?list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", "/?x-id=ListBuckets", "ListBuckets"),
    ],
)
def test_names_that_change_nothing_are_taken(method: str, target: str, name: str) -> None:
    assert routed(plain(method, target)) == name


def test_an_object_is_deleted_only_if_it_is_the_one_that_was_meant(account: Account) -> None:
    with pytest.raises(AwsError) as caught:
        account.ask(plain("DELETE", "/bucket/key", {"if-match": '"0"'}))
    assert (caught.value.code, caught.value.status) == ("PreconditionFailed", 412)
    body = (
        b"<Delete><Object><Key>key</Key><ETag>0</ETag></Object><Object><Key>key</Key><Size>3</Size></Object></Delete>"
    )
    answer = account.ask(plain("POST", "/bucket?delete", body=body)).body
    assert isinstance(answer, bytes)
    assert b"<Code>PreconditionFailed" in answer
    assert b"<Code>NotImplemented" in answer
    info = account.s3.head("bucket", "key")
    account.ask(plain("DELETE", "/bucket/key", {"if-match": f'"{info.etag}"'}))
    with pytest.raises(AwsError, match="NoSuchKey"):
        account.s3.head("bucket", "key")


def test_a_storage_class_is_told_as_it_was_given(account: Account) -> None:
    account.ask(plain("PUT", "/bucket/cold", {"x-amz-storage-class": "STANDARD_IA"}, b"x"))
    assert account.ask(plain("HEAD", "/bucket/cold")).headers["x-amz-storage-class"] == "STANDARD_IA"
    listed = account.ask(plain("GET", "/bucket?list-type=2&prefix=cold")).body
    assert isinstance(listed, bytes)
    assert b"<StorageClass>STANDARD_IA<" in listed


@pytest.mark.parametrize(
    ("method", "target", "more"),
    [
        ("PUT", "/bucket/new", {}),
        ("PUT", "/bucket/new", {"x-amz-copy-source": "bucket/key"}),
        ("POST", "/bucket/new?uploads", {}),
    ],
)
def test_a_storage_class_that_s3_has_not_is_none(
    account: Account, method: str, target: str, more: dict[str, str]
) -> None:
    before = account.content()
    for given, code in (("WARM", "InvalidStorageClass"), ("", "InvalidStorageClass"), ("GLACIER", "NotImplemented")):
        with pytest.raises(AwsError) as caught:
            account.ask(plain(method, target, {"x-amz-storage-class": given, **more}))
        assert caught.value.code == code
    assert account.content() == before


def test_no_grant_is_taken_that_is_not_kept(account: Account) -> None:
    for headers in ({"x-amz-acl": "public-read"}, {"x-amz-grant-read": "uri=all"}):
        with pytest.raises(AwsError, match="AccessControlListNotSupported"):
            account.ask(plain("PUT", "/bucket/open", headers, b"x"))


@pytest.mark.parametrize("number", ["9" * 5000, "²", "1_0", "-1"])
@pytest.mark.parametrize(
    "target", ["/bucket?max-keys={}", "/bucket/key?partNumber={}", "/bucket/key?uploadId={upload}&max-parts={}"]
)
def test_odd_numbers_are_refused_in_awss_words(account: Account, number: str, target: str) -> None:
    with pytest.raises(AwsError):
        account.ask(plain("GET", target.format(number, upload=account.upload)))


@pytest.mark.parametrize("spec", ["9" * 5000 + "-", "-" + "9" * 5000, "²-"])
def test_a_range_that_is_no_number_is_ignored(account: Account, spec: str) -> None:
    assert account.ask(plain("GET", "/bucket/key", {"range": f"bytes={spec}"})).status == 200
