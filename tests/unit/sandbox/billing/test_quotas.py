"""Service quotas: what they allow, what is refused over them, and how they are raised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.billing import quotas
from sandbox.billing.quotas import ENDPOINT, SPOT, TRAINING, Quotas, catalogue
from sandbox.billing.quotas_service import ServiceQuotasService
from sandbox.core.state import Database, StateDir
from sandbox.s3 import store
from sandbox.services import all_services
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from tests.helpers.calls import ask

OPERATOR = Caller("arn:aws:iam::123456789012:user/operator", "123456789012", "AK")
NAME = "ml.m5.2xlarge for training job usage"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "test.db")
    yield database
    database.close()


class Api:
    """The operations of the service, and a clock that stands still."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_700_000_000.0
        monkeypatch.setattr(quotas, "time", SimpleNamespace(time=lambda: self.now))
        self._service = ServiceQuotasService()
        context: Any = SimpleNamespace(state=SimpleNamespace(db=db))
        self._service.start(context)

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        return ask(self._service, operation, request)

    def quota(self, name: str = NAME, operation: str = "GetServiceQuota") -> dict[str, Any]:
        quota: dict[str, Any] = self(operation, ServiceCode="sagemaker", QuotaCode=catalogue()[name].code)["Quota"]
        return quota

    def ask(self, value: float, name: str = NAME) -> dict[str, Any]:
        code = catalogue()[name].code
        request = {"ServiceCode": "sagemaker", "QuotaCode": code, "DesiredValue": value}
        made: dict[str, Any] = self("RequestServiceQuotaIncrease", **request)["RequestedQuota"]
        return made


