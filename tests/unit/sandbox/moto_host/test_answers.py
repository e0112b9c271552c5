"""What moto answers is looked at as what we answer is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.moto_host.answers import check_answer
from sandbox.wire.answer_check import VARIABLE
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, RestResponse
from sandbox.wire.models import operation_model

CALLER = Caller("arn:aws:iam::123456789012:user/a", "123456789012", "AKIA")
KEYS = "<Status>Active</Status><AccessKeyId>AKIAEXAMPLE123456</AccessKeyId><UserName>u</UserName>"


def answer_of(inner: str) -> RestResponse:
    wrapped = f"<IsTruncated>false</IsTruncated><AccessKeyMetadata><member>{inner}</member></AccessKeyMetadata>"
    result = f"<ListAccessKeysResult>{wrapped}</ListAccessKeysResult>"
    metadata = "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
    return RestResponse(200, {}, f"<ListAccessKeysResponse>{result}{metadata}</ListAccessKeysResponse>".encode())


def call_of() -> Call:
    http: Any = None
    model = operation_model("iam", "ListAccessKeys")
    return Call("iam", "ListAccessKeys", {}, CALLER, "query", http, model)


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (KEYS, ""),
        (KEYS + "<Wrong>1</Wrong>", "the model does not know Wrong"),
        (KEYS.replace("Active<", "Awake<"), "'Awake', which is none of Active, Inactive"),
        (KEYS + "<Status", "botocore cannot read it"),
    ],
)
def test_an_answer_of_motos_that_is_not_in_its_model_is_loud(
    inner: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "deviations"))
    if not words:
        check_answer(call_of(), answer_of(inner))
        return
    with pytest.raises(AwsError, match="AnswerNotInModel") as caught:
        check_answer(call_of(), answer_of(inner))
    assert words in caught.value.message
    assert words in (tmp_path / "deviations").read_text()


def test_a_member_that_is_null_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "deviations"))
    model = operation_model("application-autoscaling", "DescribeScalableTargets")
    http: Any = None
    call = Call("application-autoscaling", "DescribeScalableTargets", {}, CALLER, "json", http, model)
    check_answer(call, RestResponse(200, {}, b'{"ScalableTargets": [], "NextToken": null}'))
    with pytest.raises(AwsError, match="the model does not know Wrong"):
        check_answer(call, RestResponse(200, {}, b'{"ScalableTargets": [], "Wrong": 1}'))
