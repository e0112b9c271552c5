"""AWS-RunShellScript's parameters, as SSM checks them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ssm.documents import check_document, check_parameters, content, described
from sandbox.wire.errors import AwsError


@given(st.integers(-10, 200_000))
def test_the_execution_timeout_is_one_second_to_two_days(seconds: int) -> None:
    given_ = {"commands": ["true"], "executionTimeout": [str(seconds)]}
    if 1 <= seconds <= 172_800:
        assert check_parameters(given_)["executionTimeout"] == [str(seconds)]
        return
    with pytest.raises(AwsError) as refused:
        check_parameters(given_)
    assert refused.value.code == "InvalidParameters"


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"commands": []},
        {"workingDirectory": ["/"]},
        {"commands": ["true"], "command": ["false"]},
        {"commands": ["true"], "executionTimeout": ["10", "20"]},
        {"commands": ["true"], "executionTimeout": ["soon"]},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any] | None) -> None:
    with pytest.raises(AwsError) as refused:
        check_parameters(wrong)
    assert refused.value.code == "InvalidParameters"


def test_what_is_not_said_has_the_documents_defaults() -> None:
    assert check_parameters({"commands": ["true"]}) == {
        "commands": ["true"],
        "workingDirectory": [""],
        "executionTimeout": ["3600"],
    }


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("AWS-RunShellScript", None),
        ("arn:aws:ssm:us-east-1::document/AWS-RunShellScript", None),
        ("AWS-RunPowerShellScript", "UnsupportedPlatformType"),
        ("my-document", "InvalidDocument"),
    ],
)
def test_one_document_runs(name: str, code: str | None) -> None:
    if code is None:
        check_document(name)
        return
    with pytest.raises(AwsError) as refused:
        check_document(name)
    assert refused.value.code == code


def test_the_document_can_be_read() -> None:
    assert set(json.loads(content())["parameters"]) == {parameter["Name"] for parameter in described()["Parameters"]}
