"""The three requests of a deployment, for the deployment itself and for the same as AWS CLI lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workers.endpoints.steps import VARIANT, container, tags_of
from workers.types import DeploySpec

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import (
        CreateEndpointConfigInputTypeDef,
        CreateEndpointInputTypeDef,
        CreateModelInputTypeDef,
        ProductionVariantTypeDef,
    )


def deploy_requests(
    spec: DeploySpec, made_name: str, region: str, model_uri: str, role_arn: str
) -> tuple[CreateModelInputTypeDef, CreateEndpointConfigInputTypeDef, CreateEndpointInputTypeDef]:
    """The parameters of CreateModel, CreateEndpointConfig and CreateEndpoint; ``made_name``: of the first two."""
    tags = tags_of(spec.job_name)
    variant: ProductionVariantTypeDef = {
        "VariantName": VARIANT,
        "ModelName": made_name,
        "InstanceType": cast("ProductionVariantInstanceTypeType", spec.instance_type),
        "InitialInstanceCount": spec.instance_count,
        "InitialVariantWeight": 1.0,
    }
    primary = container(region, spec.instance_type, model_uri)
    return (
        {"ModelName": made_name, "PrimaryContainer": primary, "ExecutionRoleArn": role_arn, "Tags": tags},
        {"EndpointConfigName": made_name, "ProductionVariants": [variant], "Tags": tags},
        {"EndpointName": spec.endpoint_name, "EndpointConfigName": made_name, "Tags": tags},
    )
