"""Over every operation that the services serve: somebody decides about it, from each member that names a resource.

A new operation fails here until ``sandbox/iam/needs`` knows it and each of its naming members is asked about, or is
told here, with the reason, to name nothing that is asked about. The fuzzer then lets a caller who may touch only what
is called "mine" ask for everything in every way, and looks at what the services get to do.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote, urlencode

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.app import Sandbox
from sandbox.auth.signatures import Scope, SignedRequest, Verified
from sandbox.core.account import ACCOUNT_ID
from sandbox.core.state import StateDir
from sandbox.dispatch import Dispatcher
from sandbox.http.http1 import RawRequest
from sandbox.iam.needs import Need, needs_of
from sandbox.moto_host.calls import Calls
from sandbox.s3.requests.call import read_s3
from sandbox.service import Refusals, Service
from sandbox.services import all_services
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import operation_model, service_model
from tests.helpers.aws_requests import parameters, written
from tests.helpers.calls import CALLER, NAMES, request_of

NAMES_A_RESOURCE = re.compile(
    r"(Name|Names|Arn|ARN|Arns|ARNs|ARNList|Id|ID|Ids|Identifier|Identifiers|Bucket|Key|Resource|Resources|Role|"
    r"CopySource|Path)$",
    re.IGNORECASE,
)
# (service, member) or (service, operation, member): why it is not asked about.
READS = "AWS asks about the operation as a whole: what it reads cannot be narrowed"
REFUSED = "refused by the service: it is not offered"
LABEL = "a word of the request itself, no resource"
PART = "a part of the resource that is asked about"
NOT_ASKED: dict[tuple[str, ...], str] = {
    **{
        ("application-autoscaling", member): "AWS asks about targets by their number, which no request names"
        for member in ("ResourceId", "PolicyName", "ScheduledActionName")
    },
    **{("application-autoscaling", member): READS for member in ("ResourceIds", "PolicyNames", "ScheduledActionNames")},
    ("application-autoscaling", "RoleARN"): "AWS takes its own service-linked role, whatever is given",
    ("budgets", "AccountId"): "the account itself: another one's is refused",
    ("ce", "BillingViewArn"): REFUSED,
    ("cloudwatch", "MetricName"): READS,
    ("cloudwatch", "ThresholdMetricId"): REFUSED,
    **{("cloudwatch", member): LABEL for member in ("ChildrenOfAlarmName", "ParentsOfAlarmName", "AlarmContributorId")},
    **{
        ("ec2", member): READS
        for member in ("ImageIds", "NetworkInterfaceIds", "VolumeIds", "AssociationIds", "SnapshotIds")
    },
    **{("ec2", "DescribeSnapshots", member): READS for member in ("OwnerIds", "RestorableByUserIds")},
    **{
        ("ec2", operation, "InstanceIds"): READS
        for operation in ("DescribeInstances", "DescribeInstanceStatus", "DescribeInstanceCreditSpecifications")
    },
    ("ec2", "IncludeManagedResources"): LABEL,
    ("ec2", "MetricCategoryIds"): LABEL,
    ("ec2", "KernelId"): REFUSED,
    ("ec2", "RamdiskId"): REFUSED,
    **{("iam", member): READS for member in ("ActionNames", "CallerArn", "ResourceArns", "JobId")},
    ("iam", "AccessKeyId"): "AWS asks about the key's user, whom no member names",
    **{("lambda", member): REFUSED for member in ("CodeSigningConfigArn", "KMSKeyArn")},
    ("lambda", "SourceKMSKeyArn"): "nothing is encrypted here",
    **{("lambda", member): LABEL for member in ("DurableExecutionName", "TenantId", "RevisionId")},
    **{("lambda", member): PART for member in ("Name", "StatementId", "PrincipalOrgID", "SourceArn")},
    **{("logs", member): READS for member in ("logStreamNames", "accountIdentifiers", "fieldIndexNames")},
    ("logs", "DescribeLogGroups", "logGroupIdentifiers"): REFUSED,
    ("logs", "queryId"): "AWS asks about no resource: who may read or stop queries may do so with all",
    ("logs", "DescribeQueries", "logGroupName"): READS,
    ("logs", "kmsKeyId"): REFUSED,
    ("logs", "metricName"): LABEL,
    ("pricing", "AttributeName"): READS,
    ("resourcegroupstaggingapi", "GetResources", "ResourceARNList"): READS,
    ("resourcegroupstaggingapi", "ExcludeCompliantResources"): LABEL,
    ("resourcegroupstaggingapi", "Key"): LABEL,
    ("s3", "UploadId"): PART,
    **{("s3", member): REFUSED for member in ("CopySourceSSECustomerKey", "SSECustomerKey", "SSEKMSKeyId")},
    ("sagemaker", "KmsKeyId"): "nothing is encrypted here",
    ("sagemaker", "Search", "Resource"): READS,
    ("sagemaker", "CreateTransformJob", "ModelName"): "AWS asks about the job alone; the model brings its own role",
    **{
        ("sagemaker", member): "a condition on AWS; nothing is placed there"
        for member in ("SubnetId", "SecurityGroupIds")
    },
    ("sagemaker", "PlatformIdentifier"): LABEL,
    **{
        ("sagemaker-runtime", member): REFUSED
        for member in ("InferenceComponentName", "TargetContainerHostname", "SessionId")
    },
    **{("sagemaker-runtime", member): LABEL for member in ("InferenceId", "PrefixAwareId")},
    ("service-quotas", "ContextId"): LABEL,
    ("service-quotas", "RequestId"): READS,
    **{("ssm", member): READS for member in ("CommandId", "PluginName", "VersionName")},
    **{
        ("ssm", operation, "InstanceId"): READS
        for operation in ("GetCommandInvocation", "ListCommandInvocations", "ListCommands")
    },
    ("ssm", "CancelCommand", "InstanceIds"): "AWS asks about no resource: who may cancel may cancel all",
    ("ssm", "OutputS3BucketName"): "written by the instance, with its own role",
    ("sts", "AccessKeyId"): READS,
    **{("sts", member): LABEL for member in ("ExternalId", "RoleSessionName")},
    ("sts", "PolicyArns"): "they only narrow what the role may do",
}
# Nobody but the operator has these.
UNDECIDED = {("ec2", "DisassociateIamInstanceProfile"): "its association names the instance inside of EC2 only"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    """All services of a sandbox, as they are when it serves."""
    state = StateDir(tmp_path_factory.mktemp("every") / "state")
    sandbox = Sandbox(state, 0, None, None)
    context, found = sandbox.context, all_services()
    # Moto is never started: what a service asks it before it decides has no answer that would stand against a call.
    cast(Any, context.part(Calls)).moto = lambda service, operation, params: {}
    for service in found:
        service.start(context)
    yield found
    # Nobody is to wait for moto at the end.
    sandbox._bridge.stop()
    for service in reversed(found):
        service.stop()
    context.processes.stop_all()
    state.close()


def value_of(member: str, shape: Shape, word: str) -> Any:
    if isinstance(shape, ListShape):
        return [value_of(member, shape.member, word)]
    if member == "CopySource":
        return f"bucket/{word}"
    return f"arn:aws:sagemaker:us-east-1:{ACCOUNT_ID}:model/{word}" if "arn" in member.lower() else word


def call_of(service: str, operation: str, members: dict[str, Any]) -> Call:
    if service == "s3":
        given = parameters("s3", operation, {"ListType": 2, "Bucket": "b", "Key": "k", "UploadId": "u", **members})
        return read_s3(written("s3", operation, given | members), CALLER)
    http = request_of(service, "POST", "/")
    return Call(service, operation, members, CALLER, "json", http, operation_model(service, operation))


def asked(service: str, operation: str, members: dict[str, Any]) -> list[Need] | None:
    call = call_of(service, operation, members)
    before = repr(call)
    found = needs_of(call, NAMES)
    assert repr(call) == before, "deciding about a call changed it"
    return found


def test_somebody_decides_about_every_operation_from_each_member_that_names_a_resource(
    services: list[Service],
) -> None:
    seen, wrong = 0, []
    for service in services:
        for operation in service.served():
            seen += 1
            name = service.name
            shape = operation_model(name, operation).input_shape
            naming = {m: of for m, of in (shape.members.items() if shape else ()) if NAMES_A_RESOURCE.search(m)}
            naming = {m: of for m, of in naming.items() if of.type_name in ("string", "list")}
            left = {m: of for m, of in naming.items() if not {(name, m), (name, operation, m)} & NOT_ASKED.keys()}
            # Some name one thing in one of two ways.
            alone = {"logGroupIdentifier", "logGroupIdentifiers", "logGroupNames"}
            everything = {m: value_of(m, of, "one") for m, of in left.items() if m not in alone}
            if (asked(name, operation, everything) is None) != ((name, operation) in UNDECIDED):
                wrong.append(f"{name}:{operation} is decided by nobody, or no longer undecided")
            if (name, operation) in UNDECIDED:
                continue
            for member, of in left.items():
                given = {} if member in alone else everything
                first = asked(name, operation, given | {member: value_of(member, of, "one")})
                # That a version is named makes it another action, whichever it is.
                unlike = {} if member == "VersionId" else {member: value_of(member, of, "two")}
                if first == asked(name, operation, {m: v for m, v in given.items() if m != member} | unlike):
                    wrong.append(f"{name}:{operation} does not ask about {member}")
    assert seen > 150
    assert not wrong, "\n".join(wrong)


def roles_in(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Places in a request where a role can stand."""
    if isinstance(shape, StructureShape) and len(path) < 4:
        for name, member in shape.members.items():
            yield from roles_in(member, (*path, name))
    elif isinstance(shape, ListShape | MapShape):
        yield from roles_in(shape.member if isinstance(shape, ListShape) else shape.value, (*path, "[]"))
    elif path and re.fullmatch(r"(.*RoleArn|Role)", path[-1]):
        yield path


