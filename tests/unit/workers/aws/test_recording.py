"""What was sent is told with parameters, answer and request id; and it can be sent again as CLI line and as Python."""

from __future__ import annotations

import ast
import asyncio
import json
import shlex
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.stub import Stubber
from botocore.validate import validate_parameters

from workers.aws.as_commands import as_cli, as_python
from workers.aws.pool import WorkerPool
from workers.aws.recording import SentCall, is_change, recording, spoken, watch
from workers.files.hiding import hidden

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
CALLS = [
    SentCall("sagemaker", "DeleteEndpoint", {"EndpointName": "dogs"}, "us-east-1"),
    SentCall("sagemaker", "AddTags", {"ResourceArn": "arn:aws:x", "Tags": [{"Key": "who", "Value": "it's \"ä\"\n$H"}]},
             "eu-central-1"),
    SentCall("lambda", "PutFunctionConcurrency", {"FunctionName": "a", "ReservedConcurrentExecutions": 5}, "us-east-1"),
    SentCall("application-autoscaling", "RegisterScalableTarget",
             {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/dogs/variant/a",
              "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "MinCapacity": 1, "MaxCapacity": 4,
              "SuspendedState": {"ScheduledScalingSuspended": True}}, "us-east-1"),
    SentCall("s3", "DeleteBucket", {"Bucket": "dogs"}, "us-east-1"),
    SentCall("ec2", "StopInstances", {"InstanceIds": ["i-1", "i-2"]}, "us-east-1"),
    SentCall("iam", "DeleteRole", {"RoleName": "-dash"}, "aws-global"),
    SentCall("application-autoscaling", "PutScheduledAction",
             {"ServiceNamespace": "lambda", "ScheduledActionName": "a", "ResourceId": "function:x:live",
              "ScalableDimension": "lambda:function:ProvisionedConcurrency", "StartTime": "2026-01-31T10:00:00+00:00"},
             "us-east-1"),
]  # fmt: skip


def stubbed(service: str, add: Any) -> Any:
    client = boto3.client(service, **KEYS)
    watch(client)
    stub = Stubber(client)
    add(stub)
    stub.activate()
    return client


def test_a_change_is_told_and_a_look_is_not() -> None:
    def add(stub: Stubber) -> None:
        stub.add_response("describe_endpoint_config", {"EndpointConfigName": "c", "EndpointConfigArn": "a" * 20,
                          "ProductionVariants": [{"VariantName": "a"}], "CreationTime": 1})  # fmt: skip
        stub.add_response("delete_endpoint", {"ResponseMetadata": {"RequestId": "r-1", "HTTPStatusCode": 200}})
        stub.add_client_error("delete_endpoint", "ValidationException", "no", http_status_code=400)

    client = stubbed("sagemaker", add)
    seen: list[SentCall] = []
    with recording(seen.append):
        client.describe_endpoint_config(EndpointConfigName="c")
        client.delete_endpoint(EndpointName="dogs")
        with pytest.raises(client.exceptions.ClientError):
            client.delete_endpoint(EndpointName="cats")
    assert [(call.operation, call.parameters["EndpointName"], call.error) for call in seen] == [
        ("DeleteEndpoint", "dogs", ""), ("DeleteEndpoint", "cats", "ValidationException"),
    ]  # fmt: skip
    assert seen[0].request_id == "r-1" and seen[0].region == "us-east-1" and seen[0].at


def test_nobody_is_told_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    client = stubbed("sagemaker", lambda stub: stub.add_response("delete_endpoint", {}))
    seen: list[SentCall] = []
    with recording(seen.append):
        pass
    client.delete_endpoint(EndpointName="dogs")
    assert seen == []


def test_what_is_sent_outside_is_heard_elsewhere() -> None:
    client = boto3.client("sagemaker", **KEYS)
    heard: list[SentCall] = []
    watch(client, lambda: heard.append)
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_response("delete_endpoint", {})
        client.delete_endpoint(EndpointName="dogs")
        with recording(lambda call: None):
            client.delete_endpoint(EndpointName="cats")
    assert [call.parameters["EndpointName"] for call in heard] == ["dogs"] and spoken(
        "DeleteEndpoint"
    ) == "delete endpoint"


