"""Load tests against a real sandbox whose time runs fast: an endpoint scales and comes back, an update loses nothing,
a function is throttled, and what is not there refuses the test in AWS's words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.backends import backend_of
from tests.helpers.functions import zipped
from tests.helpers.sagemaker_jobs import ANSWERING, INFERENCE, TRUST, Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import until, wait_for
from workers.aws.session import AwsSession
from workers.errors.tree import NotFound, SageDeckError
from workers.load.arrivals import Shape
from workers.load.reports import Reports
from workers.load.running import problem_of
from workers.load.service import LoadControl, LoadTests
from workers.load.types import LoadProgress, LoadReport, LoadTarget
from workers.prices.table import PriceTable

pytestmark = pytest.mark.integration

E = LoadTarget("endpoint", "e", "AllTraffic")
SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": E.resource,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    state = tmp_path_factory.mktemp("load") / "state"
    with SandboxProcess(state, environ={"SAGEDECK_TIME_FACTOR": "100"}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    account.endpoint("e", ANSWERING)
    assert account.settled("e") == "InService"
    return account


@dataclass
class Loaded:
    """One load test in the account."""

    tests: LoadTests
    told: list[LoadProgress]
    control: LoadControl

    def start(self, target: LoadTarget, shape: Shape, **options: Any) -> asyncio.Task[LoadReport]:
        return asyncio.create_task(
            self.tests.run(
                target,
                shape,
                on_progress=lambda progress, _: self.told.append(progress),
                control=self.control,
                **options,
            )
        )

    async def under_way(self, answered: int = 5) -> None:
        await until(lambda: self.told and self.told[-1].totals.answered >= answered, every=0.05)


@pytest.fixture
def run(account: Account, tmp_path: Path) -> Callable[[Callable[[Loaded], Coroutine[Any, Any, None]]], None]:
    def within(body: Callable[[Loaded], Coroutine[Any, Any, None]]) -> None:
        session = AwsSession(backend_of(account.sandbox))
        try:
            asyncio.run(body(Loaded(LoadTests(session, PriceTable.load(), Reports(tmp_path)), [], LoadControl())))
        finally:
            session.close()

    return within


Run = Callable[[Callable[[Loaded], Coroutine[Any, Any, None]]], None]


def test_a_load_test_makes_an_endpoint_scale_out_and_back_and_tells_why(account: Account, run: Run) -> None:
    scaling = account.sandbox.client("application-autoscaling")
    scaling.register_scalable_target(**SCALED, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **SCALED,
        PolicyName="keep",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 300.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            "ScaleInCooldown": 60,
            "ScaleOutCooldown": 60,
        },
    )
    variant = lambda: account.sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"][0]  # noqa: E731

    async def body(test: Loaded) -> None:
        checked = await test.tests.check(E, Shape("constant", 20, 60))
        assert checked.requests == 1200 and checked.cost.dollars and checked.cost.more == 2
        running = test.start(E, Shape("poisson", 20, 300))
        # 20 requests/s are 1,200 a minute, four times the target, also in minutes that take 0.6 s.
        await until(lambda: asyncio.to_thread(lambda: variant()["CurrentInstanceCount"] == 3), every=0.2)
        test.control.cancel()
        report = await running
        totals = report.totals
        assert report.ended == "cancelled" and problem_of(report) is None
        # Scaled out under load: nothing was lost but what was under way when it was stopped.
        assert totals.failed == 0 and totals.answered + totals.unanswered == totals.sent
        assert report.instances[0][1] == 1 and report.instances[-1][1] > 1
        [*_, last] = report.happened
        assert last.description == "Setting desired instance count to 3."
        assert "AlarmHigh" in last.cause and "triggered policy keep" in last.cause

    run(body)
    wait_for(lambda: variant()["CurrentInstanceCount"] == 1, every=0.2)
    told = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    assert told[0]["Description"] == "Setting desired instance count to 1." and "AlarmLow" in told[0]["Cause"]
    scaling.deregister_scalable_target(**SCALED)
    wait_for(lambda: account.endpoint_status("e") == "InService")


def test_an_update_under_load_loses_no_request(account: Account, run: Run) -> None:
    account.model("new", {"code/inference.py": INFERENCE.replace('"{}"', '"new"')})
    account.config("new", "new")

    async def body(test: Loaded) -> None:
        running = test.start(E, Shape("poisson", 40, 300))
        await test.under_way()
        for config in ("new", "e"):
            await asyncio.to_thread(
                account.sagemaker.update_endpoint, EndpointName="e", EndpointConfigName=config
            )  # fmt: skip
            assert await asyncio.to_thread(account.settled, "e") == "InService"
            now = test.told[-1].totals.answered
            await test.under_way(now + 20)
        # No more arrivals, but what is under way is answered.
        test.control.cancel()
        report = await running
        totals = report.totals
        print(
            f"two updates under 40 requests/s: {totals.sent} sent, {totals.answered} answered, {totals.failed} failed"
        )
        assert totals.failed == 0 and totals.errors == () and totals.answered + totals.unanswered == totals.sent
        # Some before, and twenty after each update.
        assert totals.answered >= 45

    run(body)


def test_an_endpoint_that_is_deleted_in_the_middle_ends_the_test_with_awss_words(account: Account, run: Run) -> None:
    account.endpoint("short", ANSWERING)
    assert account.settled("short") == "InService"

    async def body(test: Loaded) -> None:
        target = LoadTarget("endpoint", "short", "AllTraffic")
        running = test.start(target, Shape("constant", 20, 300))
        await test.under_way()
        await asyncio.to_thread(account.sagemaker.delete_endpoint, EndpointName="short")
        report = await running
        problem = problem_of(report)
        assert report.ended == "gone" and report.totals.answered >= 5 and isinstance(problem, NotFound)
        assert "Endpoint short of account" in report.reason and "not found" in report.reason
        await test.tests.keep(report)
        [listed] = await test.tests.kept()
        assert await test.tests.whole(listed) == report
        with pytest.raises(NotFound, match="Could not find endpoint"):
            await test.tests.check(target, Shape("constant", 1, 10))

    run(body)


BROKEN = """
import pathlib, time
def model_fn(model_dir):
    # Until the test has seen it Creating.
    while not pathlib.Path({file!r}).exists():
        time.sleep(0.05)
    raise RuntimeError("no weights")
