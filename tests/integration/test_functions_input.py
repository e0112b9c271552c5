"""Functions under bad input and with operators' own code, in a real sandbox: nothing bad reaches the endpoint."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from PIL import Image

from tests.helpers.events import bad_events
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.waiting import wait_for
from workers.errors.tree import InvalidInput
from workers.functions.code import check_code
from workers.functions.types import FunctionSpec, TestResult
from workers.services import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SCORES = """
import json
def model_fn(model_dir): return ["Akita", "Basenji", "Borzoi"]
def input_fn(body, content_type): return json.loads(body) if content_type == "application/json" else body
def predict_fn(data, classes): return [float(len(data) + at) for at in range(len(classes))]
def output_fn(logits, accept): return json.dumps(logits)
"""
# The kind that courses teach: a client of the module, the event passed on as the body, the context printed.
COURSE = """
import json
import logging
import boto3

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
print('Loading Lambda function')

runtime = boto3.Session().client('sagemaker-runtime')
endpoint_Name = 'dogs'

def lambda_handler(event, context):
    print('Context:::', context)
    print('EventType::', type(event))
    bs = event
    response = runtime.invoke_endpoint(EndpointName=endpoint_Name,
                                       ContentType="application/json",
                                       Accept='application/json',
                                       Body=json.dumps(bs))
    result = response['Body'].read().decode('utf-8')
    sss = json.loads(result)
    return {
        'statusCode': 200,
        'headers': {'Content-Type': 'text/plain', 'Access-Control-Allow-Origin': '*'},
        'type-result': str(type(result)),
        'COntent-Type-In': str(context),
        'body': json.dumps(sss)
    }
"""


def zipped(text: str, name: str = "lambda_function.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def event() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "brown").save(buffer, "JPEG")
    return json.dumps({"image": base64.b64encode(buffer.getvalue()).decode()})


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    account.endpoint("dogs", {"code/inference.py": SCORES})
    assert account.settled("dogs") == "InService"
    return account


def answered_by(account: Account) -> float:
    """How many calls the endpoint has counted."""
    now = datetime.now(UTC)
    found = account.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker", MetricName="Invocations", Statistics=["Sum"], Period=3600,
        Dimensions=[{"Name": "EndpointName", "Value": "dogs"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
    )  # fmt: skip
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def test_300_bad_events_never_reach_the_endpoint_and_the_function_stays_warm(
    runner: asyncio.Runner, services: Services, account: Account
) -> None:
    runner.run(services.functions.create(FunctionSpec("guard", "dogs", memory_mb=512)))
    assert runner.run(services.functions.test("guard", event())).status == 200
    # Figures are counted a moment after the answer.
    wait_for(lambda: answered_by(account) == 1)
    client = account.sandbox.client("lambda")
    seen: list[bool] = []

    # Larger than an event may be before base64, but a call that Lambda still takes.
    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @example(bad={"image": "A" * 6_100_000})
    @given(bad=bad_events)
    def sent(bad: Any) -> None:
        try:
            answer = client.invoke(FunctionName="guard", Payload=json.dumps(bad).encode(), LogType="Tail")
        except ClientError as error:
            # Lambda itself refuses what is no JSON, such as Infinity.
            assert error.response["Error"]["Code"] == "InvalidRequestContentException"
            return
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer and 400 <= payload["statusCode"] < 500, payload
        assert json.loads(payload["body"])["error"]
        seen.append("Init Duration" in base64.b64decode(answer["LogResult"]).decode("utf-8", "replace"))

    sent()
    assert len(seen) >= 250 and not any(seen), "every call found the function warm"
    assert runner.run(services.functions.test("guard", event())).status == 200
    assert wait_for(lambda: (found := answered_by(account)) > 1 and found) == 2, "no bad event reached the endpoint"


def test_an_operators_own_handler_runs_unchanged_as_a_zip(runner: asyncio.Runner, services: Services) -> None:
    async def story() -> TestResult:
        functions = services.functions
        await functions.create(FunctionSpec("course", "dogs"))
        own = check_code("mine.zip", zipped(COURSE))
        assert own.handlers == ("lambda_function.lambda_handler",)
        assert await functions.update_code("course", own, own.handlers[0]) is True
        assert await functions.update_code("course", own, own.handlers[0]) is False
        with pytest.raises(InvalidInput, match="no module gone"):
            await functions.update_code("course", own, "gone.handler")
        return await functions.test("course", '{"url": "https://example.com/dog.jpg"}')

    result = runner.run(story())
    answer = json.loads(result.payload)
    assert (result.ok, answer["statusCode"], len(json.loads(answer["body"]))) == (True, 200, 3)
    assert answer["COntent-Type-In"].startswith("LambdaContext([aws_request_id=")
    assert "Context::: LambdaContext(" in result.log and "Loading Lambda function" in result.log
    (call,) = runner.run(services.functions.calls("course"))
    assert call.ok and call.status is None


def test_an_own_handler_that_is_refused_is_told_with_the_fix(
    runner: asyncio.Runner, services: Services, account: Account
) -> None:
    async def story() -> TestResult:
        await services.functions.create(FunctionSpec("refused", "dogs", allow_endpoint=False))
        own = check_code("mine.zip", zipped(COURSE))
        await services.functions.update_code("refused", own, own.handlers[0])
        return await services.functions.test("refused", "{}")

    result = runner.run(story())
    assert result.function_error == "Unhandled" and result.denial is not None
    assert result.denial.resource.endswith(":endpoint/dogs")
    grant = runner.run(services.grants.propose(result.denial))
    assert grant is not None and grant.role == "refused-role"
    (call,) = runner.run(services.functions.calls("refused"))
    assert call.denial == result.denial


@pytest.mark.parametrize(
    ("name", "code", "cause"),
    [
        ("hangs", "import time\ndef lambda_handler(e, c):\n  time.sleep(600)\n", "Task timed out after 1.00 seconds"),
        ("leaves", "import os\ndef lambda_handler(e, c):\n  os._exit(7)\n", "Runtime exited with error: exit status 7"),
        ("raises", "def lambda_handler(e, c):\n  raise KeyError('x')\n", "KeyError"),
    ],
)
def test_a_handler_that_does_not_answer_is_told_in_the_list_of_calls(
    runner: asyncio.Runner, services: Services, name: str, code: str, cause: str
) -> None:
    async def story() -> TestResult:
        await services.functions.create(FunctionSpec(name, "dogs", timeout_s=1))
        await services.functions.update_code(name, check_code("a.zip", zipped(code)), "lambda_function.lambda_handler")
        return await services.functions.test(name, "{}")

    result = runner.run(story())
    assert result.function_error == "Unhandled" and not result.ok
    (call,) = runner.run(services.functions.calls(name))
    assert (call.ok, call.cause) == (False, cause)


def test_a_zip_that_leaves_its_folder_is_refused_here_and_by_lambda(
    runner: asyncio.Runner, services: Services, account: Account
) -> None:
    evil = zipped("x = 1", "../evil.py")
    with pytest.raises(InvalidInput, match="outside of the function's folder"):
        check_code("evil.zip", evil)
    runner.run(services.functions.create(FunctionSpec("target", "dogs")))
    with pytest.raises(ClientError, match="outside"):
        account.sandbox.client("lambda").update_function_code(FunctionName="target", ZipFile=evil)
