"""botocore's service models, each read once."""

from __future__ import annotations

from functools import cache

import botocore
from botocore.model import OperationModel, ServiceModel
from botocore.session import Session


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service by botocore's name for it, for example ``cloudwatch``. Raises UnknownServiceError."""
    return Session().get_service_model(service)


def known_members() -> str:
    """For refusals of members: why one that AWS has may be unknown here (an SDK can be newer than our models)."""
    return f"the sandbox knows the members that botocore {botocore.__version__} has"


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """The model of one operation, for example ``("sagemaker", "CreateTrainingJob")``. Raises OperationNotFoundError."""
    return service_model(service).operation_model(operation)
