"""What there is to choose from: images, snapshots, instance types and where they are offered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.model import ListShape, StructureShape

from sandbox.core.account import ACCOUNT_ID, REGION
from sandbox.ec2 import types
from sandbox.ec2.filters import Values, by_path, chosen
from sandbox.ec2.images import ours
from sandbox.ec2.network import Moto
from sandbox.ec2.pages import page
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model

Members = dict[str, Any]
RESOLVE = "resolve:ssm:"
_IMAGE_MEMBERS = {
    "architecture": "Architecture",
    "creation-date": "CreationDate",
    "description": "Description",
    "ena-support": "EnaSupport",
    "hypervisor": "Hypervisor",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "name": "Name",
    "owner-alias": "ImageOwnerAlias",
    "owner-id": "OwnerId",
    "platform": "Platform",
    "platform-details": "PlatformDetails",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "state": "State",
    "virtualization-type": "VirtualizationType",
    "boot-mode": "BootMode",
    "imds-support": "ImdsSupport",
}
_TYPE_FILTERS = frozenset(
    {
        *("auto-recovery-supported", "bare-metal", "burstable-performance-supported", "current-generation"),
        *("dedicated-hosts-supported", "ebs-info.ebs-optimized-support", "ebs-info.encryption-support"),
        *("ebs-info.nvme-support", "free-tier-eligible", "hibernation-supported", "hypervisor", "instance-type"),
        *("instance-storage-info.nvme-support", "instance-storage-supported", "memory-info.size-in-mib"),
        *("network-info.efa-supported", "network-info.ena-support", "network-info.ipv6-supported"),
        *("network-info.network-performance", "processor-info.manufacturer", "processor-info.supported-architecture"),
        *("processor-info.sustained-clock-speed-in-ghz", "supported-boot-mode", "supported-root-device-type"),
        *("supported-usage-class", "supported-virtualization-type", "vcpu-info.default-cores"),
        *("vcpu-info.default-threads-per-core", "vcpu-info.default-vcpus"),
    }
)


class Catalogue:
    """What there is to choose from; images beside ours are moto's."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self.operations: dict[str, Callable[[Members], Members]] = {
            "DescribeImages": self.images,
            "DescribeSnapshots": self.snapshots,
            "DescribeInstanceTypes": self.types,
            "DescribeInstanceTypeOfferings": self.offerings,
        }

    def image(self, given: str) -> Members:
        """The image that RunInstances names by its id; of ``resolve:ssm:PARAMETER`` only what names nothing is left."""
        if given.startswith(RESOLVE):
            name = given.removeprefix(RESOLVE)
            text = f"Value ({given}) for parameter imageId is invalid. Parameter {name} not found"
            raise AwsError("InvalidParameterValue", text)
        if not given.startswith("ami-") or not given[4:].isalnum():
            raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{given}"')
        image: Members = self._named([given])[0]
        return image

    def images(self, members: Members) -> Members:
        """DescribeImages."""
        wanted = members.get("ImageIds")
        rows = self._named(wanted) if wanted else [*(image.described() for image in ours().values()), *self._others({})]
        owners = members.get("Owners")
        if owners:
            owners = [ACCOUNT_ID if owner == "self" else owner for owner in owners]
            rows = [row for row in rows if row.get("OwnerId") in owners or row.get("ImageOwnerAlias") in owners]
        filters = members.get("Filters")
        known: dict[str, Values] = {name: partial(_of_image, member) for name, member in _IMAGE_MEMBERS.items()}
        rows = chosen(rows, filters, known, lambda row: list(row.get("Tags") or ()))
        shown, more = page(members, rows, whole=bool(wanted), least=1)
        return {"Images": shown, **more}

    def snapshots(self, members: Members) -> Members:
        """DescribeSnapshots: the account can have none, for CreateSnapshot is refused; others' are not shown."""
        for identity in members.get("SnapshotIds") or ():
            raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{identity}' does not exist.")
        owners = members.get("OwnerIds") or ()
        if not owners or not {*owners} <= {"self", ACCOUNT_ID}:
            text = "The sandbox shows snapshots of the account alone (OwnerIds: self)."
            raise AwsError("UnsupportedOperation", text)
        return {"Snapshots": []}

    def _named(self, wanted: list[str]) -> list[Members]:
        here = {identity: ours()[identity].described() for identity in wanted if identity in ours()}
        left = [identity for identity in wanted if identity not in here]
        for identity in left:
            if not identity.startswith("ami-"):
                raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{identity}"')
        try:
            here |= {image["ImageId"]: image for image in self._others({"ImageIds": left})} if left else {}
        except AwsError as error:
            if error.status >= 500:
                raise
        missing = [identity for identity in wanted if identity not in here]
        if missing:
            word = "ids" if len(missing) > 1 else "id"
            verb = "do" if len(missing) > 1 else "does"
            shown = ", ".join(missing)
            raise AwsError("InvalidAMIID.NotFound", f"The image {word} '[{shown}]' {verb} not exist")
        return [here[identity] for identity in wanted]

    def _others(self, members: Members) -> list[Members]:
        found = self._moto("ec2", "DescribeImages", members).get("Images") or ()
        return [{"PlatformDetails": "Linux/UNIX", "EnaSupport": True, **_platform_as_aws(image)} for image in found]

    def types(self, members: Members) -> Members:
        """DescribeInstanceTypes."""
        wanted = members.get("InstanceTypes")
        rows = [types.find(name) for name in wanted] if wanted else list(types.catalogue().values())
        for condition in members.get("Filters") or ():
            name = str(condition.get("Name"))
            if name not in _TYPE_FILTERS:
                raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        known: dict[str, Values] = {name: partial(_of_path, name) for name in _TYPE_FILTERS}
        rows = chosen(rows, members.get("Filters"), known, lambda row: [])
        shown, more = page({"MaxResults": 100, **members} if not wanted else members, rows, whole=bool(wanted))
        answer: Any = operation_model("ec2", "DescribeInstanceTypes").output_shape
        model = answer.members["InstanceTypes"].member
        return {"InstanceTypes": [_known(model, row) for row in shown], **more}

    def offerings(self, members: Members) -> Members:
        """DescribeInstanceTypeOfferings, by region or by availability zone."""
        kind = members.get("LocationType", "region")
        if kind == "region":
            places = {REGION: set(types.catalogue())}
        elif kind == "availability-zone":
            places = types.zones_of(REGION)
        else:
            raise AwsError("InvalidParameterValue", f"Value ({kind}) for parameter locationType is invalid.")
        rows = [
            {"InstanceType": name, "LocationType": kind, "Location": place}
            for place, names in sorted(places.items())
            for name in sorted(names)
        ]
        known: dict[str, Values] = {
            "instance-type": lambda row: [row["InstanceType"]],
            "location": lambda row: [row["Location"]],
        }
        shown, more = page(members, chosen(rows, members.get("Filters"), known, lambda row: []))
        return {"InstanceTypeOfferings": shown, **more}


def _platform_as_aws(image: Members) -> Members:
    """Only of Windows is a platform said; moto says it of all."""
    return {name: value for name, value in image.items() if name != "Platform" or value == "windows"}


def _known(shape: Any, value: Any) -> Any:
    """moto's data without the members that botocore's model does not know: moto's copy is newer."""
    if isinstance(shape, StructureShape):
        return {name: _known(member, value[name]) for name, member in shape.members.items() if name in value}
    return [_known(shape.member, item) for item in value] if isinstance(shape, ListShape) else value


def _of_path(name: str, row: Members) -> list[object]:
    return by_path(row, name)


def _of_image(member: str, row: Members) -> list[object]:
    return [row[member]] if member in row else []
