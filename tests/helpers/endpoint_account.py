"""An account in which the workers make, update and delete endpoints, in the process of the test."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from tests.unit.workers.fake_aws import MISSING, FakeRoles, FakeSession, Refused
from workers.endpoints.service import Endpoints
from workers.types import DeploySpec

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

MODEL_URI = "s3://data/sagedeck/jobs/dogs-1/output/model.tar.gz"

SPEC = DeploySpec("dogs", "dogs-1", "ml.m5.large", 2)


class Account(FakeSession):
    """A SageMaker account in memory, with the refusals a test asks for."""

    def __init__(self, **refused):
        self.refused = refused
        self.jobs = {"dogs-1": ("Completed", MODEL_URI)}
        self.models, self.configs, self.endpoints, self.tags = {}, {}, {}, {}
        self.targets, self.alarms, self.functions = [], [], []
        super().__init__()

    async def call(self, service, operation, /, doing="", **parameters):
        def answer(**given):
            if operation in self.refused:
                raise self.refused[operation]
            return getattr(self, f"on_{operation}")(**given)

        self.handlers[operation] = answer
        return await super().call(service, operation, doing=doing, **parameters)

    def on_describe_training_job(self, TrainingJobName):
        if TrainingJobName not in self.jobs:
            raise MISSING
        status, uri = self.jobs[TrainingJobName]
        return {"TrainingJobStatus": status, "ModelArtifacts": {"S3ModelArtifacts": uri}}

    def on_create_model(self, ModelName, **more):
        self.models[ModelName] = more
        self.tags[f"model/{ModelName.lower()}"] = more.get("Tags", ())
        return {}

    def on_create_endpoint_config(self, EndpointConfigName, ProductionVariants, Tags=()):
        self.configs[EndpointConfigName] = ProductionVariants
        self.tags[f"endpoint-config/{EndpointConfigName.lower()}"] = Tags
        return {}

    def on_update_endpoint(self, EndpointName, EndpointConfigName, **_):
        self.endpoints[EndpointName] = EndpointConfigName
        return {}

    def on_create_endpoint(self, EndpointName, EndpointConfigName, Tags=()):
        if EndpointName in self.endpoints:
            raise Refused("ValidationException", "Cannot create already existing endpoint")
        self.endpoints[EndpointName] = EndpointConfigName
        self.tags[f"arn:{EndpointName}"] = Tags
        return {}

    def on_describe_endpoint(self, EndpointName):
        if EndpointName not in self.endpoints:
            raise Refused("ValidationException", f'Could not find endpoint "{EndpointName}".')
        variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 1, "DesiredInstanceCount": 2}
        return {
            **self.row(EndpointName),
            "EndpointConfigName": self.endpoints[EndpointName],
            "ProductionVariants": [variant],
        }

    def row(self, name):
        return {
            "EndpointName": name,
            "EndpointArn": f"arn:{name}",
            "EndpointStatus": "InService",
            "CreationTime": START,
            "LastModifiedTime": START,
        }

    def on_list_endpoints(self, **_):
        return {"Endpoints": [self.row(name) for name in self.endpoints]}

    def on_list_endpoint_configs(self, **_):
        return {"EndpointConfigs": [{"EndpointConfigName": name} for name in self.configs]}

    def on_describe_endpoint_config(self, EndpointConfigName):
        if EndpointConfigName not in self.configs:
            raise MISSING
        return {"ProductionVariants": self.configs[EndpointConfigName]}

    def on_describe_model(self, ModelName):
        if ModelName not in self.models:
            raise MISSING
        return {"PrimaryContainer": self.models[ModelName]["PrimaryContainer"]}

    def on_list_tags(self, ResourceArn):
        return {"Tags": self.tags[ResourceArn.split(":")[-1] if "/" in ResourceArn else ResourceArn]}

    def on_describe_scalable_targets(self, ServiceNamespace):
        return {"ScalableTargets": self.targets}

    def on_describe_alarms(self, AlarmTypes):
        return {"MetricAlarms": self.alarms}

    def on_list_functions(self):
        return {"Functions": self.functions}

    def on_delete_model(self, ModelName):
        if self.models.pop(ModelName, None) is None:
            raise MISSING
        return {}

    def on_delete_endpoint_config(self, EndpointConfigName):
        if self.configs.pop(EndpointConfigName, None) is None:
            raise MISSING
        return {}

    def on_delete_endpoint(self, EndpointName):
        if self.endpoints.pop(EndpointName, None) is None:
            raise MISSING
        return {}

    def on_deregister_scalable_target(self, ResourceId, **_):
        self.targets = [target for target in self.targets if target["ResourceId"] != ResourceId]
        return {}

    def on_delete_alarms(self, AlarmNames):
        self.alarms = [alarm for alarm in self.alarms if alarm["AlarmName"] not in AlarmNames]
        return {}


def endpoints_of(account):
    return Endpoints(account, FakeRoles())


def deployed(account, name="dogs"):
    asyncio.run(endpoints_of(account).deploy(DeploySpec(name, "dogs-1", "ml.m5.large", 2)))
    return account


def target(name="dogs"):
    dimension = "sagemaker:variant:DesiredInstanceCount"
    return {"ResourceId": f"endpoint/{name}/variant/AllTraffic", "ScalableDimension": dimension}


def alarm(name, endpoint="dogs"):
    return {"AlarmName": name, "Dimensions": [{"Name": "EndpointName", "Value": endpoint}]}


def plan_of(account, name="dogs"):
    return asyncio.run(endpoints_of(account).deletion_plan(name))
