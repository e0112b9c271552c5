"""Models and endpoint configurations: records that endpoints are made from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.context import SandboxContext
from sandbox.s3.inside import S3
from sandbox.sagemaker.checks import bucket_exists, role_exists
from sandbox.sagemaker.hosting.container import container_of, model_place
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.training.request import invalid
from sandbox.service import Operation
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateEndpointConfigInputTypeDef,
        CreateModelInputTypeDef,
        DeleteEndpointConfigInputTypeDef,
        DeleteModelInputTypeDef,
        DescribeEndpointConfigInputTypeDef,
        DescribeModelInputTypeDef,
        ListEndpointConfigsInputTypeDef,
        ListModelsInputTypeDef,
    )


# SageMaker API reference, ProductionVariantServerlessConfig: megabytes.
MEMORY_SIZES = (1024, 2048, 3072, 4096, 5120, 6144)
_MODEL_MEMBERS = (
    "ModelName",
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)
_CONFIG_MEMBERS = (
    "EndpointConfigName",
    "ProductionVariants",
    "DataCaptureConfig",
    "KmsKeyId",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)


class Models:
    """CreateModel, DescribeModel, ListModels, DeleteModel and the same four of endpoint configurations."""

    def __init__(self, ctx: SandboxContext) -> None:
        self._ctx = ctx
        self.models = Records(ctx.state.db, "model")
        self.configs = Records(ctx.state.db, "endpoint-config")
        self._tags = Tags(ctx.state.db)
        self.operations: dict[str, Operation] = {
            "CreateModel": self._create_model,
            "DescribeModel": self._describe_model,
            "ListModels": self._list_models,
            "DeleteModel": self._delete_model,
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": self._describe_config,
            "ListEndpointConfigs": self._list_configs,
            "DeleteEndpointConfig": self._delete_config,
        }

    def model(self, name: str) -> dict[str, Any]:
        """The record of a model; ValidationException when there is none."""
        record = self.models.get(name)
        if record is None:
            raise invalid(f'Could not find model "{self.models.arn(name)}".')
        return record

    def config(self, name: str) -> dict[str, Any]:
        """The record of an endpoint configuration; ValidationException when there is none."""
        record = self.configs.get(name)
        if record is None:
            raise invalid(f'Could not find endpoint configuration "{self.configs.arn(name)}".')
        return record

    def _create_model(self, request: CreateModelInputTypeDef, _caller: Caller) -> dict[str, Any]:
        containers = request.get("Containers", [])
        if bool(containers) == ("PrimaryContainer" in request):
            raise invalid("You must specify either a PrimaryContainer or Containers, and not both.")
        if len(containers) > 1:
            raise invalid("The sandbox runs one container per model; inference pipelines are not offered.")
        container = container_of(request)
        if container.get("Mode") == "MultiModel":
            raise invalid("The sandbox does not offer multi-model endpoints; give a model of its own to each endpoint.")
        if not container.get("Image"):
            raise invalid("The container needs an Image; the sandbox offers no model packages.")
        role = request.get("ExecutionRoleArn")
        if not role:
            raise invalid("ExecutionRoleArn is required.")
        if not role_exists(self._ctx, role):
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role."
            )
        self._check_data(container)
        return {"ModelArn": self._add(self.models, request["ModelName"], request, _MODEL_MEMBERS, "ModelArn", "model")}

    def _check_data(self, container: Mapping[str, Any]) -> None:
        found = model_place(container)
        if found is None:
            return
        place, archive = found
        if bucket_exists(self._ctx, place.bucket):
            keys = (info.key for info in self._ctx.part(S3).list(place.bucket, place.key))
            if any(key == place.key or not archive for key in keys):
                return
        raise invalid(f"Could not find model data at {place}.")

    def _describe_model(self, request: DescribeModelInputTypeDef, _caller: Caller) -> dict[str, Any]:
        return self.model(request["ModelName"])

    def _list_models(self, request: ListModelsInputTypeDef, _caller: Caller) -> dict[str, Any]:
        found, token = self.models.page(
            request, _pick("ModelName", "ModelArn", "CreationTime"), sort_order="Descending"
        )
        return {"Models": found} | ({"NextToken": token} if token else {})

    def _delete_model(self, request: DeleteModelInputTypeDef, _caller: Caller) -> dict[str, Any]:
        name = request["ModelName"]
        self.model(name)
        self.models.delete(name)
        return {}

    def _create_config(self, request: CreateEndpointConfigInputTypeDef, _caller: Caller) -> dict[str, Any]:
        names = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(names)) < len(names):
            raise invalid("Production variant names must be unique within an endpoint configuration.")
        for variant in request["ProductionVariants"]:
            self._check_variant(variant)
        variants = [{"InitialVariantWeight": 1.0, **variant} for variant in request["ProductionVariants"]]
        kept = {**request, "ProductionVariants": variants}
        if request.get("AsyncInferenceConfig"):
            raise invalid("The sandbox does not offer asynchronous inference.")
        arn = self._add(
            self.configs,
            request["EndpointConfigName"],
            kept,
            _CONFIG_MEMBERS,
            "EndpointConfigArn",
            "endpoint configuration",
        )
        return {"EndpointConfigArn": arn}

    def _check_variant(self, variant: Mapping[str, Any]) -> None:
        if not variant.get("ModelName"):
            raise invalid(f"The production variant {variant['VariantName']} needs a ModelName.")
        self.model(variant["ModelName"])
        if "ServerlessConfig" in variant:
            _check_serverless(variant["ServerlessConfig"])
            return
        if not variant.get("InstanceType") or variant.get("InitialInstanceCount", 0) < 1:
            raise invalid(
                f"The production variant {variant['VariantName']} needs an InstanceType and an InitialInstanceCount of "
                "at least 1, or a ServerlessConfig."
            )

    def _describe_config(self, request: DescribeEndpointConfigInputTypeDef, _caller: Caller) -> dict[str, Any]:
        return self.config(request["EndpointConfigName"])

    def _list_configs(self, request: ListEndpointConfigsInputTypeDef, _caller: Caller) -> dict[str, Any]:
        summary = _pick("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        found, token = self.configs.page(request, summary, sort_order="Descending")
        return {"EndpointConfigs": found} | ({"NextToken": token} if token else {})

    def _delete_config(self, request: DeleteEndpointConfigInputTypeDef, _caller: Caller) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        self.config(name)
        self.configs.delete(name)
        return {}

    def _add(
        self, records: Records, name: str, request: Mapping[str, Any], members: tuple[str, ...], arn: str, what: str
    ) -> str:
        now = time.time()
        record = {member: request[member] for member in members if member in request}
        record |= {arn: records.arn(name), "CreationTime": now}
        with self._ctx.state.db.transaction():
            if not records.add(name, record, created=now):
                raise invalid(f'Cannot create already existing {what} "{records.arn(name)}".')
            self._tags.add(records.arn(name), request.get("Tags", []))
        return records.arn(name)


def _check_serverless(config: Mapping[str, Any]) -> None:
    """Raise AWS's refusal of a size that serverless inference does not have."""
    if (size := config["MemorySizeInMB"]) not in MEMORY_SIZES:
        known = ", ".join(str(each) for each in MEMORY_SIZES)
        raise invalid(
            f"1 validation error detected: Value '{size}' at 'MemorySizeInMB' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{known}]"
        )
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise invalid("ProvisionedConcurrency must be less than or equal to MaxConcurrency.")


def _pick(*members: str) -> Any:
    return lambda record: {member: record[member] for member in members if member in record}
