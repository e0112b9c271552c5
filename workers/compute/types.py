"""The frozen values of EC2: instances, images, types, commands and the jobs that run as commands.

Times are timezone-aware in UTC, sizes in GiB, prices US dollars an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from workers.aws.tags import made_by_sagedeck

InstanceState = Literal["pending", "running", "shutting-down", "terminated", "stopping", "stopped"]
CommandState = Literal["Pending", "InProgress", "Success", "Failed", "TimedOut", "Cancelled", "Cancelling"]
AtEnd = Literal["stop", "terminate"]
ENDED: frozenset[str] = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})
# DescribeInstances does not tell what an instance does when it shuts itself down; the tag does.
AT_END_TAG = "sagedeck:at-end"
# The bucket that its role may write to.
BUCKET_TAG = "sagedeck:bucket"


@dataclass(frozen=True)
class Agent:
    """The SSM agent of an instance: ``ping`` is ``Online``, ``ConnectionLost`` or ``Inactive``, told at ``seen``."""

    ping: str
    seen: datetime | None = None
    version: str = ""
    platform: str = ""

    @property
    def online(self) -> bool:
        """True when commands reach the instance."""
        return self.ping == "Online"


@dataclass(frozen=True)
class Instance:
    """One EC2 instance. ``started`` is the last start; ``reason_code`` says why it is in its state.

    ``agent`` is ``None`` as long as SSM does not know the instance. ``open_ports`` are the inbound rules of its
    security groups, in words; ``None`` when they could not be read.
    """

    id: str
    state: InstanceState
    type: str
    started: datetime
    name: str = ""
    image: str = ""
    zone: str = ""
    reason_code: str = ""
    reason: str = ""
    agent: Agent | None = None
    profile: str = ""
    vpc: str = ""
    groups: tuple[tuple[str, str], ...] = ()
    open_ports: tuple[str, ...] | None = None
    tokens_required: bool = False
    volumes: tuple[str, ...] = ()
    at_end: AtEnd = "stop"
    detailed_monitoring: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """True while it bills by the hour."""
        return self.state == "running"

    @property
    def title(self) -> str:
        """Its ``Name`` tag, or its id."""
        return self.name or self.id

    @property
    def burstable(self) -> bool:
        """True for T types, which have CPU credits."""
        return self.type.startswith("t")

    @property
    def bucket(self) -> str:
        """The bucket that its role may use; "" for an instance of somebody else's."""
        return self.tags.get(BUCKET_TAG, "")

    @property
    def ours(self) -> bool:
        """True when SageDeck launched it."""
        return made_by_sagedeck([{"Key": key, "Value": value} for key, value in self.tags.items()])


@dataclass(frozen=True)
class Image:
    """One AMI that can be launched. ``gpu``: it is made for types with a GPU. ``root_device`` is its first disk."""

    id: str
    name: str
    parameter: str = ""
    gpu: bool = False
    root_device: str = "/dev/xvda"
    smallest_disk_gib: int = 8
    created: datetime | None = None


@dataclass(frozen=True)
class InstanceSize:
    """What an instance type has."""

    name: str
    vcpus: int
    memory_gib: float
    gpus: int = 0
    gpu: str = ""
    architectures: tuple[str, ...] = ("x86_64",)


@dataclass(frozen=True)
class InstanceSpec:
    """What the launch form holds. ``limit_minutes``: the instance shuts itself down this long after its first boot
    (0: never). ``ssh_from`` is one address (``203.0.113.7/32``) that may reach port 22; "" opens no port.
    """

    name: str
    image: Image
    type: str
    bucket: str
    disk_gib: int = 60
    at_end: AtEnd = "stop"
    limit_minutes: int = 240
    ssh_from: str = ""
    key_name: str = ""
    detailed_monitoring: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One line of the preflight; only ``missing`` is in the way of a launch.

    ``fix`` names what a button can do: ``create_default_vpc``, ``raise_quota``.
    """

    id: str
    state: Literal["ok", "warn", "missing", "unknown"]
    title: str
    detail: str = ""
    fix: str = ""
    fix_label: str = ""


@dataclass(frozen=True)
class Command:
    """One SSM run command on one instance. ``exit_code`` is ``None`` before its end (-1: it never started).

    ``job`` is the name of the training job that it runs, "" for a command of one's own; ``bucket`` and ``prefix``
    are where SSM keeps the whole output.
    """

    id: str
    instance: str
    state: CommandState
    requested: datetime
    title: str = ""
    detail: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    job: str = ""
    bucket: str = ""
    prefix: str = ""
    output: str = ""

    @property
    def running(self) -> bool:
        """True until it has ended, however."""
        return self.state not in ENDED


@dataclass(frozen=True)
class JobSpec:
    """A training job on an instance: ``train.py`` with the hyperparameters of the Training tab.

    ``source`` is a folder of one's own whose ``script`` runs instead. ``shut_down``: the instance shuts itself down
    when the job has ended, unless another job still runs there. ``limit_seconds``: longest run.
    """

    name: str
    instance: str
    data_uri: str
    bucket: str
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    limit_seconds: int = 3600
    shut_down: bool = True
    source: str = ""
    script: str = "train.py"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """A metric of one instance: (time, value) oldest first; empty when nothing was measured."""

    name: str
    unit: str
    values: tuple[tuple[datetime, float], ...] = ()
