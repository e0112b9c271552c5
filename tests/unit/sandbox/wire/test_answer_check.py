"""An answer that is not as its model says is loud, and leaves a line for the test that did not look."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.wire.answer_check import VARIABLE, check_answer
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import operation_model
from sandbox.wire.render import render

ROLE = {"Path": "/", "RoleName": "r", "RoleId": "AROAEXAMPLE123456", "Arn": "arn:aws:iam::123456789012:role/r"}


@pytest.fixture(autouse=True)
def deviations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where these tests' deviations go: they are meant."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "deviations"))
    return tmp_path / "deviations"


@pytest.mark.parametrize(
    ("service", "operation", "protocol", "members", "words"),
    [
        ("iam", "GetRole", "query", {"Role": {**ROLE, "CreateDate": None}}, ".Role.CreateDate is missing"),
        ("iam", "GetRole", "query", {"Role": {**ROLE, "CreateDate": 0, "Rolle": 1}}, ".Role.Rolle is not in Role"),
        ("iam", "GetRole", "query", {"Role": {**ROLE, "CreateDate": datetime(2026, 1, 1)}}, "a time without a zone"),
        ("iam", "DeleteRole", "query", {"Role": 1}, "Role is given, and the operation has no output"),
        ("sagemaker", "ListModels", "json", {"Models": {}}, ".Models is no list but {}"),
        (
            "sagemaker",
            "DescribeEndpoint",
            "json",
            {"EndpointStatus": "Ready"},
            "'Ready', which is none of OutOfService",
        ),
        ("logs", "GetLogEvents", "json", {"events": [{"timestamp": "1"}]}, ".events[0].timestamp is no long but '1'"),
        ("logs", "GetLogEvents", "json", {"events": [None]}, ".events[0] is no structure but None"),
        ("lambda", "GetPolicy", "rest-json", {"Policy": True}, ".Policy is no string but True"),
        ("cloudwatch", "ListMetrics", "cbor", {"Metrics": [{"MetricName": 5}]}, "MetricName is no string but 5"),
        ("ec2", "DescribeInstances", "ec2", {"Reservations": "x"}, ".Reservations is no list but 'x'"),
        ("s3", "HeadObject", "rest-xml", {"ContentLength": "1"}, ".ContentLength is no long but '1'"),
        ("lambda", "GetFunction", "rest-json", {"Tags": ["a"]}, ".Tags is no map but ['a']"),
    ],
)
def test_a_deviation_is_an_error_and_a_line(
    service: str, operation: str, protocol: str, members: dict[str, Any], words: str, deviations: Path
) -> None:
    with pytest.raises(AwsError, match="AnswerNotInModel") as caught:
        render(service, operation, protocol, members, "R")
    assert words in caught.value.message
    assert caught.value.status == 500
    assert deviations.read_text() == caught.value.message + "\n"


def test_what_botocore_reads_otherwise_than_it_was_given_is_a_deviation() -> None:
    operation = operation_model("sts", "GetCallerIdentity")
    wrapped = b"<R><GetCallerIdentityResult><Account>2</Account></GetCallerIdentityResult></R>"
    with pytest.raises(AwsError, match="Account is '1', read was '2'"):
        check_answer(operation, "query", {"Account": "1"}, RestResponse(200, {}, wrapped))
    with pytest.raises(AwsError, match="botocore cannot read it"):
        check_answer(operation, "query", {"Account": "1"}, RestResponse(200, {}, b"<R></R>"))


def test_good_answers_pass_and_leave_no_line(deviations: Path) -> None:
    render("iam", "GetRole", "query", {"Role": {**ROLE, "CreateDate": 1.25}}, "R")
    render("iam", "ListRoles", "query", {"Roles": [], "IsTruncated": False}, "R")
    render("cloudwatch", "GetMetricData", "cbor", {"MetricDataResults": [{"Timestamps": [1.5], "Values": [2]}]}, "R")
    render("s3", "GetObject", "rest-xml", {"Body": b"\xff", "Metadata": {"a": "b"}, "ETag": '"e"'}, "R")
    render("lambda", "Invoke", "rest-json", {"StatusCode": 200, "Payload": b"\xff"}, "R")
    attached = {"InternetGateways": [{"Attachments": [{"State": "available", "VpcId": "vpc-1"}]}]}
    render("ec2", "DescribeInternetGateways", "ec2", attached, "R")
    assert not deviations.exists()


def test_a_key_that_xml_cannot_carry_is_no_deviation(deviations: Path) -> None:
    render("s3", "ListObjectsV2", "rest-xml", {"Contents": [{"Key": "a\x01b"}]}, "R")
    assert not deviations.exists()
