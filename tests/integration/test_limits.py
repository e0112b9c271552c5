"""README's list of the sandbox's limits is true: each sentence has a probe here, or a test elsewhere that proves it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from sandbox.moto_host.allowed import REASONS
from sandbox.sagemaker.training import spot
from sandbox.wire.errors import AwsError
from tests.helpers.calls import read, request_of, target_header
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ROLE = "arn:aws:iam::123456789012:role/nobody"
TEAM = {"StringEquals": {"aws:ResourceTag/team": "a"}}
# Without what Python has on Unix alone, a file that begins so cannot be read.
UNIX_ALONE = re.compile(r"^(?:import|from) (?:fcntl|grp|pty|pwd|resource|termios|tty)\b", re.MULTILINE)
# Where sentences are proved that this file asks nothing about.
BATCH = "tests/unit/sandbox/sagemaker/batch"
FUNCTIONS = "tests/integration/test_functions.py"
INSTANCES = "tests/integration/test_instances.py"
DISK = "test_what_runs_on_an_instance_sees_its_disk_and_nothing_of_the_operator"
NETWORK = "test_the_code_sees_its_role_and_nothing_of_the_operator"
LIMITS = "tests/integration/test_account_limits.py"
NOTEBOOKS = "tests/integration/test_notebooks.py"
OPT_ML = "tests/unit/sandbox/containers/test_opt_ml.py"
PROFILING = "tests/unit/sandbox/sagemaker/profiling/test_profiling.py"
QUOTAS = "tests/unit/sandbox/billing/test_quotas.py"
SPOT = "tests/unit/sandbox/sagemaker/training/test_interruption.py"
WALLS = "tests/unit/sandbox/core/test_walls.py"
WARM = "tests/unit/sandbox/core/test_warm.py"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("limits") / "state") as running:
        yield running


def sentences() -> list[str]:
    """The sentences of the list, and the halves of those that have a semicolon."""
    text = README.read_text(encoding="utf-8").partition("Its limits:\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^- (.+)$", text, re.MULTILINE)
    return [part for line in lines for part in re.split(r"(?<=\.) (?=[A-Z`])|; ", line)]


@cache
def defined_in(path: str) -> set[str]:
    """The names of the functions in a file."""
    return set(re.findall(r"^def (\w+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))


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


def website(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="limits-website")
    s3.put_object(Bucket="limits-website", Key="index.html", Body=b"welcome")
    pages = {"IndexDocument": {"Suffix": "index.html"}}
    s3.put_bucket_website(Bucket="limits-website", WebsiteConfiguration=pages)
    assert s3.get_bucket_website(Bucket="limits-website")["IndexDocument"] == pages["IndexDocument"]
    url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": "limits-website"})
    with urlopen(url) as listing:
        assert b"welcome" not in listing.read()


def unsigned(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="limits-open")
    s3.put_object(Bucket="limits-open", Key="k", Body=b"")
    s3.delete_public_access_block(Bucket="limits-open")
    everybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::limits-open/*",
    }
    policy = {"Version": "2012-10-17", "Statement": everybody}
    s3.put_bucket_policy(Bucket="limits-open", Policy=json.dumps(policy))
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{sandbox.ready['endpoint_url']}/limits-open/k")
    assert refused.value.code == 403


def forms(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="limits-forms")
    form = s3.generate_presigned_post("limits-forms", "k")
    with pytest.raises(HTTPError) as refused:
        urlopen(form["url"], urlencode({**form["fields"], "file": "x"}).encode())
    assert refused.value.code == 403
    assert "Contents" not in s3.list_objects_v2(Bucket="limits-forms")


def encryption(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="limits-keys")
    asked = {"Bucket": "limits-keys", "Key": "k", "Body": b""}
    assert status_of(s3.put_object, **asked, ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/mine") == 501
    assert status_of(s3.put_object, **asked, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32) in (400, 501)


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


def user_keys(sandbox: SandboxProcess, name: str) -> dict[str, str]:
    """A new user and the keys that a client is made with."""
    iam = sandbox.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def access(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    assert status_of(sandbox.client("s3", **user_keys(sandbox, "nobody")).list_buckets) == 403
    s3.create_bucket(Bucket="limits-shut")
    nobody = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::limits-shut/*"}
    s3.put_bucket_policy(Bucket="limits-shut", Policy=json.dumps({"Version": "2012-10-17", "Statement": nobody}))
    s3.put_object(Bucket="limits-shut", Key="k", Body=b"")
    assert status_of(s3.get_object, Bucket="limits-shut", Key="k") == 403


def tags(sandbox: SandboxProcess) -> None:
    sandbox.client("logs").create_log_group(logGroupName="limits-tagged", tags={"team": "a"})
    keys = user_keys(sandbox, "tagged")
    allowed = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    for statement, works in ((allowed, True), ({**allowed, "Condition": TEAM}, False)):
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        sandbox.client("iam").put_user_policy(UserName="tagged", PolicyName="logs", PolicyDocument=policy)
        call = sandbox.client("logs", **keys).describe_log_streams
        if works:
            call(logGroupName="limits-tagged")
        else:
            assert status_of(call, logGroupName="limits-tagged") == 400


def commands(sandbox: SandboxProcess) -> None:
    send = sandbox.client("ssm").send_command
    assert status_of(send, DocumentName="AWS-RunPatchBaseline", InstanceIds=["i-12345678"]) in (400, 501)


def instances(sandbox: SandboxProcess) -> None:
    ec2, ssm = sandbox.client("ec2"), sandbox.client("ssm")
    template = {"ImageId": "ami-1"}
    assert status_of(ec2.create_launch_template, LaunchTemplateName="abc", LaunchTemplateData=template) == 501
    assert status_of(ec2.request_spot_instances, LaunchSpecification=template) == 501
    assert status_of(ssm.start_session, Target="i-1") == 501
    launch = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1}
    for more in ({"HibernationOptions": {"Configured": True}}, {"InstanceMarketOptions": {"MarketType": "spot"}}):
        with pytest.raises(ClientError, match="UnsupportedOperation"):
            ec2.run_instances(**launch, **more)


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


def window(sandbox: SandboxProcess) -> None:
    files = [path for room in ("console", "workers") for path in sorted((ROOT / room).rglob("*.py"))]
    assert files and not [path for path in files if UNIX_ALONE.search(path.read_text(encoding="utf-8"))]


# Words of each sentence: the probe of what it says, or the test that proves it.
STATEMENTS: dict[str, Callable[[SandboxProcess], None] | str] = {
    "AWS's `NotImplemented`": not_done,
    "lists what moto answers, and why": not_done,
    "Function URLs and the account's own block": urls_and_blocks,
    "Processing jobs need an entry point": f"{BATCH}/test_processing.py::test_what_cannot_run_is_refused",
    "Athena, Redshift and feature store inputs": f"{BATCH}/test_processing.py::test_what_cannot_run_is_refused",
    "Transform jobs split by line": f"{BATCH}/test_transform.py::test_what_is_not_done_is_refused",
    "RecordIO, filters, joins and data capture": f"{BATCH}/test_transform.py::test_what_is_not_done_is_refused",
    "Debugger measures CPU and memory": f"{PROFILING}::test_a_job_is_measured_in_files_of_a_minute",
    "Rules that need tensors": f"{PROFILING}::test_a_rule_that_is_not_evaluated_is_an_error_with_its_reason",
    "The sandbox is us-east-1": regions,
    "S3 buckets may be in any region": regions,
    "website and access log settings without acting": website,
    "notifications to functions, replication and Object Lock": settings,
    "Only signed requests are answered": unsigned,
    "browser uploads": forms,
    "Logs Insights knows": "tests/unit/sandbox/logs/test_insights.py::test_figures_by_time_and_by_field",
    "everything else is MalformedQueryException": insights,
    "Notebook instances need JupyterLab": f"{NOTEBOOKS}::test_without_jupyterlab_the_instance_says_what_to_install",
    "Without it they are Failed": f"{NOTEBOOKS}::test_without_jupyterlab_the_instance_says_what_to_install",
    "Cost Explorer counts": costs,
    "IAM is enforced for roles and users": access,
    "known for EC2 alone": tags,
    "SageMaker's quotas are enforced": f"{LIMITS}::test_training_over_the_quota_is_refused_until_it_is_raised",
    "A raise that you request": f"{QUOTAS}::test_a_raise_is_in_force_after_three_seconds",
    "above that the request stays open": f"{QUOTAS}::test_what_only_support_could_decide_stays_open",
    "EC2 instances are processes": f"{INSTANCES}::{DISK}",
    "Only `AWS-RunShellScript` commands run": commands,
    "Spot instances, launch templates, hibernation": instances,
    "makes types unavailable": f"{INSTANCES}::test_run_instances_refuses_in_awss_words",
    "A member that an operation does not have": members,
    "Objects are not encrypted with keys of KMS": encryption,
    "a request that asks for it is refused": encryption,
    "Spot jobs are billed 32%": spot_jobs,
    "there are instances again at once": f"{SPOT}::test_a_job_that_lost_its_instances_goes_on_from_its_checkpoints",
    "S3 reports AES256": files,
    "sees its own folder, the Python environment": f"{WALLS}::test_a_child_reads_its_own_and_nothing_of_the_operators",
    "still use this computer's network": f"{FUNCTIONS}::{NETWORK}",
    "Elsewhere (macOS, Windows": f"{WALLS}::test_without_the_abilities_nothing_is_planned_and_the_operator_is_told",
    "Where the system has no user namespaces": f"{OPT_ML}::test_scripts_are_rewritten_and_data_is_not",
    "Jobs that are forked share the hash seed": f"{WARM}::test_what_forked_programs_share",
    "PYTHONHASHSEED in its environment": f"{WARM}::test_who_needs_a_fresh_interpreter_gets_one",
    "before it imports torch comes too late": f"{WARM}::test_what_forked_programs_share",
    "the window and AWS profiles work there": window,
}
# No computer of ours has it, and nothing of it can be asked for here.
NOT_PROVED = {"Jobs do not start on Windows yet"}
PROBES = {proof.__name__: proof for proof in STATEMENTS.values() if not isinstance(proof, str)}
ELSEWHERE = {words: proof for words, proof in STATEMENTS.items() if isinstance(proof, str)}


def test_every_sentence_of_the_limits_has_a_proof() -> None:
    told, said = {*STATEMENTS, *NOT_PROVED}, sentences()
    assert [sentence for sentence in said if not any(words in sentence for words in told)] == []
    assert [words for words in told if not any(words in sentence for sentence in said)] == []


@pytest.mark.parametrize("words", ELSEWHERE)
def test_the_test_that_proves_a_sentence_is_there(words: str) -> None:
    path, _, name = ELSEWHERE[words].partition("::")
    assert name in defined_in(path)


@pytest.mark.parametrize("probe", PROBES)
def test_what_is_said_is_true(sandbox: SandboxProcess, probe: str) -> None:
    PROBES[probe](sandbox)
