"""Scaling by the workers in a real sandbox whose time runs fast: an endpoint grows under load, a function is held."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.helpers.functions import ECHO, LOGGING, TRUST, zipped
from tests.helpers.sagemaker_jobs import ANSWERING, Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for
from workers.errors.tree import InvalidInput, NotFound, SageDeckError
from workers.scaling.plan import PlanInput
from workers.scaling.probe import MOST_REQUESTS, ProbeResult
from workers.scaling.snapshots import Snapshot
from workers.scaling.types import (
    Capacity,
    FunctionRow,
    Schedule,
    Suspended,
    Target,
    Variant,
    VariantScaling,
    VariantSettings,
    kept_warm,
)
from workers.services import Services

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    state = tmp_path_factory.mktemp("scaling") / "state"
    with SandboxProcess(state, environ={"SAGEDECK_TIME_FACTOR": "100"}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    account.endpoint("dogs", ANSWERING)
    assert account.settled("dogs") == "InService"
    return account


def test_an_endpoint_grows_under_load_and_tells_why(account: Account, services: Services, run: Any) -> None:
    variants = services.scaling.variants
    (variant,) = run(variants.all())
    assert (variant.id, variant.current, variant.status) == ("dogs / AllTraffic", 1, "InService")
    with pytest.raises(InvalidInput):
        run(variants.apply(variant, VariantSettings(3, 1, 2)))
    assert run(variants.target(variant)) is None
    run(variants.apply(variant, VariantSettings(1, 2, 5, 60, 300)))
    found: VariantScaling = run(variants.describe(variant))
    assert found.target is not None and (found.target.minimum, found.target.maximum) == (1, 2)
    assert found.policy is not None and (found.policy.value, found.policy.out_wait) == (5, 60)
    assert {(alarm.side, alarm.threshold, alarm.minutes) for alarm in found.alarms} == {
        ("high", 5, 3),
        ("low", 4.5, 15),
    }

    ended = threading.Event()

    def load() -> None:
        while not ended.wait(0.02):
            account.invoke("dogs")

    thread = threading.Thread(target=load)
    thread.start()
    try:
        wait_for(lambda: _scaled_out(run(variants.activities(variant))))
    finally:
        ended.set()
        thread.join()
    assert account.settled("dogs") == "InService"
    (grown,) = run(variants.all())
    assert grown.current == 2
    figures = run(services.scaling.figures.of(grown, timedelta(hours=6)))
    assert figures.per_instance and figures.p50 and figures.instances[-1][1] == 2

    run(variants.suspend(grown, Suspended(scale_in=True)))
    assert run(variants.target(grown)).suspended == Suspended(scale_in=True)
    run(variants.remove(grown))
    run(variants.remove(grown))
    assert run(variants.describe(grown)).target is None
    with pytest.raises(NotFound):
        run(variants.suspend(grown, Suspended()))


def _scaled_out(activities: Any) -> bool:
    return any("to 2" in activity.description and activity.status == "Successful" for activity in activities)


def test_removed_scaling_is_put_back_as_it_was(account: Account, services: Services, run: Any) -> None:
    scaling = services.scaling
    (variant,) = run(scaling.variants.all())
    run(scaling.variants.apply(variant, VariantSettings(1, 3, 5.5, 61, 302), "ours"))
    run(scaling.variants.suspend(variant, Suspended(scale_out=True, scheduled=True)))
    action = Schedule("mornings", "cron(0 7 * * ? *)", "Europe/Berlin", 2, None)
    run(scaling.schedules.put(variant.scalable, action))
    before, thing = run(scaling.snapshots.read(variant.scalable)), run(scaling.identity(variant.scalable))
    run(scaling.variants.remove(variant))
    assert run(scaling.snapshots.read(variant.scalable)) == Snapshot()
    assert run(scaling.snapshots.write(variant.scalable, before)) == ()
    assert run(scaling.snapshots.read(variant.scalable)) == before
    assert run(scaling.identity(variant.scalable)) == thing and "dogs, made " in thing
    run(scaling.variants.remove(variant))
    # While there were limits, an instance may have been found idle.
    assert account.settled("dogs") == "InService"


def test_a_probe_measures_from_a_child_and_keeps_its_bounds(services: Services, run: Any) -> None:
    (variant,) = run(services.scaling.variants.all())
    so_far: list[ProbeResult] = []
    found = run(services.scaling.prober.probe(variant, "", so_far.append))
    assert found.levels[0].at_once == 1 and found.levels[0].mean > 0 and not found.levels[0].failed
    assert found.best is not None and found.requests <= MOST_REQUESTS
    assert [len(part.levels) for part in so_far] == list(range(1, len(found.levels) + 1))


def test_a_probe_of_what_is_not_there_or_not_in_service_says_so(services: Services, run: Any) -> None:
    gone = Variant("nothing", "AllTraffic", "InService", "ml.m5.large", 1, 1)
    with pytest.raises(SageDeckError, match="not found"):
        run(services.scaling.prober.probe(gone))
    with pytest.raises(InvalidInput, match="only one in service answers") as refused:
        run(services.scaling.prober.probe(replace(gone, status="Creating")))
    assert refused.value.hint


GONE = Variant("nothing", "AllTraffic", "InService", "ml.m5.large", 1, 1)
DOGS = Variant("dogs", "AllTraffic", "InService", "ml.m5.large", 1, 1)
BURST = Variant("burst", "AllTraffic", "InService", "ml.t2.medium", 1, 1)
PAST = Schedule("past", "at(2020-01-01T08:00:00)", "UTC", 1, 2)
# What is asked for, AWS's own words, a word of the hint.
BAD_INPUT: dict[str, tuple[Callable[[Services], Awaitable[Any]], str, str]] = {
    "minimum above maximum": (
        lambda services: services.scaling.variants.apply(DOGS, VariantSettings(3, 1, 2)),
        "Maximum capacity cannot be less than minimum capacity",
        "not be above the maximum",
    ),
    "target 0": (
        lambda services: services.scaling.variants.apply(DOGS, VariantSettings(1, 2, 0)),
        "TargetValue must be greater than 0",
        "above 0",
    ),
    "burstable type": (
        lambda services: services.scaling.variants.apply(BURST, VariantSettings(1, 2, 5)),
        "You cannot register a variant with ml.t2.medium instance type as a scalable target",
        "another instance type",
    ),
    "no such endpoint": (
        lambda services: services.scaling.variants.apply(GONE, VariantSettings(1, 2, 5)),
        "Could not find endpoint",
        "deleted",
    ),
    "schedule of no such endpoint": (
        lambda services: services.scaling.schedules.put(GONE.scalable, PAST),
        "No scalable target registered for service namespace: sagemaker",
        "set the limits first",
    ),
    "suspending no such endpoint": (
        lambda services: services.scaling.variants.suspend(GONE, Suspended(True)), "It is not scaled", ""
    ),
    "instances of no such endpoint": (
        lambda services: services.scaling.variants.set_capacities("nothing", [Capacity("AllTraffic", 2)]),
        "Could not find endpoint",
        "deleted",
    ),
    "more instances than the quota": (
        lambda services: services.scaling.variants.set_capacities("dogs", [Capacity("AllTraffic", 900)]),
        "limit",
        "quota",
    ),
    "schedule in the past": (
        lambda services: services.scaling.schedules.put(DOGS.scalable, PAST, Target(1, 2)),
        "Scheduled action must be in the future",
        "later",
    ),
    "schedule with minimum above maximum": (
        lambda services: services.scaling.schedules.put(
            DOGS.scalable, replace(PAST, expression="rate(1 day)", minimum=4), Target(1, 2)
        ),
        "Maximum capacity cannot be less than minimum capacity",
        "not be above the maximum",
    ),
    "schedule that is none": (
        lambda services: services.scaling.schedules.put(DOGS.scalable, replace(PAST, expression="soon"), Target(1, 2)),
        "The schedule soon is not valid",
        "cron",
    ),
    "time zone that is none": (
        lambda services: services.scaling.schedules.put(
            DOGS.scalable, replace(PAST, expression="rate(1 day)", timezone="Mars/Base"), Target(1, 2)
        ),
        "The time zone Mars/Base",
        "Europe/Berlin",
    ),
    "reserved above the pool": (
        lambda services: services.scaling.concurrency.reserve("f", 1000),
        "decreases account's UnreservedConcurrentExecution below its minimum value of [100]",
        "new accounts have few",
    ),
    "kept warm on $LATEST": (
        lambda services: services.scaling.concurrency.provide("f", 1, "$LATEST"),
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions",
        "Publish a version",
    ),
    "schedule of $LATEST": (
        lambda services: services.scaling.schedules.put(kept_warm("f", "$LATEST"), PAST, Target(0, 1)),
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions",
        "Publish a version",
    ),
    "kept warm of no such version": (
        lambda services: services.scaling.concurrency.provide("f", 1, "7"), "7", ""
    ),
    "a plan without a measured latency": (
        lambda services: asyncio.to_thread(services.scaling.plan, PlanInput(None, 1, 2, 3), DOGS),
        "No latency is measured yet",
        "",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def with_function_and_burstable(account: Account) -> None:
    role = account.iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    account.iam.attach_role_policy(RoleName="f", PolicyArn=LOGGING)
    account.sandbox.client("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Role=role, Handler="code.handler", Code={"ZipFile": zipped(ECHO)}
    )
    account.sagemaker.create_endpoint_config(
        EndpointConfigName="burst",
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": "dogs",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
            }
        ],
    )
    account.sagemaker.create_endpoint(EndpointName="burst", EndpointConfigName="burst")


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_refused_in_aws_words_with_a_hint_and_leaves_nothing(
    services: Services, run: Any, with_function_and_burstable: None, case: str
) -> None:
    ask, words, hint = BAD_INPUT[case]
    with pytest.raises((SageDeckError, ValueError)) as refused:
        run(awaited(ask(services)))
    error = refused.value
    assert words in (error.message if isinstance(error, SageDeckError) else str(error))
    if isinstance(error, SageDeckError):
        assert hint in error.hint and error.left == ()
    assert run(services.scaling.variants.target(DOGS)) is None
    assert run(services.scaling.schedules.target(kept_warm("f", "$LATEST"))) is None


async def awaited(something: Awaitable[Any]) -> Any:
    return await something


def test_a_schedule_of_a_variant_and_of_what_is_kept_warm_is_made_changed_and_deleted(
    services: Services, run: Any, with_function_and_burstable: None
) -> None:
    schedules, variants = services.scaling.schedules, services.scaling.variants
    run(variants.apply(DOGS, VariantSettings(1, 2, 500)))
    weekly = Schedule("weekly", "cron(0 8 ? * MON *)", "Europe/Berlin", 1, None)
    run(schedules.put(DOGS.scalable, weekly))
    run(schedules.put(DOGS.scalable, replace(weekly, maximum=2)))
    (found,) = run(variants.describe(DOGS)).schedules
    assert (found.expression, found.timezone, found.minimum, found.maximum) == (
        "cron(0 8 ? * MON *)", "Europe/Berlin", 1, 2
    )  # fmt: skip
    assert found.created is not None and found.resource == DOGS.resource
    run(schedules.delete(DOGS.scalable, "weekly"))
    run(schedules.delete(DOGS.scalable, "weekly"))
    assert run(variants.describe(DOGS)).schedules == ()

    # Whoever changes a rate again and again does not keep it from running.
    often = replace(weekly, name="often", expression="rate(1 minute)", maximum=2)

    def ran_while_it_is_changed() -> bool:
        run(schedules.put(DOGS.scalable, often))
        return any("often" in activity.cause for activity in run(variants.activities(DOGS)))

    wait_for(ran_while_it_is_changed)
    run(variants.remove(DOGS))

    run(services.scaling.concurrency.provide("f", 1))
    warm = kept_warm("f", "live")
    run(schedules.put(warm, replace(weekly, minimum=1, maximum=1), Target(1, 1)))
    assert [action.name for action in run(services.scaling.concurrency.describe(FunctionRow("f", 128))).schedules] == [
        "weekly"
    ]
    run(schedules.delete(warm, "weekly", tidy=True))
    assert run(schedules.target(warm)) is None
    run(services.scaling.concurrency.unprovide("f", "live"))


def test_a_function_is_reserved_kept_warm_and_let_go(account: Account, services: Services, run: Any) -> None:
    role = account.iam.create_role(RoleName="g", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    account.iam.attach_role_policy(RoleName="g", PolicyArn=LOGGING)
    account.sandbox.client("lambda").create_function(
        FunctionName="g", Runtime="python3.12", Role=role, Handler="code.handler", Code={"ZipFile": zipped(ECHO)}
    )
    concurrency, row = services.scaling.concurrency, FunctionRow("g", 128)
    before = run(concurrency.describe(row))
    assert (before.reserved, before.provisioned, before.qualifiers) == (None, (), ())
    with pytest.raises(InvalidInput) as refused:
        run(concurrency.reserve("g", before.pool.limit))
    assert "UnreservedConcurrentExecution below its minimum" in refused.value.message and refused.value.hint
    with pytest.raises(InvalidInput) as latest:
        run(concurrency.provide("g", 1, "$LATEST"))
    assert "unpublished function versions" in latest.value.message and latest.value.hint
    run(concurrency.reserve("g", 5))
    assert run(concurrency.provide("g", 1)) == "live"
    found = run(concurrency.describe(row))
    assert found.reserved == 5 and found.pool.reserved == 5
    assert [(warm.qualifier, warm.requested) for warm in found.provisioned] == [("live", 1)]
    assert [qualifier.name for qualifier in found.qualifiers] == ["live", "1"]
    wait_for(lambda: run(concurrency.provisioned("g"))[0].status == "READY")
    run(concurrency.unprovide("g", "live"))
    run(concurrency.unreserve("g"))
    after = run(concurrency.describe(row))
    assert (after.reserved, after.provisioned) == (None, ())
