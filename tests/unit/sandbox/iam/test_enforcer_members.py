"""What is authorized is what is carried out: every member that names a resource is asked about, no other can be."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import ServiceModel
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.iam.needs import Need, needs_of
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from tests.helpers.calls import FORM, NAMES, read, request_of, target_header
from tests.helpers.needs import ROLE, SAGEMAKER, json_call, needs, query_call

# The members that name a resource of the kinds that the sandbox keeps.
NAMING = {
    "sagemaker": (
        "TrainingJobName",
        "HyperParameterTuningJobName",
        "EndpointConfigName",
        "EndpointName",
        "ModelName",
        "ResourceArn",
    ),
    "iam": ("RoleName", "UserName", "GroupName", "InstanceProfileName", "PolicyArn"),
    "logs": ("logGroupName", "logGroupIdentifier", "logStreamName"),
    "lambda": ("FunctionName", "Resource"),
}
# AWS asks about another resource of these (Service Authorization Reference): lists are asked about as a whole, a
# member of a group through its group, and the rest is not offered here.
NOT_ASKED = {
    ("iam", "AddUserToGroup", "UserName"),
    ("iam", "RemoveUserFromGroup", "UserName"),
    ("iam", "RemoveRoleFromInstanceProfile", "RoleName"),
    ("lambda", "ListEventSourceMappings", "FunctionName"),
    ("logs", "DescribeQueries", "logGroupName"),
    ("sagemaker", "CreateEdgePackagingJob", "ModelName"),
    ("sagemaker", "CreateInferenceComponent", "EndpointName"),
    ("sagemaker", "CreateInferenceExperiment", "EndpointName"),
    ("sagemaker", "CreateTransformJob", "ModelName"),
    ("sagemaker", "DeleteEndpointPolicy", "EndpointName"),
    ("sagemaker", "GetEndpointPolicy", "EndpointName"),
    ("sagemaker", "GetScalingConfigurationRecommendation", "EndpointName"),
    ("sagemaker", "PutEndpointPolicy", "EndpointName"),
}


@cache
def model_of(service: str) -> ServiceModel:
    return Session().get_service_model(service)


def text_members(service: str, operation: str) -> dict[str, Any]:
    shape = model_of(service).operation_model(operation).input_shape
    return {name: of for name, of in shape.members.items() if of.type_name == "string"} if shape is not None else {}


def call_of(service: str, operation: str, params: dict[str, Any]) -> Call:
    if service == "lambda":
        model = model_of("lambda").operation_model(operation)
        path = model.http["requestUri"]
        for name, of in text_members("lambda", operation).items():
            if of.serialization.get("location") == "uri":
                path = path.replace("{" + of.serialization.get("name", name) + "}", params.get(name, "x"))
        sent = {name: value for name, value in params.items() if "{" + name + "}" not in model.http["requestUri"]}
        return read(request_of("lambda", model.http["method"], path, json.dumps(sent).encode()))
    if service == "iam":
        return read(request_of("iam", "POST", "/", urlencode({"Action": operation, **params}).encode(), FORM))
    return read(request_of(service, "POST", "/", json.dumps(params).encode(), target_header(service, operation)))


def asked(service: str, operation: str, params: dict[str, str]) -> list[Need] | None:
    return needs_of(call_of(service, operation, params), NAMES)


@pytest.mark.parametrize("service", sorted(NAMING))
def test_every_member_that_names_a_resource_is_asked_about(service: str) -> None:
    """Of every operation that AWS's model has; one that nobody decides about is refused to everybody."""
    seen, silent = 0, []
    for operation in model_of(service).operation_names:
        names = [name for name in NAMING[service] if name in text_members(service, operation)]
        for name in names:
            if (service, operation, name) in NOT_ASKED or (service == "sagemaker" and operation.startswith("List")):
                continue
            # A group is named in one of two ways, never in both.
            others = (
                {}
                if name == "logGroupIdentifier"
                else {member: "x" for member in names if member != "logGroupIdentifier"}
            )
            seen += 1
            first = asked(service, operation, others | {name: "one"})
            if first is not None and first == asked(service, operation, others | {name: "two"}):
                silent.append(f"{operation}.{name}")
    assert seen > 20 and silent == []


