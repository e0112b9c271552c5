"""Endpoints are real processes: every status, every answer of an invocation, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account
from tests.helpers.sandbox import SandboxProcess, anywhere_in
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

INFERENCE = """
import json, os, time
def model_fn(model_dir):
    return open(os.path.join(model_dir, "model.pth")).read()
def input_fn(body, content_type):
    if content_type != "image/jpeg":
        raise ValueError(f"no picture: {content_type}")
    return body
def predict_fn(data, model):
    if data == b"sleep":
        time.sleep(600)
    if data == b"slow":
        time.sleep(0.5)
    if data == b"die":
        os._exit(5)
    print("asked", len(data))
    return {"size": len(data), "model": model, "pid": os.getpid()}
def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


def files(model: str = "first", code: str = INFERENCE) -> dict[str, str]:
    return {"model.pth": model, "code/inference.py": code, "code/requirements.txt": "numpy\n"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("endpoints") / "state") as sandbox:
        yield Account(sandbox)


@pytest.fixture(scope="module")
def served(account: Account) -> str:
    """An endpoint with two instances that all tests may ask."""
    account.endpoint("served", files(), count=2)
    assert account.settled("served") == "InService"
    return "served"


def hosts(account: Account, name: str) -> list[int]:
    """The inference processes of an endpoint."""
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            # The keeper of each process carries the program in its own arguments.
            ours = "inference.py" in command and "keeper.py" not in command
            if ours and process.cwd().startswith(f"{account.sandbox.state}/endpoints/{name}/"):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def test_requests_go_to_all_instances_in_turn(account: Account, served: str) -> None:
    answers = [json.loads(account.invoke(served, bytes(range(256)))) for _ in range(6)]
    assert all(answer["size"] == 256 and answer["model"] == "first" for answer in answers)
    assert len({answer["pid"] for answer in answers}) == 2
    description = account.sagemaker.describe_endpoint(EndpointName=served)
    variant = description["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    group = f"/aws/sagemaker/Endpoints/{served}"
    wait_for(lambda: account.log("AllTraffic", group).count("asked 256") == 6)
    streams = account.logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert len(streams) == 2
    assert all(stream["logStreamName"].startswith("AllTraffic/i-") for stream in streams)


def test_what_the_container_refuses_is_a_model_error(account: Account, served: str) -> None:
    with pytest.raises(ClientError) as caught:
        account.invoke(served, content_type="text/plain")
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["OriginalStatusCode"] == 500
    assert answer["OriginalMessage"].startswith("no picture: text/plain\n")
    assert "/opt/ml/model/code/inference.py" in answer["OriginalMessage"]
    assert "programs" not in answer["OriginalMessage"]
    assert ":log-group:/aws/sagemaker/Endpoints/served:log-stream:AllTraffic/i-" in answer["LogStreamArn"]


def test_validation_errors(account: Account, served: str) -> None:
    with pytest.raises(ClientError, match="Endpoint nobody of account 123456789012 not found") as caught:
        account.invoke("nobody")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="Variant Other"):
        account.invoke(served, TargetVariant="Other")
    with pytest.raises(ClientError) as caught:
        account.invoke(served, bytes(6 * 1024 * 1024 + 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert json.loads(account.invoke(served, bytes(6 * 1024 * 1024)))["size"] == 6 * 1024 * 1024


def test_the_other_instance_answers_while_one_comes_back(account: Account, served: str) -> None:
    before = {json.loads(account.invoke(served))["pid"] for _ in range(2)}
    with pytest.raises(ClientError) as caught:
        account.invoke(served, b"die")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    after = {json.loads(account.invoke(served))["pid"] for _ in range(5)}
    assert len(after & before) == 1, "the one that is left answers, the one that died does not"
    wait_for(lambda: len(hosts(account, served)) == 2)
    victim = hosts(account, served)[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in hosts(account, served))

    def answers() -> bool:
        # The request that finds the end of the killed one before the sandbox does is told of it, as on AWS.
        with contextlib.suppress(account.runtime.exceptions.ModelError):
            return bool(json.loads(account.invoke(served))["size"] == 1)
        return False

    wait_for(answers)
    wait_for(lambda: len({json.loads(account.invoke(served))["pid"] for _ in range(4)}) == 2)
    assert account.endpoint_status(served) == "InService"


def test_invocations_are_counted(account: Account, served: str) -> None:
    account.invoke(served)
    names = {"Invocations", "ModelLatency", "OverheadLatency", "Invocation4XXErrors", "Invocation5XXErrors"}

    def known() -> set[str]:
        return {
            metric["MetricName"] for metric in account.cloudwatch.list_metrics(Namespace="AWS/SageMaker")["Metrics"]
        }

    wait_for(lambda: names <= known())
    now = time.time()
    latency = account.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=[{"Name": "EndpointName", "Value": served}, {"Name": "VariantName", "Value": "AllTraffic"}],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=600,
        Statistics=["Average", "SampleCount"],
        Unit="Microseconds",
    )["Datapoints"]
    assert latency and 0 < latency[0]["Average"] < 10_000_000


def test_a_model_that_does_not_load_fails_with_its_reason(account: Account) -> None:
    account.endpoint("broken", files(code="def model_fn(d):\n    raise RuntimeError('weights do not fit')\n"))
    assert account.settled("broken") == "Failed"
    reason = account.sagemaker.describe_endpoint(EndpointName="broken")["FailureReason"]
    assert "did not pass the ping health check" in reason
    assert "RuntimeError: weights do not fit" in reason
    with pytest.raises(ClientError, match="its status is Failed"):
        account.invoke("broken")
    assert hosts(account, "broken") == []
    account.sagemaker.delete_endpoint(EndpointName="broken")
    wait_for(lambda: account.endpoint_status("broken") == "gone")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "features",
            {"features.npz": b"x", "labels.json": "[]"},
            "ValueError: Exactly one .pth or .pt file is required for PyTorch models: []. The model data has no",
        ),
        (
            "half",
            {"code/inference.py": "def model_fn(d):\n    return open(d + '/model.pth')\n"},
            "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/model/model.pth'",
        ),
        ("no-tar", b"a picture, perhaps", "located at the URL is a valid tar.gz archive. It is not a readable"),
    ],
)
def test_what_is_no_model_fails_with_a_plain_reason(account: Account, name: str, content: Any, said: str) -> None:
    account.model(name, {} if isinstance(content, bytes) else content)
    account.config(name, name, 1)
    if isinstance(content, bytes):
        url = account.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataUrl"]
        account.s3.put_object(Bucket=BUCKET, Key=url.removeprefix(f"s3://{BUCKET}/"), Body=content)
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert account.settled(name) == "Failed"
    reason = account.sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    assert said in reason
    assert "\n" not in reason and "Traceback" not in reason and 'File "' not in reason
    account.sagemaker.delete_endpoint(EndpointName=name)


