"""Models that may reach the network, and endpoint configurations that stand on one instance or lack a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.reading import each_there
from workers.security.types import Resource

LEAST_INSTANCES = 2


@dataclass(frozen=True)
class ModelFact:
    """A model."""

    name: str
    arn: str
    isolated: bool

    @property
    def resource(self) -> Resource:
        """The model."""
        return Resource("Other", self.name, self.arn, "model")


async def read_models(session: AwsSession) -> Sequence[ModelFact]:
    """All models. Raises ``SageDeckError``."""
    found = session.paginate("sagemaker", "list_models", "Models", doing="list the models")

    async def read(name: str) -> ModelFact:
        told = await session.call("sagemaker", "describe_model", f"read the model {name}", ModelName=name)
        return ModelFact(name, told["ModelArn"], bool(told.get("EnableNetworkIsolation")))

    return await each_there([model["ModelName"] async for model in found], read)


def judge_isolation(fact: ModelFact, now: datetime) -> Iterator[Problem]:
    """Its code may call out."""
    if not fact.isolated:
        yield Problem("Its code may send what it is shown to anywhere.")


MODELS = Area(
    "models",
    "sagemaker",
    read_models,
    (
        Check(
            "sagemaker_models_network_isolation_enabled",
            "Model without network isolation",
            "medium",
            "A changed package or model carries pictures and keys away.",
            "Create the model anew with network isolation (EnableNetworkIsolation), with all it needs in its archive.",
            judge_isolation,
        ),
    ),
)


@dataclass(frozen=True)
class VariantFact:
    """A variant of a configuration; ``instances`` is ``None`` for a serverless one."""

    name: str
    instances: int | None


@dataclass(frozen=True)
class ConfigFact:
    """An endpoint configuration."""

    name: str
    arn: str
    key: str
    variants: tuple[VariantFact, ...]

    @property
    def resource(self) -> Resource:
        """The configuration."""
        return Resource("Other", self.name, self.arn, "endpoint configuration")


async def read_configs(session: AwsSession) -> Sequence[ConfigFact]:
    """All endpoint configurations. Raises ``SageDeckError``."""
    found = session.paginate(
        "sagemaker", "list_endpoint_configs", "EndpointConfigs", doing="list the endpoint configurations"
    )

    async def read(name: str) -> ConfigFact:
        told = await session.call(
            "sagemaker", "describe_endpoint_config", f"read the configuration {name}", EndpointConfigName=name
        )
        variants = tuple(
            VariantFact(
                variant["VariantName"],
                None if "ServerlessConfig" in variant else variant.get("InitialInstanceCount"),
            )
            for variant in told.get("ProductionVariants", ())
        )
        return ConfigFact(name, told["EndpointConfigArn"], told.get("KmsKeyId", ""), variants)

    return await each_there([config["EndpointConfigName"] async for config in found], read)


def judge_key(fact: ConfigFact, now: datetime) -> Iterator[Problem]:
    """No key of the account's own; serverless variants have no disk to encrypt."""
    if not fact.key and any(variant.instances is not None for variant in fact.variants):
        yield Problem("The disks of its instances are encrypted with AWS's key at best, not with one of yours.")


def judge_instances(fact: ConfigFact, now: datetime) -> Iterator[Problem]:
    """One instance is nobody when it fails."""
    alone = [found.name for found in fact.variants if found.instances is not None and found.instances < LEAST_INSTANCES]
    if alone:
        yield Problem(f"{', '.join(alone)} starts with one instance: when it fails, nobody answers.")


CONFIGS = Area(
    "endpoint configurations",
    "sagemaker",
    read_configs,
    (
        Check(
            "sagemaker_endpoint_config_kms_encryption_enabled",
            "Endpoint configuration without KMS key",
            "high",
            "You cannot take back access to what lies on the disks by taking back a key.",
            "Make a configuration with a key of yours (KmsKeyId), and update the endpoint to it.",
            judge_key,
        ),
        Check(
            "sagemaker_endpoint_config_prod_variant_instances",
            "Variant with a single instance",
            "medium",
            "When the instance or its zone fails, the endpoint answers nobody until another has started.",
            "Let it have two instances or more, in the Scaling tab, where it must not fail.",
            judge_instances,
        ),
    ),
)
