"""The three requests of a deployment, for the deployment itself and for the same as AWS CLI lines."""

from __future__ import annotations

from typing import Any

from workers.endpoints.steps import VARIANT, container, tags_of
from workers.types import DeploySpec


def deploy_requests(
    spec: DeploySpec, made_name: str, region: str, model_uri: str, role_arn: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The parameters of CreateModel, CreateEndpointConfig and CreateEndpoint; ``made_name``: of the first two."""
    tags = tags_of(spec.job_name)
    variant = {
        "VariantName": VARIANT,
        "ModelName": made_name,
        "InstanceType": spec.instance_type,
        "InitialInstanceCount": spec.instance_count,
        "InitialVariantWeight": 1.0,
    }
    primary = container(region, spec.instance_type, model_uri)
    return (
        {"ModelName": made_name, "PrimaryContainer": primary, "ExecutionRoleArn": role_arn, "Tags": tags},
        {"EndpointConfigName": made_name, "ProductionVariants": [variant], "Tags": tags},
        {"EndpointName": spec.endpoint_name, "EndpointConfigName": made_name, "Tags": tags},
    )
