"""Clients that are set to another region, and operations that AWS has at hosts of their own."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration


def refusal(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_only_one_region_is_here_and_nobody_sees_it_as_another(sandbox: SandboxProcess) -> None:
    for service, operation, code in (
        ("sagemaker", "list_training_jobs", "InvalidSignatureException"),
        ("ec2", "describe_instances", "AuthFailure"),
        ("lambda", "list_functions", "InvalidSignatureException"),
        ("cloudwatch", "list_metrics", "InvalidSignatureException"),
        ("logs", "describe_log_groups", "InvalidSignatureException"),
    ):
        client = sandbox.client(service, region_name="eu-west-1")
        assert refusal(getattr(client, operation))[0] == code
    assert sandbox.client("sts", region_name="eu-west-1").get_caller_identity()["Account"] == "123456789012"
    assert sandbox.client("iam", region_name="eu-west-1").list_roles()["Roles"] == []


def test_a_client_of_another_region_is_led_to_the_bucket(sandbox: SandboxProcess) -> None:
    here, there = sandbox.client("s3"), sandbox.client("s3", region_name="eu-west-1")
    here.create_bucket(Bucket="here")
    there.create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for client in (here, there):
        for bucket, region in (("here", None), ("there", "eu-west-1")):
            client.put_object(Bucket=bucket, Key="k", Body=b"x")
            assert client.get_bucket_location(Bucket=bucket)["LocationConstraint"] == region
    v4 = sandbox.client("s3", config=Config(signature_version="s3v4"))
    wrong = v4.generate_presigned_url("get_object", {"Bucket": "there", "Key": "k"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(wrong)
    assert b"<Code>AuthorizationQueryParametersError</Code>" in caught.value.read()
    right = there.generate_presigned_url("get_object", {"Bucket": "there", "Key": "k"})
    with urllib.request.urlopen(right) as answer:
        assert answer.read() == b"x"


def test_hosts_of_their_own_are_this_one(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.shell_environ().items():
        monkeypatch.setenv(name, value)
    # The shim is for programs that begin with it.
    asked = "import boto3; boto3.client('s3control').get_public_access_block(AccountId='123456789012')"
    program = [sys.executable, "-c", asked]
    ended = subprocess.run(program, env=sandbox.shell_environ(), capture_output=True, text=True, check=False)
    assert "(NotImplemented) when calling the GetPublicAccessBlock" in ended.stderr
    logs = boto3.client("logs", config=Config(retries={"max_attempts": 1}))
    logs.create_log_group(logGroupName="group")
    logs.create_log_stream(logGroupName="group", logStreamName="s")
    identifier = "arn:aws:logs:us-east-1:123456789012:log-group:group"
    events = iter(logs.start_live_tail(logGroupIdentifiers=[identifier])["responseStream"])
    assert next(events)["sessionStart"]["logGroupIdentifiers"] == [identifier]
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName="group", logStreamName="s", logEvents=[{"timestamp": now, "message": "line"}])
    updates = [next(events)["sessionUpdate"] for _ in range(2)]
    assert [event["message"] for update in updates for event in update["sessionResults"]] == ["line"]


def test_a_page_in_a_browser_is_told_whether_it_may(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="pages")
    rules = [{"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://a.example"], "AllowedHeaders": ["*"]}]
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    asked = urllib.request.Request(f"{sandbox.url}/pages/key", method="OPTIONS", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asked)
    assert caught.value.code == 403
    s3.put_bucket_cors(Bucket="pages", CORSConfiguration={"CORSRules": rules})
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    # Nothing else is told to who has no signature.
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{sandbox.url}/pages/key")
    assert caught.value.code == 403
