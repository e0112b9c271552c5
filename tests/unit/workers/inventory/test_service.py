"""The facade: what a window or a script asks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.workers.fake_aws import Refused
from tests.unit.workers.inventory.account import NOW, TAGS, Account, full_account, service_of
from workers.errors.tree import AccessDenied, Conflict, Expired
from workers.inventory.rules import DEFAULT_RULES


def measured(account: Account, **values: Any) -> list[int]:
    """CloudWatch answers with these (by metric) for every resource; returns the counts of metrics that were asked."""
    asked: list[int] = []

    def answer(MetricDataQueries, StartTime, EndTime, **_):
        asked.append(len(MetricDataQueries))
        results = []
        for query in MetricDataQueries:
            metric, period = query["MetricStat"]["Metric"], query["MetricStat"]["Period"]
            found = values.get(metric["MetricName"], [])
            assert (EndTime - StartTime).total_seconds() / period <= 1440
            times = [NOW - timedelta(seconds=period * (len(found) - at)) for at in range(len(found))]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": found})
        return {"MetricDataResults": results}

    account.handlers["get_metric_data"] = answer
    return asked


def test_costs_read_the_account_and_its_ended_jobs():
    account = full_account()
    service = service_of(account)

    async def body():
        found = await service.costs()
        assert found.now == pytest.approx(service.known.dollars_per_hour)
        jobs = [row for row in service.known.of("training-job") if row.name == "done"]
        assert jobs[0].cost_so_far == pytest.approx(0.46)
        curve = await service.history(timedelta(days=1))
        at_start = curve.points[0].dollars
        assert sum(at_start.values()) == 0
        assert sum(curve.points[-1].dollars.values()) == pytest.approx(found.now, abs=0.006)
        made = len(account.calls)
        await service.costs()
        assert len(account.calls) == made

    asyncio.run(body())


def test_a_job_that_cannot_be_described_is_left_out_and_that_is_no_error():
    account = full_account()

    def refused(**_):
        raise Refused("AccessDeniedException", "no")

    account.handlers["describe_training_job"] = refused
    found = asyncio.run(service_of(account).costs())
    assert any("the price is not known: 1 training job" in words for words in found.missing)


def test_cost_explorer_page_by_page():
    account = full_account()
    days = [
        {"Estimated": False, "Groups": [{"Keys": ["SageMaker"], "Metrics": {"UnblendedCost": {"Amount": "1.5"}}}]},
        {"Estimated": True, "Groups": [{"Keys": ["EC2"], "Metrics": {"UnblendedCost": {"Amount": "4"}}},
                                       {"Keys": ["SageMaker"], "Metrics": {"UnblendedCost": {"Amount": "1"}}}]},
    ]  # fmt: skip

    def answer(TimePeriod, NextPageToken="", **_):
        assert TimePeriod == {"Start": "2026-11-21", "End": "2026-11-29"}
        return {"ResultsByTime": [days[bool(NextPageToken)]], **({} if NextPageToken else {"NextPageToken": "2"})}

    account.handlers["get_cost_and_usage"] = answer
    found = asyncio.run(service_of(account).billed(7))
    assert (found.total, found.by_service, found.estimated) == (6.5, (("EC2", 4.0), ("SageMaker", 2.5)), True)


def test_cost_explorer_may_be_refused():
    account = full_account()

    def refused(**_):
        raise Refused("AccessDeniedException", "no")

    account.handlers["get_cost_and_usage"] = refused
    with pytest.raises(AccessDenied):
        asyncio.run(service_of(account).billed())


def idle_of(service, rules=DEFAULT_RULES):
    return asyncio.run(service.idle(rules))


def test_what_is_idle_is_found_and_seen_in_its_row():
    account = full_account()
    asked = measured(account, CPUUtilization=[1.0] * 12)
    service = service_of(account)

    async def body():
        report = await service.idle()
        rules = {finding.resource.kind: finding.rule for finding in report.findings}
        assert rules == {
            "instance": "instance-quiet-hour",
            "volume": "volume-unattached",
            "address": "address-unattached",
            "log-group": "log-kept-forever",
        }
        assert report.unknown == ()
        assert {row.kind for row in report.changes.changed if row.idle} == set(rules)
        # One of the endpoint, four of the instance; and again only after some minutes.
        assert sum(asked) == 5
        again = await service.idle()
        assert again.findings == report.findings and not again.changes and sum(asked) == 5
        switched_off = [replace(rule, on=False) for rule in DEFAULT_RULES]
        gone = await service.idle(switched_off)
        assert {row.idle for row in gone.changes.changed} == {""}

    asyncio.run(body())


def test_the_month_without_what_is_idle():
    account = full_account()
    measured(account)
    service = service_of(account)

    async def body():
        await service.idle()
        found = await service.costs()
        assert found.without_idle is not None and found.month_end is not None
        assert found.without_idle < found.month_end

    asyncio.run(body())


def test_metrics_that_may_not_be_read_are_told():
    account = full_account()

    def refused(**_):
        raise Refused("AccessDenied", "no")

    account.handlers["get_metric_data"] = refused
    report = idle_of(service_of(account))
    assert {finding.resource.kind for finding in report.findings} == {"volume", "address", "log-group"}
    assert len(report.unknown) == 1 and "is not known" in report.unknown[0]


def test_a_kind_that_may_not_be_listed_is_told():
    account = full_account()
    measured(account)

    def refused(**_):
        raise Refused("AccessDeniedException", "no")

    account.handlers["describe_volumes"] = refused
    report = idle_of(service_of(account))
    assert [words for words in report.unknown if words.startswith("Volumes could not be read")]


@pytest.mark.parametrize(
    "kind, operation, parameters",
    [
        ("instance", "stop_instances", {"InstanceIds": ["i-1"]}),
        ("volume", "delete_volume", {"VolumeId": "vol-1"}),
        ("address", "release_address", {"AllocationId": "eipalloc-1"}),
        ("log-group", "put_retention_policy", {"logGroupName": "/aws/x", "retentionInDays": 30}),
    ],
)
def test_one_click(kind, operation, parameters):
    account = full_account()
    measured(account, CPUUtilization=[1.0] * 12)
    account.handlers[operation] = lambda **_: {}
    service = service_of(account)

    async def body():
        report = await service.idle()
        (finding,) = [finding for finding in report.findings if finding.resource.kind == kind]
        assert await service.settle(finding)
        assert account.made(operation) == [parameters]

    asyncio.run(body())


def test_an_idle_endpoint_is_parked():
    account = full_account()
    measured(account)
    service = service_of(account)

    async def body():
        rules = [replace(rule, value=5) if rule.id == "endpoint-unused" else rule for rule in DEFAULT_RULES]
        report = await service.idle(rules)
        (finding,) = [finding for finding in report.findings if finding.action == "park"]
        assert "is parked" in await service.settle(finding)
        # Used meanwhile: it is left alone.
        measured(account, Invocations=[1.0])
        with pytest.raises(Conflict, match="not idle any more"):
            await service.settle(finding)

    asyncio.run(body())


@pytest.mark.parametrize("change", ["attached", "gone"])
def test_what_changed_since_is_left_alone(change):
    account = full_account()
    measured(account)
    service = service_of(account)

    async def body():
        report = await service.idle()
        (finding,) = [finding for finding in report.findings if finding.resource.kind == "volume"]
        if change == "gone":
            account.lists["describe_volumes"].clear()
        else:
            account.lists["describe_volumes"][0] |= {"State": "in-use", "Attachments": [{"InstanceId": "i-1"}]}
        with pytest.raises(Conflict):
            await service.settle(finding)
        assert account.made("delete_volume") == []

    asyncio.run(body())


def test_a_closer_look_at_what_is_in_sight():
    account = full_account()
    asked = measured(account, Invocations=[2.0])
    account.handlers["list_object_versions"] = lambda **_: {
        "Versions": [{"Key": "a", "Size": 2 * 10**9, "IsLatest": True}, {"Key": "a", "Size": 10**9, "IsLatest": False}]
    }
    account.handlers["get_bucket_tagging"] = lambda **_: {"TagSet": TAGS}
    service = service_of(account)

    async def body():
        await service.read()
        keys = [row.key for row in service.known.of("bucket", "endpoint")]
        assert service.polling_per_hour(keys, 60) == pytest.approx(60 * 0.01 / 1000)
        changes = await service.look_closer(keys)
        rows = {row.kind: row for row in changes.changed}
        assert rows["bucket"].size == "1 object, 3.00 GB"
        assert rows["bucket"].ours is True and rows["bucket"].bills
        assert rows["endpoint"].last_use == NOW and rows["endpoint"].use_known
        assert not await service.look_closer(keys)
        assert sum(asked) == 1
        # A new reading does not forget it.
        await service.read()
        assert service.known.of("bucket")[0].size == "1 object, 3.00 GB"

    asyncio.run(body())


def test_a_huge_bucket_is_not_counted_to_the_end():
    account = full_account()
    page = {"Versions": [{"Key": "a", "Size": 1, "IsLatest": True}] * 1000, "IsTruncated": True, "NextKeyMarker": "a"}
    account.handlers["list_object_versions"] = lambda **_: page
    account.handlers["get_bucket_tagging"] = lambda **_: {"TagSet": []}
    service = service_of(account)

    async def body():
        await service.read()
        await service.look_closer([row.key for row in service.known.of("bucket")])
        (bucket,) = service.known.of("bucket")
        assert (bucket.size, bucket.bills) == ("20,000 objects or more", None)

    asyncio.run(body())


@pytest.mark.parametrize("status, words", [("DISABLED", "is switched off"), ("DISABLING", "is switched off")])
def test_a_region_that_is_switched_off_is_told(status, words):
    account = full_account()

    def no_such_token(**_):
        raise Refused("InvalidClientTokenId", "The security token included in the request is invalid.", 403)

    account.handlers["get_caller_identity"] = no_such_token
    account.handlers["get_region_opt_status"] = lambda RegionName: {"RegionOptStatus": status}
    with pytest.raises(Conflict, match=words):
        asyncio.run(service_of(account).read())


def test_bad_keys_are_no_matter_of_the_region():
    account = full_account()

    def no_such_token(**_):
        raise Refused("InvalidClientTokenId", "The security token included in the request is invalid.", 403)

    account.handlers["get_caller_identity"] = account.handlers["get_region_opt_status"] = no_such_token
    with pytest.raises(Expired):
        asyncio.run(service_of(account).read())
    account.handlers["get_region_opt_status"] = lambda RegionName: {"RegionOptStatus": "ENABLED_BY_DEFAULT"}
    with pytest.raises(Expired):
        asyncio.run(service_of(account).read())
