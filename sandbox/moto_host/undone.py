"""Members of the operations in ``allowed`` that moto reads over: asked for, they are refused by name.

Each with the values that ask for what is so anyway. What is in ``HARMLESS`` makes no difference here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.core.account import REGION
from sandbox.wire.call import Call
from sandbox.wire.errors import not_implemented

_NOT: tuple[object, ...] = ({"Value": False},)
# By service and operation: the member and its harmless values.
UNDONE: Mapping[tuple[str, str], Mapping[str, tuple[object, ...]]] = {
    ("cloudwatch", "PutDashboard"): {"Tags": ()},
    ("ec2", "AllocateAddress"): {
        "PublicIpv4Pool": ("amazon",),
        "NetworkBorderGroup": (REGION,),
        "CustomerOwnedIpv4Pool": (),
        "IpamPoolId": (),
    },
    ("ec2", "AssociateRouteTable"): {"PublicIpv4Pool": ()},
    **{
        ("ec2", f"{change}SecurityGroup{way}"): {"SourceSecurityGroupName": (), "SourceSecurityGroupOwnerId": ()}
        for change in ("Authorize", "Revoke")
        for way in ("Ingress", "Egress")
    },
    ("ec2", "CreateKeyPair"): {"KeyFormat": ("pem",)},
    ("ec2", "CreateRoute"): {"LocalGatewayId": (), "CoreNetworkArn": (), "OdbNetworkArn": ()},
    ("ec2", "CreateSubnet"): {"OutpostArn": (), "Ipv4NetmaskLength": (), "Ipv6NetmaskLength": ()},
    ("ec2", "CreateVolume"): {
        "AvailabilityZoneId": (),
        "OutpostArn": (),
        "VolumeInitializationRate": (),
        "Operator": (),
    },
    ("ec2", "CreateVpc"): {
        "Ipv6Pool": (),
        "Ipv6CidrBlock": (),
        "Ipv4IpamPoolId": (),
        "Ipv4NetmaskLength": (),
        "Ipv6IpamPoolId": (),
        "Ipv6NetmaskLength": (),
        "VpcEncryptionControl": (),
    },
    ("ec2", "DescribeKeyPairs"): {"KeyPairIds": ()},
    ("ec2", "ModifySubnetAttribute"): {
        "MapCustomerOwnedIpOnLaunch": _NOT,
        "CustomerOwnedIpv4Pool": (),
        "EnableDns64": _NOT,
        "PrivateDnsHostnameTypeOnLaunch": ("ip-name",),
        "EnableResourceNameDnsAAAARecordOnLaunch": _NOT,
        "EnableLniAtDeviceIndex": (),
        "DisableLniAtDeviceIndex": _NOT,
    },
    ("ec2", "ReleaseAddress"): {"NetworkBorderGroup": (REGION,)},
    ("ec2", "ReplaceRoute"): {
        "VpcEndpointId": (),
        "LocalTarget": (False,),
        "LocalGatewayId": (),
        "CarrierGatewayId": (),
        "CoreNetworkArn": (),
        "OdbNetworkArn": (),
    },
    **{
        ("ec2", f"UpdateSecurityGroupRuleDescriptions{way}"): {"SecurityGroupRuleDescriptions": ()}
        for way in ("Ingress", "Egress")
    },
    ("iam", "CreateUser"): {"PermissionsBoundary": ()},
    ("iam", "ListGroups"): {"PathPrefix": ("/",)},
    ("iam", "ListInstanceProfiles"): {"PathPrefix": ("/",)},
    ("iam", "ListPolicies"): {"PolicyUsageFilter": ()},
}
# (service, operation, member): why it may be left out.
HARMLESS: Mapping[tuple[str, str, str], str] = {
    ("ec2", "CreateRouteTable", "ClientToken"): "an answer of this computer does not get lost on the way",
    ("ec2", "CreateVolume", "ClientToken"): "an answer of this computer does not get lost on the way",
    ("ec2", "DescribeAvailabilityZones", "AllAvailabilityZones"): "all zones of the region are open",
    ("ec2", "DescribeRegions", "AllRegions"): "moto lists all of them",
    ("iam", "DeleteAccountAlias", "AccountAlias"): "sandbox/iam/conflicts.py looks whether it is this one",
    ("iam", "GetServiceLinkedRoleDeletionStatus", "DeletionTaskId"): "a role is deleted at once",
}


def refuse_undone(call: Call) -> None:
    """Raise NotImplemented when ``call``, which moto answers, asks for something that moto would leave out."""
    for member, harmless in UNDONE.get((call.service, call.operation), {}).items():
        value = call.members.get(member)
        if value not in (None, [], {}, "") and value not in harmless:
            raise not_implemented(call.service, f"{call.operation} with {member}")
