"""The event history: bounded, found by each attribute, without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.audit.event import HIDDEN, event_of, is_recorded, resources_of
from sandbox.audit.service import Rate
from sandbox.audit.trail import KEPT_SECONDS, Trail
from sandbox.core.state import Database
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model
from tests.helpers.calls import CALLER, request_of


def call_of(service: str, operation: str, members: dict[str, Any]) -> Call:
    http = request_of(service, "POST", "/")
    return Call(service, operation, members, CALLER, "json", http, operation_model(service, operation))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = Database(tmp_path / "events.db")
    yield db
    db.close()


def test_the_oldest_go_when_there_are_too_many_or_too_old(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.audit.trail._SLACK", 5)
    now = [1000.0]
    trail = Trail(db, lambda: now[0], most=10)
    for number in range(40):
        now[0] += 1
        trail.add(call_of("sagemaker", "DeleteModel", {"ModelName": f"m{number}"}), None, [("AWS::x::Y", f"m{number}")])
    kept = trail.find(None, 0, now[0], 0, 100)
    assert 10 <= len(kept) <= 15 and kept[0]["resources"] == [("AWS::x::Y", "m39")]
    assert db.one("SELECT count(*) AS n FROM audit_resources")["n"] == len(kept)  # type: ignore[index]
    now[0] += KEPT_SECONDS + 1
    assert Trail(db, lambda: now[0]).find(None, 0, now[0], 0, 100) == []


def test_events_are_found_by_each_attribute_and_page_by_page(db: Database) -> None:
    trail = Trail(db, lambda: 5.0)
    trail.add(call_of("sagemaker", "DeleteModel", {"ModelName": "a"}), None, [("AWS::SageMaker::Model", "a")])
    trail.add(call_of("ec2", "CreateVpc", {}), AwsError("X", "no"), [("AWS::EC2::VPC", "vpc-1")])

    def names(key: str, value: str) -> list[str]:
        found = trail.find({"AttributeKey": key, "AttributeValue": value}, 0, 9, 0, 9)
        return [row["name"] for row in found]

    assert names("EventName", "CreateVpc") == names("EventSource", "ec2.amazonaws.com") == ["CreateVpc"]
    assert names("ResourceName", "a") == names("ResourceType", "AWS::SageMaker::Model") == ["DeleteModel"]
    assert names("Username", "S") == names("ReadOnly", "false") == ["CreateVpc", "DeleteModel"]
    assert names("ReadOnly", "true") == names("Username", "nobody") == []
    newest = trail.find(None, 0, 9, 0, 1)[0]
    assert [row["name"] for row in trail.find(None, 0, 9, newest["number"], 9)] == ["DeleteModel"]
    assert json.loads(newest["event"])["errorCode"] == "X"


@pytest.mark.parametrize(
    ("service", "operation", "members", "secrets"),
    [
        ("ssm", "PutParameter", {"Name": "/p", "Value": "sesame"}, ["sesame"]),
        ("ec2", "RunInstances", {"UserData": "sesame", "ImageId": "ami-1"}, ["sesame"]),
        ("lambda", "CreateFunction", {"Environment": {"Variables": {"A": "sesame"}}, "FunctionName": "f"}, ["sesame"]),
        ("lambda", "CreateFunction", {"Code": {"ZipFile": b"sesame"}, "FunctionName": "f"}, ["sesame"]),
        ("iam", "CreateLoginProfile", {"UserName": "u", "Password": "sesame"}, ["sesame"]),
        ("sagemaker", "CreateTrainingJob", {"Environment": {"KEY": "sesame"}}, ["sesame"]),
        ("sagemaker", "CreateTrainingJob", {"HyperParameters": {"key": "sesame"}}, ["sesame"]),
        ("ssm", "SendCommand", {"Parameters": {"commands": ["echo sesame"]}, "DocumentName": "d"}, ["sesame"]),
        ("sagemaker", "CreateNotebookInstanceLifecycleConfig", {"OnStart": [{"Content": "sesame"}]}, ["sesame"]),
    ],
)
def test_secrets_are_never_kept(service: str, operation: str, members: dict[str, Any], secrets: list[str]) -> None:
    text = json.dumps(event_of(call_of(service, operation, members), None, "id", 0.0, []))
    assert HIDDEN in text
    assert not [secret for secret in secrets if secret in text]


def test_an_event_stays_small_and_shows_what_tags_say() -> None:
    members = {"ModelName": "m" * 9999, "Tags": [{"Key": "owner", "Value": "mary"}] * 900}
    text = json.dumps(event_of(call_of("sagemaker", "CreateModel", members), None, "id", 0.0, []))
    assert len(text) < 4000 and "mary" in text


def test_only_changes_of_resources_are_recorded() -> None:
    assert is_recorded(call_of("sagemaker", "CreateModel", {}))
    assert is_recorded(call_of("s3", "CreateBucket", {"Bucket": "b"}))
    for service, operation, members in [
        ("s3", "PutObject", {"Bucket": "b", "Key": "k"}),
        ("sagemaker", "DescribeModel", {}),
        ("sagemaker-runtime", "InvokeEndpoint", {}),
        ("lambda", "Invoke", {}),
        ("cloudwatch", "PutMetricData", {}),
    ]:
        assert not is_recorded(call_of(service, operation, members)), operation


def test_resources_are_named_as_aws_does() -> None:
    sagemaker = "arn:aws:sagemaker:us-east-1:1:endpoint-config/c"
    arns = [sagemaker, "arn:aws:iam::1:role/path/r", "arn:aws:lambda:us-east-1:1:function:f", "arn:aws:s3:::b"]
    assert resources_of([*arns, "arn:aws:ec2:us-east-1:1:instance/*"], None, "sagemaker") == [
        ("AWS::SageMaker::EndpointConfig", "c"),
        ("AWS::IAM::Role", "r"),
        ("AWS::Lambda::Function", "f"),
        ("AWS::S3::Bucket", "b"),
    ]
    made = {"Instances": [{"InstanceId": "i-0123456789", "VpcId": "vpc-0123456789"}]}
    assert ("AWS::EC2::Instance", "i-0123456789") in resources_of([], made, "ec2")


def test_two_at_once_then_two_a_second() -> None:
    now = [0.0]
    rate = Rate(2.0, lambda: now[0])
    assert [rate.take() for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [rate.take(), rate.take()] == [True, False]
    now[0] = 60.0
    assert [rate.take() for _ in range(3)] == [True, True, False]
