"""Reserved and provisioned concurrency in a real sandbox, with the AWS CLI and boto3."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.functions import LOGGING, TRUST, call, zipped
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

# Waits for the file that the event names, and says in which kind of environment it runs.
CODE = """
import os, pathlib, time
def handler(event, context):
    if 'mark' in event: pathlib.Path(event['mark']).touch()
    while 'wait' in event and not os.path.exists(event['wait']): time.sleep(0.02)
    return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], os.environ['AWS_LAMBDA_FUNCTION_VERSION']]
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    state = tmp_path_factory.mktemp("concurrency") / "state"
    with SandboxProcess(state, environ={"SAGEDECK_LAMBDA_CONCURRENCY": "50", "SAGEDECK_TIME_FACTOR": "10"}) as running:
        iam = running.client("iam")
        role = iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.attach_role_policy(RoleName="fn", PolicyArn=LOGGING)
        running.client("lambda").create_function(
            FunctionName="f",
            Runtime="python3.12",
            Role=role,
            Handler="code.handler",
            Timeout=60,
            Code={"ZipFile": zipped(CODE)},
        )
        yield running


def aws(sandbox: SandboxProcess, *words: str) -> tuple[Any, str]:
    """What the AWS CLI answers, and what it says when it is refused."""
    argv = [sys.executable, "-m", "awscli", *words, "--output", "json"]
    done = subprocess.run(argv, env=sandbox.shell_environ(), capture_output=True, text=True, timeout=120)
    return (json.loads(done.stdout) if done.stdout.strip() else None), done.stderr


def test_a_small_account_refuses_in_awss_words_and_says_its_factor(sandbox: SandboxProcess) -> None:
    _, error = aws(sandbox, "lambda", "put-function-concurrency", "--function-name", "f",
                   "--reserved-concurrent-executions", "100")  # fmt: skip
    assert "decreases account's UnreservedConcurrentExecution below its minimum value of [50]." in error
    settings = sandbox.client("lambda").get_account_settings()["AccountLimit"]
    assert (settings["ConcurrentExecutions"], settings["UnreservedConcurrentExecutions"]) == (50, 50)
    assert sandbox.ready["time_factor"] == 10


@pytest.mark.parametrize("name", ["SAGEDECK_LAMBDA_CONCURRENCY", "SAGEDECK_TIME_FACTOR"])
def test_a_setting_that_makes_no_sense_is_told_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"{name} must be"):
        SandboxProcess(tmp_path / "state", environ={name: "0"}).start()


def test_provisioned_concurrency_stands_serves_and_spills_over(
    tmp_path_factory: pytest.TempPathFactory, shared: Path
) -> None:
    folder = tmp_path_factory.mktemp("provisioned")
    with SandboxProcess(folder / "state", environ={"SAGEDECK_TIME_FACTOR": "50"}) as sandbox:
        iam = sandbox.client("iam")
        role = iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        client = sandbox.client("lambda")
        made = {"Runtime": "python3.12", "Role": role, "Handler": "code.handler", "Timeout": 60}
        client.create_function(FunctionName="f", Code={"ZipFile": zipped(CODE)}, Publish=True, **made)
        client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
        put = ("lambda", "put-provisioned-concurrency-config", "--function-name", "f")
        _, error = aws(sandbox, *put, "--qualifier", "$LATEST", "--provisioned-concurrent-executions", "1")
        assert "Provisioned Concurrency Configs cannot be applied to unpublished function versions." in error
        with pytest.raises(ClientError) as caught:
            client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
        assert caught.value.response["Error"]["Code"] == "ProvisionedConcurrencyConfigNotFoundException"
        answer, error = aws(sandbox, *put, "--qualifier", "live", "--provisioned-concurrent-executions", "1")
        assert not error and answer["RequestedProvisionedConcurrentExecutions"] == 1
        state = lambda: client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live")  # noqa: E731
        wait_for(lambda: state()["Status"] == "READY")
        assert state()["AvailableProvisionedConcurrentExecutions"] == 1
        assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 999
        assert call(sandbox, "f:live")[1] == ["provisioned-concurrency", "1"]
        assert call(sandbox, "f")[1] == ["on-demand", "$LATEST"]
        # Reserved: two at once, and the third is throttled with the reason.
        client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
        with pytest.raises(ClientError) as caught:
            client.put_provisioned_concurrency_config(
                FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=3
            )
        assert "should not be greater than the reservedConcurrentExecution" in str(caught.value)
        marks, go, kinds = [shared / "one", shared / "two"], shared / "go", []

        def long_call(mark: Path) -> None:
            kinds.append(call(sandbox, "f:live", {"mark": str(mark), "wait": str(go)})[1][0])

        threads = [threading.Thread(target=long_call, args=(mark,)) for mark in marks]
        for thread in threads:
            thread.start()
        wait_for(lambda: all(mark.exists() for mark in marks))
        with pytest.raises(ClientError) as caught:
            call(sandbox, "f:live")
        response: Any = caught.value.response
        assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
        go.touch()
        for thread in threads:
            thread.join()
        assert sorted(kinds) == ["on-demand", "provisioned-concurrency"]
        listed = client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
        assert [alias["FunctionArn"].rpartition(":")[2] for alias in listed] == ["live"]
        # Auto-scaling takes it over: its minimum is there without anybody's asking.
        scaling = sandbox.client("application-autoscaling")
        dimension = "lambda:function:ProvisionedConcurrency"
        target = {"ServiceNamespace": "lambda", "ResourceId": "function:f:live", "ScalableDimension": dimension}
        scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=2)
        wait_for(lambda: state()["AllocatedProvisionedConcurrentExecutions"] == 2)
        wait_for(lambda: scaling.describe_scaling_activities(ServiceNamespace="lambda")["ScalingActivities"])
        scaling.deregister_scalable_target(**target)
        client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
        assert call(sandbox, "f:live")[1][0] == "on-demand"
