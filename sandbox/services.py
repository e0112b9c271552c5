"""Which services a sandbox has. Each is a ``Service`` (see ``sandbox/registry.py``)."""

from __future__ import annotations

from sandbox.registry import Service


def all_services() -> list[Service]:
    """New instances of all services, in the order in which they start."""
    from sandbox.functions_service import LambdaService
    from sandbox.iam_service import IamService
    from sandbox.logs_service import LogsService
    from sandbox.metrics_service import MetricsService
    from sandbox.pricing_service import PricingService
    from sandbox.quotas_service import ServiceQuotasService
    from sandbox.s3_service import S3Service
    from sandbox.sagemaker_runtime import SageMakerRuntimeService
    from sandbox.sagemaker_service import SageMakerService
    from sandbox.sts import StsService
    from sandbox.tagging import TaggingService

    sagemaker = SageMakerService()
    runtime = SageMakerRuntimeService(sagemaker)
    return [
        StsService(),
        IamService(),
        S3Service(),
        LogsService(),
        MetricsService(),
        LambdaService(),
        sagemaker,
        runtime,
        TaggingService(),
        ServiceQuotasService(),
        PricingService(),
    ]