async def _two_at_once(pool: WorkerPool, client: Any) -> list[list[str]]:
    async def names_of(name: str) -> list[str]:
        seen: list[SentCall] = []
        with recording(seen.append):
            await pool.run(client.delete_endpoint, EndpointName=name)
        return [call.parameters["EndpointName"] for call in seen]

    return list(await asyncio.gather(names_of("a"), names_of("b")))


def test_each_task_hears_of_its_own_calls_through_the_pool() -> None:
    def add(stub: Stubber) -> None:
        stub.add_response("delete_endpoint", {})
        stub.add_response("delete_endpoint", {})

    pool = WorkerPool(2, "test")
    try:
        assert asyncio.run(_two_at_once(pool, stubbed("sagemaker", add))) == [["a"], ["b"]]
    finally:
        pool.close()


@pytest.mark.parametrize(
    "operation, parameters, change",
    [
        ("DeleteEndpoint", {}, True),
        ("RunInstances", {}, True),
        ("RunInstances", {"DryRun": True}, False),
        ("DescribeEndpoint", {}, False),
        ("ListTags", {}, False),
        ("InvokeEndpoint", {}, False),
        ("SendCommand", {}, True),
        ("SimulatePrincipalPolicy", {}, False),
        ("StartQuery", {}, False),
        ("GenerateCredentialReport", {}, False),
        ("CreatePresignedNotebookInstanceUrl", {}, False),
        ("StartInstances", {}, True),
    ],
)
def test_what_a_change_is(operation: str, parameters: dict[str, Any], change: bool) -> None:
    assert is_change(operation, parameters) is change


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.operation)
def test_the_cli_line_is_one_that_the_cli_takes(call: SentCall) -> None:
    """By AWS's own model: the operation's name, and every member of the input."""
    words = shlex.split(as_cli([call]))
    client = boto3.client(call.service, **KEYS)
    assert words[:3] == ["aws", {"s3": "s3api"}.get(call.service, call.service), xform_name(call.operation, "-")]
    given = json.loads(words[words.index("--cli-input-json") + 1])
    validate_parameters(given, client.meta.service_model.operation_model(call.operation).input_shape)
    assert given == call.parameters and ("--region" in words) == (call.region != "aws-global")


def test_the_python_script_sends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    script = as_python(CALLS, "work")
    ast.parse(script)
    sent: list[tuple[str, str, str, dict[str, Any]]] = []

    class Session:
        def __init__(self, **given: Any) -> None:
            assert given == {"profile_name": "work"}

        def client(self, service: str, region_name: str = "") -> Any:
            class Client:
                def __getattr__(self, method: str) -> Any:
                    return lambda **given: sent.append((service, region_name, method, given))

            return Client()

    monkeypatch.setattr(boto3, "Session", Session)
    exec(compile(script, "copied", "exec"), {})
    assert sent == [
        (call.service, call.region.replace("aws-global", ""), xform_name(call.operation), call.parameters)
        for call in CALLS
    ]


def test_what_was_not_kept_is_said_and_what_was_refused_is_not_sent_again() -> None:
    calls = [
        SentCall("lambda", "UpdateFunctionCode", {"FunctionName": "ask", "ZipFile": "[300 bytes]"}, "us-east-1"),
        SentCall("lambda", "DeleteFunction", {"FunctionName": "old"}, "us-east-1", error="AccessDeniedException"),
    ]
    line = as_cli(calls, "work")
    assert line.startswith("# what stands in brackets was not kept") and "delete-function" not in line
    assert "--profile work" in line
    assert "delete-function" in as_cli(calls[1:]) and as_cli([]) == as_python([]) == ""


@pytest.mark.parametrize(
    "value",
    ["hunter2 for DB_PASSWORD=hunter2", "key AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY-----\nx", b"x", open],
    ids=["name", "key", "pem", "bytes", "file"],
)
def test_whatever_was_left_out_of_a_call_is_said_where_it_is_copied(value: object) -> None:
    kept = hidden({"FunctionName": "ask", "Nested": [{"Text": value}]})
    call = SentCall("lambda", "UpdateFunctionConfiguration", kept, "us-east-1")
    for text in (as_cli([call]), as_python([call])):
        assert "# what stands in brackets was not kept" in text
    whole = SentCall("lambda", "UpdateFunctionConfiguration", {"FunctionName": "[ask]"}, "us-east-1")
    assert "#" not in as_cli([whole]) + as_python([whole])
