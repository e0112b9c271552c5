"""What belongs to instances: attributes, profiles, volumes, interfaces, tags, monitoring, the console's output."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.ec2 import answers, request, types, userdata
from sandbox.ec2.filters import Values, chosen
from sandbox.ec2.fleet import Fleet
from sandbox.ec2.network import Moto
from sandbox.ec2.pages import page
from sandbox.ec2.records import Instance, Instances, Profile, tag_set
from sandbox.wire.errors import AwsError

Members = dict[str, Any]
# EC2 keeps the most recent 64 KB of what an instance printed.
_CONSOLE_BYTES = 64 * 1024
# The attribute in the request, and how it is answered.
_ATTRIBUTES: dict[str, tuple[str, Callable[[Instance], Any]]] = {
    "instanceType": ("InstanceType", lambda instance: {"Value": instance.type}),
    "userData": ("UserData", lambda instance: {"Value": instance.user_data} if instance.user_data else {}),
    "disableApiTermination": ("DisableApiTermination", lambda instance: {"Value": instance.protected}),
    "disableApiStop": ("DisableApiStop", lambda instance: {"Value": instance.stop_protected}),
    "instanceInitiatedShutdownBehavior": (
        "InstanceInitiatedShutdownBehavior",
        lambda instance: {"Value": instance.shutdown_behavior},
    ),
    "rootDeviceName": (
        "RootDeviceName",
        lambda instance: {"Value": instance.image_facts.get("RootDeviceName", "/dev/xvda")},
    ),
    "groupSet": ("Groups", lambda instance: instance.groups),
    "sourceDestCheck": ("SourceDestCheck", lambda instance: {"Value": instance.source_check}),
    "ebsOptimized": ("EbsOptimized", lambda instance: {"Value": instance.ebs_optimized}),
    "enaSupport": ("EnaSupport", lambda instance: {"Value": True}),
    "blockDeviceMapping": (
        "BlockDeviceMappings",
        lambda instance: answers.described(instance, {})["BlockDeviceMappings"],
    ),
}


class Details:
    """The operations, each from its members to the members of its answer."""

    def __init__(
        self, instances: Instances, fleet: Fleet, moto: Moto, profile: Callable[[dict[str, str]], Profile]
    ) -> None:
        self._instances, self._fleet, self._moto, self._profile = instances, fleet, moto, profile
        self.operations: dict[str, Callable[[Members], Members]] = {
            "DescribeInstanceAttribute": self.attribute,
            "ModifyInstanceAttribute": self.modify,
            "ModifyInstanceMetadataOptions": self.metadata,
            "MonitorInstances": lambda members: self._monitor(members, True),
            "UnmonitorInstances": lambda members: self._monitor(members, False),
            "GetConsoleOutput": self.console,
            "DescribeVolumes": self.volumes,
            "DeleteVolume": self.delete_volume,
            "DescribeNetworkInterfaces": self.interfaces,
            "AssociateIamInstanceProfile": self.associate,
            "DescribeIamInstanceProfileAssociations": self.associations,
            "DisassociateIamInstanceProfile": self.disassociate,
            "DescribeInstanceCreditSpecifications": self.credit_modes,
            "CreateTags": self.create_tags,
            "DeleteTags": self.delete_tags,
            "DescribeTags": self.describe_tags,
        }

    def attribute(self, members: Members) -> Members:
        """DescribeInstanceAttribute."""
        instance = self._instances.get(_one(members))
        name = members.get("Attribute", "")
        if name not in _ATTRIBUTES:
            raise AwsError("InvalidParameterValue", f"Value ({name}) for parameter attribute is invalid.")
        member, read = _ATTRIBUTES[name]
        return {"InstanceId": instance.id, member: read(instance)}

    def modify(self, members: Members) -> Members:
        """ModifyInstanceAttribute; one attribute a call."""
        instance = self._instances.get(_one(members))
        given = {name for name in members if name not in ("InstanceId", "DryRun", "Attribute", "Value")}
        if members.get("Attribute"):
            member = next((member for name, (member, _) in _ATTRIBUTES.items() if name == members["Attribute"]), "")
            members = {**members, member: {"Value": members.get("Value", "")}}
            given.add(member)
        if len(given) != 1:
            text = "Fields for multiple attribute types specified: " + ", ".join(sorted(given))
            raise AwsError("InvalidParameterCombination", text)
        name = given.pop()
        change = self._change(instance, name, members[name])
        if members.get("DryRun"):
            raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        self._instances.change(instance.id, change)
        return {}

    def _change(self, instance: Instance, name: str, given: Any) -> Callable[[Instance], None]:
        value = given.get("Value") if isinstance(given, dict) else given
        flags = {
            "DisableApiTermination": "protected",
            "DisableApiStop": "stop_protected",
            "SourceDestCheck": "source_check",
            "EbsOptimized": "ebs_optimized",
        }
        if name in flags:
            wanted = value is True or str(value).lower() == "true"
            return lambda instance: setattr(instance, flags[name], wanted)
        if name == "InstanceInitiatedShutdownBehavior":
            if value not in ("stop", "terminate"):
                text = f"Value ({value}) for parameter instanceInitiatedShutdownBehavior is invalid."
                raise AwsError("InvalidParameterValue", text)
            return lambda instance: setattr(instance, "shutdown_behavior", value)
        if name == "Groups":
            known = self._moto("ec2", "DescribeSecurityGroups", {}).get("SecurityGroups") or ()
            names = {group["GroupId"]: group["GroupName"] for group in known if group.get("VpcId") == instance.vpc}
            for identity in value or ():
                if identity not in names:
                    raise AwsError("InvalidGroup.NotFound", f"The security group '{identity}' does not exist")
            groups = [{"GroupId": identity, "GroupName": names[identity]} for identity in value or ()]
            return lambda instance: setattr(instance, "groups", groups)
        if name not in ("InstanceType", "UserData"):
            raise AwsError("UnsupportedOperation", f"The sandbox does not change {name}.")
        if instance.state != "stopped":
            raise AwsError("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
        if name == "UserData":
            userdata.check(value or "")
            return lambda instance: setattr(instance, "user_data", value or "")
        if value not in types.catalogue():
            raise AwsError("InvalidInstanceAttributeValue", f"Invalid value '{value}' for InstanceType.")
        return lambda instance: setattr(instance, "type", value)

    def metadata(self, members: Members) -> Members:
        """ModifyInstanceMetadataOptions."""
        names = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "HttpProtocolIpv6", "InstanceMetadataTags")
        given = {name: members[name] for name in names if name in members}
        request.check_metadata(given)
        self._instances.get(_one(members))
        changed = self._instances.change(members["InstanceId"], lambda instance: instance.metadata.update(given))
        return {"InstanceId": changed.id, "InstanceMetadataOptions": {"State": "pending", **changed.metadata}}

    def _monitor(self, members: Members, detailed: bool) -> Members:
        found = self._instances.several(members.get("InstanceIds") or ())
        for instance in found:
            self._instances.change(instance.id, lambda instance: setattr(instance, "detailed", detailed))
        word = "pending" if detailed else "disabling"
        return {
            "InstanceMonitorings": [{"InstanceId": instance.id, "Monitoring": {"State": word}} for instance in found]
        }

    def console(self, members: Members) -> Members:
        """GetConsoleOutput: what the first boot's user data printed."""
        instance = self._instances.get(_one(members))
        log = self._fleet.disk(instance).boot_log
        try:
            data, at = log.read_bytes()[-_CONSOLE_BYTES:], log.stat().st_mtime
        except OSError:
            data, at = b"", instance.launched
        return {
            "InstanceId": instance.id,
            "Output": base64.b64encode(data).decode(),
            "Timestamp": answers.at(at),
        }

    def volumes(self, members: Members) -> Members:
        """DescribeVolumes: the instances' own and those that were made apart from one."""
        wanted = members.get("VolumeIds")
        rows = [
            answers.volume(instance, volume, self._instances.tags(volume["VolumeId"]))
            for instance in self._instances.all()
            for volume in instance.volumes
        ]
        rows = chosen(rows, members.get("Filters"), answers.VOLUME_FILTERS, answers.tags_of)
        operation = "DescribeVolumes"
        return self._with_others(
            members, wanted, rows, operation=operation, member="Volumes", identity="VolumeId", identities="VolumeIds"
        )

    def delete_volume(self, members: Members) -> Members:
        """DeleteVolume, also of one that a terminated instance has left."""
        wanted = members.get("VolumeId", "")
        for instance in self._instances.all():
            if any(volume["VolumeId"] == wanted for volume in instance.volumes):
                if instance.state != "terminated":
                    raise AwsError("VolumeInUse", f"Volume {wanted} is currently attached to {instance.id}")
                self._instances.change(instance.id, partial(_drop_volume, wanted))
                return {}
        return self._moto("ec2", "DeleteVolume", members)

    def interfaces(self, members: Members) -> Members:
        """DescribeNetworkInterfaces, those of instances among them."""
        wanted = members.get("NetworkInterfaceIds")
        rows = []
        for instance in self._instances.all():
            if instance.state != "terminated":
                row = answers.interface(instance)
                row["Attachment"] = {**row["Attachment"], "InstanceId": instance.id}
                row |= {"AvailabilityZone": instance.zone, "TagSet": tag_set(self._instances.tags(instance.interface))}
                rows.append(row)
        known: dict[str, Values] = {
            "attachment.instance-id": lambda row: [row["Attachment"]["InstanceId"]],
            "availability-zone": lambda row: [row["AvailabilityZone"]],
            "group-id": lambda row: [group["GroupId"] for group in row["Groups"]],
            "network-interface-id": lambda row: [row["NetworkInterfaceId"]],
            "private-ip-address": lambda row: [row["PrivateIpAddress"]],
            "status": lambda row: [row["Status"]],
            "subnet-id": lambda row: [row["SubnetId"]],
            "vpc-id": lambda row: [row["VpcId"]],
        }
        rows = chosen(rows, members.get("Filters"), known, lambda row: row["TagSet"])
        return self._with_others(
            members,
            wanted,
            rows,
            operation="DescribeNetworkInterfaces",
            member="NetworkInterfaces",
            identity="NetworkInterfaceId",
            identities="NetworkInterfaceIds",
        )

    def _with_others(
        self,
        members: Members,
        wanted: list[str] | None,
        rows: list[Members],
        *,
        operation: str,
        member: str,
        identity: str,
        identities: str,
    ) -> Members:
        """Ours and moto's rows, one page of them."""
        if wanted:
            rows = [row for row in rows if row[identity] in wanted]
            left = [given for given in wanted if given not in {row[identity] for row in rows}]
            others = self._moto("ec2", operation, {identities: left})[member] if left else []
        else:
            asked = {"Filters": members["Filters"]} if members.get("Filters") else {}
            others = self._moto("ec2", operation, asked).get(member) or []
        shown, more = page(members, [*rows, *others], whole=bool(wanted))
        return {member: shown, **more}

    def associate(self, members: Members) -> Members:
        """AssociateIamInstanceProfile."""
        instance = self._instances.get(_one(members))
        profile = self._profile(members.get("IamInstanceProfile") or {})
        if instance.profile:
            text = f"There is an existing association for instance {instance.id}"
            raise AwsError("IncorrectState", text)
        changed = self._instances.change(instance.id, lambda instance: instance.give_profile(profile))
        return {"IamInstanceProfileAssociation": _association(changed, "associating")}

    def associations(self, members: Members) -> Members:
        """DescribeIamInstanceProfileAssociations."""
        wanted = members.get("AssociationIds")
        rows = [_association(instance, "associated") for instance in self._instances.all() if instance.profile]
        rows = [row for row in rows if not wanted or row["AssociationId"] in wanted]
        known: dict[str, Values] = {
            "instance-id": lambda row: [row["InstanceId"]],
            "state": lambda row: [row["State"]],
        }
        shown, more = page(members, chosen(rows, members.get("Filters"), known, lambda row: []))
        return {"IamInstanceProfileAssociations": shown, **more}

    def disassociate(self, members: Members) -> Members:
        """DisassociateIamInstanceProfile."""
        wanted = members.get("AssociationId", "")
        found = [
            instance
            for instance in self._instances.all()
            if instance.profile and instance.profile_association == wanted
        ]
        if not found:
            text = f"An invalid association-id of '{wanted}' was given"
            raise AwsError("NoSuchAssociation", text)
        answer = _association(found[0], "disassociating")
        self._instances.change(found[0].id, lambda instance: instance.give_profile(Profile()))
        return {"IamInstanceProfileAssociation": answer}

    def credit_modes(self, members: Members) -> Members:
        """DescribeInstanceCreditSpecifications."""
        wanted = members.get("InstanceIds")
        found = self._instances.several(wanted) if wanted else self._instances.all()
        rows = [
            {"InstanceId": instance.id, "CpuCredits": instance.credit_mode}
            for instance in found
            if instance.credit_mode
        ]
        shown, more = page(members, rows, whole=bool(wanted))
        return {"InstanceCreditSpecifications": shown, **more}

    def create_tags(self, members: Members) -> Members:
        """CreateTags; what is not an instance's is moto's."""
        tags = members.get("Tags") or ()
        for tag in tags:
            request.check_tag(tag)
        ours, others = self._split(members.get("Resources") or ())
        if others:
            self._moto("ec2", "CreateTags", {"Resources": others, "Tags": list(tags)})
        for resource in ours:
            self._instances.tag(resource, {tag["Key"]: tag.get("Value", "") for tag in tags})
        return {}

    def delete_tags(self, members: Members) -> Members:
        """DeleteTags: with a value only where the tag has it; without tags all of them."""
        ours, others = self._split(members.get("Resources") or ())
        given = members.get("Tags")
        if others:
            self._moto("ec2", "DeleteTags", {"Resources": others, **({"Tags": given} if given else {})})
        for resource in ours:
            for tag in given or [{"Key": key} for key in self._instances.tags(resource)]:
                self._instances.untag(resource, tag["Key"], tag.get("Value"))
        return {}

    def describe_tags(self, members: Members) -> Members:
        """DescribeTags."""
        kinds = {"i": "instance", "vol": "volume", "eni": "network-interface"}
        rows = [
            {"ResourceId": resource, "ResourceType": kinds[resource.partition("-")[0]], "Key": key, "Value": value}
            for resource in self._known()
            for key, value in self._instances.tags(resource).items()
        ]
        known: dict[str, Values] = {
            "key": lambda row: [row["Key"]],
            "resource-id": lambda row: [row["ResourceId"]],
            "resource-type": lambda row: [row["ResourceType"]],
            "value": lambda row: [row["Value"]],
        }
        rows = chosen(rows, members.get("Filters"), known, lambda row: [row])
        asked = {"Filters": members["Filters"]} if members.get("Filters") else {}
        others = self._moto("ec2", "DescribeTags", asked).get("Tags") or []
        shown, more = page(members, [*rows, *others])
        return {"Tags": shown, **more}

    def _known(self) -> list[str]:
        found = []
        for instance in self._instances.all():
            found += [instance.id, instance.interface, *(volume["VolumeId"] for volume in instance.volumes)]
        return found

    def _split(self, resources: Any) -> tuple[list[str], list[str]]:
        known = set(self._known())
        ours = [resource for resource in resources if resource in known]
        for resource in resources:
            if resource.startswith("i-") and resource not in known:
                raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{resource}' does not exist")
        return ours, [resource for resource in resources if resource not in known]


def _association(instance: Instance, state: str) -> Members:
    return {
        "AssociationId": instance.profile_association,
        "InstanceId": instance.id,
        "IamInstanceProfile": answers.profile_of(instance),
        "State": state,
    }


def _drop_volume(identity: str, instance: Instance) -> None:
    instance.volumes = [volume for volume in instance.volumes if volume["VolumeId"] != identity]


def _one(members: Members) -> str:
    if not members.get("InstanceId"):
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceId")
    return str(members["InstanceId"])
