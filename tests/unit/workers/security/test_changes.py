"""What one click changes: exactly what was shown, and nothing when it is not so any more."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests.helpers.security import EVERYTHING
from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.errors.tree import AccessDenied, Conflict
from workers.security.buckets import BlockPublicAccess, EncryptBucket
from workers.security.changes_identity import DeactivateKey, NarrowRole, as_seen
from workers.security.functions import Reserve
from workers.security.groups import CloseRule, OpenRule
from workers.security.logs import SetRetention
from workers.security.machines import EncryptNewVolumes, RequireTokens
from workers.security.service import Security
from workers.security.types import Change
from workers.storage.buckets import BLOCK_ALL

THEN = datetime(2026, 1, 2, tzinfo=UTC)
SSH = OpenRule("tcp", 22, 22, "0.0.0.0/0", "for the course")
NARROW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@dataclass(frozen=True)
class Case:
    """A change, what AWS answers while it is as shown and when it is not, and the calls that it makes then."""

    change: Change
    shown: dict[str, Callable[..., Any]]
    otherwise: dict[str, Callable[..., Any]]
    calls: list[tuple[str, dict[str, Any]]]


def bucket(block: dict[str, bool], encrypted: bool = False) -> dict[str, Callable[..., Any]]:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "get_public_access_block": lambda Bucket: {"PublicAccessBlockConfiguration": block},
        "get_bucket_policy": lambda Bucket: {},
        "get_bucket_acl": lambda Bucket: {"Grants": []},
        "get_bucket_encryption": lambda Bucket: (
            {"ServerSideEncryptionConfiguration": {"Rules": [rule]}} if encrypted else {}
        ),
    }


def group(*rules: OpenRule) -> dict[str, Callable[..., Any]]:
    return {
        "describe_security_groups": lambda GroupIds: {
            "SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [rule.permission() for rule in rules]}]
        }
    }


def instance(tokens: str, endpoint: str = "enabled") -> dict[str, Callable[..., Any]]:
    item = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "MetadataOptions": {"HttpTokens": tokens, "HttpEndpoint": endpoint},
    }
    return {"describe_instances": lambda InstanceIds: {"Reservations": [{"Instances": [item]}]}}


def role(*attached: str) -> dict[str, Callable[..., Any]]:
    return {
        "list_role_policies": lambda RoleName: {"PolicyNames": ["wide"]},
        "get_role_policy": lambda RoleName, PolicyName: {"PolicyDocument": EVERYTHING},
        "list_attached_role_policies": lambda RoleName: {
            "AttachedPolicies": [{"PolicyName": arn.rsplit("/")[-1], "PolicyArn": arn} for arn in attached]
        },
    }


def key(status: str, made: datetime = THEN) -> dict[str, Callable[..., Any]]:
    return {
        "list_access_keys": lambda UserName: {
            "AccessKeyMetadata": [{"AccessKeyId": "AKIAOLDOLDOLDOLD1234", "Status": status, "CreateDate": made}]
        }
    }


def logs(days: int | None) -> dict[str, Callable[..., Any]]:
    found = {"logGroupName": "/dogs"} | ({} if days is None else {"retentionInDays": days})
    return {"describe_log_groups": lambda logGroupNamePrefix: {"logGroups": [found, {"logGroupName": "/dogs/2"}]}}


NARROWING = NarrowRole(
    "dogs",
    "sagedeck-narrowed",
    NARROW,  # type: ignore[arg-type]
    (FULL,),
    ("wide",),
    (FULL,),
    as_seen({"wide": EVERYTHING}),
)
CASES = {
    "block": Case(
        BlockPublicAccess("dogs", (("BlockPublicAcls", True),)),
        bucket({"BlockPublicAcls": True}),
        bucket({"BlockPublicAcls": False}),
        [("put_public_access_block", {"Bucket": "dogs", "PublicAccessBlockConfiguration": BLOCK_ALL})],
    ),
    "encrypt": Case(
        EncryptBucket("dogs"),
        bucket({}),
        bucket({}, encrypted=True),
        [
            (
                "put_bucket_encryption",
                {
                    "Bucket": "dogs",
                    "ServerSideEncryptionConfiguration": {
                        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                    },
                },
            )
        ],
    ),
    "close": Case(
        CloseRule("sg-1", "dogs", SSH),
        group(SSH, OpenRule("tcp", 443, 443, "0.0.0.0/0")),
        group(OpenRule("tcp", 22, 22, "203.0.113.7/32")),
        [
            (
                "revoke_security_group_ingress",
                {
                    "GroupId": "sg-1",
                    "IpPermissions": [
                        {
                            "IpProtocol": "tcp",
                            "FromPort": 22,
                            "ToPort": 22,
                            "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "for the course"}],
                        }
                    ],
                },
            )
        ],
    ),
    "close all": Case(
        CloseRule("sg-1", "dogs", OpenRule("-1", -1, -1, "::/0")),
        group(OpenRule("-1", -1, -1, "::/0")),
        group(),
        [
            (
                "revoke_security_group_ingress",
                {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]},
            )
        ],
    ),
    "tokens": Case(
        RequireTokens("i-1", "trainer"),
        instance("optional"),
        instance("required"),
        [("modify_instance_metadata_options", {"InstanceId": "i-1", "HttpTokens": "required"})],
    ),
    "tokens, switched off": Case(
        RequireTokens("i-1", ""),
        instance("optional"),
        instance("optional", "disabled"),
        [("modify_instance_metadata_options", {"InstanceId": "i-1", "HttpTokens": "required"})],
    ),
    "new volumes": Case(
        EncryptNewVolumes("us-east-1"),
        {"get_ebs_encryption_by_default": lambda: {"EbsEncryptionByDefault": False}},
        {"get_ebs_encryption_by_default": lambda: {"EbsEncryptionByDefault": True}},
        [("enable_ebs_encryption_by_default", {})],
    ),
    "reserve": Case(
        Reserve("predict", 10),
        {"get_function_concurrency": lambda FunctionName: {}},
        {"get_function_concurrency": lambda FunctionName: {"ReservedConcurrentExecutions": 0}},
        [("put_function_concurrency", {"FunctionName": "predict", "ReservedConcurrentExecutions": 10})],
    ),
    "retention": Case(
        SetRetention("/dogs", 90),
        logs(None),
        logs(7),
        [("put_retention_policy", {"logGroupName": "/dogs", "retentionInDays": 90})],
    ),
    "key": Case(
        DeactivateKey("ann", "AKIAOLDOLDOLDOLD1234", THEN),
        key("Active"),
        key("Inactive"),
        [("update_access_key", {"UserName": "ann", "AccessKeyId": "AKIAOLDOLDOLDOLD1234", "Status": "Inactive"})],
    ),
    "narrow": Case(
        NARROWING,
        role(FULL),
        role(FULL, "arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        [
            (
                "put_role_policy",
                {
                    "RoleName": "dogs",
                    "PolicyName": "sagedeck-narrowed",
                    "PolicyDocument": (
                        '{"Version":"2012-10-17","Statement":'
                        '[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
                    ),
                },
            ),
            ("detach_role_policy", {"RoleName": "dogs", "PolicyArn": FULL}),
            ("delete_role_policy", {"RoleName": "dogs", "PolicyName": "wide"}),
        ],
    ),
}


def changing(session: FakeSession) -> list[tuple[str, dict[str, Any]]]:
    return [call for call in session.calls if not call[0].startswith(("get", "list", "describe"))]


@pytest.mark.parametrize("name", CASES)
def test_what_was_shown_is_done(name: str) -> None:
    case = CASES[name]
    session = FakeSession(**case.shown, **{operation: lambda **_: {} for operation, _ in case.calls})
    asyncio.run(Security(session).apply(case.change))  # type: ignore[arg-type]
    assert changing(session) == case.calls


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_so_any_more_is_told_and_left_alone(name: str) -> None:
    case = CASES[name]
    session = FakeSession(**case.otherwise)
    with pytest.raises(Conflict) as told:
        asyncio.run(Security(session).apply(case.change))  # type: ignore[arg-type]
    assert told.value.code == "ChangedMeanwhile"
    assert not changing(session)


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_is_told_in_aws_words(name: str) -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("AccessDenied", "User: ann is not authorized", 403)

    case = CASES[name]
    session = FakeSession(**case.shown, **dict.fromkeys([operation for operation, _ in case.calls], refuse))
    with pytest.raises(AccessDenied):
        asyncio.run(Security(session).apply(case.change))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_the_line_for_a_terminal_says_the_same(name: str) -> None:
    case = CASES[name]
    lines = case.change.cli.splitlines()
    assert len(lines) == len(case.calls)
    for line, (operation, parameters) in zip(lines, case.calls, strict=True):
        words = shlex.split(line)
        service = {"s3api": "s3"}.get(words[1], words[1])
        model = botocore.session.get_session().get_service_model(service)
        names = {xform_name(known).replace("_", "-"): known for known in model.operation_names}
        assert names[words[2]] == next(n for n in model.operation_names if xform_name(n) == operation)
        members = model.operation_model(names[words[2]]).input_shape.members
        options = {xform_name(member).replace("_", "-") for member in members}
        given = {word.removeprefix("--") for word in words if word.startswith("--")} - {"region"}
        assert given <= options
        assert given == {xform_name(member).replace("_", "-") for member in parameters}


def test_a_description_of_a_rule_is_part_of_it() -> None:
    """EC2 closes the rule by its whole text; a rule that was described anew is not the one that was shown."""
    session = FakeSession(**group(OpenRule("tcp", 22, 22, "0.0.0.0/0", "other")))
    with pytest.raises(Conflict):
        asyncio.run(Security(session).apply(CloseRule("sg-1", "dogs", SSH)))  # type: ignore[arg-type]


def test_a_key_that_was_made_anew_is_left_alone() -> None:
    session = FakeSession(**key("Active", datetime(2026, 11, 1, tzinfo=UTC)))
    with pytest.raises(Conflict):
        asyncio.run(Security(session).apply(CASES["key"].change))  # type: ignore[arg-type]


def test_every_change_says_what_it_does() -> None:
    for case in CASES.values():
        change = case.change
        assert change.label and not change.label.endswith(("…", "."))
        assert change.title and change.sentence.endswith(".")
        kind, name = change.subject
        assert kind and name
    assert SetRetention.danger
