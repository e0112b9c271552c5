"""The images that the sandbox adds to moto's: Deep Learning AMIs and Ubuntu, and where their ids are published.

Sources: DLAMI Developer Guide, "Find DLAMI ID" (parameters) and release notes (names, owner, disk); Canonical's
"Find Ubuntu images with SSM". On AWS the ids change with each release; here they follow from the names.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

DLAMI_OWNER = "898082745236"
CANONICAL = "099720109477"
_PARAMETERS = "/aws/service/deeplearning/ami"
_GPUS = "Supported EC2 instances: G4dn, G5, G6, Gr6, G6e, P4d, P4de, P5, P5e, P5en, P6-B200."
_NOTES = "Release notes: https://docs.aws.amazon.com/dlami/latest/devguide/appendix-ami-release-notes.html"


@dataclass(frozen=True)
class Image:
    """One image. ``parameter``: its public SSM parameter. ``pytorch``: has Python with PyTorch in /opt/pytorch."""

    parameter: str
    name: str
    description: str
    architecture: str
    owner: str
    created: str
    root_device: str
    disk_gib: int
    pytorch: bool = False

    @property
    def id(self) -> str:
        """ImageId."""
        return "ami-0" + _digest(self.name)

    def described(self) -> dict[str, Any]:
        """The image as DescribeImages answers it."""
        disk = {
            "DeleteOnTermination": True,
            "Encrypted": False,
            "SnapshotId": "snap-0" + _digest(f"disk of {self.name}"),
            "VolumeSize": self.disk_gib,
            "VolumeType": "gp3",
            "Iops": 3000,
            "Throughput": 125,
        }
        return {
            "ImageId": self.id,
            "Name": self.name,
            "Description": self.description,
            "Architecture": self.architecture,
            "OwnerId": self.owner,
            "ImageLocation": f"amazon/{self.name}",
            **({"ImageOwnerAlias": "amazon"} if self.owner == DLAMI_OWNER else {}),
            "CreationDate": self.created,
            "Public": True,
            "State": "available",
            "ImageType": "machine",
            "PlatformDetails": "Linux/UNIX",
            "UsageOperation": "RunInstances",
            "RootDeviceName": self.root_device,
            "RootDeviceType": "ebs",
            "BlockDeviceMappings": [{"DeviceName": self.root_device, "Ebs": disk}],
            "VirtualizationType": "hvm",
            "Hypervisor": "xen",
            "EnaSupport": True,
            "SriovNetSupport": "simple",
            "BootMode": "uefi-preferred" if self.architecture == "x86_64" else "uefi",
            "ImdsSupport": "v2.0",
        }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _dlami(folder: str, title: str, system: str, architecture: str, created: str, pytorch: bool) -> Image:
    slug = system.lower().replace(" ", "-")
    return Image(
        parameter=f"{_PARAMETERS}/{architecture}/{folder}-{slug}/latest/ami-id",
        name=f"Deep Learning {title} ({system}) {created[:10].replace('-', '')}",
        description=f"{_GPUS} {_NOTES}",
        architecture=architecture,
        owner=DLAMI_OWNER,
        created=created,
        root_device="/dev/sda1" if system.startswith("Ubuntu") else "/dev/xvda",
        disk_gib=45 if pytorch else 65,
        pytorch=pytorch,
    )


@cache
def ours() -> dict[str, Image]:
    """The images by id."""
    driver = "oss-nvidia-driver-gpu"
    found = [
        _dlami(f"{driver}-pytorch-{version}", f"{arm}OSS Nvidia Driver AMI GPU PyTorch {version}", system, architecture,
               created, True)
        for version, system, created in (
            ("2.12", "Ubuntu 24.04", "2026-11-18T05:12:43.000Z"),
            ("2.10", "Amazon Linux 2023", "2026-11-13T22:40:10.000Z"),
            ("2.10", "Ubuntu 24.04", "2026-11-11T03:51:28.000Z"),
        )
        for architecture, arm in (("x86_64", ""), ("arm64", "ARM64 AMI "))
    ]  # fmt: skip
    found += [
        _dlami(f"base-{driver}", f"{arm}Base OSS Nvidia Driver GPU AMI", system, architecture, created, False)
        for system, created in (
            ("Ubuntu 24.04", "2026-11-19T10:02:55.000Z"),
            ("Ubuntu 22.04", "2026-11-19T09:44:06.000Z"),
            ("Amazon Linux 2023", "2026-11-17T17:31:50.000Z"),
        )
        for architecture, arm in (("x86_64", ""), ("arm64", "ARM64 "))
    ]
    found += [
        Image(
            parameter=f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{short}/hvm/ebs-gp3/ami-id",
            name=f"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{short}-server-20261115",
            description=f"Canonical, Ubuntu, 24.04, {short} noble image",
            architecture=architecture,
            owner=CANONICAL,
            created="2026-11-15T07:20:31.000Z",
            root_device="/dev/sda1",
            disk_gib=8,
        )
        for architecture, short in (("x86_64", "amd64"), ("arm64", "arm64"))
    ]
    return {image.id: image for image in found}


@cache
def parameters() -> dict[str, Image]:
    """The images by the name of their public parameter."""
    return {image.parameter: image for image in ours().values()}
