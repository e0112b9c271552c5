"""Scaling by the workers in a real sandbox whose time runs fast: an endpoint grows under load, a function is held."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.helpers.backends import backend_of
from tests.helpers.functions import ECHO, LOGGING, TRUST, zipped
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for
from workers.errors.tree import InvalidInput, NotFound, SageDeckError
from workers.scaling.probe import MOST_REQUESTS, ProbeResult
from workers.scaling.types import FunctionRow, Suspended, Variant, VariantScaling, VariantSettings
from workers.services import Services

pytestmark = pytest.mark.integration

INFERENCE = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): return b"{}"
def output_fn(prediction, accept): return "{}"
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    state = tmp_path_factory.mktemp("scaling") / "state"
    with SandboxProcess(state, environ={"SAGEDECK_TIME_FACTOR": "100"}) as sandbox:
        account = Account(sandbox)
        account.endpoint("dogs", {"code/inference.py": INFERENCE})
        assert account.settled("dogs") == "InService"
        yield account


@pytest.fixture(scope="module")
def services(account: Account) -> Iterator[Services]:
    services = Services(backend_of(account.sandbox))
    yield services
    services.close()


@pytest.fixture(scope="module")
def run() -> Iterator[Any]:
    with asyncio.Runner() as runner:
        yield runner.run


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
        wait_for(lambda: _scaled_out(run(variants.activities(variant))), 60)
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


def test_a_variant_of_no_endpoint_is_refused_in_aws_words(services: Services, run: Any) -> None:
    gone = Variant("nothing", "AllTraffic", "InService", "ml.m5.large", 1, 1)
    with pytest.raises(SageDeckError) as refused:
        run(services.scaling.variants.apply(gone, VariantSettings(1, 2, 5)))
    assert refused.value.left == ()


def test_a_function_is_reserved_kept_warm_and_let_go(account: Account, services: Services, run: Any) -> None:
    role = account.iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    account.iam.attach_role_policy(RoleName="f", PolicyArn=LOGGING)
    account.sandbox.client("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Role=role, Handler="code.handler", Code={"ZipFile": zipped(ECHO)}
    )
    concurrency, row = services.scaling.concurrency, FunctionRow("f", 128)
    before = run(concurrency.describe(row))
    assert (before.reserved, before.provisioned, before.qualifiers) == (None, (), ())
    with pytest.raises(InvalidInput) as refused:
        run(concurrency.reserve("f", before.pool.limit))
    assert "UnreservedConcurrentExecution below its minimum" in refused.value.message and refused.value.hint
    with pytest.raises(InvalidInput) as latest:
        run(concurrency.provide("f", 1, "$LATEST"))
    assert "unpublished function versions" in latest.value.message and latest.value.hint
    run(concurrency.reserve("f", 5))
    assert run(concurrency.provide("f", 1)) == "live"
    found = run(concurrency.describe(row))
    assert found.reserved == 5 and found.pool.reserved == 5
    assert [(warm.qualifier, warm.requested) for warm in found.provisioned] == [("live", 1)]
    assert [qualifier.name for qualifier in found.qualifiers] == ["live", "1"]
    wait_for(lambda: run(concurrency.provisioned("f"))[0].status == "READY", 60)
    run(concurrency.unprovide("f", "live"))
    run(concurrency.unreserve("f"))
    after = run(concurrency.describe(row))
    assert (after.reserved, after.provisioned) == (None, ())