def test_an_archive_that_escapes_is_refused(account: Account) -> None:
    account.endpoint("escape", files() | {"../../evil.py": "x"})
    assert account.settled("escape") == "Failed"
    reason = account.sagemaker.describe_endpoint(EndpointName="escape")["FailureReason"]
    assert "points outside of the folder" in reason
    assert not anywhere_in(account.sandbox.state, "evil.py")


def test_deleting_while_creating(account: Account) -> None:
    slow = files(code="import time\ndef model_fn(d):\n    print('loading')\n    time.sleep(600)\n")
    account.endpoint("impatient", slow)
    wait_for(lambda: hosts(account, "impatient"))
    with pytest.raises(ClientError, match="its status is Creating"):
        account.invoke("impatient")
    account.sagemaker.delete_endpoint(EndpointName="impatient")
    assert account.endpoint_status("impatient") in ("Deleting", "gone")
    wait_for(lambda: account.endpoint_status("impatient") == "gone")
    assert hosts(account, "impatient") == []


def test_update_switches_without_a_gap_and_rolls_back(account: Account) -> None:
    account.endpoint("moving", files("old"))
    assert account.settled("moving") == "InService"
    account.model("moving-two", files("new"))
    account.config("moving-two", "moving-two", 2)
    account.sagemaker.update_endpoint(EndpointName="moving", EndpointConfigName="moving-two")
    assert account.endpoint_status("moving") in ("Updating", "InService")
    seen = []
    while account.endpoint_status("moving") == "Updating":
        seen.append(json.loads(account.invoke("moving"))["model"])
    assert set(seen) <= {"old", "new"}
    assert json.loads(account.invoke("moving"))["model"] == "new"
    assert account.sagemaker.describe_endpoint(EndpointName="moving")["EndpointConfigName"] == "moving-two"
    wait_for(lambda: len(hosts(account, "moving")) == 2)
    account.model("moving-bad", files(code="raise SystemError('bad code')"))
    account.config("moving-bad", "moving-bad")
    account.sagemaker.update_endpoint(EndpointName="moving", EndpointConfigName="moving-bad")
    assert account.settled("moving") == "InService"
    description = account.sagemaker.describe_endpoint(EndpointName="moving")
    assert "SystemError: bad code" in description["FailureReason"]
    assert description["EndpointConfigName"] == "moving-two"
    assert json.loads(account.invoke("moving"))["model"] == "new"


