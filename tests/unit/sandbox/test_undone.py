"""Nothing that was asked for is left out without a word: every member is acted on, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.core.account import ACCOUNT_ID
from sandbox.moto_host.gate import answers
from sandbox.service import Service
from sandbox.services import all_services
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model, service_model
from tests.helpers.calls import ask

SANDBOX = Path(__file__).resolve().parents[3] / "sandbox"
# The room of each service whose operations are ours.
ROOMS = {
    "logs": "logs",
    "cloudwatch": "metrics",
    "sts": "iam",
    "lambda": "functions",
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "application-autoscaling": "autoscaling",
    "service-quotas": "billing",
    "ec2": "ec2",
    "ssm": "ssm",
    "iam": "iam",
    "ce": "billing",
    "budgets": "billing",
    "pricing": "billing",
    "cloudtrail": "audit",
    "resourcegroupstaggingapi": "sagemaker",
}
# (service, operation, member): why it may be left out.
HARMLESS = {
    ("logs", "PutLogEvents", "sequenceToken"): "AWS ignores it since 2023",
    ("logs", "FilterLogEvents", "interleaved"): "AWS ignores it: events of streams always are",
    ("logs", "FilterLogEvents", "unmask"): "nothing is masked here",
    ("logs", "GetLogEvents", "unmask"): "nothing is masked here",
    ("logs", "DescribeLogGroups", "includeLinkedAccounts"): "no account is linked",
    ("logs", "ListLogGroups", "includeLinkedAccounts"): "no account is linked",
    **{
        ("sagemaker", "UpdateNotebookInstance", f"Disassociate{what}"): "there is none to take away"
        for what in ("AcceleratorTypes", "DefaultCodeRepository", "AdditionalCodeRepositories")
    },
    **{
        ("ec2", f"Describe{kind}", "IncludeManagedResources"): "nothing is managed by a service"
        for kind in ("Instances", "InstanceStatus", "NetworkInterfaces", "Volumes")
    },
    ("ec2", "DescribeImages", "IncludeDeprecated"): "no image is deprecated",
    ("ec2", "DescribeImages", "IncludeDisabled"): "no image is disabled",
    ("ec2", "GetConsoleOutput", "Latest"): "what is told is the latest",
    **{
        ("ssm", call, "WithDecryption"): "no parameter is a SecureString"
        for call in ("GetParameter", "GetParameters", "GetParametersByPath")
    },
    ("resourcegroupstaggingapi", "GetResources", "TagsPerPage"): "pages have other sizes, and together all resources",
    **{
        ("logs", f"Describe{kind}Filters", member): "there can be none to choose from"
        for kind in ("Metric", "Subscription")
        for member in ("filterNamePrefix", "metricName", "metricNamespace")
    },
}


# Mentioned for what they need, and answered by nobody.
NOT_OFFERED = {("iam", "ChangePassword"), ("cloudtrail", "StartQuery")}
LAMBDA_CHANGE = "UpdateFunctionConfiguration"


def _source(room: str) -> str:
    files = [*sorted((SANDBOX / room).rglob("*.py")), SANDBOX / "wire" / "paging.py"]
    return "".join(path.read_text(encoding="utf-8") for path in files)


def _ours(service: str, operation: str) -> bool:
    """Of what moto answers, tests/unit/sandbox/moto_host/test_undone.py reads the members."""
    return not answers(service, operation) and (service, operation) not in NOT_OFFERED


def test_every_member_is_acted_on_or_refused() -> None:
    forgotten = []
    for service in all_services():
        source = _source(ROOMS[service.name]) if service.name in ROOMS else ""
        for operation in service_model(service.name).operation_names if source else ():
            shape = operation_model(service.name, operation).input_shape
            if shape is None or f'"{operation}"' not in source or not _ours(service.name, operation):
                continue
            forgotten += [
                (service.name, operation, member)
                for member in shape.members
                if f'"{member}"' not in source
                and member not in service.undone.get(operation, {})
                and (service.name, operation, member) not in HARMLESS
                # Refused one by one, with what each of them would be (sandbox/functions/service.py).
                and (service.name, operation) not in (("lambda", "CreateFunction"), ("lambda", LAMBDA_CHANGE))
            ]
    assert forgotten == []


def _of(name: str) -> Service:
    return next(service for service in all_services() if service.name == name)


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        ("logs", "CreateLogGroup", {"logGroupName": "g", "kmsKeyId": "arn:aws:kms:us-east-1:1:key/k"}),
        ("logs", "CreateLogGroup", {"logGroupName": "g", "logGroupClass": "INFREQUENT_ACCESS"}),
        ("cloudwatch", "PutMetricAlarm", {"AlarmName": "a", "EvaluationPeriods": 1, "Metrics": [{"Id": "m"}]}),
        ("cloudwatch", "ListMetrics", {"OwningAccount": "210987654321"}),
        ("lambda", "Invoke", {"FunctionName": "f", "ClientContext": "e30="}),
        ("service-quotas", "GetServiceQuota", {"ServiceCode": "ec2", "QuotaCode": "L-1", "ContextId": "x"}),
        ("ec2", "TerminateInstances", {"InstanceIds": ["i-1"], "SkipOsShutdown": True}),
        ("ssm", "GetParametersByPath", {"Path": "/a", "ParameterFilters": [{"Key": "Type", "Values": ["String"]}]}),
        ("iam", "SimulateCustomPolicy", {"PolicyInputList": ["{}"], "ActionNames": ["s3:Get"], "ResourceOwner": "a"}),
        ("sts", "AssumeRole", {"RoleArn": "arn:" + "x" * 20, "RoleSessionName": "me", "SourceIdentity": "ann"}),
    ],
)
def test_a_member_that_is_not_acted_on_is_refused(service: str, operation: str, members: dict[str, object]) -> None:
    with pytest.raises(AwsError) as refused:
        ask(_of(service), operation, members)
    assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)
    assert list(members)[-1] in refused.value.message


def test_a_value_that_asks_for_nothing_is_let_through() -> None:
    with pytest.raises(KeyError):
        # The service was not started, so that it has no operation to call: the check let it through.
        ask(_of("cloudwatch"), "ListMetrics", {"OwningAccount": ACCOUNT_ID, "IncludeLinkedAccounts": True})