def placed(path: tuple[str, ...], value: str) -> Any:
    for step in reversed(path):
        value = cast(Any, [value] if step == "[]" else {step: value})
    return value


def test_every_role_that_a_request_hands_on_is_passed(services: list[Service]) -> None:
    role, seen, silent = f"arn:aws:iam::{ACCOUNT_ID}:role/strong", 0, []
    for service in services:
        for operation in service.served() if service.name in ("sagemaker", "lambda", "ssm") else ():
            shape = operation_model(service.name, operation).input_shape
            for path in roles_in(shape) if shape is not None else ():
                seen += 1
                name = {"FunctionName": "f"} if service.name == "lambda" else {}
                needs = asked(service.name, operation, {**name, **placed(path, role)}) or []
                if ("iam:PassRole", role) not in [(need.action, need.resource) for need in needs]:
                    silent.append(f"{operation}.{'.'.join(path)}")
    assert seen >= 8 and silent == []


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "CreateVpc"),
        ("ssm", "StartSession"),
        ("autoscaling", "CreateAutoScalingGroup"),
        ("application-autoscaling", "GetPredictiveScalingForecast"),
        ("iam", "CreateServiceLinkedRole"),
        ("sagemaker", "CreateDomain"),
        ("kms", "Decrypt"),
    ],
)
def test_nobody_decides_so_it_is_refused(service: str, operation: str) -> None:
    assert asked(service, operation, {}) is None


