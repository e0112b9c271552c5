"""One of each kind in a real sandbox: our inventory is AWS's own listing, and after a tear-down nothing that bills is
left, by the AWS CLI's own listings.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.tour.listings import LISTINGS, told, what_is_left
from tests.helpers.backends import backend_of
from tests.helpers.fault_proxy import FaultProxy
from tests.helpers.functions import INFERENCE, TRUST, zipped
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.waiting import wait_for
from workers.inventory.types import Inventory, Proof, TearDownChoice, TearDownProgress
from workers.services import Services

pytestmark = pytest.mark.integration

SLEEPS = "import time, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\ntime.sleep(600)\n"
DLAMI = "resolve:ssm:/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04/latest/ami-id"
FILLED = (
    "list-endpoints", "list-processing-jobs", "list-hyper-parameter-tuning-jobs", "list-notebook-instances",
    "describe-instances", "describe-volumes", "describe-addresses", "list-functions", "describe-alarms",
    "describe-log-groups", "list-buckets",
)  # fmt: skip
OURS = {"Key": "sagedeck:created-by", "Value": "sagedeck"}


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    fill(account)
    return account


@pytest.fixture(scope="module")
def services(account: Account, services: Services, run: Any) -> Services:
    async def park() -> None:
        await services.parking.park(await services.parking.plan("resting"))

    run(park())
    wait_for(lambda: account.endpoint_status("resting") == "gone")
    return services


def fill(account: Account) -> None:
    """One of each kind, in use as they are in earnest."""
    client = account.sandbox.client
    # First: it would wait behind those that run until they are stopped.
    account.model("batch", {"code/inference.py": INFERENCE})
    transform(account, "dogs-batch", "batch")
    account.start("dogs-job", SLEEPS)
    tune(account, "dogs-tuning")
    process(account, "dogs-report")
    account.endpoint("dogs", {"code/inference.py": INFERENCE}, count=2)
    account.endpoint("resting", {"code/inference.py": INFERENCE})
    ec2 = client("ec2")
    ec2.run_instances(ImageId=DLAMI, InstanceType="t3.micro", MinCount=1, MaxCount=1,
                      TagSpecifications=[{"ResourceType": "instance", "Tags": [OURS]}])  # fmt: skip
    ec2.create_volume(Size=60, VolumeType="gp3", AvailabilityZone="us-east-1a")
    ec2.allocate_address(Domain="vpc")
    ec2.create_security_group(GroupName="sagedeck-no-inbound", Description="x")
    client("logs").create_log_group(logGroupName="/mine")
    iam = client("iam")
    role = iam.create_role(
        RoleName="SageDeckTraining-dogs", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[OURS]
    )["Role"]["Arn"]  # fmt: skip
    iam.put_role_policy(RoleName="SageDeckTraining-dogs", PolicyName="sagedeck", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    ))  # fmt: skip
    client("lambda").create_function(
        FunctionName="predict", Runtime="python3.12", Role=role, Handler="code.handler",
        Code={"ZipFile": zipped("def handler(event, context): return 1\n")}, MemorySize=512,
    )  # fmt: skip
    client("cloudwatch").put_metric_alarm(
        AlarmName="mine", Namespace="AWS/SageMaker", MetricName="Invocations", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    account.sagemaker.create_notebook_instance(
        NotebookInstanceName="dog-notebook", InstanceType="ml.t3.medium", RoleArn=account.role
    )
    account.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    account.s3.put_object(Bucket=BUCKET, Key="data/train/one.txt", Body=b"another one")
    account.s3.delete_object(Bucket=BUCKET, Key="data/train/one.txt")
    assert account.settled("dogs") == account.settled("resting") == "InService"
    client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker", ResourceId="endpoint/dogs/variant/AllTraffic", MinCapacity=1, MaxCapacity=3,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )  # fmt: skip
    wait_for(lambda: account.describe("dogs-job")["SecondaryStatus"] == "Training", 120)
    report = {"ProcessingJobName": "dogs-report"}
    wait_for(lambda: "ProcessingStartTime" in account.sagemaker.describe_processing_job(**report), 120)
    running = {"NameContains": "dogs-tuning", "StatusEquals": "InProgress"}
    wait_for(lambda: account.sagemaker.list_training_jobs(**running)["TrainingJobSummaries"], 120)
    notebook = {"NotebookInstanceName": "dog-notebook"}
    status = "NotebookInstanceStatus"
    # Where JupyterLab is not installed it fails, and is there all the same.
    wait_for(lambda: account.sagemaker.describe_notebook_instance(**notebook)[status] != "Pending", 120)


def process(account: Account, name: str) -> None:
    """A processing job that runs until it is stopped."""
    account.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=account.role,
        AppSpecification={"ImageUri": "image", "ContainerEntrypoint": ["sleep", "600"]},
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
    )


def transform(account: Account, name: str, model: str) -> None:
    """A batch transform job over one object, to its end."""
    account.s3.put_object(Bucket=BUCKET, Key=f"{name}/one.txt", Body=b"one")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/"}}
    account.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={"DataSource": source, "ContentType": "image/jpeg"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    wait_for(lambda: "TransformEndTime" in account.sagemaker.describe_transform_job(TransformJobName=name), 120)


def tune(account: Account, name: str) -> None:
    """One trial that runs until it is stopped."""
    trial = account.request(name, SLEEPS)
    del trial["TrainingJobName"]
    trial["StaticHyperParameters"] = trial.pop("HyperParameters")
    trial["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    account.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "breed", "Values": ["beagle"]}]},
        },
        TrainingJobDefinition=trial,
    )


def test_the_inventory_is_what_aws_lists(account: Account, services: Services, run: Any) -> None:
    inventory: Inventory = run(services.inventory.read())
    assert [(read.kind, read.words) for read in inventory.kinds if not read.whole] == []
    client = account.sandbox.client

    def names(*kinds: Any) -> set[str]:
        return {row.id if kinds[0] in ("instance", "volume") else row.name for row in inventory.of(*kinds)}

    sagemaker, ec2 = client("sagemaker"), client("ec2")
    listed = {
        "endpoint": {item["EndpointName"] for item in sagemaker.list_endpoints()["Endpoints"]},
        "endpoint-config": {
            item["EndpointConfigName"] for item in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        },
        "model": {item["ModelName"] for item in sagemaker.list_models()["Models"]},
        "training-job": {item["TrainingJobName"] for item in sagemaker.list_training_jobs()["TrainingJobSummaries"]},
        "tuning-job": {
            item["HyperParameterTuningJobName"]
            for item in sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
        },
        "processing-job": {
            item["ProcessingJobName"] for item in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
        },
        "transform-job": {
            item["TransformJobName"] for item in sagemaker.list_transform_jobs()["TransformJobSummaries"]
        },
        "notebook": {item["NotebookInstanceName"] for item in sagemaker.list_notebook_instances()["NotebookInstances"]},
        "volume": {item["VolumeId"] for item in ec2.describe_volumes()["Volumes"]},
        "security-group": {item["GroupName"] for item in ec2.describe_security_groups()["SecurityGroups"]},
        "function": {item["FunctionName"] for item in client("lambda").list_functions()["Functions"]},
        "bucket": {item["Name"] for item in client("s3").list_buckets()["Buckets"]},
        "log-group": {item["logGroupName"] for item in client("logs").describe_log_groups()["logGroups"]},
        "alarm": {item["AlarmName"] for item in client("cloudwatch").describe_alarms()["MetricAlarms"]},
    }
    assert all(listed.values())
    assert {kind: names(kind) for kind in listed} == listed
    jobs = ("endpoint", "training-job", "tuning-job", "processing-job", "transform-job", "parked-endpoint")
    by_name = {row.name: row for row in inventory.resources if row.kind in jobs}
    assert (by_name["dogs"].size, round(by_name["dogs"].dollars_per_hour or 0, 3)) == ("2 × ml.m5.large", 0.23)
    assert (by_name["dogs-job"].size, by_name["dogs-job"].in_use) == ("1 × ml.m5.xlarge", True)
    report, batch = by_name["dogs-report"], by_name["dogs-batch"]
    assert (report.size, report.in_use, round(report.dollars_per_hour or 0, 3)) == ("1 × ml.m5.large", True, 0.115)
    assert (batch.in_use, batch.dollars_per_hour) == (False, 0.0) and batch.ended is not None
    # A trial is paid for once: the tuning job shows it.
    tuning = by_name["dogs-tuning"]
    assert (tuning.size, tuning.in_use, round(tuning.dollars_per_hour or 0, 2)) == ("1 × ml.m5.xlarge", True, 0.23)
    [trial] = [row for row in inventory.of("training-job") if row.facts.get("billed_with") == "dogs-tuning"]
    assert trial.dollars_per_hour == 0.0
    assert (by_name["resting"].kind, by_name["resting"].dollars_per_hour) == ("parked-endpoint", 0.0)
    (address,) = inventory.of("address")
    assert address.facts["attached_to"] == ""
    assert [row.name for row in inventory.of("role")] == ["SageDeckTraining-dogs"]
    figures = run(services.inventory.costs())
    assert figures.now and figures.month and figures.billing >= 5
    report = run(services.inventory.idle())
    assert {finding.resource.kind for finding in report.findings} >= {"address", "log-group"}
    assert report.unknown == ()


def test_only_what_sagedeck_made_goes_unless_all_is_chosen(services: Services, run: Any) -> None:
    plan = run(services.inventory.tear_down_plan(TearDownChoice()))
    assert {step.resource.kind for step in plan.steps} == {"instance", "parked-endpoint"}
    why = {stay.resource.kind: stay.why for stay in plan.stays}
    assert why["role"] == "the function predict works with it and stays"
    assert why["endpoint"] == "not made by SageDeck"


def test_taken_down_nothing_that_bills_is_left(account: Account, services: Services, run: Any) -> None:
    async def body() -> list[TearDownProgress]:
        plan = await services.inventory.tear_down_plan(TearDownChoice(everything=True, buckets=True))
        assert plan.objects and plan.unread == ()
        # Stopped half-way and begun again, as after a crash of the program.
        steps = services.inventory.tear_down(plan)
        async for progress in steps:
            if progress.done:
                break
        await steps.aclose()  # type: ignore[attr-defined]
        again = await services.inventory.tear_down_plan(TearDownChoice(everything=True, buckets=True))
        assert len(again.steps) < len(plan.steps)
        return [progress async for progress in services.inventory.tear_down(again)]

    last = run(body())[-1]
    assert [(step.resource.name, step.note) for step in last.failed] == []
    proof = run(services.inventory.proof())
    assert proof.nothing_bills, (proof.words, proof.billing)
    # Another program, which saw nothing of it: the event history knows what was there and what it cost.
    fresh = Services(backend_of(account.sandbox))
    curve = run(fresh.inventory.history(timedelta(hours=1)))
    fresh.close()
    assert [event.dollars for event in curve.events if event.words == "dogs deleted"] == [pytest.approx(-0.23)]
    assert curve.missing == ()
    # Of what was there; each takes a second of a processor, and the tour asks for all.
    asked = [listing for listing in LISTINGS if listing[0].split()[1] in FILLED]
    left = run(what_is_left(backend_of(account.sandbox), asked))
    assert len(left) == len(FILLED) and [listing for listing in left if listing.found or listing.error] == []
    assert told(left)["nothing_bills"] is True


@pytest.mark.parametrize("fault", ["lose", "fail", "refuse"])
def test_whatever_becomes_of_answers_it_is_taken_down_in_the_end(account: Account, run: Any, fault: str) -> None:
    client = account.sandbox.client
    client("ec2").create_volume(Size=1, VolumeType="gp3", AvailabilityZone="us-east-1a")
    client("ec2").allocate_address(Domain="vpc")
    client("logs").create_log_group(logGroupName="/again")
    client("iam").create_role(RoleName="SageDeckTraining-2", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[OURS])
    client("s3").create_bucket(Bucket="sagedeck-again")

    async def body(services: Services, proxy: FaultProxy) -> Proof:
        everything = TearDownChoice(everything=True, buckets=True)
        plan = await services.inventory.tear_down_plan(everything)
        assert {step.resource.kind for step in plan.steps} == {"volume", "address", "log-group", "role", "bucket"}
        # The reading before the run takes some twenty requests; then some answers go wrong.
        for _ in range(3):
            proxy.arm(fault, 26, times=4)
            async for _progress in services.inventory.tear_down(plan):
                pass
            plan = await services.inventory.tear_down_plan(everything)
            if not plan.steps:
                break
        return await services.inventory.proof()

    with FaultProxy(account.sandbox.url) as proxy:
        services = Services(replace(backend_of(account.sandbox), endpoint_url=proxy.url))
        proof = run(body(services, proxy))
        services.close()
    assert (proof.billing, {row.kind for row in proof.left}) == (
        (),
        {"security-group", "training-job", "tuning-job", "processing-job", "transform-job"},
    )
