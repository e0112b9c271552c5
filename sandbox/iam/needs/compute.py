"""What the operations of EC2 and of Systems Manager need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.core.account import ACCOUNT_ID, REGION, arn
from sandbox.iam.needs.need import Names, Need, text, texts
from sandbox.wire.call import Call

Context = dict[str, str | Sequence[str]]
_RESOLVE = "resolve:ssm:"
_OF_INSTANCES = frozenset(
    {
        *("StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"),
        *("MonitorInstances", "UnmonitorInstances"),
    }
)
_OF_AN_INSTANCE = frozenset(
    {
        *("GetConsoleOutput", "DescribeInstanceAttribute", "ModifyInstanceAttribute"),
        *("ModifyInstanceMetadataOptions", "AssociateIamInstanceProfile"),
    }
)
# Changes to what instances are made with: the kind of resource and the member that names it.
_OF_A_RESOURCE = {
    "AuthorizeSecurityGroupEgress": ("security-group", "GroupId"),
    "AuthorizeSecurityGroupIngress": ("security-group", "GroupId"),
    "RevokeSecurityGroupEgress": ("security-group", "GroupId"),
    "RevokeSecurityGroupIngress": ("security-group", "GroupId"),
    "DeleteSecurityGroup": ("security-group", "GroupId"),
    "ModifySecurityGroupRules": ("security-group", "GroupId"),
    "UpdateSecurityGroupRuleDescriptionsEgress": ("security-group", "GroupId"),
    "UpdateSecurityGroupRuleDescriptionsIngress": ("security-group", "GroupId"),
    "ReleaseAddress": ("elastic-ip", "AllocationId"),
    "DeleteVolume": ("volume", "VolumeId"),
    "CreateKeyPair": ("key-pair", "KeyName"),
    "ImportKeyPair": ("key-pair", "KeyName"),
    "DeleteKeyPair": ("key-pair", "KeyName"),
}
# What is made apart from an instance, by the kind of resource.
_MAKES = {"AllocateAddress": "elastic-ip", "CreateVolume": "volume"}
# Kinds of resources by the beginnings of their ids.
_KINDS = {
    "i": "instance",
    "ami": "image",
    "vol": "volume",
    "snap": "snapshot",
    "subnet": "subnet",
    "vpc": "vpc",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "acl": "network-acl",
    "dopt": "dhcp-options",
    "eni": "network-interface",
    "eipalloc": "elastic-ip",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "key": "key-pair",
    "lt": "launch-template",
}
_OF_NO_SSM_RESOURCE = frozenset(
    {
        *("CancelCommand", "ListCommands", "ListCommandInvocations", "GetCommandInvocation", "DescribeParameters"),
        *("DescribeInstanceInformation", "GetConnectionStatus", "ListDocuments"),
    }
)
_OF_A_DOCUMENT = frozenset({"DescribeDocument", "GetDocument"})
_OF_TAGGED = frozenset({"AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"})
_OF_PARAMETERS = frozenset(
    {
        *("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory", "PutParameter"),
        *("DeleteParameter", "DeleteParameters", "LabelParameterVersion", "UnlabelParameterVersion"),
    }
)


def ec2_needs(call: Call, names: Names) -> list[Need] | None:
    """Of EC2: what describes is asked about as a whole, as on AWS; the rest by the ids that it names."""
    action = f"ec2:{call.operation}"
    if call.operation == "RunInstances":
        return _launch(call, names)
    if call.operation in _OF_INSTANCES:
        return [Need(action, _arn(call, "instance", name)) for name in texts(call, "InstanceIds")]
    if call.operation in _OF_AN_INSTANCE:
        return [Need(action, _arn(call, "instance", text(call, "InstanceId"))), *_passed(call, names)]
    if call.operation in _OF_A_RESOURCE:
        kind, member = _OF_A_RESOURCE[call.operation]
        # A group that is given by its name could be any.
        return [Need(action, _arn(call, kind, text(call, member) or "*"))]
    if call.operation == "CreateSecurityGroup":
        groups, vpc = _arn(call, "security-group", "*"), _arn(call, "vpc", text(call, "VpcId") or "*")
        return [Need(action, groups, _request_tags(call, "security-group")), Need(action, vpc), *_tagging(call)]
    if call.operation in _MAKES:
        kind = _MAKES[call.operation]
        return [Need(action, _arn(call, kind, "*"), _request_tags(call, kind)), *_tagging(call)]
    if call.operation in ("CreateDefaultVpc", "GetEbsEncryptionByDefault"):
        return [Need(action)]
    if call.operation in ("CreateTags", "DeleteTags"):
        return [Need(action, resource_arn(name, call.region)) for name in texts(call, "Resources")]
    return [Need(action)] if call.operation.startswith("Describe") else None


def _launch(call: Call, names: Names) -> list[Need]:
    """RunInstances needs all that the instances are made of, and may pass a role on to them."""
    action, members = "ec2:RunInstances", call.members
    needs = [Need(action, _arn(call, "instance", "*"), _of_launch(call, names))]
    needs += [Need(action, _arn(call, "volume", "*"), context) for context in _of_volumes(call)]
    needs.append(Need(action, _arn(call, "network-interface", "*"), _request_tags(call, "network-interface")))
    image = text(call, "ImageId") or "*"
    given = call.looked_up.get("ImageId", image)
    if given.startswith(_RESOLVE):
        # EC2 reads the parameter with the caller's own permission.
        needs.append(Need("ssm:GetParameters", _parameter(call, given.removeprefix(_RESOLVE))))
    if image.startswith(_RESOLVE):
        # There is no such parameter: it could be any image, and will be none.
        image = "*"
    needs.append(Need(action, arn("ec2", f"image/{image}", call.region).replace(f":{ACCOUNT_ID}:", "::")))
    interfaces = members.get("NetworkInterfaces") or [{}]
    subnets = {text(call, "SubnetId"), *(str(interface.get("SubnetId") or "") for interface in interfaces)} - {""}
    groups = {*texts(call, "SecurityGroupIds")}.union(*(interface.get("Groups") or () for interface in interfaces))
    needs += [Need(action, _arn(call, "subnet", name)) for name in sorted(subnets) or ["*"]]
    # A group that is given by its name could be any.
    needs += [Need(action, _arn(call, "security-group", name)) for name in sorted(groups) or ["*"]]
    if members.get("SecurityGroups") and groups:
        needs.append(Need(action, _arn(call, "security-group", "*")))
    if text(call, "KeyName"):
        needs.append(Need(action, _arn(call, "key-pair", text(call, "KeyName"))))
    if "LaunchTemplate" in members:
        needs.append(Need(action, _arn(call, "launch-template", "*")))
    return [*needs, *_tagging(call), *_passed(call, names)]


def _of_launch(call: Call, names: Names) -> Context:
    """What a request to launch says of the instances: type, profile, metadata service, tags."""
    members = call.members
    metadata = members.get("MetadataOptions") or {}
    given = {
        "ec2:InstanceType": text(call, "InstanceType"),
        "ec2:MetadataHttpTokens": str(metadata.get("HttpTokens") or ""),
        "ec2:MetadataHttpEndpoint": str(metadata.get("HttpEndpoint") or ""),
        "ec2:MetadataHttpPutResponseHopLimit": str(metadata.get("HttpPutResponseHopLimit") or ""),
        "ec2:EbsOptimized": str(bool(members.get("EbsOptimized"))).lower(),
        "ec2:Tenancy": str((members.get("Placement") or {}).get("Tenancy") or "default"),
        "ec2:RootDeviceType": "ebs",
    }
    profile = members.get("IamInstanceProfile") or {}
    if profile:
        name = str(profile.get("Name") or "")
        given["ec2:InstanceProfile"] = str(profile.get("Arn") or arn("iam", f"instance-profile/{name}", ""))
    return {key: value for key, value in given.items() if value} | _request_tags(call, "instance")


def _of_volumes(call: Call) -> list[Context]:
    """What a request says of each disk; of one that is the image's alone it says nothing."""
    disks = [disk.get("Ebs") or {} for disk in call.members.get("BlockDeviceMappings") or ()] or [{}]
    tags = _request_tags(call, "volume")
    found = []
    for disk in disks:
        given = {
            "ec2:Encrypted": str(bool(disk.get("Encrypted"))).lower(),
            "ec2:VolumeType": str(disk.get("VolumeType") or ""),
            "ec2:VolumeSize": str(disk.get("VolumeSize") or ""),
            "ec2:VolumeIops": str(disk.get("Iops") or ""),
        }
        found.append({key: value for key, value in given.items() if value} | tags)
    return found


