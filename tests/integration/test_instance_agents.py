"""What SSM's agent may, when it answers, and what becomes of commands that it does not get or that outlive it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.instances import CORE, PROFILE, InstanceAccount
from tests.helpers.sagemaker_jobs import wait_for
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceAccount]:
    with SandboxProcess(tmp_path_factory.mktemp("agents") / "state") as sandbox:
        yield InstanceAccount(sandbox)


@pytest.fixture(scope="module")
def instance(account: InstanceAccount) -> str:
    """One instance that runs, for tests that leave it as it is."""
    return account.launch()


def test_without_a_profile_nobody_answers_until_it_has_one(account: InstanceAccount) -> None:
    alone = account.launch(online=False, IamInstanceProfile=None)
    account.wait_state(alone, "running")
    with pytest.raises(ClientError) as refused:
        account.send(alone, "true")
    assert refused.value.response["Error"]["Code"] == "InvalidInstanceId"
    assert account.ping(alone) == ""
    assert account.ssm.get_connection_status(Target=alone)["Status"] == "notconnected"
    account.ec2.associate_iam_instance_profile(InstanceId=alone, IamInstanceProfile={"Name": PROFILE})
    account.wait_online(alone)
    assert account.ssm.get_connection_status(Target=alone)["Status"] == "connected"
    account.ec2.terminate_instances(InstanceIds=[alone])


def test_five_at_once_the_sixth_waits(account: InstanceAccount, instance: str) -> None:
    account.run(instance, "mkfifo /root/gate")
    waiting = [account.send(instance, "cat /root/gate") for _ in range(5)]
    for command in waiting:
        account.wait_command(command, instance, "InProgress")
    sixth = account.send(instance, "echo at last")
    assert account.wait_command(sixth, instance, "Pending")["ResponseCode"] == -1
    account.ssm.cancel_command(CommandId=waiting[0])
    assert account.wait_command(sixth, instance)["StandardOutputContent"] == "at last\n"
    for command in waiting[1:]:
        account.ssm.cancel_command(CommandId=command)
        assert account.wait_command(command, instance)["Status"] == "Cancelled"
    listed = account.ssm.list_commands(InstanceId=instance, Filters=[{"key": "Status", "value": "Cancelled"}])
    assert {command["CommandId"] for command in listed["Commands"]} >= set(waiting)


def test_what_the_agent_may_not_receive_is_never_delivered(account: InstanceAccount, instance: str) -> None:
    account.iam.put_role_policy(
        RoleName=PROFILE,
        PolicyName="deaf",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Deny",
                    "Action": ["ec2messages:GetMessages", "ssmmessages:OpenControlChannel"],
                    "Resource": "*",
                },
            }
        ),
    )
    try:
        command = account.send(instance, "echo never")
        found = account.wait_command(command, instance, "Pending")
        assert (found["StatusDetails"], found["ExecutionStartDateTime"]) == ("Pending", "")
        account.ssm.cancel_command(CommandId=command)
        assert account.wait_command(command, instance)["Status"] == "Cancelled"
    finally:
        account.iam.delete_role_policy(RoleName=PROFILE, PolicyName="deaf")


def test_a_daemon_outlives_its_command_but_not_the_instance(account: InstanceAccount) -> None:
    host = account.launch()
    ended = account.run(
        host, "setsid sh -c 'echo $$ > /root/pid; exec sleep 1000' </dev/null >/dev/null 2>&1 & echo up"
    )
    assert ended["StandardOutputContent"] == "up\n"
    wait_for(lambda: account.run(host, "kill -0 $(cat /root/pid)")["Status"] == "Success")
    pid = account.run(host, "cat /root/pid")["StandardOutputContent"].strip()
    account.ec2.stop_instances(InstanceIds=[host])
    account.wait_state(host, "stopped")
    account.ec2.start_instances(InstanceIds=[host])
    account.wait_online(host)
    assert account.run(host, f"kill -0 {pid}")["Status"] == "Failed"
    account.ec2.terminate_instances(InstanceIds=[host])


def test_a_child_that_holds_the_output_holds_the_command(account: InstanceAccount, instance: str) -> None:
    account.run(instance, "rm -f /root/hold; mkfifo /root/hold")
    command = account.send(instance, "(cat /root/hold; echo late) & echo early")
    account.wait_command(command, instance, "InProgress")
    account.run(instance, "echo go > /root/hold")
    assert account.wait_command(command, instance)["StandardOutputContent"] == "early\ngo\nlate\n"


def test_194_restarts_the_instance_and_the_script(account: InstanceAccount) -> None:
    host = account.launch()
    ended = account.run(host, "if [ -f /root/again ]; then echo second; exit 0; fi", "touch /root/again", "exit 194")
    assert (ended["Status"], ended["StandardOutputContent"]) == ("Success", "second\n")
    account.ec2.terminate_instances(InstanceIds=[host])


def test_a_terminated_instance_never_says_how_its_command_ended(account: InstanceAccount) -> None:
    host = account.launch()
    command = account.send(host, "sleep 1000", parameters={"executionTimeout": ["3"]}, TimeoutSeconds=30)
    account.wait_command(command, host, "InProgress")
    account.ec2.terminate_instances(InstanceIds=[host])
    account.wait_state(host, "terminated")
    assert account.invocation(command, host)["Status"] == "InProgress"


def test_a_stop_under_a_command_has_failed_it_once_the_agent_is_back(account: InstanceAccount) -> None:
    host = account.launch()
    command = account.send(host, "echo begun; sleep 1000")
    account.wait_command(command, host, "InProgress")
    account.ec2.stop_instances(InstanceIds=[host], Force=True)
    account.wait_state(host, "stopped")
    assert account.invocation(command, host)["Status"] == "InProgress"
    account.ec2.start_instances(InstanceIds=[host])
    ended = account.wait_command(command, host)
    assert ended["Status"] == "Failed" and "was stopped" in ended["StandardErrorContent"]
    account.ec2.terminate_instances(InstanceIds=[host])


def test_targets_by_tag(account: InstanceAccount, instance: str) -> None:
    account.ec2.create_tags(Resources=[instance], Tags=[{"Key": "team", "Value": "dogs"}])

    def send(value: str) -> dict[str, Any]:
        answer: dict[str, Any] = account.ssm.send_command(
            DocumentName="AWS-RunShellScript",
            Targets=[{"Key": "tag:team", "Values": [value]}],
            Parameters={"commands": ["true"]},
        )["Command"]
        return answer

    assert send("cats")["StatusDetails"] == "NoInstancesInTag"
    sent = send("dogs")
    assert sent["TargetCount"] == 1
    assert account.wait_command(sent["CommandId"], instance)["Status"] == "Success"
    whole = account.ssm.list_commands(CommandId=sent["CommandId"])["Commands"][0]
    assert (whole["Status"], whole["CompletedCount"], whole["ErrorCount"]) == ("Success", 1, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceId"),
        ({"Targets": [{"Key": "tag:team", "Values": ["dogs"]}]}, "ValidationException"),
        ({"InstanceIds": []}, "ValidationException"),
        ({"DocumentName": "AWS-RunPowerShellScript"}, "UnsupportedPlatformType"),
        ({"DocumentName": "no-such"}, "InvalidDocument"),
        ({"Parameters": {"commands": ["true"], "executionTimeout": ["0"]}}, "InvalidParameters"),
        ({"OutputS3BucketName": "no-such-bucket"}, "InvalidOutputFolder"),
    ],
)
def test_commands_that_ssm_does_not_take(
    account: InstanceAccount, instance: str, changes: dict[str, Any], code: str
) -> None:
    request = {"DocumentName": "AWS-RunShellScript", "InstanceIds": [instance], "Parameters": {"commands": ["true"]}}
    before = len(account.ssm.list_commands(InstanceId=instance)["Commands"])
    with pytest.raises(ClientError) as refused:
        account.ssm.send_command(**{**request, **changes})
    assert refused.value.response["Error"]["Code"] == code
    assert len(account.ssm.list_commands(InstanceId=instance)["Commands"]) == before


def test_a_command_that_nobody_knows(account: InstanceAccount, instance: str) -> None:
    unknown = "12345678-1234-1234-1234-123456789012"
    assert account.invocation(unknown, instance) == {}
    for call in (account.ssm.cancel_command, account.ssm.list_commands):
        with pytest.raises(ClientError) as refused:
            call(CommandId=unknown)
        assert refused.value.response["Error"]["Code"] == "InvalidCommandId"


def test_the_metadata_service_gives_the_roles_keys_to_v2_alone(account: InstanceAccount, instance: str) -> None:
    script = """
