"""EC2's kinds: instances, volumes, addresses, security groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.aws.tags import made_by_sagedeck
from workers.aws.times import utc_of
from workers.compute.instances import instance_of, stopped_at
from workers.inventory.asking import Asking, tags_of
from workers.inventory.rates import Rates
from workers.inventory.reader import Reader, made
from workers.inventory.types import Resource, Span

SERVICE = "ec2"
_PAGES = {"PaginationConfig": {"PageSize": 1000}}
LINUX = "Linux/UNIX"
DEFAULT_GROUP = "default"


def _tagged(item: Mapping[str, Any]) -> dict[str, Any]:
    tags = item.get("Tags", ())
    return {"tags": tags_of(tags), "ours": made_by_sagedeck(tags)}


async def instances(ask: Asking, rates: Rates) -> list[Resource]:
    """All instances, those that were terminated within the hour as well."""
    reservations = await ask.all(SERVICE, "describe_instances", "Reservations", "list the instances", **_PAGES)
    items = [item for found in reservations for item in found["Instances"]]
    return await ask.rows(items, lambda item: instance_row(item, rates))


def instance_row(item: Mapping[str, Any], rates: Rates) -> Resource:
    """An instance from DescribeInstances' item."""
    found = instance_of(item, None, {})
    price = rates.prices.per_hour(found.type, "ec2", rates.region)
    if item.get("InstanceLifecycle") == "spot" or item.get("PlatformDetails", LINUX) != LINUX:
        # The table has the on-demand prices of Linux alone.
        price = None
    runs = found.state in ("running", "stopping") or found.running
    end = None if runs else stopped_at(found)
    spans = (Span(found.started, end, price),) if runs or (end and found.state != "terminated") else ()
    profile = item.get("IamInstanceProfile", {}).get("Arn", "")
    return made(
        "instance",
        found.id,
        found.name or found.id,
        found.state,
        size=found.type,
        created=found.started,
        ended=end,
        dollars_per_hour=price if runs else 0.0,
        spans=spans,
        facts={
            "profile": profile,
            "groups": ",".join(identity for identity, _ in found.groups),
            "detailed": str(found.detailed_monitoring),
            "type": found.type,
            "volumes": ",".join(found.volumes),
        },
        **_tagged(item),
    )


async def volumes(ask: Asking, rates: Rates) -> list[Resource]:
    """All volumes; they are paid for whether something is attached to them or not."""
    items = await ask.all(SERVICE, "describe_volumes", "Volumes", "list the volumes", **_PAGES)
    return await ask.rows(items, lambda item: volume_row(item, rates))


def volume_row(item: Mapping[str, Any], rates: Rates) -> Resource:
    """A volume from DescribeVolumes' item."""
    kind, size = item.get("VolumeType", ""), item.get("Size", 0)
    tags = tags_of(item.get("Tags"))
    attached = [found.get("InstanceId", "") for found in item.get("Attachments", ())]
    rate = rates.monthly(f"volume_{kind}", size)
    created = utc_of(item, "CreateTime")
    return made(
        "volume",
        item["VolumeId"],
        tags.get("Name") or item["VolumeId"],
        item.get("State", ""),
        size=f"{size:,} GiB {kind}".strip(),
        created=created,
        dollars_per_hour=rate,
        spans=(Span(created, None, rate),) if created else (),
        facts={"attached_to": ",".join(attached)},
        **_tagged(item),
    )


async def addresses(ask: Asking, rates: Rates) -> list[Resource]:
    """All elastic addresses; AWS tells nobody since when one has them."""
    answer = await ask.one(SERVICE, "describe_addresses", "list the elastic addresses")
    return [
        made(
            "address",
            item.get("AllocationId") or item["PublicIp"],
            tags_of(item.get("Tags")).get("Name") or item["PublicIp"],
            "attached" if item.get("AssociationId") or item.get("InstanceId") else "unattached",
            size=item["PublicIp"],
            dollars_per_hour=rates.address(),
            facts={
                "attached_to": item.get("InstanceId") or item.get("NetworkInterfaceId") or item.get("AssociationId", "")
            },
            **_tagged(item),
        )
        for item in answer.get("Addresses", ())
    ]


async def security_groups(ask: Asking, rates: Rates) -> list[Resource]:
    """All security groups; the default one of each network cannot be deleted."""
    items = await ask.all(SERVICE, "describe_security_groups", "SecurityGroups", "list the security groups", **_PAGES)
    return await ask.rows(items, group_row)


def group_row(item: Mapping[str, Any]) -> Resource:
    """A security group from DescribeSecurityGroups' item."""
    return made(
        "security-group",
        item["GroupId"],
        item.get("GroupName", item["GroupId"]),
        size=item.get("VpcId", ""),
        dollars_per_hour=0.0,
        facts={"default": str(item.get("GroupName") == DEFAULT_GROUP), "vpc": item.get("VpcId", "")},
        **_tagged(item),
    )


READERS = (
    Reader("instance", instances),
    Reader("volume", volumes),
    Reader("address", addresses),
    Reader("security-group", security_groups),
)