def _request_tags(call: Call, kind: str) -> Context:
    """The condition keys of the tags that resources of this kind are made with."""
    tags = {
        str(tag.get("Key")): str(tag.get("Value", ""))
        for specification in call.members.get("TagSpecifications") or ()
        if specification.get("ResourceType") == kind
        for tag in specification.get("Tags") or ()
    }
    context: Context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return context | ({"aws:TagKeys": tuple(tags)} if tags else {})


def _tagging(call: Call) -> list[Need]:
    """CreateTags for each kind of resource that is tagged when it is made."""
    kinds = dict.fromkeys(str(tagged.get("ResourceType")) for tagged in call.members.get("TagSpecifications") or ())
    action = {"ec2:CreateAction": call.operation}
    return [Need("ec2:CreateTags", _arn(call, kind, "*"), _request_tags(call, kind) | action) for kind in kinds]


def _passed(call: Call, names: Names) -> list[Need]:
    """PassRole for the roles of the instance profile that the instances get."""
    profile = call.members.get("IamInstanceProfile") or {}
    named = str(profile.get("Arn") or profile.get("Name") or "")
    if not named:
        return []
    context = {"iam:PassedToService": "ec2.amazonaws.com"}
    return [Need("iam:PassRole", role, context) for role in names.profile_roles(named) or ["*"]]


