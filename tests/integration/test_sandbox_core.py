"""The sandbox process as a whole: who gets in, what survives, how it starts and ends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import psutil
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.helpers.sandbox import START_SECONDS, SandboxProcess, clean_environ

pytestmark = pytest.mark.integration

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"},
        ],
    }
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("core") / "state") as process:
        yield process


def cli(sandbox: SandboxProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The AWS CLI of the environment, with the exports of ``python -m sandbox env``."""
    program = Path(sys.executable).with_name("aws")
    return subprocess.run(
        [str(program), *arguments], env=sandbox.shell_environ(), capture_output=True, text=True, timeout=300
    )


def raw(
    sandbox: SandboxProcess, method: str, path: str, service: str = "", body: bytes = b""
) -> tuple[int, bytes, str]:
    """Status, body and content type of a request, signed for ``service`` unless that is empty."""
    request = AWSRequest(method, sandbox.url + path, data=body)
    if service:
        keys = Credentials(sandbox.ready["access_key_id"], sandbox.ready["secret_access_key"])
        botocore.auth.SigV4Auth(keys, service, "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, body or None, dict(request.headers.items()), method=method)
    try:
        with urllib.request.urlopen(sent, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("Content-Type", "")


def code_of(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("path", ["/", "/bucket", "/moto-api/", "/moto-api/data.json", "/2015-03-31/functions", "/x/y"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_nobody_gets_in_without_a_signature(sandbox: SandboxProcess, method: str, path: str) -> None:
    status, body, kind = raw(sandbox, method, path)
    assert status == 403
    assert "html" not in kind
    assert b"html" not in body.lower()


@pytest.mark.parametrize(
    ("path", "service"),
    [("/moto-api/data.json", "iam"), ("/moto-api/reset", "sagemaker"), ("/latest/meta-data/iam", "ec2")],
)
def test_motos_back_door_is_shut_for_signed_requests_too(sandbox: SandboxProcess, path: str, service: str) -> None:
    assert raw(sandbox, "POST", path, service)[0] == 403


def test_the_ready_file_is_private_and_whole(sandbox: SandboxProcess) -> None:
    for path in (sandbox.ready_file, sandbox.state / "ready.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text())["pid"] == sandbox.process.pid  # type: ignore[union-attr]
    assert set(sandbox.ready) >= {"endpoint_url", "region", "account_id", "access_key_id", "secret_access_key", "pid"}
    assert stat.S_IMODE(sandbox.state.stat().st_mode) == 0o700


def test_who_the_caller_is(sandbox: SandboxProcess) -> None:
    identity = sandbox.client("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/operator"
    assert identity["Account"] == "123456789012"
    user = sandbox.client("iam").get_user()["User"]
    assert (user["UserName"], user["UserId"]) == ("operator", identity["UserId"])


def test_sessions_of_roles_and_users(sandbox: SandboxProcess) -> None:
    iam, sts = sandbox.client("iam"), sandbox.client("sts")
    role = iam.create_role(RoleName="Assumed", Path="/service-role/", AssumeRolePolicyDocument=TRUST)["Role"]
    keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]

    def identity(keys: dict[str, Any]) -> str:
        return str(
            sandbox.client(
                "sts",
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys.get("SessionToken"),
            ).get_caller_identity()["Arn"]
        )

    assert identity(keys) == "arn:aws:sts::123456789012:assumed-role/Assumed/session"
    assert code_of(sts.assume_role, RoleArn=role["Arn"] + "x", RoleSessionName="s2") == ("AccessDenied", 403)
    assert identity(sts.get_session_token()["Credentials"]) == "arn:aws:iam::123456789012:user/operator"
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert identity(key) == "arn:aws:iam::123456789012:user/ann"
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        identity(key)


def test_what_the_sagemaker_sdk_asks_before_a_job(sandbox: SandboxProcess) -> None:
    iam = sandbox.client("iam")
    arn = iam.create_role(RoleName="Train", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    assert iam.get_role(RoleName="Train")["Role"]["Arn"] == arn
    actions = [f"sagemaker:Action{number}" for number in range(9)]
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[*actions, "s3:PutObject"])
    decisions = {item["EvalActionName"]: item["EvalDecision"] for item in answer["EvaluationResults"]}
    assert set(decisions) == {*actions, "s3:PutObject"}
    assert code_of(iam.simulate_principal_policy, PolicySourceArn=arn + "None", ActionNames=["s3:GetObject"]) == (
        "NoSuchEntity",
        404,
    )


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("logs", "put_query_definition", {"name": "n", "queryString": "fields x"}),
        ("sts", "decode_authorization_message", {"EncodedMessage": "x"}),
        ("s3", "get_bucket_analytics_configuration", {"Bucket": "none", "Id": "i"}),
        ("braket", "get_job", {"jobArn": "arn:aws:braket:us-east-1:123456789012:job/12345678901234567890"}),
        ("route53", "list_cidr_collections", {}),
        ("iam", "create_virtual_mfa_device", {"VirtualMFADeviceName": "phone"}),
    ],
)
def test_what_is_missing_says_so_in_the_services_own_words(
    sandbox: SandboxProcess, service: str, operation: str, params: dict[str, Any]
) -> None:
    code, status = code_of(getattr(sandbox.client(service), operation), **params)
    assert code in ("NotImplemented", "NoSuchBucket"), code
    assert status in (501, 404)


def test_everything_survives_kill_9(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "state")
    sandbox.start()
    try:
        before = _fill(sandbox)
        url, keys = sandbox.url, sandbox.ready["access_key_id"]
        sandbox.restart()
        assert (sandbox.url, sandbox.ready["access_key_id"]) == (url, keys)
        assert _observe(sandbox, before["session"]) == before["seen"]
    finally:
        sandbox.stop()


def _fill(sandbox: SandboxProcess) -> dict[str, Any]:
    iam, logs, metrics = sandbox.client("iam"), sandbox.client("logs"), sandbox.client("cloudwatch")
    role = iam.create_role(RoleName="R", Path="/p/", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
    iam.put_role_policy(RoleName="R", PolicyName="inline", PolicyDocument=POLICY)
    policy = iam.create_policy(PolicyName="managed", PolicyDocument=POLICY)["Policy"]
    iam.attach_role_policy(RoleName="R", PolicyArn=policy["Arn"])
    iam.create_user(UserName="gone")
    iam.delete_user(UserName="gone")
    iam.create_user(UserName="ann")
    iam.create_access_key(UserName="ann")
    assert code_of(iam.create_role, RoleName="R", AssumeRolePolicyDocument=TRUST) == ("EntityAlreadyExists", 409)
    sandbox.client("s3").create_bucket(Bucket="bucket")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "line"}
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    metrics.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1.0, "Timestamp": time.time()}])
    metrics.put_metric_alarm(
        AlarmName="alarm",
        Namespace="N",
        # Without data, so that its state is the same whenever one looks.
        MetricName="none",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    sandbox.client("ec2").create_security_group(GroupName="sg", Description="d")
    session = sandbox.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="kept")["Credentials"]
    return {"session": session, "seen": _observe(sandbox, session)}


def _observe(sandbox: SandboxProcess, session: dict[str, Any]) -> dict[str, Any]:
    """Everything about the account that must be the same after a restart, ids and dates included."""
    iam, ec2 = sandbox.client("iam"), sandbox.client("ec2")
    answers = {
        "role": iam.get_role(RoleName="R")["Role"],
        "inline": iam.get_role_policy(RoleName="R", PolicyName="inline")["PolicyDocument"],
        "attached": iam.list_attached_role_policies(RoleName="R")["AttachedPolicies"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
        "users": iam.list_users()["Users"],
        "keys": iam.list_access_keys(UserName="ann")["AccessKeyMetadata"],
        "operator": iam.list_attached_user_policies(UserName="operator")["AttachedPolicies"],
        "buckets": sandbox.client("s3").list_buckets()["Buckets"],
        "events": sandbox.client("logs").filter_log_events(logGroupName="g")["events"],
        "metrics": sandbox.client("cloudwatch").list_metrics()["Metrics"],
        "alarms": sandbox.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "vpcs": ec2.describe_vpcs()["Vpcs"],
        "subnets": ec2.describe_subnets()["Subnets"],
        "groups": ec2.describe_security_groups()["SecurityGroups"],
        "session": sandbox.client(
            "sts",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        ).get_caller_identity()["Arn"],
    }
    return json.loads(json.dumps(answers, default=str, sort_keys=True))  # type: ignore[no-any-return]


def test_a_second_one_on_the_same_state_is_refused_and_the_first_stays_reachable(sandbox: SandboxProcess) -> None:
    ready_before = sandbox.ready_file.read_text()
    second = subprocess.run(
        [sys.executable, "-m", "sandbox", "--state", str(sandbox.state), "--ready-file", str(sandbox.ready_file)],
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    assert second.returncode == 3
    assert sandbox.url in second.stderr
    assert str(sandbox.ready["pid"]) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert sandbox.ready_file.read_text() == ready_before
    sandbox.client("sts").get_caller_identity()


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "-m", "sandbox", "--state", str(tmp_path / "state"), "--port", str(port)],
            env=clean_environ(),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Port {port} of 127.0.0.1 is used by another program.")
    assert len(refused.stderr.strip().splitlines()) == 1


def test_the_port_of_last_time_may_be_taken_by_somebody_else(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "state")
    sandbox.start()
    sandbox.kill()
    port = int(sandbox.url.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        sandbox.start()
        assert sandbox.url != f"http://127.0.0.1:{port}"
    assert sandbox.stop() == 0


def test_it_ends_in_order_and_takes_its_ready_files_along(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "state")
    sandbox.start()
    assert sandbox.process is not None
    times = psutil.Process(sandbox.process.pid).cpu_times()
    assert times.user + times.system < 15
    sandbox.client("s3").create_bucket(Bucket="bucket")
    assert sandbox.stop() == 0
    assert not sandbox.ready_file.exists()
    assert not (tmp_path / "state" / "ready.json").exists()
    assert sandbox.errors() == ""


def test_it_ends_by_itself_when_nobody_needs_it(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "state", "--idle-exit", "1")
    sandbox.start()
    assert sandbox.process is not None
    assert sandbox.process.wait(120) == 0
    assert not sandbox.ready_file.exists()


def test_an_unreadable_state_is_moved_aside_and_told(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "state")
    sandbox.start()
    sandbox.client("s3").create_bucket(Bucket="precious")
    sandbox.stop()
    (tmp_path / "state" / "version").write_text("something else")
    with sandbox:
        (old,) = tmp_path.glob("state.old-*")
        assert str(old) in sandbox.ready["notice"]
        assert str(old) in sandbox.errors()
        assert sandbox.client("s3").list_buckets()["Buckets"] == []
        assert (old / "sandbox.db").exists()


def test_a_full_disk(tmp_path: Path) -> None:
    """A real small file system: uploads fail in AWS's words, reading and deleting go on, space comes back."""
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = shutil.which("mount") and os.name == "posix" and os.geteuid() == 0
    if (
        not mounted
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(mount)], capture_output=True
        ).returncode
    ):
        pytest.skip("cannot mount a small file system here")
    sandbox = SandboxProcess(mount / "state")
    sandbox.ready_file, sandbox.stderr_file = tmp_path / "ready.json", tmp_path / "stderr"
    try:
        sandbox.start()
        s3 = sandbox.client("s3")
        s3.create_bucket(Bucket="bucket")
        kept = 0
        with pytest.raises(ClientError) as caught:
            while True:
                s3.put_object(Bucket="bucket", Key=f"{kept}", Body=b"x" * 1_000_000)
                kept += 1
        assert caught.value.response["Error"]["Code"] == "InsufficientStorage"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 507
        assert "is full" in caught.value.response["Error"]["Message"]
        assert kept >= 15
        listed = s3.list_objects_v2(Bucket="bucket")["Contents"]
        assert [item["Size"] for item in listed] == [1_000_000] * kept
        assert s3.get_object(Bucket="bucket", Key="0")["Body"].read() == b"x" * 1_000_000
        s3.delete_object(Bucket="bucket", Key="0")
        sandbox.restart()
        assert len(sandbox.client("s3").list_objects_v2(Bucket="bucket")["Contents"]) == kept - 1
    finally:
        sandbox.stop()
        subprocess.run(["umount", str(mount)], check=False)


def test_the_aws_cli(sandbox: SandboxProcess, tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    names = ["train/001.Affen/a b.jpg", "train/002.Shiba/🐕.jpg", "test/001.Affen/c.jpg"]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode() * 100)
    sandbox.client("s3").create_bucket(Bucket="cli-bucket")
    synced = cli(sandbox, "s3", "sync", str(source), "s3://cli-bucket/data", "--no-progress")
    assert synced.returncode == 0, synced.stderr
    assert len(synced.stdout.splitlines()) == 3
    assert cli(sandbox, "s3", "sync", str(source), "s3://cli-bucket/data").stdout == ""
    back = tmp_path / "back"
    assert cli(sandbox, "s3", "sync", "s3://cli-bucket/data", str(back)).returncode == 0
    assert {str(path.relative_to(back)): path.read_bytes() for path in back.rglob("*.jpg")} == {
        name: name.encode() * 100 for name in names
    }
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="/cli/logs")
    logs.create_log_stream(logGroupName="/cli/logs", logStreamName="s")
    events = [{"timestamp": int(time.time() * 1000), "message": f"epoch={number}"} for number in (1, 2)]
    logs.put_log_events(logGroupName="/cli/logs", logStreamName="s", logEvents=events)
    shown = cli(sandbox, "logs", "filter-log-events", "--log-group-name", "/cli/logs", "--filter-pattern", "epoch=2")
    assert [event["message"] for event in json.loads(shown.stdout)["events"]] == ["epoch=2"]


def test_env_prints_what_the_cli_needs(sandbox: SandboxProcess) -> None:
    script = (
        f'eval "$({sys.executable} -m sandbox env --state {sandbox.state})" && '
        f"{Path(sys.executable).with_name('aws')} sts get-caller-identity --query Account --output text"
    )
    shown = subprocess.run(["sh", "-c", script], env=clean_environ(), capture_output=True, text=True, timeout=300)
    assert shown.stdout.strip() == "123456789012", shown.stderr
