"""The settings of a bucket: kept and told as they were sent, or refused in AWS's words; rules are carried out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.state import StateDir
from sandbox.s3.settings.lifecycle import DAY, carry_out, due
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from tests.helpers.s3_account import Account, plain

RULE = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
CORS_RULE = {
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": ["https://*.example.com"],
    "AllowedHeaders": ["x-amz-*", "content-type"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 60,
}
# (the operation without its verb, the document's member, a document, what reads it, the error where there is none,
# what removes it)
KEPT: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    (
        "BucketLifecycleConfiguration",
        "LifecycleConfiguration",
        {"Rules": [RULE]},
        "",
        "NoSuchLifecycleConfiguration",
        "DeleteBucketLifecycle",
    ),
    ("BucketCors", "CORSConfiguration", {"CORSRules": [CORS_RULE]}, "", "NoSuchCORSConfiguration", "DeleteBucketCors"),
    (
        "BucketWebsite",
        "WebsiteConfiguration",
        {
            "IndexDocument": {"Suffix": "index.html"},
            "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a"}, "Condition": {"KeyPrefixEquals": "b/"}}],
        },
        "",
        "NoSuchWebsiteConfiguration",
        "DeleteBucketWebsite",
    ),
    (
        "BucketLogging",
        "BucketLoggingStatus",
        {"LoggingEnabled": {"TargetBucket": "empty", "TargetPrefix": "l/"}},
        *[""] * 3,
    ),
    ("BucketNotificationConfiguration", "NotificationConfiguration", {"EventBridgeConfiguration": {}}, *[""] * 3),
    ("BucketAccelerateConfiguration", "AccelerateConfiguration", {"Status": "Enabled"}, *[""] * 3),
    ("BucketRequestPayment", "RequestPaymentConfiguration", {"Payer": "Requester"}, *[""] * 3),
    (
        "BucketOwnershipControls",
        "OwnershipControls",
        {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "OwnershipControls",
        "OwnershipControlsNotFoundError",
        "DeleteBucketOwnershipControls",
    ),
    (
        "PublicAccessBlock",
        "PublicAccessBlockConfiguration",
        {"BlockPublicAcls": False},
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "DeletePublicAccessBlock",
    ),
    ("BucketTagging", "Tagging", {"TagSet": [{"Key": "a", "Value": ""}]}, "", "NoSuchTagSet", "DeleteBucketTagging"),
    ("BucketVersioning", "VersioningConfiguration", {"Status": "Enabled"}, *[""] * 3),
]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    state = StateDir(tmp_path / "state")
    yield Account(state)
    state.close()


@pytest.mark.parametrize(("name", "member", "document", "answered_in", "absent", "removal"), KEPT)
def test_a_setting_is_kept_told_again_and_goes_with_its_bucket(
    tmp_path: Path, name: str, member: str, document: dict[str, Any], answered_in: str, absent: str, removal: str
) -> None:
    state = StateDir(tmp_path / "state")
    account = Account(state)
    account.call(f"Put{name}", Bucket="empty", **{member: document})
    state.close()
    state = StateDir(tmp_path / "state")
    account = Account(state)
    read = account.call(f"Get{name}", Bucket="empty")
    read.pop("TransitionDefaultMinimumObjectSize", None)
    assert (read[answered_in] if answered_in else read) == document
    if removal:
        account.call(removal, Bucket="empty")
        assert (account.refusal(f"Get{name}", Bucket="empty").code, 404) == (absent, 404)
        account.call(f"Put{name}", Bucket="empty", **{member: document})
    account.call("DeleteBucket", Bucket="empty")
    account.call("CreateBucket", Bucket="empty")
    assert account.s3.store.db.query("SELECT * FROM s3_settings WHERE bucket='empty'") == []
    state.close()


def test_what_was_switched_off_is_off(account: Account) -> None:
    logging = {"LoggingEnabled": {"TargetBucket": "empty", "TargetPrefix": ""}}
    account.call("PutBucketLogging", Bucket="bucket", BucketLoggingStatus=logging)
    account.call("PutBucketLogging", Bucket="bucket", BucketLoggingStatus={})
    assert account.call("GetBucketLogging", Bucket="bucket") == {}
    account.call("PutPublicAccessBlock", Bucket="bucket", PublicAccessBlockConfiguration={})
    block = account.call("GetPublicAccessBlock", Bucket="bucket")["PublicAccessBlockConfiguration"]
    assert not any(block.values())


def rule(**changes: Any) -> dict[str, Any]:
    """A rule without what is None."""
    return {name: value for name, value in {**RULE, **changes}.items() if value is not None}


LIFECYCLES: list[tuple[list[dict[str, Any]], str]] = [
    ([], "MalformedXML"),
    ([rule(Status="On")], "MalformedXML"),
    ([rule(Expiration=None)], "InvalidRequest"),
    ([rule(Filter=None)], "MalformedXML"),
    ([rule(Prefix="")], "MalformedXML"),
    ([rule(Filter={"Prefix": "a", "ObjectSizeLessThan": 5})], "MalformedXML"),
    ([rule(), rule()], "InvalidArgument"),
    ([rule(ID="x" * 256)], "InvalidArgument"),
    ([rule(Expiration={"Days": 0})], "InvalidArgument"),
    ([rule(Expiration={})], "MalformedXML"),
    ([rule(Expiration={"Date": "2030-01-01T05:00:00Z"})], "InvalidArgument"),
    ([rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})], "MalformedXML"),
    ([rule(Transitions=[{"Days": 3, "StorageClass": "STANDARD_IA"}])], "InvalidArgument"),
    ([rule(Transitions=[{"Days": 3, "StorageClass": "GLACIER"}])], "NotImplemented"),
    ([rule(NoncurrentVersionExpiration={})], "MalformedXML"),
    (
        [rule(Filter={"Tag": {"Key": "a", "Value": "b"}}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1})],
        "InvalidRequest",
    ),
]


@pytest.mark.parametrize(("rules", "code"), LIFECYCLES)
def test_lifecycle_rules_that_mean_nothing_are_refused(
    account: Account, rules: list[dict[str, Any]], code: str
) -> None:
    call = {"Bucket": "bucket", "LifecycleConfiguration": {"Rules": rules}}
    assert account.refusal("PutBucketLifecycleConfiguration", **call).code == code


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("PutBucketCors", {"CORSConfiguration": {"CORSRules": []}}, "MalformedXML"),
    (
        "PutBucketCors",
        {"CORSConfiguration": {"CORSRules": [{**CORS_RULE, "AllowedMethods": ["PATCH"]}]}},
        "InvalidRequest",
    ),
    (
        "PutBucketCors",
        {"CORSConfiguration": {"CORSRules": [{**CORS_RULE, "AllowedOrigins": ["*.*"]}]}},
        "InvalidRequest",
    ),
    ("PutBucketWebsite", {"WebsiteConfiguration": {"ErrorDocument": {"Key": "e"}}}, "InvalidArgument"),
    ("PutBucketWebsite", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "a/b"}}}, "InvalidArgument"),
    (
        "PutBucketLogging",
        {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "absent", "TargetPrefix": ""}}},
        "InvalidTargetBucketForLogging",
    ),
    (
        "PutBucketNotificationConfiguration",
        {
            "NotificationConfiguration": {
                "QueueConfigurations": [{"QueueArn": "arn:q", "Events": ["s3:ObjectCreated:*"]}]
            }
        },
        "InvalidArgument",
    ),
    (
        "PutBucketNotificationConfiguration",
        {"NotificationConfiguration": {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": "f", "Events": []}]}},
        "MalformedXML",
    ),
    (
        "PutBucketNotificationConfiguration",
        {
            "NotificationConfiguration": {
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": "f", "Events": ["s3:ObjectCreated:*"]}]
            }
        },
        "NotImplemented",
    ),
    ("PutBucketAccelerateConfiguration", {"AccelerateConfiguration": {"Status": "Maybe"}}, "MalformedXML"),
    ("PutBucketAccelerateConfiguration", {"AccelerateConfiguration": {}}, "MalformedXML"),
    ("PutBucketRequestPayment", {"RequestPaymentConfiguration": {"Payer": "Nobody"}}, "MalformedXML"),
    (
        "PutBucketOwnershipControls",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
        "NotImplemented",
    ),
    ("PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": []}}, "MalformedXML"),
    ("PutBucketReplication", {"ReplicationConfiguration": {"Role": "r", "Rules": []}}, "NotImplemented"),
    ("PutObjectLockConfiguration", {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}, "NotImplemented"),
]


@pytest.mark.parametrize(("operation", "params", "code"), REFUSED)
def test_what_is_not_done_or_means_nothing_is_not_kept(
    account: Account, operation: str, params: dict[str, Any], code: str
) -> None:
    assert account.refusal(operation, Bucket="bucket", **params).code == code


@pytest.mark.parametrize(
    "body",
    [
        b"<Other/>",
        b"<CORSConfiguration><Foreign/></CORSConfiguration>",
        b"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>",
        b"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"
        b"<MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule></CORSConfiguration>",
        b"<CORSConfiguration>",
        b"",
    ],
)
def test_a_document_that_its_schema_does_not_know_is_malformed(account: Account, body: bytes) -> None:
    with pytest.raises(AwsError, match="MalformedXML"):
        account.ask(plain("PUT", "/bucket?cors", body=body))
    assert account.s3.store.setting("bucket", "cors") is None


def test_a_document_that_is_not_what_its_digest_says_is_refused(account: Account) -> None:
    body = b"<Delete><Object><Key>key</Key></Object></Delete>"
    for headers in (
        {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-checksum-sha256": "AAAA"},
    ):
        for target in ("/bucket?delete", "/bucket?tagging", "/bucket/key?tagging"):
            with pytest.raises(AwsError, match="BadDigest"):
                account.ask(plain("POST" if "delete" in target else "PUT", target, headers, body))
    assert account.s3.head("bucket", "key").size == 8


def age(account: Account, key: str, days: float) -> None:
    account.s3.store.db.execute("UPDATE s3_objects SET modified=modified-? WHERE key=?", (days * DAY, key))


def lifecycle(account: Account, *rules: dict[str, Any]) -> None:
    account.call("PutBucketLifecycleConfiguration", Bucket="bucket", LifecycleConfiguration={"Rules": list(rules)})


def keys(account: Account) -> list[str]:
    return [info.key for info in account.s3.list("bucket")]


def test_objects_expire_at_the_midnight_after_their_days(account: Account) -> None:
    for key in ("tmp/old", "tmp/new", "other"):
        account.s3.put_bytes("bucket", key, b"x")
    age(account, "tmp/old", 2)
    age(account, "other", 2)
    lifecycle(account, RULE, rule(ID="off", Status="Disabled", Filter={"Prefix": ""}))
    now = time.time()
    carry_out(account.s3.store, account.s3.multipart, now)
    assert keys(account) == ["key", "other", "tmp/new"]
    written = account.s3.head("bucket", "tmp/new").modified
    midnight = due(written, 1)
    assert midnight % DAY == 0 and 1 * DAY <= midnight - written <= 2 * DAY
    carry_out(account.s3.store, account.s3.multipart, midnight - 1)
    assert "tmp/new" in keys(account)
    carry_out(account.s3.store, account.s3.multipart, midnight)
    assert "tmp/new" not in keys(account)


def test_conditions_of_a_rule_must_all_hold(account: Account) -> None:
    for key, size, tags in (("small", 1, {"a": "b"}), ("large", 100, {"a": "b"}), ("plain", 100, {})):
        info = account.s3.put_bytes("bucket", key, b"x" * size)
        account.s3.store.update_meta(info, {**info.meta, "tags": tags})
        age(account, key, 9)
    tagged = {"And": {"Tags": [{"Key": "a", "Value": "b"}], "ObjectSizeGreaterThan": 10}}
    lifecycle(account, rule(Filter=tagged))
    carry_out(account.s3.store, account.s3.multipart, time.time())
    assert keys(account) == ["key", "plain", "small"]


def test_transitions_older_versions_lone_markers_and_unfinished_uploads(account: Account) -> None:
    account.call("PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(4):
        account.s3.put_bytes("bucket", "many", b"x")
    account.s3.put_bytes("bucket", "cold", b"x")
    account.s3.store.delete("bucket", "never")
    lifecycle(
        account,
        rule(
            Filter={"Prefix": ""},
            Expiration={"ExpiredObjectDeleteMarker": True},
            Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER_IR"}],
            NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 1},
            AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1},
        ),
    )
    carry_out(account.s3.store, account.s3.multipart, time.time())
    assert len(account.call("ListMultipartUploads", Bucket="bucket")["Uploads"]) == 1
    carry_out(account.s3.store, account.s3.multipart, time.time() + 40 * DAY)
    listed = account.call("ListObjectVersions", Bucket="bucket")
    assert [version["Key"] for version in listed["Versions"]] == ["cold", "key", "many", "many"]
    assert "DeleteMarkers" not in listed and "Uploads" not in account.call("ListMultipartUploads", Bucket="bucket")
    assert account.call("HeadObject", Bucket="bucket", Key="cold")["StorageClass"] == "STANDARD_IA"


def asked(account: Account, origin: str = "https://a.example.com", **more: str) -> RestResponse:
    headers = {"origin": origin, "access-control-request-method": "PUT"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    answer = account.service.preflight("/bucket/key", {name: value for name, value in headers.items() if value})
    assert answer is not None
    return answer


def test_a_browser_is_told_what_the_rules_allow(account: Account) -> None:
    # Without rules it is told no more than anybody without a signature.
    assert account.service.preflight("/bucket/key", {"origin": "https://a.example.com"}) is None
    account.call("PutBucketCors", Bucket="bucket", CORSConfiguration={"CORSRules": [CORS_RULE]})
    answer = asked(account, access_control_request_headers="X-Amz-Date, content-type")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://a.example.com")
    assert answer.headers["Access-Control-Allow-Headers"] == "x-amz-date, content-type"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    for changes in (
        {"origin": "https://example.com.evil.net"},
        {"access_control_request_method": "DELETE"},
        {"access_control_request_headers": "authorization"},
    ):
        with pytest.raises(AwsError, match="AccessForbidden"):
            asked(account, **changes)
    with pytest.raises(AwsError, match="BadRequest"):
        asked(account, "")
    got = account.ask(plain("HEAD", "/bucket/key", {"origin": "https://a.example.com"}))
    # HEAD is none of the rule's methods.
    assert "Access-Control-Allow-Origin" not in got.headers
    with pytest.raises(AwsError) as caught:
        account.ask(plain("GET", "/bucket/absent", {"origin": "https://a.example.com"}))
    assert caught.value.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert caught.value.headers["Access-Control-Expose-Headers"] == "ETag"


IRELAND = {"LocationConstraint": "eu-west-1"}


@pytest.mark.parametrize(
    ("signed", "constraint", "outcome"),
    [
        ("us-east-1", "", "us-east-1"),
        ("us-east-1", "eu-west-1", "eu-west-1"),
        ("us-east-1", "EU", "eu-west-1"),
        ("eu-west-1", "eu-west-1", "eu-west-1"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "nowhere-1", "InvalidLocationConstraint"),
        ("eu-west-1", "", "IllegalLocationConstraintException"),
        ("eu-west-1", "eu-central-1", "IllegalLocationConstraintException"),
        # Of one region's address: whatever is not its own, also what is told by none, and what is no region.
        ("eu-west-1", "us-east-1", "IllegalLocationConstraintException"),
        ("eu-west-1", "nowhere-1", "IllegalLocationConstraintException"),
        ("nowhere-1", "", "AuthorizationHeaderMalformed"),
        # China is another partition: other accounts, other ARNs.
        ("us-east-1", "cn-north-1", "InvalidLocationConstraint"),
        ("cn-north-1", "cn-north-1", "AuthorizationHeaderMalformed"),
    ],
)
def test_where_a_bucket_is_made(account: Account, signed: str, constraint: str, outcome: str) -> None:
    given = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    if outcome.islower():
        account.call("CreateBucket", signed, Bucket="new", **given)
        assert account.call("HeadBucket", outcome, Bucket="new")["BucketRegion"] == outcome
        assert [
            bucket["Name"]
            for bucket in account.call("ListBuckets", BucketRegion=outcome)["Buckets"]
            if bucket["Name"] == "new"
        ]
    else:
        assert account.refusal("CreateBucket", signed, Bucket="new", **given).code == outcome


def test_a_request_for_another_region_than_the_buckets_names_the_right_one(account: Account) -> None:
    account.call("CreateBucket", Bucket="far", CreateBucketConfiguration=IRELAND)
    for operation, more in (("ListObjectsV2", {}), ("PutObject", {"Key": "k"}), ("DeleteBucket", {})):
        refused = account.refusal(operation, "us-east-1", Bucket="far", **more)
        assert refused.extra["Region"] == refused.headers["x-amz-bucket-region"] == "eu-west-1"
        assert account.refusal(operation, "eu-west-1", Bucket="bucket", **more).extra["Region"] == "us-east-1"
    account.call("PutObject", "eu-west-1", Bucket="far", Key="k")
    # A URL of the old kind is signed for no region.
    assert account.call("HeadObject", "", Bucket="far", Key="k")["ContentLength"] == 0
    assert account.refusal("CreateBucket", Bucket="far").code == "BucketAlreadyOwnedByYou"


def test_a_bucket_logs_into_its_own_region_alone(account: Account) -> None:
    account.call("CreateBucket", Bucket="far", CreateBucketConfiguration=IRELAND)
    for region, bucket, target, places in (
        ("us-east-1", "bucket", "far", {"TargetBucketLocation": "eu-west-1"}),
        ("eu-west-1", "far", "bucket", {"TargetBucketLocation": "us-east-1", "SourceBucketLocation": "eu-west-1"}),
    ):
        status = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": ""}}
        refused = account.refusal("PutBucketLogging", region, Bucket=bucket, BucketLoggingStatus=status)
        assert (refused.code, refused.status) == ("CrossLocationLoggingProhibitted", 403)
        assert refused.extra == places


def test_a_replication_that_is_not_there_can_be_taken_away(account: Account) -> None:
    assert account.call("DeleteBucketReplication", Bucket="bucket") == {}
    assert account.refusal("GetBucketReplication", Bucket="bucket").code == "ReplicationConfigurationNotFoundError"
    assert account.refusal("DeleteBucketReplication", Bucket="absent").code == "NoSuchBucket"
