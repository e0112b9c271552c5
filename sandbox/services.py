"""Which services a sandbox has. Each is a ``Service`` (see ``sandbox/service.py``)."""

from __future__ import annotations

from sandbox.service import Service


def all_services() -> list[Service]:
    """New instances of all services, in the order in which they start."""
    from sandbox.audit.service import CloudTrailService
    from sandbox.autoscaling.service import AutoScalingService
    from sandbox.billing.explorer import BudgetsService, CostExplorerService
    from sandbox.billing.pricing import PricingService
    from sandbox.billing.quotas_service import ServiceQuotasService
    from sandbox.ec2.service import Ec2Service
    from sandbox.functions.service import LambdaService
    from sandbox.iam.service import IamService
    from sandbox.iam.sts import StsService
    from sandbox.logs.service import LogsService
    from sandbox.metrics.service import MetricsService
    from sandbox.s3.service import S3Service
    from sandbox.sagemaker.hosting.runtime import SageMakerRuntimeService
    from sandbox.sagemaker.service import SageMakerService
    from sandbox.sagemaker.tagging import TaggingService
    from sandbox.ssm.service import SsmService

    sagemaker = SageMakerService()
    runtime = SageMakerRuntimeService(sagemaker)
    ec2 = Ec2Service()
    return [
        StsService(),
        IamService(),
        S3Service(),
        LogsService(),
        MetricsService(),
        LambdaService(),
        sagemaker,
        runtime,
        ec2,
        SsmService(ec2),
        AutoScalingService(sagemaker),
        TaggingService(),
        ServiceQuotasService(),
        PricingService(),
        CloudTrailService(),
        CostExplorerService(),
        BudgetsService(),
    ]
