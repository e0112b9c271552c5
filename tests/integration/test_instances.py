"""EC2 and SSM in a real sandbox process: instances that run, commands that run in them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from sandbox.core.walls import Enclosure
from tests.helpers.instances import BUCKET, DLAMI, PROFILE, InstanceAccount
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

WALLS = Enclosure(Path("/nowhere")).abilities().walls
READ = """
import os
for place in PLACES:
    try:
        print(os.path.getsize(place), os.listdir(place) if os.path.isdir(place) else len(open(place, "rb").read()))
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceAccount]:
    state = tmp_path_factory.mktemp("ec2") / "state"
    with SandboxProcess(state, environ={"SAGEDECK_EC2_NO_CAPACITY": "m5.large@us-east-1a c5.large"}) as sandbox:
        yield InstanceAccount(sandbox)


@pytest.fixture(scope="module")
def instance(account: InstanceAccount) -> str:
    """One instance that runs, for tests that leave it as it is."""
    return account.launch()


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_aws_cli_launches_runs_and_stops(account: InstanceAccount) -> None:
    environ = account.sandbox.shell_environ()

    def aws(*words: str) -> Any:
        argv = [sys.executable, "-m", "awscli", *words, "--output", "json"]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    ran = aws("ec2", "run-instances", "--image-id", DLAMI, "--instance-type", "t3.xlarge", "--count", "1",
              "--iam-instance-profile", f"Name={PROFILE}")  # fmt: skip
    instance = ran["Instances"][0]["InstanceId"]
    aws("ec2", "wait", "instance-running", "--instance-ids", instance)
    account.wait_online(instance)
    line = "commands=[\"echo trained with $(/opt/pytorch/bin/python -c 'print(6*7)')\"]"
    sent = aws("ssm", "send-command", "--document-name", "AWS-RunShellScript", "--instance-ids", instance,
               "--parameters", line)  # fmt: skip
    command = sent["Command"]["CommandId"]
    account.wait_command(command, instance)
    aws("ssm", "wait", "command-executed", "--command-id", command, "--instance-id", instance)
    got = aws("ssm", "get-command-invocation", "--command-id", command, "--instance-id", instance)
    assert (got["Status"], got["StandardOutputContent"]) == ("Success", "trained with 42\n")
    aws("ec2", "stop-instances", "--instance-ids", instance)
    stopped = account.wait_state(instance, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "User initiated (" in stopped["StateTransitionReason"]


def test_a_client_token_makes_one_instance(account: InstanceAccount) -> None:
    token = {"ClientToken": "once", "UserData": "#!/bin/sh\n"}
    first = account.launch(online=False, **token)
    assert account.launch(online=False, **token) == first
    assert refused(account.launch, online=False, ClientToken="once")[0] == "IdempotentParameterMismatch"
    account.ec2.terminate_instances(InstanceIds=[first])
    account.wait_state(first, "terminated")


def test_output_goes_to_s3_and_to_the_log(account: InstanceAccount, instance: str) -> None:
    wanted = {"CloudWatchLogGroupName": "/jobs", "CloudWatchOutputEnabled": True}
    command = account.send(
        instance,
        "i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; printf 'no end \\377'; echo bad >&2; exit 7",
        OutputS3BucketName=BUCKET,
        OutputS3KeyPrefix="out",
        CloudWatchOutputConfig=wanted,
    )
    ended = account.wait_command(command, instance)
    assert (ended["Status"], ended["ResponseCode"]) == ("Failed", 7)
    assert len(ended["StandardOutputContent"]) == 24_000
    assert ended["StandardErrorContent"] == "bad\nfailed to run commands: exit status 7"
    key = f"out/{command}/{instance}/awsrunShellScript/0.awsrunShellScript/stdout"
    whole = account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert whole == b"0123456789\n" * 3000 + b"no end \xff"
    stream = f"{command}/{instance}/aws-runShellScript/stdout"
    wait_for(lambda: account.log("/jobs", stream).endswith("no end \ufffd"))
    listed = account.ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"][0]
    output = listed["CommandPlugins"][0]["Output"]
    assert len(output) <= 2500 and "---Output truncated---" in output and "----------ERROR-------" in output


def test_a_command_sees_the_instances_paths(account: InstanceAccount, instance: str) -> None:
    said = account.run(instance, "pwd; echo 1 > /tmp/x; ls /tmp/x; python3 -c 'import os; print(os.getcwd())'; nope")
    assert said["StandardOutputContent"] == "/root\n/tmp/x\n/root\n"
    where = f"/var/lib/amazon/ssm/{instance}/document/orchestration/{said['CommandId']}/awsrunShellScript/"
    error = said["StandardErrorContent"]
    assert error.startswith(f"{where}0.awsrunShellScript/_script.sh: ") and "not found" in error


@pytest.mark.skipif(bool(WALLS), reason=WALLS)
def test_what_runs_on_an_instance_sees_its_disk_and_nothing_of_the_operator(
    account: InstanceAccount, instance: str
) -> None:
    state = account.sandbox.state
    places = [str(state / "ready.json"), str(state / "sandbox.db"), str(Path.home())]
    # Packed, so that the paths are not taken for the instance's own.
    code = base64.b64encode(f"PLACES = {places!r}\n{READ}".encode()).decode()
    said = account.run(instance, f"echo {code} | base64 -d > look.py", "python3 look.py", "ls look.py")
    assert said["StandardOutputContent"].splitlines() == [*["PermissionError"] * 3, "look.py"]


def test_a_cancel_kills_what_the_command_started(account: InstanceAccount, instance: str) -> None:
    command = account.send(instance, "sleep 1000 & echo $! > $HOME/child; sleep 1000; echo never")
    account.wait_command(command, instance, "InProgress")
    wait_for(lambda: account.run(instance, "cat $HOME/child")["Status"] == "Success")
    account.ssm.cancel_command(CommandId=command)
    ended = account.wait_command(command, instance)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == ("Cancelled", "Cancelled", 137)
    assert account.run(instance, "kill -0 $(cat $HOME/child)")["Status"] == "Failed"


def test_the_limit_of_a_command_is_its_own(account: InstanceAccount, instance: str) -> None:
    # Long enough for a shell to begin on a slow machine.
    ended = account.run(instance, "echo so far; sleep 1000", parameters={"executionTimeout": ["3"]})
    assert (ended["Status"], ended["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert (ended["ResponseCode"], ended["StandardOutputContent"]) == (137, "so far\n")


def test_an_instance_shuts_itself_down_after_the_reply(account: InstanceAccount) -> None:
    instance = account.launch(InstanceInitiatedShutdownBehavior="terminate")
    ended = account.run(instance, "systemd-run --on-active=1 /sbin/shutdown -h now; echo done")
    assert (ended["Status"], ended["StandardOutputContent"]) == ("Success", "done\n")
    gone = account.wait_state(instance, "terminated")
    assert gone["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert account.ping(instance) == ""


def test_a_stopped_instance_keeps_its_disk(account: InstanceAccount) -> None:
    instance = account.launch(UserData="#!/bin/sh\necho once >> /root/boots\n")
    account.run(instance, "echo kept > /root/mine")
    account.ec2.stop_instances(InstanceIds=[instance])
    account.wait_state(instance, "stopped")
    assert account.ping(instance) == "ConnectionLost"
    code, message = refused(lambda: account.send(instance, "true"))
    assert code == "InvalidInstanceId" and f"[[{instance}]] not in a valid state" in message
    account.ec2.start_instances(InstanceIds=[instance])
    account.wait_online(instance)
    assert account.run(instance, "cat /root/mine /root/boots")["StandardOutputContent"] == "kept\nonce\n"
    account.ec2.terminate_instances(InstanceIds=[instance])


def test_after_kill_minus_9_nothing_runs_and_everything_says_so(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "state") as sandbox:
        account = InstanceAccount(sandbox)
        instance = account.launch()
        command = account.send(instance, "echo begun; echo $$ > /root/pid; exec sleep 1000")
        account.wait_command(command, instance, "InProgress")
        pid = int(account.run(instance, "until cat /root/pid; do sleep 0.1; done")["StandardOutputContent"])
        assert psutil.pid_exists(pid)
        sandbox.restart()
        assert not psutil.pid_exists(pid)
        account.connect()
        found = account.describe(instance)
        assert found["State"]["Name"] == "stopped"
        assert "sandbox stopped" in found["StateReason"]["Message"]
        ended = account.invocation(command, instance)
        assert ended["Status"] == "Failed" and "sandbox stopped" in ended["StandardErrorContent"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"InstanceType": "t3.huge"}, "InvalidParameterValue", "Invalid value 't3.huge' for InstanceType."),
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound", "does not exist"),
        ({"ImageId": "nonsense"}, "InvalidAMIID.Malformed", 'Invalid id: "nonsense"'),
        ({"ImageId": "resolve:ssm:/no/such"}, "InvalidParameterValue", "/no/such"),
        ({"InstanceType": "c5.large"}, "InsufficientInstanceCapacity", "sufficient c5.large capacity"),
        ({"InstanceType": "t4g.xlarge"}, "InvalidParameterValue", "architecture 'arm64'"),
        ({"InstanceType": "p4d.24xlarge"}, "VcpuLimitExceeded", "more vCPU capacity than your current vCPU limit"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue", "Invalid IAM Instance Profile name"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue", "zone: [us-east-1z]"),
        ({"Placement": {"AvailabilityZone": "us-east-1e"}}, "Unsupported", "or choosing us-east-1a"),
        (
            {"InstanceType": "m5.large", "Placement": {"AvailabilityZone": "us-east-1a"}},
            "InsufficientInstanceCapacity",
            "not specifying an Availability Zone in your request or choosing us-east-1b",
        ),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound", "does not exist"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound", "does not exist"),
        ({"KeyName": "nokey"}, "InvalidKeyPair.NotFound", "'nokey'"),
        ({"DryRun": True}, "DryRunOperation", "would have succeeded"),
        ({"MinCount": 2}, "InvalidParameterValue", "maxCount"),
    ],
)
def test_run_instances_refuses_in_awss_words(
    account: InstanceAccount, changes: dict[str, Any], code: str, words: str
) -> None:
    found, message = refused(account.launch, online=False, **changes)
    assert found == code and words in message


