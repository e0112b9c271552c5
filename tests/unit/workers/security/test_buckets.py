"""Whom a bucket lets in: by its policy, its access list and what blocks them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.helpers.security import BUCKET, NOW
from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.security.buckets import judge_block, judge_public, open_to_everybody, read_bucket
from workers.security.types import Unread
from workers.storage.buckets import BLOCK_ALL

ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": "*"}
USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


def statement(**more: Any) -> dict[str, Any]:
    return {"Statement": [ALLOW | more]}


def limited(operator: str, key: str, value: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: value}})


@pytest.mark.parametrize(
    "document",
    [
        statement(),
        {"Statement": ALLOW},
        statement(Principal={"AWS": "*"}),
        statement(Principal={"AWS": ["arn:aws:iam::123456789012:root", "*"]}),
        {
            "Statement": [
                {**{key: ALLOW[key] for key in ("Effect", "Action", "Resource")}, "NotPrincipal": {"AWS": "x"}}
            ]
        },
        {"Statement": [{**ALLOW, "Effect": "Deny"}, ALLOW]},
        limited("Bool", "aws:SecureTransport", "true"),
        limited("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
        limited("IpAddress", "aws:SourceIp", ["203.0.113.7/32", "::/0"]),
        limited("NotIpAddress", "aws:SourceIp", "203.0.113.7/32"),
        limited("StringNotEquals", "aws:PrincipalAccount", "123456789012"),
        limited("StringEqualsIfExists", "aws:PrincipalOrgID", "o-1"),
        limited("ForAllValues:StringEquals", "aws:PrincipalOrgID", "o-1"),
        limited("Null", "aws:SourceVpce", "true"),
        limited("Null", "aws:PrincipalOrgID", "false"),
        limited("StringLike", "aws:PrincipalArn", "*"),
        limited("StringLike", "aws:UserId", "*:*"),
        limited("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/dogs"),
        limited("StringEquals", "aws:PrincipalOrgID", []),
        statement(Condition={"StringEquals": "o-1"}),
    ],
    ids=json.dumps,
)
def test_a_policy_that_lets_everybody_in(document: Any) -> None:
    assert open_to_everybody(document) is True
    (problem,) = judge_public(replace(BUCKET, block={}, policy=document), NOW)
    assert problem.reason == "Its policy lets everybody in."
    assert not list(judge_public(replace(BUCKET, block={"RestrictPublicBuckets": True}, policy=document), NOW))


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"Statement": []},
        statement(Effect="Deny"),
        statement(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        statement(Principal={"Service": "cloudfront.amazonaws.com"}),
        limited("StringEquals", "aws:PrincipalOrgID", "o-1"),
        limited("StringEquals", "AWS:SourceAccount", ["123456789012"]),
        limited("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/"),
        limited("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
        limited("ArnLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/*"),
        limited("ArnLike", "aws:SourceArn", "arn:aws:s3:::dogs"),
        statement(Condition={"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpce": "vpce-1"}}),
    ],
    ids=json.dumps,
)
def test_a_policy_that_does_not(document: Any) -> None:
    assert open_to_everybody(document) is False
    assert not list(judge_public(replace(BUCKET, block={}, policy=document), NOW))


@pytest.mark.parametrize("group", ["AllUsers", "AuthenticatedUsers"])
def test_an_access_list_that_lets_everybody_in(group: str) -> None:
    uri = USERS.replace("AllUsers", group)
    (problem,) = judge_public(replace(BUCKET, block={}, grants=(uri,)), NOW)
    assert problem.reason == "Its access list lets everybody in." and problem.change is not None
    assert not list(judge_public(replace(BUCKET, block={"IgnorePublicAcls": True}, grants=(uri,)), NOW))
    assert not list(judge_public(replace(BUCKET, block={}, grants=(USERS.replace("AllUsers", "LogDelivery"),)), NOW))


def test_what_may_not_be_read_is_not_judged() -> None:
    unread = Unread("no")
    assert not list(judge_public(replace(BUCKET, block=unread, policy=unread, grants=unread), NOW))
    # Nobody knows whether something blocks it: it is told.
    found = judge_public(replace(BUCKET, block=unread, policy=statement(), grants=(USERS,)), NOW)
    assert len(list(found)) == 2

    def refused(**_: Any) -> Any:
        raise Refused("AccessDenied", "no", 403)

    settings = ("get_public_access_block", "get_bucket_policy", "get_bucket_acl", "get_bucket_encryption")
    session = FakeSession(**dict.fromkeys(settings, refused))
    fact = asyncio.run(read_bucket(session, "dogs"))  # type: ignore[arg-type]
    assert all(isinstance(part, Unread) for part in (fact.block, fact.policy, fact.grants, fact.encryption))


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ([], "Nothing keeps it from"), (["BlockPublicAcls"], "Without "), (list(BLOCK_ALL)[:3], "Without "),
        (list(BLOCK_ALL), ""),
    ],
)  # fmt: skip
def test_all_four_blocks_are_wanted(on: list[str], words: str) -> None:
    found = list(judge_block(replace(BUCKET, block=dict.fromkeys(on, True)), NOW))
    assert [problem.reason.startswith(words) for problem in found] == ([True] if words else [])
    assert all(name not in found[0].reason for name in on if found)


def test_a_bucket_is_read_as_it_is() -> None:
    def missing(**_: Any) -> Any:
        raise Refused("NoSuchBucketPolicy", "no", 404)

    owner = {"Grantee": {"Type": "CanonicalUser", "ID": "1"}, "Permission": "FULL_CONTROL"}
    rules = [{}, {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
    session = FakeSession(
        get_public_access_block=lambda Bucket: {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
        get_bucket_policy=missing,
        get_bucket_acl=lambda Bucket: {"Grants": [owner, {"Grantee": {"URI": USERS}, "Permission": "READ"}]},
        get_bucket_encryption=lambda Bucket: {"ServerSideEncryptionConfiguration": {"Rules": rules}},
    )
    fact = asyncio.run(read_bucket(session, "dogs"))  # type: ignore[arg-type]
    assert (fact.block, fact.policy, fact.grants, fact.encryption) == (
        {"BlockPublicAcls": True}, None, (USERS,), "aws:kms",
    )  # fmt: skip
    session.handlers["get_bucket_policy"] = lambda Bucket: {"Policy": json.dumps(statement())}
    session.handlers["get_bucket_encryption"] = lambda Bucket: {"ServerSideEncryptionConfiguration": {"Rules": []}}
    fact = asyncio.run(read_bucket(session, "dogs"))  # type: ignore[arg-type]
    assert fact.policy == statement() and fact.encryption == ""
