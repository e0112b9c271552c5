"""What EC2 and Systems Manager are asked about: everything that instances are made of, and the role that they get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.core.account import ACCOUNT_ID
from sandbox.iam.needs import needs_of
from sandbox.wire.call import Call
from sandbox.wire.models import operation_model
from tests.helpers.calls import CALLER, NAMES, request_of

EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:"
SSM = f"arn:aws:ssm:us-east-1:{ACCOUNT_ID}:"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/path/strong"


def needs(
    service: str, operation: str, looked_up: Mapping[str, str] | None = None, **members: Any
) -> set[tuple[str, str]]:
    http, model = request_of(service, "POST", "/"), operation_model(service, operation)
    call = Call(service, operation, members, CALLER, "ec2", http, model, looked_up or {})
    return {(need.action, need.resource) for need in needs_of(call, NAMES) or ()}


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"ImageId": "ami-1"}, ("ec2:RunInstances", "arn:aws:ec2:us-east-1::image/ami-1")),
        ({"SubnetId": "subnet-1"}, ("ec2:RunInstances", EC2 + "subnet/subnet-1")),
        ({"NetworkInterfaces": [{"SubnetId": "subnet-2"}]}, ("ec2:RunInstances", EC2 + "subnet/subnet-2")),
        ({"NetworkInterfaces": [{"Groups": ["sg-2"]}]}, ("ec2:RunInstances", EC2 + "security-group/sg-2")),
        ({"SecurityGroupIds": ["sg-1"]}, ("ec2:RunInstances", EC2 + "security-group/sg-1")),
        ({"SecurityGroupIds": ["sg-1"], "SecurityGroups": ["n"]}, ("ec2:RunInstances", EC2 + "security-group/*")),
        ({"KeyName": "k"}, ("ec2:RunInstances", EC2 + "key-pair/k")),
        ({}, ("ec2:RunInstances", EC2 + "instance/*")),
        ({"IamInstanceProfile": {"Name": "strong"}}, ("iam:PassRole", ROLE)),
        (
            {"IamInstanceProfile": {"Arn": f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/strong"}},
            ("iam:PassRole", ROLE),
        ),
        (
            {"TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}]},
            ("ec2:CreateTags", EC2 + "volume/*"),
        ),
    ],
)
def test_a_launch_needs_all_that_it_uses(members: dict[str, Any], wanted: tuple[str, str]) -> None:
    assert wanted in needs("ec2", "RunInstances", MinCount=1, MaxCount=1, **members)


@pytest.mark.parametrize(("image", "looked_up"), [("ami-7", True), ("*", False)])
def test_an_image_that_a_parameter_names_is_asked_about_by_its_id(image: str, looked_up: bool) -> None:
    given = "resolve:ssm:/my/image"
    members = {"MinCount": 1, "MaxCount": 1, "ImageId": image if looked_up else given}
    asked = needs("ec2", "RunInstances", {"ImageId": given} if looked_up else {}, **members)
    assert ("ssm:GetParameters", SSM + "parameter/my/image") in asked
    images = {resource for _, resource in asked if ":image/" in resource}
    assert images == {f"arn:aws:ec2:us-east-1::image/{image}"}


def test_a_profile_that_is_put_on_later_is_passed_too() -> None:
    asked = needs("ec2", "AssociateIamInstanceProfile", InstanceId="i-1", IamInstanceProfile={"Name": "strong"})
    assert asked == {("ec2:AssociateIamInstanceProfile", EC2 + "instance/i-1"), ("iam:PassRole", ROLE)}


def test_tags_are_set_on_each_resource_by_its_kind() -> None:
    asked = needs("ec2", "CreateTags", Resources=["i-1", "vol-1", "strange-1"], Tags=[])
    assert asked == {("ec2:CreateTags", EC2 + name) for name in ("instance/i-1", "volume/vol-1", "*/strange-1")}


@pytest.mark.parametrize(
    ("members", "instances"),
    [
        ({"InstanceIds": ["i-1", "i-2"]}, {"i-1", "i-2"}),
        ({"Targets": [{"Key": "InstanceIds", "Values": ["i-1"]}]}, {"i-1"}),
        ({"Targets": [{"Key": "tag:team", "Values": ["a"]}]}, {"*"}),
        ({"InstanceIds": ["i-1"], "Targets": [{"Key": "tag:team", "Values": ["a"]}]}, {"i-1", "*"}),
        ({}, {"*"}),
    ],
)
def test_a_command_needs_its_document_and_each_instance(members: dict[str, Any], instances: set[str]) -> None:
    document = "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
    wanted = {("ssm:SendCommand", document)} | {("ssm:SendCommand", f"{EC2}instance/{name}") for name in instances}
    assert needs("ssm", "SendCommand", DocumentName="AWS-RunShellScript", **members) == wanted
    assert ("ssm:SendCommand", SSM + "document/mine") in needs("ssm", "SendCommand", DocumentName="mine", **members)


KEY = SSM + "parameter/app/key"


@pytest.mark.parametrize("name", ["/app/key", "app/key", "/app/key:3", KEY, f"{KEY}:3"])
def test_every_way_to_name_a_parameter_is_the_same_parameter(name: str) -> None:
    assert needs("ssm", "GetParameter", Name=name) == {("ssm:GetParameter", KEY)}
    assert needs("ssm", "GetParameters", Names=[name]) == {("ssm:GetParameters", KEY)}


def test_public_parameters_belong_to_no_account() -> None:
    asked = needs("ssm", "GetParametersByPath", Path="/aws/service/deeplearning")
    assert asked == {("ssm:GetParametersByPath", "arn:aws:ssm:us-east-1::parameter/aws/service/deeplearning")}
