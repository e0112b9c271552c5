"""What an instance may do and who may reach it, to the letter, and launching it exactly once (against moto)."""

from __future__ import annotations

import asyncio
import json

import pytest
from moto import mock_aws
from moto.iam import models as iam_models

from workers.aws.creating import as_one
from workers.aws.session import AwsSession
from workers.compute.access import InstanceAccess, profile_name, ssh_problem
from workers.compute.images import Images
from workers.compute.launch import Launches, run_request, user_data
from workers.compute.preflight import Preflight, quota_code
from workers.compute.types import Image, InstanceSpec
from workers.errors.tree import Conflict, InvalidInput, NotFound, SageDeckError, Unreachable
from workers.types import Backend

BUCKET = "dog-photos"
POLICY = "AmazonSSMManagedInstanceCore"
IMAGE = Image("ami-12c6146b", "Deep Learning", root_device="/dev/sda1")
SPEC = InstanceSpec("trainer", IMAGE, "t3.xlarge", BUCKET)


@pytest.fixture(scope="module")
def attached_policy():
    """The one of AWS's own policies that an instance gets: moto reads all 1,600 again before and after each test."""
    return json.dumps({POLICY: json.loads(iam_models.aws_managed_policies_data)[POLICY]})


@pytest.fixture
def session(monkeypatch, attached_policy):
    def no_more_images(name):
        raise FileNotFoundError(name)

    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    monkeypatch.setattr(iam_models, "aws_managed_policies_data", attached_policy)
    monkeypatch.setattr("moto.ec2.models.amis.load_resource", no_more_images)
    with mock_aws():
        made = AwsSession(Backend("aws", "test", "us-east-1", access_key_id="AKIAEXAMPLE", secret_access_key="secret"))
        yield made
        made.close()


def launches(session):
    access = InstanceAccess(session)
    return Launches(session, access, Preflight(session, Images(session), access))


def instances(session):
    async def read():
        answer = await session.call("ec2", "describe_instances")
        return [item for reservation in answer["Reservations"] for item in reservation["Instances"]]

    return asyncio.run(read())


def call(session, service, operation, **parameters):
    return asyncio.run(session.call(service, operation, **parameters))


