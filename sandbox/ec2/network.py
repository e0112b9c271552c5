"""Where an instance comes to lie: subnet, security groups, addresses, and whether it can reach SSM. All of it moto's.

An account's default VPC has an internet gateway with a route to it, as on AWS; moto makes it without.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.core.state import StateDir
from sandbox.ec2.records import Instance
from sandbox.wire.errors import AwsError

_EVERYWHERE = "0.0.0.0/0"
# How an agent reaches SSM.
_HTTPS = 443
_SETTING = "ec2_default_gateway"
# Amazon's 3.208.0.0/12, of us-east-1: half of it, for nothing here depends on how many addresses there are.
_FIRST_PUBLIC = int(ipaddress.ip_address("3.208.0.0"))
_PUBLIC_COUNT = 1 << 19

Moto = Callable[[str, str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where one instance goes."""

    subnet: str
    vpc: str
    zone: str
    groups: tuple[tuple[str, str], ...]
    public: bool
    network: ipaddress.IPv4Network


class Network:
    """Asks moto about the account's networks."""

    def __init__(self, moto: Moto, state: StateDir) -> None:
        self.moto, self._state = moto, state
        self._lock = threading.Lock()

    def complete_default_vpc(self) -> None:
        """Give the default VPC the gateway that it has on AWS, once for each default VPC."""
        with self._lock:
            for vpc in self._list("DescribeVpcs", "Vpcs", "is-default", "true"):
                if self._state.setting(_SETTING) == vpc["VpcId"]:
                    continue
                tables = self._list("DescribeRouteTables", "RouteTables", "vpc-id", vpc["VpcId"])
                main = [table for table in tables if any(link.get("Main") for link in table.get("Associations", ()))]
                if main and not self._list(
                    "DescribeInternetGateways", "InternetGateways", "attachment.vpc-id", vpc["VpcId"]
                ):
                    made = self.moto("ec2", "CreateInternetGateway", {})["InternetGateway"]["InternetGatewayId"]
                    there = {"InternetGatewayId": made, "VpcId": vpc["VpcId"]}
                    self.moto("ec2", "AttachInternetGateway", there)
                    route = {"RouteTableId": main[0]["RouteTableId"], "DestinationCidrBlock": _EVERYWHERE}
                    self.moto("ec2", "CreateRoute", {**route, "GatewayId": made})
                self._state.set_setting(_SETTING, vpc["VpcId"])

    def place(self, request: dict[str, Any], offered: Callable[[str], bool]) -> Place:
        """Where RunInstances puts an instance. ``offered``: whether a zone has the type.

        Raises VPCIdNotSpecified, InvalidSubnetID.NotFound, InvalidGroup.NotFound and what else RunInstances says.
        """
        self.complete_default_vpc()
        card = (request.get("NetworkInterfaces") or [{}])[0]
        wanted = card.get("SubnetId") or request.get("SubnetId")
        groups = list(card.get("Groups") or request.get("SecurityGroupIds") or ())
        zone = (request.get("Placement") or {}).get("AvailabilityZone")
        subnet = self._subnet(wanted) if wanted else self._default_subnet(zone, offered)
        if zone and subnet["AvailabilityZone"] != zone:
            text = f"Subnet {subnet['SubnetId']} is in the zone {subnet['AvailabilityZone']}, not in {zone}."
            raise AwsError("InvalidParameterValue", text)
        public = card.get("AssociatePublicIpAddress")
        return Place(
            subnet=subnet["SubnetId"],
            vpc=subnet["VpcId"],
            zone=subnet["AvailabilityZone"],
            groups=tuple(self._groups(subnet["VpcId"], groups, list(request.get("SecurityGroups") or ()))),
            public=bool(subnet.get("MapPublicIpOnLaunch")) if public is None else bool(public),
            network=ipaddress.IPv4Network(subnet["CidrBlock"]),
        )

    def _subnet(self, wanted: str) -> dict[str, Any]:
        missing = AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{wanted}' does not exist")
        try:
            found = self.moto("ec2", "DescribeSubnets", {"SubnetIds": [wanted]})["Subnets"]
        except AwsError as error:
            if error.status >= 500:
                raise
            raise missing from error
        if not found:
            raise missing
        return dict(found[0])

    def _default_subnet(self, zone: str | None, offered: Callable[[str], bool]) -> dict[str, Any]:
        if not self._list("DescribeVpcs", "Vpcs", "is-default", "true"):
            text = "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC."
            raise AwsError("VPCIdNotSpecified", text)
        found = self._list("DescribeSubnets", "Subnets", "default-for-az", "true")
        zones = self.moto("ec2", "DescribeAvailabilityZones", {}).get("AvailabilityZones") or ()
        if zone and all(known["ZoneName"] != zone for known in zones):
            raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
        here = [subnet for subnet in found if zone in (None, subnet["AvailabilityZone"])]
        if not here:
            where = f" in availability zone {zone}" if zone else ""
            raise AwsError("MissingInput", f"No default subnet found{where}. Please specify a subnet.")
        return next((subnet for subnet in here if offered(subnet["AvailabilityZone"])), here[0])

    def _groups(self, vpc: str, ids: list[str], names: list[str]) -> list[tuple[str, str]]:
        there = self._list("DescribeSecurityGroups", "SecurityGroups", "vpc-id", vpc)
        by_id = {group["GroupId"]: group["GroupName"] for group in there}
        by_name = {name: identity for identity, name in by_id.items()}
        for identity in ids:
            if identity not in by_id:
                everywhere = self.moto("ec2", "DescribeSecurityGroups", {})["SecurityGroups"]
                if any(group["GroupId"] == identity for group in everywhere):
                    text = f"Security group {identity} and subnet belong to different networks."
                    raise AwsError("InvalidParameter", text)
                raise AwsError("InvalidGroup.NotFound", f"The security group '{identity}' does not exist")
        for name in names:
            if name not in by_name:
                text = f"The security group '{name}' does not exist in VPC '{vpc}'"
                raise AwsError("InvalidGroup.NotFound", text)
        wanted = ids + [by_name[name] for name in names] or [by_name["default"]]
        return [(identity, by_id[identity]) for identity in dict.fromkeys(wanted)]

    def reaches_ssm(self, instance: Instance) -> bool:
        """Whether the instance has a way out to SSM: over a gateway with a public address, or an endpoint."""
        groups = self.moto(
            "ec2", "DescribeSecurityGroups", {"GroupIds": [group["GroupId"] for group in instance.groups]}
        )
        if not any(
            _lets_out(rule) for group in groups["SecurityGroups"] for rule in group.get("IpPermissionsEgress", ())
        ):
            return False
        endpoints = self._list("DescribeVpcEndpoints", "VpcEndpoints", "vpc-id", instance.vpc)
        if any(str(endpoint.get("ServiceName", "")).endswith(".ssm") for endpoint in endpoints):
            return True
        tables = self._list("DescribeRouteTables", "RouteTables", "vpc-id", instance.vpc)
        own = [table for table in tables if any(at.get("SubnetId") == instance.subnet for at in table["Associations"])]
        main = [table for table in tables if any(at.get("Main") for at in table["Associations"])]
        for route in [route for table in own or main for route in table.get("Routes", ())]:
            if route.get("DestinationCidrBlock") != _EVERYWHERE or route.get("State") == "blackhole":
                continue
            if route.get("NatGatewayId"):
                return True
            if str(route.get("GatewayId", "")).startswith("igw-") and instance.public_ip:
                return True
        return False

    def _list(self, operation: str, member: str, name: str, value: str) -> list[dict[str, Any]]:
        answer = self.moto("ec2", operation, {"Filters": [{"Name": name, "Values": [value]}]})
        return list(answer.get(member) or ())


def _lets_out(rule: dict[str, Any]) -> bool:
    first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
    return rule.get("IpProtocol") == "-1" or (rule.get("IpProtocol") == "tcp" and first <= _HTTPS <= last)


def private_address(network: ipaddress.IPv4Network, taken: set[str]) -> str:
    """A free address of a subnet. Raises InsufficientFreeAddressesInSubnet."""
    size = network.num_addresses
    start = secrets.randbelow(size)
    for step in range(size):
        offset = (start + step) % size
        address = str(network[offset])
        # The first four and the last are the VPC's own.
        if 4 <= offset < size - 1 and address not in taken:
            return address
    raise AwsError("InsufficientFreeAddressesInSubnet", "The subnet has not enough free addresses.")


def public_address(taken: set[str]) -> str:
    """A public address that looks like one of the region; nothing answers there."""
    while True:
        address = str(ipaddress.ip_address(_FIRST_PUBLIC + secrets.randbelow(_PUBLIC_COUNT)))
        if address not in taken:
            return address
