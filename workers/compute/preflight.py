"""What an instance needs before it can be launched, each with what to do about it. Nothing is changed by looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from workers.aws.session import AwsSession
from workers.compute.access import InstanceAccess, profile_name
from workers.compute.images import Images, mismatch
from workers.compute.types import Check, InstanceSpec
from workers.errors.tree import AccessDenied, QuotaExceeded, SageDeckError

# Service Quotas' codes of running on-demand vCPUs by family (EC2 user guide, "On-Demand Instance quotas").
STANDARD, G_FAMILY, P_FAMILY = "L-1216C47A", "L-DB2E81BA", "L-417A185B"
_OPEN = "0.0.0.0/0"


class Preflight:
    """Looks at the account for a launch. Errors of single looks are lines, not errors."""

    def __init__(self, session: AwsSession, images: Images, access: InstanceAccess) -> None:
        self._session, self._images, self._access = session, images, access

    async def run(self, spec: InstanceSpec) -> tuple[Check, ...]:
        """All checks for this launch, in the order in which they matter."""
        looks = (
            ("network", "Network", self._network()),
            ("route", "Way to SSM", self._route()),
            ("profile", "Instance profile", self._profile(spec.bucket)),
            ("ssm", "Commands (SSM)", self._ssm()),
            ("type", "Type and image", self._type(spec)),
            ("quota", "Quota", self._quota(spec.type)),
        )
        return tuple(await asyncio.gather(*(_line(*look) for look in looks)))

    async def default_vpc(self) -> str | None:
        """The id of the default VPC, or ``None``."""
        answer = await self._session.call(
            "ec2",
            "describe_vpcs",
            doing="look for the default VPC",
            Filters=[{"Name": "is-default", "Values": ["true"]}],
        )
        return str(answer["Vpcs"][0]["VpcId"]) if answer["Vpcs"] else None

    async def create_default_vpc(self) -> str:
        """Make the default VPC that AWS would have made; costs nothing. Returns its id."""
        answer = await self._session.call("ec2", "create_default_vpc", doing="create the default VPC")
        return str(answer["Vpc"]["VpcId"])

    async def _network(self) -> Check:
        vpc = await self.default_vpc()
        if vpc is None:
            return Check(
                "network",
                "missing",
                "Network",
                "There is no default VPC in this region.",
                "create_default_vpc",
                "Create default VPC",
            )
        return Check("network", "ok", "Network", f"Default VPC {vpc}")

    async def _route(self) -> Check:
        vpc = await self.default_vpc()
        if vpc is None:
            return Check("route", "unknown", "Way to SSM", "Known once there is a VPC.")
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        tables, endpoints = await asyncio.gather(
            self._session.call("ec2", "describe_route_tables", doing="read the routes", Filters=of_vpc),
            self._session.call("ec2", "describe_vpc_endpoints", doing="read the VPC's endpoints", Filters=of_vpc),
        )
        if any(_reaches(route) for table in tables["RouteTables"] for route in table.get("Routes", ())):
            return Check("route", "ok", "Way to SSM", "Through the internet gateway, outward only")
        if any(str(item.get("ServiceName", "")).endswith(".ssm") for item in endpoints["VpcEndpoints"]):
            return Check("route", "ok", "Way to SSM", "Through a VPC endpoint")
        return Check(
            "route",
            "missing",
            "Way to SSM",
            "The VPC has neither an internet gateway nor an endpoint for SSM: no command would reach the instance.",
        )

    async def _profile(self, bucket: str) -> Check:
        there = await self._access.exists(bucket)
        name = profile_name(bucket)
        return Check("profile", "ok", "Instance profile", name if there else f"{name} will be made")

    async def _ssm(self) -> Check:
        await self._session.call(
            "ssm", "describe_instance_information", doing="look for instances that take commands", MaxResults=5
        )
        return Check("ssm", "ok", "Commands (SSM)", "This identity may send commands")

    async def _type(self, spec: InstanceSpec) -> Check:
        size = (await self._images.sizes((spec.type,))).get(spec.type)
        if size is None:
            return Check("type", "missing", "Type and image", f"{spec.type} is not offered in {self._session.region}.")
        problem = mismatch(spec.image, size)
        if problem:
            # It may be meant: an image with drivers trains on a CPU, too.
            return Check("type", "warn", "Type and image", problem)
        if spec.disk_gib < spec.image.smallest_disk_gib:
            return Check(
                "type",
                "missing",
                "Type and image",
                f"This AMI needs a disk of {spec.image.smallest_disk_gib} GiB or more.",
            )
        return Check("type", "ok", "Type and image", f"{size.vcpus} vCPU, {size.memory_gib:g} GiB")

    async def _quota(self, instance_type: str) -> Check:
        code = quota_code(instance_type)
        answer = await self._session.call(
            "service-quotas", "get_service_quota", doing="read the quota", ServiceCode="ec2", QuotaCode=code
        )
        limit = float(answer["Quota"]["Value"])
        running = [
            item
            async for item in self._session.paginate(
                "ec2",
                "describe_instances",
                "Reservations",
                doing="count the running instances",
                Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}],
            )
        ]
        types = [str(instance["InstanceType"]) for item in running for instance in item["Instances"]]
        sizes = await self._images.sizes(tuple(dict.fromkeys([*types, instance_type])))
        used = sum(sizes[name].vcpus for name in types if name in sizes and quota_code(name) == code)
        needed = sizes[instance_type].vcpus if instance_type in sizes else 0
        detail = f"{used} of {limit:g} vCPU in use, {needed} more wanted"
        if used + needed > limit:
            return Check("quota", "missing", "Quota", detail, "raise_quota", "Ask for more…")
        return Check("quota", "ok", "Quota", detail)


async def _line(identity: str, title: str, look: Awaitable[Check]) -> Check:
    try:
        return await look
    except AccessDenied as error:
        return Check(identity, "unknown", title, f"May not be read: {error.action or error.message}")
    except QuotaExceeded as error:
        return Check(identity, "missing", title, error.message)
    except SageDeckError as error:
        return Check(identity, "unknown", title, error.message)


def _reaches(route: Mapping[str, object]) -> bool:
    through = str(route.get("GatewayId", "")).startswith("igw-") or bool(route.get("NatGatewayId"))
    return route.get("DestinationCidrBlock") == _OPEN and through and route.get("State", "active") == "active"


def quota_code(instance_type: str) -> str:
    """The quota that a type counts against."""
    family = instance_type.split(".")[0]
    if family.startswith("p"):
        return P_FAMILY
    return G_FAMILY if family.startswith(("g", "vt")) else STANDARD