def test_capacity_changes(account: Account) -> None:
    account.endpoint("elastic", files())
    assert account.settled("elastic") == "InService"
    for count in (3, 1):
        account.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="elastic",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": count}],
        )
        assert account.settled("elastic") == "InService"
        variant = account.sagemaker.describe_endpoint(EndpointName="elastic")["ProductionVariants"][0]
        assert variant["CurrentInstanceCount"] == count
        assert len(hosts(account, "elastic")) == count


def test_requests_at_once_all_get_their_answer(account: Account, served: str) -> None:
    answers: list[int] = []

    def ask(size: int) -> None:
        answers.append(json.loads(account.invoke(served, b"x" * size))["size"])

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(1, 25))


def test_records_refuse_what_aws_refuses(account: Account) -> None:
    account.model("record", files())
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        account.model("record", files())
    with pytest.raises(ClientError, match='Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/none"'):
        account.config("record", "none")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        account.sagemaker.create_endpoint(EndpointName="record", EndpointConfigName="none")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://jobs-bucket/not/there.tar.gz"}
    with pytest.raises(ClientError, match=r"Could not find model data at s3://jobs-bucket/not/there\.tar\.gz"):
        account.sagemaker.create_model(ModelName="empty", ExecutionRoleArn=account.role, PrimaryContainer=container)
    account.config("record", "record")
    listed = account.sagemaker.list_endpoint_configs(NameContains="record")["EndpointConfigs"]
    assert [endpoint["EndpointConfigName"] for endpoint in listed] == ["record"]
    account.sagemaker.delete_endpoint_config(EndpointConfigName="record")
    account.sagemaker.delete_model(ModelName="record")
    assert account.sagemaker.list_models(NameContains="record")["Models"] == []
    with pytest.raises(ClientError, match="Could not find endpoint"):
        account.sagemaker.delete_endpoint(EndpointName="record")


def test_after_a_kill_the_endpoint_is_back_without_its_records(account: Account, served: str) -> None:
    before = hosts(account, served)
    account.sagemaker.delete_endpoint_config(EndpointConfigName=served)
    account.sagemaker.delete_model(ModelName=served)
    account.sandbox.kill()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in before))
    account.sandbox.start()
    account.connect()
    assert account.endpoint_status(served) == "InService"
    assert json.loads(account.invoke(served))["model"] == "first"
    wait_for(lambda: len(hosts(account, served)) == 2)


def test_deleting_leaves_no_process(account: Account, served: str) -> None:
    for name in (served, "moving", "elastic", "escape"):
        account.sagemaker.delete_endpoint(EndpointName=name)
    for name in (served, "moving", "elastic", "escape"):
        wait_for(lambda name=name: account.endpoint_status(name) == "gone")
        assert hosts(account, name) == []
    assert account.sagemaker.list_endpoints()["Endpoints"] == []
    assert not list((account.sandbox.state / "endpoints").iterdir())
