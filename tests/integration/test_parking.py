"""Parking in a real sandbox: an endpoint goes, is remembered, and comes back as it was, also after kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.backends import backend_of
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.waiting import wait_for
from workers.endpoints.deletion import CONFIG
from workers.errors.tree import Conflict, NotFound
from workers.parking.types import Parked
from workers.services import Services

pytestmark = pytest.mark.integration

INFERENCE = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): return b"woof " + data
def output_fn(prediction, accept): return prediction
"""
RESOURCE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/dogs/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
# A program of its own, which dies by kill -9 just before it sends this call.
VICTIM = """
import asyncio, json, os, signal, sys
from workers.aws.session import AwsSession
from workers.services import Services
from workers.types import Backend

given = json.loads(sys.argv[1])
call = AwsSession.call

async def killed(self, service, operation, *rest, **more):
    if operation == given["before"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return await call(self, service, operation, *rest, **more)

AwsSession.call = killed

async def main():
    services = Services(Backend(**given["backend"]))
    if given["what"] == "park":
        await services.parking.park(await services.parking.plan("dogs"))
    else:
        (parked,) = await services.parking.list(await services.endpoints.list())
        await services.parking.resume(parked)
        while not await services.parking.finish(parked):
            await asyncio.sleep(0.1)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    account.model("dogs", {"code/inference.py": INFERENCE})
    account.config("dogs", "dogs")
    tags = [{"Key": "team", "Value": "kennel"}]
    account.sagemaker.create_endpoint(EndpointName="dogs", EndpointConfigName="dogs", Tags=tags)
    assert account.settled("dogs") == "InService"
    scaling, cloudwatch = account.sandbox.client("application-autoscaling"), account.sandbox.client("cloudwatch")
    scaling.register_scalable_target(
        **RESOURCE, MinCapacity=1, MaxCapacity=3, SuspendedState={"DynamicScalingInSuspended": True}
    )
    scaling.put_scaling_policy(
        **RESOURCE,
        PolicyName="tracks",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            "ScaleOutCooldown": 60,
        },
    )
    scaling.put_scheduled_action(
        **RESOURCE,
        ScheduledActionName="nights",
        Schedule="cron(0 22 * * ? *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2},
    )
    for name in ("sagedeck-dogs-errors", "somebodys"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": "EndpointName", "Value": "dogs"}, {"Name": "VariantName", "Value": "AllTraffic"}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    return account


def told(account: Account) -> dict[str, Any]:
    """What the account says of the endpoint and of all that scales it, without times and generated names."""
    scaling, cloudwatch = account.sandbox.client("application-autoscaling"), account.sandbox.client("cloudwatch")
    found = account.sagemaker.describe_endpoint(EndpointName="dogs")
    tags = account.sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]

    def plain(items: list[dict[str, Any]], *less: str) -> list[dict[str, Any]]:
        return [{key: value for key, value in item.items() if key not in less} for item in items]

    return {
        "config": found["EndpointConfigName"],
        "variants": plain(found["ProductionVariants"], "DeployedImages"),
        "tags": tags,
        "targets": plain(
            scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"],
            "CreationTime", "ScalableTargetARN",
        ),
        "policies": plain(
            scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"],
            "CreationTime", "PolicyARN", "Alarms",
        ),
        "schedules": plain(
            scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"],
            "CreationTime", "ScheduledActionARN",
        ),
        "alarms": sorted(
            (alarm["AlarmName"].split("-endpoint")[0][:20], alarm["Threshold"], alarm["Period"]) for alarm in alarms
        ),
        "answer": account.invoke("dogs"),
    }  # fmt: skip


def the_parked(services: Services, run: Any) -> Parked:
    (parked,) = run(services.parking.list(run(services.endpoints.list())))
    return parked


def back(services: Services, run: Any, parked: Parked) -> None:
    run(services.parking.resume(parked))
    wait_for(lambda: run(services.parking.finish(parked)))


def killed(account: Account, what: str, before: str) -> None:
    backend = backend_of(account.sandbox)
    given = {"what": what, "before": before, "backend": dict(vars(backend))}
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", VICTIM, json.dumps(given)], cwd=root, timeout=120, capture_output=True, text=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_parked_and_resumed_it_is_as_it_was(account: Account, services: Services, run: Any) -> None:
    before = told(account)
    plan = run(services.parking.plan("dogs"))
    assert plan.saves_per_hour and plan.refused in ((), None)
    assert ("alarm", "somebodys", "watches this endpoint and gets no more data") in plan.stops_working
    assert {kind for kind, _, _ in plan.goes} == {"scalable target", "policy", "schedule", "alarm"}
    run(services.parking.park(plan))
    assert account.settled("dogs") == "gone"
    parked = the_parked(services, run)
    assert (parked.state, parked.instances, parked.problem) == ("parked", "1 × ml.m5.large", "")
    scaling = account.sandbox.client("application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert run(services.endpoints.list()) == ()

    back(services, run, parked)
    assert told(account) == before
    assert run(services.parking.list(run(services.endpoints.list()))) == ()
    config = account.sagemaker.describe_endpoint_config(EndpointConfigName="dogs")["EndpointConfigArn"]
    assert account.sagemaker.list_tags(ResourceArn=config)["Tags"] == []


@pytest.mark.parametrize("before", ["deregister_scalable_target", "delete_endpoint"])
def test_killed_while_parking_nothing_is_lost(account: Account, services: Services, run: Any, before: str) -> None:
    as_it_was = told(account)
    killed(account, "park", before)
    parked = the_parked(services, run)
    assert parked.state == "interrupted"
    if before == "delete_endpoint":
        # Parked to the end: what the first attempt took away is remembered all the same.
        run(services.parking.park(run(services.parking.plan("dogs"))))
        assert account.settled("dogs") == "gone"
        parked = the_parked(services, run)
        assert parked.state == "parked"
    back(services, run, parked)
    assert told(account) == as_it_was


@pytest.mark.parametrize("before", ["create_endpoint", "register_scalable_target", "put_scheduled_action"])
def test_killed_while_coming_back_it_goes_on(account: Account, services: Services, run: Any, before: str) -> None:
    as_it_was = told(account)
    run(services.parking.park(run(services.parking.plan("dogs"))))
    assert account.settled("dogs") == "gone"
    killed(account, "resume", before)
    parked = the_parked(services, run)
    assert parked.state == ("parked" if before == "create_endpoint" else "resuming")
    back(services, run, parked)
    assert told(account) == as_it_was


def test_what_happened_meanwhile_is_told(account: Account, services: Services, run: Any) -> None:
    plan = run(services.parking.plan("dogs"))
    scaling = account.sandbox.client("application-autoscaling")
    scaling.register_scalable_target(**RESOURCE, MinCapacity=1, MaxCapacity=2)
    with pytest.raises(Conflict, match="have changed"):
        run(services.parking.park(plan))
    assert account.settled("dogs") == "InService"

    run(services.parking.park(run(services.parking.plan("dogs"))))
    assert account.settled("dogs") == "gone"
    parked = the_parked(services, run)
    account.sagemaker.create_endpoint(EndpointName="dogs", EndpointConfigName="dogs")
    assert account.settled("dogs") == "InService"
    assert the_parked(services, run).state == "changed"
    with pytest.raises(Conflict, match="Another endpoint has its name"):
        run(services.parking.resume(parked))
    # Deleting the other one must not take the configuration along: the parked one comes back from it.
    other = run(services.endpoints.deletion_plan("dogs"))
    account.sagemaker.delete_endpoint(EndpointName="dogs")
    assert account.settled("dogs") == "gone"
    assert (CONFIG, "dogs", "the parked endpoint dogs comes back from it") in other.kept
    account.sagemaker.delete_endpoint_config(EndpointConfigName="dogs")
    with pytest.raises(NotFound, match="configuration dogs was deleted"):
        run(services.parking.resume(parked))
    assert run(services.parking.list(())) == ()


def test_forgetting_leaves_nothing(account: Account, services: Services, run: Any) -> None:
    account.config("dogs", "dogs")
    account.sagemaker.create_endpoint(EndpointName="dogs", EndpointConfigName="dogs")
    assert account.settled("dogs") == "InService"
    run(services.parking.park(run(services.parking.plan("dogs"))))
    assert account.settled("dogs") == "gone"
    parked = the_parked(services, run)
    plan = run(services.parking.forget_plan(parked))
    assert {kind for kind, _, _ in plan.also_deleted} == {"memory", "endpoint configuration", "model"}
    done = run(services.parking.forget(parked, plan))
    assert not done.failed and account.sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert account.sagemaker.list_models()["Models"] == []
