"""RunInstances: what a request must say, and the instances that it becomes. The words of refusals are EC2's."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.ec2 import types, userdata
from sandbox.ec2.network import Place, private_address, public_address
from sandbox.ec2.records import Instance, Profile, new_id
from sandbox.wire.errors import AwsError

_BEHAVIORS = ("stop", "terminate")
# The least and the most GiB of each type ("EBS User Guide, Amazon EBS volume types").
_VOLUME_SIZES = {"gp3": (1, 65_536), "gp2": (1, 16_384), "io1": (4, 16_384), "io2": (4, 65_536), "standard": (1, 1024),
                 "st1": (125, 16_384), "sc1": (125, 16_384)}  # fmt: skip
_NOT_HERE = {
    "LaunchTemplate": "launch templates",
    "InstanceMarketOptions": "Spot and Capacity Block instances",
    "HibernationOptions": "hibernation",
    "LicenseSpecifications": "licenses",
    "ElasticGpuSpecification": "Elastic GPUs",
    "ElasticInferenceAccelerators": "Elastic Inference",
    "EnclaveOptions": "enclaves",
    "Ipv6AddressCount": "IPv6 addresses",
    "Ipv6Addresses": "IPv6 addresses",
    "SecondaryInterfaces": "secondary interfaces",
    "KernelId": "kernels of one's own",
    "RamdiskId": "RAM disks of one's own",
}
# What an image or a request that says nothing gets ("EC2 User Guide, Instance metadata options").
_METADATA = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled",
             "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled"}  # fmt: skip
# EC2 API reference, "Ensuring idempotency".
_TOKEN_CHARACTERS = 64
_TAGGABLE = ("instance", "volume", "network-interface", "elastic-gpu", "spot-instances-request")


@dataclass(frozen=True)
class Plan:
    """A checked request with what the account adds to it."""

    request: Mapping[str, Any]
    image: Mapping[str, Any]
    place: Place
    profile: Profile
    count: int


def check(request: Mapping[str, Any]) -> None:
    """Refuse what is wrong by itself, whatever the account has."""
    for member, words in _NOT_HERE.items():
        given = request.get(member)
        if given and given != {"Configured": False} and given != {"Enabled": False}:
            raise AwsError("UnsupportedOperation", f"The sandbox does not offer {words} ({member}).")
    if not request.get("ImageId"):
        raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
    for member in ("MinCount", "MaxCount"):
        if member not in request:
            raise AwsError("MissingParameter", f"The request must contain the parameter {member}")
    least, most = request["MinCount"], request["MaxCount"]
    if least < 1 or most < 1:
        wrong = least if least < 1 else most
        name = "minCount" if least < 1 else "maxCount"
        raise AwsError("InvalidParameterValue", f"Value ({wrong}) for parameter {name} is invalid. Minimum is 1")
    if least > most:
        text = f"Value ({most}) for parameter maxCount is invalid. Must be greater than or equal to minCount"
        raise AwsError("InvalidParameterValue", text)
    if kind(request) not in types.catalogue():
        text = f"Invalid value '{kind(request)}' for InstanceType."
        raise AwsError("InvalidParameterValue", text)
    behavior = request.get("InstanceInitiatedShutdownBehavior", "stop")
    if behavior not in _BEHAVIORS:
        text = f"Value ({behavior}) for parameter InstanceInitiatedShutdownBehavior is invalid."
        raise AwsError("InvalidParameterValue", text)
    if len(request.get("ClientToken", "")) > _TOKEN_CHARACTERS:
        text = f"The client token is too long; it may have {_TOKEN_CHARACTERS} characters."
        raise AwsError("InvalidParameterValue", text)
    if len(request.get("NetworkInterfaces") or ()) > 1:
        raise AwsError("UnsupportedOperation", "The sandbox offers one network interface an instance.")
    if request.get("NetworkInterfaces") and (request.get("SubnetId") or request.get("SecurityGroupIds")):
        text = "Network interfaces and an instance-level subnet ID may not be specified on the same request"
        raise AwsError("InvalidParameterCombination", text)
    for spec in request.get("TagSpecifications") or ():
        if spec.get("ResourceType") not in _TAGGABLE:
            text = f"'{spec.get('ResourceType')}' is not a valid taggable resource type for this operation."
            raise AwsError("InvalidParameterValue", text)
        for tag in spec.get("Tags") or ():
            check_tag(tag)
    userdata.check(request.get("UserData", ""))
    check_metadata(request.get("MetadataOptions") or {})
    _check_credits(request)


def check_tag(tag: Mapping[str, object]) -> None:
    """Refuse a tag whose key is AWS's own, or is too long."""
    key, value = str(tag.get("Key", "")), str(tag.get("Value", ""))
    if key.lower().startswith("aws:"):
        text = (
            f"Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use"
        )
        raise AwsError("InvalidParameterValue", text)
    if not 0 < len(key) <= 127 or len(value) > 255:
        raise AwsError(
            "InvalidParameterValue", f"Tag {key[:40]!r}: a key has 1 to 127, a value at most 255 characters."
        )


