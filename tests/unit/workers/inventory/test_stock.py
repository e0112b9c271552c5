"""Reading an account: every kind, what may not be read, what changed, what went away meanwhile."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workers.fake_aws import Refused
from tests.unit.workers.inventory.account import BEFORE, LISTS, NOW, SM, TAGS, Account, full_account, stock_of
from workers.errors.tree import Expired
from workers.inventory import kinds_compute
from workers.inventory.asking import AccountClock
from workers.inventory.kinds_other import FEW_ROLES
from workers.inventory.stock import Stock
from workers.inventory.types import ALL_KINDS, Inventory

DENIED = Refused("AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: x on resource: y")


async def steps(stock, kinds=()):
    return [changes async for changes in stock.refresh(kinds)]


def read(account: Account) -> Inventory:
    stock = stock_of(account)
    asyncio.run(steps(stock))
    return stock.inventory


def test_everything_is_read_and_priced():
    inventory = read(full_account())
    found = {(row.kind, row.name): row for row in inventory.resources}
    assert {kind for kind, _ in found} == set(ALL_KINDS) - {"parked-endpoint"}
    assert all(kind.whole for kind in inventory.kinds), [kind.words for kind in inventory.kinds]
    endpoint = found["endpoint", "dogs"]
    assert (endpoint.size, endpoint.dollars_per_hour) == ("2 × ml.m5.large", pytest.approx(0.23))
    assert endpoint.cost_so_far == pytest.approx(2.3)
    job = found["training-job", "job"]
    assert (job.size, job.dollars_per_hour, job.in_use) == ("2 × ml.m5.xlarge", pytest.approx(0.46), True)
    assert (found["training-job", "done"].dollars_per_hour, found["processing-job", "p"].dollars_per_hour) == (0, 0)
    assert found["notebook", "n"].dollars_per_hour == pytest.approx(0.05 + 5 * 0.14 / 730)
    assert found["instance", "i-1"].dollars_per_hour == pytest.approx(0.1664)
    assert found["instance", "i-1"].ours is True
    assert found["volume", "vol-1"].dollars_per_hour == pytest.approx(60 * 0.08 / 730)
    assert found["address", "203.0.113.7"].facts["attached_to"] == ""
    assert found["log-group", "/aws/x"].dollars_per_hour == pytest.approx(10**9 / 2**30 * 0.03 / 730)
    # What a bucket holds nobody counted: not known is not nothing.
    assert found["bucket", "b"].dollars_per_hour is None
    assert ("role", "someone-role") not in found
    assert found["role", "SageDeckTraining-b"].ours is True


@pytest.mark.parametrize("operation", sorted(set(LISTS) - {"get_resources"}))
def test_a_service_without_permission_is_told_and_the_rest_is_there(operation):
    account = full_account()
    account.handlers[operation] = _refusing
    inventory = read(account)
    assert len(inventory.unread) == 1
    unread = inventory.unread[0]
    assert "could not be read" in unread.words
    assert unread.error is not None and unread.error.hint and not unread.whole
    assert {row.kind for row in inventory.resources} == set(ALL_KINDS) - {"parked-endpoint", unread.kind}


def _refusing(**_):
    raise DENIED


def test_an_account_where_nothing_may_be_listed():
    account = full_account()
    for operation in LISTS:
        account.handlers[operation] = _refusing
    inventory = read(account)
    assert inventory.resources == ()
    assert {kind.kind for kind in inventory.unread} == set(ALL_KINDS) - {"parked-endpoint"}
    assert inventory.dollars_per_hour is None


def test_who_may_list_but_not_describe_sees_the_rows():
    account = full_account()
    account.handlers["describe_endpoint"] = _refusing
    inventory = read(account)
    (endpoint,) = inventory.of("endpoint")
    assert endpoint.dollars_per_hour is None
    (how,) = [kind for kind in inventory.kinds if kind.kind == "endpoint"]
    assert how.error is None and how.words.startswith("1 of 1 endpoints not known: ")


def test_what_is_deleted_under_the_reading_is_no_row():
    account = full_account()
    del account.described["dogs"]
    inventory = read(account)
    assert inventory.of("endpoint") == ()
    assert [kind.count for kind in inventory.kinds if kind.kind == "endpoint"] == [0]
    assert not inventory.unread


def test_a_refresh_tells_only_what_changed():
    account = full_account()
    stock = stock_of(account)

    async def body():
        await steps(stock)
        assert not any(await steps(stock))
        account.lists["list_models"].append({"ModelName": "new", "ModelArn": f"{SM}:model/new", "CreationTime": NOW})
        account.lists["list_buckets"].clear()
        account.lists["describe_volumes"][0]["State"] = "in-use"
        found = [changes for changes in await steps(stock) if changes]
        assert [row.name for changes in found for row in changes.added] == ["new"]
        assert [row.id for changes in found for row in changes.changed] == ["vol-1"]
        assert [key for changes in found for key in changes.removed] == [("bucket", "b")]

    asyncio.run(body())


def test_one_kind_alone_is_asked_for_alone():
    account = full_account()
    asyncio.run(steps(stock_of(account), ("volume",)))
    assert {name for name, _ in account.calls} == {"get_caller_identity", "describe_volumes", "get_resources"}


def test_a_job_that_has_ended_stops_billing():
    account = full_account()
    stock = stock_of(account)

    async def body():
        await steps(stock)
        summary = account.lists["list_training_jobs"][0]
        summary |= {"TrainingJobStatus": "Completed", "LastModifiedTime": NOW}
        account.described["job"] |= {"TrainingEndTime": BEFORE + timedelta(hours=2)}
        await steps(stock)
        row = stock.row(("training-job", f"{SM}:training-job/job"))
        assert row is not None
        assert (row.dollars_per_hour, row.cost_so_far, row.in_use) == (0.0, pytest.approx(0.92), False)

    asyncio.run(body())


def test_a_refused_refresh_keeps_the_old_rows_with_their_time():
    account = full_account()
    stock = stock_of(account)

    async def body():
        await steps(stock)
        account.handlers["list_models"] = _refusing
        await steps(stock)
        (how,) = [kind for kind in stock.inventory.kinds if kind.kind == "model"]
        assert len(stock.inventory.of("model")) == 1
        assert how.error is not None and how.as_of == NOW

    asyncio.run(body())


def test_trials_are_paid_for_once():
    account = full_account()
    for name in ("trial-1", "trial-2"):
        account.training(name, TuningJobArn=f"{SM}:tuning/tune")
    inventory = read(account)
    (tuning,) = inventory.of("tuning-job")
    assert (tuning.size, tuning.dollars_per_hour) == ("2 × ml.m5.xlarge", pytest.approx(0.92))
    trials = [row for row in inventory.of("training-job") if row.name.startswith("trial")]
    assert {row.dollars_per_hour for row in trials} == {0.0}
    assert {row.facts["billed_with"] for row in trials} == {"tune"}


def test_a_warm_pool_bills_after_its_job():
    account = Account()
    account.training("warm", "Completed", TrainingEndTime=BEFORE, WarmPoolStatus={"Status": "Available"})
    (row,) = read(account).of("training-job")
    assert row.dollars_per_hour == pytest.approx(0.46)


@pytest.mark.parametrize(
    "fields",
    [{"InstanceLifecycle": "spot"}, {"PlatformDetails": "Windows"}, {"InstanceType": "x9.huge"}],
)
def test_an_instance_whose_price_is_not_known_is_not_free(fields):
    account = full_account()
    account.lists["describe_instances"][0]["Instances"][0] |= fields
    (row,) = read(account).of("instance")
    assert (row.dollars_per_hour, row.bills) == (None, None)


def test_what_sagedeck_made_is_known_by_its_tag():
    account = full_account()
    account.lists["get_resources"].append({"ResourceARN": f"{SM}:model/m", "Tags": TAGS})
    inventory = read(account)
    assert inventory.of("model")[0].ours is True
    # Not found there it may be new: not known yet.
    assert inventory.of("endpoint")[0].ours is None


def test_with_expired_keys_nothing_is_read():
    account = full_account()

    def expired():
        raise Refused("ExpiredToken", "The security token included in the request is expired")

    account.handlers["get_caller_identity"] = expired
    with pytest.raises(Expired):
        read(account)


@pytest.mark.parametrize("hours", [-7, 0, 7])
def test_ages_are_by_the_accounts_clock(hours):
    account = Account()
    account.date = datetime.now(UTC) + timedelta(hours=hours)
    clock = AccountClock(account)  # type: ignore[arg-type]
    asyncio.run(clock.set())
    assert clock.off == pytest.approx(hours * 3600, abs=6)
    assert clock.now() - datetime.now(UTC) == pytest.approx(timedelta(hours=hours), abs=timedelta(seconds=6))


def test_few_calls_at_once():
    account = full_account()
    for at in range(40):
        account.endpoint(f"e{at}")
    read(account)
    assert account.most_running <= 8


def test_nothing_is_missing_when_a_role_goes_meanwhile():
    account = full_account()

    def gone(**_):
        raise Refused("NoSuchEntity", "gone", 404)

    account.handlers["list_role_tags"] = gone
    inventory = read(account)
    assert inventory.of("role") == () and not inventory.unread


@pytest.mark.parametrize(
    "versions, asked, rate", [((), 0, 0.0), (("1", "2"), 1, pytest.approx(2 * 0.5 * 3600 * 4.1667e-06))]
)
def test_only_a_function_with_versions_is_asked_what_is_kept_warm(versions, asked, rate):
    account = full_account()
    (latest,) = account.lists["list_functions"]
    latest["Version"] = "$LATEST"
    latest["FunctionArn"] += ":$LATEST"
    for version in versions:
        arn = latest["FunctionArn"].replace("$LATEST", version)
        account.lists["list_functions"].append({**latest, "Version": version, "FunctionArn": arn})
    warm = {"RequestedProvisionedConcurrentExecutions": 2, "Status": "READY"}
    account.handlers["list_provisioned_concurrency_configs"] = lambda **_: {"ProvisionedConcurrencyConfigs": [warm]}
    (row,) = read(account).of("function")
    assert (row.id, row.dollars_per_hour) == ("arn:aws:lambda:us-east-1:1:function:f", rate)
    assert len(account.made("list_provisioned_concurrency_configs")) == asked


def test_many_rows_are_sorted_beside_the_window(monkeypatch):
    account = Account()
    account.lists["describe_volumes"] += [
        {"VolumeId": f"vol-{at}", "State": "available", "Size": 1, "VolumeType": "gp3", "CreateTime": BEFORE}
        for at in range(200)
    ]

    async def in_a_thread(doing, work, *arguments, **named):
        return await asyncio.to_thread(work, *arguments)

    monkeypatch.setattr(account, "run", in_a_thread)
    stock, where = stock_of(account), set()
    for owner, name in ((kinds_compute, "volume_row"), (Stock, "_compared")):
        done = getattr(owner, name)

        def noted(*arguments, done=done, name=name):
            where.add((name, threading.current_thread() is threading.main_thread()))
            return done(*arguments)

        monkeypatch.setattr(owner, name, noted)
    asyncio.run(steps(stock, ("volume",)))
    assert len(stock.inventory.resources) == 200
    assert where == {("volume_row", False), ("_compared", False)}


@pytest.mark.parametrize("may_read_all", [True, False])
def test_many_roles_are_read_at_once_where_that_is_allowed(may_read_all):
    account = Account()
    names = [f"SageDeckTraining-{at}" for at in range(FEW_ROLES + 1)]
    roles = [{"RoleName": name, "Arn": f"arn:role/{name}", "CreateDate": BEFORE} for name in names]
    account.lists["list_roles"] += roles
    account.tags[names[0]] = TAGS

    def details(**_):
        if not may_read_all:
            raise Refused("AccessDenied", "You may not.")
        return {"RoleDetailList": [{**role, "Tags": account.tags.get(role["RoleName"], [])} for role in roles]}

    account.handlers["get_account_authorization_details"] = details
    inventory = read(account)
    assert [row.name for row in inventory.of("role")] == [names[0]] and not inventory.unread
    assert len(account.made("list_role_tags")) == (0 if may_read_all else len(names))
