"""Instance types: what AWS says about each (moto's copy of DescribeInstanceTypes), and how T types earn credits.

Source of the credits: EC2 User Guide, "Key concepts for burstable performance instances".
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandbox.wire.errors import AwsError

_BUCKETS = {"p": "P", "g": "G and VT", "vt": "G and VT", "inf": "Inf", "trn": "Trn", "dl": "DL", "x": "X", "f": "F"}
_EARNED = {
    "t2.nano": 3, "t2.micro": 6, "t2.small": 12, "t2.medium": 24, "t2.large": 36, "t2.xlarge": 54, "t2.2xlarge": 81.6,
    "nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192,
}  # fmt: skip
# AWS's figure for T2.
_LAUNCH_CREDITS_PER_VCPU = 30.0


@dataclass(frozen=True)
class Credits:
    """CPU credits of a burstable type: earned an hour, the most that are kept, those of a new instance."""

    per_hour: float
    most: float
    at_launch: float


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """All types by name, as DescribeInstanceTypes answers them."""
    return _resource("instance_types.json.gz")


@cache
def _folder() -> Path:
    # The data alone: importing moto would take a second.
    spec = find_spec("moto")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "ec2" / "resources"


@cache
def _resource(name: str) -> Any:
    with gzip.open(_folder() / name) as file:
        return json.load(file)


def zones_of(region: str) -> dict[str, set[str]]:
    """Which types each availability zone (``us-east-1a``) offers; an empty dict when that is not known."""
    path = f"instance_type_offerings/availability-zone/{region}.json.gz"
    if not (_folder() / path).exists():
        return {}
    zones: dict[str, set[str]] = {}
    for offer in _resource(path):
        zones.setdefault(offer["Location"], set()).add(offer["InstanceType"])
    return zones


def find(name: str) -> dict[str, object]:
    """One type. Raises InvalidInstanceType as DescribeInstanceTypes does."""
    found = catalogue().get(name)
    if found is None:
        raise AwsError("InvalidInstanceType", f"The following supplied instance types do not exist: [{name}]")
    return found


def vcpus(name: str) -> int:
    """DefaultVCpus."""
    return int(catalogue()[name]["VCpuInfo"]["DefaultVCpus"])


def memory_bytes(name: str) -> int:
    """The memory of a type."""
    return int(catalogue()[name]["MemoryInfo"]["SizeInMiB"]) * 1024 * 1024


def processors(name: str) -> int:
    """How many processors an instance really has: its type's, but no more than this machine."""
    return max(1, min(vcpus(name), os.cpu_count() or 1))


def bucket(name: str) -> str:
    """Which quota of vCPUs a type counts for, as in the quota's name."""
    family = name.partition(".")[0]
    letters = next((n for n, char in enumerate(family) if char.isdigit()), len(family))
    return _BUCKETS.get(family[:letters], "Standard")


def credits(name: str) -> Credits | None:
    """What a T type earns; None for the others."""
    if not catalogue()[name].get("BurstablePerformanceSupported"):
        return None
    per_hour = float(_EARNED.get(name, _EARNED.get(name.partition(".")[2], 0.0)))
    t2 = name.startswith("t2.")
    return Credits(per_hour, per_hour * 24, _LAUNCH_CREDITS_PER_VCPU * vcpus(name) if t2 else 0.0)
