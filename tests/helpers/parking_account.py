"""An account with one endpoint and all that scales it, in the process of the test; it can die at any change."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.workers.fake_aws import MISSING, FakeRoles, FakeSession, Refused
from workers.endpoints.service import Endpoints
from workers.parking.service import Parking
from workers.parking.types import Parked
from workers.types import Identity

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
BASE = "arn:aws:sagemaker:us-east-1:123456789012"
ENDPOINT, CONFIG = f"{BASE}:endpoint/dogs", f"{BASE}:endpoint-config/dogs-config"
WHICH = {
    "ResourceId": "endpoint/dogs/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


class Died(BaseException):
    """What kill -9 looks like from inside: nothing more is done, not even a roll-back."""


class ParkingAccount(FakeSession):
    """``dies_before``: so many changes are still made. ``refused``: errors by operation.

    ``lost``: operations that are carried out, and whose answer does not arrive the first time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dies_before: int | None = None
        self.refused: dict[str, Exception] = {}
        self.lost: set[str] = set()
        self.made_times = 0
        self.tags: dict[str, dict[str, str]] = {CONFIG: {"team": "kennel"}, ENDPOINT: {"team": "kennel"}}
        self.variants = [
            {"VariantName": "AllTraffic", "ModelName": "model", "InstanceType": "ml.m5.large",
             "InitialInstanceCount": 1, "InitialVariantWeight": 1.0},
            {"VariantName": "next", "ModelName": "model-2", "InstanceType": "ml.m5.xlarge",
             "InitialInstanceCount": 1, "InitialVariantWeight": 0.0},
        ]  # fmt: skip
        self.models = {"model", "model-2"}
        self.endpoint: dict[str, Any] | None = None
        self.targets: list[dict[str, Any]] = [{**WHICH, "MinCapacity": 1, "MaxCapacity": 5, "CreationTime": START}]
        self.policies: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.alarms: dict[str, dict[str, Any]] = {}
        self.on_create_endpoint("dogs", "dogs-config", [{"Key": "team", "Value": "kennel"}])
        assert self.endpoint is not None
        self.endpoint["weights"]["next"] = (0.25, 2)
        tracking = {
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        }
        self.on_put_scaling_policy(
            **WHICH, PolicyName="tracks", PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking,
        )  # fmt: skip
        self.on_put_scaling_policy(
            **WHICH, PolicyName="steps", PolicyType="StepScaling",
            StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity"},
        )  # fmt: skip
        self.schedules["nights"] = {
            **WHICH, "ScheduledActionName": "nights", "Schedule": "cron(0 22 * * ? *)", "Timezone": "UTC",
            "StartTime": START + timedelta(days=36500), "ScalableTargetAction": {"MaxCapacity": 1},
        }  # fmt: skip
        for name in ("sagedeck-errors", "somebodys"):
            self.alarms[name] = {
                "AlarmName": name, "Threshold": 1.0, "EvaluationPeriods": 1, "StateValue": "OK",
                "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [self.policies["steps"]["PolicyARN"]],
                "Dimensions": [{"Name": "EndpointName", "Value": "dogs"}],
            }  # fmt: skip

    async def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/operator")

    async def call(self, service: str, operation: str, /, doing: str = "", **parameters: Any) -> Any:
        if not operation.startswith(("describe", "list", "get", "simulate")):
            if self.dies_before == 0:
                raise Died
            self.dies_before = self.dies_before - 1 if self.dies_before is not None else None

        def answer(**given: Any) -> Any:
            if operation in self.refused:
                raise self.refused[operation]
            given.pop("ServiceNamespace", None)
            made = getattr(self, f"on_{operation}")(**given)
            if operation in self.lost:
                self.lost.remove(operation)
                raise Refused("InternalFailure", "the answer was lost", 500)
            return made

        self.handlers[operation] = answer
        return await super().call(service, operation, doing=doing, **parameters)

    def parking(self) -> Parking:
        """A program that has just been started."""
        return Parking(self, self.endpoints())  # type: ignore[arg-type]

    def endpoints(self) -> Endpoints:
        return Endpoints(self, FakeRoles())  # type: ignore[arg-type]

    async def parked(self) -> Parked:
        """The one that is remembered, as a program sees it that has just been started."""
        (found,) = await self.parking().list(await self.endpoints().list())
        return found

    def told(self) -> dict[str, Any]:
        """All that must be the same afterwards; ARNs of policies by their names."""
        names = {policy["PolicyARN"]: name for name, policy in self.policies.items()}
        alarms = copy.deepcopy(self.alarms)
        for alarm in alarms.values():
            alarm["AlarmActions"] = [names.get(arn, "stale") for arn in alarm["AlarmActions"]]
            alarm.pop("StateValue", None)
        return copy.deepcopy({
            "config": self.endpoint and self.endpoint["config"],
            "weights": self.endpoint and self.endpoint["weights"],
            "tags": self.tags,
            "targets": [{**target, "CreationTime": 0} for target in self.targets],
            "policies": {name: {**policy, "PolicyARN": 0} for name, policy in self.policies.items()},
            "schedules": self.schedules,
            "alarms": alarms,
        })  # fmt: skip

    # SageMaker

    def on_create_endpoint(self, EndpointName: str, EndpointConfigName: str, Tags: Any) -> dict[str, Any]:
        if self.endpoint is not None:
            raise Refused("ValidationException", "Cannot create already existing endpoint")
        self.made_times += 1
        weights = {variant["VariantName"]: (variant["InitialVariantWeight"], 1) for variant in self.variants}
        self.endpoint = {"config": EndpointConfigName, "weights": weights, "number": self.made_times}
        self.tags[ENDPOINT] = {tag["Key"]: tag["Value"] for tag in Tags}
        return {"EndpointArn": ENDPOINT}

    def on_describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        if self.endpoint is None:
            raise Refused("ValidationException", f'Could not find endpoint "{EndpointName}".')
        variants = [
            {"VariantName": name, "DesiredWeight": weight, "CurrentInstanceCount": count, "DesiredInstanceCount": count}
            for name, (weight, count) in self.endpoint["weights"].items()
        ]
        return self._row() | {"EndpointConfigName": self.endpoint["config"], "ProductionVariants": variants}

    def _row(self) -> dict[str, Any]:
        assert self.endpoint is not None
        at = START + timedelta(hours=self.endpoint["number"])
        return {"EndpointName": "dogs", "EndpointArn": ENDPOINT, "EndpointStatus": "InService", "CreationTime": at,
                "LastModifiedTime": at}  # fmt: skip

    def on_delete_endpoint(self, EndpointName: str) -> dict[str, Any]:
        self.endpoint = None
        del self.tags[ENDPOINT]
        return {}

    def on_update_endpoint_weights_and_capacities(
        self, EndpointName: str, DesiredWeightsAndCapacities: Any
    ) -> dict[str, Any]:
        assert self.endpoint is not None
        for wanted in DesiredWeightsAndCapacities:
            weight, count = self.endpoint["weights"][wanted["VariantName"]]
            self.endpoint["weights"][wanted["VariantName"]] = (
                wanted.get("DesiredWeight", weight), wanted.get("DesiredInstanceCount", count),
            )  # fmt: skip
        return {}

    def on_list_endpoints(self, **_: Any) -> dict[str, Any]:
        return {"Endpoints": [self._row()] if self.endpoint is not None else []}

    def on_list_endpoint_configs(self, **_: Any) -> dict[str, Any]:
        return {"EndpointConfigs": [{"EndpointConfigName": "dogs-config"}] if CONFIG in self.tags else []}

    def on_describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        if CONFIG not in self.tags:
            raise MISSING
        return {"ProductionVariants": self.variants}

    def on_describe_model(self, ModelName: str) -> dict[str, Any]:
        if ModelName not in self.models:
            raise MISSING
        return {"PrimaryContainer": {"Image": "i", "Environment": {"TOKEN": "secret-in-the-model"}}}

    def on_list_tags(self, ResourceArn: str) -> dict[str, Any]:
        if ResourceArn not in self.tags:
            raise MISSING
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags[ResourceArn].items()]}

    def on_add_tags(self, ResourceArn: str, Tags: Any) -> dict[str, Any]:
        self.tags[ResourceArn] |= {tag["Key"]: tag["Value"] for tag in Tags}
        return {"Tags": []}

    def on_delete_tags(self, ResourceArn: str, TagKeys: Any) -> dict[str, Any]:
        for key in TagKeys:
            self.tags[ResourceArn].pop(key, None)
        return {}

    def on_get_resources(self, ResourceTypeFilters: Any, TagFilters: Any) -> dict[str, Any]:
        key = TagFilters[0]["Key"]
        return {
            "ResourceTagMappingList": [
                {"ResourceARN": arn} for arn, tags in self.tags.items() if key in tags and ":endpoint-config/" in arn
            ]
        }

    # Application Auto Scaling, CloudWatch, Lambda, IAM

    def on_describe_scalable_targets(self, **_: Any) -> dict[str, Any]:
        return {"ScalableTargets": self.targets}

    def on_describe_scaling_policies(self, **_: Any) -> dict[str, Any]:
        return {"ScalingPolicies": list(self.policies.values())}

    def on_describe_scheduled_actions(self, **_: Any) -> dict[str, Any]:
        return {"ScheduledActions": list(self.schedules.values())}

    def on_register_scalable_target(self, **target: Any) -> dict[str, Any]:
        self.targets = [{**target, "CreationTime": START}]
        return {}

    def on_deregister_scalable_target(self, **_: Any) -> dict[str, Any]:
        self.targets, self.policies, self.schedules = [], {}, {}
        return {}

    def on_put_scaling_policy(self, PolicyName: str, **policy: Any) -> dict[str, Any]:
        before = self.policies.get(PolicyName, {}).get("PolicyARN")
        arn = before or f"arn:policy/{PolicyName}/{len(self.calls)}"
        self.policies[PolicyName] = {"PolicyName": PolicyName, "PolicyARN": arn, "CreationTime": 0, **policy}
        return {"PolicyARN": arn}

    def on_put_scheduled_action(self, ScheduledActionName: str, **action: Any) -> dict[str, Any]:
        self.schedules[ScheduledActionName] = {"ScheduledActionName": ScheduledActionName, **action}
        return {}

    def on_describe_alarms(self, **_: Any) -> dict[str, Any]:
        return {"MetricAlarms": list(self.alarms.values())}

    def on_delete_alarms(self, AlarmNames: Any) -> dict[str, Any]:
        for name in AlarmNames:
            self.alarms.pop(name, None)
        return {}

    def on_put_metric_alarm(self, Tags: Any = (), **alarm: Any) -> dict[str, Any]:
        self.alarms[alarm["AlarmName"]] = alarm
        return {}

    def on_list_functions(self, **_: Any) -> dict[str, Any]:
        variables = {"ENDPOINT_NAME": "dogs"}
        return {"Functions": [{"FunctionName": "predict", "Environment": {"Variables": variables}}]}

    def on_simulate_principal_policy(self, ActionNames: Any, **_: Any) -> dict[str, Any]:
        return {
            "EvaluationResults": [
                {
                    "EvalActionName": name,
                    "EvalDecision": "implicitDeny" if name == "sagemaker:CreateEndpoint" else "allowed",
                }
                for name in ActionNames
            ]
        }
