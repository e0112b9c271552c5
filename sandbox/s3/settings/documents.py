"""The settings of a bucket that are documents: each is read strictly, kept as it was sent and told again.

What keeping one would promise and nothing here does is refused (``NotImplemented``): keys of KMS, access control
lists, events for functions. Websites and access logs are kept only; the README says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from sandbox.core.account import REGION
from sandbox.s3 import xml
from sandbox.s3.answers import Answer, Members, members_of_document
from sandbox.s3.requests.call import S3Call
from sandbox.s3.settings import cors, lifecycle
from sandbox.s3.settings.schema import malformed, payload_of, read_document
from sandbox.s3.store import Store
from sandbox.s3.tags import MAX_BUCKET_TAGS, check_tags
from sandbox.wire.errors import AwsError, not_implemented

DEFAULT_ENCRYPTION: Members = {
    "ServerSideEncryptionConfiguration": {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False},
        ]
    }
}
# "Amazon S3 User Guide, Blocking public access": what a bucket has that was made since April 2023.
DEFAULT_BLOCK: Members = {
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
}
# Stored in place of a default document (encryption, public access block) that somebody deleted.
TAKEN_AWAY = ""
_MIN_SIZE_HEADER = "x-amz-transition-default-minimum-object-size"
_MIN_SIZE = "all_storage_classes_128K"


def _anything(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    """No check beyond the schema's."""


