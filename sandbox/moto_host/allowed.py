"""Which operations moto may answer, by service, each with the reason why its answer is true here.

moto answers thousands of operations and carries few of them out: a processing job of its own is "Completed" without
having run. So it is asked only for the operations below. All others are ``NotImplemented``, except our own
and the lists of things that cannot exist here (``empty_lists``).
"""

from __future__ import annotations

from collections.abc import Mapping

# By botocore's name of the service, then by the reason.
REASONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "iam": {
        "kept as given and enforced by sandbox/iam for every request": (
            *("CreateUser", "GetUser", "ListUsers", "UpdateUser", "DeleteUser"),
            *("CreateGroup", "GetGroup", "ListGroups", "UpdateGroup", "DeleteGroup"),
            *("AddUserToGroup", "RemoveUserFromGroup", "ListGroupsForUser"),
            *("CreateRole", "ListRoles", "UpdateRole", "UpdateRoleDescription", "DeleteRole"),
            *("UpdateAssumeRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
            *("CreatePolicy", "GetPolicy", "ListPolicies", "DeletePolicy", "ListEntitiesForPolicy"),
            *("CreatePolicyVersion", "GetPolicyVersion", "ListPolicyVersions", "DeletePolicyVersion"),
            "SetDefaultPolicyVersion",
            *("AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies"),
            *("AttachUserPolicy", "DetachUserPolicy", "ListAttachedUserPolicies"),
            *("AttachGroupPolicy", "DetachGroupPolicy", "ListAttachedGroupPolicies"),
            *("PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy"),
            *("PutUserPolicy", "GetUserPolicy", "ListUserPolicies", "DeleteUserPolicy"),
            *("PutGroupPolicy", "GetGroupPolicy", "ListGroupPolicies", "DeleteGroupPolicy"),
            *("CreateInstanceProfile", "GetInstanceProfile", "ListInstanceProfiles", "DeleteInstanceProfile"),
            *("ListInstanceProfilesForRole", "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile"),
            "GetAccountAuthorizationDetails",
        ),
        "keys of users that sign requests here": (
            *("CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"),
        ),
        "notes of the account, which change nothing": (
            *("TagRole", "UntagRole", "ListRoleTags", "TagUser", "UntagUser", "ListUserTags"),
            *("TagPolicy", "UntagPolicy", "ListPolicyTags", "TagInstanceProfile", "UntagInstanceProfile"),
            *("CreateAccountAlias", "ListAccountAliases", "DeleteAccountAlias"),
            *("GetAccountPasswordPolicy", "UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy"),
        ),
        "a role as any other; the services here need none of them": (
            *("CreateServiceLinkedRole", "DeleteServiceLinkedRole", "GetServiceLinkedRoleDeletionStatus"),
        ),
    },
    "ec2": {
        "AWS's own catalogue, as moto brings it": ("DescribeRegions", "DescribeAvailabilityZones"),
        "the network that instances are placed in: RunInstances reads it": (
            *("DescribeVpcs", "DescribeVpcAttribute", "DescribeSubnets", "DescribeRouteTables"),
            *("DescribeInternetGateways", "DescribeNetworkAcls", "DescribeDhcpOptions"),
            *("CreateVpc", "DeleteVpc", "ModifyVpcAttribute", "CreateDefaultVpc"),
            *("CreateSubnet", "DeleteSubnet", "ModifySubnetAttribute"),
            *("CreateRouteTable", "DeleteRouteTable", "AssociateRouteTable", "DisassociateRouteTable"),
            *("CreateRoute", "DeleteRoute", "ReplaceRoute"),
            *("CreateInternetGateway", "DeleteInternetGateway", "AttachInternetGateway", "DetachInternetGateway"),
        ),
        "rules that are kept as given; nothing of an instance listens beyond this computer": (
            *("CreateSecurityGroup", "DeleteSecurityGroup", "DescribeSecurityGroups", "DescribeSecurityGroupRules"),
            *("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"),
            *("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress", "ModifySecurityGroupRules"),
            *("UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress"),
        ),
        "keys that are made or kept as given": (
            *("CreateKeyPair", "ImportKeyPair", "DescribeKeyPairs", "DeleteKeyPair"),
        ),
        "reserved, billed, attached to nothing: attaching is refused": (
            *("AllocateAddress", "ReleaseAddress", "DescribeAddresses", "CreateVolume"),
        ),
        "no volume here is encrypted unless it says so, and the account's default cannot be changed": (
            "GetEbsEncryptionByDefault",
        ),
    },
    "cloudwatch": {
        "a dashboard is a text that is kept": (
            *("PutDashboard", "GetDashboard", "ListDashboards", "DeleteDashboards"),
        ),
    },
    "ssm": {
        "a parameter is a text that is kept": (
            *("PutParameter", "GetParameterHistory", "DeleteParameter", "DeleteParameters"),
            *("LabelParameterVersion", "UnlabelParameterVersion"),
            *("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"),
        ),
        "AWS's own documents, of which SendCommand runs those that it says": ("ListDocuments",),
    },
    "events": {
        "every account has the default bus; no rule can be made": ("ListEventBuses", "DescribeEventBus"),
    },
    "organizations": {
        "the account is in no organization": ("DescribeOrganization",),
    },
}

ALLOWED: Mapping[str, frozenset[str]] = {
    service: frozenset(name for names in reasons.values() for name in names) for service, reasons in REASONS.items()
}
