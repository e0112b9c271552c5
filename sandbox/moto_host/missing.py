"""What is asked for by name in a list that is always empty (``empty_lists``): AWS does not answer "none", it misses it.

A script that looks for its stack or its repository goes by that error, so it is told here, too: by the table below, or
by the error that AWS's model has for it. Where neither says what AWS calls it, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from botocore.model import OperationModel

from sandbox.core.account import ACCOUNT_ID
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented

# By service, operation and member: AWS's code and its words for a thing that is not there.
# Sources: Amazon EC2 API Reference, Error codes; what the services answer.
_WORDS: Mapping[tuple[str, str], Mapping[str, tuple[str, str]]] = {
    ("cloudformation", "DescribeStacks"): {"StackName": ("ValidationError", "Stack with id {} does not exist")},
    **{
        ("config", operation): {"Arn": ("NoSuchConfigurationRecorderException", "ConfigurationRecorder {} not found.")}
        for operation in ("DescribeConfigurationRecorders", "DescribeConfigurationRecorderStatus")
    },
    ("ec2", "DescribeCarrierGateways"): {
        "CarrierGatewayIds": ("InvalidCarrierGatewayID.NotFound", "The CarrierGateway ID '{}' does not exist"),
    },
    ("ec2", "DescribeCustomerGateways"): {
        "CustomerGatewayIds": ("InvalidCustomerGatewayID.NotFound", "The customerGateway ID '{}' does not exist"),
    },
    ("ec2", "DescribeFlowLogs"): {
        "FlowLogIds": ("InvalidFlowLogId.NotFound", "The flow log ID '{}' does not exist"),
    },
    ("ec2", "DescribeLaunchTemplates"): {
        "LaunchTemplateIds": (
            "InvalidLaunchTemplateId.NotFound",
            "The specified launch template, with template ID {}, does not exist.",
        ),
        "LaunchTemplateNames": (
            "InvalidLaunchTemplateName.NotFoundException",
            "At least one of the launch templates specified in the request does not exist.",
        ),
    },
    ("ec2", "DescribeNatGateways"): {"NatGatewayIds": ("NatGatewayNotFound", "NAT gateway {} was not found")},
    ("ec2", "DescribePlacementGroups"): {
        "GroupNames": ("InvalidPlacementGroup.Unknown", "The Placement Group '{}' is unknown."),
    },
    ("ec2", "DescribeSpotFleetRequests"): {
        "SpotFleetRequestIds": ("InvalidSpotFleetRequestId.NotFound", "The spot fleet request ID '{}' does not exist"),
    },
    ("ec2", "DescribeSpotInstanceRequests"): {
        "SpotInstanceRequestIds": (
            "InvalidSpotInstanceRequestID.NotFound",
            "The spot instance request ID '{}' does not exist",
        ),
    },
    ("ec2", "DescribeTransitGateways"): {
        "TransitGatewayIds": ("InvalidTransitGatewayID.NotFound", "The transitGateway ID '{}' does not exist"),
    },
    ("ec2", "DescribeVolumesModifications"): {
        "VolumeIds": ("InvalidVolumeModification.NotFound", "Modification for volume '{}' does not exist."),
    },
    ("ec2", "DescribeVpcEndpoints"): {
        "VpcEndpointIds": ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
    },
    ("ec2", "DescribeVpcPeeringConnections"): {
        "VpcPeeringConnectionIds": (
            "InvalidVpcPeeringConnectionID.NotFound",
            "The vpcPeeringConnection ID '{}' does not exist",
        ),
    },
    ("ec2", "DescribeVpnConnections"): {
        "VpnConnectionIds": ("InvalidVpnConnectionID.NotFound", "The vpnConnection ID '{}' does not exist"),
    },
    ("ec2", "DescribeVpnGateways"): {
        "VpnGatewayIds": ("InvalidVpnGatewayID.NotFound", "The vpnGateway ID '{}' does not exist"),
    },
    ("ecr", "DescribeRepositories"): {
        "repositoryNames": (
            "RepositoryNotFoundException",
            f"The repository with name '{{}}' does not exist in the registry with id '{ACCOUNT_ID}'",
        ),
    },
    ("elb", "DescribeLoadBalancers"): {
        "LoadBalancerNames": ("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '{}'"),
    },
    ("elbv2", "DescribeLoadBalancers"): {"Names": ("LoadBalancerNotFound", "One or more load balancers not found")},
    ("elbv2", "DescribeTargetGroups"): {"Names": ("TargetGroupNotFound", "One or more target groups not found")},
    ("elbv2", "DescribeTrustStores"): {"Names": ("TrustStoreNotFound", "One or more trust stores not found")},
    ("redshift", "DescribeClusterSnapshots"): {
        "SnapshotIdentifier": ("ClusterSnapshotNotFound", "Snapshot {} not found."),
    },
    ("logs", "DescribeExportTasks"): {
        "taskId": ("ResourceNotFoundException", "The specified export task does not exist."),
    },
}
# Names by which AWS narrows a list: of a name that nothing has, the list is empty there, too.
_NARROWS = {
    "athena": "WorkGroup",
    "autoscaling": "AutoScalingGroupNames InstanceIds LaunchConfigurationNames AutoScalingGroupName PolicyNames "
    "ScheduledActionNames",
    "backup": "ByResourceArn ByBackupVaultName ByAccountId ByParentJobId ByRestoreTestingPlanArn",
    "batch": "jobDefinitionName",
    "cloudtrail": "trailNameList",
    "cloudwatch": "AnomalyDetectorIds MetricName",
    "dynamodb": "TableName ExclusiveStartBackupArn TableArn ExclusiveStartGlobalTableName RegionName "
    "ExclusiveStartTableName",
    "ec2": "ImageIds SnapshotIds VolumeIds",
    "ecr": "registryId",
    "elasticache": "ReplicationGroupId ReservedCacheNodesOfferingId",
    "emr": "EditorId ExecutionEngineId",
    "events": "ConnectionArn EventSourceArn EventBusName",
    "glue": "CatalogId",
    # Whether there is this user, sandbox/iam/conflicts.py asks.
    "iam": "ServiceName UserName",
    "lambda": "EventSourceArn FunctionName",
    "logs": "logGroupName resourceArn resourceArns filterLogGroupArn deliverySourceNames",
    "rds": "DBClusterIdentifier DbClusterResourceId DBInstanceIdentifier DbiResourceId SourceArn LeaseId "
    "ReservedDBInstancesOfferingId DBInstanceAutomatedBackupsArn",
    "scheduler": "GroupName",
    "sagemaker": "ClusterArn TrainingPlanArn SourceArn DestinationArn EndpointName ModelName DeviceFleetName "
    "MonitoringJobDefinitionName",
    "workspaces": "WorkspaceIds DirectoryId UserName BundleId WorkspaceName",
}
_NAMES = re.compile(r"(.+?)(?:Ids?|IdSet|Identifiers?|Names?|NameList|Arns?|ARNs?)")
_ERRORS = re.compile(r"(?:NoSuch)?(\w+?)(?:NotFound)?(?:Exception|Fault)?")


def refuse_missing(call: Call) -> None:
    """Raise AWS's error when ``call``, of an operation in ``empty_lists``, asks for a thing by its name."""
    for member, value in call.members.items():
        if value and call.model is not None:
            refuse(call.model, member, value[0] if isinstance(value, list) else value)


def refuse(model: OperationModel, member: str, name: object) -> None:
    """Raise the error that this member of an operation is answered with; none for one that narrows the list."""
    service = str(model.service_model.service_name)
    known = _WORDS.get((service, model.name), {}).get(member)
    kind = _NAMES.fullmatch(member)
    if known is None and kind is not None:
        known = _modelled(model, kind[1], kind[1])
        if known is None and member in _NARROWS.get(service, "").split():
            return
        known = known or _modelled(model, kind[1], "resource")
    if known is not None:
        raise AwsError(known[0], known[1].format(name))
    if kind is not None:
        raise not_implemented(service, f"{model.name} with {member}")


def _modelled(model: OperationModel, kind: str, named: str) -> tuple[str, str] | None:
    """The error that the operation's model has for what is ``named`` so: ``DBInstanceNotFound``."""
    for error in model.error_shapes:
        of = _ERRORS.fullmatch(error.name)
        if of is not None and of[1].lower() == named.lower():
            code = error.metadata.get("error", {}).get("code") or error.name
            return str(code), f"{kind} {{}} not found."
    return None
