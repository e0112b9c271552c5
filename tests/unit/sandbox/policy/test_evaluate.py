"""Cases from AWS's published evaluation rules (IAM User Guide: evaluation logic, elements, condition operators)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.policy.evaluate import evaluate, trusts

ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs"
OTHER = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/cats"
ROLE = "arn:aws:iam::123456789012:role/predict"
SESSION = "arn:aws:sts::123456789012:assumed-role/predict/predict-fn"
INVOKE = "sagemaker:InvokeEndpoint"


def allow(action: Any = INVOKE, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def deny(action: Any = INVOKE, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": action, "Resource": resource, **more}}


def statement(**elements: Any) -> dict[str, Any]:
    return {"Statement": [elements]}


@pytest.mark.parametrize(
    ("policies", "effect"),
    [
        ([], "implicitDeny"),
        ([allow()], "allowed"),
        ([allow(), deny()], "explicitDeny"),
        ([deny(), allow()], "explicitDeny"),
        ([allow("s3:GetObject")], "implicitDeny"),
        ([allow("SageMaker:invokeendpoint")], "allowed"),
        ([allow("sagemaker:Invoke*")], "allowed"),
        ([allow("sagemaker:InvokeEndpoin?")], "allowed"),
        ([allow("*")], "allowed"),
        ([allow(["s3:*", "sagemaker:*"])], "allowed"),
        ([allow(resource=ENDPOINT)], "allowed"),
        ([allow(resource=OTHER)], "implicitDeny"),
        ([allow(resource=ENDPOINT.upper())], "implicitDeny"),
        ([allow(resource="arn:aws:sagemaker:*:*:endpoint/d?gs")], "allowed"),
        ([allow(resource=[OTHER, "arn:aws:sagemaker:us-east-1:123456789012:endpoint/*"])], "allowed"),
        ([allow(resource="arn:aws:sagemaker:us-east-1:123456789012:endpoint/[dogs]")], "implicitDeny"),
        ([statement(Effect="Allow", NotAction="s3:*", Resource="*")], "allowed"),
        ([statement(Effect="Allow", NotAction="sagemaker:*", Resource="*")], "implicitDeny"),
        ([statement(Effect="Allow", Action="*", NotResource=ENDPOINT)], "implicitDeny"),
        ([statement(Effect="Allow", Action="*", NotResource=OTHER)], "allowed"),
        ([allow(), statement(Effect="Deny", Action="*", NotResource=OTHER)], "explicitDeny"),
        ([allow(resource="arn:aws:sagemaker:us-east-1:123456789012:endpoint/${aws:username}")], "allowed"),
        ([allow(resource="arn:aws:sagemaker:us-east-1:123456789012:endpoint/${aws:missing}")], "implicitDeny"),
        ([allow(resource="arn:aws:sagemaker:us-east-1:123456789012:endpoint/${aws:missing, 'dogs'}")], "allowed"),
    ],
)
def test_identity_policies(policies: list[dict[str, Any]], effect: str) -> None:
    assert evaluate(INVOKE, ENDPOINT, identity=policies, context={"aws:username": "dogs"}).effect == effect


def test_a_variable_value_is_no_wildcard() -> None:
    policy = allow(resource="arn:aws:sagemaker:us-east-1:123456789012:endpoint/${aws:username}")
    assert not evaluate(INVOKE, ENDPOINT, identity=[policy], context={"aws:username": "*"}).allowed


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {"aws:RequestedRegion": "us-east-1"}, True),
        (
            {"StringEquals": {"AWS:requestedregion": ["eu-west-1", "us-east-1"]}},
            {"aws:RequestedRegion": "us-east-1"},
            True,
        ),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {}, False),
        ({"StringEqualsIfExists": {"aws:RequestedRegion": "us-east-1"}}, {}, True),
        ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, {}, True),
        ({"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "x"]}}, {"aws:RequestedRegion": "us-east-1"}, False),
        ({"StringEqualsIgnoreCase": {"k": "ABC"}}, {"k": "abc"}, True),
        ({"StringLike": {"s3:prefix": ["home/*"]}}, {"s3:prefix": "home/a"}, True),
        ({"StringNotLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "home/a"}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": "10"}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, {"s3:max-keys": "10"}, False),
        ({"NumericEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "many"}, False),
        (
            {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
            {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
            True,
        ),
        ({"DateGreaterThan": {"aws:EpochTime": "2030-01-01T00:00:00Z"}}, {"aws:EpochTime": "1700000000"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:SecureTransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "false"}, False),
        ({"BinaryEquals": {"k": "QmluYXJ5"}}, {"k": "QmluYXJ5"}, True),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {"aws:SourceIp": "127.0.0.1"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.1.2.3"}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:p*"}},
            {"aws:SourceArn": "arn:aws:lambda:r:1:function:pq"},
            True,
        ),
        (
            {"ArnEquals": {"aws:SourceArn": "arn:aws:lambda:*"}},
            {"aws:SourceArn": "arn:aws:lambda:r:1:function:pq"},
            False,
        ),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:lambda:*:*:*"}}, {"aws:SourceArn": "arn:aws:lambda:r:1:f:p"}, False),
        ({"Null": {"aws:TokenIssueTime": "true"}}, {}, True),
        ({"Null": {"aws:TokenIssueTime": "false"}}, {}, False),
        ({"Null": {"aws:TagKeys": "true"}}, {"aws:TagKeys": []}, True),
        ({"ForAllValues:StringLike": {"aws:TagKeys": "team*"}}, {"aws:TagKeys": ["team", "team-a"]}, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["a", "b"]}, False),
        ({"StringNotEqualsIgnoreCase": {"k": "ABC"}}, {"k": "abc"}, False),
        ({"StringNotEqualsIfExists": {"k": "v"}}, {"k": "v"}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, {}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {}, False),
        ({"NumericNotEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": "11"}, True),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3:max-keys": "9.5"}, True),
        ({"DateNotEquals": {"aws:CurrentTime": "2026-01-01"}}, {"aws:CurrentTime": "2026-01-01T00:00:00Z"}, False),
        ({"DateGreaterThanEquals": {"d": "2026-01-01T00:00:00Z"}}, {"d": "2026-01-01T01:00:00+01:00"}, True),
        ({"ArnNotEquals": {"a": "arn:aws:s3:::b"}}, {"a": "arn:aws:s3:::c"}, True),
        ({"IpAddress": {"aws:SourceIp": "no network"}}, {"aws:SourceIp": "127.0.0.1"}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ["c", "b"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {}, False),
        ({"StringEquals": {"k": "v"}, "Bool": {"b": "true"}}, {"k": "v", "b": "false"}, False),
        ({"StringEquals": {"k": "v", "l": "w"}}, {"k": "v", "l": "x"}, False),
        ({"StringEquals": {"k": "${aws:username}"}}, {"k": "a*b", "aws:username": "a*b"}, True),
        ({"NoSuchOperator": {"k": "v"}}, {"k": "v"}, False),
    ],
)
def test_condition_operators(condition: dict[str, Any], context: dict[str, Any], holds: bool) -> None:
    policy = allow(Condition=condition)
    assert evaluate(INVOKE, ENDPOINT, identity=[policy], context=context).allowed is holds


def test_a_boundary_only_narrows() -> None:
    assert evaluate(INVOKE, ENDPOINT, identity=[], boundary=allow()).effect == "implicitDeny"
    assert evaluate(INVOKE, ENDPOINT, identity=[allow()], boundary=allow()).allowed
    refused = evaluate(INVOKE, ENDPOINT, identity=[allow()], boundary=allow("s3:*"))
    assert (refused.effect, refused.policy_kind) == ("implicitDeny", "permissions boundary")
    refused = evaluate(INVOKE, ENDPOINT, identity=[allow()], boundary=deny())
    assert (refused.effect, refused.policy_kind) == ("explicitDeny", "permissions boundary")


def test_a_session_policy_only_narrows() -> None:
    refused = evaluate(INVOKE, ENDPOINT, identity=[allow()], session=[allow(resource=OTHER)])
    assert (refused.effect, refused.policy_kind) == ("implicitDeny", "session")
    refused = evaluate(INVOKE, ENDPOINT, identity=[], session=[allow()])
    assert (refused.effect, refused.policy_kind) == ("implicitDeny", "identity-based")
    # Several session policies together are one: each allows what it allows, and any may deny.
    assert evaluate(INVOKE, ENDPOINT, identity=[allow()], session=[allow(resource=OTHER), allow()]).allowed
    refused = evaluate(INVOKE, ENDPOINT, identity=[allow()], session=[allow(), deny()])
    assert (refused.effect, refused.policy_kind) == ("explicitDeny", "session")


USER = "arn:aws:iam::123456789012:user/ann"
ACCOUNT = "arn:aws:iam::123456789012:root"
NOTHING: dict[str, Any] = {"Statement": []}


@pytest.mark.parametrize(
    ("named", "principal", "identity", "boundary", "session", "decided_by"),
    [
        # What a resource policy grants to a session, a user or everybody no implicit deny elsewhere limits.
        (SESSION, SESSION, [], NOTHING, [NOTHING], "allowed resource-based"),
        (USER, USER, [], NOTHING, None, "allowed resource-based"),
        ("*", SESSION, [], NOTHING, [NOTHING], "allowed resource-based"),
        # What it grants to the role is limited by the boundary and by session policies.
        (ROLE, SESSION, [], None, None, "allowed resource-based"),
        (ROLE, SESSION, [], allow(), [allow()], "allowed resource-based"),
        (ROLE, SESSION, [], NOTHING, None, "implicitDeny permissions boundary"),
        (ROLE, SESSION, [], None, [NOTHING], "implicitDeny session"),
        # The account only hands the decision on to its own policies.
        (ACCOUNT, SESSION, [], None, None, "implicitDeny identity-based"),
        (ACCOUNT, SESSION, [allow()], None, None, "allowed identity-based"),
        # An explicit deny anywhere wins.
        (SESSION, SESSION, [deny()], None, None, "explicitDeny identity-based"),
        (SESSION, SESSION, [], deny(), None, "explicitDeny permissions boundary"),
        (SESSION, SESSION, [], None, [deny()], "explicitDeny session"),
    ],
)
def test_resource_policies_and_implicit_denies(
    named: str, principal: str, identity: Any, boundary: Any, session: Any, decided_by: str
) -> None:
    element = "*" if named == "*" else {"AWS": named}
    policy = statement(Effect="Allow", Principal=element, Action=INVOKE, Resource="*")
    decision = evaluate(
        INVOKE,
        ENDPOINT,
        identity=identity,
        boundary=boundary,
        session=session,
        resource_policy=policy,
        principal=principal,
    )
    assert f"{decision.effect} {decision.policy_kind}" == decided_by


def test_a_role_with_a_path_is_found_by_its_own_arn() -> None:
    role = "arn:aws:iam::123456789012:role/teams/a/predict"
    policy = statement(Effect="Allow", Principal={"AWS": role}, Action="*", Resource="*")
    assert not evaluate(INVOKE, ENDPOINT, identity=[], resource_policy=policy, principal=SESSION).allowed
    assert evaluate(INVOKE, ENDPOINT, identity=[], resource_policy=policy, principal=SESSION, role=role).allowed
    trust = statement(Effect="Allow", Principal={"AWS": role}, Action="sts:AssumeRole")
    assert not trusts(trust, SESSION)
    assert trusts(trust, SESSION, role=role)


@pytest.mark.parametrize(("version", "allowed"), [("2012-10-17", True), ("2008-10-17", False), (None, False)])
def test_variables_exist_only_in_the_newer_version_of_the_language(version: str | None, allowed: bool) -> None:
    policy = allow(resource=ENDPOINT.replace("dogs", "${aws:PrincipalTag/team}"))
    condition = allow(Condition={"StringEquals": {"k": "${aws:PrincipalTag/team}"}})
    for document in (policy, condition):
        document.pop("Version")
        if version:
            document["Version"] = version
        context = {"aws:PrincipalTag/team": "dogs", "k": "dogs"}
        assert evaluate(INVOKE, ENDPOINT, identity=[document], context=context).allowed is allowed


@pytest.mark.parametrize(
    ("element", "allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE}, True),
        ({"AWS": SESSION}, True),
        # Naming the account lets its own policies decide; it does not allow by itself.
        ({"AWS": "123456789012"}, False),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False),
        ({"AWS": "arn:aws:iam::123456789012:role/other"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_resource_policies_allow_the_principals_they_name(element: Any, allowed: bool) -> None:
    policy = statement(Effect="Allow", Principal=element, Action=INVOKE, Resource="*")
    assert evaluate(INVOKE, ENDPOINT, identity=[], resource_policy=policy, principal=SESSION).allowed is allowed


def test_a_resource_policys_deny_wins() -> None:
    policy = statement(Effect="Deny", Principal="*", Action="*", Resource="*")
    decision = evaluate(INVOKE, ENDPOINT, identity=[allow()], resource_policy=policy, principal=SESSION)
    assert (decision.effect, decision.policy_kind) == ("explicitDeny", "resource-based")


@pytest.mark.parametrize(
    ("document", "principal", "trusted"),
    [
        (
            statement(Effect="Allow", Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole"),
            "lambda.amazonaws.com",
            True,
        ),
        (
            statement(Effect="Allow", Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole"),
            "sagemaker.amazonaws.com",
            False,
        ),
        (
            statement(Effect="Allow", Principal={"Service": ["a", "lambda.amazonaws.com"]}, Action="sts:*"),
            "lambda.amazonaws.com",
            True,
        ),
        (statement(Effect="Allow", Principal={"AWS": ROLE}, Action="sts:AssumeRole"), SESSION, True),
        (statement(Effect="Allow", NotPrincipal={"AWS": ROLE}, Action="sts:AssumeRole"), SESSION, False),
        (statement(Effect="Deny", Principal="*", Action="sts:AssumeRole"), SESSION, False),
        ({"Statement": []}, SESSION, False),
    ],
)
def test_trust(document: dict[str, Any], principal: str, trusted: bool) -> None:
    assert trusts(document, principal) is trusted