"""


def test_what_does_not_answer_refuses_the_test_in_awss_words(account: Account, run: Run, shared: Path) -> None:
    seen = shared / "seen"
    account.endpoint("broken", {"code/inference.py": BROKEN.format(file=str(seen))})

    async def body(test: Loaded) -> None:
        for status in ("Creating", "Failed"):
            with pytest.raises(SageDeckError) as caught:
                await test.tests.check(LoadTarget("endpoint", "broken", "AllTraffic"), Shape("constant", 1, 10))
            assert f"is not in service: its status is {status}" in caught.value.message
            assert f"It is {status}" in caught.value.hint
            await asyncio.to_thread(seen.touch)
            await asyncio.to_thread(account.settled, "broken")
        with pytest.raises(NotFound, match="has no variant Blue"):
            await test.tests.check(LoadTarget("endpoint", "e", "Blue"), Shape("constant", 1, 10))
        with pytest.raises(NotFound, match="Function not found"):
            await test.tests.check(LoadTarget("function", "nowhere"), Shape("constant", 1, 10))

    run(body)
    account.sagemaker.delete_endpoint(EndpointName="broken")


SLOW = """
import time
def handler(event, context):
    # Longer than the pause between calls, so that they are under way at the same time.
    time.sleep(2)
    return {"statusCode": 200, "body": "{}"}
"""


def test_reserved_concurrency_of_two_throttles_the_third_call_at_once(account: Account, run: Run) -> None:
    trust = json.loads(json.dumps(TRUST).replace("sagemaker.amazonaws.com", "lambda.amazonaws.com"))
    role = account.iam.create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    functions = account.sandbox.client("lambda")
    functions.create_function(
        FunctionName="slow", Runtime="python3.12", Role=role, Handler="code.handler",
        Code={"ZipFile": zipped(SLOW)}, MemorySize=128, Timeout=30,
    )  # fmt: skip
    wait_for(lambda: functions.get_function_configuration(FunctionName="slow")["State"] == "Active")
    functions.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=2)

    async def body(test: Loaded) -> None:
        target = LoadTarget("function", "slow")
        checked = await test.tests.check(target, Shape("constant", 10, 1))
        assert checked.cost.dollars == pytest.approx(10 * (2e-7 + 30 / 8 * 1.66667e-5), rel=0.05)
        report = await test.start(target, Shape("constant", 10, 1))
        totals = report.totals
        assert [error.code for error in totals.errors] == [
            "TooManyRequestsException: ReservedFunctionConcurrentInvocationLimitExceeded"
        ]
        # Ten in a second: two are let through, and those after one of them is done.
        assert totals.answered + totals.failed == 10 and 2 <= totals.answered <= 4

    run(body)