def _arn(call: Call, kind: str, name: str) -> str:
    return arn("ec2", f"{kind}/{name}", call.region)


def resource_arn(name: str, region: str = REGION) -> str:
    """The ARN of what has this id; of a kind that is not known here it could be any."""
    return arn("ec2", f"{_KINDS.get(name.partition('-')[0], '*')}/{name}", region)


def ssm_needs(call: Call, names: Names) -> list[Need] | None:
    """Of Systems Manager: a command needs its document and the instances that run it."""
    action = f"ssm:{call.operation}"
    if call.operation == "SendCommand":
        targets = call.members.get("Targets") or ()
        ids = [str(name) for target in targets if _names_instances(target) for name in target.get("Values") or ()]
        # Instances that are chosen by their tags could be any.
        any_other = ["*"] if any(not _names_instances(target) for target in targets) else []
        instances = [*texts(call, "InstanceIds"), *ids, *any_other] or ["*"]
        needs = [Need(action, _arn(call, "instance", name)) for name in instances]
        if role := text(call, "ServiceRoleArn"):
            needs.append(Need("iam:PassRole", role, {"iam:PassedToService": "ssm.amazonaws.com"}))
        return [Need(action, _document(call, text(call, "DocumentName"))), *needs]
    if call.operation in _OF_A_DOCUMENT:
        return [Need(action, _document(call, text(call, "Name")))]
    if call.operation in _OF_TAGGED:
        kind, name = text(call, "ResourceType"), text(call, "ResourceId")
        tagged = _parameter(call, name) if kind == "Parameter" else arn("ssm", f"{kind.lower()}/{name}", call.region)
        return [Need(action, tagged)]
    if call.operation in _OF_PARAMETERS:
        given = texts(call, "Names") or [text(call, "Name") or text(call, "Path")]
        return [Need(action, _parameter(call, name)) for name in given]
    return [Need(action)] if call.operation in _OF_NO_SSM_RESOURCE else None


def _names_instances(target: Mapping[str, object]) -> bool:
    return str(target.get("Key", "")).lower() == "instanceids"


def _document(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    whole = arn("ssm", f"document/{name}", call.region)
    # AWS's own documents belong to no account.
    return whole.replace(f":{ACCOUNT_ID}:", "::") if name.startswith(("AWS-", "AmazonCloudWatch-")) else whole


def _parameter(call: Call, name: str) -> str:
    """The ARN of a parameter by its name, its ARN or either with a version or label."""
    path = name.partition(":parameter")[2] if name.startswith("arn:") else name
    path = path.partition(":")[0].strip("/")
    whole = arn("ssm", f"parameter/{path}", call.region)
    return whole.replace(f":{ACCOUNT_ID}:", "::") if path.startswith("aws/") else whole
