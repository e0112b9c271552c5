"""Keys that code of the sandbox was given are refused when its endpoint or its function is gone."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.people import TRUST
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

TELL = """
def keys():
    found = boto3.Session().get_credentials().get_frozen_credentials()
    who = boto3.client("sts").get_caller_identity()["Arn"]
    return {"who": who, "keys": [found.access_key, found.secret_key, found.token]}
"""
MODEL = f"import boto3, json\n{TELL}\n" + (
    "def model_fn(model_dir):\n    return 1\n"
    "def input_fn(data, kind):\n    return data\n"
    "def predict_fn(data, model):\n    return keys()\n"
    "def output_fn(answer, accept):\n    return json.dumps(answer)\n"
)
FUNCTION = f"import boto3\n{TELL}\ndef handler(event, context):\n    return keys()\n"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("keys") / "state") as sandbox:
        yield Account(sandbox)


def refused(account: Account, keys: list[str]) -> bool:
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    client = account.sandbox.client("sts", **dict(zip(names, keys, strict=True)))
    try:
        client.get_caller_identity()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidClientTokenId"
        return True
    return False


def test_an_endpoints_keys_end_with_it(account: Account) -> None:
    account.endpoint("asker", {"code/inference.py": MODEL})
    assert account.settled("asker") == "InService"
    told: dict[str, Any] = json.loads(account.invoke("asker"))
    assert told["who"].endswith("/SageMaker") and not refused(account, told["keys"])
    account.sagemaker.delete_endpoint(EndpointName="asker")
    assert account.settled("asker") == "gone"
    assert refused(account, told["keys"])


def test_a_functions_keys_end_with_it(account: Account) -> None:
    role = account.iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("code.py", FUNCTION)
    client = account.sandbox.client("lambda")
    client.create_function(
        FunctionName="asker",
        Runtime="python3.12",
        Role=role,
        Handler="code.handler",
        Code={"ZipFile": data.getvalue()},
        Timeout=30,
    )
    told = json.loads(client.invoke(FunctionName="asker")["Payload"].read())
    assert told["who"].endswith("/asker") and not refused(account, told["keys"])
    client.delete_function(FunctionName="asker")
    wait_for(lambda: refused(account, told["keys"]))
