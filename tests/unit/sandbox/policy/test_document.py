"""What can be kept as a policy."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.policy.document import problem, trust_problem

GOOD = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "wrong"),
    [
        (GOOD, ""),
        ([GOOD, {**GOOD, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}], ""),
        ([], "Statement"),
        (["text"], "Statement"),
        ({**GOOD, "Effect": "allow"}, "Effect"),
        ({**GOOD, "NotAction": "s3:*"}, "Action"),
        ({"Effect": "Allow", "Action": "s3:*"}, "Resource"),
        ({**GOOD, "Resource": [1]}, "Resource"),
        ({**GOOD, "Principal": "*"}, "principal"),
        ({**GOOD, "Condition": ["x"]}, "Condition"),
        ({**GOOD, "Actions": "x"}, "Unknown field Actions"),
    ],
)
def test_the_outer_form_of_a_policy(statements: Any, wrong: str) -> None:
    found = problem({"Version": "2012-10-17", "Statement": statements}, for_resource=False)
    assert wrong in found if wrong else found == ""


def test_a_resource_policy_names_a_principal() -> None:
    assert "Principal" in problem({"Statement": GOOD}, for_resource=True)
    assert problem({"Statement": {**GOOD, "Principal": "*"}}, for_resource=True) == ""
    assert problem([], for_resource=True) and problem({"Version": "1", "Statement": GOOD}, for_resource=False)


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "sts:AssumeRole"}, ""),
        ({"Effect": "Allow", "Principal": "*", "Action": ["sts:AssumeRole", "sts:TagSession"]}, ""),
        ({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}, "may only specify STS AssumeRole actions"),
        (
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"},
            "prohibited field Resource",
        ),
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "Principal"),
        ("some policy", "Statement is not"),
        ([], "Missing required field Statement"),
    ],
)
def test_trust_policies(document: Any, wrong: str) -> None:
    found = trust_problem({"Version": "2012-10-17", "Statement": document})
    assert wrong in found and bool(wrong) == bool(found)
    assert trust_problem("some policy") == "Syntax errors in policy."
