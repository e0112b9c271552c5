"""What objects say of their encryption, and which promises are refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.helpers.refusals import code_of


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("put_object", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/mine"}),
        ("put_object", {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "alias/mine"}),
        ("put_object", {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}),
        ("create_multipart_upload", {"ServerSideEncryption": "aws:kms:dsse"}),
        ("copy_object", {"ServerSideEncryption": "aws:kms:dsse", "CopySource": "b/k"}),
    ],
)
def test_a_promise_of_encryption_that_is_not_kept_is_refused(
    s3: Any, bucket: str, operation: str, more: dict[str, str]
) -> None:
    assert code_of(getattr(s3, operation), Bucket=bucket, Key="k", **more) == ("NotImplemented", 501)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert s3.put_object(Bucket=bucket, Key="k", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"


def test_the_key_that_aws_manages_for_s3_is_told_of_each_object_and_a_copy_has_its_own(s3: Any, bucket: str) -> None:
    body, where = b"dogs", {"Bucket": bucket, "Key": "k"}
    kms = {"ServerSideEncryption": "aws:kms"}
    put = s3.put_object(**where, Body=body, **kms)
    head = s3.head_object(**where)
    for answer in (put, head, s3.get_object(**where)):
        assert answer["ServerSideEncryption"] == "aws:kms"
        assert answer["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:123456789012:key/")
    # Not the MD5 of the bytes, so that nobody takes it for one.
    assert put["ETag"] == head["ETag"] != f'"{hashlib.md5(body).hexdigest()}"'
    source = {"CopySource": where, "Bucket": bucket}
    assert s3.copy_object(**source, Key="plain")["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="plain")["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.copy_object(**source, Key="again", **kms)["ServerSideEncryption"] == "aws:kms"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **kms)
    assert upload["ServerSideEncryption"] == "aws:kms"
    part = {"Bucket": bucket, "Key": "parts", "UploadId": upload["UploadId"]}
    sent = s3.upload_part(**part, PartNumber=1, Body=body)
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    assert s3.complete_multipart_upload(**part, MultipartUpload=parts)["ServerSideEncryption"] == "aws:kms"
    assert s3.head_object(Bucket=bucket, Key="parts")["ServerSideEncryption"] == "aws:kms"


def test_a_bucket_with_keys_of_kms_is_refused_and_stays_as_it_was(s3: Any, bucket: str) -> None:
    def rules(**default: str) -> dict[str, Any]:
        return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}

    wanted = rules(SSEAlgorithm="aws:kms", KMSMasterKeyID="alias/mine")
    asked = {"Bucket": bucket, "ServerSideEncryptionConfiguration": wanted}
    assert code_of(s3.put_bucket_encryption, **asked) == ("NotImplemented", 501)
    kept = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert kept[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules(SSEAlgorithm="AES256"))
