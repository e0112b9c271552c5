"""The facts as they are read from AWS's answers, and a look at an account that answers in part."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from tests.helpers.security import ACCOUNT
from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.errors.tree import Unreachable
from workers.security.service import AREAS, Security
from workers.security.types import Report
from workers.types import Identity

DENIED = Refused("AccessDenied", "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: x", 403)
THEN = datetime(2026, 1, 2, tzinfo=UTC)
SECRET = "hunter2-of-the-database"


class Session(FakeSession):
    """Knows who asks."""

    async def identity(self) -> Identity:
        return Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann")


def refuse(**_: Any) -> Any:
    raise DENIED


REPORT = (
    "user,arn,password_enabled,mfa_active,access_key_1_active,access_key_2_active\n"
    f"<root_account>,arn:aws:iam::{ACCOUNT}:root,not_supported,false,false,false\n"
    f"ann,arn:aws:iam::{ACCOUNT}:user/ann,true,false,true,false\n"
    f"bob,arn:aws:iam::{ACCOUNT}:user/bob,no_information,true,false,false\n"
)


def authorization(Filter: list[str]) -> dict[str, Any]:
    """GetAccountAuthorizationDetails of one role with the broad policy, and one that AWS linked to a service."""
    role = {
        "RoleName": "dogs",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/dogs",
        "Path": "/",
        "RolePolicyList": [],
        "AttachedManagedPolicies": [
            {
                "PolicyName": "AmazonSageMakerFullAccess",
                "PolicyArn": "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess",
            },
            {"PolicyName": "ours", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/ours"},
        ],
    }
    staff = {
        "GroupName": "staff",
        "Arn": f"arn:aws:iam::{ACCOUNT}:group/staff",
        "Path": "/",
        "AttachedManagedPolicies": [
            {"PolicyName": "AdministratorAccess", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        ],
    }
    linked = {**role, "RoleName": "AWSServiceRole", "Path": "/aws-service-role/x.amazonaws.com/"}
    # IAM quotes policies for an address; botocore takes that back in most places.
    document = quote('{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}', safe="")
    policy = {
        "Arn": f"arn:aws:iam::{ACCOUNT}:policy/ours",
        "PolicyVersionList": [{"IsDefaultVersion": True, "Document": document}],
    }
    lists: dict[str, dict[str, Any]] = {
        "Role": {"RoleDetailList": [linked, role]},
        "User": {"UserDetailList": []},
        "Group": {"GroupDetailList": [staff]},
        "LocalManagedPolicy": {"Policies": [policy]},
    }
    return lists[Filter[0]]


def no_such(code: str, words: str = "not there") -> Any:
    def answer(**_: Any) -> Any:
        raise Refused(code, words, 404)

    return answer


HANDLERS: dict[str, Any] = {
    "get_account_summary": lambda: {"SummaryMap": {"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1}},
    "list_virtual_mfa_devices": lambda **_: {"VirtualMFADevices": []},
    "generate_credential_report": lambda: {"State": "COMPLETE"},
    "get_credential_report": lambda: {"Content": REPORT.encode()},
    "list_access_keys": lambda UserName: {
        "AccessKeyMetadata": [
            {"UserName": UserName, "AccessKeyId": "AKIAOLDOLDOLDOLD1234", "Status": "Active", "CreateDate": THEN},
            {"UserName": UserName, "AccessKeyId": "AKIAOFFOFFOFFOFFOFF1", "Status": "Inactive", "CreateDate": THEN},
        ]
    },
    "get_account_authorization_details": authorization,
    "list_buckets": lambda: {"Buckets": [{"Name": "dogs"}, {"Name": "gone"}]},
    "get_public_access_block": no_such("NoSuchPublicAccessBlockConfiguration"),
    "get_bucket_policy": refuse,
    "get_bucket_acl": lambda Bucket: {"Grants": []} if Bucket == "dogs" else no_such("NoSuchBucket")(),
    "get_bucket_encryption": no_such("ServerSideEncryptionConfigurationNotFoundError"),
    "describe_security_groups": lambda: {
        "SecurityGroups": [
            {
                "GroupId": "sg-1",
                "GroupName": "dogs",
                "OwnerId": ACCOUNT,
                "IpPermissions": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 22,
                        "ToPort": 22,
                        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                        "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                    }
                ],
            }
        ]
    },
    "describe_instances": lambda: {
        "Reservations": [
            {
                "OwnerId": ACCOUNT,
                "Instances": [
                    {"InstanceId": "i-old", "State": {"Name": "terminated"}},
                    {
                        "InstanceId": "i-1",
                        "State": {"Name": "stopped"},
                        "MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "enabled"},
                        "Tags": [{"Key": "Name", "Value": "trainer"}],
                    },
                ],
            }
        ]
    },
    "describe_volumes": lambda: {"Volumes": [{"VolumeId": "vol-1", "Size": 60, "Encrypted": False}]},
    "get_ebs_encryption_by_default": refuse,
    "list_functions": lambda: {
        "Functions": [
            {
                "FunctionName": "predict",
                "FunctionArn": "arn:predict",
                "Runtime": "python3.13",
                "Environment": {"Variables": {"DB_PASSWORD": SECRET, "ENDPOINT_NAME": "dogs"}},
            }
        ]
    },
    "get_function_concurrency": lambda FunctionName: {"ReservedConcurrentExecutions": 5},
    "get_policy": no_such("ResourceNotFoundException"),
    "list_function_url_configs": lambda FunctionName: {"FunctionUrlConfigs": [{"AuthType": "NONE"}]},
    "list_notebook_instances": lambda: {"NotebookInstances": [{"NotebookInstanceName": "lab"}]},
    "describe_notebook_instance": lambda NotebookInstanceName: {
        "NotebookInstanceArn": "arn:lab",
        "RootAccess": "Enabled",
        "DirectInternetAccess": "Disabled",
        "NotebookInstanceLifecycleConfigName": "start",
    },
    "describe_notebook_instance_lifecycle_config": lambda NotebookInstanceLifecycleConfigName: {
        "OnStart": [{"Content": base64.b64encode(f"set -e\nexport DB_PASSWORD={SECRET}\n".encode()).decode()}]
    },
    "list_models": lambda: {"Models": [{"ModelName": "dogs"}, {"ModelName": "gone"}]},
    "describe_model": lambda ModelName: (
        {"ModelArn": "arn:dogs"} if ModelName == "dogs" else no_such("ValidationException", "Could not find model.")()
    ),
    "list_endpoint_configs": lambda: {"EndpointConfigs": [{"EndpointConfigName": "dogs"}]},
    "describe_endpoint_config": lambda EndpointConfigName: {
        "EndpointConfigArn": "arn:dogs",
        "ProductionVariants": [{"VariantName": "AllTraffic", "InitialInstanceCount": 1}],
    },
    "describe_log_groups": lambda: {"logGroups": [{"logGroupName": "/dogs", "arn": "arn:logs"}]},
}


@pytest.fixture(scope="module")
def report() -> Report:
    return asyncio.run(Security(Session(**HANDLERS)).look())  # type: ignore[arg-type]


def test_what_is_unsafe_is_found(report: Report) -> None:
    checks = {check.id for area in AREAS for check in area.checks}
    assert report.made == len(checks) - 2, "all but those of which no resource could be looked at"
    assert {(finding.check, finding.resource.name) for finding in report.findings} == {
        ("iam_root_mfa_enabled", "<root_account>"),
        ("iam_no_root_access_key", "<root_account>"),
        ("iam_user_mfa_enabled_console_access", "ann"),
        ("iam_rotate_access_key_90_days", "ann"),
        ("sagemaker_full_access_policy_attached", "dogs"),
        ("iam_customer_attached_policy_no_administrative_privileges", "dogs"),
        ("iam_group_administrator_access_policy", "staff"),
        ("s3_bucket_level_public_access_block", "dogs"),
        ("s3_bucket_default_encryption", "dogs"),
        ("ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22", "sg-1"),
        ("ec2_instance_imdsv2_enabled", "i-1"),
        ("ec2_ebs_volume_encryption", "vol-1"),
        ("awslambda_function_no_secrets_in_variables", "predict"),
        ("awslambda_function_url_public", "predict"),
        ("sagemaker_notebook_instance_no_secrets", "lab"),
        ("sagemaker_notebook_instance_root_access_disabled", "lab"),
        ("sagemaker_models_network_isolation_enabled", "dogs"),
        ("sagemaker_endpoint_config_kms_encryption_enabled", "dogs"),
        ("sagemaker_endpoint_config_prod_variant_instances", "dogs"),
        ("sagedeck_log_group_without_retention", "/dogs"),
    }
    assert (report.account, report.region) == (ACCOUNT, "us-east-1")


def test_what_may_not_be_read_is_told_with_the_reason(report: Report) -> None:
    told = {(entry.check, entry.resources) for entry in report.not_checked}
    assert told == {
        ("s3_bucket_public_access", ("dogs",)),
        ("ec2_ebs_default_encryption", (ACCOUNT,)),
        ("iam_user_mfa_enabled_console_access", ("bob",)),
    }
    whys = " ".join(entry.why for entry in report.not_checked)
    assert "AccessDenied: User: arn:aws:iam::123456789012:user/ann is not authorized" in whys
    assert "no_information" in whys


def test_a_secret_is_named_and_never_shown(report: Report) -> None:
    assert SECRET not in repr(report)
    reasons = [finding.reason for finding in report.findings if "secret" in finding.reason]
    assert any("DB_PASSWORD (Secret Keyword)" in reason for reason in reasons)
    assert any("OnStart line 2" in reason for reason in reasons)


def test_an_account_that_allows_nothing_has_nothing_passed() -> None:
    report = asyncio.run(Security(Session(**dict.fromkeys(HANDLERS, refuse))).look())  # type: ignore[arg-type]
    assert not report.findings
    assert not any(report.looked.values())
    assert report.made == 0
    assert {entry.check for entry in report.not_checked} == {check.id for area in AREAS for check in area.checks}
    assert all(entry.why.startswith("AccessDenied: ") for entry in report.not_checked)


@pytest.mark.parametrize(
    ("operation", "answer", "area"),
    [
        ("get_bucket_policy", {"Policy": "{no policy"}, "buckets"),
        ("describe_security_groups", {"SecurityGroups": [{}]}, "security groups"),
        ("list_functions", {"Functions": [{"FunctionName": "x"}]}, "functions"),
        ("describe_log_groups", {"logGroups": [None]}, "log groups"),
    ],
)
def test_a_strange_answer_leaves_its_area_unchecked_and_the_rest_as_it_is(
    operation: str, answer: dict[str, Any], area: str
) -> None:
    report = asyncio.run(Security(Session(**{**HANDLERS, operation: lambda **_: answer})).look())  # type: ignore[arg-type]
    assert area not in {finding.area for finding in report.findings}
    whys = {entry.why for entry in report.not_checked if entry.area == area}
    assert any(why.startswith("AWS's answer was not understood") for why in whys)
    assert len({finding.area for finding in report.findings}) > 5


def test_an_account_that_does_not_answer_is_an_error() -> None:
    class Dead(Session):
        async def call(self, *_: Any, **__: Any) -> Any:
            raise Unreachable("No answer", "Could not reach it.")

    with pytest.raises(Unreachable):
        asyncio.run(Security(Dead()).look())  # type: ignore[arg-type]


def test_some_areas_alone_are_looked_at_and_progress_is_told() -> None:
    session = Session(**HANDLERS)
    steps: list[tuple[int, int]] = []
    report = asyncio.run(
        Security(session).look(["buckets", "log groups"], lambda done, of: steps.append((done, of)))  # type: ignore[arg-type]
    )
    assert steps == [(0, 2), (1, 2)]
    assert {finding.area for finding in report.findings} == {"buckets", "log groups"}
    assert "list_functions" not in session.order


def test_few_requests_are_under_way_at_once() -> None:
    many = {**HANDLERS, "list_models": lambda: {"Models": [{"ModelName": "dogs"}] * 50}}
    session = Session(**many)
    asyncio.run(Security(session).look(["models"]))  # type: ignore[arg-type]
    assert session.most_running <= 4
