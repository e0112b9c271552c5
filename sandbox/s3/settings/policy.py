"""Policies of buckets, over HTTP, and whether one lets everybody in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.core.account import bucket_arn
from sandbox.policy.document import problem
from sandbox.policy.text import as_list
from sandbox.s3.answers import Answer, Members, members_of_document
from sandbox.s3.requests.call import S3Call
from sandbox.s3.settings.documents import TAKEN_AWAY
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError

# S3 User Guide, "Policies and permissions in Amazon S3".
MAX_POLICY_BYTES = 20 * 1024


def _public_policies_blocked(store: Store, bucket: str) -> bool:
    kept = store.setting(bucket, "publicAccessBlock")
    if kept is None:
        return True
    given = members_of_document("GetPublicAccessBlock", kept.encode()) if kept != TAKEN_AWAY else {}
    return bool(given.get("PublicAccessBlockConfiguration", {}).get("BlockPublicPolicy"))


def policy(store: Store, call: S3Call) -> Members | Answer:
    """GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy."""
    bucket = call.bucket
    store.bucket(bucket)
    if call.method == "PUT":
        call.http.body(MAX_POLICY_BYTES)
        text = call.document().decode("utf-8", "replace")
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise AwsError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from exc
        if wrong := problem(parsed, for_resource=True):
            raise AwsError("MalformedPolicy", wrong)
        if _is_public(parsed) and _public_policies_blocked(store, bucket):
            who = f"User: {call.caller.arn} is not authorized to perform: s3:PutBucketPolicy"
            why = "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
            raise AwsError("AccessDenied", f'{who} on resource: "{bucket_arn(bucket)}" {why}', 403)
        store.set_setting(bucket, "policy", text)
        return Answer({}, 204)
    if call.method == "DELETE":
        store.set_setting(bucket, "policy", None)
        return {}
    kept = store.setting(bucket, "policy")
    if kept is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=bucket)
    return Answer({"Policy": kept}, headers={"Content-Type": "application/json"})


def policy_status(store: Store, call: S3Call) -> Members:
    """GetBucketPolicyStatus: public when a statement allows everybody without a condition."""
    bucket = call.bucket
    kept = store.setting(bucket, "policy")
    if kept is None:
        store.bucket(bucket)
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=bucket)
    return {"PolicyStatus": {"IsPublic": _is_public(json.loads(kept))}}


def _is_public(document: Mapping[str, Any]) -> bool:
    """Whether a statement allows everybody something without a condition."""
    return any(
        item.get("Effect") == "Allow"
        and item.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and not item.get("Condition")
        for item in as_list(document["Statement"])
    )