def check_metadata(options: Mapping[str, Any]) -> None:
    """Refuse options of the metadata service that EC2 does not know."""
    for name, allowed in (
        ("HttpTokens", ("optional", "required")),
        ("HttpEndpoint", ("enabled", "disabled")),
        ("InstanceMetadataTags", ("enabled", "disabled")),
    ):
        if options.get(name, allowed[0]) not in allowed:
            raise AwsError("InvalidParameterValue", f"Value ({options[name]}) for parameter {name} is invalid.")
    if not 1 <= options.get("HttpPutResponseHopLimit", 1) <= 64:
        raise AwsError("InvalidParameterValue", "HttpPutResponseHopLimit must be between 1 and 64.")


def _check_credits(request: Mapping[str, Any]) -> None:
    mode = (request.get("CreditSpecification") or {}).get("CpuCredits")
    if mode is None:
        return
    if types.credits(kind(request)) is None:
        text = f"The credit specification is not supported for the instance type {kind(request)}."
        raise AwsError("InvalidParameterCombination", text)
    if mode not in ("standard", "unlimited"):
        raise AwsError("InvalidParameterValue", f"Value ({mode}) for parameter CpuCredits is invalid.")


def kind(request: Mapping[str, object]) -> str:
    """The instance type of a request."""
    return str(request.get("InstanceType", "m1.small"))


