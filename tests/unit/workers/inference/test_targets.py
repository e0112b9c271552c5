"""Targets as one text and back, what an account offers, and what a function's answer says."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, ModelFailed, SageDeckError
from workers.functions.types import Function, TestResult
from workers.inference.invoke import Inference
from workers.inference.targets import Target, targets_of
from workers.types import Backend, Endpoint, Fleet, TrainingJob

NOW = datetime.now(UTC)
JPEG = b"\xff\xd8\xff\xe0" + b"x" * 20
ANSWER = json.dumps({"labels": ["pug", "husky"], "probabilities": [0.7, 0.3], "classes": ["pug", "husky"]})


@pytest.mark.parametrize(
    ("key", "target", "words"),
    [
        ("dogs", Target("endpoint", "dogs"), "endpoint dogs"),
        ("dogs/blue", Target("variant", "dogs", "blue"), "variant dogs / blue"),
        ("function:dogs-predict", Target("function", "dogs-predict"), "function dogs-predict"),
        ("model:dogs-1", Target("model", "dogs-1"), "model of dogs-1 on this computer"),
    ],
)
def test_a_target_is_one_text_and_back(key: str, target: Target, words: str) -> None:
    assert Target.parse(key) == target and target.key == key and target.full_words == words


def test_what_can_be_asked_of_what_exists() -> None:
    several = Endpoint("two", "InService", NOW, fleets=(
        Fleet("ml.m5.large", 1, 1, "blue", 1.0), Fleet("ml.m5.large", 1, 1, "green", 0.0),
        Fleet("ml.m5.large", 1, 1, "shadow", None)))  # fmt: skip
    single = Endpoint("one", "InService", NOW, fleets=(Fleet("ml.m5.large", 1, 1, "AllTraffic", 1.0),))
    functions = [
        Function("asks", "", "", 128, 3, "", NOW, endpoint_name="one"), Function("other", "", "", 128, 3, "", NOW),
    ]  # fmt: skip
    jobs = [TrainingJob("done", "Completed", NOW), TrainingJob("bad", "Failed", NOW)]
    found = [target.key for target in targets_of([several, single], functions, jobs)]
    assert found == ["two", "two/blue", "two/green", "one", "function:asks", "model:done"]


def asking(result: TestResult | None = None) -> tuple[Inference, list[Any]]:
    sent: list[Any] = []

    async def test(name: str, event: str) -> TestResult | None:
        sent.append((name, json.loads(event)))
        return result

    session = AwsSession(Backend("sandbox", "test", "us-east-1"))
    return Inference(session, SimpleNamespace(test=test)), sent  # type: ignore[arg-type]


def result(status: int | None, body: object, **given: Any) -> TestResult:
    return TestResult(
        status, json.dumps({"statusCode": status, "body": body}), given.pop("error", ""), "", 0.1, **given
    )


def test_a_function_gets_the_event_that_its_code_reads_and_its_own_time_is_told() -> None:
    inference, sent = asking(result(200, ANSWER, report={"Duration": "61.25"}))
    found = asyncio.run(inference.predict("function:dogs-predict", JPEG))
    assert sent == [("dogs-predict", {"image": base64.b64encode(JPEG).decode()})]
    assert (found.top, found.function_ms, found.latency_ms) == ("pug", 61.25, 100.0)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (result(415, json.dumps({"error": "Only JPEG and PNG are taken."})), InvalidInput, "415: Only JPEG"),
        (
            result(502, json.dumps({"error": "It failed.", "cause": {"code": "ModelError", "message": "boom"}})),
            ModelFailed, "ModelError: boom",
        ),
        (result(None, None, error="Unhandled"), ModelFailed, "The function failed"),
        (result(200, {"no": "text"}), ModelFailed, "not as SageDeck's function does"),
        (result(200, "[]"), ModelFailed, "not with labels"),
    ],
)  # fmt: skip
def test_a_function_that_gives_no_class_is_told_in_its_own_words(
    answer: TestResult, kind: type[SageDeckError], words: str
) -> None:
    inference, _ = asking(answer)
    with pytest.raises(kind, match=words):
        asyncio.run(inference.predict("function:f", JPEG))


def test_a_picture_that_is_too_large_for_an_event_is_not_sent() -> None:
    inference, sent = asking()
    with pytest.raises(InvalidInput, match=r"a function takes at most 4\.5 MB"):
        asyncio.run(inference.predict("function:f", b"x" * 4_800_000))
    assert sent == []


def test_a_variant_is_named_in_the_request() -> None:
    asked: list[dict[str, Any]] = []

    class Runtime:
        def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
            asked.append(request)
            return {"Body": SimpleNamespace(read=ANSWER.encode), "InvokedProductionVariant": "blue"}

    session = AwsSession(Backend("sandbox", "test", "us-east-1"))
    session.client = lambda service: Runtime()  # type: ignore[method-assign, assignment, misc]
    found = asyncio.run(Inference(session).predict("dogs/blue", JPEG))
    assert (asked[0]["EndpointName"], asked[0]["TargetVariant"], found.variant) == ("dogs", "blue", "blue")
    asyncio.run(Inference(session).predict("dogs", JPEG))
    assert "TargetVariant" not in asked[1]
