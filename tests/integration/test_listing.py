"""What an inventory or a clean-up tool asks an account: answered truly, or refused; nothing is invented, nothing fails.

One sandbox; the SDK's own client sends each request, so each answer is one that it can read.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape

from sandbox.moto_host.allowed import ALLOWED
from tests.helpers.sandbox import SandboxProcess

# Everything that lists and needs no name. Of services that are neither ours nor moto's the table in
# tests/unit/sandbox/moto_host/test_gate.py has each operation; here is one of them.
SERVICES = (
    *("application-autoscaling", "cloudtrail", "cloudwatch", "ec2", "events", "iam", "lambda", "logs"),
    *("organizations", "resourcegroupstaggingapi", "s3", "sagemaker", "service-quotas", "sns", "ssm", "sts"),
)
# AWS's own images and snapshots are some thousand.
SHORTER: dict[str, dict[str, Any]] = {
    "DescribeImages": {"Owners": ["self"]},
    "DescribeSnapshots": {"OwnerIds": ["self"]},
}
READING = ("Describe", "Get", "List", "Lookup", "Search")
# AWS's own refusals of a request without the member that says what is meant.
WANTS_MORE = {
    ("cloudtrail", "GetEventSelectors"),
    ("logs", "DescribeLogStreams"),
    ("iam", "GetAccountPasswordPolicy"),
    ("iam", "GetCredentialReport"),
    ("iam", "GetLoginProfile"),
    ("organizations", "DescribeOrganization"),
}
CREATING: list[tuple[str, str, dict[str, Any]]] = [
    ("sagemaker", "CreateDomain", {"DomainName": "d", "AuthMode": "IAM", "DefaultUserSettings": {}}),
    ("sagemaker", "StopCompilationJob", {"CompilationJobName": "j"}),
    ("ec2", "CreateNatGateway", {"SubnetId": "subnet-1"}),
    ("lambda", "CreateFunctionUrlConfig", {"FunctionName": "f", "AuthType": "NONE"}),
    ("iam", "CreateVirtualMFADevice", {"VirtualMFADeviceName": "d"}),
    ("ssm", "StartSession", {"Target": "i-1"}),
    ("sns", "CreateTopic", {"Name": "t"}),
]


def asked(sandbox: SandboxProcess, service: str) -> list[str]:
    """Each operation of the service that was not answered as it must be, and why."""
    client, wrong = sandbox.client(service), []
    model = client.meta.service_model
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        if not name.startswith(READING) or (shape is not None and shape.required_members):
            continue
        try:
            getattr(client, xform_name(name))(**SHORTER.get(name, {}))
        except ClientError as error:
            status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
            refused = status == 501 and code == "NotImplemented"
            if not refused and not (400 <= status < 500 and (service, name) in WANTS_MORE):
                wrong.append(f"{name}: {status} {error.response['Error']}")
    return wrong


@pytest.mark.parametrize("service", SERVICES)
def test_every_list_is_answered_or_refused(sandbox: SandboxProcess, service: str) -> None:
    assert asked(sandbox, service) == []


@pytest.mark.parametrize(("service", "operation", "members"), CREATING)
def test_what_is_not_done_is_refused_and_not_tried_again(
    sandbox: SandboxProcess, service: str, operation: str, members: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(sandbox.client(service), xform_name(operation))(**members)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 501)
    assert error["ResponseMetadata"]["RetryAttempts"] == 0
    assert operation in error["Error"]["Message"]


def value_of(shape: Shape, odd: bool, depth: int = 3) -> Any:
    """The least that a member takes, or something that fits its type and makes no sense."""
    if isinstance(shape, ListShape):
        return [] if odd or not depth else [value_of(shape.member, odd, depth - 1)]
    if isinstance(shape, StructureShape):
        needed = shape.required_members
        return {name: value_of(of, odd, depth - 1) for name, of in shape.members.items() if depth and name in needed}
    known = {"integer": 1, "long": 1, "boolean": True, "timestamp": 0, "blob": b"x", "map": {}, "float": 1.0}
    return known.get(shape.type_name, "" if odd else "x")


def failure_of(client: Any, operation: str, given: dict[str, Any]) -> str:
    """What a call fails of, if it is the sandbox's fault; members that are refused by name are left out one by one."""
    left = dict(given)
    while True:
        try:
            getattr(client, xform_name(operation))(**left)
        except ClientError as error:
            refused = str(error).rpartition(" with ")[2].rstrip(".")
            if error.response["Error"]["Code"] == "NotImplemented" and refused in left:
                del left[refused]
                continue
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                return str(error)
        return ""


@pytest.mark.parametrize("service", sorted(ALLOWED))
def test_nothing_that_moto_answers_fails_for_what_a_client_can_send(sandbox: SandboxProcess, service: str) -> None:
    client = sandbox.client(service, config=Config(parameter_validation=False, retries={"max_attempts": 0}))
    failed = []
    for operation in sorted(ALLOWED[service]):
        shape = client.meta.service_model.operation_model(operation).input_shape
        members = shape.members if shape is not None else {}
        for odd, whole in ((False, False), (False, True), (True, True)):
            given = {
                name: value_of(of, odd)
                for name, of in members.items()
                if name != "DryRun" and (whole or name in shape.required_members)
            }
            if problem := failure_of(client, operation, given):
                failed.append(f"{operation} {given}: {problem}")
    assert failed == []
