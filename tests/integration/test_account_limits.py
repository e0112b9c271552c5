"""Over HTTP, with boto3's own shapes: quotas that are enforced and raised, tags that are found, spot jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account, archive
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for
from workers.training.interruption import INTERRUPT_TAG, INTERRUPT_VALUE

pytestmark = pytest.mark.integration

SLEEPS = "import time\ntime.sleep(600)\n"
MODEL = {"code/inference.py": "def model_fn(folder):\n    return 1\n", "model.pth": "w"}
# A small quota needs few processes to be full.
TYPE = "ml.g5.xlarge"
QUOTA = f"{TYPE} for training job usage"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("limits") / "state") as sandbox:
        yield Account(sandbox)


def machines(instance_type: str = TYPE) -> dict[str, Any]:
    return {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 1}


def tuning(account: Account, name: str, parallel: int, **definition: Any) -> dict[str, Any]:
    key = f"source/{name}.tar.gz"
    account.s3.put_object(Bucket=BUCKET, Key=key, Body=archive({"hpo.py": definition.pop("script", SLEEPS)}))
    values = {"Name": "loss", "Values": ["1", "2", "3"][: definition.pop("trials", 3)]}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"CategoricalParameterRanges": [values]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
            },
            "StaticHyperParameters": {
                "sagemaker_program": "hpo.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/{key}",
            },
            "RoleArn": account.role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": machines(),
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **definition,
        },
    }


def test_training_over_the_quota_is_refused_until_it_is_raised(account: Account) -> None:
    account.start("one", SLEEPS, ResourceConfig=machines())
    with pytest.raises(ClientError) as refused:
        account.start("two", SLEEPS, ResourceConfig=machines())
    error = refused.value.response["Error"]
    assert error["Code"] == "ResourceLimitExceeded"
    assert error["Message"].startswith(
        f"The account-level service limit '{QUOTA}' is 1 Instances, with current utilization of 1 Instances and a "
        "request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota."
    )
    with pytest.raises(ClientError, match="Requested resource not found"):
        account.describe("two")
    with pytest.raises(ClientError, match="current utilization of 0 Instances and a request delta of 3 Instances"):
        account.sagemaker.create_hyper_parameter_tuning_job(**tuning(account, "wide", 3))

    quotas = account.sandbox.client("service-quotas")
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    (quota,) = (quota for page in pages for quota in page["Quotas"] if quota["QuotaName"] == QUOTA)
    assert quota["Value"] == 1 and quota["Adjustable"]
    code = {"ServiceCode": "sagemaker", "QuotaCode": quota["QuotaCode"]}
    asked = quotas.request_service_quota_increase(**code, DesiredValue=2)["RequestedQuota"]
    assert asked["Status"] == "PENDING" and asked["Created"].tzinfo
    wait_for(lambda: quotas.get_service_quota(**code)["Quota"]["Value"] == 2)
    (done,) = quotas.list_requested_service_quota_change_history(ServiceCode="sagemaker")["RequestedQuotas"]
    assert (done["Id"], done["Status"]) == (asked["Id"], "APPROVED")
    account.start("two", SLEEPS, ResourceConfig=machines())

    # Other types, and spot, have quotas of their own.
    account.start("other", "print(1)", ResourceConfig=machines("ml.c5.xlarge"))
    for name in ("one", "two"):
        account.sagemaker.stop_training_job(TrainingJobName=name)
    for name in ("one", "two", "other"):
        account.finished(name)
    account.sandbox.restart()
    account.connect()
    assert account.sandbox.client("service-quotas").get_service_quota(**code)["Quota"]["Value"] == 2


def test_trials_over_the_quota_wait(account: Account) -> None:
    account.start("first", SLEEPS, ResourceConfig=machines("ml.g4dn.xlarge"))
    script = "import sys\nprint('loss=' + sys.argv[2])\n"
    request = tuning(account, "narrow", 1, script=script, ResourceConfig=machines("ml.g4dn.xlarge"), trials=2)
    account.sagemaker.create_hyper_parameter_tuning_job(**request)

    def status() -> dict[str, Any]:
        answer: dict[str, Any] = account.sagemaker.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName="narrow"
        )
        return answer

    assert status()["HyperParameterTuningJobStatus"] == "InProgress"
    assert status()["TrainingJobStatusCounters"]["InProgress"] == 0
    account.sagemaker.stop_training_job(TrainingJobName="first")
    job = wait_for(lambda: job if (job := status())["HyperParameterTuningJobStatus"] != "InProgress" else None)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TrainingJobStatusCounters"]["Completed"] == 2


def test_endpoints_over_the_quota_are_refused(account: Account) -> None:
    account.model("quota", MODEL)
    variant = {"VariantName": "AllTraffic", "ModelName": "quota", "InstanceType": "ml.g4dn.xlarge"}
    for count in (1, 2):
        variants = [{**variant, "InitialInstanceCount": count}]
        account.sagemaker.create_endpoint_config(EndpointConfigName=f"quota-{count}", ProductionVariants=variants)
    words = "'ml.g4dn.xlarge for endpoint usage' is 1 Instances, with current utilization of {} Instances and a request"
    with pytest.raises(ClientError, match=words.format(0)):
        account.sagemaker.create_endpoint(EndpointName="quota", EndpointConfigName="quota-2")
    assert account.endpoint_status("quota") == "gone"
    account.sagemaker.create_endpoint(EndpointName="quota", EndpointConfigName="quota-1")
    assert account.settled("quota") == "InService"
    # An update starts the new instances beside the old ones.
    with pytest.raises(ClientError, match=words.format(1)):
        account.sagemaker.update_endpoint(EndpointName="quota", EndpointConfigName="quota-1")
    with pytest.raises(ClientError, match=words.format(1)):
        account.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="quota",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
        )
    assert account.endpoint_status("quota") == "InService"
    account.sagemaker.delete_endpoint(EndpointName="quota")
    assert account.settled("quota") == "gone"
    account.sagemaker.create_endpoint(EndpointName="quota", EndpointConfigName="quota-1")
    account.sagemaker.delete_endpoint(EndpointName="quota")


def test_tags_given_at_creation_are_kept_and_found(account: Account) -> None:
    tags = [{"Key": "team", "Value": "dogs"}, {"Key": "round", "Value": "1"}]
    account.start("tagged-1", "print(1)", Tags=tags)
    account.start("tagged-2", "print(1)", Tags=tags[:1])
    script = "import sys\nprint('loss=' + sys.argv[2])\n"
    request = {**tuning(account, "tagged-t", 1, script=script, trials=1), "Tags": tags[:1]}
    tuned = account.sagemaker.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"]
    arn = account.describe("tagged-1")["TrainingJobArn"]
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == sorted(tags, key=lambda tag: tag["Key"])
    assert account.sagemaker.list_tags(ResourceArn=tuned)["Tags"] == tags[:1]
    account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "round", "Value": "2"}])
    account.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "round", "Value": "2"}]
    with pytest.raises(ClientError, match="reserved for AWS"):
        account.start("tagged-3", "print(1)", Tags=[{"Key": "aws:x", "Value": "1"}])
    with pytest.raises(ClientError, match="Requested resource not found"):
        account.describe("tagged-3")

    wait_for(lambda: len(found(account, "team", "dogs")) == 2)
    names = found(account, "team", "dogs")
    # The trial of the tuning job carries the tuning job's tags.
    assert names[0].startswith("tagged-t-001-") and names[1:] == ["tagged-2"]
    tagging = account.sandbox.client("resourcegroupstaggingapi")
    pages = tagging.get_paginator("get_resources").paginate(
        ResourceTypeFilters=["sagemaker:training-job"],
        TagFilters=[{"Key": "team", "Values": ["dogs"]}],
        ResourcesPerPage=1,
    )
    rows = [tagged for page in pages for tagged in page["ResourceTagMappingList"]]
    assert sorted(row["ResourceARN"].rpartition("/")[2] for row in rows) == sorted(names)
    assert all(row["Tags"] == tags[:1] for row in rows)


def found(account: Account, key: str, value: str) -> list[str]:
    pages = account.sagemaker.get_paginator("search").paginate(
        Resource="TrainingJob",
        SearchExpression={"Filters": [{"Name": f"Tags.{key}", "Operator": "Equals", "Value": value}]},
        SortBy="CreationTime",
        PaginationConfig={"PageSize": 1},
    )
    return [result["TrainingJob"]["TrainingJobName"] for page in pages for result in page["Results"]]


def test_a_role_needs_the_new_permissions(account: Account) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    role = account.iam.create_role(
        RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    keys = account.sandbox.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]

    def client(service: str) -> Any:
        return account.sandbox.client(
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def calls() -> Iterator[tuple[str, Any]]:
        yield (
            "servicequotas:ListServiceQuotas",
            lambda: client("service-quotas").list_service_quotas(ServiceCode="sagemaker"),
        )
        yield "tag:GetResources", lambda: client("resourcegroupstaggingapi").get_resources()
        yield "sagemaker:Search", lambda: client("sagemaker").search(Resource="TrainingJob")

    for action, call in calls():
        with pytest.raises(ClientError, match=f"not authorized to perform: {action}") as refused:
            call()
        assert refused.value.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied")
    statement = {"Effect": "Allow", "Action": [action for action, _call in calls()], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=policy)
    for _action, call in calls():
        call()


def test_a_trial_on_spot_instances(account: Account) -> None:
    script = (
        "import sys, time\nopen('/opt/ml/checkpoints/state', 'w').write('s')\ntime.sleep(1.6)\n"
        "print('loss=' + sys.argv[2])\n"
    )
    request = tuning(
        account,
        "spot",
        1,
        script=script,
        trials=1,
        ResourceConfig=machines("ml.m5.xlarge"),
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/kept"},
    )
    with pytest.raises(ClientError, match="It must be present and be greater than or equal to MaxRuntimeInSeconds"):
        account.sagemaker.create_hyper_parameter_tuning_job(**request)
    request["TrainingJobDefinition"]["StoppingCondition"]["MaxWaitTimeInSeconds"] = 1200
    account.sagemaker.create_hyper_parameter_tuning_job(**request)

    def trials() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = account.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName="spot"
        )["TrainingJobSummaries"]
        return listed

    (trial,) = wait_for(trials)
    job = account.finished(trial["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["EnableManagedSpotTraining"] and job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]
    assert job["CheckpointConfig"]["S3Uri"] == f"s3://{BUCKET}/kept/{trial['TrainingJobName']}"
    kept = account.s3.get_object(Bucket=BUCKET, Key=f"kept/{trial['TrainingJobName']}/state")
    assert kept["Body"].read() == b"s"


def test_a_spot_job_is_interrupted_by_a_tag_and_its_story_is_told(account: Account) -> None:
    script = (
        "import os, signal, sys, time\nplace = '/opt/ml/checkpoints/state'\nagain = os.path.exists(place)\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open(place, 'w').write('1'), sys.exit(0)))\n"
        "print('again' if again else 'first', flush=True)\ntime.sleep(0 if again else 600)\n"
    )
    account.start(
        "taken-away",
        script,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/taken-away/kept"},
    )
    wait_for(lambda: "first" in account.log("taken-away"))
    arn = account.describe("taken-away")["TrainingJobArn"]
    order = {"ResourceArn": arn, "Tags": [{"Key": INTERRUPT_TAG, "Value": INTERRUPT_VALUE}]}
    account.sagemaker.add_tags(**order)
    job = account.finished("taken-away")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    told = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    start = ["Starting", "Downloading", "Training"]
    assert told == [*start, "Interrupted", *start, "Uploading", "Completed"]
    with pytest.raises(ClientError, match="in secondary status Completed"):
        account.sagemaker.add_tags(**order)


def test_the_search_by_tag_finds_what_every_service_tagged_and_nothing_untagged(account: Account) -> None:
    client = account.sandbox.client
    tag = [{"Key": "team", "Value": "kennel"}]
    ec2 = client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    spec = [{"ResourceType": "instance", "Tags": tag}]
    (launched,) = ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=spec
    )["Instances"]
    client("s3").create_bucket(Bucket="kennel-pictures")
    client("s3").put_bucket_tagging(Bucket="kennel-pictures", Tagging={"TagSet": tag})
    client("s3").create_bucket(Bucket="kennel-untagged")
    client("cloudwatch").put_metric_alarm(
        AlarmName="kennel", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", Tags=tag,
    )  # fmt: skip
    client("ssm").put_parameter(Name="/kennel/size", Value="1", Type="String", Tags=tag)
    found = client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "team", "Values": ["kennel"]}])
    arns = {item["ResourceARN"].rpartition(":")[2] for item in found["ResourceTagMappingList"]}
    assert arns == {f"instance/{launched['InstanceId']}", "kennel-pictures", "kennel", "parameter/kennel/size"}
    everything = client("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
    assert all(item["Tags"] for item in everything)
    resources = [item["ResourceARN"] for item in found["ResourceTagMappingList"]]
    for change in (
        lambda tagging: tagging.tag_resources(ResourceARNList=resources, Tags={"floor": "2"}),
        lambda tagging: tagging.untag_resources(ResourceARNList=resources, TagKeys=["team"]),
    ):
        assert change(client("resourcegroupstaggingapi"))["FailedResourcesMap"] == {}
    found = client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "floor"}])
    assert [item["ResourceARN"] for item in found["ResourceTagMappingList"]] == resources
    assert all(item["Tags"] == [{"Key": "floor", "Value": "2"}] for item in found["ResourceTagMappingList"])
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