@pytest.fixture
def api(db: Database, monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(db, monkeypatch)


def test_every_instance_type_has_its_three_quotas(api: Api) -> None:
    listed: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = api("ListServiceQuotas", ServiceCode="sagemaker", MaxResults=100, **token)
        listed += page["Quotas"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    names = [quota["QuotaName"] for quota in listed]
    assert len(set(names)) == len(names) == len({quota["QuotaCode"] for quota in listed})
    for usage in (TRAINING, SPOT, ENDPOINT):
        for instance_type in ("ml.m5.2xlarge", "ml.c5.xlarge", "ml.g4dn.xlarge"):
            assert f"{instance_type} for {usage}" in names
    quota = api.quota()
    assert (quota["QuotaName"], quota["Value"], quota["Adjustable"]) == (NAME, 8.0, True)
    assert quota["QuotaArn"] == f"arn:aws:servicequotas:us-east-1:123456789012:sagemaker/{quota['QuotaCode']}"
    assert api.quota("ml.p3.2xlarge for training job usage")["Value"] == 0.0
    assert len(api("ListAWSDefaultServiceQuotas", ServiceCode="sagemaker")["Quotas"]) == 100


def test_vcpus_have_quotas_of_ec2(api: Api, db: Database) -> None:
    listed = api("ListServiceQuotas", ServiceCode="ec2")["Quotas"]
    codes = {quota["QuotaCode"]: quota for quota in listed}
    assert codes["L-1216C47A"]["QuotaName"] == "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
    assert codes["L-DB2E81BA"]["ServiceName"] == "Amazon Elastic Compute Cloud (Amazon EC2)"
    assert (Quotas(db).vcpus("Standard"), Quotas(db).vcpus("P")) == (64, 0)
    wanted = {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"}
    api("RequestServiceQuotaIncrease", DesiredValue=96, **wanted)
    api.now += 3
    assert api("GetServiceQuota", **wanted)["Quota"]["Value"] == Quotas(db).vcpus("P") == 96


def test_the_refusal_has_awss_words(db: Database) -> None:
    limits = Quotas(db)
    limits.require(TRAINING, {"ml.m5.2xlarge": 2}, {"ml.m5.2xlarge": 6, "ml.m5.large": 8})
    with pytest.raises(AwsError) as refused:
        limits.require(TRAINING, {"ml.m5.2xlarge": 4}, {"ml.m5.2xlarge": 6})
    assert refused.value.code == "ResourceLimitExceeded"
    assert refused.value.message == (
        "The account-level service limit 'ml.m5.2xlarge for training job usage' is 8 Instances, with current "
        "utilization of 6 Instances and a request delta of 4 Instances. Please use AWS Service Quotas to request an "
        "increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase "
        "for this quota."
    )
    limits.require_hosts(20)
    with pytest.raises(AwsError, match="Maximum number of instances per training job"):
        limits.require_hosts(21)


def test_a_raise_is_in_force_after_three_seconds(api: Api, db: Database) -> None:
    made = api.ask(12)
    assert (made["Status"], made["DesiredValue"], made["QuotaName"]) == ("PENDING", 12, NAME)
    assert made["Requester"] == OPERATOR.arn
    assert api.quota()["Value"] == 8
    with pytest.raises(AwsError, match="Only one open"):
        api.ask(14)
    api.now += 3
    assert api.quota()["Value"] == 12
    assert api.quota(operation="GetAWSDefaultServiceQuota")["Value"] == 8
    Quotas(db).require(TRAINING, {"ml.m5.2xlarge": 12}, {})
    with pytest.raises(AwsError, match="greater than the current quota value"):
        api.ask(12)
    api.now += 10
    api.ask(20)
    api.now += 3
    assert api.quota()["Value"] == 20
    history = api("ListRequestedServiceQuotaChangeHistory", ServiceCode="sagemaker")["RequestedQuotas"]
    assert [(quota["Status"], quota["DesiredValue"]) for quota in history] == [("APPROVED", 20), ("APPROVED", 12)]
    assert api("GetRequestedServiceQuotaChange", RequestId=made["Id"])["RequestedQuota"]["Status"] == "APPROVED"


def test_what_only_support_could_decide_stays_open(api: Api) -> None:
    made = api.ask(21)
    api.now += 86_400
    code = {"ServiceCode": "sagemaker", "QuotaCode": made["QuotaCode"]}
    (request,) = api("ListRequestedServiceQuotaChangeHistoryByQuota", **code)["RequestedQuotas"]
    assert request["Status"] == "CASE_OPENED" and request["CaseId"]
    assert api("ListRequestedServiceQuotaChangeHistory", Status="APPROVED")["RequestedQuotas"] == []
    assert api.quota()["Value"] == 8


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("GetServiceQuota", {"ServiceCode": "ec2", "QuotaCode": "L-12345678"}, "NoSuchResourceException"),
        ("GetServiceQuota", {"ServiceCode": "sagemaker", "QuotaCode": "L-12345678"}, "NoSuchResourceException"),
        ("GetServiceQuota", {"ServiceCode": "sagemaker"}, "ValidationException"),
        ("ListServiceQuotas", {"ServiceCode": "sagemaker", "NextToken": "no"}, "InvalidPaginationTokenException"),
        ("GetRequestedServiceQuotaChange", {"RequestId": "12345678"}, "NoSuchResourceException"),
        ("ListRequestedServiceQuotaChangeHistory", {"ServiceCode": "rds"}, "NoSuchResourceException"),
    ],
)
def test_what_is_not_there_is_told(api: Api, operation: str, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        api(operation, **request_)
    assert refused.value.code == code


def test_a_fixed_quota_cannot_be_raised(api: Api) -> None:
    with pytest.raises(AwsError, match="not adjustable"):
        api.ask(50, "Maximum number of instances per training job")


def test_every_service_that_is_served_answers_for_its_quotas(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    served = {(service.signing_name or service.name) for service in all_services()}
    # What only tells about the others, and what is SageMaker's own under another name.
    free_of_quotas = {"pricing", "servicequotas", "tagging"}
    listed = {service["ServiceCode"] for service in api("ListServices")["Services"]}
    assert listed == served - free_of_quotas
    for code in listed:
        found = api("ListServiceQuotas", ServiceCode=code)["Quotas"]
        assert bool(found) == (code in ("sagemaker", "ec2", "lambda", "s3")), code
    with pytest.raises(AwsError, match="NoSuchResourceException"):
        api("ListServiceQuotas", ServiceCode="rds")
    monkeypatch.setenv("SAGEDECK_LAMBDA_CONCURRENCY", "50")
    asked = {"ServiceCode": "lambda", "QuotaCode": "L-B99A9384"}
    assert api("GetServiceQuota", **asked)["Quota"]["Value"] == 50.0
    assert api("GetAWSDefaultServiceQuota", **asked)["Quota"]["Value"] == 1000.0


def test_a_quota_of_buckets_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_BUCKETS", 1)
    state = StateDir(tmp_path / "state")
    kept = store.Store(state)
    kept.create_bucket("first")
    kept.create_bucket("first")
    with pytest.raises(AwsError, match="TooManyBuckets"):
        kept.create_bucket("second")
    state.close()
