"""What policies may ask about EC2's resources: tags, and an instance's type, profile and place."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.core.account import REGION
from sandbox.ec2.network import Moto
from sandbox.ec2.records import Instance, Instances
from sandbox.iam.known import tag_keys
from sandbox.wire.errors import AwsError

_PREFIXES = ("ec2:ResourceTag", "ssm:resourceTag")


class Conditions:
    """The condition keys of a resource by its ARN: of instances and what is theirs from our records, else moto's."""

    def __init__(self, instances: Instances, moto: Moto) -> None:
        self._instances, self._moto = instances, moto

    def about(self, arn: str) -> Mapping[str, str]:
        """The keys that are known; those of the region always."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        keys = {"ec2:Region": REGION}
        tags = self._instances.tags(name)
        instance = self._instances.find(name) if kind == "instance" else None
        if instance is not None:
            keys |= _of_instance(instance)
        elif not tags and kind in ("security-group", "subnet", "vpc", "volume", "key-pair", "image"):
            tags = self._tags(name)
        return keys | tag_keys(tags, *_PREFIXES)

    def _tags(self, name: str) -> dict[str, str]:
        try:
            asked = {"Filters": [{"Name": "resource-id", "Values": [name]}]}
            found = self._moto("ec2", "DescribeTags", asked).get("Tags") or ()
        except AwsError as error:
            if error.status >= 500:
                raise
            return {}
        return {tag["Key"]: tag["Value"] for tag in found}


def _of_instance(instance: Instance) -> dict[str, str]:
    keys = {
        "ec2:InstanceID": instance.id,
        "ec2:InstanceType": instance.type,
        "ec2:AvailabilityZone": instance.zone,
        "ec2:EbsOptimized": str(instance.ebs_optimized).lower(),
        "ec2:RootDeviceType": "ebs",
        "ec2:Tenancy": "default",
        "ec2:MetadataHttpTokens": str(instance.metadata.get("HttpTokens", "optional")),
        "ec2:MetadataHttpEndpoint": str(instance.metadata.get("HttpEndpoint", "enabled")),
    }
    if instance.profile:
        keys["ec2:InstanceProfile"] = instance.profile_arn
    return keys
