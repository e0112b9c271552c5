"""Which permissions a request needs, from AWS's Service Authorization Reference."""

from __future__ import annotations

import json

import pytest

from sandbox.iam.needs import needs_of
from sandbox.iam.refusal import refusal
from sandbox.policy.evaluate import Decision
from sandbox.wire.errors import AwsError
from tests.helpers.calls import NAMES, read, request_of
from tests.helpers.needs import ACCOUNT, ROLE, SAGEMAKER, json_call, needs, query_call

LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"


@pytest.mark.parametrize(
    ("method", "target", "headers", "wanted"),
    [
        ("GET", "/", {}, [("s3:ListAllMyBuckets", "arn:aws:s3:::*")]),
        ("GET", "/b/k%20y", {}, [("s3:GetObject", "arn:aws:s3:::b/k y")]),
        ("HEAD", "/b/a/k", {}, [("s3:GetObject", "arn:aws:s3:::b/a/k")]),
        ("PUT", "/b/k", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("POST", "/b/k?uploads", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("DELETE", "/b/k?uploadId=u", {}, [("s3:AbortMultipartUpload", "arn:aws:s3:::b/k")]),
        ("DELETE", "/b/k", {}, [("s3:DeleteObject", "arn:aws:s3:::b/k")]),
        ("GET", "/b/k?tagging", {}, [("s3:GetObjectTagging", "arn:aws:s3:::b/k")]),
        (
            "PUT",
            "/b/k",
            {"x-amz-copy-source": "/other/from%20here"},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::other/from here")],
        ),
        ("GET", "/b?list-type=2&prefix=p", {}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("HEAD", "/b", {}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("GET", "/b?location", {}, [("s3:GetBucketLocation", "arn:aws:s3:::b")]),
        ("PUT", "/b?policy", {}, [("s3:PutBucketPolicy", "arn:aws:s3:::b")]),
        ("DELETE", "/b?policy", {}, [("s3:DeleteBucketPolicy", "arn:aws:s3:::b")]),
        ("DELETE", "/b?publicAccessBlock", {}, [("s3:PutBucketPublicAccessBlock", "arn:aws:s3:::b")]),
        ("PUT", "/b", {}, [("s3:CreateBucket", "arn:aws:s3:::b")]),
        ("GET", "/k", {"host": "b.localhost:1"}, [("s3:GetObject", "arn:aws:s3:::b/k")]),
    ],
)
def test_s3(method: str, target: str, headers: dict[str, str], wanted: list[tuple[str, str]]) -> None:
    assert [need[:2] for need in needs("s3", method, target, headers=headers)] == wanted


def test_s3_condition_keys_and_bodies() -> None:
    context = needs("s3", "GET", "/b?list-type=2&prefix=a%2Fb&delimiter=%2F&max-keys=5")[0][2]
    assert context == {"s3:prefix": "a/b", "s3:delimiter": "/", "s3:max-keys": "5"}
    body = b"<Delete><Object><Key>one</Key></Object><Object><Key>two</Key></Object></Delete>"
    found = [need[:2] for need in needs("s3", "POST", "/b?delete", body)]
    assert found == [("s3:DeleteObject", "arn:aws:s3:::b/one"), ("s3:DeleteObject", "arn:aws:s3:::b/two")]
    with pytest.raises(AwsError, match="MalformedXML"):
        needs("s3", "POST", "/b?delete", b"<Delete>")


def test_sagemaker() -> None:
    assert json_call("sagemaker", "ListEndpoints") == [("sagemaker:ListEndpoints", "*")]
    assert json_call("sagemaker", "CreateEndpoint", EndpointName="e", EndpointConfigName="c") == [
        ("sagemaker:CreateEndpoint", SAGEMAKER + "endpoint/e"),
        ("sagemaker:CreateEndpoint", SAGEMAKER + "endpoint-config/c"),
    ]
    assert json_call("sagemaker", "CreateTrainingJob", TrainingJobName="t", RoleArn=ROLE) == [
        ("sagemaker:CreateTrainingJob", SAGEMAKER + "training-job/t"),
        ("iam:PassRole", ROLE),
    ]
    assert json_call("sagemaker", "AddTags", ResourceArn=SAGEMAKER + "model/m") == [
        ("sagemaker:AddTags", SAGEMAKER + "model/m")
    ]
    tuning = {"HyperParameterTuningJobName": "h", "TrainingJobDefinition": {"RoleArn": ROLE}}
    assert json_call("sagemaker", "CreateHyperParameterTuningJob", **tuning)[1] == ("iam:PassRole", ROLE)
    assert needs("sagemaker", "POST", "/endpoints/a%2Bb/invocations") == [
        ("sagemaker:InvokeEndpoint", SAGEMAKER + "endpoint/a+b", {})
    ]


def test_rest_json() -> None:
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    found = [need[:2] for need in needs("lambda", "POST", "/2015-03-31/functions/f/invocations?Qualifier=live")]
    assert found == [("lambda:InvokeFunction", f"{function}:live")]
    assert [need[:2] for need in needs("lambda", "GET", "/2015-03-31/functions/")] == [("lambda:ListFunctions", "*")]
    body = json.dumps({"FunctionName": "f", "Role": ROLE}).encode()
    assert needs("lambda", "POST", "/2015-03-31/functions", body) == [
        ("lambda:CreateFunction", function, {}),
        ("iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}),
    ]
    with pytest.raises(AwsError, match="UnknownOperation"):
        needs("lambda", "POST", "/nowhere")
    assert needs_of(read(request_of("no-such-service", "GET", "/x")), NAMES) is None


def test_other_services() -> None:
    assert json_call("logs", "PutLogEvents", logGroupName="/g", logStreamName="s") == [
        ("logs:PutLogEvents", LOGS + "/g:log-stream:s")
    ]
    assert json_call("logs", "DescribeLogGroups") == [("logs:DescribeLogGroups", LOGS + ":log-stream:")]
    assert query_call("iam", "GetRole", RoleName="r") == [("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/path/r")]
    assert query_call("iam", "ListRoles") == [("iam:ListRoles", "*")]
    assert query_call("sts", "AssumeRole", RoleArn=ROLE) == [("sts:AssumeRole", ROLE)]
    assert query_call("sts", "GetCallerIdentity") == []
    assert json_call("ecr", "GetAuthorizationToken") == [("ecr:GetAuthorizationToken", "*")]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = b"Action=PutMetricData&Namespace=Mine&MetricData.member.1.MetricName=m"
    assert needs("monitoring", "POST", "/", body, headers) == [
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Mine"})
    ]


MISSING = "because no {} allows the a:B action"
DENIED = "with an explicit deny in {}"


def test_tags_of_all_services_need_the_permission_of_each() -> None:
    ours = f"us-east-1:{ACCOUNT}"
    resources = {
        "arn:aws:s3:::b": ["s3:PutBucketTagging", "s3:GetBucketTagging"],
        f"arn:aws:ec2:{ours}:instance/i-1": ["ec2:CreateTags"],
        f"arn:aws:ec2:{ours}:network-acl/acl-1": ["ec2:CreateTags"],
        f"arn:aws:lambda:{ours}:function:f": ["lambda:TagResource"],
        f"arn:aws:cloudwatch:{ours}:alarm:a": ["cloudwatch:TagResource"],
        LOGS + "g": ["logs:TagResource"],
        SAGEMAKER + "model/m": ["sagemaker:AddTags"],
        f"arn:aws:ssm:{ours}:parameter/a/b": ["ssm:AddTagsToResource"],
        # There is none, and it stays untagged.
        f"arn:aws:ec2:{ours}:volume/i-1": ["tag:TagResources"],
    }
    found = json_call("resourcegroupstaggingapi", "TagResources", ResourceARNList=[*resources], Tags={"x": "1"})
    wanted = [(action, resource) for resource, actions in resources.items() for action in actions]
    assert found == [("tag:TagResources", "*"), *wanted]
    found = json_call("resourcegroupstaggingapi", "UntagResources", ResourceARNList=[LOGS + "g"], TagKeys=["x"])
    assert found[1:] == [("logs:UntagResource", LOGS + "g")]


@pytest.mark.parametrize(
    ("decision", "protocol", "code", "status", "reason"),
    [
        (Decision("implicitDeny"), "rest-json", "AccessDeniedException", 403, MISSING.format("identity-based policy")),
        (Decision("explicitDeny"), "json", "AccessDeniedException", 400, DENIED.format("an identity-based policy")),
        (
            Decision("explicitDeny", "resource-based"),
            "s3",
            "AccessDenied",
            403,
            DENIED.format("a resource-based policy"),
        ),
        (
            Decision("implicitDeny", "permissions boundary"),
            "query",
            "AccessDenied",
            403,
            MISSING.format("permissions boundary"),
        ),
        (Decision("implicitDeny", "session"), "ec2", "UnauthorizedOperation", 403, MISSING.format("session policy")),
    ],
)
def test_refusals_are_worded_as_on_aws(decision: Decision, protocol: str, code: str, status: int, reason: str) -> None:
    error = refusal(decision, "arn:aws:sts::1:assumed-role/R/S", "a:B", "R", protocol)
    assert (error.code, error.status) == (code, status)
    shown = '"R"' if protocol == "s3" else "R"
    said = f"User: arn:aws:sts::1:assumed-role/R/S is not authorized to perform: a:B on resource: {shown} {reason}"
    assert error.message.endswith(said)
    assert error.message == said or protocol == "ec2"
