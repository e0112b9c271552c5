"""An account for the inventory's tests: every list is there and empty until a test puts something into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from tests.unit.workers.fake_aws import MISSING, FakeSession, Refused
from workers.inventory.asking import AccountClock, Asking
from workers.inventory.rates import Rates
from workers.inventory.service import InventoryService
from workers.inventory.stock import Stock
from workers.prices.table import PriceTable

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=10)
SM = "arn:aws:sagemaker:us-east-1:123456789012"
TAGS = [{"Key": "sagedeck:created-by", "Value": "sagedeck"}]

LISTS = {
    "list_endpoints": "Endpoints",
    "list_endpoint_configs": "EndpointConfigs",
    "list_models": "Models",
    "list_training_jobs": "TrainingJobSummaries",
    "list_hyper_parameter_tuning_jobs": "HyperParameterTuningJobSummaries",
    "list_processing_jobs": "ProcessingJobSummaries",
    "list_transform_jobs": "TransformJobSummaries",
    "list_notebook_instances": "NotebookInstances",
    "describe_instances": "Reservations",
    "describe_volumes": "Volumes",
    "describe_addresses": "Addresses",
    "describe_security_groups": "SecurityGroups",
    "list_functions": "Functions",
    "describe_scalable_targets": "ScalableTargets",
    "describe_alarms": "MetricAlarms",
    "list_buckets": "Buckets",
    "describe_log_groups": "logGroups",
    "list_roles": "Roles",
    "list_instance_profiles": "InstanceProfiles",
    "get_resources": "ResourceTagMappingList",
}


class Account(FakeSession):
    """A session over ``lists`` (by operation) and ``described`` (answers by name); anything may be replaced."""

    backend = None

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {operation: [] for operation in LISTS}
        self.described: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.date = NOW
        super().__init__(
            get_caller_identity=self._who,
            list_provisioned_concurrency_configs=lambda **_: {"ProvisionedConcurrencyConfigs": []},
            list_role_tags=lambda RoleName: {"Tags": self.tags.get(RoleName, [])},
            describe_log_streams=self._no_log,
            list_tags=lambda ResourceArn: {"Tags": self.tags.get(ResourceArn, [])},
        )
        for operation, key in LISTS.items():
            self.handlers[operation] = lambda operation=operation, key=key, **_: {key: list(self.lists[operation])}
        for operation in ("endpoint", "endpoint_config", "training_job", "processing_job", "transform_job",
                          "notebook_instance"):  # fmt: skip
            self.handlers[f"describe_{operation}"] = self._describe

    def _who(self) -> dict[str, Any]:
        date = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return {"Account": "123456789012", "ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    def _no_log(self, **_: Any) -> dict[str, Any]:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")

    def _describe(self, **parameters: str) -> dict[str, Any]:
        (name,) = parameters.values()
        if name not in self.described:
            raise MISSING
        return self.described[name]

    def endpoint(
        self, name: str, instance_type: str = "ml.m5.large", count: int = 1, status: str = "InService"
    ) -> None:
        self.lists["list_endpoints"].append(
            {"EndpointName": name, "EndpointArn": f"{SM}:endpoint/{name}", "EndpointStatus": status,
             "CreationTime": BEFORE, "LastModifiedTime": BEFORE}
        )  # fmt: skip
        variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": count, "DesiredInstanceCount": count}
        self.described[name] = {
            "EndpointName": name, "EndpointArn": f"{SM}:endpoint/{name}", "EndpointStatus": status,
            "CreationTime": BEFORE, "EndpointConfigName": f"{name}-config", "ProductionVariants": [variant],
        }  # fmt: skip
        self.described[f"{name}-config"] = {
            "EndpointConfigArn": f"{SM}:endpoint-config/{name}-config",
            "ProductionVariants": [
                {"VariantName": "AllTraffic", "ModelName": f"{name}-model", "InstanceType": instance_type,
                 "InitialInstanceCount": count}
            ],
        }  # fmt: skip

    def training(self, name: str, status: str = "InProgress", **answer: Any) -> None:
        summary = {"TrainingJobName": name, "TrainingJobArn": f"{SM}:training-job/{name}",
                   "TrainingJobStatus": status, "CreationTime": BEFORE, "LastModifiedTime": BEFORE}  # fmt: skip
        if "WarmPoolStatus" in answer:
            summary["WarmPoolStatus"] = answer["WarmPoolStatus"]
        if "TrainingEndTime" in answer:
            summary["TrainingEndTime"] = answer["TrainingEndTime"]
        self.lists["list_training_jobs"].append(summary)
        self.described[name] = {
            "TrainingStartTime": BEFORE,
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
            **answer,
        }


def stock_of(account: Account) -> Stock:
    clock = AccountClock(account)  # type: ignore[arg-type]
    clock.now = lambda: NOW  # type: ignore[method-assign]
    return Stock(Asking(account, clock), Rates(PriceTable.load(), "us-east-1"))  # type: ignore[arg-type]


def full_account() -> Account:
    account = Account()
    account.endpoint("dogs", count=2)
    account.training("job")
    account.training("done", "Completed", TrainingEndTime=BEFORE + timedelta(hours=1))
    lists = account.lists
    lists["list_endpoint_configs"].append(
        {"EndpointConfigName": "dogs-config", "EndpointConfigArn": f"{SM}:endpoint-config/dogs-config",
         "CreationTime": BEFORE}
    )  # fmt: skip
    lists["list_models"].append({"ModelName": "m", "ModelArn": f"{SM}:model/m", "CreationTime": BEFORE})
    lists["list_hyper_parameter_tuning_jobs"].append(
        {"HyperParameterTuningJobName": "tune", "HyperParameterTuningJobArn": f"{SM}:tuning/tune",
         "HyperParameterTuningJobStatus": "InProgress", "CreationTime": BEFORE}
    )  # fmt: skip
    lists["list_processing_jobs"].append(
        {"ProcessingJobName": "p", "ProcessingJobArn": f"{SM}:processing-job/p", "ProcessingJobStatus": "Completed",
         "CreationTime": BEFORE, "ProcessingEndTime": NOW}
    )  # fmt: skip
    lists["list_transform_jobs"].append(
        {"TransformJobName": "t", "TransformJobArn": f"{SM}:transform-job/t", "TransformJobStatus": "Failed",
         "CreationTime": BEFORE}
    )  # fmt: skip
    notebook = {"NotebookInstanceName": "n", "NotebookInstanceArn": f"{SM}:notebook-instance/n",
                "NotebookInstanceStatus": "InService", "InstanceType": "ml.t3.medium", "CreationTime": BEFORE,
                "LastModifiedTime": BEFORE, "VolumeSizeInGB": 5}  # fmt: skip
    lists["list_notebook_instances"].append(notebook)
    account.described["n"] = notebook
    lists["describe_instances"].append(
        {"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}, "InstanceType": "t3.xlarge",
                        "LaunchTime": BEFORE, "Tags": TAGS}]}
    )  # fmt: skip
    lists["describe_volumes"].append(
        {"VolumeId": "vol-1", "State": "available", "Size": 60, "VolumeType": "gp3", "CreateTime": BEFORE}
    )
    lists["describe_addresses"].append({"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.7"})
    lists["describe_security_groups"].append({"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1"})
    lists["list_functions"].append(
        {"FunctionName": "f", "FunctionArn": "arn:aws:lambda:us-east-1:1:function:f", "MemorySize": 512,
         "LastModified": "2026-11-28T10:00:00.000+0000"}
    )  # fmt: skip
    lists["describe_scalable_targets"].append(
        {"ResourceId": "endpoint/dogs/variant/AllTraffic", "MinCapacity": 1, "MaxCapacity": 5, "CreationTime": BEFORE,
         "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    )  # fmt: skip
    lists["describe_alarms"].append({"AlarmName": "a", "AlarmArn": "arn:alarm:a", "StateValue": "OK", "Period": 60})
    lists["list_buckets"].append({"Name": "b", "CreationDate": BEFORE})
    lists["describe_log_groups"].append(
        {"logGroupName": "/aws/x", "arn": "arn:logs:x:*", "creationTime": 0, "storedBytes": 10**9}
    )
    account.tags["SageDeckTraining-b"] = TAGS
    lists["list_roles"] += [
        {"RoleName": "SageDeckTraining-b", "Arn": "arn:role/SageDeckTraining-b", "CreateDate": BEFORE},
        {"RoleName": "someone-role", "Arn": "arn:role/someone-role", "CreateDate": BEFORE},
    ]
    lists["list_instance_profiles"].append(
        {"InstanceProfileName": "SageDeckInstance-b", "Arn": "arn:profile", "CreateDate": BEFORE, "Roles": []}
    )
    return account


class FakeParking:
    """Nothing is parked until a test parks it."""

    def __init__(self) -> None:
        self.parked: list[str] = []

    async def list(self, endpoints: Any) -> tuple[Any, ...]:
        return ()

    async def plan(self, name: str) -> str:
        return name

    async def park(self, plan: str) -> Any:
        self.parked.append(plan)
        return SimpleNamespace(name=plan)


async def no_endpoints(details: bool = True) -> tuple[Any, ...]:
    return ()


def service_of(account: Account) -> InventoryService:
    service = InventoryService(
        account, PriceTable.load(), SimpleNamespace(list=no_endpoints), SimpleNamespace(), FakeParking()
    )
    service._clock.now = lambda: NOW
    return service