def test_where_one_zone_is_full_another_is_taken(account: InstanceAccount) -> None:
    found = account.launch(online=False, InstanceType="m5.large")
    assert account.describe(found)["Placement"]["AvailabilityZone"] != "us-east-1a"
    account.ec2.terminate_instances(InstanceIds=[found])


def test_what_belongs_to_an_instance_is_shown(account: InstanceAccount, instance: str) -> None:
    ec2 = account.ec2
    shown = account.describe(instance)
    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (disk,) = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    assert (disk["VolumeId"], disk["Size"], disk["State"], disk["VolumeType"]) == (volume, 45, "in-use", "gp3")
    assert refused(ec2.delete_volume, VolumeId=volume)[0] == "VolumeInUse"
    (card,) = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])[
        "NetworkInterfaces"
    ]
    assert card["PrivateIpAddress"] == shown["PrivateIpAddress"]
    group = shown["SecurityGroups"][0]["GroupId"]
    assert refused(ec2.delete_security_group, GroupId=group)[0] == "DependencyViolation"
    (link,) = ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [instance]}])[
        "IamInstanceProfileAssociations"
    ]
    assert link["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{PROFILE}")
    health = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
    assert (health["InstanceStatus"]["Status"], health["SystemStatus"]["Status"]) == ("ok", "ok")


