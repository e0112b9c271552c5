"""Who called what: the event history, last uses, the credential report and the summary, from real calls."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.core.account import ACCOUNT_ID
from tests.helpers.sandbox import SandboxProcess

# LookupEvents is throttled to two a second; the SDK waits and tries again.
PATIENT = Config(retries={"max_attempts": 8, "mode": "standard"})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
            "Action": "sts:AssumeRole",
        },
    }
)
READS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:List*", "ec2:*"], "Resource": "*"}}


@pytest.fixture(scope="module")
def trail(sandbox: SandboxProcess) -> Any:
    return sandbox.client("cloudtrail", config=PATIENT)


@pytest.fixture(scope="module")
def user(sandbox: SandboxProcess) -> dict[str, str]:
    """A user with a key that was used once, and what it may do."""
    iam = sandbox.client("iam")
    iam.create_user(UserName="mary")
    iam.put_user_policy(UserName="mary", PolicyName="reads", PolicyDocument=json.dumps(READS))
    key = iam.create_access_key(UserName="mary")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sandbox.client("s3", **keys).list_buckets()
    with pytest.raises(ClientError, match="AccessDenied"):
        sandbox.client("sagemaker", **keys).delete_model(ModelName="none")
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def looked_up(trail: Any, key: str, value: str) -> list[dict[str, Any]]:
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])["Events"]
    return [{**event, "record": json.loads(event["CloudTrailEvent"])} for event in found]


def test_changes_are_in_the_event_history_with_who_and_on_what(sandbox: SandboxProcess, trail: Any, user: Any) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="told")
    s3.put_object(Bucket="told", Key="k", Body=b"")
    s3.delete_object(Bucket="told", Key="k")
    s3.delete_bucket(Bucket="told")
    events = looked_up(trail, "ResourceName", "told")
    assert [event["EventName"] for event in events] == ["DeleteBucket", "CreateBucket"]
    assert {event["Username"] for event in events} == {"operator"}
    assert events[0]["Resources"] == [{"ResourceType": "AWS::S3::Bucket", "ResourceName": "told"}]
    assert events[0]["EventSource"] == "s3.amazonaws.com" and events[0]["record"]["readOnly"] is False
    made = looked_up(trail, "Username", "mary")
    assert [event["EventName"] for event in made] == ["DeleteModel"]
    assert made[0]["record"]["errorCode"].startswith("AccessDenied") and made[0]["AccessKeyId"] == user["key"]


def test_no_secret_is_in_the_history_and_pages_follow_each_other(
    sandbox: SandboxProcess, trail: Any, user: Any
) -> None:
    sandbox.client("ssm").put_parameter(Name="/p", Value="sesame", Type="SecureString")
    pages = trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 3, "MaxItems": 7})
    events = [event for page in pages for event in page["Events"]]
    assert len({event["EventId"] for event in events}) == len(events) == 7
    assert events == sorted(events, key=lambda event: event["EventTime"], reverse=True)
    text = json.dumps(trail.lookup_events()["Events"], default=str)
    assert "PutParameter" in text and "sesame" not in text and user["secret"] not in text


def test_more_than_two_lookups_a_second_are_throttled(sandbox: SandboxProcess) -> None:
    hasty = sandbox.client("cloudtrail", config=Config(retries={"max_attempts": 0}))
    with pytest.raises(ClientError, match="ThrottlingException"):
        for _ in range(50):
            hasty.lookup_events(MaxResults=1)


def test_last_uses_are_those_of_real_calls_and_outlive_a_kill(sandbox: SandboxProcess, user: Any) -> None:
    iam = sandbox.client("iam")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="worker", PolicyName="reads", PolicyDocument=json.dumps(READS))
    arn = iam.get_role(RoleName="worker")["Role"]["Arn"]
    assert iam.get_role(RoleName="worker")["Role"]["RoleLastUsed"] == {}
    session = sandbox.client("sts").assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]
    ec2 = sandbox.client(
        "ec2",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    ec2.describe_vpcs()
    assert iam.get_role(RoleName="worker")["Role"]["RoleLastUsed"]["Region"] == "us-east-1"

    def accessed() -> dict[str, Any]:
        job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
        found = iam.get_service_last_accessed_details(JobId=job)
        assert found["JobStatus"] == "COMPLETED" and not found["IsTruncated"]
        return {service["ServiceNamespace"]: service for service in found["ServicesLastAccessed"]}

    services = accessed()
    assert services.keys() == {"ec2", "s3"}
    assert services["ec2"]["LastAuthenticatedEntity"] == arn and "LastAuthenticated" not in services["s3"]
    assert [action["ActionName"] for action in services["ec2"]["TrackedActionsLastAccessed"]] == ["DescribeVpcs"]
    used = iam.get_access_key_last_used(AccessKeyId=user["key"])
    assert used["UserName"] == "mary" and used["AccessKeyLastUsed"]["ServiceName"] == "sagemaker"
    sandbox.restart()
    iam = sandbox.client("iam")
    assert accessed() == services


def test_the_credential_report_and_the_summary_tell_of_users_and_of_root(sandbox: SandboxProcess, user: Any) -> None:
    iam = sandbox.client("iam")
    with pytest.raises(ClientError, match="ReportNotPresent"):
        iam.get_credential_report()
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    rows = {row["user"]: row for row in csv.DictReader(report["Content"].decode().splitlines())}
    assert list(rows) == ["<root_account>", "mary", "operator"]
    assert rows["<root_account>"]["mfa_active"] == "false" and rows["<root_account>"]["access_key_1_active"] == "false"
    assert rows["mary"]["access_key_1_active"] == "true" and rows["mary"]["access_key_2_active"] == "false"
    assert rows["mary"]["access_key_1_last_used_service"] == "sagemaker"
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"], summary["Users"]) == (0, 0, 2)


def test_the_bill_is_of_this_account_and_has_no_budgets(sandbox: SandboxProcess) -> None:
    today = datetime.now(UTC).date()
    period = {"Start": str(today), "End": str(today + timedelta(days=1))}
    answer = sandbox.client("ce").get_cost_and_usage(
        TimePeriod=period,
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    assert [(day["TimePeriod"], day["Groups"], day["Estimated"]) for day in answer["ResultsByTime"]] == [
        (period, [], True)
    ]
    assert sandbox.client("budgets").describe_budgets(AccountId=ACCOUNT_ID)["Budgets"] == []


def test_a_function_has_no_url_and_one_that_is_not_there_is_not_found(sandbox: SandboxProcess) -> None:
    client = sandbox.client("lambda")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.list_function_url_configs(FunctionName="none")


def test_what_a_user_has_not_is_an_empty_list_and_what_nobody_has_an_error(sandbox: SandboxProcess, user: Any) -> None:
    iam = sandbox.client("iam")
    asked = {
        "MFADevices": iam.list_mfa_devices,
        "SSHPublicKeys": iam.list_ssh_public_keys,
        "ServiceSpecificCredentials": iam.list_service_specific_credentials,
        "Certificates": iam.list_signing_certificates,
    }
    assert [call(UserName="mary")[kind] for kind, call in asked.items()] == [[], [], [], []]
    for call in asked.values():
        with pytest.raises(iam.exceptions.NoSuchEntityException, match="nobody"):
            call(UserName="nobody")
