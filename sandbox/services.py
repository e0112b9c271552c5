"""Which services a sandbox has. Each is a ``Service`` (see ``sandbox/wire/messages.py``)."""

from __future__ import annotations

from sandbox.service import Service


def all_services() -> list[Service]:
    """New instances of all services, in the order in which they start."""
    from sandbox.billing.pricing import PricingService
    from sandbox.billing.quotas_service import ServiceQuotasService
    from sandbox.functions.service import LambdaService
    from sandbox.iam.service import IamService
    from sandbox.iam.sts import StsService
    from sandbox.logs.service import LogsService
    from sandbox.metrics.service import MetricsService
    from sandbox.s3.service import S3Service
    from sandbox.sagemaker.hosting.runtime import SageMakerRuntimeService
    from sandbox.sagemaker.service import SageMakerService
    from sandbox.sagemaker.tagging import TaggingService

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
