from __future__ import annotations

import json

import pytest

from workers.access.grants import Denial, broad_reasons, diff_lines, parse_denial, render, with_statement

ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs"
REFUSED = (
    "User: arn:aws:sts::123456789012:assumed-role/dog-predict-role/dog-predict is not authorized to perform: "
    f"sagemaker:InvokeEndpoint on resource: {ENDPOINT} because no identity-based policy allows the "
    "sagemaker:InvokeEndpoint action"
)


def test_a_refusal_is_read_from_awss_wording() -> None:
    assert parse_denial(json.dumps({"errorMessage": REFUSED})) == Denial(
        "arn:aws:sts::123456789012:assumed-role/dog-predict-role/dog-predict", "sagemaker:InvokeEndpoint", ENDPOINT
    )
    without = parse_denial("User: arn:aws:iam::1:user/a is not authorized to perform: s3:ListAllMyBuckets because")
    assert without is not None and without.resource == "*"
    assert parse_denial("Task timed out after 3.00 seconds") is None


@pytest.mark.parametrize(
    ("principal", "role"),
    [
        ("arn:aws:sts::123456789012:assumed-role/dog-predict-role/dog-predict", "dog-predict-role"),
        ("arn:aws:iam::123456789012:role/service-role/train", "train"),
        ("arn:aws:iam::123456789012:user/operator", ""),
    ],
)
def test_the_role_behind_a_principal(principal: str, role: str) -> None:
    assert Denial(principal, "a:B", "*").role == role


def test_the_grant_adds_one_statement_and_the_diff_shows_just_that() -> None:
    before = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "x"}],
    }
    after = with_statement(before, "sagemaker:InvokeEndpoint", ENDPOINT)
    assert after["Statement"][:1] == before["Statement"]
    added = [line.text for line in diff_lines(before, after) if line.mark == "+"]
    assert len(added) == 2 and ENDPOINT in added[1]
    assert json.loads("".join(render(after))) == after


def test_without_a_policy_every_line_is_new() -> None:
    lines = diff_lines(None, with_statement(None, "s3:GetObject", "arn:aws:s3:::b/*"))
    assert {line.mark for line in lines} == {"+"}


@pytest.mark.parametrize(
    ("statement", "broad"),
    [
        ({"Effect": "Allow", "Action": "sagemaker:*", "Resource": ENDPOINT}, True),
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": ENDPOINT}, False),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/in/*"}, False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
    ],
)
def test_broader_than_needed(statement: dict[str, object], broad: bool) -> None:
    assert bool(broad_reasons({"Statement": [statement]})) is broad
