"""Updating an endpoint: what the next configuration keeps, what is undone, and what is tidied up after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.workers.fake_aws import MISSING, FakeRoles, FakeSession, Refused
from workers.aws.names import suggest_name
from workers.aws.tags import creator_tag
from workers.endpoints.deployment import Deployment
from workers.endpoints.update import EndpointUpdate, Updates, UpdateSpec
from workers.errors.tree import InvalidInput
from workers.training.images import image_uri
from workers.types import Endpoint

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs"
CPU = image_uri("us-east-1", "inference", "ml.m5.large")
GPU = image_uri("us-east-1", "inference", "ml.g4dn.xlarge")


def endpoint(config: str = "old") -> Endpoint:
    return Endpoint(
        "dogs", "InService", datetime(2026, 1, 31, tzinfo=UTC), arn=ARN, config_name=config, model_names=("model",),
        instance_type="ml.m5.large", instance_count=1, desired_count=1, image=CPU, job_name="job-1",
    )  # fmt: skip


class SageMaker(FakeSession):
    """One endpoint ``dogs`` on the configuration ``old``, another one on whatever ``other`` names."""

    def __init__(self, other: str = "", **handlers: Any) -> None:
        super().__init__(
            **{
                "describe_endpoint_config": self._config,
                "describe_model": lambda ModelName: {
                    "PrimaryContainer": {"Image": CPU, "ModelDataUrl": "s3://b/m.tar.gz", "Environment": {"A": "b"}},
                    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/serve",
                },
                "describe_training_job": lambda TrainingJobName: {
                    "TrainingJobStatus": "Completed",
                    "ModelArtifacts": {"S3ModelArtifacts": f"s3://bucket/{TrainingJobName}/output/model.tar.gz"},
                },
                "describe_endpoint": lambda EndpointName: {
                    "EndpointStatus": "InService", "EndpointConfigName": other if EndpointName == "cats" else "new",
                },
                "list_endpoints": lambda: {"Endpoints": [{"EndpointName": "dogs"}, {"EndpointName": "cats"}]},
                "list_endpoint_configs": lambda: {"EndpointConfigs": []},
                "list_tags": lambda ResourceArn: {"Tags": [] if "foreign" in ResourceArn else [creator_tag()]},
                **{name: lambda **_: {} for name in (
                    "create_model", "create_endpoint_config", "update_endpoint", "delete_model",
                    "delete_endpoint_config",
                )},
                **handlers,
            }
        )  # fmt: skip
        self.variants = [
            {"VariantName": "AllTraffic", "ModelName": "model", "InstanceType": "ml.m5.large",
             "InitialInstanceCount": 1, "InitialVariantWeight": 1.0, "VolumeSizeInGB": 20}
        ]  # fmt: skip

    def _config(self, EndpointConfigName: str) -> dict[str, Any]:
        options = [{"CaptureMode": "Input"}]
        capture = {"InitialSamplingPercentage": 5, "DestinationS3Uri": "s3://b/c", "CaptureOptions": options}
        return {"EndpointConfigName": "old", "ProductionVariants": self.variants, "DataCaptureConfig": capture}


def begun(session: SageMaker, **spec: Any) -> EndpointUpdate:
    given = {"instance_type": "ml.m5.large", "instance_count": 1} | spec
    return asyncio.run(Updates(session, FakeRoles()).begin(endpoint(), UpdateSpec("dogs", **given)))


def test_another_size_keeps_the_model_and_the_rest() -> None:
    session = SageMaker()
    update = begun(session, instance_type="ml.m5.xlarge", instance_count=3)
    (made,) = session.made("create_endpoint_config")
    (variant,) = made["ProductionVariants"]
    assert variant == {
        "VariantName": "AllTraffic", "ModelName": "model", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 3,
        "InitialVariantWeight": 1.0, "VolumeSizeInGB": 20,
    }  # fmt: skip
    assert made["DataCaptureConfig"]["DestinationS3Uri"] == "s3://b/c"
    assert session.order == ["create_endpoint_config", "update_endpoint"]
    assert session.made("update_endpoint") == [
        {
            "EndpointName": "dogs",
            "EndpointConfigName": update.config_name,
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
        }
    ]
    assert (update.old_config, update.models, update.old_models) == ("old", (), ())


def test_an_update_within_the_second_of_the_deployment_has_a_name_of_its_own() -> None:
    present = suggest_name("dogs", datetime.now(UTC))
    update = asyncio.run(
        Updates(SageMaker(), FakeRoles()).begin(endpoint(present), UpdateSpec("dogs", "ml.m5.large", 2))
    )
    assert update.config_name != present == update.old_config


def test_another_jobs_model_is_made_first() -> None:
    session = SageMaker()
    update = begun(session, job_name="job-2")
    (model,) = session.made("create_model")
    assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://bucket/job-2/output/model.tar.gz"
    assert session.made("create_endpoint_config")[0]["ProductionVariants"][0]["ModelName"] == model["ModelName"]
    assert (update.models, update.old_models) == ((model["ModelName"],), ("model",))


def test_the_number_that_auto_scaling_set_is_kept_where_no_other_is_asked_for() -> None:
    session = SageMaker()
    begun(session, instance_type="ml.m5.xlarge", instance_count=1)
    (sent,) = session.made("update_endpoint")
    assert sent["RetainAllVariantProperties"] is True and "ExcludeRetainedVariantProperties" not in sent
    assert "DeploymentConfig" not in sent


def test_a_model_from_ec2_is_taken_from_where_it_lies() -> None:
    session = SageMaker()
    begun(session, job_name="on-ec2", model_uri="s3://bucket/sagedeck/ec2/on-ec2/output/model.tar.gz")
    (model,) = session.made("create_model")
    assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://bucket/sagedeck/ec2/on-ec2/output/model.tar.gz"
    assert "describe_training_job" not in [name for name, _ in session.calls]


@pytest.mark.parametrize(
    ("deployment", "sent"),
    [
        (
            Deployment("CANARY", 20, 120, ("slow",)),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "CANARY",
                        "WaitIntervalInSeconds": 120,
                        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 20},
                    }
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "slow"}]},
            },
        ),
        (
            Deployment("LINEAR", 25, 60),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "LINEAR",
                        "WaitIntervalInSeconds": 60,
                        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                    }
                }
            },
        ),
    ],
)
def test_traffic_goes_over_as_asked(deployment: Deployment, sent: dict[str, Any]) -> None:
    session = SageMaker()
    begun(session, instance_count=2, deployment=deployment)
    assert session.made("update_endpoint")[0]["DeploymentConfig"] == sent


def test_an_alarm_for_the_roll_back_is_made_and_taken_back_when_the_update_is_refused() -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("ValidationException", "Cannot update in-progress endpoint")

    none = {"describe_alarms": lambda AlarmNames: {"MetricAlarms": []}}
    calls = {"put_metric_alarm": lambda **_: {}, "delete_alarms": lambda AlarmNames: {}, **none}
    session = SageMaker(**calls)
    begun(session, deployment=Deployment(new_alarm=True))
    (alarm,) = session.made("put_metric_alarm")
    assert (alarm["AlarmName"], alarm["MetricName"]) == ("sagedeck-dogs-errors", "Invocation5XXErrors")
    rollback = session.made("update_endpoint")[0]["DeploymentConfig"]["AutoRollbackConfiguration"]
    assert rollback == {"Alarms": [{"AlarmName": "sagedeck-dogs-errors"}]}
    session = SageMaker(update_endpoint=refuse, **calls)
    with pytest.raises(InvalidInput):
        begun(session, deployment=Deployment(new_alarm=True))
    assert session.order[-2:] == ["delete_alarms", "delete_endpoint_config"]
    there = {"describe_alarms": lambda AlarmNames: {"MetricAlarms": [{}]}}
    session = SageMaker(update_endpoint=refuse, **(calls | there))
    with pytest.raises(InvalidInput):
        begun(session, deployment=Deployment(new_alarm=True))
    assert "put_metric_alarm" not in session.order and "delete_alarms" not in session.order


@pytest.mark.parametrize("deployment", [Deployment("CANARY", 60), Deployment("LINEAR", 5), Deployment("CANARY", 0)])
def test_a_share_that_aws_would_not_take_is_told_before_anything_is_made(deployment: Deployment) -> None:
    session = SageMaker()
    with pytest.raises(InvalidInput, match="goes first"):
        begun(session, deployment=deployment)
    assert session.order == []


def test_a_graphics_card_gets_the_same_model_in_its_own_image() -> None:
    session = SageMaker()
    begun(session, instance_type="ml.g4dn.xlarge")
    (model,) = session.made("create_model")
    assert model["PrimaryContainer"] == {
        "Image": GPU, "ModelDataUrl": "s3://b/m.tar.gz", "Environment": {"A": "b"},
    }  # fmt: skip


def test_what_was_made_goes_when_the_update_is_refused() -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("ValidationException", "Cannot update in-progress endpoint")

    session = SageMaker(update_endpoint=refuse)
    with pytest.raises(InvalidInput):
        begun(session, job_name="job-2")
    assert session.order[-2:] == ["delete_endpoint_config", "delete_model"]


def test_what_cannot_be_updated_is_told_before_anything_is_made() -> None:
    session = SageMaker()
    session.variants = session.variants * 2
    with pytest.raises(InvalidInput, match="2 variants"):
        begun(session)
    session.variants = [{"VariantName": "a", "ModelName": "model", "ServerlessConfig": {}}]
    with pytest.raises(InvalidInput, match="serverless"):
        begun(session)
    with pytest.raises(InvalidInput, match="at least one"):
        begun(session, instance_count=0)
    assert session.order == []


UPDATE = EndpointUpdate("dogs", "new", "old", ("new-model",), ("old-model",))


@pytest.mark.parametrize(
    ("config", "other", "deleted"),
    [
        ("new", "", ["old", "old-model"]),
        ("old", "", ["new", "new-model"]),
        ("new", "old", []),
    ],
)
def test_what_is_not_used_any_more_is_deleted(config: str, other: str, deleted: list[str]) -> None:
    session = SageMaker(other)
    session.handlers["describe_endpoint"] = lambda EndpointName: {
        "EndpointConfigName": other if EndpointName == "cats" else config
    }
    asyncio.run(Updates(session, FakeRoles()).tidy(UPDATE, endpoint(config)))
    gone = [*session.made("delete_endpoint_config"), *session.made("delete_model")]
    assert [name for call in gone for name in call.values()] == deleted


def test_what_others_made_and_what_is_gone_is_left_alone() -> None:
    session = SageMaker()
    foreign = EndpointUpdate("dogs", "new", "foreign", (), ("foreign-model",))
    asyncio.run(Updates(session, FakeRoles()).tidy(foreign, endpoint("new")))
    assert session.order == []

    def missing(**_: Any) -> Any:
        raise MISSING

    session = SageMaker(delete_endpoint_config=missing)
    asyncio.run(Updates(session, FakeRoles()).tidy(UPDATE, endpoint("new")))
    assert session.made("delete_model") == []