def test_tags_are_found_and_taken_away(account: InstanceAccount, instance: str) -> None:
    ec2 = account.ec2
    group = ec2.create_security_group(GroupName="tagged", Description="d")["GroupId"]
    ec2.create_tags(Resources=[instance, group], Tags=[{"Key": "colour", "Value": "red"}])
    tagged = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["colour"]}])["Tags"]
    assert {row["ResourceId"] for row in tagged} == {instance, group}
    found = ec2.describe_instances(Filters=[{"Name": "tag:colour", "Values": ["r*"]}])["Reservations"]
    assert [reservation["Instances"][0]["InstanceId"] for reservation in found] == [instance]
    ec2.delete_tags(Resources=[instance, group], Tags=[{"Key": "colour"}])
    assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["colour"]}])["Tags"] == []
    assert refused(ec2.create_tags, Resources=["i-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "b"}])[0] == (
        "InvalidInstanceID.NotFound"
    )


def test_attributes_are_changed_one_by_one(account: InstanceAccount) -> None:
    ec2 = account.ec2
    launched = account.launch(online=False, DisableApiTermination=True)
    assert refused(ec2.terminate_instances, InstanceIds=[launched])[0] == "OperationNotPermitted"
    account.wait_state(launched, "running")
    changed = {"InstanceId": launched, "InstanceType": {"Value": "t3.large"}}
    assert refused(ec2.modify_instance_attribute, **changed)[0] == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[launched])
    account.wait_state(launched, "stopped")
    ec2.modify_instance_attribute(**changed)
    ec2.modify_instance_attribute(InstanceId=launched, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    ec2.modify_instance_attribute(InstanceId=launched, DisableApiTermination={"Value": False})
    read = ec2.describe_instance_attribute(InstanceId=launched, Attribute="instanceInitiatedShutdownBehavior")
    assert read["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert account.describe(launched)["InstanceType"] == "t3.large"
    ec2.modify_instance_attribute(InstanceId=launched, InstanceType={"Value": "c5.large"})
    assert refused(ec2.start_instances, InstanceIds=[launched])[0] == "InsufficientInstanceCapacity"
    full = account.describe(launched)
    assert (full["State"]["Name"], full["StateReason"]["Code"]) == ("stopped", "Server.InsufficientInstanceCapacity")
    ended = ec2.terminate_instances(InstanceIds=[launched])["TerminatingInstances"][0]
    assert ended["PreviousState"]["Name"] == "stopped"
    account.wait_state(launched, "terminated")


def test_an_instance_terminated_while_it_boots_leaves_nothing(account: InstanceAccount) -> None:
    launched = account.launch(online=False)
    account.ec2.terminate_instances(InstanceIds=[launched])
    account.wait_state(launched, "terminated")
    wait_for(lambda: not (account.sandbox.state / "instances" / launched).exists())


def test_a_network_that_is_not_there_is_missed(account: InstanceAccount) -> None:
    ec2, vpc = account.ec2, "vpc-0123456789abcdef0"
    group = {"GroupName": "g", "Description": "d", "VpcId": vpc}
    assert refused(ec2.create_security_group, **group)[0] == "InvalidVpcID.NotFound"
    assert refused(ec2.modify_vpc_attribute, VpcId=vpc, EnableDnsSupport={"Value": True})[0] == "InvalidVpcID.NotFound"
    assert refused(ec2.modify_subnet_attribute, SubnetId="subnet-0123456789abcdef0")[0] == "InvalidSubnetID.NotFound"
    group["VpcId"] = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    ec2.delete_security_group(GroupId=ec2.create_security_group(**group)["GroupId"])


def test_without_a_default_vpc_a_subnet_must_be_named(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "state") as sandbox:
        account = InstanceAccount(sandbox)
        ec2 = account.ec2
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        for subnet in ec2.describe_subnets()["Subnets"]:
            ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        ec2.delete_vpc(VpcId=vpc)
        assert refused(account.launch, online=False)[0] == "VPCIdNotSpecified"
        ec2.create_default_vpc()
        account.launch()
