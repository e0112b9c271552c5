"""Where instances come to lie, and which of them reach SSM."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sandbox.ec2.network import Network
from sandbox.ec2.records import Instance
from sandbox.wire.errors import AwsError

OPEN = "0.0.0.0/0"


class Account:
    """moto's answers about a VPC, which tests change; ``made`` is what was changed through it."""

    def __init__(self) -> None:
        self.vpcs = [{"VpcId": "vpc-1", "IsDefault": True}]
        self.subnets = [
            {"SubnetId": f"subnet-{zone}", "VpcId": "vpc-1", "AvailabilityZone": f"us-east-1{zone}",
             "MapPublicIpOnLaunch": True, "CidrBlock": "172.31.0.0/20"}
            for zone in "ab"
        ]  # fmt: skip
        self.groups = [
            {"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1", "IpPermissionsEgress": [{"IpProtocol": "-1"}]}
        ]
        self.tables: list[dict[str, Any]] = [
            {"RouteTableId": "rtb-1", "Associations": [{"Main": True}], "Routes": [{"GatewayId": "local"}]}
        ]
        self.gateways: list[dict[str, Any]] = []
        self.endpoints: list[dict[str, Any]] = []
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.kept: dict[str, str] = {}

    def __call__(self, service: str, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        if not operation.startswith("Describe"):
            self.made.append((operation, members))
            if operation == "CreateRoute":
                self.tables[0]["Routes"].append(members)
            return {"InternetGateway": {"InternetGatewayId": "igw-1"}}
        found = {
            "DescribeVpcs": ("Vpcs", self.vpcs),
            "DescribeSubnets": ("Subnets", self.subnets),
            "DescribeSecurityGroups": ("SecurityGroups", self.groups),
            "DescribeRouteTables": ("RouteTables", self.tables),
            "DescribeInternetGateways": ("InternetGateways", self.gateways),
            "DescribeVpcEndpoints": ("VpcEndpoints", self.endpoints),
            "DescribeAvailabilityZones": ("AvailabilityZones", [{"ZoneName": f"us-east-1{zone}"} for zone in "ab"]),
        }
        member, rows = found[operation]
        wanted = members.get("SubnetIds")
        return {member: [row for row in rows if not wanted or row["SubnetId"] in wanted]}

    def setting(self, name: str) -> str | None:
        return self.kept.get(name)

    def set_setting(self, name: str, value: str) -> None:
        self.kept[name] = value


@pytest.fixture
def account() -> Account:
    return Account()


def network(account: Account) -> Network:
    return Network(account, cast("Any", account))


def instance(public: str = "3.208.0.9") -> Instance:
    facts: dict[str, Any] = {"id": "i-1", "reservation": "r-1", "launched": 0, "image": "ami-1", "zone": "us-east-1a"}
    facts |= {"subnet": "subnet-a", "vpc": "vpc-1", "groups": [{"GroupId": "sg-1", "GroupName": "default"}]}
    return Instance(type="t3.large", private_ip="172.31.0.9", public_ip=public, **facts)


def test_the_default_vpc_gets_its_gateway_once(account: Account) -> None:
    found = network(account)
    for _ in range(2):
        found.complete_default_vpc()
    assert [operation for operation, _ in account.made] == [
        "CreateInternetGateway",
        "AttachInternetGateway",
        "CreateRoute",
    ]
    assert found.reaches_ssm(instance())


def test_a_gateway_that_the_operator_took_away_stays_away(account: Account) -> None:
    found = network(account)
    found.complete_default_vpc()
    account.tables[0]["Routes"].pop()
    account.made.clear()
    found.complete_default_vpc()
    assert account.made == [] and not found.reaches_ssm(instance())


@pytest.mark.parametrize(
    ("route", "public", "reaches"),
    [
        ({"DestinationCidrBlock": OPEN, "GatewayId": "igw-1"}, "3.208.0.9", True),
        ({"DestinationCidrBlock": OPEN, "GatewayId": "igw-1"}, "", False),
        ({"DestinationCidrBlock": OPEN, "NatGatewayId": "nat-1"}, "", True),
        ({"DestinationCidrBlock": OPEN, "NatGatewayId": "nat-1", "State": "blackhole"}, "", False),
        ({"DestinationCidrBlock": "10.0.0.0/8", "GatewayId": "igw-1"}, "3.208.0.9", False),
    ],
)
def test_the_way_to_ssm(account: Account, route: dict[str, str], public: str, reaches: bool) -> None:
    account.tables[0]["Routes"] = [route]
    assert network(account).reaches_ssm(instance(public)) == reaches


def test_an_endpoint_is_a_way_too(account: Account) -> None:
    account.endpoints = [{"ServiceName": "com.amazonaws.us-east-1.ssm"}]
    assert network(account).reaches_ssm(instance(""))


@pytest.mark.parametrize(
    ("rules", "reaches"),
    [
        ([], False),
        ([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}], True),
        ([{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}], False),
        ([{"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535}], False),
    ],
)
def test_a_group_must_let_https_out(account: Account, rules: list[dict[str, Any]], reaches: bool) -> None:
    account.endpoints = [{"ServiceName": "com.amazonaws.us-east-1.ssm"}]
    account.groups[0]["IpPermissionsEgress"] = rules
    assert network(account).reaches_ssm(instance()) == reaches


def test_a_subnets_own_routes_go_before_the_main_ones(account: Account) -> None:
    account.tables[0]["Routes"] = [{"DestinationCidrBlock": OPEN, "GatewayId": "igw-1"}]
    account.tables.append({"RouteTableId": "rtb-2", "Associations": [{"SubnetId": "subnet-a"}], "Routes": []})
    assert not network(account).reaches_ssm(instance())


def test_the_zone_that_offers_the_type_is_taken(account: Account) -> None:
    assert network(account).place({}, lambda zone: zone == "us-east-1b").subnet == "subnet-b"
    assert network(account).place({"SubnetId": "subnet-a"}, lambda zone: False).subnet == "subnet-a"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"SubnetId": "subnet-z"}, "InvalidSubnetID.NotFound"),
        ({"SubnetId": "subnet-a", "Placement": {"AvailabilityZone": "us-east-1b"}}, "InvalidParameterValue"),
        ({"Placement": {"AvailabilityZone": "us-east-1q"}}, "InvalidParameterValue"),
        ({"SecurityGroupIds": ["sg-9"]}, "InvalidGroup.NotFound"),
        ({"SecurityGroups": ["others"]}, "InvalidGroup.NotFound"),
    ],
)
def test_places_that_are_not_there(account: Account, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        network(account).place(request_, lambda zone: True)
    assert refused.value.code == code


def test_without_a_default_vpc_there_is_no_place(account: Account) -> None:
    account.vpcs = []
    with pytest.raises(AwsError) as refused:
        network(account).place({}, lambda zone: True)
    assert refused.value.code == "VPCIdNotSpecified"


def test_a_public_address_only_where_it_is_wanted(account: Account) -> None:
    card = {"DeviceIndex": 0, "AssociatePublicIpAddress": False}
    assert network(account).place({}, lambda zone: True).public
    assert not network(account).place({"NetworkInterfaces": [card]}, lambda zone: True).public
