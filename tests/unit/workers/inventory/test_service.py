"""The facade: what a window or a script asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.unit.workers.fake_aws import Refused
from tests.unit.workers.inventory.account import NOW, Account
from tests.unit.workers.inventory.test_stock import full_account
from workers.errors.tree import AccessDenied
from workers.inventory.service import InventoryService
from workers.prices.table import PriceTable


def service_of(account: Account) -> InventoryService:
    service = InventoryService(account, PriceTable.load(), SimpleNamespace(), SimpleNamespace())
    service._clock.now = lambda: NOW
    return service


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