class Doorman:
    """Takes every signature for the caller's."""

    def precheck(self, signed: SignedRequest, scope: Scope) -> None:
        pass

    def verify(self, signed: SignedRequest, scope: Scope, payload: str) -> Verified:
        return Verified(CALLER, scope, b"", payload)


# An answer that is no answer of the operation: what a service would say is not what is asked here.
DONE = AwsError("Done", "noted", 418)


class Account:
    """A dispatcher over services that only note what they are asked to do, for a caller who may touch "mine"."""

    def __init__(self, services: list[Service]) -> None:
        self.done: list[tuple[str, str, dict[str, Any]]] = []
        for service in services:
            if service.operations:
                names = list(service.operations)
                service.operations = {name: self._note(service.name, name) for name in names}
        self._dispatcher = Dispatcher(cast(Any, Doorman()), services, self, "", self._authorize)

    def _note(self, service: str, operation: str) -> Any:
        def note(members: dict[str, Any], _caller: Any) -> dict[str, Any]:
            self.done.append((service, operation, members))
            raise DONE

        return note

    def _authorize(self, call: Call) -> Refusals:
        needs = needs_of(call, NAMES)
        if needs is None or any("victim" in need.resource for need in needs):
            raise AwsError("AccessDenied", "no", 403)
        return {}

    def answers(self, service: str, operation: str) -> bool:
        """Everything is offered here: what is asked is only who decides."""
        return True

    def handle(self, call: Call) -> RestResponse:
        """What moto would be asked."""
        self.done.append((call.service, call.operation, call.members))
        raise DONE

    def ask(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> RestResponse:
        scope = f"AKIA/20260101/us-east-1/{service}/aws4_request"
        signed = {
            "host": "127.0.0.1",
            "x-amz-date": "20260101T000000Z",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        return self._dispatcher.answer(
            RawRequest(method, target, signed | headers, cast(Any, io.BytesIO(body)), len(body))
        )


@pytest.fixture(scope="module")
def account(services: list[Service]) -> Account:
    return Account(services)


# What each means can be put beside what the operation has, in the body, the URL or a header.
ROLES = f"arn:aws:iam::{ACCOUNT_ID}:role/"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("iam", "AttachRolePolicy", {"RoleName": "?", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("iam", "PutUserPolicy", {"UserName": "?", "PolicyName": "p", "PolicyDocument": "{}"}),
    ("iam", "UpdateGroup", {"GroupName": "?", "NewGroupName": "?"}),
    (
        "iam",
        "SimulatePrincipalPolicy",
        {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT_ID}:role/?", "ActionNames": ["a:b"]},
    ),
    ("sts", "AssumeRole", {"RoleArn": f"{ROLES}?", "RoleSessionName": "me"}),
    ("ec2", "TerminateInstances", {"InstanceIds": ["i-?"]}),
    ("ec2", "RunInstances", {"MinCount": 1, "MaxCount": 1, "ImageId": "ami-?", "SubnetId": "subnet-?"}),
    ("sagemaker", "DeleteModel", {"ModelName": "?"}),
    ("sagemaker", "StopTrainingJob", {"TrainingJobName": "?"}),
    ("sagemaker", "CreateEndpoint", {"EndpointName": "?", "EndpointConfigName": "?"}),
    ("sagemaker", "AddTags", {"ResourceArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT_ID}:model/?", "Tags": []}),
    ("logs", "DeleteLogGroup", {"logGroupName": "?"}),
    ("ssm", "SendCommand", {"DocumentName": "?", "InstanceIds": ["i-02573cafcfEXAMPLE"]}),
    ("lambda", "DeleteFunction", {"FunctionName": "?"}),
    ("lambda", "UpdateFunctionCode", {"FunctionName": "?", "S3Bucket": "bucket", "S3Key": "?"}),
    ("lambda", "CreateAlias", {"FunctionName": "?", "Name": "live", "FunctionVersion": "1"}),
]
STRANGE = sorted(
    {"UserName", "GroupName", "RoleName", "ResourceArn", "EndpointName", "ModelName", "PolicyArn", "InstanceId.1"}
    | {"InstanceId.01", "FunctionName", "logGroupName", "logGroupIdentifier", "Name", "Qualifier", "Foreign", "Action"}
)


def filled(value: Any, word: str) -> Any:
    if isinstance(value, dict):
        return {name: filled(item, word) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, word) for item in value]
    return value.replace("?", word) if isinstance(value, str) else value


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(CALLS),
    st.sampled_from(["mine", "victim"]),
    st.dictionaries(st.sampled_from(STRANGE), st.sampled_from(["mine", "victim"]), max_size=2),
    st.sampled_from(["body", "query", "header"]),
)
def test_no_added_member_lets_a_service_do_what_was_not_decided(
    account: Account, asked_for: tuple[str, str, dict[str, Any]], word: str, added: dict[str, str], where: str
) -> None:
    service, operation, members = asked_for
    request = written(service, operation, filled(members, word))
    body = b"".join(request.payload.blocks())
    target, headers = request.raw_path + (f"?{request.raw_query}" if request.raw_query else ""), dict(request.headers)
    if where == "query" and added:
        target += ("&" if "?" in target else "?") + urlencode(added, quote_via=quote)
    elif where == "header":
        headers |= {name.lower(): value for name, value in added.items()}
        headers |= {"x-amz-target": f"SageMaker.{added['Action']}"} if "Action" in added else {}
    elif added and (body.startswith(b"{") or service == "lambda"):
        body = json.dumps({**added, **json.loads(body or b"{}")}).encode()
    elif added:
        body += b"&" + urlencode(added).encode()
    account.done.clear()
    signing = service_model(service).signing_name
    status = account.ask(signing, request.method, target, headers | {"content-length": str(len(body))}, body).status
    if word == "mine" and not added:
        assert status == DONE.status and account.done[0][:2] == (service, operation)
    for _, _, given_members in account.done:
        assert "victim" not in json.dumps(given_members, default=str)
