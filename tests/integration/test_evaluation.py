"""A labelled folder evaluated on a real endpoint, one of its variants and a function in front of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.evaluation import CLASSES, labelled_folder
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess
from workers.errors.tree import Conflict, NotFound
from workers.evaluation.comparing import compare
from workers.evaluation.service import EvaluationControl, Evaluations, summary_of
from workers.evaluation.store import Store
from workers.evaluation.types import Progress
from workers.functions.types import FunctionSpec
from workers.services import Services

pytestmark = pytest.mark.integration

# Answers with the class that the picture's comment names; the other one always says the first.
MODEL = """
import json
CLASSES = %r
def model_fn(model_dir): return None
def input_fn(body, content_type): return bytes(body)
def predict_fn(data, model):
    top = next((name for name in CLASSES if %r and name[4:].encode() in data), CLASSES[0])
    return {"labels": [top, *(n for n in CLASSES if n != top)], "probabilities": [0.8, 0.1, 0.1], "classes": CLASSES}
def output_fn(prediction, accept): return json.dumps(prediction)
"""
GOOD, BAD = MODEL % (list(CLASSES), True), MODEL % (list(CLASSES), False)


@pytest.fixture(scope="module")
def account(sandbox: SandboxProcess) -> Account:
    made = Account(sandbox)
    for name, code in (("good", GOOD), ("bad", BAD)):
        made.model(name, {"code/inference.py": code})
    variants = [
        {"VariantName": name, "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large",
         "InitialVariantWeight": weight}
        for name, weight in (("good", 1.0), ("bad", 0.0))
    ]  # fmt: skip
    made.sagemaker.create_endpoint_config(EndpointConfigName="dogs", ProductionVariants=variants)
    made.sagemaker.create_endpoint(EndpointName="dogs", EndpointConfigName="dogs")
    assert made.settled("dogs") == "InService"
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_folder(tmp_path_factory.mktemp("labelled"), per_class=5)


@pytest.fixture
def evaluations(services: Services, account: Account, tmp_path: Path) -> Evaluations:
    return Evaluations(
        services.session, services.endpoints, services.functions, services.inference,
        Store(tmp_path / "evaluations", summary_of),
    )  # fmt: skip


def test_an_endpoint_its_variant_and_a_function_are_evaluated_and_compared(
    evaluations: Evaluations, services: Services, folder: Path, runner: asyncio.Runner
) -> None:
    async def body() -> Any:
        labelled = await evaluations.look(folder)
        await services.functions.create(FunctionSpec("ask-dogs", "dogs"))
        targets = ("dogs", "dogs/bad", "function:ask-dogs")
        rows = await asyncio.gather(*(evaluations.start(target, labelled) for target in targets))
        return rows, [await evaluations.whole(row.id) for row in rows], await evaluations.kept()

    rows, whole, kept = runner.run(body())
    assert [row.accuracy for row in rows] == [1.0, pytest.approx(1 / 3), 1.0]
    assert {row.id for row in kept} == {row.id for row in rows} and all(row.whole for row in kept)
    assert {answer.variant for answer in whole[0][0].answers} == {"good"}
    assert whole[2][1].latency.function is not None and whole[2][1].latency.network is not None
    found = compare(whole[0][0], whole[1][0])
    assert (found.both_right, found.only_first, found.only_second) == (5, 10, 0)
    assert whole[1][1].confusion[0] == (5, 0, 0) and json.dumps(whole[1][1].unknown) == "[]"


def test_a_stopped_evaluation_is_resumed_with_what_lacks_but_not_by_another_model(
    evaluations: Evaluations, account: Account, folder: Path, runner: asyncio.Runner
) -> None:
    control, seen = EvaluationControl(), list[Progress]()

    async def stopped() -> Any:
        labelled = await evaluations.look(folder)
        control.cancel()
        return await evaluations.start("dogs/good", labelled, on_progress=seen.append, control=control)

    first = runner.run(stopped())
    assert not first.whole
    second = runner.run(evaluations.resume(first.id, on_progress=seen.append))
    assert second.whole and second.accuracy == 1.0 and seen[-1].reused == first.done
    variant = {"VariantName": "good", "ModelName": "bad", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    account.sagemaker.create_endpoint_config(EndpointConfigName="dogs-2", ProductionVariants=[variant])
    account.sagemaker.update_endpoint(EndpointName="dogs", EndpointConfigName="dogs-2")
    assert account.settled("dogs") == "InService"
    with pytest.raises(Conflict, match="another model"):
        runner.run(evaluations.resume(first.id))
    with pytest.raises(NotFound):
        runner.run(evaluations.start("nowhere", runner.run(evaluations.look(folder))))
