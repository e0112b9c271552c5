"""Quotas: AWS's names, the default where none was applied, what is in use, and how seldom AWS is asked."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.models import job
from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.aws.quotas import QUOTAS_SECONDS, RUNNING_SECONDS, Quota, Quotas, increase_cli
from workers.errors.tree import AccessDenied


def quota(name, value, code="L-1"):
    return {"QuotaName": name, "Value": value, "QuotaCode": code}


APPLIED = [
    quota("ml.m5.2xlarge for training job usage", 8.0, "L-A"),
    quota("ml.m5.2xlarge for spot training job usage", 4.0, "L-B"),
    quota("ml.m5.2xlarge for endpoint usage", 2.0),
]
DEFAULTS = [quota("ml.p3.2xlarge for training job usage", 0.0, "L-C")]


class Jobs:
    def __init__(self, *jobs):
        self.running, self.asked = list(jobs), 0

    async def jobs(self, *, search="", status=None):
        self.asked += 1
        for running in self.running:
            if running.status == status:
                yield running

    async def complete(self, jobs):
        return tuple(jobs)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def quotas(jobs=None, **handlers):
    handlers = {
        "list_service_quotas": lambda **_: {"Quotas": APPLIED},
        "list_aws_default_service_quotas": lambda **_: {"Quotas": DEFAULTS},
        **handlers,
    }
    session, clock, jobs = FakeSession(**handlers), Clock(), jobs or Jobs()
    return session, clock, jobs, Quotas(session, jobs, clock)


def running(name, status="InProgress", count=2, spot=False, kind="ml.m5.2xlarge"):
    return job(name, status, instance_type=kind, instance_count=count, spot=spot)


def test_only_the_instances_of_this_type_and_kind_are_in_use():
    jobs = Jobs(
        running("a"),
        running("b", "Stopping", 1),
        running("c", spot=True, count=3),
        running("d", kind="ml.m5.xlarge"),
        running("e", "Completed"),
    )
    *_, found = quotas(jobs)
    assert asyncio.run(found.training("ml.m5.2xlarge")) == Quota(
        "ml.m5.2xlarge for training job usage", "L-A", limit=8, used=3
    )
    assert asyncio.run(found.training("ml.m5.2xlarge", spot=True)) == Quota(
        "ml.m5.2xlarge for spot training job usage", "L-B", limit=4, used=3
    )


def test_a_quota_that_was_never_applied_has_awss_default():
    session, *_, found = quotas()
    assert asyncio.run(found.training("ml.p3.2xlarge")).limit == 0
    assert asyncio.run(found.training("ml.nothing.large")) is None
    assert session.made("list_service_quotas")[0]["ServiceCode"] == "sagemaker"


def test_aws_is_asked_once_for_a_while():
    session, clock, jobs, found = quotas()
    for _ in range(3):
        asyncio.run(found.training("ml.m5.2xlarge"))
    assert len(session.made("list_service_quotas")) == 1 and jobs.asked == 2
    clock.now = RUNNING_SECONDS
    asyncio.run(found.training("ml.m5.2xlarge"))
    assert len(session.made("list_service_quotas")) == 1 and jobs.asked == 4
    found.forget_running()
    asyncio.run(found.training("ml.m5.2xlarge"))
    assert jobs.asked == 6
    clock.now = QUOTAS_SECONDS
    asyncio.run(found.training("ml.m5.2xlarge"))
    assert len(session.made("list_service_quotas")) == 2


def test_a_missing_permission_is_named_and_asked_for_again():
    def refused(**_):
        raise Refused("AccessDeniedException", "You are not authorized to perform this operation.")

    session, *_, found = quotas(list_service_quotas=refused)
    with pytest.raises(AccessDenied) as denied:
        asyncio.run(found.training("ml.m5.2xlarge"))
    assert "servicequotas:" in denied.value.message
    session.handlers["list_service_quotas"] = lambda **_: {"Quotas": APPLIED}
    assert asyncio.run(found.training("ml.m5.2xlarge")).limit == 8


def test_a_raise_is_asked_for_by_code_and_read_again():
    answer = {"RequestedQuota": {"Status": "CASE_OPENED"}}
    session, *_, found = quotas(request_service_quota_increase=lambda **_: answer)
    known = asyncio.run(found.training("ml.m5.2xlarge"))
    assert asyncio.run(found.request(known, 12)) == "CASE_OPENED"
    (asked,) = session.made("request_service_quota_increase")
    assert asked == {"ServiceCode": "sagemaker", "QuotaCode": "L-A", "DesiredValue": 12.0}
    assert increase_cli(known, 12).endswith("--quota-code L-A --desired-value 12")
    asyncio.run(found.training("ml.m5.2xlarge"))
    assert len(session.made("list_service_quotas")) == 2
