"""Instances that answer IMDSv1, and volumes that are not encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.reading import known
from workers.security.types import Change, Resource, Unread, meanwhile


@dataclass(frozen=True)
class InstanceFact:
    """An instance. ``metadata``: its metadata service answers; ``tokens``: and asks for a token (IMDSv2)."""

    id: str
    name: str
    arn: str
    metadata: bool
    tokens: bool

    @property
    def resource(self) -> Resource:
        """The instance."""
        return Resource("AwsEc2Instance", self.id, self.arn, self.name)


async def read_instances(session: AwsSession) -> Sequence[InstanceFact]:
    """All instances that are not terminated. Raises ``SageDeckError``."""
    found = session.paginate("ec2", "describe_instances", "Reservations", doing="list the instances")
    return [
        _instance(session.region, str(reservation.get("OwnerId", "")), item)
        async for reservation in found
        for item in reservation["Instances"]
        if item["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def _instance(region: str, owner: str, item: dict[str, Any]) -> InstanceFact:
    names = [tag["Value"] for tag in item.get("Tags", ()) if tag["Key"] == "Name"]
    options = item.get("MetadataOptions", {})
    return InstanceFact(
        item["InstanceId"],
        names[0] if names else "",
        f"arn:aws:ec2:{region}:{owner}:instance/{item['InstanceId']}",
        options.get("HttpEndpoint", "enabled") != "disabled",
        options.get("HttpTokens") == "required",
    )


def judge_metadata(fact: InstanceFact, now: datetime) -> Iterator[Problem]:
    """The metadata service answers without a token."""
    if fact.metadata and not fact.tokens:
        yield Problem("Its metadata service answers without a token.", RequireTokens(fact.id, fact.name))


INSTANCES = Area(
    "instances",
    "ec2",
    read_instances,
    (
        Check(
            "ec2_instance_imdsv2_enabled",
            "IMDSv1 allowed",
            "high",
            "A program on it that can be made to fetch an address gives away the keys of the instance's role.",
            "Require IMDSv2. Today's SDKs use it by themselves.",
            judge_metadata,
        ),
    ),
)


@dataclass(frozen=True)
class VolumeFact:
    """A volume of the region."""

    id: str
    name: str
    arn: str
    size_gb: int
    encrypted: bool

    @property
    def resource(self) -> Resource:
        """The volume."""
        return Resource("AwsEc2Volume", self.id, self.arn, self.name)


@dataclass(frozen=True)
class DefaultFact:
    """Whether new volumes of the region are encrypted by themselves."""

    account: str
    region: str
    encrypted: bool | Unread

    @property
    def resource(self) -> Resource:
        """The account in this region."""
        return Resource("AwsAccount", self.account, f"arn:aws:iam::{self.account}:root", self.region)


async def read_volumes(session: AwsSession) -> Sequence[VolumeFact]:
    """All volumes of the region. Raises ``SageDeckError``."""
    account = (await session.identity()).account
    found = session.paginate("ec2", "describe_volumes", "Volumes", doing="list the volumes")
    return [
        VolumeFact(
            volume["VolumeId"],
            next((tag["Value"] for tag in volume.get("Tags", ()) if tag["Key"] == "Name"), ""),
            f"arn:aws:ec2:{session.region}:{account}:volume/{volume['VolumeId']}",
            int(volume.get("Size", 0)),
            bool(volume.get("Encrypted")),
        )
        async for volume in found
    ]


def judge_volume(fact: VolumeFact, now: datetime) -> Iterator[Problem]:
    """Not encrypted, which cannot be changed afterwards."""
    if not fact.encrypted:
        snapshot = (
            f"aws ec2 create-snapshot --volume-id {fact.id}\n"
            "aws ec2 copy-snapshot --encrypted --source-region REGION --source-snapshot-id SNAPSHOT\n"
            "aws ec2 create-volume --snapshot-id ENCRYPTED_SNAPSHOT --availability-zone ZONE"
        )
        yield Problem(f"Its {fact.size_gb:,} GB are not encrypted.", cli=snapshot)


VOLUMES = Area(
    "volumes",
    "ec2",
    read_volumes,
    (
        Check(
            "ec2_ebs_volume_encryption",
            "Volume is not encrypted",
            "medium",
            "Whoever gets a copy of it or of its snapshots reads it.",
            "Make a snapshot, copy it with encryption, make a volume of the copy, and attach that one instead.",
            judge_volume,
        ),
    ),
)


async def read_defaults(session: AwsSession) -> Sequence[DefaultFact]:
    """What new volumes of the region are."""
    account = (await session.identity()).account

    async def asked() -> bool:
        found = await session.call("ec2", "get_ebs_encryption_by_default", "read how new volumes are encrypted")
        return bool(found["EbsEncryptionByDefault"])

    return [DefaultFact(account, session.region, await known(asked(), missing=False))]


def judge_default(fact: DefaultFact, now: datetime) -> Iterator[Problem]:
    """New volumes are not encrypted."""
    if not fact.encrypted:
        yield Problem(
            "New volumes are not encrypted unless who makes them asks for it.", EncryptNewVolumes(fact.region)
        )


DEFAULTS = Area(
    "new volumes",
    "ec2",
    read_defaults,
    (
        Check(
            "ec2_ebs_default_encryption",
            "New volumes are not encrypted",
            "medium",
            "A volume that somebody forgot to encrypt cannot be encrypted later.",
            "Encrypt new volumes by default. It costs nothing.",
            judge_default,
            ("encrypted",),
        ),
    ),
)


@dataclass(frozen=True)
class RequireTokens(Change):
    """Require IMDSv2 on an instance."""

    label: ClassVar[str] = "Require v2"

    instance: str
    name: str

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Require IMDSv2 on {self.name or self.instance}"

    @property
    def sentence(self) -> str:
        """What may stop working."""
        return "Programs on it that ask for the role's keys in the old way get none. SDKs since 2020 use the new way."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        return f"aws ec2 modify-instance-metadata-options --instance-id {self.instance} --http-tokens required"

    @property
    def subject(self) -> tuple[str, str]:
        """The instance."""
        return "instance", self.instance

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when it requires tokens already, or answers nobody any more."""
        doing = f"require IMDSv2 on {self.instance}"
        answer = await session.call("ec2", "describe_instances", doing, InstanceIds=[self.instance])
        items = [item for reservation in answer["Reservations"] for item in reservation["Instances"]]
        facts = [_instance(session.region, "", item) for item in items]
        if not facts or facts[0].tokens or not facts[0].metadata:
            raise meanwhile(f"The metadata service of {self.instance}")
        await session.call(
            "ec2", "modify_instance_metadata_options", doing, InstanceId=self.instance, HttpTokens="required"
        )


@dataclass(frozen=True)
class EncryptNewVolumes(Change):
    """Encrypt new volumes of the region by default."""

    label: ClassVar[str] = "Encrypt"

    region: str

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Encrypt new volumes in {self.region}"

    @property
    def sentence(self) -> str:
        """What does not change."""
        return "New volumes of this region are encrypted with AWS's key. Those that exist stay as they are."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        return f"aws ec2 enable-ebs-encryption-by-default --region {self.region}"

    @property
    def subject(self) -> tuple[str, str]:
        """The region."""
        return "volume", self.region

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when they are encrypted by now."""
        doing = "encrypt new volumes by default"
        found = await session.call("ec2", "get_ebs_encryption_by_default", doing)
        if found["EbsEncryptionByDefault"]:
            raise meanwhile("How new volumes are encrypted")
        await session.call("ec2", "enable_ebs_encryption_by_default", doing)
