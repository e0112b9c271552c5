"""README's list of the sandbox's limits is true: each line has probes, and each probe asks a sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.moto_host.allowed import REASONS
from sandbox.sagemaker.training import spot
from sandbox.wire.errors import AwsError
from tests.helpers.calls import read, request_of, target_header
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration
README = Path(__file__).resolve().parents[2] / "README.md"
ROLE = "arn:aws:iam::123456789012:role/nobody"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("limits") / "state") as running:
        yield running


def lines() -> list[str]:
    """The lines of the list."""
    text = README.read_text(encoding="utf-8").partition("Its limits:\n")[2].partition("\n## ")[0]
    return re.findall(r"^- (.+)$", text, re.MULTILINE)


def status_of(call: Any, **members: Any) -> int:
    with pytest.raises(ClientError) as refused:
        call(**members)
    return int(refused.value.response["ResponseMetadata"]["HTTPStatusCode"])


def not_done(sandbox: SandboxProcess) -> None:
    server = {"TrackingServerName": "m", "ArtifactStoreUri": "s3://b", "RoleArn": ROLE}
    assert status_of(sandbox.client("sagemaker").create_mlflow_tracking_server, **server) == 501
    assert all(reason and names for reasons in REASONS.values() for reason, names in reasons.items())


def urls_and_blocks(sandbox: SandboxProcess) -> None:
    client = sandbox.client("lambda")
    assert status_of(client.create_function_url_config, FunctionName="f", AuthType="NONE") == 501
    control = sandbox.client("s3control")
    # A name below an address is none that anybody can look up.
    control.meta.events.register(
        "before-sign", lambda request, **_: setattr(request, "url", request.url.replace("123456789012.127.", "127."))
    )
    assert status_of(control.get_public_access_block, AccountId="123456789012") == 501


def regions(sandbox: SandboxProcess) -> None:
    assert status_of(sandbox.client("logs", region_name="eu-west-1").describe_log_groups) >= 400
    place = {"LocationConstraint": "eu-west-1"}
    sandbox.client("s3").create_bucket(Bucket="limits-elsewhere", CreateBucketConfiguration=place)


def settings(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="limits-settings")
    rules = [{"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::b"}}]
    replication = {"Role": ROLE, "Rules": rules}
    assert status_of(s3.put_bucket_replication, Bucket="limits-settings", ReplicationConfiguration=replication) == 501
    assert status_of(s3.create_bucket, Bucket="limits-lock", ObjectLockEnabledForBucket=True) == 501
    functions = [{"LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f", "Events": ["s3:*"]}]
    told = {"LambdaFunctionConfigurations": functions}
    change = s3.put_bucket_notification_configuration
    assert status_of(change, Bucket="limits-settings", NotificationConfiguration=told) in (400, 501)


def insights(sandbox: SandboxProcess) -> None:
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="limits")
    with pytest.raises(logs.exceptions.MalformedQueryException):
        logs.start_query(logGroupName="limits", startTime=0, endTime=1, queryString="parse @message 'x*' as y")


def costs(sandbox: SandboxProcess) -> None:
    asked = {"TimePeriod": {"Start": "2026-01-01", "End": "2026-01-02"}, "Granularity": "DAILY"}
    found = sandbox.client("ce").get_cost_and_usage(
        **asked, Metrics=["UnblendedCost"], GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}]
    )
    named = {group["Keys"][0] for day in found["ResultsByTime"] for group in day["Groups"]}
    assert not {name for name in named if "Lambda" in name or "Simple Storage" in name or "CloudWatch" in name}


def access(sandbox: SandboxProcess) -> None:
    iam = sandbox.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    assert status_of(sandbox.client("s3", **keys).list_buckets) == 403


def quotas(sandbox: SandboxProcess) -> None:
    client = sandbox.client("service-quotas")
    quota = next(each for each in client.list_service_quotas(ServiceCode="sagemaker")["Quotas"] if each["Adjustable"])
    asked = {"ServiceCode": "sagemaker", "QuotaCode": quota["QuotaCode"], "DesiredValue": 21.0}
    assert client.request_service_quota_increase(**asked)["RequestedQuota"]["Status"] in ("PENDING", "CASE_OPENED")


def instances(sandbox: SandboxProcess) -> None:
    ec2, ssm = sandbox.client("ec2"), sandbox.client("ssm")
    template = {"ImageId": "ami-1"}
    assert status_of(ec2.create_launch_template, LaunchTemplateName="abc", LaunchTemplateData=template) == 501
    assert status_of(ec2.request_spot_instances, LaunchSpecification=template) == 501
    assert status_of(ssm.start_session, Target="i-1") == 501
    assert status_of(ssm.send_command, DocumentName="AWS-RunPatchBaseline", InstanceIds=["i-12345678"]) in (400, 501)


def members(sandbox: SandboxProcess) -> None:
    headers = target_header("logs", "DescribeLogGroups")
    with pytest.raises(AwsError, match="Unknown parameter"):
        read(request_of("logs", "POST", "/", b'{"noSuchMember": 1}', headers))


def spot_jobs(sandbox: SandboxProcess) -> None:
    assert round(1 - spot.SPOT_SAVING, 2) == 0.32


def files(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="limits-files")
    answer = s3.put_object(Bucket="limits-files", Key="k", Body=b"plain to see")
    assert answer["ServerSideEncryption"] == "AES256"
    kept = [path.read_bytes() for path in (sandbox.state / "blobs").rglob("*") if path.is_file()]
    assert b"plain to see" in kept


# What a line is told by, and the probe of what it says.
PROBES: dict[str, Callable[[SandboxProcess], None]] = {
    "AWS's `NotImplemented`": not_done,
    "Function URLs and the account's own block": urls_and_blocks,
    "The sandbox is us-east-1": regions,
    "notifications to functions, replication and Object Lock are refused": settings,
    "Logs Insights knows": insights,
    "Cost Explorer counts": costs,
    "IAM is enforced for roles and users": access,
    "A raise that you request": quotas,
    "Spot instances, launch templates, hibernation and Session Manager are refused": instances,
    "A member that an operation does not have is refused": members,
    "Spot jobs are billed 32%": spot_jobs,
    "S3 reports AES256": files,
}
# Proved elsewhere: where.
ELSEWHERE = {
    "Processing jobs need an entry point": "tests/unit/sandbox/sagemaker/batch/test_processing.py",
    "Debugger measures CPU and memory": "tests/unit/sandbox/sagemaker/profiling/test_profiling.py",
    "code that the sandbox runs sees its own folder": "tests/integration/test_walls.py",
    "Where the system has no user namespaces": "tests/unit/sandbox/core/test_walls.py",
    "Jobs that are forked share the hash seed": "tests/unit/sandbox/core/test_warm.py",
    "Notebook instances need JupyterLab": "tests/integration/test_notebooks.py",
    "Jobs do not start on Windows": "tests/unit/sandbox/core/test_processes.py",
    "keys of KMS": "tests/unit/sandbox/s3/test_service.py",
}


def test_every_line_of_the_limits_has_a_probe() -> None:
    assert lines()
    told = [*PROBES, *ELSEWHERE]
    assert [line for line in lines() if not any(words in line for words in told)] == []
    assert [words for words in PROBES if not any(words in line for line in lines())] == []
    assert all((README.parent / path).exists() for path in ELSEWHERE.values())


@pytest.mark.parametrize("words", PROBES)
def test_the_line_is_true(sandbox: SandboxProcess, words: str) -> None:
    PROBES[words](sandbox)
