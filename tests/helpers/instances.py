"""EC2 in tests: an account with an instance profile that SSM accepts, and short ways to launch and to run commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
DLAMI = "resolve:ssm:/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04/latest/ami-id"
BUCKET = "instance-bucket"
PROFILE = "instances"
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")


class InstanceAccount:
    """A sandbox with a bucket, a role that instances may use, and clients."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.connect()
        self.s3.create_bucket(Bucket=BUCKET)
        self.iam.create_role(RoleName=PROFILE, AssumeRolePolicyDocument=json.dumps(TRUST))
        self.iam.attach_role_policy(RoleName=PROFILE, PolicyArn=CORE)
        self.allow("s3:*", "logs:*", "cloudwatch:PutMetricData")
        self.iam.create_instance_profile(InstanceProfileName=PROFILE)
        self.iam.add_role_to_instance_profile(InstanceProfileName=PROFILE, RoleName=PROFILE)

    def connect(self) -> None:
        """Make the clients (again, after a restart)."""
        client = self.sandbox.client
        self.ec2, self.ssm, self.iam = client("ec2"), client("ssm"), client("iam")
        self.s3, self.logs, self.cloudwatch = client("s3"), client("logs"), client("cloudwatch")

    def allow(self, *actions: str) -> None:
        """What the instances' role may do beside SSM's own."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.iam.put_role_policy(RoleName=PROFILE, PolicyName="more", PolicyDocument=json.dumps(document))

    def launch(self, *, online: bool = True, **changes: Any) -> str:
        """Launch one t3.xlarge from a Deep Learning AMI; returns its id, once it takes commands."""
        request = {
            "ImageId": DLAMI,
            "InstanceType": "t3.xlarge",
            "MinCount": 1,
            "MaxCount": 1,
            "IamInstanceProfile": {"Name": PROFILE},
            **changes,
        }
        answer = self.ec2.run_instances(**{name: value for name, value in request.items() if value is not None})
        instance = str(answer["Instances"][0]["InstanceId"])
        if online:
            self.wait_online(instance)
        return instance

    def wait_online(self, instance: str) -> None:
        """Until the SSM agent answers."""
        wait_for(lambda: self.ping(instance) == "Online")

    def ping(self, instance: str) -> str:
        """PingStatus; empty when SSM does not know the instance."""
        wanted = [{"Key": "InstanceIds", "Values": [instance]}]
        found = self.ssm.describe_instance_information(Filters=wanted)["InstanceInformationList"]
        return str(found[0]["PingStatus"]) if found else ""

    def describe(self, instance: str) -> dict[str, Any]:
        """DescribeInstances of one."""
        answer = self.ec2.describe_instances(InstanceIds=[instance])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found

    def wait_state(self, instance: str, state: str) -> dict[str, Any]:
        """The description once the instance is in ``state``."""
        found: dict[str, Any] = wait_for(
            lambda: seen if (seen := self.describe(instance))["State"]["Name"] == state else None, 60
        )
        return found

    def send(self, instance: str, *lines: str, parameters: dict[str, Sequence[str]] | None = None, **more: Any) -> str:
        """SendCommand; the command's id."""
        answer = self.ssm.send_command(
            DocumentName="AWS-RunShellScript",
            InstanceIds=[instance],
            Parameters={"commands": list(lines), **(parameters or {})},
            **more,
        )
        return str(answer["Command"]["CommandId"])

    def invocation(self, command: str, instance: str) -> dict[str, Any]:
        """GetCommandInvocation; empty while SSM does not know it."""
        try:
            answer: dict[str, Any] = self.ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except self.ssm.exceptions.InvocationDoesNotExist:
            return {}
        return answer

    def wait_command(self, command: str, instance: str, *statuses: str) -> dict[str, Any]:
        """The invocation once it is in one of ``statuses`` (default: ended)."""
        wanted = statuses or ENDED
        found: dict[str, Any] = wait_for(
            lambda: seen if (seen := self.invocation(command, instance)).get("Status") in wanted else None, 60
        )
        return found

    def run(self, instance: str, *lines: str, **more: Any) -> dict[str, Any]:
        """Send a command and wait for its end."""
        return self.wait_command(self.send(instance, *lines, **more), instance)

    def log(self, group: str, prefix: str) -> str:
        """All text in the streams of a group whose names begin with ``prefix``."""
        try:
            pages = self.logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, logStreamNamePrefix=prefix
            )
            return "\n".join(event["message"] for page in pages for event in page["events"])
        except self.logs.exceptions.ResourceNotFoundException:
            return ""
