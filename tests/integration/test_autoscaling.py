"""Application Auto Scaling in a real sandbox whose time runs fast: an endpoint goes 1 → n → 1, with the AWS CLI."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.sagemaker_jobs import ANSWERING, INFERENCE, Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

RESOURCE = "endpoint/e/variant/AllTraffic"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
WORDS = ("--service-namespace", "sagemaker", "--resource-id", RESOURCE,
         "--scalable-dimension", "sagemaker:variant:DesiredInstanceCount")  # fmt: skip


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    state = tmp_path_factory.mktemp("scaling") / "state"
    with SandboxProcess(state, environ={"SAGEDECK_TIME_FACTOR": "100"}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    account.endpoint("e", ANSWERING)
    assert account.settled("e") == "InService"
    return account


@pytest.fixture(scope="module")
def scaling(account: Account) -> Any:
    return account.sandbox.client("application-autoscaling")


def aws(account: Account, *words: str) -> Any:
    argv = [sys.executable, "-m", "awscli", *words, "--output", "json"]
    done = subprocess.run(argv, env=account.sandbox.shell_environ(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_cannot_be_is_refused_in_awss_words(account: Account, scaling: Any) -> None:
    register = scaling.register_scalable_target
    assert refused(register, **TARGET, MinCapacity=5, MaxCapacity=1) == (
        "ValidationException",
        "Maximum capacity cannot be less than minimum capacity",
    )
    gone = TARGET | {"ResourceId": "endpoint/nowhere/variant/AllTraffic"}
    code, text = refused(register, **gone, MinCapacity=1, MaxCapacity=2)
    assert code == "ValidationException" and "Could not find endpoint" in text
    policy = {
        "PolicyName": "p",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 10.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    }
    assert refused(scaling.put_scaling_policy, **gone, **policy) == (
        "ObjectNotFoundException",
        "No scalable target registered for service namespace: sagemaker, resource ID: "
        "endpoint/nowhere/variant/AllTraffic, scalable dimension: sagemaker:variant:DesiredInstanceCount",
    )
    assert refused(scaling.deregister_scalable_target, **TARGET)[0] == "ObjectNotFoundException"
    account.sagemaker.create_endpoint_config(
        EndpointConfigName="burst",
        ProductionVariants=[
            {"VariantName": "V", "ModelName": "e", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
        ],
    )
    account.sagemaker.create_endpoint(EndpointName="burst", EndpointConfigName="burst")
    burst = TARGET | {"ResourceId": "endpoint/burst/variant/V"}
    assert refused(register, **burst, MinCapacity=1, MaxCapacity=2)[1].startswith(
        "You cannot register a variant with ml.t2.medium instance type as a scalable target."
    )
    account.settled("burst")
    account.sagemaker.delete_endpoint(EndpointName="burst")


def test_an_endpoint_goes_from_one_to_some_and_back(account: Account, scaling: Any, tmp_path: Path) -> None:
    aws(account, "application-autoscaling", "register-scalable-target", *WORDS,
        "--min-capacity", "1", "--max-capacity", "3")  # fmt: skip
    configuration = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleInCooldown": 60,
        "ScaleOutCooldown": 60,
    }
    made = aws(account, "application-autoscaling", "put-scaling-policy", *WORDS, "--policy-name", "keep",
               "--policy-type", "TargetTrackingScaling",
               "--target-tracking-scaling-policy-configuration", json.dumps(configuration))  # fmt: skip
    names = [alarm["AlarmName"] for alarm in made["Alarms"]]
    assert [name[:-36] for name in names] == [
        f"TargetTracking-{RESOURCE}-AlarmHigh-",
        f"TargetTracking-{RESOURCE}-AlarmLow-",
    ]
    alarms = account.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    shown = [(alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"], alarm["Statistic"]) for alarm in alarms]
    assert shown == [(60.0, 3, 60, "Sum"), (54.0, 15, 60, "Sum")]
    count = lambda: account.sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"][0]  # noqa: E731
    enough, answers = threading.Event(), []

    def load() -> None:
        while not enough.is_set():
            answers.append(account.invoke("e"))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        wait_for(lambda: count()["CurrentInstanceCount"] == 3, 120)
        # Updating under load loses nothing.
        wait_for(lambda: account.endpoint_status("e") == "InService")
    finally:
        enough.set()
        thread.join()
    assert set(answers) == {b"{}"}
    wait_for(lambda: count()["CurrentInstanceCount"] == 1, 120)
    wait_for(lambda: account.endpoint_status("e") == "InService")

    def told() -> list[dict[str, Any]]:
        answer = aws(account, "application-autoscaling", "describe-scaling-activities", *WORDS[:4],
                     "--include-not-scaled-activities")  # fmt: skip
        return list(answer["ScalingActivities"])

    activities = wait_for(lambda: found if (found := told())[0].get("NotScaledReasons") else None)
    done = [activity for activity in activities if not activity.get("NotScaledReasons")]
    assert {activity["StatusCode"] for activity in done} == {"Successful"}
    assert done[0]["Description"] == "Setting desired instance count to 1."
    assert done[0]["Cause"] == f"monitor alarm {names[1]} in state ALARM triggered policy keep"
    assert done[0]["StatusMessage"] == (
        "Successfully set desired instance count to 1. Change successfully fulfilled by sagemaker."
    )
    assert done[-1]["Cause"] == f"monitor alarm {names[0]} in state ALARM triggered policy keep"
    assert activities[0]["NotScaledReasons"][0]["Code"] == "AlreadyAtMinCapacity"
    assert all("NotScaledReasons" not in activity for activity in scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker")["ScalingActivities"])  # fmt: skip
    history = account.cloudwatch.describe_alarm_history(AlarmName=names[1], HistoryItemType="StateUpdate")
    assert any(item["HistorySummary"].endswith("to ALARM") for item in history["AlarmHistoryItems"])


def test_updates_under_load_lose_nothing_and_an_alarm_rolls_a_canary_back(account: Account, scaling: Any) -> None:
    account.model("other", {"code/inference.py": INFERENCE.replace('return "{}"', 'return "new"')})
    account.config("other", "other")
    dimension = [{"Name": "EndpointName", "Value": "e"}]
    account.cloudwatch.put_metric_alarm(
        AlarmName="bad", Namespace="N", MetricName="m", Dimensions=dimension, Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
        # Without data it keeps the state that the drill gives it.
        TreatMissingData="ignore",
    )  # fmt: skip
    scaling.register_scalable_target(
        **TARGET, SuspendedState={"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": True}
    )
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 3600,
               "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}}  # fmt: skip
    guarded = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "bad"}]},
    }
    enough, answers, failures = threading.Event(), [], []

    def load() -> None:
        while not enough.is_set():
            try:
                answers.append(account.invoke("e"))
            except ClientError as error:
                failures.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for count in (2, 1):
            account.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName="e", DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic",
                                                                "DesiredInstanceCount": count}],
            )  # fmt: skip
            assert account.settled("e") == "InService"
        account.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="other", DeploymentConfig=guarded)
        wait_for(lambda: b"new" in answers)
        account.cloudwatch.set_alarm_state(AlarmName="bad", StateValue="ALARM", StateReason="drill")
        assert account.settled("e") == "InService"
    finally:
        enough.set()
        thread.join()
    assert failures == []
    described = account.sagemaker.describe_endpoint(EndpointName="e")
    assert (
        described["EndpointConfigName"] == "e" and "alarms have been in ALARM state: bad" in described["FailureReason"]
    )
    assert account.invoke("e") == b"{}"
    account.cloudwatch.delete_alarms(AlarmNames=["bad"])


def test_who_may_not_deregister_may_not_delete(account: Account, scaling: Any) -> None:
    account.iam.create_user(UserName="ann")
    keys = account.iam.create_access_key(UserName="ann")["AccessKey"]
    allowed = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    account.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)
    hers = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": keys["SecretAccessKey"]}
    code, text = refused(account.sandbox.client("sagemaker", **hers).delete_endpoint, EndpointName="e")
    assert code == "ValidationException"
    assert text.startswith("An Application AutoScaling scalable target exists for a variant being deleted")
    code, _ = refused(account.sandbox.client("application-autoscaling", **hers).register_scalable_target,
                      **TARGET, MinCapacity=1, MaxCapacity=1)  # fmt: skip
    assert code == "AccessDeniedException"
    assert account.endpoint_status("e") == "InService"


def test_a_schedule_sets_the_limits_and_deleting_the_endpoint_deregisters(account: Account, scaling: Any) -> None:
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=3)
    year = datetime.now(UTC).year + 1
    later = {**TARGET, "ScheduledActionName": "later", "ScalableTargetAction": {"MaxCapacity": 3}}
    scaling.put_scheduled_action(**later, Schedule="rate(1 day)", StartTime=datetime(year, 1, 1, tzinfo=UTC))
    scaling.put_scheduled_action(**later, EndTime=datetime(year, 2, 1, tzinfo=UTC))
    [kept] = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert kept["Schedule"] == "rate(1 day)" and "StartTime" not in kept and kept["EndTime"].year == year
    scaling.put_scheduled_action(
        **TARGET,
        ScheduledActionName="morning",
        Schedule="rate(1 minute)",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 2},
    )
    activities = lambda: scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]  # noqa: E731
    wait_for(lambda: activities()[0]["Cause"] == "minimum capacity was set to 2")
    before = activities()[1]
    assert before["Description"] == "Setting minimum capacity to 2 and maximum capacity to 2"
    assert before["Cause"] == "scheduled action name morning was triggered"
    scaling.delete_scheduled_action(ServiceNamespace="sagemaker", ScheduledActionName="morning",
                                    ResourceId=RESOURCE, ScalableDimension=TARGET["ScalableDimension"])  # fmt: skip
    wait_for(lambda: account.endpoint_status("e") == "InService")
    listed = account.cloudwatch.list_metrics(Dimensions=[{"Name": "EndpointName", "Value": "e"}])["Metrics"]
    measured = {"InvocationsPerInstance", "ConcurrentRequestsPerModel", "ModelLatency", "OverheadLatency"}
    assert {metric["MetricName"] for metric in listed} >= measured | {"CPUUtilization", "MemoryUtilization"}
    account.sagemaker.delete_endpoint(EndpointName="e")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert account.cloudwatch.describe_alarms()["MetricAlarms"] == []