def test_role_and_profile_hold_exactly_what_a_job_needs(session):
    identity = asyncio.run(launches(session).launch(SPEC))

    name = profile_name(BUCKET)
    role = call(session, "iam", "get_role", RoleName=name)["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    attached = call(session, "iam", "list_attached_role_policies", RoleName=name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]
    assert call(session, "iam", "list_role_policies", RoleName=name)["PolicyNames"] == ["sagedeck"]
    document = call(session, "iam", "get_role_policy", RoleName=name, PolicyName="sagedeck")["PolicyDocument"]
    allowed = {
        (action, resource)
        for statement in document["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    log = "arn:aws:logs:us-east-1:123456789012:log-group:/sagedeck/ec2"
    written = f"arn:aws:s3:::{BUCKET}/sagedeck/ec2/*"
    assert allowed == {
        ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
        ("s3:GetBucketLocation", f"arn:aws:s3:::{BUCKET}"),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"),
        ("s3:PutObject", written),
        ("s3:AbortMultipartUpload", written),
        ("s3:ListMultipartUploadParts", written),
        ("logs:DescribeLogGroups", "*"),
        ("cloudwatch:PutMetricData", "*"),
        *(
            (f"logs:{action}", resource)
            for action in ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
            for resource in (log, f"{log}:*")
        ),
    }
    metrics = next(statement for statement in document["Statement"] if "cloudwatch:" in str(statement["Action"]))
    assert metrics["Condition"] == {"StringEquals": {"cloudwatch:namespace": "CWAgent"}}
    profile = call(session, "iam", "get_instance_profile", InstanceProfileName=name)["InstanceProfile"]
    assert [found["RoleName"] for found in profile["Roles"]] == [name]
    assert instances(session)[0]["InstanceId"] == identity


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_the_security_group_lets_nothing_in(session):
    asyncio.run(launches(session).launch(SPEC))

    used = instances(session)[0]["SecurityGroups"]
    groups = call(session, "ec2", "describe_security_groups", GroupIds=[group["GroupId"] for group in used])
    assert [(group["GroupName"], group["IpPermissions"]) for group in groups["SecurityGroups"]] == [
        ("sagedeck-no-inbound", [])
    ]


def test_ssh_is_open_to_one_address_and_to_nothing_else(session):
    asyncio.run(launches(session).launch(InstanceSpec("t", IMAGE, "t3.xlarge", BUCKET, ssh_from="203.0.113.7/32")))

    used = instances(session)[0]["SecurityGroups"]
    groups = call(session, "ec2", "describe_security_groups", GroupIds=[group["GroupId"] for group in used])
    (rule,) = groups["SecurityGroups"][0]["IpPermissions"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 22, 22)
    assert [item["CidrIp"] for item in rule["IpRanges"]] == ["203.0.113.7/32"]
    assert not rule.get("Ipv6Ranges") and not rule.get("UserIdGroupPairs")


@pytest.mark.parametrize("wide", ["0.0.0.0/0", "203.0.113.0/24", "::/0", "my house", "203.0.113.7/31"])
def test_ssh_is_never_wider(session, wide):
    assert ssh_problem(wide)
    with pytest.raises(InvalidInput):
        asyncio.run(launches(session).launch(InstanceSpec("t", IMAGE, "t3.xlarge", BUCKET, ssh_from=wide)))
    assert instances(session) == []


def test_a_group_that_somebody_has_opened_is_not_used(session):
    asyncio.run(launches(session).launch(SPEC))
    group = instances(session)[0]["SecurityGroups"][0]["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 8888, "ToPort": 8888, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    call(session, "ec2", "authorize_security_group_ingress", GroupId=group, IpPermissions=[rule])

    with pytest.raises(Conflict, match=r"port 8888 from 0\.0\.0\.0/0"):
        asyncio.run(launches(session).launch(SPEC))
    assert len(instances(session)) == 1


def test_what_run_instances_is_asked_for():
    async def made(attempt):
        return run_request(SPEC, "profile", "sg-1", attempt), attempt.token

    request, token = asyncio.run(as_one(made, "test"))
    assert request["ClientToken"] == token
    assert request["MetadataOptions"]["HttpTokens"] == "required"
    assert request["BlockDeviceMappings"][0]["Ebs"] == {
        "VolumeSize": 60,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    assert request["UserData"] == user_data(240) == "#!/bin/sh\nshutdown -h +240\n"
    assert {spec["ResourceType"] for spec in request["TagSpecifications"]} == {"instance", "volume"}
    assert (request["MinCount"], request["MaxCount"], request["InstanceInitiatedShutdownBehavior"]) == (1, 1, "stop")


def test_a_lost_answer_of_run_instances_makes_one_instance(session, monkeypatch):
    real = AwsSession.call

    async def losing(self, service, operation, /, doing="", **parameters):
        answer = await real(self, service, operation, doing, **parameters)
        if operation == "run_instances":
            raise Unreachable("No answer", "The answer was lost.")
        return answer

    monkeypatch.setattr(AwsSession, "call", losing)
    identity = asyncio.run(launches(session).launch(SPEC))
    assert [item["InstanceId"] for item in instances(session)] == [identity]


def test_a_refused_launch_leaves_nothing(session, monkeypatch):
    real = AwsSession.call

    async def refusing(self, service, operation, /, doing="", **parameters):
        if operation == "run_instances":
            raise Conflict("No capacity", "We do not have sufficient capacity.", code="InsufficientInstanceCapacity")
        return await real(self, service, operation, doing, **parameters)

    monkeypatch.setattr(AwsSession, "call", refusing)
    with pytest.raises(Conflict):
        asyncio.run(launches(session).launch(SPEC))
    with pytest.raises(NotFound):
        call(session, "iam", "get_role", RoleName=profile_name(BUCKET))
    with pytest.raises(NotFound):
        call(session, "iam", "get_instance_profile", InstanceProfileName=profile_name(BUCKET))
    groups = call(session, "ec2", "describe_security_groups")["SecurityGroups"]
    assert "sagedeck-no-inbound" not in [group["GroupName"] for group in groups]


def test_without_a_default_vpc_it_says_what_to_do_and_can_make_one(session):
    for vpc in call(session, "ec2", "describe_vpcs")["Vpcs"]:
        for subnet in call(session, "ec2", "describe_subnets")["Subnets"]:
            call(session, "ec2", "delete_subnet", SubnetId=subnet["SubnetId"])
        call(session, "ec2", "delete_vpc", VpcId=vpc["VpcId"])

    async def story():
        access = InstanceAccess(session)
        preflight = Preflight(session, Images(session), access)
        before = {check.id: check for check in await preflight.run(SPEC)}
        with pytest.raises(SageDeckError) as told:
            await Launches(session, access, preflight).launch(SPEC)
        await preflight.create_default_vpc()
        after = {check.id: check for check in await preflight.run(SPEC)}
        return before["network"], told.value, after["network"]

    before, error, after = asyncio.run(story())
    assert (before.state, before.fix) == ("missing", "create_default_vpc")
    assert error.code == "VPCIdNotSpecified" and "default VPC" in str(error)
    assert after.state == "ok"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("t3.xlarge", "L-1216C47A"),
        ("m5.large", "L-1216C47A"),
        ("g4dn.xlarge", "L-DB2E81BA"),
        ("vt1.3xlarge", "L-DB2E81BA"),
        ("p3.2xlarge", "L-417A185B"),
    ],
)
def test_a_type_counts_against_the_quota_of_its_family(name, code):
    assert quota_code(name) == code