STRANGE = ["UserName", "GroupName", "RoleName", "ResourceArn", "EndpointName", "ModelName", "PolicyArn", "Foreign"]
CALLS: list[tuple[str, str, dict[str, str]]] = [
    ("iam", "AttachRolePolicy", {"RoleName": "victim", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("iam", "PutRolePolicy", {"RoleName": "victim", "PolicyName": "p", "PolicyDocument": "{}"}),
    ("iam", "UpdateAssumeRolePolicy", {"RoleName": "victim", "PolicyDocument": "{}"}),
    ("iam", "CreateAccessKey", {"UserName": "victim"}),
    ("sagemaker", "DeleteEndpointConfig", {"EndpointConfigName": "victim"}),
    ("sagemaker", "DeleteModel", {"ModelName": "victim"}),
    ("sagemaker", "StopTrainingJob", {"TrainingJobName": "victim"}),
    ("logs", "DeleteLogGroup", {"logGroupName": "victim"}),
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CALLS), st.dictionaries(st.sampled_from(STRANGE), st.sampled_from(["me", ROLE]), min_size=1))
def test_a_member_that_the_operation_has_not_is_refused_before_anybody_decides(
    call: tuple[str, str, dict[str, str]], added: dict[str, str]
) -> None:
    service, operation, params = call
    strange = {name: value for name, value in added.items() if name not in text_members(service, operation)}
    if strange:
        with pytest.raises(AwsError, match=r"has no parameter|Unknown parameter"):
            call_of(service, operation, strange | params)
    assert call_of(service, operation, params).members == params


def test_a_form_in_the_url_is_no_way_round() -> None:
    with pytest.raises(AwsError, match="DeleteRole has no parameter UserName"):
        needs("iam", "POST", "/?UserName=me", urlencode({"Action": "DeleteRole", "RoleName": "victim"}).encode(), FORM)


def test_what_the_known_ways_round_asked_about() -> None:
    assert json_call("sagemaker", "DeleteModel", ModelName="m") == [("sagemaker:DeleteModel", SAGEMAKER + "model/m")]
    with pytest.raises(AwsError, match=r"Unknown parameter in input: ResourceArn.*DeleteModel"):
        json_call("sagemaker", "DeleteModel", ModelName="m", ResourceArn="arn:mine")
    group = query_call("iam", "AddUserToGroup", GroupName="admins", UserName="me")
    assert group == [("iam:AddUserToGroup", "arn:aws:iam::123456789012:group/admins")]
    profile = query_call("iam", "AddRoleToInstanceProfile", InstanceProfileName="p", RoleName="strong")
    assert profile[1] == ("iam:PassRole", "arn:aws:iam::123456789012:role/path/strong")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("data1/a.jpg", ("s3:GetObject", "arn:aws:s3:::data1/a.jpg")),
        ("/data1/a%20b.jpg", ("s3:GetObject", "arn:aws:s3:::data1/a b.jpg")),
        ("data1/a+b.jpg", ("s3:GetObject", "arn:aws:s3:::data1/a+b.jpg")),
        ("data1/a%3Fb.jpg", ("s3:GetObject", "arn:aws:s3:::data1/a?b.jpg")),
        ("data1/a.jpg?versionId=v1", ("s3:GetObjectVersion", "arn:aws:s3:::data1/a.jpg")),
        ("data1/secret.key?x.jpg", None),
        ("data1/secret.key?versionId=", None),
        ("data1/secret.key?versionId=v1&x=.jpg", None),
        ("data1/secret.key?VersionId=v1", None),
        ("data1/secret.key?", None),
        ("data1/%FF", None),
        ("data1", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("query", ["", "?partNumber=1&uploadId=u"])
def test_a_copy_asks_for_the_object_that_it_reads(header: str, wanted: tuple[str, str] | None, query: str) -> None:
    headers = {"x-amz-copy-source": header}
    if wanted is None:
        with pytest.raises(AwsError, match="InvalidArgument"):
            needs("s3", "PUT", "/b/k" + query, headers=headers)
    else:
        assert needs("s3", "PUT", "/b/k" + query, headers=headers)[1][:2] == wanted


def test_deleting_a_version_asks_for_its_own_permission() -> None:
    body = (
        b"<Delete><Object><Key>a</Key><VersionId>1</VersionId></Object><Object><Key>a</Key></Object>"
        b"<Other><Key>not deleted</Key></Other></Delete>"
    )
    assert [need[:2] for need in needs("s3", "POST", "/b?delete", body)] == [
        ("s3:DeleteObjectVersion", "arn:aws:s3:::b/a"),
        ("s3:DeleteObject", "arn:aws:s3:::b/a"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/2015-03-31/functions", {"FunctionName": "f", "Code": {"S3Bucket": "b", "S3Key": "k"}}),
        ("PUT", "/2015-03-31/functions/f/code", {"S3Bucket": "b", "S3Key": "k"}),
        ("PUT", "/2015-03-31/functions/f/code", {"S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "v"}),
    ],
)
def test_code_from_s3_is_read_with_the_callers_permission(method: str, path: str, body: dict[str, Any]) -> None:
    version = "Version" if "S3ObjectVersion" in body else ""
    found = [need[:2] for need in needs("lambda", method, path, json.dumps(body).encode())]
    assert (f"s3:GetObject{version}", "arn:aws:s3:::b/k") in found


@pytest.mark.parametrize(
    "name",
    ["f", "123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f"],
)
def test_every_way_to_name_a_function_is_the_same_function(name: str) -> None:
    path = f"/2015-03-31/functions/{name.replace(':', '%3A')}"
    whole = "arn:aws:lambda:us-east-1:123456789012:function:f"
    assert needs("lambda", "GET", path)[0][1] == whole
    assert needs("lambda", "POST", f"{path}%3Alive/invocations")[0][1] == f"{whole}:live"
    assert needs("lambda", "POST", f"{path}/invocations?Qualifier=live")[0][1] == f"{whole}:live"


@pytest.mark.parametrize(
    "foreign",
    ["arn:aws:lambda:eu-west-1:123456789012:function:f", "arn:aws:lambda:us-east-1:999999999999:function:f"],
)
def test_a_function_elsewhere_is_not_this_one(foreign: str) -> None:
    with pytest.raises(AwsError, match="Function not found"):
        needs("lambda", "POST", f"/2015-03-31/functions/{foreign.replace(':', '%3A')}/invocations")


def test_a_log_group_is_named_once_and_by_a_whole_arn() -> None:
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/secret:*"
    wanted = [("logs:FilterLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/secret:log-stream:")]
    assert json_call("logs", "FilterLogEvents", logGroupIdentifier=arn) == wanted
    with pytest.raises(AwsError, match="together"):
        json_call("logs", "FilterLogEvents", logGroupName="/open", logGroupIdentifier="/secret")
    with pytest.raises(AwsError, match="InvalidParameterException"):
        json_call("logs", "FilterLogEvents", logGroupIdentifier="arn:a:b:c:d:e:/secret")
