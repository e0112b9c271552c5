"""An account of a real sandbox made unsafe: it is found, mended by what was shown, gone, and in the event history."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.helpers.functions import ECHO, TRUST, zipped
from tests.helpers.sandbox import SandboxProcess
from workers.errors.tree import Conflict
from workers.security.buckets import BlockPublicAccess
from workers.security.groups import CloseRule, OpenRule
from workers.security.types import Finding, Report
from workers.services import Services

pytestmark = pytest.mark.integration

SECRET = "hunter2horse"
FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
ANYBODY_HERE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    ],
}


def found(report: Report, check: str, name: str = "") -> list[Finding]:
    return [finding for finding in report.findings if finding.check == check and name in ("", finding.resource.name)]


@pytest.fixture(scope="module")
def group(sandbox: SandboxProcess) -> str:
    """The account made unsafe; the id of its open security group."""
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = str(ec2.create_security_group(GroupName="wide", Description="open", VpcId=vpc)["GroupId"])
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
    iam.create_role(RoleName="dogs", AssumeRolePolicyDocument=json.dumps(ANYBODY_HERE))
    iam.attach_role_policy(RoleName="dogs", PolicyArn=FULL)
    iam.create_role(RoleName="predict", AssumeRolePolicyDocument=json.dumps(TRUST))
    sandbox.client("lambda").create_function(
        FunctionName="predict",
        Runtime="python3.12",
        Role=iam.get_role(RoleName="predict")["Role"]["Arn"],
        Handler="code.handler",
        Code={"ZipFile": zipped(ECHO)},
        Environment={"Variables": {"DB_PASSWORD": SECRET, "ENDPOINT_NAME": "dogs"}},
    )
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="wide-open")
    s3.delete_public_access_block(Bucket="wide-open")
    sandbox.client("logs").create_log_group(logGroupName="/for/ever")
    return made


@pytest.fixture(scope="module")
def report(group: str, services: Services, runner: asyncio.Runner) -> Report:
    return runner.run(services.security.look())


def test_what_is_unsafe_is_found(report: Report, group: str) -> None:
    for check, name in (
        ("iam_root_mfa_enabled", "<root_account>"),
        ("ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22", group),
        ("sagemaker_full_access_policy_attached", "dogs"),
        ("awslambda_function_no_secrets_in_variables", "predict"),
        ("sagedeck_function_without_reserved_concurrency", "predict"),
        ("s3_bucket_level_public_access_block", "wide-open"),
        ("sagedeck_log_group_without_retention", "/for/ever"),
    ):
        assert len(found(report, check, name)) == 1, check
    assert SECRET not in repr(report)
    assert report.account == "123456789012"


def test_what_the_sandbox_does_not_offer_is_not_checked(report: Report) -> None:
    assert all(entry.why for entry in report.not_checked)
    unmade = {entry.check for entry in report.not_checked if not entry.resources}
    assert unmade & {check for check, number in report.looked.items() if number} == set()


@pytest.mark.parametrize(
    "check",
    [
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
        "sagedeck_function_without_reserved_concurrency",
        "s3_bucket_level_public_access_block",
        "sagedeck_log_group_without_retention",
    ],
)
def test_a_fix_ends_its_finding(report: Report, services: Services, runner: asyncio.Runner, check: str) -> None:
    for finding in found(report, check):
        assert finding.change is not None
        runner.run(services.security.apply(finding.change))
        after = runner.run(services.security.look([finding.area]))
        assert not found(after, check, finding.resource.name)
        with pytest.raises(Conflict, match="changed meanwhile"):
            runner.run(services.security.apply(finding.change))


def test_a_fix_of_what_was_never_so_changes_nothing(
    sandbox: SandboxProcess, services: Services, group: str, runner: asyncio.Runner
) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    sandbox.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    described = CloseRule(group, "wide", OpenRule("tcp", 443, 443, "0.0.0.0/0", "another text"))
    for change in (described, BlockPublicAccess("wide-open", ())):
        with pytest.raises(Conflict):
            runner.run(services.security.apply(change))
    (kept,) = sandbox.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert [permission["FromPort"] for permission in kept["IpPermissions"]] == [443]


def test_a_role_keeps_what_it_used_and_loses_the_rest(
    sandbox: SandboxProcess, services: Services, report: Report, runner: asyncio.Runner
) -> None:
    arn = sandbox.client("iam").get_role(RoleName="dogs")["Role"]["Arn"]
    keys: dict[str, Any] = sandbox.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    as_role = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    sandbox.client("sagemaker", **as_role).list_models()
    sandbox.client("ec2", **as_role).describe_vpcs()
    use = runner.run(services.security.role_use("dogs"))
    assert {service.namespace for service in use.used} == {"sagemaker", "ec2"}
    assert len(use.services) > 5
    assert use.change is not None and use.change.document is not None
    runner.run(services.security.apply(use.change))
    sandbox.client("sagemaker", **as_role).list_models()
    sandbox.client("ec2", **as_role).describe_vpcs()
    with pytest.raises(Exception, match="not authorized"):
        sandbox.client("ecr", **as_role).describe_repositories()
    after = runner.run(services.security.look(["roles and users"]))
    assert not found(after, "sagemaker_full_access_policy_attached")
    assert runner.run(services.security.role_use("dogs")).change is None


def test_what_was_done_is_in_the_event_history(services: Services, group: str, runner: asyncio.Runner) -> None:
    page = runner.run(services.trail.page(group))
    assert "AuthorizeSecurityGroupIngress" in [event.name for event in page.events]
    everything = runner.run(services.trail.page())
    assert all(event.changes for event in everything.events)
    assert SECRET not in repr(everything)
    made = runner.run(services.trail.page("predict")).events
    assert {"CreateFunction"} <= {event.name.removesuffix("20150331") for event in made}
    assert max(event.at for event in made) - min(event.at for event in made) < timedelta(hours=1)
