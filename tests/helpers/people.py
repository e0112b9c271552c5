"""People of a sandbox's account for tests: roles with a policy of their own, and what they are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.sagemaker_jobs import Account

ACCOUNT = "123456789012"
ANYBODY = {"AWS": f"arn:aws:iam::{ACCOUNT}:root", "Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": ANYBODY, "Action": "sts:AssumeRole"}]}


def allow(action: Any, resource: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


class Person:
    """A role of its own for a test, its policy, and clients that use it."""

    def __init__(self, account: Account, name: str, *statements: dict[str, Any]) -> None:
        self.account, self.name = account, name
        self.arn = account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        self.may(*statements)
        self.session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/test"
        self.keys = account.sandbox.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="test")["Credentials"]

    def may(self, *statements: dict[str, Any]) -> None:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        if statements:
            self.account.iam.put_role_policy(RoleName=self.name, PolicyName="p", PolicyDocument=json.dumps(document))

    def client(self, service: str) -> Any:
        return self.account.sandbox.client(
            service,
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            aws_session_token=self.keys["SessionToken"],
        )


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    found = error.value.response["Error"]
    return str(found["Code"]), str(found.get("Message", ""))