def fingerprint(request: Mapping[str, object]) -> str:
    """What must be the same when a client token is used again."""
    content = {name: value for name, value in request.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_image(request: Mapping[str, Any], image: Mapping[str, object]) -> None:
    """Refuse a type that cannot run the image."""
    offered = types.catalogue()[kind(request)]["ProcessorInfo"]["SupportedArchitectures"]
    if image.get("Architecture") not in offered:
        text = (
            f"The architecture '{','.join(offered)}' of the specified instance type does not match the architecture "
            f"'{image.get('Architecture')}' of the specified AMI. Specify an instance type and an AMI that have "
            "matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to "
            "discover the architecture of the instance type or AMI."
        )
        raise AwsError("InvalidParameterValue", text)
    if image.get("Platform") == "windows":
        raise AwsError("UnsupportedOperation", "The sandbox has no Windows.")


def build(plan: Plan, taken: set[str], index: int) -> tuple[Instance, dict[str, dict[str, str]]]:
    """A new instance of a plan, and the tags of it and of what belongs to it by resource id."""
    request, place, now = plan.request, plan.place, time.time()
    private = private_address(place.network, taken)
    taken.add(private)
    public = public_address(taken) if place.public else ""
    taken.add(public)
    identity, interface = new_id("i"), new_id("eni")
    volumes = _volumes(request, plan.image)
    tags = {
        resource: {tag["Key"]: tag.get("Value", "") for tag in spec.get("Tags") or ()}
        for spec in request.get("TagSpecifications") or ()
        for resource in {
            "instance": [identity],
            "volume": [volume["VolumeId"] for volume in volumes],
            "network-interface": [interface],
        }.get(spec["ResourceType"], [])
    }
    metadata = {**_METADATA, **(request.get("MetadataOptions") or {})}
    if plan.image.get("ImdsSupport") == "v2.0":
        metadata = {**_METADATA, "HttpTokens": "required", "HttpPutResponseHopLimit": 2,
                    **(request.get("MetadataOptions") or {})}  # fmt: skip
    earned = types.credits(kind(request))
    credit = (request.get("CreditSpecification") or {}).get("CpuCredits")
    instance = Instance(
        id=identity,
        reservation=new_id("r"),
        launched=now,
        type=kind(request),
        image=str(plan.image["ImageId"]),
        zone=place.zone,
        subnet=place.subnet,
        vpc=place.vpc,
        groups=[{"GroupId": group, "GroupName": name} for group, name in place.groups],
        private_ip=private,
        public_ip=public,
        wants_public=place.public,
        shutdown_behavior=request.get("InstanceInitiatedShutdownBehavior", "stop"),
        detailed=bool((request.get("Monitoring") or {}).get("Enabled")),
        protected=bool(request.get("DisableApiTermination")),
        stop_protected=bool(request.get("DisableApiStop")),
        token=request.get("ClientToken", ""),
        user_data=request.get("UserData", ""),
        key_name=request.get("KeyName", ""),
        index=index,
        metadata=metadata,
        volumes=volumes,
        image_facts={
            name: plan.image.get(name)
            for name in ("Architecture", "RootDeviceName", "PlatformDetails", "BootMode", "UsageOperation")
            if plan.image.get(name)
        },
        interface=interface,
        mac=":".join(["0a", *(f"{secrets.randbelow(256):02x}" for _ in range(5))]),
        credits=earned.at_launch if earned else None,
        credit_mode=(credit or ("standard" if kind(request).startswith("t2.") else "unlimited")) if earned else "",
        ebs_optimized=bool(request.get("EbsOptimized")),
    )
    instance.give_profile(plan.profile)
    return instance, tags


def _volumes(request: Mapping[str, Any], image: Mapping[str, Any]) -> list[dict[str, Any]]:
    disks: dict[str, dict[str, Any]] = {
        mapping["DeviceName"]: dict(mapping.get("Ebs") or {})
        for mapping in image.get("BlockDeviceMappings") or ()
        if "Ebs" in mapping
    }
    root = str(image.get("RootDeviceName", "/dev/xvda"))
    disks.setdefault(root, {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True})
    disks[root]["DeleteOnTermination"] = True
    for mapping in request.get("BlockDeviceMappings") or ():
        device, wanted = str(mapping.get("DeviceName", "")), mapping.get("Ebs")
        if not device:
            raise AwsError("MissingParameter", "The request must contain the parameter DeviceName")
        if wanted is None:
            if "NoDevice" in mapping and device != root:
                disks.pop(device, None)
            continue
        base = disks.get(device, {"DeleteOnTermination": True})
        least = base.get("VolumeSize", 0)
        disks[device] = {**base, **wanted}
        if disks[device].get("VolumeSize", 0) < least:
            text = (
                f"Volume of size {wanted['VolumeSize']}GB is smaller than snapshot '{base.get('SnapshotId')}', "
                f"expect size >= {least}GB"
            )
            raise AwsError("InvalidBlockDeviceMapping", text)
    return [_volume(device, disk) for device, disk in disks.items()]


def _volume(device: str, disk: Mapping[str, Any]) -> dict[str, Any]:
    volume_type = str(disk.get("VolumeType", "gp2"))
    if volume_type not in _VOLUME_SIZES:
        raise AwsError("InvalidParameterValue", f"Value ({volume_type}) for parameter volumeType is invalid.")
    size = disk.get("VolumeSize")
    if size is None:
        text = f"The request must contain the parameter size or snapshotId for the device {device}"
        raise AwsError("MissingParameter", text)
    least, most = _VOLUME_SIZES[volume_type]
    if not least <= size <= most:
        text = f"Volume of {size}GiB is invalid for volume type {volume_type}; it must be {least} to {most} GiB."
        raise AwsError("InvalidParameterValue", text)
    fast = volume_type in ("gp3", "io1", "io2")
    return {
        "VolumeId": new_id("vol"),
        "DeviceName": device,
        "Size": size,
        "VolumeType": volume_type,
        "Encrypted": bool(disk.get("Encrypted") or disk.get("KmsKeyId")),
        "KmsKeyId": disk.get("KmsKeyId", ""),
        "DeleteOnTermination": bool(disk.get("DeleteOnTermination", True)),
        "SnapshotId": disk.get("SnapshotId", ""),
        "Iops": disk.get("Iops", 3000) if fast else None,
        "Throughput": disk.get("Throughput", 125) if volume_type == "gp3" else None,
    }