base=$AWS_EC2_METADATA_SERVICE_ENDPOINT
curl -s -o /dev/null -w '%{http_code} ' $base/latest/meta-data/instance-id
curl -s -o /dev/null -w '%{http_code} ' -X PUT $base/latest/api/token
curl -s -o /dev/null -w '%{http_code} ' -X PUT -H 'X-Forwarded-For: 1.2.3.4' \\
  -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $base/latest/api/token
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
get() { curl -s -H "X-aws-ec2-metadata-token: $token" $base/latest/$1; }
get meta-data/instance-id; echo
get meta-data/iam/security-credentials/; echo
get meta-data/placement/region; echo
python3 -c 'import boto3; print(boto3.client("sts", region_name="us-east-1").get_caller_identity()["Arn"])'
"""
    account.ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="required")
    said = account.run(instance, script)["StandardOutputContent"].split("\n")
    assert said[0] == f"401 400 403 {instance}"
    assert said[1:3] == [PROFILE, "us-east-1"]
    assert said[3].endswith(f":assumed-role/{PROFILE}/{instance}")
    account.ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
    v1 = account.run(instance, "curl -s http://169.254.169.254/latest/meta-data/instance-id")
    assert v1["StandardOutputContent"] == instance


def test_keys_of_an_instance_end_with_it(account: InstanceAccount) -> None:
    host = account.launch()
    ended = account.run(
        host,
        "python3 -c 'import boto3; k = boto3.Session().get_credentials().get_frozen_credentials();"
        " print(k.access_key, k.secret_key, k.token)'",
    )
    key, secret, token = ended["StandardOutputContent"].split()
    keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
    sts = account.sandbox.client("sts", **keys)
    assert sts.get_caller_identity()["Arn"].endswith(host)
    account.ec2.terminate_instances(InstanceIds=[host])
    account.wait_state(host, "terminated")
    with pytest.raises(ClientError):
        sts.get_caller_identity()


def test_a_role_that_ec2_may_not_use_gives_no_keys(account: InstanceAccount) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    account.iam.create_role(RoleName="foreign", AssumeRolePolicyDocument=document)
    account.iam.attach_role_policy(RoleName="foreign", PolicyArn=CORE)
    account.iam.create_instance_profile(InstanceProfileName="foreign")
    account.iam.add_role_to_instance_profile(InstanceProfileName="foreign", RoleName="foreign")
    script = (
        "#!/bin/sh\ncurl -s $AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/iam/security-credentials/foreign\n"
        "echo; echo end of data\n"
    )
    host = account.launch(
        online=False,
        IamInstanceProfile={"Name": "foreign"},
        UserData=script,
        MetadataOptions={"HttpTokens": "optional"},
    )
    said = wait_for(lambda: text if "end of data" in (text := console(account, host)) else None)
    assert "AssumeRoleUnauthorizedAccess" in said and "SecretAccessKey" not in said
    assert account.ping(host) == ""
    account.ec2.terminate_instances(InstanceIds=[host])


def console(account: InstanceAccount, instance: str) -> str:
    """GetConsoleOutput's text."""
    return str(account.ec2.get_console_output(InstanceId=instance).get("Output", ""))
