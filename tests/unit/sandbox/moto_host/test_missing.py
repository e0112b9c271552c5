"""Lists that are always empty: what is asked for by its name is missed, as AWS misses it, or refused."""

from __future__ import annotations

import pytest

from sandbox.moto_host.empty_lists import EMPTY
from sandbox.moto_host.gate import Gate
from sandbox.moto_host.missing import refuse
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import operation_model
from tests.helpers.calls import call_of

# How members end that name a thing.
ENDINGS = ("Id", "Ids", "Name", "Names", "Arn", "Arns", "Identifier")
# By which a list is narrowed: nothing of it is found, and that is no error.
NARROWED = {
    ("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroupNames"),
    ("cloudtrail", "DescribeTrails", "trailNameList"),
    ("dynamodb", "ListBackups", "TableName"),
    ("events", "ListRules", "EventBusName"),
    ("lambda", "ListEventSourceMappings", "FunctionName"),
    ("rds", "DescribeDBSnapshots", "DBInstanceIdentifier"),
    ("sagemaker", "ListMonitoringSchedules", "EndpointName"),
}


class NoMoto:
    """Is not asked."""

    def handle(self, call: Call) -> RestResponse:
        raise AssertionError(call.operation)


GATE = Gate(NoMoto())


def missed(service: str, operation: str, member: str) -> str:
    try:
        refuse(operation_model(service, operation), member, "x")
    except AwsError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("service", "operation", "member", "code", "text"),
    [
        ("cloudformation", "DescribeStacks", "StackName", "ValidationError", "Stack with id x does not exist"),
        (
            "ecr",
            "DescribeRepositories",
            "repositoryNames",
            "RepositoryNotFoundException",
            "with name 'x' does not exist",
        ),
        (
            "logs",
            "DescribeExportTasks",
            "taskId",
            "ResourceNotFoundException",
            "The specified export task does not exist",
        ),
        ("ec2", "DescribeNatGateways", "NatGatewayIds", "NatGatewayNotFound", "NAT gateway x was not found"),
        ("rds", "DescribeDBInstances", "DBInstanceIdentifier", "DBInstanceNotFound", "DBInstance x not found"),
        ("config", "DescribeConfigRules", "ConfigRuleNames", "NoSuchConfigRuleException", "ConfigRule x not found"),
        ("sagemaker", "ListTrials", "ExperimentName", "ResourceNotFound", "Experiment x not found"),
        ("ec2", "DescribeHosts", "HostIds", "NotImplemented", "ec2:DescribeHosts with HostIds"),
    ],
)
def test_what_is_asked_for_by_its_name_is_missed(
    service: str, operation: str, member: str, code: str, text: str
) -> None:
    many = member.endswith("s")
    with pytest.raises(AwsError, match=text) as refused:
        GATE.handle(call_of(service, operation, **{member: ["x"] if many else "x"}))
    assert refused.value.code == code
    assert GATE.handle(call_of(service, operation, **({member: []} if many else {}))).status == 200


def test_every_name_is_missed_narrows_or_is_refused() -> None:
    answers = {
        (service, operation, member): missed(service, operation, member)
        for service, operations in EMPTY.items()
        for operation in operations.split()
        if (shape := operation_model(service, operation).input_shape) is not None
        for member in shape.members
    }
    empty = {asked for asked, code in answers.items() if not code and asked[2].endswith(ENDINGS)}
    assert empty >= {asked for asked in NARROWED if asked[2].endswith(ENDINGS)}
    assert all(not answers[asked] for asked in NARROWED)
    # Of these services, every name is of the thing itself.
    assert not {
        asked for asked in empty if asked[0] in ("cloudformation", "config", "efs", "eks", "elb", "elbv2", "kms")
    }
    assert {asked[2] for asked in empty if asked[0] == "ec2"} == {"ImageIds", "SnapshotIds", "VolumeIds"}