def _encryption(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    """Only SSE-S3 is promised here: objects are answered as AES256."""
    if len(members["Rules"]) != 1:
        raise malformed("there must be one rule")
    for rule in members["Rules"]:
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm", "AES256") != "AES256" or default.get("KMSMasterKeyID"):
            raise AwsError(
                "NotImplemented", "The sandbox has no keys of KMS: the algorithm of a bucket is AES256 here.", 501
            )


def _ownership(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    if len(members["Rules"]) != 1:
        raise malformed("there must be one rule")
    if members["Rules"][0]["ObjectOwnership"] != "BucketOwnerEnforced":
        # With the others access control lists would count.
        raise not_implemented("s3", f"ObjectOwnership {members['Rules'][0]['ObjectOwnership']}")


def _tagging(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    check_tags([(tag["Key"], tag["Value"]) for tag in members["TagSet"]], MAX_BUCKET_TAGS)


def _cors(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    cors.check_rules(members)


def _lifecycle(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    lifecycle.check_rules(members)


def _website(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    if "RedirectAllRequestsTo" in members:
        if len(members) > 1:
            text = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            raise AwsError("InvalidArgument", text)
    elif "IndexDocument" not in members:
        raise AwsError("InvalidArgument", "A value for IndexDocument Suffix must be provided if not redirecting.")
    elif not members["IndexDocument"]["Suffix"] or "/" in members["IndexDocument"]["Suffix"]:
        raise AwsError("InvalidArgument", "The IndexDocument Suffix is not well formed")


def _logging(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    wanted = members.get("LoggingEnabled")
    if wanted is None:
        return
    if wanted.get("TargetGrants"):
        raise not_implemented("s3", "PutBucketLogging with TargetGrants")
    if not store.has_bucket(wanted["TargetBucket"]):
        raise AwsError("InvalidTargetBucketForLogging", "The target bucket for logging does not exist")
    source, target = store.bucket(bucket).region, store.bucket(wanted["TargetBucket"]).region
    if source != target:
        # S3 itself writes the code so, and tells of us-east-1 nothing (LocalStack compared its words with AWS's).
        text = "Cross S3 location logging not allowed. "
        refusal = AwsError("CrossLocationLoggingProhibitted", text, 403, TargetBucketLocation=target)
        refusal.extra |= {"SourceBucketLocation": source} if source != REGION else {}
        raise refusal


def _notification(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    if members.get("LambdaFunctionConfigurations"):
        raise not_implemented("s3", "events for functions (LambdaFunctionConfigurations)")
    if members.get("TopicConfigurations") or members.get("QueueConfigurations"):
        # There are no topics and queues here, so that none of these exists.
        raise AwsError("InvalidArgument", "Unable to validate the following destination configurations")


def _accelerate(store: Store, bucket: str, members: Mapping[str, Any]) -> None:
    if "Status" not in members:
        raise malformed("Status is missing")
    if "." in bucket:
        text = "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        raise AwsError("InvalidRequest", text)


@dataclass(frozen=True)
class Document:
    """One kind: ``operation`` that puts it, the error (code, message) where there is none.

    Without an error a bucket that has none answers ``default``. ``status``: of the answer to putting it.
    ``numbered``: the element whose ``ID`` AWS makes up where it is missing.
    """

    operation: str
    check: Callable[[Store, str, Mapping[str, Any]], None] = _anything
    absent: tuple[str, str] | None = None
    default: Members | None = None
    status: int | None = None
    numbered: str = ""


# By the query name.
DOCUMENTS = {
    "publicAccessBlock": Document(
        "PutPublicAccessBlock",
        absent=("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
        default=DEFAULT_BLOCK,
    ),
    "ownershipControls": Document(
        "PutBucketOwnershipControls",
        _ownership,
        absent=("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    ),
    "encryption": Document("PutBucketEncryption", _encryption, default=DEFAULT_ENCRYPTION),
    "tagging": Document("PutBucketTagging", _tagging, absent=("NoSuchTagSet", "The TagSet does not exist"), status=204),
    "cors": Document(
        "PutBucketCors", _cors, absent=("NoSuchCORSConfiguration", "The CORS configuration does not exist")
    ),
    "lifecycle": Document(
        "PutBucketLifecycleConfiguration",
        _lifecycle,
        absent=("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        numbered="Rule",
    ),
    "website": Document(
        "PutBucketWebsite",
        _website,
        absent=("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    ),
    "logging": Document("PutBucketLogging", _logging, default={}),
    "notification": Document("PutBucketNotificationConfiguration", _notification, default={}),
    "accelerate": Document("PutBucketAccelerateConfiguration", _accelerate, default={}),
    "requestPayment": Document("PutBucketRequestPayment", default={"Payer": "BucketOwner"}),
}
# Settings that the sandbox does not have: reading them answers "not set", writing them NotImplemented; who takes one
# away finds nothing to do.
ABSENT = {
    "replication": ("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    "object-lock": ("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"),
}


def document(store: Store, call: S3Call) -> Members | Answer:
    """Get, put or delete one of ``DOCUMENTS``; read what is never set here."""
    bucket, name = call.bucket, call.route.sub
    store.bucket(bucket)
    if name in ABSENT and call.method == "DELETE":
        # What is not there is taken away, as on AWS.
        return {}
    if name in ABSENT:
        raise AwsError(*ABSENT[name], 404, BucketName=bucket)
    kind = DOCUMENTS[name]
    if call.method == "PUT":
        return _put(store, call, kind)
    if call.method == "DELETE":
        store.set_setting(bucket, name, TAKEN_AWAY if kind.default is not None else None)
        return {}
    kept = store.setting(bucket, name)
    if kept in (None, TAKEN_AWAY):
        # The encryption cannot be taken away: every object is encrypted.
        if kind.default is not None and (kept is None or kind.absent is None):
            return kind.default
        code, message = kind.absent or ("", "")
        raise AwsError(code, message, 404, BucketName=bucket)
    members = members_of_document(call.operation, str(kept).encode())
    return members | ({"TransitionDefaultMinimumObjectSize": _MIN_SIZE} if name == lifecycle.SETTING else {})


def _put(store: Store, call: S3Call, kind: Document) -> Members | Answer:
    body, name = call.document(), call.route.sub
    members = read_document(kind.operation, body)
    kind.check(store, call.bucket, members)
    # No tags are no document; neither is nothing, where a bucket has a default.
    told = members["TagSet"] if name == "tagging" else members or kind.absent is not None
    store.set_setting(call.bucket, name, _kept(body, kind) if told else None)
    return Answer({"TransitionDefaultMinimumObjectSize": _MIN_SIZE} if name == lifecycle.SETTING else {}, kind.status)


def _kept(body: bytes, kind: Document) -> str:
    """The text of a document that the model knows, its parts numbered."""
    root = xml.parse(body)
    for part in root.iter(kind.numbered) if kind.numbered else ():
        named = part.find("ID")
        if named is None:
            named = ElementTree.SubElement(part, "ID")
        named.text = named.text or secrets.token_urlsafe(36)
    assert root.tag == payload_of(kind.operation).serialization.get("name")
    return ElementTree.tostring(root, encoding="unicode")
