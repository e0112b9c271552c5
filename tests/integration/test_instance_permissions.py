"""Who may do what with instances: policies by type, tag, disk and profile, in AWS's words where they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.instances import DLAMI, PROFILE, InstanceAccount
from tests.helpers.people import ACCOUNT, Person, allow, refused
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration

EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PROFILE}"
PARAMETERS = allow("ssm:GetParameters", "arn:aws:ssm:us-east-1::parameter/aws/service/*")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceAccount]:
    with SandboxProcess(tmp_path_factory.mktemp("permissions") / "state") as sandbox:
        yield InstanceAccount(sandbox)


def request(**changes: Any) -> dict[str, Any]:
    whole = {"ImageId": DLAMI, "InstanceType": "t3.xlarge", "MinCount": 1, "MaxCount": 1, "DryRun": True, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def person(account: InstanceAccount, name: str, *statements: dict[str, Any]) -> Person:
    return Person(account, name, *statements)  # type: ignore[arg-type]


def test_nobody_launches_what_no_policy_allows(account: InstanceAccount) -> None:
    ec2 = person(account, "nobody", allow("ec2:Describe*", "*")).client("ec2")
    assert ec2.describe_instances()["Reservations"] == []
    code, message = refused(ec2.run_instances, **request())
    assert code == "UnauthorizedOperation"
    assert f"is not authorized to perform: ec2:RunInstances on resource: {EC2}:instance/*" in message


def test_a_launch_by_type_disk_and_metadata(account: InstanceAccount) -> None:
    small = {"StringLike": {"ec2:InstanceType": "t3.*"}, "StringEquals": {"ec2:MetadataHttpTokens": "required"}}
    ec2 = person(
        account,
        "careful",
        PARAMETERS,
        allow("ec2:RunInstances", f"{EC2}:instance/*", Condition=small),
        allow("ec2:RunInstances", f"{EC2}:volume/*", Condition={"Bool": {"ec2:Encrypted": "true"}}),
        allow("ec2:RunInstances", [f"{EC2}:{kind}/*" for kind in ("subnet", "security-group", "network-interface")]),
        allow("ec2:RunInstances", "arn:aws:ec2:us-east-1::image/*"),
    ).client("ec2")
    good = {
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 60, "Encrypted": True}}],
    }
    assert refused(ec2.run_instances, **request(**good))[0] == "DryRunOperation"
    for wrong in (
        {"InstanceType": "m5.large"},
        {"MetadataOptions": {"HttpTokens": "optional"}},
        {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 60}}]},
        {"IamInstanceProfile": {"Name": PROFILE}},
        {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]},
    ):
        assert refused(ec2.run_instances, **request(**{**good, **wrong}))[0] == "UnauthorizedOperation", wrong


def test_an_image_that_a_parameter_names_is_decided_about_by_its_id(account: InstanceAccount) -> None:
    allowed = account.ssm.get_parameter(Name=DLAMI.removeprefix("resolve:ssm:"))["Parameter"]["Value"]
    ubuntu = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    other = account.ssm.get_parameter(Name=ubuntu)["Parameter"]["Value"]
    account.ssm.put_parameter(Name="/images/other", Value=other, Type="String")
    others = [f"{EC2}:{kind}/*" for kind in ("instance", "volume", "network-interface", "subnet", "security-group")]
    reads = allow("ssm:GetParameters", "*")
    image = f"arn:aws:ec2:us-east-1::image/{allowed}"
    only = person(account, "onlyimage", reads, allow("ec2:RunInstances", [*others, image])).client("ec2")
    assert refused(only.run_instances, **request())[0] == "DryRunOperation"
    code, message = refused(only.run_instances, **request(ImageId="resolve:ssm:/images/other"))
    assert code == "UnauthorizedOperation" and f"image/{other}" in message
    deny = allow("ec2:RunInstances", image, effect="Deny")
    never = person(account, "notimage", reads, allow("ec2:*", "*"), deny).client("ec2")
    assert refused(never.run_instances, **request())[0] == "UnauthorizedOperation"
    assert refused(never.run_instances, **request(ImageId="resolve:ssm:/images/other"))[0] == "DryRunOperation"


def test_a_role_is_passed_on_only_by_who_may(account: InstanceAccount) -> None:
    everything = [PARAMETERS, allow("ec2:*", "*")]
    ec2 = person(account, "launcher", *everything).client("ec2")
    wanted = request(IamInstanceProfile={"Name": PROFILE})
    code, message = refused(ec2.run_instances, **wanted)
    assert code == "UnauthorizedOperation" and f"iam:PassRole on resource: {ROLE}" in message
    passes = allow("iam:PassRole", ROLE, Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})
    ec2 = person(account, "passer", *everything, passes).client("ec2")
    assert refused(ec2.run_instances, **wanted)[0] == "DryRunOperation"


def test_tags_decide_about_instances_and_their_commands(account: InstanceAccount) -> None:
    dogs = account.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "dogs"}]}])
    cats = account.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "cats"}]}])
    ours = {"StringEquals": {"aws:ResourceTag/team": "dogs"}}
    document = "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
    somebody = person(
        account,
        "dogs",
        allow(["ec2:StopInstances", "ec2:TerminateInstances"], f"{EC2}:instance/*", Condition=ours),
        allow("ssm:SendCommand", document),
        allow("ssm:SendCommand", f"{EC2}:instance/*", Condition={"StringEquals": {"ssm:resourceTag/team": "dogs"}}),
        allow(["ssm:GetCommandInvocation", "ssm:ListCommands"], "*"),
    )
    ec2, ssm = somebody.client("ec2"), somebody.client("ssm")
    send = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    sent = ssm.send_command(InstanceIds=[dogs], **send)["Command"]["CommandId"]
    account.wait_command(sent, dogs)
    assert ssm.get_command_invocation(CommandId=sent, InstanceId=dogs)["Status"] == "Success"
    code, message = refused(ssm.send_command, InstanceIds=[dogs, cats], **send)
    assert code == "AccessDeniedException" and f"{EC2}:instance/{cats}" in message
    assert refused(ssm.send_command, Targets=[{"Key": "tag:team", "Values": ["dogs"]}], **send)[0] == (
        "AccessDeniedException"
    )
    assert refused(ssm.cancel_command, CommandId=sent)[0] == "AccessDeniedException"
    assert refused(ec2.stop_instances, InstanceIds=[cats])[0] == "UnauthorizedOperation"
    assert refused(ec2.terminate_instances, InstanceIds=[dogs, cats])[0] == "UnauthorizedOperation"
    assert account.describe(dogs)["State"]["Name"] == "running"
    ec2.stop_instances(InstanceIds=[dogs])
    account.ec2.terminate_instances(InstanceIds=[dogs, cats])


def test_tags_at_the_launch_are_conditions(account: InstanceAccount) -> None:
    tagged = {"StringEquals": {"aws:RequestTag/owner": "me"}}
    at_launch = {"StringEquals": {"ec2:CreateAction": "RunInstances"}}
    others = [f"{EC2}:{kind}/*" for kind in ("subnet", "security-group", "network-interface", "volume")]
    ec2 = person(
        account,
        "tagger",
        PARAMETERS,
        allow("ec2:RunInstances", f"{EC2}:instance/*", Condition=tagged),
        allow("ec2:RunInstances", [*others, "arn:aws:ec2:us-east-1::image/*"]),
        allow("ec2:CreateTags", f"{EC2}:instance/*", Condition=at_launch),
    ).client("ec2")

    def with_tag(value: str) -> dict[str, Any]:
        return request(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "owner", "Value": value}]}])

    assert refused(ec2.run_instances, **with_tag("me"))[0] == "DryRunOperation"
    assert refused(ec2.run_instances, **with_tag("you"))[0] == "UnauthorizedOperation"
    assert refused(ec2.run_instances, **request())[0] == "UnauthorizedOperation"
    launched = account.launch(online=False)
    assert refused(ec2.create_tags, Resources=[launched], Tags=[{"Key": "owner", "Value": "me"}])[0] == (
        "UnauthorizedOperation"
    )
    account.ec2.terminate_instances(InstanceIds=[launched])
