"""Asking a model for the class of a picture: behind an endpoint, behind a function, or on this computer."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, ModelFailed, SageDeckError
from workers.functions.service import Functions
from workers.functions.types import TestResult
from workers.inference.answers import MAX_BODY_BYTES, MAX_EVENT_PICTURE_BYTES, check_size, guess_type, read_answer
from workers.inference.local import LocalModels
from workers.inference.targets import Target
from workers.training.jobs import Training
from workers.types import Prediction

# More would wait in the container's queue.
CONCURRENT_CALLS = 4


class Inference:
    """Predictions, a few at a time. All errors are ``SageDeckError``."""

    def __init__(
        self,
        session: AwsSession,
        functions: Functions | None = None,
        training: Training | None = None,
        *,
        at_once: int = CONCURRENT_CALLS,
    ) -> None:
        self._session = session
        self._functions = functions
        self.models = LocalModels(session, training) if training is not None else None
        self._calls = asyncio.Semaphore(at_once)

    async def predict(self, target: str, data: bytes, content_type: str | None = None) -> Prediction:
        """Send a picture and read the answer. ``target`` is a ``Target.key``: an endpoint's name, for example.

        Without ``content_type`` the file's first bytes decide. Raises ``InvalidInput`` for a body that is empty or too
        large, ``ModelFailed`` with the container's own words, and ``NotFound`` for an unknown endpoint. ``latency_ms``
        is measured from the request to the whole answer, without the time it waited for its turn; InvokeEndpoint does
        not say how much of it was the model's, a function says how long it ran.
        """
        asked = Target.parse(target)
        async with self._calls:
            if asked.kind == "function":
                return await self._ask_function(asked, data)
            if asked.kind == "model":
                return await self._ask_model(asked, data)
            return await self._ask_endpoint(asked, data, content_type)

    def close(self) -> None:
        """End the processes of models on this computer. Returns at once."""
        if self.models is not None:
            self.models.close()

    async def _ask_endpoint(self, asked: Target, data: bytes, content_type: str | None) -> Prediction:
        check_size(data, MAX_BODY_BYTES, "an endpoint")
        doing = f"get a prediction from {asked.words}"
        body, seconds, variant = await self._session.run(
            doing, self._invoke, asked, data, content_type or guess_type(data), service="sagemaker-runtime"
        )
        return of_endpoint(body, seconds, variant)

    def _invoke(self, asked: Target, data: bytes, content_type: str) -> tuple[str, float, str]:
        client = self._session.client("sagemaker-runtime")
        chosen = {"TargetVariant": asked.variant} if asked.kind == "variant" else {}
        began = time.perf_counter()
        answer = client.invoke_endpoint(
            EndpointName=asked.name, Body=data, ContentType=content_type, Accept="application/json", **chosen
        )
        body = answer["Body"].read()
        seconds = time.perf_counter() - began
        return body.decode("utf-8", "replace"), seconds, str(answer.get("InvokedProductionVariant", ""))

    async def _ask_function(self, asked: Target, data: bytes) -> Prediction:
        if self._functions is None:
            raise _nobody(asked)
        return of_function(asked.name, await self._functions.test(asked.name, event_of(data)))

    async def _ask_model(self, asked: Target, data: bytes) -> Prediction:
        if self.models is None:
            raise _nobody(asked)
        check_size(data, MAX_BODY_BYTES, "a model")
        # The first picture waits for the model to be loaded: that is nobody's latency.
        await self.models.prepare(asked.name)
        began = time.perf_counter()
        body, model_ms = await self.models.ask(asked.name, data)
        took = (time.perf_counter() - began) * 1000
        labels, probabilities = read_answer(body)
        return Prediction(labels, probabilities, latency_ms=took, raw=body, model_ms=model_ms)


def of_endpoint(body: str, seconds: float, variant: str) -> Prediction:
    """What an endpoint's answer says. Raises ``ModelFailed`` when it is no class."""
    labels, probabilities = read_answer(body)
    return Prediction(labels, probabilities, latency_ms=seconds * 1000, raw=body, variant=variant)


def event_of(data: bytes) -> str:
    """The event of a picture, as SageDeck's function reads it. Raises ``InvalidInput`` for one too large."""
    check_size(data, MAX_EVENT_PICTURE_BYTES, "a function")
    return json.dumps({"image": base64.b64encode(data).decode()})


def of_function(name: str, answer: TestResult) -> Prediction:
    """What a function's answer says. Raises ``SageDeckError`` with its reason when it is no class."""
    body = _function_body(name, answer)
    labels, probabilities = read_answer(body)
    ran = answer.report.get("Duration")
    return Prediction(
        labels, probabilities, latency_ms=answer.seconds * 1000, raw=body,
        function_ms=float(ran) if ran is not None else None, cold=answer.cold,
    )  # fmt: skip


def _nobody(asked: Target) -> SageDeckError:
    return InvalidInput("This cannot be asked", f"Nobody here can ask the {asked.full_words}.")


def _function_body(name: str, answer: TestResult) -> str:
    """The endpoint's answer inside of a function's. Raises ``SageDeckError`` with the function's reason."""
    doing = f"Could not get a prediction from {name}"
    said = _object(answer.payload)
    if answer.function_error:
        words = str(said.get("errorMessage") or answer.payload)[:600]
        raise ModelFailed(
            doing, f"The function failed: {words}", code=answer.function_error, details=answer.log[-2000:]
        )
    body = said.get("body")
    if not isinstance(body, str):
        raise ModelFailed(
            "The function's answer is not a class",
            "It answered, but not as SageDeck's function does.",
            "Is this the function in front of a picture classifier?",
            code="UnexpectedAnswer",
            details=answer.payload[:2000],
        )
    if answer.status is None or answer.status < 400:
        return body
    inner = _object(body)
    cause = inner.get("cause")
    words = str(inner.get("error") or body)[:600]
    if isinstance(cause, Mapping):
        words = f"{words} {cause.get('code', '')}: {cause.get('message', '')}".strip()[:600]
    kind = InvalidInput if answer.status < 500 else ModelFailed
    raise kind(doing, f"The function answered {answer.status}: {words}", code=f"Function{answer.status}", details=body)


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
