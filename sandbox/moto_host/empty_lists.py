"""Lists that are always empty here, answered so that programs which list a whole account get through.

Nothing of these kinds can be made here (creating is refused), so an empty list is the truth. Left out, because an empty
list would be a lie: what AWS lists although nobody made it (its own catalogue, the defaults of a new account), and what
can be made here but is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape

from sandbox.wire.models import operation_model

# By botocore's name of the service: operations that list everything of a kind.
EMPTY: Mapping[str, str] = {
    "athena": "ListCapacityReservations ListNamedQueries ListQueryExecutions",
    "autoscaling": "DescribeAutoScalingGroups DescribeAutoScalingInstances DescribeLaunchConfigurations "
    "DescribeNotificationConfigurations DescribePolicies DescribeScalingActivities DescribeScheduledActions "
    "DescribeTags",
    "backup": "ListBackupJobs ListBackupPlans ListProtectedResources ListRestoreJobs",
    "batch": "DescribeComputeEnvironments DescribeJobDefinitions DescribeJobQueues",
    "bedrock": "ListCustomModels ListEvaluationJobs ListGuardrails ListImportedModels ListModelCustomizationJobs "
    "ListProvisionedModelThroughputs",
    "cloudformation": "DescribeStacks ListExports ListStackSets ListStacks",
    "cloudtrail": "DescribeTrails ListChannels ListEventDataStores ListImports ListTrails",
    "cloudwatch": "DescribeAnomalyDetectors DescribeInsightRules ListMetricStreams",
    "codebuild": "ListBuilds ListFleets ListProjects ListReportGroups",
    "codepipeline": "ListPipelines ListWebhooks",
    "config": "DescribeConfigRules DescribeConfigurationAggregators DescribeConfigurationRecorderStatus "
    "DescribeConfigurationRecorders DescribeConformancePacks DescribeDeliveryChannels",
    "dynamodb": "ListBackups ListExports ListGlobalTables ListImports ListTables",
    "ec2": "DescribeBundleTasks DescribeCapacityBlocks DescribeCapacityReservationFleets DescribeCapacityReservations "
    "DescribeCarrierGateways DescribeClientVpnEndpoints DescribeConversionTasks DescribeCustomerGateways "
    "DescribeEgressOnlyInternetGateways DescribeExportImageTasks DescribeExportTasks DescribeFastSnapshotRestores "
    "DescribeFleets DescribeFlowLogs DescribeHostReservations DescribeHosts DescribeImportImageTasks "
    "DescribeImportSnapshotTasks DescribeInstanceConnectEndpoints DescribeInstanceEventWindows DescribeIpamPools "
    "DescribeIpams DescribeIpv6Pools DescribeLaunchTemplates DescribeLocalGateways DescribeMacHosts "
    "DescribeMovingAddresses DescribeNatGateways DescribeNetworkInsightsAnalyses DescribeNetworkInsightsPaths "
    "DescribeNetworkInterfacePermissions DescribePlacementGroups DescribePublicIpv4Pools "
    "DescribeReplaceRootVolumeTasks DescribeReservedInstances DescribeReservedInstancesListings "
    "DescribeReservedInstancesModifications DescribeScheduledInstances DescribeSpotFleetRequests "
    "DescribeSpotInstanceRequests DescribeStoreImageTasks DescribeTrafficMirrorFilters "
    "DescribeTrafficMirrorSessions DescribeTrafficMirrorTargets DescribeTransitGatewayAttachments "
    "DescribeTransitGatewayConnects DescribeTransitGatewayPeeringAttachments DescribeTransitGatewayRouteTables "
    "DescribeTransitGatewayVpcAttachments DescribeTransitGateways DescribeVerifiedAccessEndpoints "
    "DescribeVerifiedAccessInstances DescribeVolumesModifications DescribeVpcEndpointConnectionNotifications "
    "DescribeVpcEndpointConnections DescribeVpcEndpointServiceConfigurations DescribeVpcEndpoints "
    "DescribeVpcPeeringConnections DescribeVpnConnections DescribeVpnGateways ListImagesInRecycleBin "
    "ListSnapshotsInRecycleBin ListVolumesInRecycleBin",
    "ecr": "DescribePullThroughCacheRules DescribeRepositories DescribeRepositoryCreationTemplates",
    "ecs": "ListClusters ListTaskDefinitionFamilies ListTaskDefinitions",
    "efs": "DescribeAccessPoints DescribeFileSystems",
    "eks": "ListClusters",
    "elasticache": "DescribeCacheClusters DescribeReplicationGroups DescribeReservedCacheNodes "
    "DescribeServerlessCaches DescribeSnapshots",
    "elb": "DescribeLoadBalancers",
    "elbv2": "DescribeLoadBalancers DescribeTargetGroups DescribeTrustStores",
    "emr": "ListClusters ListNotebookExecutions ListStudios",
    "events": "ListApiDestinations ListArchives ListConnections ListEndpoints ListReplays ListRules",
    "fsx": "DescribeBackups DescribeFileSystems DescribeSnapshots DescribeVolumes",
    "glue": "GetConnections GetCrawlers GetDatabases GetDevEndpoints GetJobs GetTriggers ListCrawlers "
    "ListDataQualityRulesets ListDevEndpoints ListJobs ListSessions ListTriggers ListWorkflows",
    "guardduty": "ListDetectors",
    "iam": "ListMFADevices ListOpenIDConnectProviders ListSAMLProviders ListSSHPublicKeys ListServerCertificates "
    "ListServiceSpecificCredentials ListSigningCertificates ListVirtualMFADevices",
    "kafka": "ListClusters ListClustersV2 ListReplicators",
    "kms": "DescribeCustomKeyStores ListKeys ListRetirableGrants",
    "lambda": "ListCodeSigningConfigs ListEventSourceMappings ListLayers",
    "logs": "DescribeDeliveries DescribeDeliveryDestinations DescribeDeliverySources DescribeDestinations "
    "DescribeExportTasks DescribeQueries DescribeQueryDefinitions DescribeResourcePolicies "
    "ListLogAnomalyDetectors",
    "opensearch": "ListDomainNames",
    "rds": "DescribeDBClusterSnapshots DescribeDBClusters DescribeDBInstanceAutomatedBackups DescribeDBInstances "
    "DescribeDBProxies DescribeDBSnapshots DescribeDBSubnetGroups DescribeExportTasks DescribeGlobalClusters "
    "DescribeReservedDBInstances",
    "redshift": "DescribeClusterSnapshots DescribeClusters DescribeReservedNodes",
    "resource-explorer-2": "ListIndexes ListViews",
    "resource-groups": "ListGroups",
    "sagemaker": "ListActions ListAlgorithms ListAppImageConfigs ListApps ListArtifacts ListAssociations "
    "ListAutoMLJobs ListClusterSchedulerConfigs ListClusters ListCodeRepositories ListCompilationJobs "
    "ListComputeQuotas ListContexts ListDataQualityJobDefinitions ListDeviceFleets ListDevices ListDomains "
    "ListEdgeDeploymentPlans ListEdgePackagingJobs ListExperiments ListFeatureGroups ListFlowDefinitions "
    "ListHumanTaskUis ListImages ListInferenceComponents ListInferenceExperiments ListInferenceRecommendationsJobs "
    "ListLabelingJobs ListLineageGroups ListMlflowTrackingServers ListModelBiasJobDefinitions ListModelCards "
    "ListModelExplainabilityJobDefinitions ListModelMetadata ListModelPackageGroups ListModelPackages "
    "ListModelQualityJobDefinitions ListMonitoringAlertHistory ListMonitoringExecutions ListMonitoringSchedules "
    "ListOptimizationJobs ListPartnerApps ListPipelineExecutionSteps ListPipelines ListProjects "
    "ListSpaces ListStudioLifecycleConfigs ListSubscribedWorkteams ListTrainingPlans "
    "ListTrialComponents ListTrials ListUserProfiles ListWorkforces ListWorkteams",
    "scheduler": "ListSchedules",
    "secretsmanager": "ListSecrets",
    "sns": "ListPlatformApplications ListSubscriptions ListTopics",
    "sqs": "ListQueues",
    "ssm": "DescribeActivations DescribeAutomationExecutions DescribeMaintenanceWindows DescribeOpsItems "
    "ListAssociations ListResourceDataSync",
    "stepfunctions": "ListActivities ListStateMachines",
    "workspaces": "DescribeWorkspaces",
}


@cache
def empty_answer(service: str, operation: str) -> Mapping[str, Any] | None:
    """The members of the empty list that ``operation`` answers; None for one that is not such a list.

    ``service`` is botocore's name of it.
    """
    if operation not in EMPTY.get(service, "").split():
        return None
    shape = operation_model(service, operation).output_shape
    members = shape.members if shape is not None else {}
    empty: dict[str, Any] = {name: [] for name, member in members.items() if isinstance(member, ListShape)}
    # The query protocol of IAM says of each list whether it goes on.
    flags = {name: False for name in members if name in ("IsTruncated", "Truncated")}
    return empty | flags
