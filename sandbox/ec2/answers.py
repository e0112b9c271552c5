"""Instances, their volumes and their status as the Describe operations answer them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.core.account import ACCOUNT_ID
from sandbox.core.account import arn as make_arn
from sandbox.ec2 import types
from sandbox.ec2.filters import Values
from sandbox.ec2.records import STATE_CODES, Instance, tag_set


def at(seconds: float) -> datetime:
    """Epoch seconds as a time."""
    return datetime.fromtimestamp(seconds, UTC)


def state_of(name: str) -> dict[str, object]:
    """An InstanceState."""
    return {"Code": STATE_CODES[name], "Name": name}


def described(instance: Instance, tags: Mapping[str, str]) -> dict[str, Any]:
    """One item of DescribeInstances."""
    gone = instance.state == "terminated"
    processor = types.catalogue()[instance.type].get("VCpuInfo", {})
    answer: dict[str, Any] = {
        "InstanceId": instance.id,
        "ImageId": instance.image,
        "InstanceType": instance.type,
        "State": state_of(instance.state),
        "StateTransitionReason": instance.reason,
        "LaunchTime": at(instance.started or instance.launched),
        "Placement": {"AvailabilityZone": instance.zone, "GroupName": "", "Tenancy": "default"},
        "Monitoring": {"State": "enabled" if instance.detailed else "disabled"},
        "PrivateDnsName": "" if gone else instance.private_dns,
        "PublicDnsName": instance.public_dns,
        "AmiLaunchIndex": instance.index,
        "ProductCodes": [],
        "Architecture": instance.image_facts.get("Architecture", "x86_64"),
        "BlockDeviceMappings": [] if gone else [_mapping(volume, instance.launched) for volume in instance.volumes],
        "ClientToken": instance.token,
        "EbsOptimized": instance.ebs_optimized,
        "EnaSupport": True,
        "Hypervisor": "xen",
        "RootDeviceName": instance.image_facts.get("RootDeviceName", "/dev/xvda"),
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "SecurityGroups": [] if gone else instance.groups,
        "NetworkInterfaces": [] if gone else [interface(instance)],
        "SourceDestCheck": instance.source_check,
        "Tags": tag_set(dict(tags)),
        "CpuOptions": {
            "CoreCount": processor.get("DefaultCores", 1),
            "ThreadsPerCore": processor.get("DefaultThreadsPerCore", 1),
        },
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": False},
        "MetadataOptions": {"State": "applied", **instance.metadata},
        "EnclaveOptions": {"Enabled": False},
        "PlatformDetails": instance.image_facts.get("PlatformDetails", "Linux/UNIX"),
        "UsageOperation": instance.image_facts.get("UsageOperation", "RunInstances"),
        "UsageOperationUpdateTime": at(instance.launched),
        "MaintenanceOptions": {"AutoRecovery": "default", "RebootMigration": "default"},
        "CurrentInstanceBootMode": "uefi" if "uefi" in str(instance.image_facts.get("BootMode")) else "legacy-bios",
    }
    if not gone:
        answer |= {"SubnetId": instance.subnet, "VpcId": instance.vpc, "PrivateIpAddress": instance.private_ip}
    if instance.public_ip:
        answer["PublicIpAddress"] = instance.public_ip
    if instance.key_name:
        answer["KeyName"] = instance.key_name
    if instance.profile:
        answer["IamInstanceProfile"] = profile_of(instance)
    if instance.state_reason:
        answer["StateReason"] = instance.state_reason
    return answer


def profile_of(instance: Instance) -> dict[str, str]:
    """The instance profile, as answers name it."""
    return {"Arn": instance.profile_arn, "Id": instance.profile_id}


def _mapping(volume: Mapping[str, object], since: float) -> dict[str, object]:
    disk = {
        "AttachTime": at(since),
        "DeleteOnTermination": volume["DeleteOnTermination"],
        "Status": "attached",
        "VolumeId": volume["VolumeId"],
    }
    return {"DeviceName": volume["DeviceName"], "Ebs": disk}


def interface(instance: Instance) -> dict[str, Any]:
    """The network interface, as DescribeInstances has it."""
    public = {
        "Association": {
            "IpOwnerId": "amazon",
            "PublicDnsName": instance.public_dns,
            "PublicIp": instance.public_ip,
        }
    }
    address = {"Primary": True, "PrivateDnsName": instance.private_dns, "PrivateIpAddress": instance.private_ip}
    association = public if instance.public_ip else {}
    return {
        **association,
        "Attachment": {
            "AttachTime": at(instance.launched),
            "AttachmentId": instance.interface.replace("eni-", "eni-attach-"),
            "DeleteOnTermination": True,
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "Status": "attached",
        },
        "Description": "",
        "Groups": instance.groups,
        "Ipv6Addresses": [],
        "MacAddress": instance.mac,
        "NetworkInterfaceId": instance.interface,
        "OwnerId": ACCOUNT_ID,
        "PrivateDnsName": instance.private_dns,
        "PrivateIpAddress": instance.private_ip,
        "PrivateIpAddresses": [{**association, **address}],
        "SourceDestCheck": instance.source_check,
        "Status": "in-use",
        "SubnetId": instance.subnet,
        "VpcId": instance.vpc,
        "InterfaceType": "interface",
    }


def volume(instance: Instance, disk: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """One item of DescribeVolumes."""
    attachment = {
        "AttachTime": at(instance.launched),
        "DeleteOnTermination": disk["DeleteOnTermination"],
        "Device": disk["DeviceName"],
        "InstanceId": instance.id,
        "State": "attached",
        "VolumeId": disk["VolumeId"],
    }
    gone = instance.state == "terminated"
    return {
        "VolumeId": disk["VolumeId"],
        "Size": disk["Size"],
        "VolumeType": disk["VolumeType"],
        "State": "available" if gone else "in-use",
        "AvailabilityZone": instance.zone,
        "CreateTime": at(instance.launched),
        "Encrypted": disk["Encrypted"],
        "KmsKeyId": _key_arn(disk["KmsKeyId"]) if disk["Encrypted"] else None,
        "SnapshotId": disk["SnapshotId"],
        "Iops": disk["Iops"],
        "Throughput": disk["Throughput"],
        "MultiAttachEnabled": False,
        "Attachments": [] if gone else [attachment],
        "Tags": tag_set(dict(tags)),
    }


def _key_arn(given: str) -> str:
    return given if given.startswith("arn:") else make_arn("kms", given or "alias/aws/ebs")


def _of(*path: str) -> Values:
    def read(row: object) -> list[Any]:
        for name in path:
            row = row.get(name) if isinstance(row, dict) else None
        return [] if row is None else [row]

    return read


def _each(member: str, *path: str) -> Values:
    read = _of(*path)
    return lambda row: [value for item in row.get(member) or () for value in read(item)]


INSTANCE_FILTERS: dict[str, Values] = {
    "instance-id": _of("InstanceId"),
    "instance-type": _of("InstanceType"),
    "instance-state-name": _of("State", "Name"),
    "instance-state-code": _of("State", "Code"),
    "image-id": _of("ImageId"),
    "architecture": _of("Architecture"),
    "availability-zone": _of("Placement", "AvailabilityZone"),
    "block-device-mapping.device-name": _each("BlockDeviceMappings", "DeviceName"),
    "block-device-mapping.volume-id": _each("BlockDeviceMappings", "Ebs", "VolumeId"),
    "client-token": _of("ClientToken"),
    "dns-name": _of("PublicDnsName"),
    "group-id": _each("SecurityGroups", "GroupId"),
    "group-name": _each("SecurityGroups", "GroupName"),
    "hypervisor": _of("Hypervisor"),
    "iam-instance-profile.arn": _of("IamInstanceProfile", "Arn"),
    "iam-instance-profile.id": _of("IamInstanceProfile", "Id"),
    "iam-instance-profile.name": lambda row: [
        text.rpartition("/")[2] for text in _of("IamInstanceProfile", "Arn")(row) if text
    ],
    "instance.group-id": _each("SecurityGroups", "GroupId"),
    "instance.group-name": _each("SecurityGroups", "GroupName"),
    "ip-address": _of("PublicIpAddress"),
    "key-name": _of("KeyName"),
    "launch-time": lambda row: [row["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%S.000Z")],
    "metadata-options.http-tokens": _of("MetadataOptions", "HttpTokens"),
    "metadata-options.http-endpoint": _of("MetadataOptions", "HttpEndpoint"),
    "monitoring-state": _of("Monitoring", "State"),
    "network-interface.network-interface-id": _each("NetworkInterfaces", "NetworkInterfaceId"),
    "network-interface.subnet-id": _each("NetworkInterfaces", "SubnetId"),
    "network-interface.vpc-id": _each("NetworkInterfaces", "VpcId"),
    "owner-id": lambda row: [ACCOUNT_ID],
    "platform-details": _of("PlatformDetails"),
    "private-dns-name": _of("PrivateDnsName"),
    "private-ip-address": _of("PrivateIpAddress"),
    "reason": _of("StateTransitionReason"),
    "reservation-id": _of("_reservation"),
    "root-device-name": _of("RootDeviceName"),
    "root-device-type": _of("RootDeviceType"),
    "source-dest-check": _of("SourceDestCheck"),
    "state-reason-code": _of("StateReason", "Code"),
    "state-reason-message": _of("StateReason", "Message"),
    "subnet-id": _of("SubnetId"),
    "tenancy": _of("Placement", "Tenancy"),
    "virtualization-type": _of("VirtualizationType"),
    "vpc-id": _of("VpcId"),
}
VOLUME_FILTERS: dict[str, Values] = {
    "attachment.device": _each("Attachments", "Device"),
    "attachment.instance-id": _each("Attachments", "InstanceId"),
    "attachment.status": _each("Attachments", "State"),
    "attachment.delete-on-termination": _each("Attachments", "DeleteOnTermination"),
    "availability-zone": _of("AvailabilityZone"),
    "encrypted": _of("Encrypted"),
    "size": _of("Size"),
    "snapshot-id": _of("SnapshotId"),
    "status": _of("State"),
    "volume-id": _of("VolumeId"),
    "volume-type": _of("VolumeType"),
}
STATUS_FILTERS: dict[str, Values] = {
    "availability-zone": _of("AvailabilityZone"),
    "instance-state-name": _of("InstanceState", "Name"),
    "instance-state-code": _of("InstanceState", "Code"),
    "instance-status.status": _of("InstanceStatus", "Status"),
    "system-status.status": _of("SystemStatus", "Status"),
}


def tags_of(row: dict[str, Any]) -> list[dict[str, str]]:
    """The tags in an answer's item."""
    return list(row.get("Tags") or ())
