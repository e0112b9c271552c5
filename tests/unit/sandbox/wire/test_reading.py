"""Requests of every protocol come out as they went in, and what could be read in two ways is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore
import pytest

from sandbox.wire.errors import AwsError
from sandbox.wire.form import from_form
from sandbox.wire.models import operation_model
from sandbox.wire.reading import check
from tests.helpers.aws_requests import client, operations, parameters, written
from tests.helpers.calls import FORM, read, request_of, target_header

# One service of each protocol at least; of EC2, which has many hundreds, what an operator uses.
EC2 = ("RunInstances", "DescribeInstances", "TerminateInstances", "CreateTags", "AuthorizeSecurityGroupIngress")
EVERY = [
    *(("ec2", operation) for operation in EC2),
    *(
        (service, operation)
        for service in ("sts", "iam", "cloudwatch", "logs", "resourcegroupstaggingapi", "service-quotas", "pricing")
        for operation in operations(service)
    ),
    *(("sagemaker", operation) for operation in operations("sagemaker")[::7]),
    *((service, operation) for service in ("lambda", "sagemaker-runtime") for operation in operations(service)),
]
GIVEN = {"FunctionName": "fn", "EndpointName": "e"}


def plain(value: Any) -> Any:
    """Without what the wire cannot tell apart: what is empty, and the texts of a blob."""
    if isinstance(value, dict):
        return {key: item for key, item in ((key, plain(item)) for key, item in value.items()) if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(plain, value) if item not in ({}, [])]
    return value.encode() if value == "data" else value


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_a_request_of_botocore_is_read_as_it_was_meant(service: str, operation: str) -> None:
    for everything in (False, True):
        params = parameters(service, operation, GIVEN, everything)
        request = written(service, operation, params)
        request.service = client(service).meta.service_model.signing_name
        if service == "sagemaker-runtime" and operation != "InvokeEndpoint" and "/endpoints/" not in request.raw_path:
            continue
        call = read(request)
        assert call.operation == operation
        assert plain(call.members) == plain(params)


def form(*pairs: tuple[str, str], of: tuple[str, str] = ("cloudwatch", "PutMetricData")) -> Any:
    return from_form(operation_model(*of), list(pairs), of[0] == "ec2")


def test_lists_maps_and_types_of_a_form() -> None:
    assert form(
        ("Namespace", "N"),
        ("MetricData.member.1.MetricName", "m"),
        ("MetricData.member.1.Value", "1.5"),
        ("MetricData.member.1.Timestamp", "2026-01-02T00:00:00Z"),
        ("MetricData.member.1.Dimensions.member.1.Name", "d"),
        ("MetricData.member.1.Dimensions.member.1.Value", "v"),
        ("MetricData.member.2.MetricName", "n"),
    ) == {
        "Namespace": "N",
        "MetricData": [
            {
                "MetricName": "m",
                "Value": 1.5,
                "Timestamp": datetime(2026, 1, 2, tzinfo=UTC),
                "Dimensions": [{"Name": "d", "Value": "v"}],
            },
            {"MetricName": "n"},
        ],
    }
    names = form(("ActionNames.member.10", "j"), ("ActionNames.member.9", "i"), of=("iam", "SimulateCustomPolicy"))
    assert names == {"ActionNames": ["i", "j"]}
    entries = form(("Attributes.entry.1.key", "k"), ("Attributes.entry.1.value", "w"), of=("sns", "CreateTopic"))
    assert entries == {"Attributes": {"k": "w"}}
    instances = form(("InstanceId.1", "i-1"), ("DryRun", "true"), of=("ec2", "StopInstances"))
    assert instances == {"InstanceIds": ["i-1"], "DryRun": True}


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([("Namespace", "a"), ("Namespace", "b")], "MalformedQueryString"),
        ([("Namespace", "a"), ("Namespace.b", "2")], "MalformedQueryString"),
        ([("Namespace.b", "2"), ("Namespace", "a")], "MalformedQueryString"),
        ([("Namespace.member.1", "a")], "MalformedQueryString"),
        ([("MetricData", "a")], "MalformedQueryString"),
        ([("MetricData.member", "a")], "MalformedQueryString"),
        ([("MetricData.1.MetricName", "a")], "InvalidParameterValue"),
        ([("MetricData.member.01.MetricName", "a")], "InvalidParameterValue"),
        ([("MetricData.member.0.MetricName", "a")], "InvalidParameterValue"),
        ([("MetricData.member.x.MetricName", "a")], "InvalidParameterValue"),
        ([("MetricData.member.1.Strange", "a")], "InvalidParameterValue"),
        ([("MetricData.member.1.Value", "x")], "ValidationError"),
        ([("MetricData.member.1.StorageResolution", "1_0")], "ValidationError"),
        ([("Foreign", "a")], "InvalidParameterValue"),
        ([(".".join("a" * 50), "a")], "MalformedQueryString"),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(pairs: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        form(*pairs)
    assert caught.value.code == code


def test_a_newer_sdk_is_told_whose_members_the_sandbox_knows() -> None:
    known = f"botocore {botocore.__version__}"
    sagemaker = request_of("sagemaker", "POST", "/", b'{"New": 1}', target_header("sagemaker", "Search"))
    functions = request_of("lambda", "GET", "/2015-03-31/functions?New=1")
    for request in (sagemaker, functions):
        with pytest.raises(AwsError, match=f"New.*{known}"):
            read(request)
    with pytest.raises(AwsError, match=f"New.*{known}"):
        form(("New", "1"))


@pytest.mark.parametrize("document", [{"Foreign": 1}, {"SearchExpression": {"Foreign": 1}}, {"Foreign": None}])
def test_a_strange_member_is_refused_at_any_depth(document: dict[str, Any]) -> None:
    body = json.dumps({"Resource": "TrainingJob", **document}).encode()
    with pytest.raises(AwsError, match=r"Unknown parameter in input: .*Foreign.*Search"):
        read(request_of("sagemaker", "POST", "/", body, target_header("sagemaker", "Search")))


@pytest.mark.parametrize(
    ("service", "headers"),
    [
        ("sagemaker", {}),
        ("sagemaker", FORM),
        ("lambda", {"x-amz-target": "Lambda.ListFunctions"}),
        ("iam", {"smithy-protocol": "rpc-v2-cbor"}),
    ],
)
def test_a_protocol_that_the_service_does_not_speak_is_refused(service: str, headers: dict[str, str]) -> None:
    body = urlencode({"Action": "ListModels"}).encode() if headers == FORM else b"{}"
    with pytest.raises(AwsError) as caught:
        read(request_of(service, "POST", "/", body, headers))
    assert caught.value.code in ("InvalidRequest", "InvalidAction")


def test_a_deep_document_is_a_fault_of_the_request() -> None:
    body = '{"Resource": "TrainingJob", "SearchExpression": ' + '{"SubExpressions": [' * 400 + "{}" + "]}" * 400 + "}"
    with pytest.raises(AwsError) as caught:
        check(read(request_of("sagemaker", "POST", "/", body.encode(), target_header("sagemaker", "Search"))))
    assert caught.value.status == 400


@pytest.mark.parametrize("operation", ["CreateHostedZone", "ListHostedZones", "GetHostedZone"])
def test_an_xml_body_is_left_to_moto(operation: str) -> None:
    request = written("route53", operation, parameters("route53", operation, {"Id": "Z1"}, everything=True))
    call = check(read(request))
    assert (call.operation, call.protocol) == (operation, "rest-xml")
    assert call.members.get("Id") == ("Z1" if operation == "GetHostedZone" else None)


def test_members_of_the_path_are_not_taken_from_the_body() -> None:
    body = json.dumps({"FunctionName": "mine", "Name": "live", "FunctionVersion": "1"}).encode()
    with pytest.raises(AwsError, match="FunctionName in its body"):
        read(request_of("lambda", "POST", "/2015-03-31/functions/victim/aliases", body))


@pytest.mark.parametrize("value", ["\\ud800", "\\udc80x"])
def test_half_a_character_is_no_text(value: str) -> None:
    body = f'{{"TrainingJobName": "{value}"}}'.encode()
    request = request_of("sagemaker", "POST", "/", body, target_header("sagemaker", "DescribeTrainingJob"))
    with pytest.raises(AwsError, match="SerializationException"):
        read(request)
    whole = request_of(
        "sagemaker", "POST", "/", b'{"NameContains": "\\ud83d\\udc15"}', target_header("sagemaker", "ListTrainingJobs")
    )
    assert read(whole).members == {"NameContains": "\U0001f415"}


def test_a_number_that_is_none_is_no_json() -> None:
    for word in ("NaN", "Infinity", "-Infinity"):
        request = request_of(
            "sagemaker", "POST", "/", f'{{"MaxResults": {word}}}'.encode(), target_header("sagemaker", "ListModels")
        )
        with pytest.raises(AwsError, match="SerializationException"):
            read(request)
