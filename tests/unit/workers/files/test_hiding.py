"""What is secret never gets into a log, a toast or a line to copy; what is not stays as it is."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from workers.files.hiding import HIDDEN, hidden, hidden_text

SECRET = "hunter2-correct-horse"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{SECRET}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "parameters",
    [
        {"Environment": {"Variables": {"DB_PASSWORD": SECRET}}},
        {"Environment": {"Variables": {"API_KEY": SECRET, "ENDPOINT_NAME": "dogs"}}},
        {"Environment": {"Variables": {"GITHUB_TOKEN": SECRET}}},
        {"Environment": {"Variables": {"DATABASE": f"postgres://dogs:{SECRET}@db:5432/dogs"}}},
        {"Environment": {"WANDB_API_KEY": SECRET}},
        {"Environment": {"DB_PASS": SECRET}},
        {"HyperParameters": {"client_secret": SECRET}},
        {"SecretString": SECRET},
        {"Password": SECRET},
        {"PrivateKey": PEM},
        {"Certificate": f"x\n{PEM}\n"},
        {"Tags": [{"Key": "db-password", "Value": SECRET}]},
        {"Parameters": {"commands": [f"export AWS_SECRET_ACCESS_KEY={SECRET}", f"curl -H 'Authorization: {SECRET}'"]}},
        {"Parameters": {"commands": [f"mysql --password={SECRET}"]}},
        {"Policy": json.dumps({"password": f"with blanks {SECRET}"})},
        {"Url": f"https://b.s3.amazonaws.com/k?X-Amz-Signature={SECRET}"},
        {"Header": f"Bearer {SECRET}"},
        {"Body": SECRET.encode()},
        {"nested": [{"deep": ({"connectionString": SECRET},)}]},
        {"ContainerDefinitions": [{"environment": [{"name": "TOKEN", "value": SECRET}]}]},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_no_secret_is_kept(parameters: dict[str, Any]) -> None:
    assert SECRET not in json.dumps(hidden(parameters))


@pytest.mark.parametrize("text", [f"#!/bin/sh\nexport DB_PASSWORD={SECRET}", f"export TOKEN={SECRET}", PEM])
def test_user_data_that_holds_a_secret_goes_as_a_whole_encoded_or_not(text: str) -> None:
    for data in (text, base64.b64encode(text.encode()).decode()):
        assert hidden({"UserData": data}) == {"UserData": HIDDEN}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"export HF_TOKEN={SECRET}; python train.py", f"export HF_TOKEN={HIDDEN}; python train.py"),
        (f"MYSQL_PWD='{SECRET} and more' mysql", f"MYSQL_PWD={HIDDEN} mysql"),
        (f"AWS_SECRET={SECRET}", f"AWS_SECRET={HIDDEN}"),
        (f"python push.py --hub-token {SECRET} --epochs 3", f"python push.py --hub-token {HIDDEN} --epochs 3"),
        (f"python push.py --hub-token={SECRET}", f"python push.py --hub-token={HIDDEN}"),
        (f'DB_PASS="{SECRET}"', f"DB_PASS={HIDDEN}"),
    ],
)
def test_a_command_says_all_but_the_secret(text: str, kept: str) -> None:
    assert hidden_text(text) == kept and hidden({"commands": [text]}) == {"commands": [kept]}
    assert hidden_text(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "aws sagemaker list-models --next-token page2 --max-items 5", "epochs=3 tokenizer=none max_tokens=100",
        "aws iam get-role --role-name dogs", "secret-id=x --secret-id dogs", "The token expired",
        "aws ec2 run-instances --client-token abc --key-name laptop", "login --no-password --user dogs",
    ],
)  # fmt: skip
def test_a_command_without_a_secret_stays(text: str) -> None:
    assert hidden_text(text) == text


@pytest.mark.parametrize(
    "text", [JWT, "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, "xoxb-1234567890-abcdef", PEM], ids=lambda text: text[:6]
)
def test_what_looks_like_a_secret_goes_whatever_it_is_called(text: str) -> None:
    assert text not in hidden_text(f"see {text} there") and text not in json.dumps(hidden({"Note": text}))


@pytest.mark.parametrize(
    "parameters",
    [
        {"EndpointName": "dogs", "ClientRequestToken": "abc-123", "Tags": [{"Key": "team", "Value": "vision"}]},
        {"NextToken": "page2", "KeyName": "laptop", "SecretArn": "arn:aws:secretsmanager:us-east-1:1:secret:x"},
        {"MetadataOptions": {"HttpTokens": "required"}, "PasswordResetRequired": True, "Count": 3, "Share": 0.5},
        {"Environment": {"Variables": {"ENDPOINT_NAME": "dogs", "TOP_K": "5"}}, "Nothing": None},
        {"HyperParameters": {"learning-rate": "0.001", "tokenizer": "none", "key-size": "3"}},
        {"UserData": base64.b64encode(b"#!/bin/sh\nshutdown -h +60").decode()},
        {"ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "PolicyName": "basic authentication"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_what_is_no_secret_stays(parameters: dict[str, Any]) -> None:
    assert hidden(parameters) == parameters


def test_all_of_it_is_plain_json() -> None:
    given = {
        "At": datetime(2026, 1, 31, tzinfo=UTC),
        "Size": Decimal("1.5"),
        "Body": b"12345",
        "Set": {"x"},
        "File": open,
    }
    assert json.loads(json.dumps(hidden(given))) == {
        "At": "2026-01-31T00:00:00+00:00", "Size": "1.5", "Body": "[5 bytes]", "Set": ["x"], "File": "[a file]",
    }  # fmt: skip
    assert hidden({"DbPassword": ""}) == {"DbPassword": ""} and hidden({"DbPassword": "x"}) == {"DbPassword": HIDDEN}
