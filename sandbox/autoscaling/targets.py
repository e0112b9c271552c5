"""What can be scaled: the instances of an endpoint's variant, and a function's provisioned concurrency.

Each kind says how much there is, sets it and names it as AWS does. Source: Application Auto Scaling User Guide,
"Amazon SageMaker AI and Application Auto Scaling", "AWS Lambda and Application Auto Scaling".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.autoscaling.records import Key
from sandbox.wire.errors import AwsError

VARIANT, FUNCTION = "sagemaker:variant:DesiredInstanceCount", "lambda:function:ProvisionedConcurrency"
_VARIANT_ID = re.compile(r"endpoint/(?P<endpoint>[^/]+)/variant/(?P<variant>[^/]+)")
_FUNCTION_ID = re.compile(r"function:(?P<name>[A-Za-z0-9_-]+):(?P<qualifier>[A-Za-z0-9_-]+|\$LATEST)")

Ask = Callable[[str, str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Now:
    """How much of a target there is: ``wanted`` by whoever set it last, ``serving``, and whether it changes now.

    ``problem``: why the last change failed, as the service says it.
    """

    wanted: int
    serving: int
    changing: bool
    problem: str = ""


class Kind(Protocol):
    """One scalable dimension. ``what``: how activities call its capacity; ``default_wait``: of its cooldowns."""

    namespace: str
    what: str
    default_wait: float
    role: str

    def check(self, resource: str) -> None:
        """Raise ValidationException for a resource that cannot be registered."""

    def look(self, resource: str) -> Now:
        """How much there is. Raises ``AwsError`` when it is gone."""

    def set(self, resource: str, capacity: int) -> None:
        """Begin to change it. Raises ``AwsError`` when the service refuses."""

    def dimensions(self, resource: str) -> dict[str, str]:
        """The dimensions of its metrics."""


class Variants:
    """The instances of a production variant."""

    namespace, what, default_wait = "sagemaker", "desired instance count", 300.0
    role = "sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def check(self, resource: str) -> None:
        """The variant exists, and its instances can be counted and do not burst."""
        endpoint, variant = _parts(_VARIANT_ID, resource)
        try:
            self._variant(resource)
            described = self._ask("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint})
            config = self._ask(
                "sagemaker", "DescribeEndpointConfig", {"EndpointConfigName": described["EndpointConfigName"]}
            )
        except AwsError as error:
            if error.status >= 500:
                raise
            raise invalid(error.message) from error
        types = {
            production["VariantName"]: str(production.get("InstanceType", ""))
            for production in config["ProductionVariants"]
        }
        kind = types.get(variant, "")
        if kind.startswith("ml.t2."):
            raise invalid(
                f"You cannot register a variant with {kind} instance type as a scalable target. This is because the "
                "burstable performance of these instances can lead to unpredictable behavior with Auto Scaling."
            )
        if not kind:
            raise invalid(f"The variant {variant} is serverless: it has no instances that could be scaled.")

    def look(self, resource: str) -> Now:
        """Of the endpoint's description."""
        described, variant = self._variant(resource)
        changing = described["EndpointStatus"] != "InService"
        serving = variant["CurrentInstanceCount"] or variant["DesiredInstanceCount"]
        return Now(variant["DesiredInstanceCount"], serving, changing, described.get("FailureReason", ""))

    def set(self, resource: str, capacity: int) -> None:
        """UpdateEndpointWeightsAndCapacities."""
        endpoint, variant = _parts(_VARIANT_ID, resource)
        wanted = [{"VariantName": variant, "DesiredInstanceCount": capacity}]
        request = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": wanted}
        self._ask("sagemaker", "UpdateEndpointWeightsAndCapacities", request)

    def dimensions(self, resource: str) -> dict[str, str]:
        """EndpointName and VariantName."""
        endpoint, variant = _parts(_VARIANT_ID, resource)
        return {"EndpointName": endpoint, "VariantName": variant}

    def _variant(self, resource: str) -> tuple[dict[str, Any], dict[str, Any]]:
        endpoint, name = _parts(_VARIANT_ID, resource)
        described = self._ask("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint})
        found = next(
            (production for production in described["ProductionVariants"] if production["VariantName"] == name), None
        )
        if found is None:
            raise invalid(f"The endpoint {endpoint} has no production variant {name}.")
        return described, found


class Functions:
    """The provisioned concurrency of a version or an alias."""

    namespace, what, default_wait = "lambda", "desired provisioned concurrency", 0.0
    role = "lambda.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def check(self, resource: str) -> None:
        """The version or alias exists and is published."""
        name, qualifier = _parts(_FUNCTION_ID, resource)
        if qualifier == "$LATEST":
            raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
        try:
            self._ask("lambda", "GetFunctionConfiguration", {"FunctionName": name, "Qualifier": qualifier})
        except AwsError as error:
            if error.status >= 500:
                raise
            raise invalid(error.message) from error

    def look(self, resource: str) -> Now:
        """Of its configuration; none is a capacity of 0."""
        name, qualifier = _parts(_FUNCTION_ID, resource)
        request = {"FunctionName": name, "Qualifier": qualifier}
        try:
            found = self._ask("lambda", "GetProvisionedConcurrencyConfig", request)
        except AwsError as error:
            if error.code == "ProvisionedConcurrencyConfigNotFoundException":
                return Now(0, 0, False)
            raise
        return Now(
            found["RequestedProvisionedConcurrentExecutions"],
            found["AllocatedProvisionedConcurrentExecutions"],
            found["Status"] == "IN_PROGRESS",
            found.get("StatusReason", ""),
        )

    def set(self, resource: str, capacity: int) -> None:
        """PutProvisionedConcurrencyConfig; none at all is its deletion."""
        name, qualifier = _parts(_FUNCTION_ID, resource)
        request: dict[str, Any] = {"FunctionName": name, "Qualifier": qualifier}
        if capacity:
            request["ProvisionedConcurrentExecutions"] = capacity
            self._ask("lambda", "PutProvisionedConcurrencyConfig", request)
        else:
            self._ask("lambda", "DeleteProvisionedConcurrencyConfig", request)

    def dimensions(self, resource: str) -> dict[str, str]:
        """FunctionName and Resource."""
        name, qualifier = _parts(_FUNCTION_ID, resource)
        return {"FunctionName": name, "Resource": f"{name}:{qualifier}"}


class Targets:
    """All kinds, by their scalable dimension."""

    def __init__(self, ask: Ask) -> None:
        self._kinds: dict[tuple[str, str], Kind] = {
            ("sagemaker", VARIANT): Variants(ask),
            ("lambda", FUNCTION): Functions(ask),
        }

    def kind(self, key: Key) -> Kind:
        """Raises ValidationException for what the sandbox does not scale."""
        kind = self._kinds.get((key.namespace, key.dimension))
        if kind is None:
            raise invalid("Unsupported service namespace, resource type or scalable dimension")
        return kind


def invalid(text: str) -> AwsError:
    """ValidationException."""
    return AwsError("ValidationException", text)


def _parts(pattern: re.Pattern[str], resource: str) -> tuple[str, str]:
    found = pattern.fullmatch(resource)
    if found is None:
        raise invalid("Unsupported service namespace, resource type or scalable dimension")
    first, second = found.groups()
    return first, second
